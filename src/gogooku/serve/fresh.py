"""What is newest, followed: a server goes on with what it has until something newer is whole."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from gogooku.core.errors import GogookuError
from gogooku.serve.faults import attempted

LOOK_EVERY: Final = 1.0
"""Seconds between two looks at what is there."""
_MOST_WAIT = 32.0
"""Seconds between two tries at most to load what does not load."""

HeldT = TypeVar("HeldT")


class Fresh(Generic[HeldT]):
    """Holds one thing, and another one once there is something newer that loads.

    A request keeps what it got. What is newer is loaded beside the old one, in the thread that
    looks, and takes its place by one assignment; it goes on answering if the new one does not load.

    Parameters
    ----------
    mark : callable
        What is the newest now, as a value that changes with it; cheap.
    load : callable
        Opens it.

    Raises
    ------
    GogookuError
        The first one does not load.
    """

    def __init__(self, mark: Callable[[], object], load: Callable[[], HeldT]) -> None:
        self._mark = mark
        self._load = load
        self._seen = mark()
        self._held = load()
        self._tried: object = self._seen
        self._next_try = 0.0
        self._wait = LOOK_EVERY
        self.stale = ""
        """Why something newer is not served; empty where nothing is newer."""

    @classmethod
    def fixed(cls, held: HeldT) -> Fresh[HeldT]:
        """One thing for good."""
        return cls(lambda: None, lambda: held)

    def now(self) -> HeldT:
        """What answers now."""
        return self._held

    def look(self, now: float) -> bool:
        """See whether something is newer, and load it; whether another thing is held now.

        What does not load is tried again when it changes, and else ever more rarely.

        Parameters
        ----------
        now : float
            Seconds of a clock that never goes back.
        """
        newest = attempted(self._mark)
        if isinstance(newest, GogookuError):
            self.stale = str(newest)
            return False
        if newest == self._seen:
            self.stale = ""
            return False
        if newest == self._tried and now < self._next_try:
            return False
        self._wait = min(2 * self._wait, _MOST_WAIT) if newest == self._tried else LOOK_EVERY
        self._tried, self._next_try = newest, now + self._wait
        held = attempted(self._load)
        if isinstance(held, GogookuError):
            self.stale = str(held)
            return False
        self._held, self._seen, self.stale = held, newest, ""
        return True


class Looking:
    """A thread that looks at several things, once a second each, until it is stopped.

    Parameters
    ----------
    looks : sequence of callable
        Given the time; none raises.
    """

    def __init__(self, looks: Sequence[Callable[[float], object]]) -> None:
        self._looks = looks
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="looking", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self, *, wait: float) -> None:
        """Look no more; wait so many seconds at most for what is being loaded."""
        self._stop.set()
        self._thread.join(wait)

    def _run(self) -> None:
        while not self._stop.wait(LOOK_EVERY):
            for look in self._looks:
                look(time.monotonic())
