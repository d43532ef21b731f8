"""Opening a finished dataset: small files are read, tensors mapped; each is checked when read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gogooku.core.seal import Sealed, open_sealed
from gogooku.core.types import Dataset, SessionRows
from gogooku.dataset.state import Grown, load_grown


def read_dataset(folder: Path) -> Dataset:
    """Open a dataset.

    Its small files are checked and read at once. The tensor and the raw channels are memory-mapped,
    and a session of them is checked when it is first read. A dataset of an earlier version has no
    raw channels: their names and their last axis are empty.

    Raises
    ------
    DataError
        Not there, or not what was written.
    ContractError
        The manifest does not match the files.
    """
    files = open_sealed(folder, kind="dataset")
    manifest, grown = files.manifest, load_grown(folder, files)
    return Dataset(
        folder=folder,
        manifest=manifest,
        sessions=grown.sessions,
        codes=tuple(manifest["codes"]),
        features=tuple(manifest["features"]),
        market_features=tuple(manifest["market_features"]),
        x_TNF=grown.rows_of(grown.layout.x),
        market_TM=grown.market_TM,
        valid_TN=grown.valid_TN,
        sector_TN=grown.sector_TN,
        neighbour_BNK=grown.neighbours_BNK,
        neighbour_block_T=grown.block_T,
        raw_channels=grown.raw_channels,
        raw_TNC=raw_rows(grown),
    )


def raw_rows(grown: Grown, *, mapped: bool = True) -> SessionRows:
    """Raw channels of all sessions [T, N, C], see `Grown.rows_of`; none in an earlier version."""
    if not grown.raw_channels:
        return np.empty((grown.rows, len(grown.codes), 0), dtype=np.float16)
    return grown.rows_of(grown.layout.raw, mapped=mapped)


def files_of(dataset: Dataset) -> Sealed:
    """The files of an open dataset."""
    return Sealed(dataset.folder, dataset.manifest)


def grown_of(dataset: Dataset) -> Grown:
    """The state of an open dataset."""
    return load_grown(dataset.folder, files_of(dataset))


def open_grown(folder: Path) -> Grown:
    """The state of a finished dataset by its folder; errors as `read_dataset`."""
    return load_grown(folder, open_sealed(folder, kind="dataset"))
