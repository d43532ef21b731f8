"""What an evening did, step by step: seconds, outcome and a sentence, for people and programs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from gogooku.core.progress import Reporter


@dataclass
class StepLog:
    """One step: its name, what it says of itself, how long it took, and what stopped it.

    ``did`` says whether anything was fetched or published; ``done`` whether it has ended.
    """

    name: str
    said: str = ""
    seconds: float = 0.0
    did: bool = False
    done: bool = False
    failed: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**vars(self), "seconds": round(self.seconds, 3)}


@dataclass
class EveningLog:
    """The steps of an evening in order; one that fails is in it too.

    ``changed`` is called when a step begins and when it ends.
    """

    reporter: Reporter
    steps: list[StepLog] = field(default_factory=list)
    changed: Callable[[], None] | None = None

    @contextmanager
    def step(self, name: str) -> Iterator[StepLog]:
        """Time a step and show it."""
        step = StepLog(name)
        self.steps.append(step)
        begun = time.monotonic()
        self._notify()
        try:
            with self.reporter.step(name):
                yield step
            step.done = True
        except BaseException as fault:
            step.failed = str(fault) or type(fault).__name__
            raise
        finally:
            step.seconds = time.monotonic() - begun
            self._notify()

    def _notify(self) -> None:
        if self.changed is not None:
            self.changed()
