"""Where skill lies: by year, month, regime, sector, size, segment and liquidity, and over time.

A cut sorts either sessions or names into groups. RankIC is taken within a group of names; hit rate
and top K keep to the medians and picks of the whole session, so that the groups of a cut add up to
the whole. A name or a session whose group is not known is in a group of its own, `UNKNOWN`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core import metrics
from gogooku.core.cosines import half_widths
from gogooku.core.cross_section import MIN_NAMES, CrossSection, blocks_of
from gogooku.core.errors import DataError
from gogooku.core.metrics import UNKNOWN as UNKNOWN
from gogooku.core.metrics import FloatArray, mean_estimate
from gogooku.core.ranks import centred_ranks, middle_ranks
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
_Total = Callable[..., FloatArray]
"""Sum over the names of each group, [t, G], of what is given; without it their number."""


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
    paths: Sequence[_Values], label_tN: _Values, grouping: Grouping, *, horizon: int, top_k: int
) -> pl.DataFrame:
    """RankIC, hit rate and top K less universe of each group of names; `BREAKDOWN_SCHEMA`.

    ``rank_ic`` is Spearman's correlation within the group, ``hit_rate`` the group's share of names
    on the same side of the whole session's medians, ``top_K_bps`` the mean label of those of the
    session's top K that are in the group, less the mean of the whole session. A group counts in a
    session with at least `MIN_NAMES` names, and for the top K with a pick.

    Parameters
    ----------
    paths : sequence of float arrays [t, N]
        Scores; of a cross-validation those of each path. A measure of a session is the mean over
        the paths in which its group counts, as in `gogooku.evaluate.paths.over_paths`.
    """
    made: dict[str, list[FloatArray]] = {}
    for rows in blocks_of(*label_tN.shape):
        parts = [
            _group_measures(
                CrossSection(score_tN[rows], label_tN[rows]),
                grouping.group_tN[rows],
                len(grouping.values),
                top_k,
            )
            for score_tN in paths
        ]
        for name in parts[0]:
            made.setdefault(name, []).append(_mean_of([part[name] for part in parts]))
    whole = {name: np.concatenate(parts) for name, parts in made.items()}
    names = whole.pop("names")
    rows_of = [
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


def _group_measures(
    sessions: CrossSection, group_tN: IntArray, groups: int, top_k: int
) -> dict[str, FloatArray]:
    """Daily measures of each group, [t, G]; NaN where a group does not count."""
    length = len(group_tN)
    where = np.flatnonzero(sessions.known)
    place = (group_tN + (np.arange(length) * groups)[:, None]).reshape(-1).take(where)

    def total(value: npt.NDArray[Any] | None = None) -> FloatArray:
        found = np.bincount(place, weights=value, minlength=length * groups)
        return found.reshape(length, groups).astype(np.float64)

    names = total()
    counted = (names >= MIN_NAMES) & sessions.varies[:, None]
    picks = sessions.picks(top_k).weights().reshape(-1).take(where).astype(np.float64)
    over = (sessions.label_or_zero - sessions.mean_label[:, None]).reshape(-1).take(where)
    seats = total(picks)
    same = (sessions.high_score == sessions.high_label).reshape(-1).take(where)
    return {
        "rank_ic": np.where(
            counted, _rank_ic_within(sessions, group_tN, (place, where), total), np.nan
        ),
        "hit_rate": _share(total(same.astype(np.float64)), names, counted),
        f"top_{top_k}_bps": BPS * _share(total(picks * over), seats, counted & (seats > 0.0)),
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


def _rank_ic_within(
    sessions: CrossSection, group_tN: IntArray, at: tuple[IntArray, IntArray], total: _Total
) -> FloatArray:
    """Spearman's correlation within each group, [t, G].

    Ranking (group, value) pairs ranks each group within itself, behind those before it. ``at`` are
    the place of the group of every name that counts, and that of the name.
    """
    place, where = at
    names = total()
    away = 2.0 * group_tN.shape[1]
    centred = []
    for places in (sessions.score_places, sessions.label_places):
        paired = np.where(sessions.known, group_tN * away + places, np.nan)
        exact = paired.astype(np.float32) if np.nanmax(paired, initial=0.0) < 1 << 22 else paired
        rank = middle_ranks(exact)[0].reshape(-1).take(where)
        mean = _share(total(rank), names, names > 0.0)
        centred.append(rank - mean.reshape(-1)[place])
    square = total(centred[0] ** 2) * total(centred[1] ** 2)
    scale = np.sqrt(square)
    return _share(total(centred[0] * centred[1]), scale, scale > 0.0)


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
