"""Tasks that wait to be done, for executors that do several at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from gogooku.core.errors import BusyError
from gogooku.execute.task import Outcome, Task

WORKER_LOST: Final = "WorkerLostError"
"""Kind of an outcome whose process ended without an answer."""
TRIES: Final = 2
"""How often a task is tried whose process ends without an answer."""
_SHORTEST_WAIT: Final = 0.25
_LONGEST_WAIT: Final = 8.0


def say_nothing(text: str) -> None:
    """Where nobody listens."""
    del text


@dataclass(eq=False)
class Asked:
    """A task that has no final outcome yet.

    Attributes
    ----------
    task : Task
    lost : int
        How often the process that did it ended without an answer.
    busy : int
        How often another process was found at it.
    due : float
        When it may be tried, on the monotonic clock.
    """

    task: Task
    lost: int = 0
    busy: int = 0
    due: float = 0.0

    @property
    def what(self) -> str:
        """What it does, in a few words."""
        return self.task.what or self.task.key


class Waiting:
    """Tasks in their order; one that another process is at comes back later.

    Parameters
    ----------
    tasks : sequence of Task
    say : callable
        Takes a line for people.
    """

    def __init__(self, tasks: Sequence[Task], *, say: Callable[[str], None]) -> None:
        self._asked = [Asked(task) for task in tasks]
        self._say = say

    def __len__(self) -> int:
        return len(self._asked)

    def take(self) -> Asked | None:
        """The next one that may be tried now; None where there is none."""
        now = time.monotonic()
        for place, one in enumerate(self._asked):
            if one.due <= now:
                return self._asked.pop(place)
        return None

    def put_first(self, asked: Asked) -> None:
        """Have one done before all others."""
        self._asked.insert(0, asked)

    def comes_back(self, asked: Asked, outcome: Outcome) -> bool:
        """Whether a task waits for another process that is at it, and is asked again later.

        What the other finishes is found then; if it is killed, ours goes on with it.
        """
        if outcome.kind != BusyError.__name__:
            return False
        if not asked.busy:
            self._say(f"{asked.what}: another process is at it; what it finishes is taken")
        asked.due = time.monotonic() + min(_SHORTEST_WAIT * 2**asked.busy, _LONGEST_WAIT)
        asked.busy += 1
        self._asked.append(asked)
        return True
