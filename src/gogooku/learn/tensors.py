"""The training tensor ``x[T, N, F]``: memory-mapped, written once, half precision.

Stock features enter as their rank within the session's universe, mapped to [-0.5, 0.5]; features
that are z-scores by themselves enter as z/4 clipped to [-1, 1]; flags stay 0 or 1. Null is 0. No
price, count or raw rank is ever in it. A day is a slice and a window is a view.

Context features keep their own unit in ``market[T, M]`` (NaN unknown): their scale is fitted by
the learner on train dates and travels in its checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.config import Execution
from gogooku.core.files import hash_file, new_array, read_json, write_parquet, write_point
from gogooku.core.metrics import centred_ranks
from gogooku.core.progress import Reporter
from gogooku.core.types import BoolArray, Dataset, DateArray, Feature, Role
from gogooku.features.compute import ValueStore

_Z_SCALE = 4.0
_TENSORS = ("x", "market", "valid", "sector", "neighbours", "neighbour_block")


def encode(
    values_TN: npt.NDArray[np.float32], valid_TN: BoolArray, feature: Feature
) -> npt.NDArray[np.float16]:
    """Encode one stock feature for training; 0 where null or outside the universe."""
    inside = np.where(valid_TN, values_TN, np.nan)
    if feature.role is Role.MASK:
        coded = inside
    elif feature.unit == "z":
        coded = np.clip(inside / _Z_SCALE, -1.0, 1.0)
    else:
        coded = centred_ranks(inside)
    return np.nan_to_num(coded, nan=0.0).astype(np.float16)


def write_tensors(
    folder: Path,
    *,
    features: Sequence[Feature],
    store: ValueStore,
    valid_TN: BoolArray,
    arrays: Mapping[str, npt.NDArray[Any]],
    execution: Execution,
    reporter: Reporter,
) -> dict[str, str]:
    """Write every tensor of a dataset; returns the content hash of each.

    Parameters
    ----------
    features : sequence of Feature
        In the order they will have on the last axis; market features go to ``market``.
    arrays : mapping
        ``sector``, ``neighbours`` and ``neighbour_block``.
    """
    stock = [f for f in features if f.role is not Role.MARKET]
    context = [f for f in features if f.role is Role.MARKET]
    num_sessions, num_names = valid_TN.shape
    x_TNF = new_array(
        folder / "x.npy", dtype=np.float16, shape=(num_sessions, num_names, len(stock))
    )
    spans = [
        slice(first, min(first + execution.block_sessions, num_sessions))
        for first in range(0, num_sessions, execution.block_sessions)
    ]

    def block(span: slice) -> int:
        made_FbN = np.empty((len(stock), span.stop - span.start, num_names), dtype=np.float16)
        for f, feature in enumerate(stock):
            made_FbN[f] = encode(store.stock(feature.name, span), valid_TN[span], feature)
        for b, t in enumerate(range(span.start, span.stop)):
            x_TNF[t] = made_FbN[:, b].T
        return int(made_FbN.shape[1])

    with (
        reporter.step("tensors", total=num_sessions) as step,
        ThreadPoolExecutor(execution.threads) as pool,
    ):
        for done in pool.map(block, spans):
            step.advance(done)
    x_TNF.flush()  # type: ignore[attr-defined]
    write_point("tensors.x")
    market = np.full((num_sessions, len(context)), np.nan, dtype=np.float32)
    for m, feature in enumerate(context):
        market[:, m] = store.market[feature.name]
    np.save(folder / "market.npy", market)
    np.save(folder / "valid.npy", valid_TN)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    write_point("tensors.done")
    return {name: hash_file(folder / f"{name}.npy") for name in _TENSORS}


def write_feature_tables(
    folder: Path,
    *,
    features: Sequence[Feature],
    store: ValueStore,
    listed_TN: BoolArray,
    sessions: DateArray,
    codes: tuple[str, ...],
    reporter: Reporter,
) -> dict[str, str]:
    """Write raw feature values as Parquet by year (date, code, features); returns their hashes."""
    stock = [f.name for f in features if f.role is not Role.MARKET]
    context = [f.name for f in features if f.role is Role.MARKET]
    years = sessions.astype("datetime64[Y]").astype(int) + 1970
    names = pl.Series(codes, dtype=pl.String)
    hashes: dict[str, str] = {}
    with reporter.step("feature tables", total=len(sessions)) as step:
        for year in np.unique(years):
            rows = np.flatnonzero(years == year)
            span = slice(int(rows[0]), int(rows[-1]) + 1)
            listed = listed_TN[span]
            at_t, at_n = np.nonzero(listed)
            columns: dict[str, Any] = {
                "date": pl.Series(sessions[span][at_t]).cast(pl.Date),
                "code": names.gather(at_n),
            }
            for name in stock:
                columns[name] = store.stock(name, span)[listed]
            for name in context:
                columns[name] = store.market[name][span][at_t].astype(np.float32)
            path = folder / f"{year}.parquet"
            frame = pl.DataFrame(columns, nan_to_null=True)
            write_parquet(frame, path, compression="lz4")
            hashes[str(year)] = hash_file(path)
            write_point("features.year")
            step.advance(len(rows))
    return hashes


def read_dataset(folder: Path) -> Dataset:
    """Open a dataset, memory-mapped.

    Raises
    ------
    DataError
        Not there, or not readable.
    ContractError
        The manifest does not match the files.
    """
    manifest = read_json(folder / "manifest.json")
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in _TENSORS}
    return Dataset(
        folder=folder,
        manifest=manifest,
        sessions=np.load(folder / "sessions.npy"),
        codes=tuple(manifest["codes"]),
        features=tuple(manifest["features"]),
        market_features=tuple(manifest["market_features"]),
        x_TNF=arrays["x"],
        market_TM=np.asarray(arrays["market"]),
        valid_TN=np.asarray(arrays["valid"]),
        sector_TN=arrays["sector"],
        neighbour_BNK=arrays["neighbours"],
        neighbour_block_T=np.asarray(arrays["neighbour_block"]),
    )
