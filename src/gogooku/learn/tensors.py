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
from gogooku.core.files import (
    hash_file,
    load_array,
    new_array,
    read_json,
    write_parquet,
    write_point,
)
from gogooku.core.metrics import centred_ranks
from gogooku.core.progress import Reporter
from gogooku.core.types import BoolArray, Dataset, Feature, Panel, Role
from gogooku.features.compute import ValueStore

_Z_SCALE = 4.0
_TENSORS = ("x", "market", "valid", "sector", "neighbours", "neighbour_block")


def encode(
    values_FN: npt.NDArray[np.float32], features: Sequence[Feature]
) -> npt.NDArray[np.float16]:
    """Encode one session's stock features over its universe members; 0 where null.

    Parameters
    ----------
    values_FN : float32 [F, n]
        A row per feature, a column per member.
    """
    flags = np.array([f.role is Role.MASK for f in features])
    scores = np.array([f.role is not Role.MASK and f.unit == "z" for f in features])
    coded = np.empty(values_FN.shape, dtype=np.float32)
    coded[flags] = values_FN[flags]
    coded[scores] = np.clip(values_FN[scores] / _Z_SCALE, -1.0, 1.0)
    ranked = ~flags & ~scores
    coded[ranked] = centred_ranks(values_FN[ranked])
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
    names = [f.name for f in stock]
    spans = [
        slice(first, min(first + execution.block_sessions, num_sessions))
        for first in range(0, num_sessions, execution.block_sessions)
    ]

    def block(span: slice) -> int:
        raw_FbN = store.span(names, span)
        for b, t in enumerate(range(span.start, span.stop)):
            members = np.flatnonzero(valid_TN[t])
            day = np.zeros((num_names, len(stock)), dtype=np.float16)
            if len(members):
                day[members] = encode(raw_FbN[:, b, members], stock).T
            x_TNF[t] = day
        return int(span.stop - span.start)

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
    panel: Panel,
    execution: Execution,
    reporter: Reporter,
) -> dict[str, str]:
    """Write raw feature values as Parquet by year (date, code, features); returns their hashes."""
    stock = [f.name for f in features if f.role is not Role.MARKET]
    context = [f.name for f in features if f.role is Role.MARKET]
    sessions, listed_TN = panel.sessions, panel.listed()
    years = sessions.astype("datetime64[Y]").astype(int) + 1970
    names = pl.Series(panel.codes, dtype=pl.String)
    spans = {}
    for year in np.unique(years):
        rows = np.flatnonzero(years == year)
        spans[int(year)] = slice(int(rows[0]), int(rows[-1]) + 1)

    def write(year: int) -> tuple[str, str]:
        span = spans[year]
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
        write_parquet(pl.DataFrame(columns, nan_to_null=True), path, compression="lz4")
        write_point("features.year")
        return str(year), hash_file(path)

    hashes: dict[str, str] = {}
    with (
        reporter.step("feature tables", total=len(spans)) as step,
        ThreadPoolExecutor(execution.threads) as pool,
    ):
        for year, content in pool.map(write, spans):
            hashes[year] = content
            step.advance(1)
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
    arrays = {name: load_array(folder / f"{name}.npy") for name in _TENSORS}
    return Dataset(
        folder=folder,
        manifest=manifest,
        sessions=np.array(load_array(folder / "sessions.npy")),
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
