"""Opening a dataset folder: what is in it, memory-mapped."""

from __future__ import annotations

from pathlib import Path

from gogooku.core.files import MANIFEST_FILE, read_json
from gogooku.core.types import Dataset
from gogooku.dataset.state import load_grown


def read_dataset(folder: Path) -> Dataset:
    """Open a dataset, memory-mapped.

    Raises
    ------
    DataError
        Not there, or not readable.
    ContractError
        The manifest does not match the files.
    """
    manifest = read_json(folder / MANIFEST_FILE)
    grown = load_grown(folder)
    return Dataset(
        folder=folder,
        manifest=manifest,
        sessions=grown.sessions,
        codes=tuple(manifest["codes"]),
        features=tuple(manifest["features"]),
        market_features=tuple(manifest["market_features"]),
        x_TNF=grown.rows_of(grown.layout.x)[:, : len(grown.codes)],
        market_TM=grown.market_TM,
        valid_TN=grown.valid_TN,
        sector_TN=grown.sector_TN,
        neighbour_BNK=grown.neighbours_BNK,
        neighbour_block_T=grown.block_T,
    )
