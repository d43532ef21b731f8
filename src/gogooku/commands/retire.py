"""`gogooku retire`: use a bundle for nothing any more."""

from __future__ import annotations

from pathlib import Path

from gogooku.commands.answer import Answer
from gogooku.core.errors import UsageError
from gogooku.core.wall import WallClock
from gogooku.releases import registry
from gogooku.releases.bundle import open_bundle
from gogooku.releases.registry import State, read_registry


def retire(home: Path, name: str, *, why: str, clock: WallClock) -> Answer:
    """Retire a bundle that is not in service.

    Raises
    ------
    UsageError
        It is in service.
    DataError
        There is no such bundle.
    """
    bundle = open_bundle(home, name)
    if read_registry(home).state_of(bundle.bundle_id) is State.RELEASED:
        raise UsageError(
            f"{bundle.bundle_id} is in service for {bundle.source}, and a source without a model "
            "publishes nothing; release another one, or go back: gogooku rollback"
        )
    registry.retire(home, bundle.bundle_id, source=bundle.source, why=why, at=clock.now())
    return Answer(
        facts={"source": bundle.source, "bundle": bundle.bundle_id, "state": str(State.RETIRED)},
        parts=[f"{bundle.bundle_id} is retired for {bundle.source}"],
    )
