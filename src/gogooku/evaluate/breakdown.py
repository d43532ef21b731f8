"""Where skill lies: by year, month, regime, sector, size, segment and liquidity, and over time.

A cut sorts either sessions or names into groups. RankIC is taken within a group of names; hit rate
and top K keep to the medians and picks of the whole session, so that the groups of a cut add up to
the whole. A name or a session whose group is not known is in a group of its own, `UNKNOWN`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core import metrics
from gogooku.core.cosines import half_widths
from gogooku.core.cross_section import MIN_NAMES, CrossSection, blocks_of
from gogooku.core.errors import DataError
from gogooku.core.metrics import UNKNOWN as UNKNOWN
from gogooku.core.metrics import FloatArray, mean_estimate
from gogooku.core.ranks import centred_ranks, runs_of
from gogooku.core.types import BoolArray, IntArray
from gogooku.evaluate.daily import BPS

ROLLING_WINDOWS = (63, 252)
"""Sessions of the rolling mean of RankIC: a quarter and a year."""

BREAKDOWN_SCHEMA: Mapping[str, Any] = {
    "cut": pl.String,
    "value": pl.String,
    "horizon": pl.Int32,
    "measure": pl.String,
    "n": pl.Int64,
    "names": pl.Float64,
    "mean": pl.Float64,
    "error": pl.Float64,
}
"""``n`` sessions that count, mean number of ``names`` in them, mean and its Newey-West error."""

ROLLING_SCHEMA: Mapping[str, Any] = {
    "date": pl.Date,
    "horizon": pl.Int32,
    "window": pl.Int32,
    "value": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}

_THIRDS = 3
_Values = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Grouping:
    """One cut of the names.

    Attributes
    ----------
    cut : str
        What it goes by: ``sector``, ``size`` and the like.
    values : tuple of str
        Names of the groups; the last is `UNKNOWN`.
    group_tN : int [t, N]
        Place in ``values`` of each name in each session, by what was known then.
    """

    cut: str
    values: tuple[str, ...]
    group_tN: IntArray

    def __post_init__(self) -> None:
        """Refuse groups without a name."""
        if self.values[-1] != UNKNOWN:
            raise DataError(f"cut {self.cut}: its last group is not {UNKNOWN!r}")
        if self.group_tN.size and not 0 <= self.group_tN.min() <= self.group_tN.max() < len(
            self.values
        ):
            raise DataError(
                f"cut {self.cut}: groups {self.group_tN.min()} to {self.group_tN.max()}, but "
                f"{len(self.values)} have a name"
            )

    @classmethod
    def of(cls, cut: str, values: Sequence[str], number_tN: npt.NDArray[Any]) -> Grouping:
        """From numbers of groups, negative or NaN where not known."""
        known = np.nan_to_num(number_tN, nan=-1.0)
        group = np.where(known < 0, len(values), known).astype(np.int64)
        return cls(cut, (*values, UNKNOWN), group)

    @classmethod
    def thirds(cls, cut: str, values: tuple[str, str, str], size_tN: _Values) -> Grouping:
        """Thirds of the names of each session by a value, the lowest first; NaN is not known."""
        place = np.floor((centred_ranks(size_tN) + 0.5) * _THIRDS)
        return cls.of(cut, values, np.minimum(place, _THIRDS - 1))


def by_names(
    paths: Sequence[_Values],
    label_tN: _Values,
    groupings: Sequence[Grouping],
    *,
    horizon: int,
    top_k: int,
) -> pl.DataFrame:
    """RankIC, hit rate and top K less universe of each group of names; `BREAKDOWN_SCHEMA`.

    ``rank_ic`` is Spearman's correlation within the group, ``hit_rate`` the group's share of names
    on the same side of the whole session's medians, ``top_K_bps`` the mean label of those of the
    session's top K that are in the group, less the mean of the whole session. A group counts in a
    session with at least `MIN_NAMES` names, and for the top K with a pick. A session is ranked once
    for all groupings.

    Parameters
    ----------
    paths : sequence of float arrays [t, N]
        Scores; of a cross-validation those of each path. A measure of a session is the mean over
        the paths in which its group counts, as in `gogooku.evaluate.paths.over_paths`.
    """
    made: list[dict[str, list[FloatArray]]] = [{} for _ in groupings]
    for rows in blocks_of(*label_tN.shape):
        label = np.ascontiguousarray(label_tN[rows])
        blocks = [
            _Ranked.of(CrossSection(np.ascontiguousarray(score_tN[rows]), label), top_k)
            for score_tN in paths
        ]
        for grouping, found in zip(groupings, made, strict=True):
            group, groups = grouping.group_tN[rows], len(grouping.values)
            parts = [_group_measures(block, group, groups) for block in blocks]
            for name in parts[0]:
                found.setdefault(name, []).append(_mean_of([part[name] for part in parts]))
    rows_of: list[tuple[Any, ...]] = []
    for grouping, found in zip(groupings, made, strict=True):
        whole = {name: np.concatenate(parts) for name, parts in found.items()}
        names = whole.pop("names")
        whole[f"top_{top_k}_bps"] = whole.pop("top_bps")
        rows_of += [
            _row((grouping.cut, value), horizon, measure, daily[:, place], names[:, place])
            for place, value in enumerate(grouping.values)
            if np.nansum(names[:, place]) > 0
            for measure, daily in whole.items()
        ]
    return pl.DataFrame(rows_of, schema=dict(BREAKDOWN_SCHEMA), orient="row")


def _row(
    where: tuple[str, str], horizon: int, measure: str, daily: FloatArray, names: FloatArray
) -> tuple[Any, ...]:
    mean, counted = mean_estimate(daily, horizon=horizon), np.isfinite(daily)
    size = float(names[counted].mean()) if counted.any() else None
    values = [None if np.isnan(one) else one for one in (mean.value, mean.error)]
    return (*where, horizon, measure, mean.n, size, *values)


@dataclass(frozen=True)
class _Ranked:
    """What all groupings of a block of sessions share; positions are flat.

    Attributes
    ----------
    sessions : CrossSection
    same : int64
        Names on the same side of both medians.
    picked, seats, earned : int64, float64, float64
        Names with a seat, their seats, and those times the label less the session's mean.
    score, label : (int64, unsigned) [t, N]
        Names by place, those that do not count last, and twice their place, from 1 on.
    """

    sessions: CrossSection
    same: IntArray
    picked: IntArray
    seats: FloatArray
    earned: FloatArray
    score: tuple[IntArray, npt.NDArray[Any]]
    label: tuple[IntArray, npt.NDArray[Any]]

    @classmethod
    def of(cls, sessions: CrossSection, top_k: int) -> _Ranked:
        """Rank a block and pick."""
        weights = sessions.picks(top_k).weights()
        picked = np.flatnonzero(sessions.known & (weights > 0.0))
        seats = weights.reshape(-1).take(picked).astype(np.float64)
        label = sessions.label_or_zero.reshape(-1).take(picked)
        over = label - sessions.mean_label.take(picked // weights.shape[1])
        same = (sessions.high_score == sessions.high_label) & sessions.known
        return cls(
            sessions,
            np.flatnonzero(same),
            picked,
            seats,
            seats * over,
            _by_place(sessions.score_places, sessions.known),
            _by_place(sessions.label_places, sessions.known),
        )


def _by_place(places_tN: FloatArray, known_tN: BoolArray) -> tuple[IntArray, npt.NDArray[Any]]:
    """Flat positions by place in each session, what is not known last, and twice the places."""
    length, width = places_tN.shape
    kind = np.uint16 if 2 * width <= np.iinfo(np.uint16).max else np.uint32
    twice = np.where(known_tN, 2.0 * places_tN + width, 2.0 * width).astype(kind)
    begin = (np.arange(length) * width)[:, None]
    order = np.argsort(twice, axis=1, kind="stable") + begin
    return order, twice.reshape(-1).take(order)


def _group_measures(block: _Ranked, group_tN: IntArray, groups: int) -> dict[str, FloatArray]:
    """Daily measures of each group, [t, G]; NaN where a group does not count."""
    sessions, length = block.sessions, len(group_tN)
    # What does not count is in a group behind the others.
    group = np.where(sessions.known, group_tN, groups)
    group = group.astype(np.uint8 if groups < 256 else np.uint16 if groups < 65_536 else np.int64)
    bins = (group + (np.arange(length) * (groups + 1))[:, None]).reshape(-1)

    def total(at: IntArray, value: FloatArray | None = None) -> FloatArray:
        found = np.bincount(at, weights=value, minlength=length * (groups + 1))
        return found.reshape(length, groups + 1)[:, :groups].astype(np.float64)

    names = total(bins)
    counted = (names >= MIN_NAMES) & sessions.varies[:, None]
    seats = total(bins.take(block.picked), block.seats)
    earned = total(bins.take(block.picked), block.earned)
    within = _rank_ic_within(block, group, names)
    return {
        "rank_ic": np.where(counted, within, np.nan),
        "hit_rate": _share(total(bins.take(block.same)), names, counted),
        "top_bps": BPS * _share(earned, seats, counted & (seats > 0.0)),
        "names": names,
    }


def _mean_of(paths: Sequence[FloatArray]) -> FloatArray:
    """Mean over paths of what is known; NaN where it is in none."""
    if len(paths) == 1:
        return paths[0]
    table = np.stack(paths)
    known = np.isfinite(table)
    count = known.sum(axis=0)
    return _share(np.where(known, table, 0.0).sum(axis=0), count, count > 0)


def _share(top: FloatArray, bottom: FloatArray, counted: BoolArray) -> FloatArray:
    out = np.full(top.shape, np.nan)
    np.divide(top, bottom, out=out, where=counted)
    return out


def _rank_ic_within(block: _Ranked, group_tN: npt.NDArray[Any], names_tG: FloatArray) -> FloatArray:
    """Spearman's correlation within each group, [t, G].

    Names that are sorted by place and then, stably, by group stand group by group, each sorted.
    Places within a group are multiples of a half, so all sums are exact.
    """
    length, groups = names_tG.shape
    first = np.cumsum(names_tG, axis=1) - names_tG
    # A column less this is the place within the group, less the group's mean.
    middle = np.hstack([first + (names_tG - 1.0) / 2.0, np.zeros((length, 1))])
    plain = names_tG * (names_tG * names_tG - 1.0) / 12.0
    score, score_at, score_lost = _within(block.score, group_tN, middle)
    label, label_at, label_lost = _within(block.label, group_tN, middle)
    placed = np.empty(group_tN.size)
    placed[score_at.names] = score
    products = placed.take(label_at.names) * label
    product = _summed(label_at.bins, products, middle.size)
    scale = np.sqrt((plain - score_lost) * (plain - label_lost))
    return _share(product.reshape(length, -1)[:, :groups], scale, scale > 0.0)


def _summed(bins: IntArray, values: FloatArray, size: int) -> FloatArray:
    return np.bincount(bins, weights=values, minlength=size).astype(np.float64, copy=False)


class _Sorted(NamedTuple):
    """Names of a block by session, group and place, flat; and the bin of each, session by group."""

    names: IntArray
    bins: IntArray


def _within(
    ordered: tuple[IntArray, npt.NDArray[Any]], group_tN: npt.NDArray[Any], middle: FloatArray
) -> tuple[FloatArray, _Sorted, FloatArray]:
    """Places within groups less their mean, and what ties take of the sum of their squares."""
    order, twice = ordered
    length, width = order.shape
    begin = (np.arange(length) * width)[:, None]
    sorted_by_place = group_tN.reshape(-1).take(order)
    again = np.argsort(sorted_by_place, axis=1, kind="stable") + begin
    groups = middle.shape[1] - 1
    group = sorted_by_place.reshape(-1).take(again)
    bins = group + (np.arange(length) * (groups + 1))[:, None]
    place = np.arange(width) - middle.reshape(-1).take(bins)
    value = twice.reshape(-1).take(again)
    tied = np.zeros((length, width + 1), dtype=np.bool_)
    tied[:, 1:-1] = (value[:, 1:] == value[:, :-1]) & (group[:, 1:] == group[:, :-1])
    tied[:, :-1] &= group < groups
    begins, sizes = runs_of(tied)
    at = begins - begins // (width + 1)
    flat, inside = place.reshape(-1), np.repeat(np.cumsum(sizes) - sizes, sizes)
    inside = np.arange(len(inside)) - inside
    flat[np.repeat(at, sizes) + inside] = np.repeat(flat[at] + (sizes - 1) / 2.0, sizes)
    cubes = sizes * (sizes * sizes - 1) / 12.0
    lost = _summed(bins.reshape(-1)[at], cubes, middle.size)
    names = order.reshape(-1).take(again)
    left = lost.reshape(length, -1)[:, :groups]
    return flat, _Sorted(names.reshape(-1), bins.reshape(-1)), left


def by_sessions(
    daily: pl.DataFrame, cut: str, group: pl.Series, measures: Sequence[str]
) -> pl.DataFrame:
    """The mean of daily measures over groups of sessions; `BREAKDOWN_SCHEMA`.

    Parameters
    ----------
    daily : polars.DataFrame
        `gogooku.evaluate.skill.Skill.daily`.
    cut : str
    group : polars.Series
        Group of each row; null where not known.
    measures : sequence of str
        Columns of ``daily``.
    """
    marked = daily.with_columns(group.cast(pl.String).fill_null(UNKNOWN).alias("_group"))
    rows = []
    for (horizon, value), part in marked.group_by("horizon", "_group", maintain_order=True):
        names = part.get_column("num_names").cast(pl.Float64).to_numpy()
        for measure in measures:
            series = part.get_column(measure).cast(pl.Float64).to_numpy()
            rows.append(_row((cut, str(value)), int(str(horizon)), measure, series, names))
    return pl.DataFrame(rows, schema=dict(BREAKDOWN_SCHEMA), orient="row")


def rolling(daily: pl.DataFrame, *, windows: Sequence[int] = ROLLING_WINDOWS) -> pl.DataFrame:
    """Mean RankIC over the last sessions with its 95 % interval; `ROLLING_SCHEMA`.

    A window holds the last sessions that count. The same as `mean_estimate` of each window.
    """
    frames = []
    for (horizon,), part in daily.group_by("horizon", maintain_order=True):
        kept = part.drop_nulls("rank_ic")
        series = kept.get_column("rank_ic").to_numpy()
        for window in windows:
            if len(series) < window:
                continue
            mean, half = rolling_mean(series, window, horizon=int(str(horizon)))
            frame = kept.slice(window - 1).select("date", "horizon")
            frames.append(
                frame.with_columns(
                    pl.lit(window, dtype=pl.Int32).alias("window"),
                    pl.Series("value", mean),
                    pl.Series("low", mean - half),
                    pl.Series("high", mean + half),
                )
            )
    return pl.concat(frames) if frames else pl.DataFrame(schema=dict(ROLLING_SCHEMA))


def rolling_mean(series: FloatArray, window: int, *, horizon: int) -> tuple[FloatArray, FloatArray]:
    """Mean of each window of a series without gaps, and half its 95 % interval."""
    windows = np.lib.stride_tricks.sliding_window_view(series, window)
    return windows.mean(axis=1), half_widths(windows, horizon=horizon, level=metrics.LEVEL)
