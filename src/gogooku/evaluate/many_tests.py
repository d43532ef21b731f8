"""Many tests at once: corrected p-values, and which of many runs are better than one.

A p-value that is NaN (a test that could not be made) stays NaN and does not count. Tables are
[sessions, runs] of a daily measure of which more is better; a session in which any run has no value
is left out for all of them, and ``n`` counts the others. Too few sessions: NaN. A run that cannot
be compared, because it is the benchmark itself or differs from it by a constant, makes the whole
comparison meaningless and is a `DataError` that names its column.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gogooku.core.errors import DataError
from gogooku.core.metrics import FloatArray, has_dispersion, newey_west_error, newey_west_lags
from gogooku.evaluate.bootstrap import (
    FEWEST_SESSIONS,
    block_length,
    check_drawing,
    drawn_places,
    newey_west_rows,
)


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
        Bounds of it: the upper one is White's reality check (2000), studentised.
    better : tuple of int
        Columns that are better at the level, each on its own against the critical value of all.
    n : int
        Sessions that counted.
    block : int
        Mean length of the blocks in sessions.
    draws : int
        Series that were drawn.
    """

    p_value: float
    lower: float
    upper: float
    better: tuple[int, ...]
    n: int
    block: int
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

    The largest of the differences over their Newey-West errors, against that of series drawn by the
    stationary bootstrap, each over its own error. `arch` divides no drawn difference by an error:
    the noisiest run decides, and where values overlap over 20 sessions it rejects 19.5 % of true
    nulls at 5 %. This one rejects 6.0 % without overlap, 8.0 % at an overlap of 5 and 7.0 % at 20
    (300 to 500 markets of 500 sessions, ten runs; `benchmarks/calibration.py`).
    p-values are ``(1 + as far as observed)/(1 + draws)``: none is 0.

    Parameters
    ----------
    benchmark_T, runs_TM : array [T], array [T, M]
        More is better.
    horizon : int
        Sessions over which the labels overlap: the shortest block.
    seed, draws : int
        Of the bootstrap.
    level : float
        At which columns are called better.
    """
    kept, block = _differences(benchmark_T, runs_TM, horizon, level, draws)
    if not block:
        return Superiority(math.nan, math.nan, math.nan, (), len(kept), 0, draws)
    t_M, drawn_DM = _drawn_t(kept, horizon=horizon, block=block, draws=draws, seed=seed)
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
        block=block,
        draws=draws,
    )


def _drawn_t(
    kept_TM: FloatArray, *, horizon: int, block: int, draws: int, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Means over their errors [M], and how many errors off each drawn mean is [D, M].

    One set of drawn sessions for all columns; a column that never changes in them is 0 off.
    """
    lags = newey_west_lags(len(kept_TM), horizon)
    places = drawn_places(len(kept_TM), block=block, draws=draws, seed=seed)
    mean_M = kept_TM.mean(axis=0)
    drawn_DM = np.zeros((draws, kept_TM.shape[1]))
    for column, (values, mean) in enumerate(zip(kept_TM.T, mean_M, strict=True)):
        drawn_DT = values[places]
        error = newey_west_rows(drawn_DT, lags)
        off = drawn_DT.mean(axis=1) - mean
        np.divide(off, error, out=drawn_DM[:, column], where=error > 0.0)
    errors_M = np.array([newey_west_error(column, lags) for column in kept_TM.T])
    return mean_M / errors_M, drawn_DM


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
    kept, block = _differences(benchmark_T, runs_TM, horizon, level, draws)
    if not block:
        return ()
    t_M, drawn_DM = _drawn_t(kept, horizon=horizon, block=block, draws=draws, seed=seed)
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
    n : int
        Sessions that counted.
    block, draws : int
        As in `Superiority`.
    """

    best: tuple[int, ...]
    p_values: tuple[float, ...]
    n: int
    block: int
    draws: int


def model_confidence_set(
    runs_TM: FloatArray, *, horizon: int, seed: int, level: float = 0.05, draws: int = 1000
) -> ConfidenceSet:
    """Model confidence set of many runs (Hansen, Lunde & Nason 2011, range statistic), by `arch`.

    Of ten equal runs one given run is left out in 0.5 % of 200 markets without overlap and in 12 %
    where values overlap over 20 sessions: read it with care there.

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
        return ConfidenceSet(tuple(range(count)), (math.nan,) * count, len(kept), 0, draws)
    from arch.bootstrap import MCS

    block = block_length(kept - kept.mean(axis=1, keepdims=True), horizon=horizon)
    test = MCS(-kept, size=level, reps=draws, block_size=block, seed=seed)
    test.compute()
    found = test.pvalues["Pvalue"].sort_index().to_numpy(dtype=np.float64)
    return ConfidenceSet(
        best=tuple(int(place) for place in np.asarray(test.included, dtype=np.int64)),
        p_values=tuple(float(p) for p in found),
        n=len(kept),
        block=block,
        draws=draws,
    )


def _differences(
    benchmark_T: FloatArray, runs_TM: FloatArray, horizon: int, level: float, draws: int
) -> tuple[FloatArray, int]:
    """Differences in the sessions of all, and the block length; 0 for too few sessions."""
    check_drawing(level=level, draws=draws, horizon=horizon)
    if runs_TM.ndim != 2 or benchmark_T.shape != runs_TM.shape[:1] or not runs_TM.shape[1]:
        raise DataError(
            f"comparison with a benchmark: {benchmark_T.shape} sessions against a table of "
            f"{runs_TM.shape}"
        )
    kept = _common(runs_TM - benchmark_T[:, None])
    if len(kept) < FEWEST_SESSIONS:
        return kept, 0
    constant = [column for column in range(kept.shape[1]) if not has_dispersion(kept[:, column])]
    if constant:
        raise DataError(
            f"comparison with a benchmark: {len(constant)} of {kept.shape[1]} runs (columns "
            f"{', '.join(map(str, constant[:5]))}) differ from it by a constant or not at all; "
            "leave them out"
        )
    return kept, block_length(kept, horizon=horizon)


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
