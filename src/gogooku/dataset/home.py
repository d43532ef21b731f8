"""Datasets in a home: where they live, which is current, and the raw bars kept beside them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.artefact import (
    CURRENT_FILE,
    is_folder_name,
    pointed,
    publish_pointer,
    stage_pointer,
)
from gogooku.core.errors import DataError
from gogooku.core.files import MANIFEST_FILE, readable, write_point
from gogooku.core.findings import did_you_mean, short
from gogooku.core.types import Dataset, Labels, SessionRows
from gogooku.dataset.label_files import read_labels
from gogooku.dataset.reading import files_of, grown_of, raw_rows, read_dataset
from gogooku.dataset.state import BAR_COLUMNS, LISTED, feature_files


def datasets_folder(home: Path) -> Path:
    """Where datasets live."""
    return home / "datasets"


def stage_current(folder: Path) -> None:
    """Get ready to make a dataset the one that later commands use; it may still be hidden."""
    stage_pointer(folder.parent / CURRENT_FILE, folder.name, key="dataset")


def publish_current(folder: Path) -> None:
    """Make a finished dataset the one that later commands use, after `stage_current`."""
    publish_pointer(folder.parent / CURRENT_FILE, folder.name)
    write_point("dataset.current")


def current_name(home: Path) -> str:
    """Name of the dataset built last.

    Raises
    ------
    DataError
        There is none, or what names it is damaged.
    """
    pointer = datasets_folder(home) / CURRENT_FILE
    if not os.path.lexists(pointer):
        raise DataError(f"No dataset in {home}. Run: gogooku build")
    return pointed(pointer, key="dataset").name


def dataset_names(home: Path) -> list[str]:
    """Names of all finished datasets."""
    found = datasets_folder(home).glob(f"[!.]*/{MANIFEST_FILE}")
    return sorted(manifest.parent.name for manifest in found)


def current_dataset(home: Path, name: str | None = None) -> Dataset:
    """The named dataset, or the one built last.

    Raises
    ------
    DataError
        There is none, or none of that name; or it is damaged.
    """
    if name is None:
        return read_dataset(datasets_folder(home) / current_name(home))
    folder = datasets_folder(home) / name
    if not is_folder_name(name) or not os.path.exists(folder / MANIFEST_FILE):
        known = dataset_names(home)
        if not known:
            raise DataError(f"No dataset {short(name)} in {home}, and no other. Run: gogooku build")
        raise DataError(f"No dataset {short(name)} in {home}{did_you_mean(name, known)}")
    return read_dataset(folder)


def labels_of(dataset: Dataset) -> Labels:
    """The labels that belong to a dataset."""
    return read_labels(dataset.folder / "labels", sessions=dataset.sessions, codes=dataset.codes)


def read_bars(dataset: Dataset) -> Mapping[str, npt.NDArray[Any]]:
    """The raw bars of a dataset, memory-mapped and checked, [T, N] each."""
    grown = grown_of(dataset)
    return {c: grown.rows_of(grown.layout.bar(c)).whole() for c in (*BAR_COLUMNS, LISTED)}


def served(dataset: Dataset) -> tuple[Dataset, SessionRows]:
    """The dataset and its raw closes [T, N] for who reads a few sessions, perhaps for days.

    Its rows are not mapped but read when they are asked for: a file that is cut off meanwhile is a
    `DataError` there. A session is checked when it is first read.
    """
    grown = grown_of(dataset)
    x_TNF = grown.rows_of(grown.layout.x, mapped=False)
    unmapped = replace(dataset, x_TNF=x_TNF, raw_TNC=raw_rows(grown, mapped=False))
    return unmapped, grown.rows_of(grown.layout.bar("close"), mapped=False)


def read_values(
    dataset: Dataset, names: Sequence[str], *, first: int = 0, last: int | None = None
) -> npt.NDArray[np.float32]:
    """Raw values of stock features of the sessions ``first`` to before ``last``, [F, t, N].

    NaN where null or not listed.

    Raises
    ------
    DataError
        A file is missing or damaged.
    """
    last = len(dataset.sessions) if last is None else last
    days = dataset.sessions[first:last]
    out = np.full((len(names), len(days), len(dataset.codes)), np.nan, dtype=np.float32)
    if not len(days):
        return out
    kinds, files = pl.Enum(list(dataset.codes)), files_of(dataset)
    for path in feature_files(dataset.folder, files):
        begin, _, end = path.stem.partition("_")
        if end < str(days[0]) or begin > str(days[-1]):
            continue
        files.path(path.relative_to(dataset.folder).as_posix())
        with readable(path):
            rows = pl.scan_parquet(path).select("date", "code", *names)
            frame = rows.filter(
                pl.col("date").is_between(days[0].item(), days[-1].item())
            ).collect()
        at_t = np.searchsorted(days, frame.get_column("date").to_numpy().astype("datetime64[D]"))
        at_n = frame.get_column("code").cast(kinds).to_physical().to_numpy()
        for f, name in enumerate(names):
            out[f, at_t, at_n] = frame.get_column(name).to_numpy()
    return out
