"""Many fits at once, by whatever executor; each is found, fitted, or fails with its reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gogooku.core.errors import (
    ConfigError,
    ContractError,
    DataError,
    EnvironmentalError,
    NotFoundError,
)
from gogooku.core.progress import SilentReporter
from gogooku.execute.task import Executor, HereExecutor, Outcome
from gogooku.execute.waiting import WORKER_LOST
from gogooku.runs.job import DoneJob, Job, run_job
from gogooku.runs.job_task import job_task

_OF_THE_SETTINGS = {ConfigError.__name__, DataError.__name__}
"""Faults that settings have: another machine, or another hour, has them too."""
_OF_THE_PLACE = {NotFoundError.__name__, ContractError.__name__}


@dataclass(frozen=True)
class Failed:
    """A fit that cannot be made.

    Attributes
    ----------
    reason : str
    """

    reason: str


def _uncounted(_: Job) -> None:
    """Nobody watches."""


class Fits:
    """Makes fits and remembers what came of each.

    Parameters
    ----------
    home : Path
    executor : Executor or None
        None: one after the other in this process.
    counted : callable
        Called with each fit that was made now, not with those that were found.
    """

    def __init__(
        self,
        home: Path,
        *,
        executor: Executor | None = None,
        counted: Callable[[Job], None] = _uncounted,
    ) -> None:
        self.home = home
        self._executor = executor or HereExecutor()
        self._counted = counted

    def made(self, jobs: Sequence[Job]) -> Mapping[str, DoneJob | Failed]:
        """What comes of jobs, by key; equal jobs are made once.

        A fit whose settings are at fault has failed; where the machine is at fault, nothing has.

        Raises
        ------
        EnvironmentalError
            The disk is full, a node does not see the home, another process is at a fit, or every
            process that was given one was lost: the finished fits are kept.
        """
        unique = {job.stamp.key: job for job in jobs}
        found: dict[str, DoneJob | Failed] = {}
        for key, job in unique.items():
            if (done := job.done(self.home)) is not None:
                found[key] = done
        waiting = {key: job for key, job in unique.items() if key not in found}
        lost: list[Outcome] = []
        for outcome in self._executor.run([job_task(self.home, job) for job in waiting.values()]):
            key = outcome.task.key
            if not outcome.failed:
                found[key] = run_job(self.home, waiting[key], reporter=SilentReporter())
            else:
                self._refuse_a_fault_of_the_place(outcome)
                lost += [outcome] if outcome.kind == WORKER_LOST else []
                found[key] = Failed(f"{outcome.task.what}: {outcome.fault}")
            self._counted(waiting[key])
        if lost and len(lost) == len(waiting):
            raise EnvironmentalError(
                f"search: each of {len(lost)} fits ended its process without an answer, so the "
                "machine is at fault and no trial was counted as failed. Is there memory enough "
                "(gogooku tune --dry-run says how much a fit takes)? Use fewer processes or a "
                f"smaller space; the same command goes on. The first: {lost[0].fault}"
            )
        return found

    @staticmethod
    def _refuse_a_fault_of_the_place(outcome: Outcome) -> None:
        if outcome.kind in _OF_THE_SETTINGS or outcome.kind == WORKER_LOST:
            return
        hint = "" if outcome.kind in _OF_THE_PLACE else "; the same command goes on"
        raise EnvironmentalError(
            f"search: {outcome.task.what}: {outcome.fault}. The study is as it was before this "
            f"fit{hint}"
        )
