"""The record of evenings: what each did, when, how long, and what came of it.

``HOME/evenings/SOURCE/STARTED-AT.json`` is written when an evening begins, after every step, and at
its end. One that was killed leaves a record without an end, which is shown as interrupted. A call
that found nothing to do leaves none.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from gogooku.core.errors import BusyError, StoppedError
from gogooku.core.files import is_locked, locked, read_json, write_json
from gogooku.core.plain import paragraph
from gogooku.core.wall import WallClock, tokyo_time
from gogooku.evening.log import EveningLog

KEPT_RECORDS: Final = 400
"""The newest records of a source that stay: a year and a half of evenings."""


class Outcome(StrEnum):
    """How an evening ended, or that it has not."""

    PUBLISHED = "published"
    REFUSED = "refused"
    NOTHING_NEW = "nothing new"
    DRY_RUN = "dry run"
    FAILED = "failed"
    STOPPED = "stopped"
    RUNNING = "running"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Record:
    """One evening as it is kept.

    Attributes
    ----------
    name : str
        Of its file: when it started, UTC.
    outcome : Outcome
    facts : mapping
        ``started_at``, ``ended_at`` (None without an end), ``process``, ``said``, and what the
        evening says of itself: its steps with seconds, what it published and what it refused.
    """

    name: str
    outcome: Outcome
    facts: Mapping[str, Any]

    @property
    def started_at(self) -> datetime:
        """When it started, UTC."""
        return datetime.fromisoformat(str(self.facts["started_at"]))

    @property
    def seconds(self) -> float:
        """Sum over its steps."""
        return float(sum(step["seconds"] for step in self.facts["steps"]))

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"name": self.name, **self.facts, "outcome": str(self.outcome)}


def evenings_folder(home: Path, source: str) -> Path:
    """Where the records of a source live."""
    return home / "evenings" / source


def recorded_sources(home: Path) -> list[str]:
    """Sources that have had an evening."""
    return sorted(path.name for path in (home / "evenings").glob("[!.]*") if path.is_dir())


def records(home: Path, source: str) -> list[Record]:
    """Records of a source, the oldest first.

    Raises
    ------
    DataError
        One is damaged.
    """
    folder = evenings_folder(home, source)
    paths = _paths(folder)
    busy = bool(paths) and is_locked(folder)
    found = []
    for path in paths:
        facts = read_json(path)
        outcome = Outcome(facts["outcome"])
        if outcome is Outcome.RUNNING and not (busy and path == paths[-1]):
            outcome = Outcome.INTERRUPTED
        found.append(Record(path.stem, outcome, facts))
    return found


@contextmanager
def recorded(
    home: Path,
    source: str,
    log: EveningLog,
    *,
    ended: Callable[[], Outcome],
    facts: Callable[[], Mapping[str, Any]],
    clock: WallClock,
) -> Iterator[None]:
    """Do an evening alone, and keep a record of it whatever stops it.

    Parameters
    ----------
    log : EveningLog
        Its steps; each change of them is written.
    ended : callable
        Its outcome, asked when nothing stopped it.
    facts : callable
        What it says of itself, ``steps`` among it.

    Raises
    ------
    BusyError
        Another evening of the source is running; the message says since when and at which step.
    StorageError
        The record cannot be written.
    """
    folder = evenings_folder(home, source)
    with _alone(home, source):
        folder.mkdir(parents=True, exist_ok=True)
        begun = clock.now().astimezone(UTC)
        path = _new_path(folder, begun)

        def write(outcome: Outcome, said: str = "") -> None:
            ends = None if outcome is Outcome.RUNNING else clock.now().isoformat(timespec="seconds")
            times = {"started_at": begun.isoformat(timespec="seconds"), "ended_at": ends}
            state = {"outcome": str(outcome), "said": said, "process": os.getpid()}
            write_json(path, {**facts(), **times, **state})

        write(Outcome.RUNNING)
        log.changed = lambda: write(Outcome.RUNNING)
        try:
            yield
        except BaseException as fault:
            stopped = isinstance(fault, StoppedError | KeyboardInterrupt)
            outcome = Outcome.STOPPED if stopped else Outcome.FAILED
            write(outcome, paragraph(str(fault)) or type(fault).__name__)
            raise
        finally:
            log.changed = None
        if ended() is Outcome.NOTHING_NEW and not any(step.did for step in log.steps):
            path.unlink()
        else:
            write(ended())
        for old in _paths(folder)[:-KEPT_RECORDS]:
            old.unlink(missing_ok=True)


@contextmanager
def _alone(home: Path, source: str) -> Iterator[None]:
    """Hold the lock of a source's evenings; the error of a second says who holds it."""
    try:
        lock = locked(evenings_folder(home, source))
        lock.__enter__()
    except BusyError as fault:
        raise BusyError(_running(home, source)) from fault
    try:
        yield
    finally:
        lock.__exit__(None, None, None)


def _running(home: Path, source: str) -> str:
    """Which evening is running, in a sentence."""
    now = [one for one in records(home, source) if one.outcome is Outcome.RUNNING]
    who = ""
    if now:
        steps = now[-1].facts["steps"]
        at = f", at step {steps[-1]['name']!r}" if steps else ""
        since = tokyo_time(now[-1].started_at).strftime("%Y-%m-%d %H:%M")
        who = f" since {since} in Tokyo (process {now[-1].facts['process']}{at})"
    return f"{source}: another evening is running{who}; wait for it to end and run again"


def _paths(folder: Path) -> list[Path]:
    """Records, the oldest first."""
    return sorted(folder.glob("[!.]*.json"), key=lambda path: path.stem)


def _new_path(folder: Path, begun: datetime) -> Path:
    """Where a record goes; a second one of the same second gets a number."""
    name = begun.strftime("%Y%m%dT%H%M%SZ")
    same = len(list(folder.glob(f"{name}*.json")))
    return folder / (f"{name}-{same + 1:02d}.json" if same else f"{name}.json")
