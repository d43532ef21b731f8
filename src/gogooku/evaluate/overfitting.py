"""How likely is it that the best of many trials was best by luck: PBO by CSCV.

Bailey, Borwein, Lopez de Prado & Zhu (2017), "The Probability of Backtest Overfitting", by
combinatorially symmetric cross-validation: the sessions are cut into S blocks; for each way to take
half of the blocks the best trial on them is looked up on the other half. On 1,000 markets of 500
sessions with 20 worthless trials the probability is 0.495 on average, with one trial of a Sharpe
ratio of 2.4 a year among them 0.17 (`benchmarks/calibration.py`).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gogooku.core.cross_section import ROUNDING
from gogooku.core.errors import ConfigError, DataError
from gogooku.core.metrics import FloatArray

MIN_BLOCK = 2
"""Fewest sessions in a block."""
MOST_BLOCKS = 20
"""More blocks have too many halves: 20 have 184,756."""


@dataclass(frozen=True)
class Overfitting:
    """Result of `backtest_overfitting`; C is the number of ways to take half of the blocks.

    Attributes
    ----------
    probability : float
        Share of ways in which the trial that was best on one half is below the median of all
        trials on the other; half of those in which it is the median. Trials of which none is
        better have 0.5.
    logits_C : array [C]
        ``log(w/(1 - w))`` with the relative rank ``w = rank/(M + 1)`` of that trial on the other
        half; positive above the median.
    chosen_C, seen_C, unseen_C : array [C]
        Column of that trial, its measure on the half that chose it, and on the other half.
    slope : float
        Of ``unseen_C`` on ``seen_C`` by least squares; negative where being better on one half
        means being worse on the other. NaN when ``seen_C`` does not vary.
    loss : float
        Share of ways in which the chosen trial has a measure below 0 on the other half.
    n : int
        Sessions that counted: those in which every trial has a value.
    """

    probability: float
    logits_C: FloatArray
    chosen_C: np.ndarray[tuple[int], np.dtype[np.int64]]
    seen_C: FloatArray
    unseen_C: FloatArray
    slope: float
    loss: float
    n: int


def backtest_overfitting(
    trials_TM: FloatArray, *, blocks: int = 16, measure: Literal["ratio", "mean"] = "ratio"
) -> Overfitting:
    """Probability of backtest overfitting of a choice among trials.

    Parameters
    ----------
    trials_TM : array [sessions, trials]
        Returns, or any daily measure of which more is better, of every trial that was made; a
        session in which a trial has no value is left out for all.
    blocks : int
        S: even, from 2 to `MOST_BLOCKS`; the first blocks are one session longer when they do not
        divide the sessions.
    measure : "ratio" or "mean"
        What chooses: mean over standard deviation (n - 1), or the mean.

    Returns
    -------
    Overfitting
        NaN and empty arrays when there are fewer than `MIN_BLOCK` sessions for each block.

    Raises
    ------
    ConfigError
        Blocks that cannot be.
    DataError
        Not a table, fewer than two trials, or trials whose ratio is not known on some half because
        they never change there.
    """
    if blocks % 2 or not 2 <= blocks <= MOST_BLOCKS:
        raise ConfigError(f"blocks: an even number from 2 to {MOST_BLOCKS}, not {blocks}")
    if trials_TM.ndim != 2 or trials_TM.shape[1] < 2:
        raise DataError(
            f"overfitting: needs a table of sessions by at least 2 trials, not {trials_TM.shape}"
        )
    kept = trials_TM[np.isfinite(trials_TM).all(axis=1)]
    if len(kept) < MIN_BLOCK * blocks:
        empty = np.empty(0)
        nothing = np.empty(0, dtype=np.int64)
        return Overfitting(math.nan, empty, nothing, empty, empty, math.nan, math.nan, len(kept))
    seen_CM, unseen_CM = _on_both_halves(kept, blocks, measure)
    chosen = np.argmax(seen_CM, axis=1)
    ways = np.arange(len(chosen))
    seen, unseen = seen_CM[ways, chosen], unseen_CM[ways, chosen]
    rank = (unseen_CM < unseen[:, None]).sum(axis=1) + (
        (unseen_CM == unseen[:, None]).sum(axis=1) + 1.0
    ) / 2.0
    logits = np.log(rank / (trials_TM.shape[1] + 1.0 - rank))
    return Overfitting(
        probability=float(np.mean(np.where(logits == 0.0, 0.5, logits < 0.0))),
        logits_C=logits,
        chosen_C=chosen.astype(np.int64),
        seen_C=seen,
        unseen_C=unseen,
        slope=_slope(seen, unseen),
        loss=float(np.mean(unseen < 0.0)),
        n=len(kept),
    )


def _on_both_halves(
    kept_TM: FloatArray, blocks: int, measure: Literal["ratio", "mean"]
) -> tuple[FloatArray, FloatArray]:
    """Measure [C, M] of each trial on each half of the blocks, and on the other half.

    Sums of blocks are added up; columns are centred first, so that no digits are lost.
    """
    taken_CS = np.zeros((math.comb(blocks, blocks // 2), blocks))
    for way, half in enumerate(itertools.combinations(range(blocks), blocks // 2)):
        taken_CS[way, list(half)] = 1.0
    pieces = np.array_split(np.arange(len(kept_TM)), blocks)
    starts = [int(piece[0]) for piece in pieces]
    counts_S = np.array([len(piece) for piece in pieces], dtype=np.float64)
    if measure == "ratio":
        _check_changes(kept_TM, starts)
    middle_M = kept_TM.mean(axis=0)
    centred = kept_TM - middle_M
    sums_SM = np.add.reduceat(centred, starts, axis=0)
    squares_SM = np.add.reduceat(centred * centred, starts, axis=0)

    def of(weights_CS: FloatArray) -> FloatArray:
        n = (weights_CS @ counts_S)[:, None]
        sums, squares = weights_CS @ sums_SM, weights_CS @ squares_SM
        mean = sums / n
        if measure == "mean":
            return np.asarray(mean + middle_M)
        variance = (squares - n * mean * mean) / (n - 1.0)
        return np.asarray((mean + middle_M) / np.sqrt(variance))

    return of(taken_CS), of(1.0 - taken_CS)


def _check_changes(kept_TM: FloatArray, starts: list[int]) -> None:
    """Refuse trials that are one and the same number in half of the blocks: they have no ratio."""
    low_SM = np.minimum.reduceat(kept_TM, starts, axis=0)
    high_SM = np.maximum.reduceat(kept_TM, starts, axis=0)
    still_SM = high_SM - low_SM <= ROUNDING * np.maximum(np.abs(low_SM), np.abs(high_SM))
    constant = [
        column
        for column in np.flatnonzero(2 * still_SM.sum(axis=0) >= len(starts))
        if 2 * _most_alike(low_SM[still_SM[:, column], column]) >= len(starts)
    ]
    if constant:
        raise DataError(
            f"overfitting: {len(constant)} of {kept_TM.shape[1]} trials never change on some half "
            f"of the sessions (columns {', '.join(map(str, constant[:5]))}): they have no ratio; "
            'leave them out or compare by "mean"'
        )


def _most_alike(values: FloatArray) -> int:
    """How many of the values are the most frequent one, within rounding."""
    apart = np.abs(values[:, None] - values) > ROUNDING * np.maximum(
        np.abs(values[:, None]), np.abs(values)
    )
    return int((~apart).sum(axis=1).max())


def _slope(seen: FloatArray, unseen: FloatArray) -> float:
    from scipy import stats

    if np.ptp(seen) <= ROUNDING * np.max(np.abs(seen)):
        return math.nan
    return float(stats.linregress(seen, unseen).slope)
