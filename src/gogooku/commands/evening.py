"""`gogooku evening`: from the vendor's bytes to a publication."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from gogooku.commands import sync as syncing
from gogooku.commands.answer import Answer
from gogooku.commands.display import table
from gogooku.core.config import Execution, resolve
from gogooku.core.errors import BusyError, EnvironmentalError, FindingError, UsageError
from gogooku.core.files import canonical_json
from gogooku.core.plain import paragraph
from gogooku.core.progress import Reporter
from gogooku.core.rotated import RotatedFile
from gogooku.core.wall import ShiftedClock, SystemClock, WallClock
from gogooku.evening.evening import Asked, Evening
from gogooku.evening.evening import evening as do_evening
from gogooku.ingest.jquants.summary import Synced
from gogooku.ingest.source import SANDBOX
from gogooku.publish.gates import PublishLimits
from gogooku.watch.after import evening_failed

SYNCED = ("jquants", SANDBOX)
"""Sources that come over the network; any other is in the home as it is."""
VARIABLES = syncing.VARIABLES


def clock_of(source: str, at: datetime | None) -> WallClock:
    """The clock of an evening: the machine's, or one that shows what ``--at`` says.

    Raises
    ------
    UsageError
        ``--at`` with a vendor whose clock nobody moves.
    """
    if at is None:
        return SystemClock()
    if source == "jquants":
        raise UsageError("--at plays a past or future evening; the clock of jquants does not move")
    return ShiftedClock.set_to(at)


def limits_of(config: Path | None, assignments: Sequence[str]) -> PublishLimits:
    """From where on a session is refused: as usual, but for what is set."""
    return resolve(
        PublishLimits(), base_name="evening", file=config, assignments=assignments
    ).config


def evening(
    home: Path,
    asked: Asked,
    *,
    environment: Mapping[str, str],
    execution: Execution,
    clock: WallClock,
    log: RotatedFile | None = None,
    reporter: Reporter,
) -> Answer:
    """Do an evening, say what came of it, and add it to a log.

    Parameters
    ----------
    environment : mapping of str to str
        Those of `VARIABLES` that are set.
    log : RotatedFile or None
        Gets a line of JSON also where the evening failed.

    Raises
    ------
    GogookuError
        As `gogooku.evening.evening.evening`.
    """
    about = {"at": clock.now().isoformat(timespec="seconds"), "source": asked.source}
    try:
        made = _evening(
            home, asked, environment=environment, execution=execution, clock=clock,
            reporter=reporter,
        )  # fmt: skip
    except BaseException as fault:
        _keep(log, {**about, "failed": paragraph(str(fault)) or type(fault).__name__})
        raise
    _keep(log, {**about, **made.facts})
    return made


def _keep(log: RotatedFile | None, line: Mapping[str, Any]) -> None:
    """Add a line to the log."""
    if log is not None:
        log.write(f"{canonical_json(line)}\n".encode())


def _evening(
    home: Path,
    asked: Asked,
    *,
    environment: Mapping[str, str],
    execution: Execution,
    clock: WallClock,
    reporter: Reporter,
) -> Answer:
    fetch: Callable[[], Synced] | None = None
    if asked.source in SYNCED:
        fetch = syncing.fetcher(
            home, asked.source, environment=environment, clock=clock, reporter=reporter
        )
    try:
        done = do_evening(
            home, asked, fetch=fetch, execution=execution, clock=clock, reporter=reporter
        )
    except EnvironmentalError as fault:
        if not asked.dry_run and asked.day is None and not isinstance(fault, BusyError):
            evening_failed(home, asked.source, str(fault), at=clock.now())
        raise
    rows = [(step.name, f"{step.seconds:.1f}", step.said) for step in done.log.steps]
    failure = FindingError("; ".join(done.refused)) if done.refused else None
    return Answer(
        facts=done.to_json(),
        parts=[table(f"evening of {done.source}", ["step", "seconds", ""], rows), _line(done)],
        failure=failure,
    )


def _line(done: Evening) -> str:
    """The evening in one line, for a chat."""
    parts = []
    if done.published:
        last = done.published[-1]
        days = ", ".join(str(one.session) for one in done.published)
        caught = f", {len(done.published):,} evenings caught up" if len(done.published) > 1 else ""
        parts = [f"published {days} ({last.facts['names']:,} names, {done.bundle}{caught})"]
    if done.ready:
        days = ", ".join(str(day) for day in done.ready)
        parts = [f"dry run, nothing published; ready: {days} ({done.bundle})"]
    if done.refused:
        parts.append(f"NOT published: {done.refused[0]}")
        if len(done.refused) > 1:
            parts.append(f"and {len(done.refused) - 1} more findings")
    return f"{done.source}: {'; '.join(parts) or f'nothing new; {_newest(done)}'}"


def _newest(done: Evening) -> str:
    """What there is where nothing was due."""
    day = done.asked or done.expected
    return f"{day} is published ({done.bundle})"
