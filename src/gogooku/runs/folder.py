"""A run folder: what is in it, how it is found, and its predictions."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from gogooku.core.config import assignments_for, tree_of, validated
from gogooku.core.errors import ConfigError, ContractError, DataError
from gogooku.core.files import MANIFEST_FILE, read_json, read_parquet
from gogooku.core.forecast import Places, Scores
from gogooku.core.stamp import CONFIG_FILE, Stamp
from gogooku.core.types import Dataset, IntArray
from gogooku.dataset.home import current_dataset
from gogooku.runs.config import TrainConfig
from gogooku.runs.named import run_named

PREDICTIONS_FILE = "predictions.parquet"
EVENTS_FILE = "events.jsonl"


@dataclass(frozen=True)
class Run:
    """A finished run on disk."""

    folder: Path
    config: TrainConfig
    stamp: Stamp
    manifest: Mapping[str, Any]

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
        return found

    def scores(self, part: str, dataset: Dataset) -> tuple[IntArray, Scores]:
        """Scores of one part as session indices [t] and float32 [t, N, H], NaN where none.

        Raises
        ------
        ContractError
            Dates or codes are not those of the dataset.
        """
        frame = self.predictions(part)
        try:
            places = Places.of(frame, dataset.sessions, dataset.codes, horizons=self.horizons)
        except ContractError as fault:
            raise ContractError(
                f"predictions of run {self.run_id} do not fit dataset {dataset.folder.name}: "
                f"{fault}; train again"
            ) from fault
        return places.indices, places.dense(frame.get_column("score"))

    def predictions(self, part: str) -> pl.DataFrame:
        """Scores of one part (fold, date, code, horizon, score)."""
        frame = read_parquet(self.folder / PREDICTIONS_FILE)
        return frame.filter(pl.col("part") == part).drop("part")

    def checkpoints(self) -> list[Path]:
        """Checkpoint folders, one per fold, in time order."""
        folders = sorted((self.folder / "folds").iterdir(), key=lambda p: int(p.name))
        return [folder / "checkpoint" for folder in folders]


def runs_folder(home: Path) -> Path:
    """Where runs live."""
    return home / "runs"


def finished_runs(home: Path) -> list[Path]:
    """Finished runs, the newest last."""
    found = [p.parent for p in runs_folder(home).glob(f"[!.]*/{MANIFEST_FILE}")]
    return sorted(found, key=lambda folder: (folder / MANIFEST_FILE).stat().st_mtime_ns)


def open_run(home: Path, name: str | None) -> Run:
    """Find a run by path, by id, by the name it was started with, or the newest one.

    Raises
    ------
    DataError
        There is none; the message lists those that exist.
    """
    finished = finished_runs(home)
    if name is None:
        matches = finished
    elif (Path(name) / MANIFEST_FILE).exists():
        matches = [Path(name)]
    else:
        matches = [p for p in finished if p.name == name]
        matches = matches or [p for p in finished if p.name.rpartition("-")[0] == name]
    if not matches:
        listed = ", ".join(p.name for p in finished) or "none yet"
        wanted = "a run" if name is None else f"run {name!r}"
        raise DataError(f"{wanted} is not in {home} (finished: {listed}); gogooku train RUN")
    return read_run(matches[-1])


def read_run(folder: Path) -> Run:
    """Read a finished run folder.

    Raises
    ------
    DataError
        A file is missing or damaged, or an earlier version wrote it: its settings are not those of
        a training now. The message says how to make it again.
    """
    leaves, manifest = read_json(folder / CONFIG_FILE), read_json(folder / MANIFEST_FILE)
    stamp = Stamp.read(folder)
    try:
        config = validated(TrainConfig, tree_of(leaves))
    except ConfigError as fault:
        raise DataError(
            f"run {folder.name} was made by an earlier version, with settings that a training does "
            f"not have now. Make it again: {_again(leaves, stamp, manifest)}. The folder stays as "
            f"it is; remove it when you need it no more: {folder}"
        ) from fault
    return Run(folder=folder, config=config, stamp=stamp, manifest=manifest)


_JUDGED, _TRADED = "judge_label", "backtest."
"""Settings of judging and of trading in the config of a run whose training still had them."""


def _again(
    leaves: Mapping[str, Mapping[str, Any]], stamp: Stamp, manifest: Mapping[str, Any]
) -> str:
    """Commands that make what an earlier version made: its own settings, on its dataset."""
    name = str(manifest["name"])
    train = ["gogooku", "train", name, "--dataset", str(manifest["dataset"])]
    for text in assignments_for(leaves, run_named(name)):
        train += ["--set", text]
    if stamp.threads not in (None, 1):
        train += ["--threads", str(stamp.threads)]
    commands = [train]
    for command, prefix in (("evaluate", _JUDGED), ("backtest", _TRADED)):
        given = [
            f"{path.removeprefix(_TRADED)}={json.dumps(entry['value'])}"
            for path, entry in leaves.items()
            if path.startswith(prefix) and entry["from"] != "default"
        ]
        if given:
            commands.append(["gogooku", command, name])
            commands[-1] += [word for text in given for word in ("--set", text)]
    return " && ".join(shlex.join(command) for command in commands)
