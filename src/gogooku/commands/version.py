"""`gogooku version`."""

from __future__ import annotations

from gogooku import __version__
from gogooku.commands.answer import Answer


def version() -> Answer:
    """Say which version this is."""
    return Answer(facts={"version": __version__}, parts=[f"gogooku {__version__}"])
