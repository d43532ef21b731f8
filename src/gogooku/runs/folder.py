"""A run folder: what is in it, how it is found, and its predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.config import validated
from gogooku.core.errors import ContractError, DataError
from gogooku.core.files import MANIFEST_FILE, read_json, read_parquet
from gogooku.core.stamp import CONFIG_FILE, Stamp
from gogooku.core.types import Dataset, IntArray
from gogooku.runs.config import RunConfig

PREDICTIONS_FILE = "predictions.parquet"
EVENTS_FILE = "events.jsonl"


@dataclass(frozen=True)
class Run:
    """A finished run on disk."""

    folder: Path
    config: RunConfig
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
    """Read a finished run folder."""
    leaves = read_json(folder / CONFIG_FILE)
    return Run(
        folder=folder,
        config=validated(RunConfig, _tree(leaves)),
        stamp=Stamp.read(folder),
        manifest=read_json(folder / MANIFEST_FILE),
    )


def _tree(leaves: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, entry in leaves.items():
        *parents, last = path.split(".")
        node = tree
        for step in parents:
            node = node.setdefault(step, {})
        node[last] = entry["value"]
    return tree


def dense_scores(
    frame: pl.DataFrame, dataset: Dataset, horizons: tuple[int, ...]
) -> tuple[IntArray, npt.NDArray[np.float32]]:
    """Scores of a predictions frame as session indices [t] and float32 [t, N, H], NaN where none.

    Raises
    ------
    ContractError
        Dates or codes are not those of the dataset.
    """
    dates = frame.get_column("date").to_numpy().astype("datetime64[D]")
    days = np.unique(dates)
    indices = np.searchsorted(dataset.sessions, days)
    known = set(dataset.codes)
    if (dataset.sessions[np.minimum(indices, len(dataset.sessions) - 1)] != days).any() or not set(
        frame.get_column("code").unique().to_list()
    ) <= known:
        raise ContractError(f"predictions do not fit dataset {dataset.folder.name}; train again")
    n = frame.get_column("code").cast(pl.Enum(list(dataset.codes))).to_physical().to_numpy()
    h = np.searchsorted(np.array(horizons), frame.get_column("horizon").to_numpy())
    out = np.full((len(days), len(dataset.codes), len(horizons)), np.nan, dtype=np.float32)
    out[np.searchsorted(days, dates), n.astype(np.int64), h] = frame.get_column("score").to_numpy()
    return indices, out
