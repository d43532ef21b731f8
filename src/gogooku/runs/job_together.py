"""A fit by several processes: the first does the job, the others fit with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gogooku.core.progress import SilentReporter
from gogooku.core.types import FitExecution
from gogooku.learn.checkpoint import load_checkpoint
from gogooku.learn.registry import make_learner
from gogooku.learn.team import Team, joined
from gogooku.runs.job import DoneJob, Job, run_job


def fitted_together(home: Path, job: Job) -> DoneJob | None:
    """Fit a job as one of the processes that torchrun has started; None where another one leads.

    Raises
    ------
    UsageError
        torchrun did not start this process.
    TransientError
        Another of the processes has ended.
    GogookuError
        As `gogooku.runs.job.run_job`.
    """
    with joined(job.execution.processes, device=job.execution.device) as team:
        if not team.leads:
            _follow(job, team)
            return None

        def lead(chosen: Path | None) -> None:
            team.shared({"chosen": None if chosen is None else str(chosen)})

        done = run_job(home, job, reporter=SilentReporter(), lead=lead)
        team.shared()
        return done


def _follow(job: Job, team: Team) -> None:
    """Fit what the leader fits, and keep nothing of it, until there is no more."""
    execution = job.execution
    while (asked := team.shared()) is not None:
        chosen = asked["chosen"]
        make_learner(job.config.learner).fit(
            job.dataset,
            job.labels,
            job.fold,
            rng=np.random.default_rng([job.config.seed, job.number]),
            execution=FitExecution(
                threads=execution.threads,
                device=execution.device,
                save_seconds=execution.save_seconds,
                stall_seconds=0.0,
                compiled=execution.compiled,
                residence=execution.residence,
                processes=execution.processes,
            ),
            chosen=None if chosen is None else load_checkpoint(Path(chosen)),
        )
