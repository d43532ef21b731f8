"""Fit one run over its folds; safe to kill at any instant and start again."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
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
from gogooku.core.forecast import Scores, joined, long_form
from gogooku.core.journal import EventLog
from gogooku.core.progress import Reporter
from gogooku.core.registry import chosen_references
from gogooku.core.stamp import CONFIG_FILE, make_stamp
from gogooku.core.types import Checkpoint, Dataset, FitExecution, Fold, IntArray, Labels
from gogooku.evaluate.cross_validation import CrossScores, cross_validate
from gogooku.evaluate.split import make_folds
from gogooku.evaluate.walk_forward import OutOfSample, walk_forward
from gogooku.learn.checkpoint import Headed, keep_checkpoint, load_checkpoint
from gogooku.learn.config import reads_raw
from gogooku.learn.devices import check_compiled, check_device
from gogooku.learn.registry import make_learner
from gogooku.runs.config import TrainConfig
from gogooku.runs.folder import (
    EVENTS_FILE,
    OUTPUTS_FILE,
    PREDICTIONS_FILE,
    RAW_INPUT,
    Run,
    raw_hash,
    read_run,
    require_name,
    runs_folder,
)
from gogooku.runs.labels import run_labels

FAILURE_FILE = "failure.json"
CHECKPOINT, SELECTED = "checkpoint", "selected"
"""Folders of a fold: what scores its test part, and of a refit what selected on validation."""


def train(
    home: Path,
    name: str,
    resolved: Resolved[TrainConfig],
    dataset: Dataset,
    *,
    execution: Execution,
    reporter: Reporter,
) -> Run:
    """Fit every fold, score its validation and test parts, and keep all of it as one artefact.

    A finished run with the same config, code, inputs, seed, threads and device is not fitted again;
    an interrupted one continues where it stopped. How it is judged and traded decides nothing here.

    Raises
    ------
    UsageError
        The name cannot be one.
    ConfigError
        This machine does not have the device, or the learner is no network and is given one; or it
        is to be compiled for the CPU.
    """
    require_name("run", name)
    config = resolved.config
    check_device(config.learner.kind, execution.device)
    check_compiled(execution.device, compiled=execution.compiled)
    labels = run_labels(dataset, config)
    folds = make_folds(config.split, dataset.sessions, first=config.warmup_sessions)
    stamp = make_stamp(
        "train",
        config_hash=config.content_hash,
        code=code_of_training(config),
        inputs=_inputs(dataset, labels, config),
        seed=config.seed,
        threads=execution.threads,
        device=execution.where,
    )
    folder = runs_folder(home) / f"{name}-{stamp.key}"
    if (folder / MANIFEST_FILE).exists():
        return read_run(folder)
    with new_artefact(folder, resume=stamp.key) as building:
        (building / FAILURE_FILE).unlink(missing_ok=True)
        write_json(building / CONFIG_FILE, resolved.to_json())
        stamp.write(building)
        fitting = _Fitting(building, config, dataset, labels, folds, execution, reporter)
        try:
            result = fitting.fitted_and_scored()
        except GogookuError as fault:
            with suppress(StorageError):
                write_json(building / FAILURE_FILE, {"stage": "train", "error": str(fault)})
            raise
        hashes = fitting.write_predictions(_tests(result, dataset))
        write_json(building / MANIFEST_FILE, _manifest(name, dataset, folds, result, hashes))
    write_point("train.done")
    return read_run(folder)


def code_of_training(config: TrainConfig) -> tuple[str, ...]:
    """Modules whose code decides what is fitted, for the stamp of a run."""
    return (__name__, *chosen_references(config))


def _inputs(dataset: Dataset, labels: Labels, config: TrainConfig) -> dict[str, str]:
    """Hashes of what a run is fitted on."""
    inputs = {
        f"dataset {dataset.folder.name}": dataset.content_hash,
        "labels": str(labels.manifest["content_hash"]),
    }
    if reads_raw(config.learner):
        inputs[RAW_INPUT] = raw_hash(dataset)
    return inputs


class _Fitting:
    """One run's folds being fitted, with what is already on disk."""

    def __init__(
        self,
        building: Path,
        config: TrainConfig,
        dataset: Dataset,
        labels: Labels,
        folds: tuple[Fold, ...],
        execution: Execution,
        reporter: Reporter,
    ) -> None:
        self.building = building
        self.config = config
        self.dataset = dataset
        self.labels = labels
        self.folds = folds
        self.execution = execution
        self.reporter = reporter
        self.events = EventLog(building / EVENTS_FILE)
        self.valid: list[pl.DataFrame] = []
        self.outputs: list[pl.DataFrame] = []

    def fitted_and_scored(self) -> OutOfSample | CrossScores:
        """Scores of every test part: of a walk-forward, or of a cross-validation."""
        if all(fold.out_of_time for fold in self.folds):
            return walk_forward(self.folds, fit=self.fit, score=self.score)
        return cross_validate(self.folds, fit=self.fit, score=self.score)

    def fit(self, fold: Fold) -> Checkpoint:
        """Fit one fold, or read it if an interrupted run had finished it; what scores its test."""
        if not self.config.refit:
            selected = kept = self._fitted(fold, CHECKPOINT)
        else:
            selected = self._fitted(fold, SELECTED)
            kept = self._fitted(fold, CHECKPOINT, chosen=selected)
        self._score_valid(selected, fold)
        self._put_outputs(selected, fold, "valid")
        self._put_outputs(kept, fold, "test")
        return kept

    def _fitted(self, fold: Fold, name: str, *, chosen: Checkpoint | None = None) -> Checkpoint:
        number = self.folds.index(fold)
        place = self.building / "folds" / str(number)
        final = place / name
        if not final.exists():
            work = place / "work"
            work.mkdir(parents=True, exist_ok=True)
            parts = "train and valid" if chosen is not None else "train"
            self.events.once(
                {"event": "fold", "fold": number, "fitted_on": parts, **fold.to_json()}
            )
            checkpoint = make_learner(self.config.learner).fit(
                self.dataset,
                self.labels,
                fold,
                rng=np.random.default_rng([self.config.seed, number]),
                execution=FitExecution(
                    threads=self.execution.threads,
                    device=self.execution.device,
                    reporter=self.reporter,
                    events=lambda event: self.events({"fold": number, **event}),
                    work=work,
                    journal=self.events,
                    save_seconds=self.execution.save_seconds,
                    stall_seconds=self.execution.stall_seconds,
                    compiled=self.execution.compiled,
                    residence=self.execution.residence,
                ),
                chosen=chosen,
            )
            self.events.mark()
            keep_checkpoint(checkpoint, final)
            write_point("train.fold")
        shutil.rmtree(place / "work", ignore_errors=True)
        return load_checkpoint(final, device=self.execution.device)

    def _score_valid(self, checkpoint: Checkpoint, fold: Fold) -> None:
        indices = fold.indices("valid")
        scores, days = self.score(checkpoint, indices), self.dataset.sessions[indices]
        made = long_form(scores, days, self.dataset.codes, horizons=self.labels.horizons)
        self.valid.append(_of_fold(made, self.folds.index(fold), "valid"))

    def _put_outputs(self, checkpoint: Checkpoint, fold: Fold, part: str) -> None:
        """What a checkpoint gives beside its scores, for a part of a fold."""
        assert isinstance(checkpoint, Headed), type(checkpoint).__name__
        indices = fold.indices(part)
        found = checkpoint.more_outputs(self.dataset, indices)
        if found:
            days = self.dataset.sessions[indices]
            made = joined(found, days, self.dataset.codes, horizons=self.labels.horizons)
            self.outputs.append(_of_fold(made, self.folds.index(fold), part))

    def score(self, checkpoint: Checkpoint, indices: IntArray) -> Scores:
        """Scores of sessions, [t, N, H].

        Raises
        ------
        DataError
            Some are infinite, or none of a horizon is a number: the fit has failed.
        """
        scores = checkpoint.scores(self.dataset, indices)
        days = self.dataset.sessions[indices]
        where = f"{len(days)} sessions ({days[0]} to {days[-1]})"
        endless = int(np.isinf(scores).sum())
        if endless:
            raise DataError(
                f"train: {endless:,} of {scores.size:,} scores of {where} are infinite, so the fit "
                "did not converge; try other settings of the learner, such as a lower rate"
            )
        for h, horizon in enumerate(self.labels.horizons):
            if not np.isfinite(scores[:, :, h]).any():
                raise DataError(
                    f"train: none of the scores of {where} at horizon {horizon} is a number (all "
                    "are NaN), so there is nothing to judge; do these sessions have names in the "
                    "universe (gogooku audit), and did the fit converge?"
                )
        return scores

    def write_predictions(self, tests: Sequence[pl.DataFrame]) -> dict[str, str]:
        """Write validation and test scores; returns the hash of everything that was fitted.

        Parameters
        ----------
        tests : sequence of polars.DataFrame
            One a fold, in the long form.
        """
        frames = [
            *self.valid,
            *(_of_fold(one, number, "test") for number, one in enumerate(tests)),
        ]
        path = self.building / PREDICTIONS_FILE
        write_parquet(pl.concat(frames), path)
        write_point("train.predictions")
        hashes = {"predictions": hash_file(path)}
        if self.outputs:
            write_parquet(pl.concat(self.outputs), self.building / OUTPUTS_FILE)
            hashes["outputs"] = hash_file(self.building / OUTPUTS_FILE)
        for file in sorted((self.building / "folds").rglob("*")):
            if file.is_file():
                hashes[str(file.relative_to(self.building))] = hash_file(file)
        return hashes


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


def _of_fold(frame: pl.DataFrame, fold: int, part: str) -> pl.DataFrame:
    """Scores with the fold and the part that they belong to."""
    return frame.select(
        pl.lit(fold, dtype=pl.Int32).alias("fold"), pl.lit(part).alias("part"), pl.all()
    )


def _manifest(
    name: str,
    dataset: Dataset,
    folds: tuple[Fold, ...],
    result: OutOfSample | CrossScores,
    hashes: Mapping[str, str],
) -> dict[str, Any]:
    return {
        "kind": "run",
        "name": name,
        "dataset": dataset.folder.name,
        "exchange": dataset.manifest["exchange"],
        "source": dataset.manifest["source"],
        "source_version": dataset.manifest["source_version"],
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
