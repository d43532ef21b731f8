"""Every daily measure of the scores of one horizon, from one ranking of each session.

What one session says is that of `gogooku.core.cross_section`, what two sessions say together that
of `gogooku.core.persistence`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gogooku.core import cross_section as cross
from gogooku.core.calendar import SESSIONS_PER_YEAR
from gogooku.core.metrics import FloatArray
from gogooku.core.persistence import Places, autocorrelation, overlap, rank_agreement
from gogooku.core.types import BoolArray, IntArray

LAGS = (1, 5, 10, 20)
"""Sessions by which returns start later, in the decay of a signal."""
BPS = 1e4

_Values = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Measured:
    """The daily measures of one horizon.

    Attributes
    ----------
    horizon : int
    daily : mapping of str to float [t]
        NaN where a session does not count.
    deciles : float [t, 10]
        Mean label by decile of score, less the mean of all names that count.
    scores, labels : Places
        Rankings of the names that count.
    """

    horizon: int
    daily: Mapping[str, FloatArray]
    deciles: FloatArray
    scores: Places
    labels: Places


def measure(
    score_tN: _Values,
    label_tN: _Values,
    *,
    indices: IntArray,
    horizon: int,
    top_k: int,
    universe_tN: BoolArray | None = None,
) -> Measured:
    """Measure every session.

    Parameters
    ----------
    score_tN, label_tN : float [t, N]
        NaN where a name has none.
    indices : int64 [t]
        Sessions of the rows: measures of two sessions need both, not a neighbour beyond a gap.
    horizon : int
        Sessions that a label lasts.
    top_k : int
        K of the measures of the highest scores; it is in their names.
    universe_tN : bool [t, N], optional
        Names that ought to be scored; without it those that are.

    Returns
    -------
    Measured
        ``daily`` holds rank_ic, ic, hit_rate, spread, p_at_K, p_at_K_excess, top_K_bps,
        ndcg_at_K, overlap_K, overlap_K_horizon, turnover_K, autocorrelation, coverage, labelled
        and num_names; `gogooku.evaluate.definitions` says what each means.
    """
    half = {"scores": np.float32, "labels": np.float32}
    made = cross.by_session(_kernels(top_k), score_tN, label_tN, kept_as=half)
    known = made.pop("known")
    scores = Places.of(made.pop("scores"), known)
    labels = Places.of(made.pop("labels"), known)
    picked, deciles, high = made.pop("picked"), made.pop("deciles"), made.pop("high")
    daily = dict(made)
    daily[f"p_at_{top_k}_excess"] = daily[f"p_at_{top_k}"] - high
    daily[f"top_{top_k}_bps"] *= BPS
    day = _across_gap(overlap(score_tN, picked, 1, top_k=top_k), indices, 1)
    period = _across_gap(overlap(score_tN, picked, horizon, top_k=top_k), indices, horizon)
    daily[f"overlap_{top_k}"] = day
    daily[f"overlap_{top_k}_horizon"] = period
    daily[f"turnover_{top_k}"] = (1.0 - period) * (SESSIONS_PER_YEAR / horizon)
    daily["autocorrelation"] = _across_gap(autocorrelation(scores), indices, 1)
    scored = daily.pop("scored")
    daily["coverage"] = _coverage(score_tN, scored, universe_tN)
    joint = daily["num_names"] = daily["num_names"].astype(np.float64)
    known_share = np.full(len(joint), np.nan)
    daily["labelled"] = np.divide(joint, scored, out=known_share, where=joint > 0.0)
    return Measured(horizon, daily, deciles, scores, labels)


def _kernels(top_k: int) -> dict[str, cross.Kernel]:
    return {
        "rank_ic": cross.rank_ic,
        "ic": cross.ic,
        "hit_rate": cross.hit_rate,
        "spread": cross.spread,
        f"p_at_{top_k}": cross.precision(top_k),
        f"top_{top_k}_bps": cross.top_excess(top_k),
        f"ndcg_at_{top_k}": cross.ndcg(top_k),
        "high": cross.high_share,
        "deciles": cross.decile_excess,
        "picked": cross.picked(top_k),
        "scores": lambda sessions: sessions.score_places,
        "labels": lambda sessions: sessions.label_places,
        "known": lambda sessions: sessions.known,
        "num_names": lambda sessions: sessions.num_names,
        "scored": lambda sessions: np.count_nonzero(sessions.scored, axis=1),
    }


def _coverage(score_tN: _Values, scored_t: IntArray, universe_tN: BoolArray | None) -> FloatArray:
    """Share of the universe that is scored, [t]; NaN without a universe."""
    if universe_tN is None:
        return np.where(scored_t > 0, 1.0, np.nan)
    wanted = np.count_nonzero(universe_tN, axis=1)
    covered = np.count_nonzero(universe_tN & np.isfinite(score_tN), axis=1)
    share = np.full(len(wanted), np.nan)
    np.divide(covered, wanted, out=share, where=wanted > 0)
    return share


def _across_gap(daily: FloatArray, indices: IntArray, lag: int) -> FloatArray:
    """NaN where the row ``lag`` before is not the session ``lag`` before."""
    apart = np.zeros(len(daily), dtype=bool)
    apart[lag:] = indices[lag:] - indices[: max(0, len(indices) - lag)] == lag
    return np.where(apart, daily, np.nan)


def lag_decay(one: Measured, indices: IntArray) -> dict[int, FloatArray]:
    """RankIC of today's scores against labels that start later, [t] for each of 0 and `LAGS`.

    By `gogooku.core.persistence.rank_agreement`; NaN where that session is not among the rows.
    """
    found = {0: one.daily["rank_ic"]}
    for lag in LAGS:
        later = rank_agreement(one.scores, one.labels[lag:])
        shifted = np.full(len(indices), np.nan)
        there = indices[lag:] - indices[: len(later)] == lag
        shifted[: len(later)] = np.where(there, later, np.nan)
        found[lag] = shifted
    return found


def cross_decay(one: Measured, others: Sequence[Measured]) -> dict[int, FloatArray]:
    """RankIC of the scores of one horizon against labels of every horizon, [t] each."""
    return {
        other.horizon: (
            one.daily["rank_ic"]
            if other.horizon == one.horizon
            else rank_agreement(one.scores, other.labels)
        )
        for other in others
    }
