"""Evaluate declared features on a panel: along time in blocks of names, across names in full.

Values go to one file of float32 as they come, so memory does not grow with their number. Its
layout [B, F, T, W] keeps what one block of names produces in one piece (W names a block): each page
is written once. Block sizes and threads change nothing but the speed: every feature is a pure
function of the arrays it is given, name by name along time.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gogooku.core.config import Execution
from gogooku.core.errors import ConfigError, DataError
from gogooku.core.files import new_array
from gogooku.core.progress import Reporter
from gogooku.core.types import Axis, BoolArray, Feature, FloatArray, Panel, Role
from gogooku.features.kernels import Values

STOCK_COLUMNS = (
    "open",
    "high",
    "low",
    "close",
    "volume",
    "turnover",
    "traded",
    "listed",
    "split",
    "limit_up",
    "limit_down",
    "universe",
)
"""Base columns every source has, [T, N]."""
SECTOR_COLUMNS = ("sector",)
MARKET_COLUMNS = ("mkt_open", "mkt_high", "mkt_low", "mkt_close")


def base_columns(panel: Panel, universe_TN: BoolArray) -> dict[str, FloatArray]:
    """The arrays that features are computed from.

    Prices and volumes are adjusted forward from the first session: raw divided by (volumes: times)
    the product of the adjustment factors with an ex-date up to that session, so that a later split
    changes nothing before it. NaN where there was no trade. ``sector`` and the ``mkt_*`` series are
    absent where the source has none.
    """
    listed = panel.listed()
    factor = np.nan_to_num(panel.dense("adjustment_factor"), nan=1.0)
    growth = growth_of(panel)
    out: dict[str, FloatArray] = {
        name: panel.dense(name) / growth for name in ("open", "high", "low", "close")
    }
    out["volume"] = panel.dense("volume_shares") * growth
    out["turnover"] = panel.dense("turnover_value")
    out["listed"] = np.where(listed, 1.0, np.nan)
    out["traded"] = np.where(listed, np.isfinite(out["close"]).astype(np.float64), np.nan)
    out["split"] = (factor != 1.0).astype(np.float64)
    out["limit_up"] = panel.dense("limit_up")
    out["limit_down"] = panel.dense("limit_down")
    out["universe"] = np.where(universe_TN, 1.0, np.nan)
    sector, names = panel.dense_labels("sector")
    if names:
        out["sector"] = np.where(sector >= 0, sector.astype(np.float64), np.nan)
    if panel.market is not None:
        for column in ("open", "high", "low", "close"):
            series = panel.market.get_column(column).cast(float).to_numpy()
            out[f"mkt_{column}"] = np.asarray(series, dtype=np.float64)
    return out


def growth_of(panel: Panel) -> FloatArray:
    """Product of the adjustment factors with an ex-date up to each session, [T, N]."""
    factor = np.nan_to_num(panel.dense("adjustment_factor"), nan=1.0)
    return np.asarray(np.cumprod(factor, axis=0))


def levels_of(features: Sequence[Feature], available: Sequence[str]) -> list[list[Feature]]:
    """Group features into stages: along, across, along, ... each needing only earlier ones.

    Raises
    ------
    ConfigError
        An input is neither a base column nor a listed feature, or features need each other.
    """
    by_name = {feature.name: feature for feature in features}
    level: dict[str, int] = dict.fromkeys(available, 0)

    def resolve(feature: Feature, trail: tuple[str, ...]) -> int:
        if feature.name in level:
            return level[feature.name]
        if feature.name in trail:
            raise ConfigError(f"feature {feature.name} needs itself through {trail}")
        deepest = 0
        for name in feature.inputs:
            if name not in level and name not in by_name:
                raise ConfigError(f"feature {feature.name}: input {name!r} does not exist")
            deepest = max(
                deepest,
                level[name] if name in level else resolve(by_name[name], (*trail, feature.name)),
            )
        odd = feature.axis is Axis.ACROSS
        level[feature.name] = deepest + (deepest % 2 != int(odd))
        return level[feature.name]

    for feature in features:
        resolve(feature, ())
    last = max((level[f.name] for f in features), default=0)
    staged: list[list[Feature]] = [[] for _ in range(last + 1)]
    placed = set(available)
    waiting = list(features)
    while waiting:
        for feature in waiting:
            if all(name in placed for name in feature.inputs):
                staged[level[feature.name]].append(feature)
                placed.add(feature.name)
        waiting = [f for f in waiting if f.name not in placed]
    return staged


@dataclass(frozen=True)
class ValueStore:
    """Computed values: stock features in a file [B, F, T, W], market features [T] in memory."""

    names: tuple[str, ...]
    num_names: int
    values_BFTW: npt.NDArray[np.float32]
    market: dict[str, FloatArray]

    def stock(self, name: str, span: slice = slice(None)) -> npt.NDArray[np.float32]:
        """One stock feature over a span of sessions, [t, N]."""
        piece = self.values_BFTW[:, self.names.index(name), span]
        whole = piece.transpose(1, 0, 2).reshape(piece.shape[1], -1)
        return np.ascontiguousarray(whole[:, : self.num_names])

    def span(self, names: Sequence[str], span: slice) -> npt.NDArray[np.float32]:
        """Several stock features over a span of sessions, [F, t, N]."""
        places = [self.names.index(name) for name in names]
        piece = self.values_BFTW[:, places, span]
        whole = piece.transpose(1, 2, 0, 3).reshape(len(places), piece.shape[2], -1)
        return np.ascontiguousarray(whole[:, :, : self.num_names])

    def put(self, name: str, values_TN: FloatArray) -> None:
        """Store a feature that was computed across all names."""
        width = self.values_BFTW.shape[3]
        f = self.names.index(name)
        for b, first in enumerate(range(0, self.num_names, width)):
            part = values_TN[:, first : first + width]
            self.values_BFTW[b, f, :, : part.shape[1]] = part


def compute_values(
    features: Sequence[Feature],
    base: Values,
    *,
    scratch: Path,
    execution: Execution,
    reporter: Reporter,
) -> ValueStore:
    """Evaluate every feature into a file under ``scratch``.

    Raises
    ------
    DataError
        A feature returned the wrong shape or an infinite value; it is named.
    """
    shape = base["close"].shape
    stock = tuple(f.name for f in features if f.role is not Role.MARKET)
    width = min(execution.block_names, shape[1])
    values = new_array(
        scratch / "values.npy",
        dtype=np.float32,
        shape=(-(-shape[1] // width), max(len(stock), 1), shape[0], width),
    )
    store = ValueStore(names=stock, num_names=shape[1], values_BFTW=values, market={})
    with reporter.step("features", total=len(features) * shape[1]) as step:
        for stage in levels_of(features, list(base)):
            along = [f for f in stage if f.axis is Axis.ALONG]
            _along(along, base, store, execution=execution, tick=step.advance)
            for feature in (f for f in stage if f.axis is Axis.ACROSS):
                _across(feature, base, store)
                step.advance(shape[1])
    return store


def _along(
    features: Sequence[Feature],
    base: Values,
    store: ValueStore,
    *,
    execution: Execution,
    tick: object,
) -> None:
    if not features:
        return
    made = {f.name for f in features}
    needed = sorted({name for f in features for name in f.inputs} - made)
    num_names = base["close"].shape[1]
    width = store.values_BFTW.shape[3]

    def block(b: int) -> None:
        first, last = b * width, min((b + 1) * width, num_names)
        known = {name: _slice(name, base, store, first, last) for name in needed}
        for feature in features:
            known[feature.name] = _checked(feature, known, (base["close"].shape[0], last - first))
            place = store.values_BFTW[b, store.names.index(feature.name)]
            place[:, : last - first] = known[feature.name]
        if callable(tick):
            tick(float(len(features) * (last - first)))

    with ThreadPoolExecutor(execution.threads) as pool:
        for _ in pool.map(block, range(len(store.values_BFTW))):
            pass


def _slice(name: str, base: Values, store: ValueStore, first: int, last: int) -> FloatArray:
    if name in base:
        whole = base[name]
        if whole.ndim == 1:
            return whole
        return np.ascontiguousarray(whole[:, first:last], dtype=np.float64)
    if name in store.market:
        return store.market[name]
    width = store.values_BFTW.shape[3]
    if last - first <= width and first % width == 0:
        part = store.values_BFTW[first // width, store.names.index(name), :, : last - first]
        return part.astype(np.float64)
    return store.stock(name).astype(np.float64)


def _across(feature: Feature, base: Values, store: ValueStore) -> None:
    num_names = base["close"].shape[1]
    known = {name: _slice(name, base, store, 0, num_names) for name in feature.inputs}
    shape = base["close"].shape
    if feature.role is Role.MARKET:
        store.market[feature.name] = _checked(feature, known, (shape[0],))
    else:
        store.put(feature.name, _checked(feature, known, shape))


def _checked(feature: Feature, known: Values, shape: tuple[int, ...]) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        value = feature.compute({name: known[name] for name in feature.inputs})
    if value.shape != shape:
        raise DataError(f"feature {feature.name}: shape {value.shape}, expected {shape}")
    beyond = np.abs(value) > np.finfo(np.float32).max
    if beyond.any():
        raise DataError(f"feature {feature.name}: {int(beyond.sum())} values beyond float32")
    return value
