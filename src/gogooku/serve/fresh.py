"""The newest predictor of a home: a server follows what is built and trained, as `predict` does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gogooku.core.errors import GogookuError
from gogooku.predict.predictor import Predictor

LOOK_EVERY = 1.0
"""Seconds between two looks at what is there."""


@dataclass(frozen=True)
class Served:
    """What answers now.

    Attributes
    ----------
    predictor : Predictor
    stale : str
        Why something newer is not served; empty where nothing is newer.
    """

    predictor: Predictor
    stale: str = ""


class Fresh:
    """Holds a predictor, and another one once there is something newer that loads.

    A request keeps the predictor that it got. What is newer is loaded beside the old one, which
    answers until the new one is whole, and goes on answering if it does not load.

    Parameters
    ----------
    mark : callable
        What is the newest now, as a value that changes with it; cheap.
    load : callable
        Opens it; a `GogookuError` where it cannot be used.
    follows : sequence of str
        What may change, in words: ``run``, ``dataset``; nothing where both were named.

    Raises
    ------
    GogookuError
        The first one does not load.
    """

    def __init__(
        self,
        mark: Callable[[], object],
        load: Callable[[], Predictor],
        *,
        follows: Sequence[str] = (),
    ) -> None:
        self.follows = tuple(follows)
        self._mark = mark
        self._load = load
        self._loading = threading.Lock()
        self._seen = mark()
        self._served = Served(load())
        self._looked = time.monotonic()

    @classmethod
    def fixed(cls, predictor: Predictor) -> Fresh:
        """One predictor for good."""
        return cls(lambda: None, lambda: predictor)

    def now(self) -> Served:
        """What answers a request that comes now; one thread looks and loads, none waits for it."""
        due = time.monotonic() - self._looked >= LOOK_EVERY
        if due and self._loading.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._looked = time.monotonic()
                self._loading.release()
        return self._served

    def _look(self) -> None:
        try:
            newest = self._mark()
            if newest == self._seen:
                return
            self._served = Served(self._load())
            self._seen = newest
        except GogookuError as fault:
            self._served = Served(self._served.predictor, stale=str(fault))
