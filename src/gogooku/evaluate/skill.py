"""Skill of out-of-sample scores, with its error, and the gate that catches leaks.

`gogooku.evaluate.daily` measures every session once; here are the averages. Selection is never
masked by facts of the next session: a name without a label does not count towards a measure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core import metrics
from gogooku.core.cross_section import blocks_of
from gogooku.core.errors import ContractError
from gogooku.core.metrics import Estimate, FloatArray, mean_estimate
from gogooku.core.types import BoolArray, IntArray, Labels, Report
from gogooku.evaluate.cautions import LEAST_PERIODS, NAMES_PER_PICK
from gogooku.evaluate.daily import Measured, cross_decay, lag_decay, measure
from gogooku.evaluate.significance import paired_difference

LEAK_SIGMAS = 3.0
"""Standard errors above the attainable RankIC that no honest score reaches."""
LEAK_RANK_IC = 0.15
"""Mean daily RankIC that no daily-bar model of a real market reaches."""
LEAK_ALIGNMENT = 0.93
"""Correlation with the planted expectation above which the scores contain that expectation."""

_Values = npt.NDArray[np.floating[Any]]
_NO_AVERAGE = ("num_names", "rank_ic_truth")


@dataclass(frozen=True)
class Truth:
    """Planted expected returns of the sandbox market, on the labels' axes.

    Attributes
    ----------
    expectation : float [T, N, H]
        NaN where unknown; a horizon that is all NaN is judged without truth.
    families : mapping of str to float [T, N, H]
        The part of each planted family.
    """

    expectation: FloatArray
    families: Mapping[str, FloatArray] = field(default_factory=dict)


@dataclass(frozen=True)
class Skill:
    """Daily measures and their averages.

    Attributes
    ----------
    report : Report
        ``h5.rank_ic`` and the like; ``facts`` holds ``variant``, ``top_k`` (the K of every measure
        with one in its name), ``top_k_asked`` where it had to be lowered, and ``findings``, the
        texts of the leak gate.
    daily : polars.DataFrame
        (date, horizon, num_names, the measures of `gogooku.evaluate.daily.measure`[, alignment,
        attainable, rank_ic_truth, family...]); null where a session does not count.
    deciles : polars.DataFrame
        (horizon, decile 1 to 10, value, n, error): mean label of each score decile less the mean of
        all names that count, see `gogooku.core.cross_section.deciles_of`.
    decay : polars.DataFrame
        (horizon, kind, step, value, n, error): RankIC of the scores of a horizon against labels
        that start ``step`` sessions later (kind ``lag``), or that last ``step`` sessions (kind
        ``horizon``).
    """

    report: Report
    daily: pl.DataFrame
    deciles: pl.DataFrame
    decay: pl.DataFrame

    @property
    def findings(self) -> list[str]:
        """What the leak gate found; empty is good."""
        return list(self.report.facts["findings"])


def evaluate_scores(
    scores_tNH: npt.NDArray[np.floating[Any]],
    indices: IntArray,
    labels: Labels,
    *,
    variant: str = "excess",
    truth: Truth | None = None,
    top_k: int = metrics.TOP_K,
    universe_tN: BoolArray | None = None,
) -> Skill:
    """Measure scores against labels.

    Parameters
    ----------
    scores_tNH : float [t, N, H]
        NaN outside the universe; horizons as in ``labels``.
    indices : int64 [t]
        Session index of each row, ascending.
    labels : Labels
    variant : str
        Which labels judge: ``raw``, ``excess`` or ``residual``. Comparisons with the truth always
        use ``raw``, whose expectation is what was planted.
    truth : Truth, optional
    top_k : int
        Names picked by score; a quarter of the names of the usual session where that is less. The
        K used is in the names of the measures.
    universe_tN : bool [t, N], optional
        Names that ought to be scored; without it those that are.

    Raises
    ------
    ContractError
        Scores and labels have different axes.
    """
    _check_axes(scores_tNH, indices, labels)
    pairs = _pairs(scores_tNH, labels.variant(variant), indices)
    chosen = usual_k(pairs, top_k)
    facts: dict[str, Any] = {"variant": variant, "top_k": chosen, "findings": []}
    if chosen < top_k:
        facts["top_k_asked"] = top_k
    values: dict[str, Estimate] = {}
    frames, deciles, found = [], [], []
    for place, horizon in enumerate(labels.horizons):
        one = measure(
            *pairs[place], indices=indices, horizon=horizon, top_k=chosen, universe_tN=universe_tN
        )
        daily = {**one.daily, **_against_truth(pairs[place][0], labels, truth, (indices, place))}
        by_decile = [mean_estimate(part, horizon=horizon) for part in one.deciles.T]
        values |= _averages(daily, horizon)
        values[f"h{horizon}.monotonicity"] = monotonicity(by_decile)
        facts["findings"] += leak_findings(daily, horizon=horizon)
        frames.append(_daily_frame(daily, labels.sessions[indices], horizon))
        deciles.append(_decile_frame(by_decile, horizon))
        found.append(one)
    return Skill(
        report=Report(values=values, facts=facts),
        daily=pl.concat(frames, how="diagonal"),
        deciles=pl.concat(deciles),
        decay=_decay(found, indices),
    )


def _check_axes(scores_tNH: _Values, indices: IntArray, labels: Labels) -> None:
    if scores_tNH.shape[1:] != labels.raw_TNH.shape[1:] or len(scores_tNH) != len(indices):
        raise ContractError(
            f"skill: scores {scores_tNH.shape} for {len(indices)} sessions do not fit labels "
            f"{labels.raw_TNH.shape}; score the dataset the labels were made from"
        )


def _pairs(
    scores_tNH: _Values, labels_TNH: _Values, indices: IntArray
) -> list[tuple[_Values, _Values]]:
    """Scores and labels [t, N] of each horizon; views where the sessions are in a row."""
    whole = len(indices) > 0 and indices[-1] - indices[0] == len(indices) - 1
    rows = slice(indices[0], indices[-1] + 1) if whole else indices
    chosen = labels_TNH[rows]
    return [(scores_tNH[:, :, h], chosen[:, :, h]) for h in range(scores_tNH.shape[2])]


def usual_k(pairs: Sequence[tuple[_Values, _Values]], top_k: int) -> int:
    """K of the measures: what was asked, or a quarter of the names that the median session has.

    The smallest over horizons, so that one K serves all; at least 1. A few thin sessions do not
    lower it: they are too small for it and do not count.
    """
    smallest = top_k
    for score, label in pairs:
        counts = np.concatenate(
            [
                np.count_nonzero(np.isfinite(score[rows] + label[rows]), axis=1)
                for rows in blocks_of(*score.shape)
            ]
        )
        counts = counts[counts >= metrics.MIN_NAMES]
        if len(counts):
            smallest = min(smallest, int(np.median(counts)) // NAMES_PER_PICK)
    return max(smallest, 1)


def _against_truth(
    score_tN: _Values, labels: Labels, truth: Truth | None, where: tuple[IntArray, int]
) -> dict[str, FloatArray]:
    """Measures against the truth, all on the names that have a score and a label; none without."""
    indices, place = where
    if truth is None or not np.isfinite(truth.expectation[indices, :, place]).any():
        return {}
    score = score_tN.astype(np.float64)
    raw_tN = labels.raw_TNH[indices, :, place].astype(np.float64)
    joint = np.isfinite(score) & np.isfinite(raw_tN)
    expected = np.where(joint, truth.expectation[indices, :, place], np.nan)
    daily = {
        "alignment": metrics.daily_rank_ic(score, expected),
        "attainable": metrics.daily_rank_ic(expected, raw_tN),
        "rank_ic_truth": metrics.daily_rank_ic(np.where(np.isnan(expected), np.nan, score), raw_tN),
    }
    for name, part_TNH in truth.families.items():
        part = np.where(joint, part_TNH[indices, :, place], np.nan)
        if np.isfinite(part).any():
            daily[f"family_{name}"] = metrics.daily_rank_ic(score, part)
    return daily


def _averages(daily: Mapping[str, FloatArray], horizon: int) -> dict[str, Estimate]:
    found = {
        f"h{horizon}.{name}": mean_estimate(series, horizon=horizon)
        for name, series in daily.items()
        if name not in _NO_AVERAGE
    }
    found[f"h{horizon}.icir"] = metrics.ratio_estimate(daily["rank_ic"], horizon=horizon)
    if "attainable" in daily:
        found[f"h{horizon}.share_of_attainable"] = share_of_attainable(
            daily["rank_ic_truth"], daily["attainable"], horizon=horizon
        )
    return found


def monotonicity(deciles: Sequence[Estimate]) -> Estimate:
    """Spearman correlation of decile number and mean decile return; it has no standard error.

    NaN where a decile is unknown or all are alike.
    """
    means = np.array([[one.value for one in deciles]])
    n = min(one.n for one in deciles)
    order = np.arange(float(len(deciles)))[None, :]
    value = float(metrics.daily_rank_ic(order, means)[0]) if np.isfinite(means).all() else math.nan
    return Estimate(value=value, n=n, error=math.nan, lags=0)


def share_of_attainable(
    rank_ic_t: FloatArray, attainable_t: FloatArray, *, horizon: int
) -> Estimate:
    """Mean RankIC over mean attainable RankIC; error by the delta method on the paired series."""
    both = np.isfinite(rank_ic_t) & np.isfinite(attainable_t)
    ours, best = rank_ic_t[both], attainable_t[both]
    lags = metrics.newey_west_lags(len(ours), horizon)
    if not len(ours) or best.mean() <= 0.0:
        return Estimate(value=math.nan, n=len(ours), error=math.nan, lags=lags)
    share = float(ours.mean() / best.mean())
    influence = (ours - share * best) / best.mean()
    return metrics.uncertain(share, influence, lags=lags, horizon=horizon)


def leak_findings(daily: Mapping[str, FloatArray], *, horizon: int) -> list[str]:
    """Say what is too good to be true at one horizon.

    With truth: the paired difference of RankIC and attainable RankIC lies above zero by
    `LEAK_SIGMAS` (corrected for the small sample), or the alignment with the planted expectation
    is above `LEAK_ALIGNMENT`. Without: the absolute mean RankIC is above `LEAK_RANK_IC` and beyond
    `LEAK_SIGMAS`, over at least `LEAST_PERIODS` horizons; a shorter sample proves nothing.
    """
    found = []
    if "attainable" not in daily:
        mean = mean_estimate(daily["rank_ic"], horizon=horizon)
        judged = mean.n >= LEAST_PERIODS * horizon
        judged = judged and abs(mean.value) > LEAK_SIGMAS * mean.error
        if judged and abs(mean.value) > LEAK_RANK_IC:
            found.append(
                f"horizon {horizon}: RankIC {mean.value:+.3f} over {mean.n} sessions is beyond "
                f"{LEAK_RANK_IC}; look for a label, or a value from the future, among the features"
            )
        return found
    test = paired_difference(daily["rank_ic_truth"], daily["attainable"], horizon=horizon)
    excess = test.estimate
    certain = excess.value > 0 and excess.error <= abs(excess.value) * 1e-12
    if certain or test.sigmas > LEAK_SIGMAS:
        found.append(
            f"horizon {horizon}: RankIC is {excess.value:+.3f} above the attainable over "
            f"{excess.n} sessions ({'no scatter' if certain else f'{test.sigmas:.1f} sigma'}); "
            "look for a label, or a value from the future, among the features"
        )
    alignment = mean_estimate(daily["alignment"], horizon=horizon)
    if alignment.value > LEAK_ALIGNMENT:
        found.append(
            f"horizon {horizon}: alignment {alignment.value:.3f} with the planted expectation over "
            f"{alignment.n} sessions is beyond {LEAK_ALIGNMENT}: the scores contain the "
            "expectation itself"
        )
    return found


def _daily_frame(
    daily: Mapping[str, FloatArray], dates: npt.NDArray[np.datetime64], horizon: int
) -> pl.DataFrame:
    shown = {name: series for name, series in daily.items() if name != "num_names"}
    return pl.DataFrame(
        {
            "date": dates.astype("datetime64[D]"),
            "horizon": np.full(len(dates), horizon, dtype=np.int32),
            "num_names": daily["num_names"].astype(np.int64),
            **{name: pl.Series(series, nan_to_null=True) for name, series in shown.items()},
        }
    )


def _decile_frame(deciles: Sequence[Estimate], horizon: int) -> pl.DataFrame:
    rows = [(horizon, number, one.value, one.n, one.error) for number, one in enumerate(deciles, 1)]
    schema = {
        "horizon": pl.Int32,
        "decile": pl.Int32,
        "value": pl.Float64,
        "n": pl.Int64,
        "error": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _decay(found: Sequence[Measured], indices: IntArray) -> pl.DataFrame:
    """RankIC of each horizon's scores against later labels and labels of other horizons."""
    rows = []
    for one in found:
        series = [("lag", lag, daily) for lag, daily in lag_decay(one, indices).items()]
        series += [("horizon", h, daily) for h, daily in cross_decay(one, found).items()]
        for kind, step, daily in series:
            overlap = step if kind == "horizon" else one.horizon
            mean = mean_estimate(daily, horizon=overlap)
            rows.append((one.horizon, kind, step, mean.value, mean.n, mean.error))
    schema = {
        "horizon": pl.Int32,
        "kind": pl.String,
        "step": pl.Int32,
        "value": pl.Float64,
        "n": pl.Int64,
        "error": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")
