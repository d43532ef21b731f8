"""One fit: a config, a fold, a seed. The unit of which walk-forwards and searches are made.

A job is kept in ``HOME/jobs/KEY``, and its key hangs on what decides it: learner, labels, seed, the
fold and its place, the data, the code, threads and device. The split that a fold came from and the
name of a run are no part of it. So a fold that two runs or two trials share is fitted once, by
whoever comes first, and a killed fit goes on from its last state.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from gogooku.core.artefact import new_artefact
from gogooku.core.config import Execution, leaves
from gogooku.core.errors import DataError, GogookuError, StorageError
from gogooku.core.files import (
    MANIFEST_FILE,
    hash_file,
    hash_json,
    hash_parts,
    write_json,
    write_parquet,
    write_point,
)
from gogooku.core.forecast import Places, Scores, joined, long_form
from gogooku.core.journal import EventLog
from gogooku.core.progress import Reporter
from gogooku.core.registry import chosen_references
from gogooku.core.rowfiles import link_or_copy
from gogooku.core.seal import Sealed, open_sealed
from gogooku.core.stamp import CONFIG_FILE, Stamp, make_stamp
from gogooku.core.types import Checkpoint, Dataset, FitExecution, Fold, IntArray, Labels
from gogooku.execute.memory import peak_bytes
from gogooku.learn.checkpoint import Headed, keep_checkpoint, load_checkpoint
from gogooku.learn.config import reads_raw
from gogooku.learn.devices import check_compiled, check_device, check_processes
from gogooku.learn.registry import make_learner
from gogooku.runs.config import TrainConfig
from gogooku.runs.folder import EVENTS_FILE, OUTPUTS_FILE, PREDICTIONS_FILE, RAW_INPUT, raw_hash

FAILURE_FILE: Final = "failure.json"
CHECKPOINT, SELECTED = "checkpoint", "selected"
"""Folders of a job: what scores its test part, and of a refit what selected on validation."""
JOB: Final = "job"
SPENT_FILE: Final = "spent.json"
"""What a fit took: no two take the same, so it is no part of what came of it."""


def jobs_folder(home: Path) -> Path:
    """Where finished fits live; they can be made again."""
    return home / "jobs"


def finished_jobs(home: Path) -> list[Path]:
    """Folders of finished fits, by name."""
    return sorted(found.parent for found in jobs_folder(home).glob(f"[!.]*/{MANIFEST_FILE}"))


def inputs_of(dataset: Dataset, labels: Labels, config: TrainConfig) -> dict[str, str]:
    """Hashes of what a fit is made of."""
    inputs = {
        f"dataset {dataset.folder.name}": dataset.content_hash,
        "labels": str(labels.manifest["content_hash"]),
    }
    if reads_raw(config.learner):
        inputs[RAW_INPUT] = raw_hash(dataset)
    return inputs


@dataclass(frozen=True)
class Job:
    """A fold to be fitted.

    Attributes
    ----------
    config : TrainConfig
        Its split only says where the fold came from.
    number : int
        The fold's place in its split; the random numbers of a fit hang on it.
    fold : Fold
    dataset, labels
    execution : Execution
    """

    config: TrainConfig
    number: int
    fold: Fold
    dataset: Dataset
    labels: Labels
    execution: Execution

    @cached_property
    def decided_by(self) -> dict[str, Any]:
        """The settings that decide it, as JSON values."""
        settings = self.config.model_dump(mode="json", exclude={"split", "warmup_sessions"})
        return {**settings, "number": self.number, "fold": self.fold.to_json()}

    @cached_property
    def stamp(self) -> Stamp:
        """Its stamp; the key names its folder."""
        return make_stamp(
            JOB,
            config_hash=hash_json(self.decided_by),
            code=(__name__, *chosen_references(self.config)),
            inputs=inputs_of(self.dataset, self.labels, self.config),
            seed=self.config.seed,
            threads=self.execution.threads,
            device=self.execution.where,
        )

    def folder(self, home: Path) -> Path:
        """Where it is once it is finished."""
        return jobs_folder(home) / self.stamp.key

    def done(self, home: Path) -> DoneJob | None:
        """What came of it; None while it is not finished.

        Raises
        ------
        DataError
            It is damaged.
        """
        folder = self.folder(home)
        return DoneJob.read(folder) if (folder / MANIFEST_FILE).exists() else None


@dataclass(frozen=True)
class DoneJob:
    """A finished fit on disk."""

    folder: Path
    manifest: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path) -> DoneJob:
        """Open one; a damaged one is a `DataError`."""
        return cls(folder=folder, manifest=open_sealed(folder, kind=JOB).manifest)

    @property
    def files(self) -> Sealed:
        """Its files; each is checked before it is read."""
        return Sealed(self.folder, self.manifest)

    @property
    def horizons(self) -> tuple[int, ...]:
        """Horizons it has scores for."""
        return tuple(int(horizon) for horizon in self.manifest["horizons"])

    @property
    def content_hash(self) -> str:
        """Hash of its scores and of everything that was fitted."""
        return str(self.manifest["content_hash"])

    @property
    def spent(self) -> dict[str, float]:
        """Wall seconds of its last run, and the most memory of the process that did it."""
        return self.files.json(SPENT_FILE)

    def checkpoint(self, name: str = CHECKPOINT, *, device: str = "cpu") -> Checkpoint:
        """What was fitted."""
        self.files.check(name)
        return load_checkpoint(self.folder / name, device=device)

    def frame(self, file: str) -> pl.DataFrame:
        """Its scores, or what the learner gives beside them: part, date, code, horizon, values."""
        return self.files.parquet(file)

    def scores(self, part: str, indices: IntArray, dataset: Dataset) -> Scores:
        """Scores of the sessions of a part, [t, N, H]; NaN where none."""
        rows = self.frame(PREDICTIONS_FILE).filter(pl.col("part") == part)
        places = Places.of(rows, dataset.sessions, dataset.codes, horizons=self.horizons)
        out = np.full((len(indices), *places.shape[1:]), np.nan, dtype=np.float32)
        out[np.searchsorted(indices, places.indices)] = places.dense(rows.get_column("score"))
        return out


def nobody_follows(chosen: Path | None) -> None:
    """Where one process fits."""
    del chosen


def run_job(
    home: Path,
    job: Job,
    *,
    reporter: Reporter,
    lead: Callable[[Path | None], None] = nobody_follows,
) -> DoneJob:
    """Fit a fold and score its validation and test parts; a finished one is found.

    Parameters
    ----------
    lead : callable
        Called before each fit, for those who fit with this process: where the checkpoint lies
        that has chosen the epochs, None where they are chosen now.

    Raises
    ------
    ConfigError
        This machine does not have the device, or the learner is no network and is given one; or it
        is to be compiled for the CPU.
    BusyError
        Another process is at it.
    DataError
        Scores are no numbers.
    """
    execution = job.execution
    check_device(job.config.learner.kind, execution.device)
    check_compiled(execution.device, compiled=execution.compiled)
    check_processes(job.config.learner, execution)
    folder = job.folder(home)
    if (done := job.done(home)) is not None:
        return done
    begun = time.monotonic()
    with new_artefact(folder, resume=job.stamp.key) as building:
        (building / FAILURE_FILE).unlink(missing_ok=True)
        write_json(building / CONFIG_FILE, dict(leaves(job.decided_by)))
        job.stamp.write(building)
        try:
            manifest = _Fitting(building, job, reporter, lead).fitted_and_scored()
        except GogookuError as fault:
            with suppress(StorageError):
                write_json(building / FAILURE_FILE, {"stage": "train", "error": str(fault)})
            raise
        spent = {"seconds": round(time.monotonic() - begun, 3), "peak_bytes": peak_bytes()}
        write_json(building / SPENT_FILE, spent)
        write_json(building / MANIFEST_FILE, manifest)
    write_point("job.done")
    return DoneJob.read(folder)


class _Fitting:
    """A fold being fitted, with what is already on disk."""

    def __init__(
        self,
        building: Path,
        job: Job,
        reporter: Reporter,
        lead: Callable[[Path | None], None],
    ) -> None:
        self.building = building
        self.lead = lead
        self.job = job
        self.reporter = reporter
        self.events = EventLog(building / EVENTS_FILE)
        self.frames: list[pl.DataFrame] = []
        self.outputs: list[pl.DataFrame] = []

    def fitted_and_scored(self) -> dict[str, Any]:
        """Fit, score, write; what the manifest says."""
        if not self.job.config.refit:
            selected = kept = self._fitted(CHECKPOINT)
        else:
            selected = self._fitted(SELECTED)
            kept = self._fitted(CHECKPOINT, chosen=selected)
        for checkpoint, part in ((selected, "valid"), (kept, "test")):
            self._score(checkpoint, part)
            self._put_outputs(checkpoint, part)
        hashes = self._written()
        return {
            "kind": JOB,
            "dataset": self.job.dataset.folder.name,
            "source": self.job.dataset.manifest["source"],
            "horizons": list(self.job.labels.horizons),
            "fold": self.job.fold.to_json(),
            "content_hash": hash_parts(hashes),
            "parts": dict(hashes),
        }

    def _fitted(self, name: str, *, chosen: Checkpoint | None = None) -> Checkpoint:
        """Fit, or read what an interrupted run of the job had finished."""
        job, final, work = self.job, self.building / name, self.building / "work"
        if not final.exists():
            work.mkdir(parents=True, exist_ok=True)
            parts = "train and valid" if chosen is not None else "train"
            facts = {"event": "fold", "fold": job.number, "fitted_on": parts}
            self.events.once({**facts, **job.fold.to_json()})
            self.lead(None if chosen is None else self.building / SELECTED)
            checkpoint = make_learner(job.config.learner).fit(
                job.dataset,
                job.labels,
                job.fold,
                rng=np.random.default_rng([job.config.seed, job.number]),
                execution=self._execution(work),
                chosen=chosen,
            )
            self.events.mark()
            keep_checkpoint(checkpoint, final)
            write_point("train.fold")
        shutil.rmtree(work, ignore_errors=True)
        return load_checkpoint(final, device=job.execution.device)

    def _execution(self, work: Path) -> FitExecution:
        execution, number = self.job.execution, self.job.number
        return FitExecution(
            threads=execution.threads,
            device=execution.device,
            reporter=self.reporter,
            events=lambda event: self.events({"fold": number, **event}),
            work=work,
            journal=self.events,
            save_seconds=execution.save_seconds,
            stall_seconds=execution.stall_seconds,
            compiled=execution.compiled,
            residence=execution.residence,
            processes=execution.processes,
        )

    def _score(self, checkpoint: Checkpoint, part: str) -> None:
        dataset, indices = self.job.dataset, self.job.fold.indices(part)
        scores = checkpoint.scores(dataset, indices)
        require_numbers(scores, dataset, indices, horizons=self.job.labels.horizons)
        days = dataset.sessions[indices]
        made = long_form(scores, days, dataset.codes, horizons=self.job.labels.horizons)
        self.frames.append(_of_part(made, part))

    def _put_outputs(self, checkpoint: Checkpoint, part: str) -> None:
        """What a checkpoint gives beside its scores, for a part."""
        assert isinstance(checkpoint, Headed), type(checkpoint).__name__
        dataset, indices = self.job.dataset, self.job.fold.indices(part)
        found = checkpoint.more_outputs(dataset, indices)
        if found:
            days = dataset.sessions[indices]
            made = joined(found, days, dataset.codes, horizons=self.job.labels.horizons)
            self.outputs.append(_of_part(made, part))

    def _written(self) -> dict[str, str]:
        """Write scores and outputs; hashes of all that came of the fit."""
        write_parquet(pl.concat(self.frames), self.building / PREDICTIONS_FILE)
        write_point("job.predictions")
        hashes = {"predictions": hash_file(self.building / PREDICTIONS_FILE)}
        if self.outputs:
            write_parquet(pl.concat(self.outputs), self.building / OUTPUTS_FILE)
            hashes["outputs"] = hash_file(self.building / OUTPUTS_FILE)
        for name in (CHECKPOINT, SELECTED):
            hashes |= hashes_below(self.building / name, self.building)
        return hashes


def _of_part(frame: pl.DataFrame, part: str) -> pl.DataFrame:
    """Rows with the part that they belong to."""
    return frame.select(pl.lit(part).alias("part"), pl.all())


def require_numbers(
    scores: Scores, dataset: Dataset, indices: IntArray, *, horizons: tuple[int, ...]
) -> None:
    """Refuse scores of a fit that has failed.

    Raises
    ------
    DataError
        Some are infinite, or none of a horizon is a number.
    """
    days = dataset.sessions[indices]
    where = f"{len(days)} sessions ({days[0]} to {days[-1]})"
    endless = int(np.isinf(scores).sum())
    if endless:
        raise DataError(
            f"train: {endless:,} of {scores.size:,} scores of {where} are infinite, so the fit "
            "did not converge; try other settings of the learner, such as a lower rate"
        )
    for h, horizon in enumerate(horizons):
        if not np.isfinite(scores[:, :, h]).any():
            raise DataError(
                f"train: none of the scores of {where} at horizon {horizon} is a number (all "
                "are NaN), so there is nothing to judge; do these sessions have names in the "
                "universe (gogooku audit), and did the fit converge?"
            )


def hashes_below(folder: Path, root: Path) -> dict[str, str]:
    """Hash of every file below a folder, by its path from a root; none of a folder that is not."""
    found = sorted(folder.rglob("*"))
    return {str(file.relative_to(root)): hash_file(file) for file in found if file.is_file()}


def link_tree(source: Path, to: Path) -> None:
    """The files of a folder under another name as well; copies where links are impossible."""
    for file in sorted(source.rglob("*")):
        place = to / file.relative_to(source)
        if file.is_dir():
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        link_or_copy(file, place)
