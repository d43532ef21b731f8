"""What an evening did, step by step: seconds, outcome and a sentence, for people and programs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from gogooku.core.errors import GogookuError
from gogooku.core.progress import Reporter


@dataclass
class StepLog:
    """One step: its name, what it says of itself, how long it took, and what stopped it."""

    name: str
    said: str = ""
    seconds: float = 0.0
    failed: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**vars(self), "seconds": round(self.seconds, 3)}


@dataclass
class EveningLog:
    """The steps of an evening in order; one that fails is in it too."""

    reporter: Reporter
    steps: list[StepLog] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[StepLog]:
        """Time a step and show it."""
        step = StepLog(name)
        self.steps.append(step)
        begun = time.monotonic()
        try:
            with self.reporter.step(name):
                yield step
        except GogookuError as fault:
            step.failed = str(fault)
            raise
        finally:
            step.seconds = time.monotonic() - begun
