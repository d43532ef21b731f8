"""A run folder: what is in it, and its predictions."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import polars as pl

from gogooku.core.config import tree_of, validated
from gogooku.core.errors import ConfigError, ContractError, DataError, UsageError
from gogooku.core.files import MANIFEST_FILE
from gogooku.core.findings import short
from gogooku.core.folds import Span
from gogooku.core.forecast import Places, Scores
from gogooku.core.seal import Sealed, open_sealed
from gogooku.core.stamp import CONFIG_FILE, STAMP_FILE, Stamp
from gogooku.core.types import Dataset, IntArray
from gogooku.dataset.home import current_dataset
from gogooku.runs.config import GivenConfig, TrainConfig

PREDICTIONS_FILE = "predictions.parquet"
OUTPUTS_FILE = "outputs.parquet"
"""What a learner gives beside its scores; only there if it was asked for some."""
OF_VENDOR: Final = (PREDICTIONS_FILE, OUTPUTS_FILE)
"""Files of a run that go with the data they came from: ``sync --forget``."""
REPORT: Final = "report"
REPORT_FILE: Final = "report.html"
"""A page about a run, in a folder beside it; it shows names and scores of a session."""
EVENTS_FILE = "events.jsonl"
RAW_INPUT: Final = "raw channels"
"""In the stamp of a run that reads raw channels: their hash, which no content hash holds."""
GIVEN: Final = "given"
"""In the manifest of a run whose scores were made elsewhere: what was left out of them."""


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def origin(name: str, dataset: Dataset) -> dict[str, Any]:
    """What the manifest of every run says of its name and its data."""
    return {
        "kind": "run",
        "name": name,
        "dataset": dataset.folder.name,
        **{key: dataset.manifest[key] for key in ("exchange", "source", "source_version")},
    }


def of_part(frame: pl.DataFrame, fold: int, part: str) -> pl.DataFrame:
    """Scores with the fold and the part that they belong to, as `PREDICTIONS_FILE` holds them."""
    return frame.select(
        pl.lit(fold, dtype=pl.Int32).alias("fold"), pl.lit(part).alias("part"), pl.all()
    )


def require_name(what: str, name: str) -> None:
    """Refuse a name that could not be that of a file, a column or a line of a page everywhere.

    Raises
    ------
    UsageError
        It is not of 1 to 64 letters, digits, dots, dashes and underscores.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{what} {short(name)}: a name begins with a letter or a digit and has 1 to 64 "
            "letters, digits, dots, dashes and underscores"
        )


def raw_hash(dataset: Dataset) -> str:
    """Hash of the raw channels of a dataset; ``none`` when it has none."""
    return str(dataset.manifest["parts"].get("raw", "none"))


@dataclass(frozen=True)
class Run:
    """A finished run on disk."""

    folder: Path
    config: TrainConfig | GivenConfig
    stamp: Stamp
    manifest: Mapping[str, Any]

    @property
    def files(self) -> Sealed:
        """Its files; each is checked before it is read."""
        return Sealed(self.folder, self.manifest)

    @property
    def run_id(self) -> str:
        """Name of the folder."""
        return self.folder.name

    @property
    def dataset_name(self) -> str:
        """The dataset it was fitted on."""
        return str(self.manifest["dataset"])

    @property
    def content_hash(self) -> str:
        """Hash of its predictions and of everything that was fitted."""
        return str(self.manifest["content_hash"])

    @property
    def dataset_hash(self) -> str:
        """Content of the dataset it was fitted on."""
        return self.stamp.inputs[f"dataset {self.dataset_name}"]

    @property
    def horizons(self) -> tuple[int, ...]:
        """Horizons it has scores for."""
        return tuple(int(horizon) for horizon in self.manifest["horizons"])

    def exchange(self, home: Path) -> str:
        """Exchange of the dataset it was fitted on.

        Raises
        ------
        DataError
            An earlier version wrote the run, and its dataset is not in the home.
        """
        said = self.manifest.get("exchange")
        return str(said if said else current_dataset(home, self.dataset_name).manifest["exchange"])

    def dataset(self, home: Path) -> Dataset:
        """The dataset it was fitted on.

        Raises
        ------
        DataError
            It is not in the home.
        ContractError
            A dataset of that name is, but with another content.
        """
        found = current_dataset(home, self.dataset_name)
        if found.content_hash != self.dataset_hash:
            raise ContractError(
                f"run {self.run_id} was fitted on content {self.dataset_hash} of dataset "
                f"{self.dataset_name}, which now has content {found.content_hash}; train again"
            )
        read = self.stamp.inputs.get(RAW_INPUT)
        if read is not None and read != raw_hash(found):
            raise ContractError(
                f"run {self.run_id} read raw channels {read} of dataset {self.dataset_name}, whose "
                f"raw channels are now {raw_hash(found)}; train again"
            )
        return found

    @property
    def given(self) -> bool:
        """Whether its scores were made elsewhere, see `gogooku.runs.given`."""
        return isinstance(self.config, GivenConfig)

    def training(self) -> TrainConfig:
        """The settings that it was fitted with.

        Raises
        ------
        UsageError
            It was not fitted here.
        """
        if isinstance(self.config, GivenConfig):
            raise UsageError(
                f"run {self.run_id} holds scores that were made elsewhere, without a model: it "
                "cannot be fitted, examined or released, and it ranks no other session. "
                "`gogooku evaluate`, `backtest`, `compare` and `report` take it; for anything else "
                "train a run: gogooku train lightgbm"
            )
        return self.config

    @property
    def num_paths(self) -> int:
        """Paths of scores that a cross-validation made; 0 where the test parts are out of time."""
        return int(self.manifest.get("paths", 0))

    @property
    def out_of_time(self) -> bool:
        """Whether everything that was fitted on lies before what was tested."""
        return not self.num_paths

    def windows(self, *parts: str) -> tuple[Span, ...]:
        """First and last dates of some parts of every fold."""
        return windows_of(self.manifest, *parts)

    @property
    def tested(self) -> Span:
        """First and last date that was tested."""
        return tested(self.manifest)

    def scores(
        self, part: str, dataset: Dataset, *, path: int | None = None
    ) -> tuple[IntArray, Scores]:
        """Scores of one part as session indices [t] and float32 [t, N, H], NaN where none.

        Raises
        ------
        UsageError
            The part ``test`` of a cross-validation without a path, or the part ``valid``, in which
            a session has as many scores as fits were selected on it.
        ContractError
            Dates or codes are not those of the dataset.
        """
        return self._dense(self.predictions(part, path=path), dataset)

    def fold_scores(self, part: str, number: int, dataset: Dataset) -> tuple[IntArray, Scores]:
        """The same of one part of one fold, in which a session has one score of a name.

        It is also there of a cross-validation, where folds share sessions: to look at the fit of
        a fold, never to judge or trade it.

        Raises
        ------
        ContractError
            As `scores`.
        """
        return self._dense(self._part(part).filter(pl.col("fold") == number), dataset)

    def _dense(self, frame: pl.DataFrame, dataset: Dataset) -> tuple[IntArray, Scores]:
        try:
            places = Places.of(frame, dataset.sessions, dataset.codes, horizons=self.horizons)
        except ContractError as fault:
            raise ContractError(
                f"predictions of run {self.run_id} do not fit dataset {dataset.folder.name}: "
                f"{fault}; train again"
            ) from fault
        return places.indices, places.dense(frame.get_column("score"))

    def predictions(self, part: str, *, path: int | None = None) -> pl.DataFrame:
        """Scores of one part (fold, date, code, horizon, score).

        Parameters
        ----------
        path : int, optional
            Of a cross-validation: which path of test scores, from 0.

        Raises
        ------
        UsageError
            As `scores`.
        """
        if self.num_paths and (part != "test" or path is None):
            raise UsageError(
                f"run {self.run_id} is a cross-validation: it was fitted on sessions after those "
                "that it was tested on, so its scores are not out of time and cannot be traded, "
                "shown or compared as if they were. `gogooku evaluate` judges it; for anything "
                "else train with another split, for example --set split.kind=walk_forward"
            )
        frame = self._part(part)
        return frame if path is None else self._of_path(frame, path)

    def _part(self, part: str) -> pl.DataFrame:
        """Rows of a part of every fold."""
        frame = self.files.parquet(PREDICTIONS_FILE)
        return frame.filter(pl.col("part") == part).drop("part")

    def _of_path(self, frame: pl.DataFrame, path: int) -> pl.DataFrame:
        """Rows that belong to one path of scores."""
        rows = [
            (number, date.fromisoformat(low), date.fromisoformat(high))
            for number, fold in enumerate(self.manifest["folds"])
            for (low, high), one in zip(fold["test"], fold["paths"], strict=True)
            if one == path
        ]
        mine = [
            (pl.col("fold") == number) & pl.col("date").is_between(low, high)
            for number, low, high in rows
        ]
        return frame.filter(pl.any_horizontal(mine))

    @property
    def events(self) -> list[dict[str, Any]]:
        """What its fits reported, line by line; none for a learner that reports nothing."""
        if not self.files.has(EVENTS_FILE):
            return []
        lines = self.files.path(EVENTS_FILE).read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line]

    def checkpoints(self) -> list[Path]:
        """Checkpoint folders, one per fold, in time order; every file of them has been checked.

        Raises
        ------
        UsageError
            As `training`.
        DataError
            A file is missing or damaged.
        """
        self.training()
        places = [f"folds/{number}/checkpoint" for number in range(len(self.manifest["folds"]))]
        for place in places:
            self.files.check(place)
        return [self.folder / place for place in places]


def windows_of(manifest: Mapping[str, Any], *parts: str) -> tuple[Span, ...]:
    """First and last dates of some parts of every fold that has them, by the manifest of a run."""
    found = [fold[part] for fold in manifest["folds"] for part in parts if part in fold]
    spans = [span for one in found for span in (one if manifest.get("paths") else [one])]
    return tuple((date.fromisoformat(low), date.fromisoformat(high)) for low, high in spans)


def tested(manifest: Mapping[str, Any]) -> Span:
    """First and last date that was tested, by the manifest of a run."""
    windows = windows_of(manifest, "test")
    return min(low for low, _ in windows), max(high for _, high in windows)


def bias_of(dataset: Dataset) -> dict[str, list[str]]:
    """What the source of a dataset is known to be biased by, for the facts of a result."""
    return {"known_bias": list(dataset.manifest.get("known_bias", ()))}


def runs_folder(home: Path) -> Path:
    """Where runs live."""
    return home / "runs"


def finished_runs(home: Path) -> list[Path]:
    """Finished runs, the newest last."""
    found = [p.parent for p in runs_folder(home).glob(f"[!.]*/{MANIFEST_FILE}")]
    return sorted(found, key=lambda folder: (folder / MANIFEST_FILE).stat().st_mtime_ns)


def without_manifest(home: Path) -> list[Path]:
    """Folders that stand where a finished run stands and have no manifest: it was lost."""
    found = sorted(runs_folder(home).glob("[!.]*"))
    return [p for p in found if p.is_dir() and not os.path.lexists(p / MANIFEST_FILE)]


class OtherSettingsError(DataError):
    """The settings of a run are not those of a training now."""


def read_run(folder: Path) -> Run:
    """Read a finished run folder.

    Raises
    ------
    OtherSettingsError
        An earlier version wrote it, or its learner is none that is registered here.
    DataError
        A file is missing or damaged.
    """
    files = open_sealed(folder, kind="run")
    leaves, stamp = files.json(CONFIG_FILE), Stamp.of(files.json(STAMP_FILE), folder / STAMP_FILE)
    try:
        config = _config(tree_of(leaves), given=GIVEN in files.manifest)
    except ConfigError as fault:
        raise OtherSettingsError(f"run {folder.name}: {fault}") from fault
    return Run(folder=folder, config=config, stamp=stamp, manifest=files.manifest)


def _config(tree: Mapping[str, Any], *, given: bool) -> TrainConfig | GivenConfig:
    return validated(GivenConfig, tree) if given else validated(TrainConfig, tree)
