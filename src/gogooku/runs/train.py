"""Fit one run over its folds; safe to kill at any instant and start again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl

from gogooku.core.artefact import new_artefact
from gogooku.core.config import Execution, Resolved
from gogooku.core.errors import DataError, GogookuError, StorageError
from gogooku.core.files import (
    MANIFEST_FILE,
    hash_file,
    hash_parts,
    write_json,
    write_parquet,
    write_point,
)
from gogooku.core.forecast import Scores, long_form
from gogooku.core.progress import Reporter
from gogooku.core.registry import chosen_references
from gogooku.core.stamp import CONFIG_FILE, make_stamp
from gogooku.core.types import Checkpoint, Dataset, Fold, IntArray
from gogooku.evaluate.cross_validation import CrossScores, cross_validate
from gogooku.evaluate.split import make_folds
from gogooku.evaluate.walk_forward import OutOfSample, walk_forward
from gogooku.execute.task import Executor
from gogooku.learn.devices import check_compiled, check_device, check_processes
from gogooku.runs.config import TrainConfig
from gogooku.runs.folder import (
    EVENTS_FILE,
    OUTPUTS_FILE,
    PREDICTIONS_FILE,
    Run,
    of_part,
    origin,
    read_run,
    require_name,
    runs_folder,
)
from gogooku.runs.job import (
    CHECKPOINT,
    FAILURE_FILE,
    SELECTED,
    DoneJob,
    Job,
    hashes_below,
    inputs_of,
    link_tree,
    run_job,
)
from gogooku.runs.job_task import job_task
from gogooku.runs.labels import run_labels


def train(
    home: Path,
    name: str,
    resolved: Resolved[TrainConfig],
    dataset: Dataset,
    *,
    execution: Execution,
    reporter: Reporter,
    executor: Executor | None = None,
) -> Run:
    """Fit every fold, score its validation and test parts, and keep all of it as one artefact.

    A finished run with the same config, code, inputs, seed, threads and device is not fitted again;
    an interrupted one continues where it stopped. How it is judged and traded decides nothing here.
    An executor fits folds elsewhere, several at a time; what comes of it is the same.

    Raises
    ------
    UsageError
        The name cannot be one.
    ConfigError
        This machine does not have the device, or the learner is no network and is given one; or it
        is to be compiled for the CPU.
    DataError
        A fold could not be fitted elsewhere; those that could are kept.
    """
    require_name("run", name)
    config = resolved.config
    check_device(config.learner.kind, execution.device)
    check_compiled(execution.device, compiled=execution.compiled)
    check_processes(config.learner, execution)
    labels = run_labels(dataset, config)
    folds = make_folds(config.split, dataset.sessions, first=config.warmup_sessions)
    stamp = make_stamp(
        "train",
        config_hash=config.content_hash,
        code=code_of_training(config),
        inputs=inputs_of(dataset, labels, config),
        seed=config.seed,
        threads=execution.threads,
        device=execution.where,
    )
    folder = runs_folder(home) / f"{name}-{stamp.key}"
    if (folder / MANIFEST_FILE).exists():
        return read_run(folder)
    jobs = [
        Job(config, number, fold, dataset, labels, execution) for number, fold in enumerate(folds)
    ]
    with new_artefact(folder, resume=stamp.key) as building:
        write_json(building / CONFIG_FILE, resolved.to_json())
        stamp.write(building)
        done = _done(home, building, jobs, reporter=reporter, executor=executor)
        joined = _Joined(dataset, folds, done, device=execution.device)
        result = joined.out_of_sample()
        hashes = joined.write(building, _tests(result, dataset))
        write_json(building / MANIFEST_FILE, _manifest(name, dataset, folds, result, hashes))
    write_point("train.done")
    return read_run(folder)


def code_of_training(config: TrainConfig) -> tuple[str, ...]:
    """Modules whose code decides what is fitted, for the stamp of a run."""
    return (__name__, *chosen_references(config))


def _done(
    home: Path,
    building: Path,
    jobs: Sequence[Job],
    *,
    reporter: Reporter,
    executor: Executor | None,
) -> list[DoneJob]:
    """Every job fitted, here or by an executor; why not is written down as well."""
    (building / FAILURE_FILE).unlink(missing_ok=True)
    try:
        if executor is None:
            return [run_job(home, job, reporter=reporter) for job in jobs]
        return _done_elsewhere(home, jobs, reporter=reporter, executor=executor)
    except GogookuError as fault:
        with suppress(StorageError):
            write_json(building / FAILURE_FILE, {"stage": "train", "error": str(fault)})
        raise


def _done_elsewhere(
    home: Path, jobs: Sequence[Job], *, reporter: Reporter, executor: Executor
) -> list[DoneJob]:
    waiting = [job for job in jobs if job.done(home) is None]
    failed = []
    with reporter.step("folds", total=len(jobs)) as step:
        step.advance(len(jobs) - len(waiting))
        for outcome in executor.run([job_task(home, job) for job in waiting]):
            step.advance(1)
            if outcome.fault is not None:
                failed.append(f"{outcome.task.what}: {outcome.fault}")
    if failed:
        raise DataError(
            f"train: {len(failed)} of {len(jobs)} folds were not fitted; the others are kept, and "
            f"the same command goes on with these. The first: {failed[0]}"
        )
    return [run_job(home, job, reporter=reporter) for job in jobs]


class _Joined:
    """The finished folds of a run, put together."""

    def __init__(
        self, dataset: Dataset, folds: Sequence[Fold], done: Sequence[DoneJob], *, device: str
    ) -> None:
        self.dataset = dataset
        self.folds = folds
        self.done = done
        self.device = device

    def out_of_sample(self) -> OutOfSample | CrossScores:
        """Scores of every test part: of a walk-forward, or of a cross-validation."""
        of = {id(fold): done for fold, done in zip(self.folds, self.done, strict=True)}
        at: list[DoneJob] = []

        def fit(fold: Fold) -> Checkpoint:
            at[:] = [of[id(fold)]]
            return at[0].checkpoint(device=self.device)

        def score(_: Checkpoint, indices: IntArray) -> Scores:
            return at[0].scores("test", indices, self.dataset)

        if all(fold.out_of_time for fold in self.folds):
            return walk_forward(self.folds, fit=fit, score=score)
        return cross_validate(self.folds, fit=fit, score=score)

    def write(self, building: Path, tests: Sequence[pl.DataFrame]) -> dict[str, str]:
        """Write scores, events and what was fitted; the hash of everything that decides content.

        Parameters
        ----------
        tests : sequence of polars.DataFrame
            One a fold, in the long form.
        """
        frames = [
            *(self._of_fold(PREDICTIONS_FILE, number, "valid") for number in range(len(tests))),
            *(of_part(one, number, "test") for number, one in enumerate(tests)),
        ]
        write_parquet(pl.concat(frames), building / PREDICTIONS_FILE)
        write_point("train.predictions")
        hashes = {"predictions": hash_file(building / PREDICTIONS_FILE)}
        if all(one.files.has(OUTPUTS_FILE) for one in self.done):
            outputs = [
                self._of_fold(OUTPUTS_FILE, number, part)
                for number in range(len(self.done))
                for part in ("valid", "test")
            ]
            write_parquet(pl.concat(outputs), building / OUTPUTS_FILE)
            hashes["outputs"] = hash_file(building / OUTPUTS_FILE)
        (building / EVENTS_FILE).write_bytes(b"".join(_events(one) for one in self.done))
        for number, one in enumerate(self.done):
            for name in (CHECKPOINT, SELECTED):
                place = building / "folds" / str(number) / name
                link_tree(one.folder / name, place)
                hashes |= hashes_below(place, building)
        return hashes

    def _of_fold(self, file: str, number: int, part: str) -> pl.DataFrame:
        rows = self.done[number].frame(file).filter(pl.col("part") == part).drop("part")
        return of_part(rows, number, part)


def _events(done: DoneJob) -> bytes:
    """What a fit reported, lines of JSON."""
    return done.files.path(EVENTS_FILE).read_bytes() if done.files.has(EVENTS_FILE) else b""


def _tests(result: OutOfSample | CrossScores, dataset: Dataset) -> list[pl.DataFrame]:
    """Test scores of each fold in the long form.

    Those of a walk-forward are forecasts: none of them touches what was trained on.
    """
    if isinstance(result, OutOfSample):
        return [one.frame for one in result.forecasts(dataset.sessions, dataset.codes)]
    return [
        long_form(scores, dataset.sessions[days], dataset.codes, horizons=result.horizons)
        for days, scores in zip(result.indices, result.scores, strict=True)
    ]


def _manifest(
    name: str,
    dataset: Dataset,
    folds: tuple[Fold, ...],
    result: OutOfSample | CrossScores,
    hashes: Mapping[str, str],
) -> dict[str, Any]:
    return {
        **origin(name, dataset),
        "feature_hash": dataset.feature_hash,
        "horizons": list(result.horizons),
        "folds": [fold.to_json() for fold in folds],
        **({} if isinstance(result, OutOfSample) else {"paths": result.num_paths}),
        "trained_through": [
            {str(h): str(day) for h, day in through.items()} for through in result.trained_through
        ],
        "content_hash": hash_parts(hashes),
        "parts": dict(hashes),
    }
