"""A fit as a task for another process: what it is sent, and how it finds the rest."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from gogooku.core.config import Execution, validated
from gogooku.core.errors import ContractError, NotFoundError
from gogooku.core.progress import SilentReporter
from gogooku.core.registry import load
from gogooku.core.types import Dataset
from gogooku.dataset.home import current_dataset, dataset_names
from gogooku.evaluate.split import make_folds
from gogooku.execute.task import Task
from gogooku.runs.config import TrainConfig
from gogooku.runs.job import DoneJob, Job, run_job
from gogooku.runs.labels import run_labels

CALL: Final = "gogooku.runs.job_task:do_job"
_TOGETHER: Final = "gogooku.runs.job_together:fitted_together"
"""By reference: that several processes can fit is no part of the code of one."""


def job_task(home: Path, job: Job) -> Task:
    """A task that fits a job in whatever process, and leaves it in the home."""
    return Task(
        key=job.stamp.key,
        call=CALL,
        spec={
            "home": str(home.resolve()),
            "dataset": job.dataset.folder.name,
            "content": job.dataset.content_hash,
            "config": job.config.model_dump(mode="json"),
            "number": job.number,
            "execution": job.execution.model_dump(mode="json"),
            "key": job.stamp.key,
        },
        what=f"{job.config.learner.kind}, fold {job.number}, seed {job.config.seed}",
        gpus=0 if job.execution.device == "cpu" else 1,
    )


def do_job(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Fit the job of a task; where it lies and what it took, nothing where another process leads.

    Raises
    ------
    NotFoundError
        This machine does not see the home, or not the dataset in it.
    ContractError
        The dataset here has other content, or the code here is another: what would be made is not
        what was asked for.
    GogookuError
        As `gogooku.runs.job.run_job`.
    """
    home = Path(spec["home"])
    dataset = _dataset_here(home, spec["dataset"])
    if dataset.content_hash != spec["content"]:
        raise ContractError(
            f"dataset {spec['dataset']} in {home} has content {dataset.content_hash}, the task is "
            f"for {spec['content']}; copy the dataset again"
        )
    config = validated(TrainConfig, spec["config"])
    folds = make_folds(config.split, dataset.sessions, first=config.warmup_sessions)
    job = Job(
        config=config,
        number=int(spec["number"]),
        fold=folds[int(spec["number"])],
        dataset=dataset,
        labels=run_labels(dataset, config),
        execution=validated(Execution, spec["execution"]),
    )
    if job.stamp.key != spec["key"]:
        raise ContractError(
            f"the task is for fit {spec['key']}, here it would be {job.stamp.key}: the code or the "
            "settings of this process are others; install the same version on every machine"
        )
    if job.execution.processes == 1:
        done: DoneJob | None = run_job(home, job, reporter=SilentReporter())
    else:
        done = load(_TOGETHER)(home, job)
    if done is None:
        return {}
    return {"folder": str(done.folder), "content": done.content_hash, **done.spent}


def _dataset_here(home: Path, name: str) -> Dataset:
    """The dataset of a task, which every machine must see under one path."""
    if name in dataset_names(home):
        return current_dataset(home, name)
    what = f"dataset {name} is not in {home}" if home.is_dir() else f"there is no folder {home}"
    raise NotFoundError(
        f"machine {socket.gethostname()}: {what}. Fits read the dataset and leave what they make "
        "in that folder: mount it under the same path on every machine (a network file system), "
        "then run the same command"
    )
