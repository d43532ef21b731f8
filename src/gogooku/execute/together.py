"""A task done by several processes of this machine at once, which torchrun starts and watches.

All are given the same task; how they share the work is the task's own affair. When one of them
ends before its time, all end; what is finished on disk is kept, and the same task goes on from
there. None outlives whoever started it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gogooku.core.errors import TransientError, UsageError
from gogooku.core.files import read_json, write_json
from gogooku.execute.answers import message_of, outcome_of
from gogooku.execute.local import thread_settings
from gogooku.execute.member import ANSWERS, MEMBER, TASK_FILE
from gogooku.execute.task import Outcome, Task, Unkept
from gogooku.execute.waiting import WORKER_LOST, Waiting, say_nothing

_LOOK_SECONDS: Final = 0.2
_END_SECONDS: Final = 20.0
_LOST: Final = TransientError.__name__
"""Kind of what a process says that has only noticed that another one is gone."""


@dataclass(frozen=True)
class TogetherExecutor(Unkept):
    """Does one task after the other, each by several processes.

    Attributes
    ----------
    processes : int
    threads : int
        Numeric threads of each.
    say : callable
        Takes a line for people.
    """

    processes: int
    threads: int = 1
    say: Callable[[str], None] = say_nothing

    def __post_init__(self) -> None:
        if self.processes < 2 or self.threads < 1:
            raise UsageError(
                f"{self.processes} processes of {self.threads} threads each for one task: at least "
                "2 of at least 1"
            )

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """As `gogooku.execute.task.Executor.run`.

        Raises
        ------
        InternalError
            A task met a fault of the program.
        """
        waiting = Waiting(tasks, say=self.say)
        while waiting:
            asked = waiting.take()
            if asked is None:
                time.sleep(_LOOK_SECONDS)
                continue
            outcome = self._done(asked.task)
            if not waiting.comes_back(asked, outcome):
                yield outcome

    def _done(self, task: Task) -> Outcome:
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="gogooku-") as name:
            folder = Path(name)
            write_json(folder / TASK_FILE, message_of(task))
            code = self._run(folder)
            answers = [read_json(found) for found in sorted(folder.glob(ANSWERS))]
        where, seconds = f"{self.processes} processes", time.monotonic() - begun
        answer = _answer(answers) if code == 0 else _fault(answers)
        if answer is not None:
            return outcome_of(task, answer, seconds=seconds, where=where)
        fault = (
            f"one of the {self.processes} processes that did it together ended without an answer "
            f"(torchrun: exit code {code}), so all were ended; what they had finished is kept. It "
            "may have been killed, as the system does when memory runs out. Run the same again to "
            "go on from there"
        )
        return Outcome(task, fault=fault, kind=WORKER_LOST, seconds=seconds, where=where)

    def _run(self, folder: Path) -> int:
        """Let torchrun start all and wait for them; its exit code."""
        paths = os.pathsep.join(path for path in sys.path if path)
        settings = {**thread_settings(self.threads), "PYTHONPATH": paths}
        command = [
            *("/usr/bin/env", *(f"{name}={value}" for name, value in settings.items())),
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node", str(self.processes), "--max-restarts", "0"),
            *("-m", MEMBER, str(folder)),
        ]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=sys.stderr)  # noqa: S603 - our own interpreter
        assert process.stdin is not None
        try:
            while (code := process.poll()) is None:
                time.sleep(_LOOK_SECONDS)  # a wait without end may not hear of Ctrl-C
            return code
        finally:
            with suppress(BrokenPipeError):
                process.stdin.close()  # whoever is left ends by that
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(_END_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _answer(answers: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """What the process said that has something to say; the others have only helped."""
    return next((one for one in answers if one["value"]), None)


def _fault(answers: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """What went wrong in the process in which it began."""
    faults = [one for one in answers if one["fault"] and one["kind"] != _LOST]
    return min(faults, key=lambda one: float(one["at"]), default=None)
