"""Tasks done as jobs of Slurm, by submitit (extra ``slurm``).

A task and what came of it are texts of JSON in submitit's files, in a folder that all nodes see.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gogooku.core.errors import EnvironmentalError, UsageError
from gogooku.core.extras import extra_needed
from gogooku.execute.answers import answer_text, message_of, outcome_of
from gogooku.execute.task import Outcome, Task, Unkept
from gogooku.execute.waiting import TRIES, WORKER_LOST, Asked, Waiting, say_nothing

_LOOK_SECONDS: Final = 0.5


@dataclass(frozen=True)
class SlurmExecutor(Unkept):
    """Does each task as a job of Slurm.

    Attributes
    ----------
    folder : Path
        For submitit's files; every node sees it under this path.
    threads : int
        Cores of a job, and its numeric threads.
    settings : mapping
        More parameters of submitit, such as ``slurm_partition`` and ``timeout_min``.
    cluster : str or None
        ``slurm``; ``local`` runs jobs as processes of this machine, without Slurm.
    say : callable
        Takes a line for people.
    """

    folder: Path
    threads: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)
    cluster: str = "slurm"
    say: Callable[[str], None] = say_nothing

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """As `gogooku.execute.task.Executor.run`.

        Raises
        ------
        MissingPackageError
            submitit is not installed.
        UsageError
            There is no Slurm on this machine.
        EnvironmentalError
            Slurm does not take a job.
        InternalError
            A task met a fault of the program.
        """
        flight = _Flight(_submitit(), self, tasks)
        try:
            yield from flight.outcomes()
        finally:
            flight.cancel()


def _submitit() -> Any:
    with extra_needed():
        import submitit
    return submitit


class _Flight:
    """Jobs that Slurm has, and tasks that wait."""

    def __init__(self, submitit: Any, executor: SlurmExecutor, tasks: Sequence[Task]) -> None:
        self.submitit = submitit
        self.executor = executor
        self.waiting = Waiting(tasks, say=executor.say)
        self.out: list[tuple[Any, Asked, float]] = []

    def outcomes(self) -> Iterator[Outcome]:
        """Submit all, as they come due; what came of each."""
        while self.waiting or self.out:
            while (asked := self.waiting.take()) is not None:
                self.out.append((self._submitted(asked.task), asked, time.monotonic()))
            ended = [one for one in self.out if one[0].done()]
            for one in ended:
                self.out.remove(one)
                outcome = self._came(*one)
                if outcome is not None and not self.waiting.comes_back(one[1], outcome):
                    yield outcome
            if not ended:
                time.sleep(_LOOK_SECONDS)

    def cancel(self) -> None:
        """Stop what still runs."""
        for job, _, _ in self.out:
            job.cancel(check=False)

    def _submitted(self, task: Task) -> Any:
        executor = self.executor
        try:
            queue = self.submitit.AutoExecutor(folder=executor.folder, cluster=executor.cluster)
            queue.update_parameters(
                name=f"gogooku-{task.key[:12]}",
                cpus_per_task=executor.threads,
                gpus_per_node=task.gpus,
                **executor.settings,
            )
            return queue.submit(answer_text, json.dumps(message_of(task), allow_nan=False))
        except RuntimeError as fault:
            raise UsageError(
                f"Slurm cannot be used from here ({_first_line(fault)}); run the command on a "
                "node where sbatch works"
            ) from fault
        except self.submitit.core.utils.FailedJobError as fault:
            raise EnvironmentalError(
                f"Slurm does not take the job of {task.what or task.key} ({_first_line(fault)}); "
                "check partition, time and memory that are asked for"
            ) from fault

    def _came(self, job: Any, asked: Asked, begun: float) -> Outcome | None:
        seconds, where = time.monotonic() - begun, f"job {job.job_id}"
        try:
            answer = json.loads(job.result())
        except self.submitit.core.utils.UncompletedJobError:
            return self._lost(asked, job, seconds)
        return outcome_of(asked.task, answer, seconds=seconds, where=where)

    def _lost(self, asked: Asked, job: Any, seconds: float) -> Outcome | None:
        """A job has ended without an answer: it is submitted once more, then given up."""
        asked.lost += 1
        if asked.lost < TRIES:
            self.executor.say(f"{asked.what}: job {job.job_id} ended without an answer; once more")
            self.waiting.put_first(asked)
            return None
        return Outcome(
            asked.task,
            fault=(
                f"job {job.job_id} ended without an answer, as one before it; what is finished is "
                f"kept. {job.paths.stderr} may say why: time, memory, or a node that was lost"
            ),
            kind=WORKER_LOST,
            seconds=seconds,
            where=f"job {job.job_id}",
        )


def _first_line(fault: BaseException) -> str:
    return str(fault).strip().partition("\n")[0]
