"""Evaluate declared features on the last sessions of a panel, each on exactly its lookback.

A feature of lookback L, wanted for k sessions, is a function of the last ``L + k - 1`` rows of the
history. An input with a lookback of its own is therefore read back to ``L`` less that lookback
only (`rows_needed`). So a year, a day or a whole history cost what their sessions cost, and what is
grown is what is built at once. Along time names are taken in blocks; across names all
at once. Block sizes and threads change nothing but the speed: every feature is a pure function of
the arrays it is given, name by name along time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from gogooku.core.config import Execution
from gogooku.core.errors import ConfigError, DataError
from gogooku.core.types import Axis, BoolArray, Feature, FloatArray, Panel, Role
from gogooku.features.engine.kernels import Values

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
    "limit_up_flag",
    "limit_down_flag",
    "universe",
)
"""Base columns every source has, [T, N]."""
SECTOR_COLUMNS = ("sector",)
CALENDAR_COLUMNS = ("week_start",)
"""Base columns every source has, [T]."""
MARKET_COLUMNS = ("mkt_open", "mkt_high", "mkt_low", "mkt_close")


def base_names(*, has_sector: bool, has_index: bool, empty: Collection[str] = ()) -> list[str]:
    """Names of the base columns of a panel with or without sectors and a market index.

    Parameters
    ----------
    empty : collection of str
        Columns of which the source has no value at all, see `gogooku.features.engine.inputs`: what
        needs them is absent, as it is without an index.
    """
    names = [*STOCK_COLUMNS, *CALENDAR_COLUMNS]
    names += SECTOR_COLUMNS if has_sector else ()
    names += MARKET_COLUMNS if has_index else ()
    return [name for name in names if name not in empty]


def base_columns(
    panel: Panel,
    universe_TN: BoolArray,
    *,
    sectors: Sequence[str] = (),
    sector_TN: npt.NDArray[np.int32] | None = None,
) -> dict[str, FloatArray]:
    """The arrays that features are computed from.

    Prices and volumes are adjusted forward from the first session: raw divided by (volumes: times)
    the product of the adjustment factors with an ex-date up to that session, so that a later split
    changes nothing before it. NaN where there was no trade. ``sector`` and the ``mkt_*`` series are
    absent where the source has none.

    Parameters
    ----------
    sectors : sequence of str
        What the sector numbers mean, as far as the history before has given any.
    sector_TN : int32 [T, N] or None
        Numbers of ``sectors``, -1 unknown; None to take them from the panel.
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
    out["limit_up_flag"] = panel.dense("limit_up")
    out["limit_down_flag"] = panel.dense("limit_down")
    out["universe"] = np.where(universe_TN, 1.0, np.nan)
    out["week_start"] = _week_starts(panel)
    if sector_TN is None:
        sector_TN, sectors = panel.dense_labels("sector", known=sectors)
    if sectors:
        out["sector"] = np.where(sector_TN >= 0, sector_TN.astype(np.float64), np.nan)
    if panel.market is not None:
        for column in ("open", "high", "low", "close"):
            series = panel.market.get_column(column).cast(float).to_numpy()
            out[f"mkt_{column}"] = np.asarray(series, dtype=np.float64)
    return out


def _week_starts(panel: Panel) -> FloatArray:
    """1 on the first session of each ISO week, else 0, [T]."""
    days = np.concatenate([panel.past.sessions, panel.sessions])
    # 1970-01-01 was a Thursday, so three days earlier a week began
    weeks = (days.astype("datetime64[D]").astype(np.int64) + 3) // 7
    starts = np.r_[True, weeks[1:] != weeks[:-1]]
    return np.asarray(starts[len(panel.past) :], dtype=np.float64)


def growth_of(panel: Panel) -> FloatArray:
    """Product of the adjustment factors with an ex-date up to each session, [T, N]."""
    factor = np.nan_to_num(panel.dense("adjustment_factor"), nan=1.0)
    if len(panel.past):
        # the same products in the same order as over the whole history
        names = np.arange(len(panel.codes))
        factor[0] *= panel.past.growth(names, np.full(len(names), len(panel.past)))
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
class Block:
    """Values of the last ``t`` sessions.

    Attributes
    ----------
    names : tuple of str, length F
        Stock features.
    stock_FtN : float32 [F, t, N]
    market : mapping of str to float64 [t]
    """

    names: tuple[str, ...]
    stock_FtN: npt.NDArray[np.float32]
    market: Mapping[str, FloatArray]

    def stock(self, name: str) -> npt.NDArray[np.float32]:
        """One stock feature, [t, N]."""
        return np.asarray(self.stock_FtN[self.names.index(name)])


class Room:
    """Memory for the values of one block after another, asked of the system once.

    The first touch of a page costs the system more than a feature's value on it.
    """

    def __init__(self, rows: int) -> None:
        """Of blocks of up to so many sessions, most often."""
        self._rows = rows
        self._flat = np.empty(0, dtype=np.float32)

    def block(self, features: int, rows: int, names: int) -> npt.NDArray[np.float32]:
        """Uninitialised values [F, t, N]; those of the block before are overwritten."""
        size = features * rows * names
        if self._flat.size < size:
            self._flat = np.empty(features * max(rows, self._rows) * names, dtype=np.float32)
        return self._flat[:size].reshape(features, rows, names)


def rows_needed(features: Sequence[Feature], rows: int) -> dict[str, int]:
    """Last sessions of every feature and input that are read when ``rows`` sessions are wanted.

    A lookback counts what the inputs look back in turn: of an input with lookback l, a feature with
    lookback L sees ``L - l + 1`` sessions at most. An input of longer lookback is read on the
    session itself, where the other inputs show whether it is fresh.

    Parameters
    ----------
    features : sequence of Feature
        Each after its inputs.
    """
    beyond = _beyond(features)
    needed = {feature.name: rows for feature in features}
    for feature in reversed(features):
        for name, more in beyond[feature.name].items():
            needed[name] = max(needed.get(name, 0), needed[feature.name] + more)
    return needed


def _beyond(features: Sequence[Feature]) -> dict[str, dict[str, int]]:
    """Sessions before its own that each feature sees of each of its inputs.

    A base column is of its own session, unless it is published with a lookback.
    """
    lookback = {f.name: f.lookback for f in features}
    out = {}
    for f in features:
        most = f.lookback if f.window is None else f.window - 1
        out[f.name] = {n: min(max(0, f.lookback - lookback.get(n, 1)), most) for n in f.inputs}
    return out


def _slabs(features: Sequence[Feature], rows: int) -> dict[str, int]:
    """Sessions that each feature is evaluated on, and sessions that are read of each base column.

    Its first sessions lack history; no window that is read reaches them.
    """
    needed = rows_needed(features, rows)
    return needed | {
        name: needed[name] + max(inputs.values(), default=0)
        for name, inputs in _beyond(features).items()
    }


def compute_rows(
    features: Sequence[Feature],
    base: Values,
    *,
    rows: int,
    kept: Sequence[str],
    execution: Execution,
    room: Room | None = None,
    tick: Callable[[float], object] = lambda _: None,
) -> Block:
    """Evaluate every feature on the last ``rows`` sessions of ``base``.

    Parameters
    ----------
    features : sequence of Feature
        Each after its inputs, intermediates included.
    base : mapping
        Base columns, [T, N] or [T]; T may be shorter than a lookback only at the very beginning of
        the history.
    kept : sequence of str
        Features whose values are returned.
    room : Room or None
        Where the values of stock features are put, if no longer those of the block before are
        needed.
    tick : callable
        Called with the number of (feature, name) pairs that are done.

    Raises
    ------
    DataError
        A feature returned the wrong shape or an infinite value; it is named.
    """
    num_names = base["close"].shape[1]
    market = {f.name for f in features if f.role is Role.MARKET}
    names = tuple(name for name in kept if name not in market)
    work = _Work(
        base=base,
        rows=rows,
        slabs=_slabs(features, rows),
        carried={},
        names=names,
        stock_FtN=(room or Room(rows)).block(len(names), rows, num_names),
        market={},
    )
    stages = levels_of(features, list(base))
    for level, stage in enumerate(stages):
        later = {name for after in stages[level + 1 :] for f in after for name in f.inputs}
        along = [f for f in stage if f.axis is Axis.ALONG]
        _along(along, work, later, execution=execution, tick=tick)
        with ThreadPoolExecutor(execution.threads) as pool:
            for wave in _waves([f for f in stage if f.axis is Axis.ACROSS]):
                for _ in pool.map(partial(_across, work=work), wave):
                    tick(num_names)
        done = {name for name in work.carried if name not in later}
        for name in done:
            del work.carried[name]
    series = {name: work.market[name] for name in kept if name in market}
    return Block(names=names, stock_FtN=work.stock_FtN, market=series)


@dataclass(frozen=True)
class _Work:
    """One computation: its inputs, what stages hand on to later ones, and the result."""

    base: Values
    rows: int
    slabs: Mapping[str, int]
    carried: dict[str, npt.NDArray[Any]]
    names: tuple[str, ...]
    stock_FtN: npt.NDArray[np.float32]
    market: dict[str, FloatArray]

    def slab(self, name: str) -> int:
        """Rows of a feature or input: what is needed, as far as the history goes back."""
        return min(self.slabs[name], len(self.base["close"]))

    def given(self, name: str, rows: int, names: slice) -> FloatArray:
        """The last rows of a base column or of a feature of an earlier stage, in float64.

        Fewer where there are fewer.
        """
        whole = self.base[name] if name in self.base else self.carried[name]
        last = whole[max(0, len(whole) - rows) :]
        if last.ndim == 1:
            return np.asarray(last, dtype=np.float64)
        return np.ascontiguousarray(last[:, names], dtype=np.float64)


def _along(
    features: Sequence[Feature],
    work: _Work,
    later: set[str],
    *,
    execution: Execution,
    tick: Callable[[float], object],
) -> None:
    if not features:
        return
    made = {f.name for f in features if not f.published}
    outside = {name for f in features for name in f.inputs} - made
    rows = {name: max(work.slab(f.name) for f in features if name in f.inputs) for name in outside}
    num_names = work.base["close"].shape[1]
    for name in made & later:
        work.carried[name] = np.empty((work.slab(name), num_names), dtype=np.float32)

    # of few sessions the calls cost more than the values, so the blocks are wider
    width = execution.block_names * max(1, min(4, 64 // work.rows))

    def block(first: int) -> None:
        names = slice(first, min(first + width, num_names))
        known = {name: work.given(name, count, names) for name, count in rows.items()}
        _evaluate(features, known, work, names)
        tick(float(len(features) * (names.stop - first)))

    with ThreadPoolExecutor(execution.threads) as pool:
        for _ in pool.map(block, range(0, num_names, width)):
            pass


def _evaluate(
    features: Sequence[Feature], known: dict[str, FloatArray], work: _Work, names: slice
) -> None:
    """Evaluate the features of a stage for a block of names; each value goes when it was used."""
    last_use = {name: f.name for f in features for name in (*f.inputs, f.name)}
    for feature in features:
        slab = work.slab(feature.name)
        value = _checked(feature, known, (slab, names.stop - names.start))
        known.setdefault(feature.name, value)
        if feature.name in work.names:
            place = work.stock_FtN[work.names.index(feature.name)]
            place[:, names] = value[slab - work.rows :]
        if feature.name in work.carried:
            work.carried[feature.name][:, names] = value
        for name in {*feature.inputs, feature.name}:
            if last_use[name] == feature.name:
                del known[name]


def _waves(features: Sequence[Feature]) -> Iterator[list[Feature]]:
    """Features in groups that need nothing of their own group or of a later one."""
    waiting = list(features)
    while waiting:
        names = {f.name for f in waiting if not f.published}
        ready = [f for f in waiting if names.isdisjoint(f.inputs)]
        yield ready
        waiting = [f for f in waiting if not names.isdisjoint(f.inputs)]


def _across(feature: Feature, work: _Work) -> None:
    slab, num_names = work.slab(feature.name), work.base["close"].shape[1]
    known = {name: work.given(name, slab, slice(None)) for name in feature.inputs}
    if feature.role is Role.MARKET:
        series = _checked(feature, known, (slab,))
        work.carried[feature.name] = series
        work.market[feature.name] = series[slab - work.rows :]
        return
    value = _checked(feature, known, (slab, num_names))
    work.carried[feature.name] = value.astype(np.float32)
    if feature.name in work.names:
        work.stock_FtN[work.names.index(feature.name)] = value[slab - work.rows :]


def _checked(feature: Feature, known: Values, shape: tuple[int, ...]) -> FloatArray:
    given = {name: _last(known[name], shape[0]) for name in feature.inputs}
    with np.errstate(divide="ignore", invalid="ignore"):
        value = feature.compute(given)
    if value.shape != shape:
        raise DataError(f"feature {feature.name}: shape {value.shape}, expected {shape}")
    beyond = np.abs(value) > np.finfo(np.float32).max
    if beyond.any():
        raise DataError(f"feature {feature.name}: {int(beyond.sum())} values beyond float32")
    return value


def _last(values: FloatArray, rows: int) -> FloatArray:
    """The last rows; null before the first one."""
    if len(values) >= rows:
        return values[len(values) - rows :]
    out = np.full((rows, *values.shape[1:]), np.nan)
    out[rows - len(values) :] = values
    return out
