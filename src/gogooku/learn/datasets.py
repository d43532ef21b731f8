"""Datasets in a home: where they live, which is current, and the raw bars kept beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gogooku.core.errors import DataError
from gogooku.core.files import (
    hash_file,
    hash_parts,
    load_array,
    publish_pointer,
    read_json,
    stage_pointer,
    write_point,
)
from gogooku.core.types import Dataset, Labels, Panel
from gogooku.features.labels import read_labels
from gogooku.learn.tensors import read_dataset

MANIFEST_FILE = "manifest.json"
BAR_COLUMNS = (
    "open",
    "high",
    "low",
    "close",
    "adjustment_factor",
    "limit_up",
    "limit_down",
)


def datasets_folder(home: Path) -> Path:
    """Where datasets live."""
    return home / "datasets"


def stage_current(folder: Path) -> None:
    """Get ready to make a dataset the one that later commands use; it may still be hidden."""
    stage_pointer(folder.parent / "current.json", folder.name, key="dataset")


def publish_current(folder: Path) -> None:
    """Make a finished dataset the one that later commands use, after `stage_current`."""
    publish_pointer(folder.parent / "current.json", folder.name)
    write_point("dataset.current")


def current_dataset(home: Path, name: str | None = None) -> Dataset:
    """The named dataset, or the one built last.

    Raises
    ------
    DataError
        There is none, or none of that name.
    """
    pointer = datasets_folder(home) / "current.json"
    if name is None:
        if not pointer.exists():
            raise DataError(f"no dataset in {home}; run: gogooku build")
        name = str(read_json(pointer)["dataset"])
    folder = datasets_folder(home) / name
    if not (folder / MANIFEST_FILE).exists():
        known = sorted(p.parent.name for p in datasets_folder(home).glob(f"*/{MANIFEST_FILE}"))
        raise DataError(f"dataset {name!r} is not in {home} (there: {', '.join(known) or 'none'})")
    return read_dataset(folder)


def labels_of(dataset: Dataset) -> Labels:
    """The labels that belong to a dataset."""
    return read_labels(dataset.folder / "labels", sessions=dataset.sessions, codes=dataset.codes)


def write_bars(folder: Path, panel: Panel) -> str:
    """Keep the raw bars that fills are made at, [T, N] each; returns their hash."""
    for column in BAR_COLUMNS:
        np.save(folder / f"{column}.npy", panel.dense(column))
    np.save(folder / "listed.npy", panel.listed())
    write_point("bars.done")
    return hash_parts({c: hash_file(folder / f"{c}.npy") for c in (*BAR_COLUMNS, "listed")})


def read_bars(dataset: Dataset) -> Mapping[str, npt.NDArray[Any]]:
    """The raw bars of a dataset, memory-mapped."""
    folder = dataset.folder / "bars"
    return {c: load_array(folder / f"{c}.npy") for c in (*BAR_COLUMNS, "listed")}
