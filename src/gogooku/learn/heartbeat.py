"""Signs of life of a fit, and a word when it gives none.

While a fit runs, the file ``heartbeat.json`` in its work folder says every few seconds what is
being done. A fit that was killed leaves it: the last thing that was done. When nothing has moved
for too long, the stage is named on standard error and in the events.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from gogooku.core.errors import StorageError
from gogooku.core.files import write_json
from gogooku.core.types import FitExecution

HEARTBEAT_FILE: Final = "heartbeat.json"
BEAT_SECONDS: Final = 10.0
"""Between two looks at a fit; fewer where it is to be warned of sooner."""
_LOOKS: Final = 4
"""Fewest looks within the seconds after which it is warned."""


@dataclass(frozen=True)
class _Moment:
    """What is being done since when."""

    stage: str
    since: float
    epoch: int = 0
    step: int = 0
    rows: int = 0


@dataclass
class Heartbeat:
    """What a fit is doing, and a thread that looks at it.

    Attributes
    ----------
    execution : FitExecution
        Says where the file is written, who hears a warning, and after how many seconds.
    """

    execution: FitExecution
    _now: _Moment = field(init=False)
    _begun: float = field(init=False)
    _warned: tuple[float, float] = field(default=(0.0, 0.0), init=False)

    def __post_init__(self) -> None:
        """Begin now."""
        self._begun = time.monotonic()
        self._now = _Moment("begin", self._begun)

    @property
    def stage(self) -> str:
        """What is being done, in words."""
        return self._now.stage

    def at(self, stage: str, *, epoch: int = 0, step: int = 0, rows: int = 0) -> None:
        """Something else begins.

        Parameters
        ----------
        stage : str
            In words: ``step``, ``validate``.
        epoch, step : int
            From 1 and from 0, where there is one.
        rows : int
            Names times sessions that were trained on since the last call.
        """
        done = self._now.rows + rows
        self._now = _Moment(stage, time.monotonic(), epoch, step, done)

    def look(self) -> None:
        """Write the file, and warn if nothing has moved for too long."""
        now, moment = time.monotonic(), self._now
        still = now - moment.since
        if self.execution.work is not None and self.execution.work.is_dir():
            write_json(
                self.execution.work / HEARTBEAT_FILE,
                {
                    "time": datetime.now(UTC).isoformat(timespec="seconds"),
                    "stage": moment.stage,
                    "stage_seconds": round(still, 1),
                    "epoch": moment.epoch,
                    "step": moment.step,
                    "rows_per_second": round(moment.rows / max(now - self._begun, 1e-9), 1),
                },
            )
        self._warn(moment, still)

    def _warn(self, moment: _Moment, still: float) -> None:
        """Say that nothing moves: after the seconds of the setting, then twice as many, and so on.

        The last warning is kept as the time since which nothing had moved, and the seconds.
        """
        since, after = self._warned
        wanted = 2.0 * after if since == moment.since else self.execution.stall_seconds
        if not wanted or still < wanted:
            return
        self._warned = (moment.since, wanted)
        where = f" (epoch {moment.epoch}, step {moment.step})" if moment.epoch else ""
        self.execution.reporter.say(
            f"train: nothing has moved for {still:,.0f} seconds; it is at: {moment.stage}{where}"
        )
        self.execution.events(
            {
                "event": "stalled",
                "stage": moment.stage,
                "stalled_seconds": round(still, 1),
                "epoch": moment.epoch,
                "step": moment.step,
            }
        )

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Look every few seconds while something is done; the file is gone when it is over."""
        over = threading.Event()
        patience = self.execution.stall_seconds
        every = min(BEAT_SECONDS, patience / _LOOKS) if patience else BEAT_SECONDS

        def run() -> None:
            while not over.wait(every):
                with suppress(StorageError):  # the fit itself says that the disk is full
                    self.look()

        watcher = threading.Thread(target=run, name="heartbeat", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
            if self.execution.work is not None:
                (self.execution.work / HEARTBEAT_FILE).unlink(missing_ok=True)
