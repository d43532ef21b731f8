"""Removing what can go: whole artefacts, one after the other, while nobody writes them."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from gogooku.core.errors import BusyError
from gogooku.core.files import locked
from gogooku.core.progress import Reporter
from gogooku.core.removal import remove_alone
from gogooku.evening.record import evenings_folder, recorded_sources
from gogooku.retention.policy import Item, PrunePlan


@dataclass(frozen=True)
class Pruned:
    """What went, and what a command was writing meanwhile."""

    gone: tuple[Item, ...]
    busy: tuple[Item, ...]


def prune(home: Path, plan: PrunePlan, *, reporter: Reporter) -> Pruned:
    """Remove what a plan says; safe to interrupt and to repeat.

    Raises
    ------
    BusyError
        An evening is running; nothing was removed.
    StorageError
        The disk refuses.
    """
    gone, busy = [], []
    with ExitStack() as alone:
        for source in recorded_sources(home):
            try:
                alone.enter_context(locked(evenings_folder(home, source)))
            except BusyError as fault:
                raise BusyError(
                    f"prune: an evening of {source} is running; nothing was removed. Wait for it "
                    "to end and run again."
                ) from fault
        step = alone.enter_context(reporter.step("prune", total=len(plan.items)))
        for item in plan.items:
            step.note(item.path.name)
            try:
                remove_alone(item.path)
            except BusyError:
                busy.append(item)
            else:
                gone.append(item)
            step.advance()
    return Pruned(gone=tuple(gone), busy=tuple(busy))
