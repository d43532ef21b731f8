"""`gogooku rollback`: put the bundle back that was released before."""

from __future__ import annotations

from pathlib import Path

from gogooku.commands.answer import Answer
from gogooku.core.wall import WallClock
from gogooku.releases import registry
from gogooku.releases.registry import State, read_registry


def rollback(home: Path, source: str, *, why: str, clock: WallClock) -> Answer:
    """Put the bundle back that was released before.

    Raises
    ------
    DataError
        There is none.
    """
    went, came = registry.rollback(home, source=source, why=why, at=clock.now())
    state = read_registry(home).state_of(came)
    return Answer(
        facts={"source": source, "bundle": came, "state": str(State(state)), "instead_of": went},
        parts=[f"{came} is {state} for {source} again, instead of {went}"],
    )
