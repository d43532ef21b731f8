"""A task for another process, what came of it, and what an executor promises.

A task is a reference to a function, ``module:function``, and a mapping of plain JSON values that it
is called with; it returns such a mapping. So it can be sent to any process on any machine that has
this package. What a task makes lies on disk under its key: doing it twice is harmless.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from gogooku.core.errors import GogookuError
from gogooku.core.registry import load


@dataclass(frozen=True)
class Task:
    """What is to be done.

    Attributes
    ----------
    key : str
        Its identity: two tasks with one key do the same.
    call : str
        Reference of a function of one mapping.
    spec : mapping
        Plain JSON values.
    what : str
        For messages: what it does, in a few words.
    gpus : int
        GPUs that it takes.
    """

    key: str
    call: str
    spec: Mapping[str, Any]
    what: str = ""
    gpus: int = 0


@dataclass(frozen=True)
class Outcome:
    """What came of a task.

    Attributes
    ----------
    task : Task
    value : mapping or None
        What the function returned; None where it failed.
    fault : str or None
        What was wrong, in words for people; None where it did not fail.
    kind : str
        Name of the error's class; empty where it did not fail. ``WorkerLostError`` where a process
        ended without an answer.
    seconds : float
        Wall time.
    where : str
        The process or node that did it.
    """

    task: Task
    value: Mapping[str, Any] | None = None
    fault: str | None = None
    kind: str = ""
    seconds: float = 0.0
    where: str = ""

    @property
    def failed(self) -> bool:
        """Whether it failed."""
        return self.fault is not None


class Executor(Protocol):
    """What does tasks.

    Within its context (``with``) what `run` needs, such as worker processes or a connection, is
    kept from one call to the next and ended with the context. Without it each call is on its own.
    """

    def __enter__(self) -> Self:
        """Keep what `run` begins until the context ends."""

    def __exit__(self, *fault: object) -> None:
        """End whatever is kept, also what still runs."""

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """Do tasks and give what came of each, as they end; each is answered exactly once.

        A task that fails is an outcome, not an error; closing the iterator stops what still runs.

        Raises
        ------
        GogookuError
            The executor itself cannot go on.
        """


def do(task: Task, *, where: str) -> Outcome:
    """Do a task in this process.

    What this package calls an error is an outcome; anything else is a fault of the program, and is
    raised.
    """
    begun = time.monotonic()
    try:
        value = load(task.call)(task.spec)
    except GogookuError as fault:
        spent = time.monotonic() - begun
        kind = type(fault).__name__
        return Outcome(task, fault=str(fault), kind=kind, seconds=spent, where=where)
    return Outcome(task, value=value, seconds=time.monotonic() - begun, where=where)


class Unkept:
    """An executor that has nothing to keep between two calls of ``run``."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *fault: object) -> None:
        pass


class HereExecutor(Unkept):
    """Does one task after the other in this process."""

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """As `Executor.run`."""
        for task in tasks:
            yield do(task, where="this process")
