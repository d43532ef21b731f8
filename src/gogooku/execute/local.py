"""Tasks done by worker processes on this machine, as many as its cores and its memory allow.

Memory is measured: what the first task took for itself says how many fit into what is available.
Until it is over another begins only after `_FIRST_SECONDS`, and where `_FIRST_TIMES` what the first
has taken so far is there for each. Files that are mapped count once for all of them. A worker takes
one numeric thread; one that is killed is replaced, and its task tried once more. Within the
executor's context workers wait for the next call of `run`, which knows what was measured.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Self

from gogooku.core.errors import ResourceError, UsageError
from gogooku.core.stamp import available_threads
from gogooku.execute.answers import message_of, outcome_of
from gogooku.execute.memory import GIB, available_bytes, held_bytes
from gogooku.execute.task import Outcome, Task
from gogooku.execute.waiting import TRIES, WORKER_LOST, Asked, Waiting, say_nothing
from gogooku.execute.worker import READY

_LOOK_SECONDS: Final = 0.1
_END_SECONDS: Final = 5.0
_FIRST_SECONDS: Final = 10.0
_FIRST_TIMES: Final = 4
_THREADS_OF: Final = ("OMP", "OPENBLAS", "MKL", "RAYON")
_BEGIN: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from gogooku.execute.worker import main; main()"
)


def thread_settings(threads: int) -> dict[str, str]:
    """Variables by which numeric libraries know how many threads to take when they are loaded."""
    names = [*(f"{library}_NUM_THREADS" for library in _THREADS_OF), "POLARS_MAX_THREADS"]
    return dict.fromkeys(names, str(threads))


@dataclass
class LocalExecutor:
    """Does tasks in worker processes.

    Attributes
    ----------
    workers : int
        The most that run at a time.
    threads : int
        Numeric threads of each.
    say : callable
        Takes a line for people: how many run and why, what was lost.
    cores : int
        Cores to be had.
    available : callable
        Gives the bytes of memory to be had now; None where it is not known.
    """

    workers: int
    threads: int = 1
    say: Callable[[str], None] = say_nothing
    cores: int = field(default_factory=available_threads)
    available: Callable[[], int | None] = available_bytes
    _kept: _Kept | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.workers < 1 or self.threads < 1:
            raise UsageError(
                f"{self.workers} worker processes of {self.threads} threads each: both are at "
                "least 1"
            )

    def __enter__(self) -> Self:
        """Keep worker processes, and what was measured, until the context ends."""
        self._kept = _Kept()
        return self

    def __exit__(self, *fault: object) -> None:
        """End every worker process."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.end()

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """As `gogooku.execute.task.Executor.run`; within the context one call after the other.

        Raises
        ------
        InternalError
            A task met a fault of the program.
        ResourceError
            Worker processes end before they do anything.
        UsageError
            The call before has tasks left, and its iterator is not closed.
        """
        kept = self._kept or _Kept()
        if kept.busy:
            raise UsageError(
                "an executor is asked to do tasks while it does others: within its context take "
                "all outcomes of one call of run, or close its iterator, before the next call"
            )
        kept.busy = True
        try:
            yield from _Crew(self, tasks, kept).outcomes()
        finally:
            kept.busy = False
            if kept is self._kept:
                kept.stop()
            else:
                kept.end()


class _Worker:
    """A worker process, and what it is at."""

    def __init__(self, *, threads: int, call: str) -> None:
        settings = [f"{name}={value}" for name, value in thread_settings(threads).items()]
        begin = [sys.executable, "-c", _BEGIN, json.dumps(sys.path, allow_nan=False)]
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter
            ["/usr/bin/env", *settings, *begin],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.asked: Asked | None = None
        self.begun = 0.0
        self.most = 0
        self.ready = False
        self._heard = bytearray()
        self._send({"prepare": call})

    @property
    def name(self) -> str:
        """Which process it is."""
        return f"process {self.process.pid}"

    @property
    def descriptor(self) -> int:
        """Where its answers come from."""
        assert self.process.stdout is not None
        return self.process.stdout.fileno()

    def give(self, asked: Asked) -> None:
        """Have it do a task."""
        self.asked, self.begun, self.most = asked, time.monotonic(), 0
        self._send(message_of(asked.task))

    def _send(self, what: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended; the end of its answers says so
            self.process.stdin.write(json.dumps(what, allow_nan=False).encode() + b"\n")
            self.process.stdin.flush()

    def held(self) -> int:
        """What it holds now."""
        found = held_bytes(self.process.pid) or 0
        self.most = max(self.most, found)
        return found

    def heard(self) -> dict[str, Any] | None:
        """Its answer, where all of it has come; None while it has not.

        Raises
        ------
        EOFError
            The process has ended, or is about to.
        """
        part = os.read(self.descriptor, 1 << 16)
        if not part:
            raise EOFError
        self._heard += part
        *lines, rest = self._heard.split(b"\n")
        self._heard = bytearray(rest)
        messages = [json.loads(line) for line in lines]
        if messages and not self.ready:
            self.ready, self.begun = True, time.monotonic()
        return next((one for one in messages if one != READY), None)

    def end(self) -> int:
        """End it, if it has not ended; its exit code, minus the signal that ended it."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
        code = self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            with suppress(BrokenPipeError):
                stream.close()
        return code


@dataclass
class _Kept:
    """What can outlast a call of `run`.

    Attributes
    ----------
    workers : list of _Worker
    need : int or None
        The most that a task held; None before the first.
    said : int
        How many were last said to run at a time.
    limited : bool
        Whether it was said that cores limit their number.
    busy : bool
        Whether a call of `run` is under way.
    """

    workers: list[_Worker] = field(default_factory=list)
    need: int | None = None
    said: int = 0
    limited: bool = False
    busy: bool = False

    def discard(self, one: _Worker) -> int:
        """End a worker; its exit code."""
        self.workers.remove(one)
        return one.end()

    def stop(self) -> None:
        """End the workers that are at a task."""
        self._end([one for one in self.workers if one.asked is not None])

    def end(self) -> None:
        """End every worker."""
        self._end([*self.workers])

    def _end(self, some: Sequence[_Worker]) -> None:
        for one in some:
            if one.process.poll() is None:
                one.process.terminate()
        for one in some:
            self.discard(one)


class _Crew:
    """Worker processes with the tasks of one call."""

    def __init__(self, executor: LocalExecutor, tasks: Sequence[Task], kept: _Kept) -> None:
        self.executor = executor
        self.waiting = Waiting(tasks, say=executor.say)
        self.kept = kept
        self.unused = 0
        self.most = max(1, min(executor.workers, executor.cores // executor.threads))
        if self.most < min(executor.workers, len(tasks)) and not kept.limited:
            kept.limited = True
            executor.say(
                f"{self.most} worker processes of {executor.workers} that were asked for: there "
                f"are {executor.cores} cores, and each takes {executor.threads}"
            )
        for one in [*kept.workers]:
            if one.process.poll() is not None:
                executor.say(f"a worker process that waited was {_ended(kept.discard(one), one)}")

    @property
    def workers(self) -> list[_Worker]:
        """All of them."""
        return self.kept.workers

    @property
    def running(self) -> list[_Worker]:
        """Those that are at a task."""
        return [one for one in self.workers if one.asked is not None]

    def outcomes(self) -> Iterator[Outcome]:
        """Do all; what came of each."""
        while self.waiting or self.running:
            self._hand_out()
            watched = {one.descriptor: one for one in self.workers}
            ready, _, _ = select.select(list(watched), [], [], _LOOK_SECONDS)
            for one in self.running:
                one.held()
            for descriptor in ready:
                outcome = self._answered(watched[descriptor])
                if outcome is not None:
                    yield outcome

    # ------------------------------------------------------------------------------ who does what

    def _hand_out(self) -> None:
        while (asked := self.waiting.take()) is not None:
            idle = next((one for one in self.workers if one.asked is None), None)
            if not self._room_for(idle):
                self.waiting.put_first(asked)
                return
            one = idle or self._started(asked.task)
            one.give(asked)
            if self.kept.need is None and self.waiting and len(self.workers) < self.most:
                self._started(asked.task)  # loads its code while the first task is measured

    def _started(self, task: Task) -> _Worker:
        one = _Worker(threads=self.executor.threads, call=task.call)
        self.workers.append(one)
        return one

    def _room_for(self, idle: _Worker | None) -> bool:
        """Whether one more task can be begun, by an idle worker or by a new one."""
        running = self.running
        if not running:
            return True
        need = self.kept.need or self._supposed(running)
        if need is None or len(running) >= self.most:
            return False
        available = self.executor.available()
        if available is None:
            return True
        promised = sum(max(0, need - one.held()) for one in running)
        wanted = need - (0 if idle is None else idle.held())
        fits = available - promised >= wanted
        if self.kept.need is not None:
            self._say_how_many(len(running) if not fits else len(running) + 1, available, fits=fits)
        return fits

    def _supposed(self, running: Sequence[_Worker]) -> int | None:
        """What a task may come to hold, before one is over; None while none has run for long."""
        begun = [one.begun for one in running if one.ready]
        if not begun or time.monotonic() - min(begun) < _FIRST_SECONDS:
            return None
        return _FIRST_TIMES * max(one.most for one in running) or None

    def _say_how_many(self, count: int, available: int, *, fits: bool) -> None:
        """Say it when it changes: why no more, or that all run."""
        assert self.kept.need is not None
        if (fits and count < self.most) or count == self.kept.said:
            return
        self.kept.said = count
        more = f", and no more fit; {self.most} were asked for" if not fits else ""
        self.executor.say(
            f"{count} at a time: one takes {self.kept.need / GIB:.2f} GiB (measured), "
            f"{available / GIB:.2f} GiB are available{more}"
        )

    # ----------------------------------------------------------------------------- what comes back

    def _answered(self, one: _Worker) -> Outcome | None:
        try:
            answer = one.heard()
        except EOFError:
            return self._lost(one)
        if answer is None:
            return None
        asked, one.asked = one.asked, None
        assert asked is not None
        if answer["broken"]:
            self.kept.discard(one)
        seconds = time.monotonic() - one.begun
        outcome = outcome_of(asked.task, answer, seconds=seconds, where=one.name)
        if self.waiting.comes_back(asked, outcome):
            return None
        held = max(one.most, answer["held"]) or answer["peak"]
        self.kept.need = max(self.kept.need or 0, held)
        return outcome

    def _lost(self, one: _Worker) -> Outcome | None:
        """A worker has ended without an answer: its task is tried once more, then given up."""
        how, asked = _ended(self.kept.discard(one), one), one.asked
        if not one.ready:
            self._count_unused(how)
            if asked is not None:
                self.waiting.put_first(asked)
            return None
        if asked is None:
            self.executor.say(f"a worker process that waited was {how}")
            return None
        asked.lost += 1
        self.kept.need = max(self.kept.need or 0, one.most)
        if asked.lost < TRIES:
            self.executor.say(f"{asked.what}: the worker process was {how}; it is tried once more")
            self.waiting.put_first(asked)
            return None
        seconds = time.monotonic() - one.begun
        return Outcome(
            asked.task,
            fault=(
                f"the worker process was {how}, {asked.lost} times; what it had finished is kept. "
                "Use fewer workers or settings that take less memory, then run it again"
            ),
            kind=WORKER_LOST,
            seconds=seconds,
            where=one.name,
        )

    def _count_unused(self, how: str) -> None:
        """Go on without a worker that did nothing, unless there have been too many."""
        self.unused += 1
        if self.unused > TRIES:
            raise ResourceError(
                f"{self.unused} worker processes did nothing before they ended, the last was "
                f"{how}; standard error may say why. What is finished is kept; to go on in one "
                "process: --jobs 1"
            )


def _ended(code: int, one: _Worker) -> str:
    """How a process ended, and what it held when it was last looked at."""
    if code >= 0:
        return f"ended with exit code {code}"
    killed = ", as the system does when memory runs out" if -code == signal.SIGKILL else ""
    held = f"; it held {one.most / GIB:.2f} GiB when last looked at" if one.most else ""
    return f"ended by signal {-code} ({signal.Signals(-code).name}{killed}{held})"
