"""`gogooku report`: one page about a run."""

from __future__ import annotations

from pathlib import Path

from gogooku import pipeline
from gogooku.commands.answer import Answer
from gogooku.runs.folder import open_run


def report(home: Path, name: str) -> Answer:
    """Write the page and say where it is.

    Raises
    ------
    DataError
        There is no such run, or as `gogooku.pipeline.report`.
    """
    place = pipeline.report(home, open_run(home, name))
    return Answer(facts={"report": str(place)}, parts=[f"report: {place}"])
