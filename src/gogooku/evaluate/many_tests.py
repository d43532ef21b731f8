"""Many tests at once: corrected p-values, and which of many runs are better than one.

A p-value that is NaN (a test that could not be made) stays NaN and does not count. Tables are
[sessions, runs] of a daily measure of which more is better; a session in which any run has no value
is left out for all of them, and ``n`` counts the others. Too few sessions: NaN. A run that cannot
be compared, because it is the benchmark itself or differs from it by a constant, makes the whole
comparison meaningless and is a `DataError` that names its column.

How far means lie from zero by chance is drawn, not looked up: the runs move together, so the
largest of their errors is not that of independent ones. By the null the projections of the columns
on slow cosines (`gogooku.core.cosines`) have the covariances of their means; normal draws with
those covariances, each divided by an error that is drawn as well, are the distribution that one
column alone has as Student's t. Series drawn in blocks rejected 7.7 % of true nulls at 5 % where
labels overlap over 5 sessions, and this 5.7 % (`benchmarks/calibration.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gogooku.core.cosines import projected
from gogooku.core.errors import DataError
from gogooku.core.metrics import FloatArray, has_dispersion
from gogooku.evaluate.bootstrap import FEWEST_SESSIONS, check_drawing

_CHUNK = 1 << 22
"""Values of drawn pairs that are held at once."""


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values (Holm 1979), in the order given.

    The i-th smallest of m is multiplied by ``m - i`` (i from 0), then made monotone and capped at
    1: the chance of one false finding among all is at most the level.
    """
    made = [place for place, p in enumerate(p_values) if not math.isnan(p)]
    adjusted = [math.nan] * len(p_values)
    running = 0.0
    for step, place in enumerate(sorted(made, key=lambda place: p_values[place])):
        running = max(running, min(1.0, (len(made) - step) * p_values[place]))
        adjusted[place] = running
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values of Benjamini & Hochberg (1995), in the order given.

    The share of false findings among those below the level is at most the level, for tests that
    are independent or positively dependent.
    """
    from scipy import stats

    values = np.asarray(p_values, dtype=np.float64)
    made = ~np.isnan(values)
    adjusted = np.full(len(values), np.nan)
    if made.any():
        adjusted[made] = stats.false_discovery_control(values[made], method="bh")
    return [float(p) for p in adjusted]


@dataclass(frozen=True)
class Superiority:
    """Whether any of many runs is better than a benchmark.

    Attributes
    ----------
    p_value : float
        Of "none is better" (Hansen 2005, the consistent one); NaN when there are too few sessions.
    lower, upper : float
        Bounds of it: the upper one is White's reality check (2000), each run over its own error.
    better : tuple of int
        Columns that are better at the level, each on its own against the critical value of all.
    n : int
        Sessions that counted.
    draws : int
        Times that all means were drawn.
    """

    p_value: float
    lower: float
    upper: float
    better: tuple[int, ...]
    n: int
    draws: int


def superior_ability(
    benchmark_T: FloatArray,
    runs_TM: FloatArray,
    *,
    horizon: int,
    seed: int,
    level: float = 0.05,
    draws: int = 1000,
) -> Superiority:
    """Test of superior predictive ability of many runs over a benchmark (Hansen 2005).

    The largest of the mean differences, each over its own error, against the largest of those that
    are drawn. `arch` divides no drawn difference by an error: the noisiest run decides, and where
    values overlap over 20 sessions it rejects 19.5 % of true nulls at 5 %.
    p-values are ``(1 + as far as observed)/(1 + draws)``: none is 0.

    Parameters
    ----------
    benchmark_T, runs_TM : array [T], array [T, M]
        More is better.
    horizon : int
        Sessions over which the labels overlap.
    seed, draws : int
        Of the draws.
    level : float
        At which columns are called better.
    """
    kept = _differences(benchmark_T, runs_TM, horizon, level, draws)
    if len(kept) < FEWEST_SESSIONS:
        return Superiority(math.nan, math.nan, math.nan, (), len(kept), draws)
    t_M, drawn_DM = _drawn_t(kept, horizon=horizon, draws=draws, seed=seed)
    bad_M = t_M < -math.sqrt(2.0 * math.log(math.log(len(kept))))
    centres = {
        "lower": np.minimum(t_M, 0.0),
        "consistent": np.where(bad_M, t_M, 0.0),
        "upper": np.zeros(len(t_M)),
    }
    largest = {name: (drawn_DM + centre).max(axis=1) for name, centre in centres.items()}
    found = {
        name: (1.0 + float(np.sum(values >= t_M.max()))) / (1.0 + draws)
        for name, values in largest.items()
    }
    return Superiority(
        p_value=found["consistent"],
        lower=found["lower"],
        upper=found["upper"],
        better=_above(t_M, largest["consistent"], level),
        n=len(kept),
        draws=draws,
    )


def _drawn(
    kept_TM: FloatArray, *, horizon: int, draws: int, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Projections [M, B] and draws [D, 1 + B, M] like them: a mean, then the projections of it."""
    found_MB = projected(np.ascontiguousarray(kept_TM.T), horizon=horizon)
    count = found_MB.shape[1]
    normal = np.random.default_rng(seed).standard_normal((draws, 1 + count, count))
    return found_MB, normal @ found_MB.T / math.sqrt(count)


def _drawn_t(
    kept_TM: FloatArray, *, horizon: int, draws: int, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Means over their errors [M], and the same of drawn ones [D, M]."""
    found_MB, drawn_DBM = _drawn(kept_TM, horizon=horizon, draws=draws, seed=seed)
    own_M = np.sqrt((found_MB**2).mean(axis=1))
    theirs_DM = np.sqrt((drawn_DBM[:, 1:] ** 2).mean(axis=1))
    means_M = math.sqrt(len(kept_TM)) * kept_TM.mean(axis=0)
    return means_M / own_M, drawn_DBM[:, 0] / theirs_DM


def _above(t_M: FloatArray, largest_D: FloatArray, level: float) -> tuple[int, ...]:
    """Columns whose own p-value against the largest drawn ones is at most the level."""
    as_far_M = (largest_D[:, None] >= t_M).sum(axis=0)
    better = (1.0 + as_far_M) / (1.0 + len(largest_D)) <= level
    return tuple(int(place) for place in np.flatnonzero(better))


def stepwise_superior(
    benchmark_T: FloatArray,
    runs_TM: FloatArray,
    *,
    horizon: int,
    seed: int,
    level: float = 0.05,
    draws: int = 1000,
) -> tuple[int, ...]:
    """Columns that are better than a benchmark, by StepM (Romano & Wolf 2005).

    The chance that one of them is not better is at most the level. It finds no fewer than
    `superior_ability`, since runs already found no longer raise the critical value. Parameters as
    there; none for too few sessions.
    """
    kept = _differences(benchmark_T, runs_TM, horizon, level, draws)
    if len(kept) < FEWEST_SESSIONS:
        return ()
    t_M, drawn_DM = _drawn_t(kept, horizon=horizon, draws=draws, seed=seed)
    better = np.zeros(len(t_M), dtype=np.bool_)
    while not better.all():
        left = np.flatnonzero(~better)
        found = _above(t_M[left], drawn_DM[:, left].max(axis=1), level)
        if not found:
            break
        better[left[list(found)]] = True
    return tuple(int(place) for place in np.flatnonzero(better))


@dataclass(frozen=True)
class ConfidenceSet:
    """The runs among which the best one is, at a level.

    Attributes
    ----------
    best : tuple of int
        Columns of the set.
    p_values : tuple of float
        Of each column: the smallest level at which it is not in the set; NaN for too few sessions.
    n, draws : int
        As in `Superiority`.
    """

    best: tuple[int, ...]
    p_values: tuple[float, ...]
    n: int
    draws: int


def model_confidence_set(
    runs_TM: FloatArray, *, horizon: int, seed: int, level: float = 0.05, draws: int = 1000
) -> ConfidenceSet:
    """Model confidence set of many runs (Hansen, Lunde & Nason 2011, range statistic).

    While runs differ, the one that is furthest behind another, in errors of their difference, is
    left out. Of ten equal runs one given run is left out in at most 1 % of markets, with overlap
    and without; `arch`, which draws blocks, leaves it out in 8.5 % at an overlap of 20 sessions.

    Parameters
    ----------
    runs_TM : array [T, M]
        More is better.
    horizon, seed, draws : int
        As in `superior_ability`.
    level : float
        Chance that the best run is not in the set.

    Returns
    -------
    ConfidenceSet
        All runs for too few sessions.
    """
    check_drawing(level=level, draws=draws, horizon=horizon)
    kept, count = _common(runs_TM), runs_TM.shape[1]
    if count < 2:
        raise DataError(f"confidence set: {count} run, at least 2 are needed")
    _check_distinct(kept)
    if len(kept) < FEWEST_SESSIONS:
        return ConfidenceSet(tuple(range(count)), (math.nan,) * count, len(kept), draws)
    found_MB, drawn_DBM = _drawn(kept, horizon=horizon, draws=draws, seed=seed)
    means_M = math.sqrt(len(kept)) * kept.mean(axis=0)
    t_MM = _pairs(means_M[None], found_MB.T[None])[0]
    left, p_values, running = np.arange(count), np.ones(count), 0.0
    span = max(1, _CHUNK // (count * count))
    furthest: list[tuple[int, float]] = []
    while len(left) > 1:
        inner_MM = t_MM[np.ix_(left, left)]
        furthest.append((int(left[inner_MM.min(axis=1).argmin()]), float(inner_MM.max())))
        left = left[left != furthest[-1][0]]
    as_far = np.zeros(len(furthest))
    for begin in range(0, draws, span):
        part = drawn_DBM[begin : begin + span]
        drawn_DMM = _pairs(part[:, 0], part[:, 1:])
        inside = np.arange(count)
        for step, (out, observed) in enumerate(furthest):
            largest_D = drawn_DMM[:, inside[:, None], inside].max(axis=(1, 2))
            as_far[step] += float((largest_D >= observed).sum())
            inside = inside[inside != out]
    for (out, _), more in zip(furthest, as_far, strict=True):
        running = max(running, (1.0 + more) / (1.0 + draws))
        p_values[out] = running
    return ConfidenceSet(
        best=tuple(int(place) for place in np.flatnonzero(p_values > level)),
        p_values=tuple(float(p) for p in p_values),
        n=len(kept),
        draws=draws,
    )


def _pairs(means_DM: FloatArray, projected_DBM: FloatArray) -> FloatArray:
    """Differences of means over their errors [D, M, M], row less column; 0 of a run with itself."""
    common_DMM = projected_DBM.transpose(0, 2, 1) @ projected_DBM / projected_DBM.shape[1]
    own_DM = np.diagonal(common_DMM, axis1=1, axis2=2)
    squared_DMM = own_DM[:, :, None] + own_DM[:, None, :] - 2.0 * common_DMM
    off_DMM = means_DM[:, :, None] - means_DM[:, None, :]
    made = np.zeros(off_DMM.shape)
    np.divide(off_DMM, np.sqrt(np.maximum(squared_DMM, 0.0)), out=made, where=squared_DMM > 0.0)
    return made


def _differences(
    benchmark_T: FloatArray, runs_TM: FloatArray, horizon: int, level: float, draws: int
) -> FloatArray:
    """Differences in the sessions that all have; refused where one is a constant."""
    check_drawing(level=level, draws=draws, horizon=horizon)
    if runs_TM.ndim != 2 or benchmark_T.shape != runs_TM.shape[:1] or not runs_TM.shape[1]:
        raise DataError(
            f"comparison with a benchmark: {benchmark_T.shape} sessions against a table of "
            f"{runs_TM.shape}"
        )
    kept = _common(runs_TM - benchmark_T[:, None])
    if len(kept) < FEWEST_SESSIONS:
        return kept
    constant = [column for column in range(kept.shape[1]) if not has_dispersion(kept[:, column])]
    if constant:
        raise DataError(
            f"comparison with a benchmark: {len(constant)} of {kept.shape[1]} runs (columns "
            f"{', '.join(map(str, constant[:5]))}) differ from it by a constant or not at all; "
            "leave them out"
        )
    return kept


def _common(table_TM: FloatArray) -> FloatArray:
    """Sessions in which every column has a value."""
    return np.asarray(table_TM[np.isfinite(table_TM).all(axis=1)])


def _check_distinct(kept_TM: FloatArray) -> None:
    """Refuse two columns that are equal: their difference has no error."""
    _, first, inverse = np.unique(kept_TM, axis=1, return_index=True, return_inverse=True)
    again = np.flatnonzero(first[inverse.ravel()] != np.arange(kept_TM.shape[1]))
    if len(kept_TM) and len(again):
        place = int(again[0])
        raise DataError(
            f"confidence set: run {place} is equal to run {int(first[inverse.ravel()][place])} in "
            f"every session ({len(again)} such runs); leave one of them out"
        )
