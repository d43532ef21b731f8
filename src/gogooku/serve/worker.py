"""Work that takes time, beside the thread that answers: one thread, and a queue with an end."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Final, Protocol

from gogooku.serve.answers import Answer

MOST_WAITING: Final = 32
"""Answers that wait to be made; one more is refused, since it would come too late."""


class Maker(Protocol):
    """Makes answers somewhere."""

    def submit(self, make: Callable[[], Answer], then: Callable[[Answer], None]) -> bool:
        """Make an answer and hand it on; False if there is too much to do already."""


class Inline:
    """Makes an answer at once."""

    def submit(self, make: Callable[[], Answer], then: Callable[[Answer], None]) -> bool:
        """Make it and hand it on."""
        then(make())
        return True


class Worker:
    """Makes answers in a thread, in order. The thread does not keep the process from ending.

    Parameters
    ----------
    back : callable
        Calls a function in the thread that answers.
    """

    def __init__(self, back: Callable[[Callable[[], None]], object]) -> None:
        self._back = back
        self._queue: queue.Queue[tuple[Callable[[], Answer], Callable[[Answer], None]]]
        self._queue = queue.Queue(MOST_WAITING)
        threading.Thread(target=self._run, name="worker", daemon=True).start()

    def submit(self, make: Callable[[], Answer], then: Callable[[Answer], None]) -> bool:
        """Make an answer and hand it on; False if too many wait. ``make`` raises nothing."""
        try:
            self._queue.put_nowait((make, then))
        except queue.Full:
            return False
        return True

    def _run(self) -> None:
        while True:
            make, then = self._queue.get()
            self._hand_on(then, make())

    def _hand_on(self, then: Callable[[Answer], None], made: Answer) -> None:
        self._back(lambda: then(made))
