"""Single features that know the label: their daily rank correlation with it is too good."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.audit.findings import Check, Checked, Finding, Limits
from gogooku.audit.sample import Floats, declared, filled_sessions
from gogooku.core.metrics import MIN_NAMES, Estimate, mean_estimate
from gogooku.core.progress import Step
from gogooku.core.ranks import centred_ranks
from gogooku.core.types import Dataset, FloatArray, Labels, Role

_MIN_SESSIONS = 20
_CHANCE, _CERTAIN = 4.0, 0.9
"""Standard errors of one day's correlation under no relation: what chance alone may give, and what
it never gives even among ten names."""


@dataclass(frozen=True)
class DailyIc:
    """Rank correlation of each feature with each label by session.

    Attributes
    ----------
    ic_SFH : float32 [S, F, H]
        NaN where fewer than 10 names have both, or one of them does not vary.
    names_SFH : int32 [S, F, H]
        Names in it.
    largest_F : float32 [F]
        Largest magnitude in the tensor; infinite or NaN where a value is not finite.
    """

    ic_SFH: Floats
    names_SFH: npt.NDArray[np.int32]
    largest_F: Floats


def daily_ic(dataset: Dataset, labels: Labels, *, threads: int, step: Step) -> DailyIc:
    """Correlate the encoded features of every session with the ranked labels.

    The tensor holds centred ranks, so this is Spearman's correlation up to names that have one of
    the two only. A zero of a feature that is not a flag is a null (or the very median) and left
    out. One pass over the tensor, a day at a time.
    """
    sessions = filled_sessions(dataset)
    features = declared(dataset)
    flags = np.array(
        [n in features and features[n].role is Role.MASK for n in dataset.features], dtype=bool
    )
    shape = (len(sessions), len(dataset.features), len(labels.horizons))
    ic = np.full(shape, np.nan, dtype=np.float32)
    counts = np.zeros(shape, dtype=np.int32)

    def day(s: int) -> Floats:
        t = int(sessions[s])
        members = np.flatnonzero(dataset.valid_TN[t])
        x_NF = np.asarray(dataset.x_TNF[t])[members].astype(np.float32)
        label_NH = np.asarray(labels.excess_TNH[t], dtype=np.float32)[members]
        if np.isfinite(label_NH).any():
            ranks_NH = centred_ranks(np.ascontiguousarray(label_NH.T)).T
            ic[s], counts[s] = _correlations(x_NF, ranks_NH, (x_NF != 0) | flags)
        return np.asarray(np.abs(x_NF).max(axis=0, initial=0.0), dtype=np.float32)

    largest = np.zeros(shape[1], dtype=np.float32)
    with ThreadPoolExecutor(threads) as pool:
        for found in pool.map(day, range(len(sessions))):
            largest = np.maximum(largest, found)
            step.advance(1)
    return DailyIc(ic_SFH=ic, names_SFH=counts, largest_F=largest)


def _correlations(
    x_NF: Floats, y_NH: Floats, known_NF: npt.NDArray[np.bool_]
) -> tuple[Floats, npt.NDArray[np.int32]]:
    """Pearson correlation of each column of x with each of y over the rows where both are known."""
    has_NH = np.isfinite(y_NH)
    y, k = np.nan_to_num(y_NH), has_NH.astype(np.float32)
    x, m = np.where(known_NF, x_NF, np.float32(0)), known_NF.astype(np.float32)
    with np.errstate(all="ignore"):  # a value that is not finite is a finding of its own
        n = (m.T @ k).astype(np.float64)
        sum_x, sum_y = (x.T @ k).astype(np.float64), (m.T @ y).astype(np.float64)
        var_x = (x * x).T @ k - sum_x**2 / n
        var_y = m.T @ (y * y) - sum_y**2 / n
        cov = x.T @ y - sum_x * sum_y / n
        floor = 1e-6 * n
        good = (n >= MIN_NAMES) & (var_x > floor) & (var_y > floor)
        ic = np.where(good, cov / np.sqrt(var_x * var_y), np.nan)
    return ic.astype(np.float32), n.astype(np.int32)


def check_leaks(daily: DailyIc, dataset: Dataset, labels: Labels, *, limits: Limits) -> Checked:
    """Judge the daily correlations."""
    findings: list[Finding] = []
    rows = []
    for h, horizon in enumerate(labels.horizons):
        for f, name in enumerate(dataset.features):
            series = daily.ic_SFH[:, f, h].astype(np.float64)
            names = daily.names_SFH[:, f, h]
            estimate = _estimate(series, names, horizon)
            share = _share_beyond(series, names, limits.day_ic)
            rows.append((name, horizon, estimate.value, estimate.error, estimate.n, share))
            if estimate.n >= _MIN_SESSIONS:
                findings += _judge(name, horizon, estimate, share, limits=limits)
    findings += _tensor(daily.largest_F, dataset.features)
    table = pl.DataFrame(
        rows,
        schema={
            "feature": pl.String,
            "horizon": pl.Int32,
            "mean_ic": pl.Float64,
            "error": pl.Float64,
            "n": pl.Int32,
            "share_beyond": pl.Float64,
        },
        orient="row",
    ).sort(pl.col("mean_ic").abs().fill_nan(0.0), descending=True, maintain_order=True)
    facts = {"ic_sessions": len(daily.ic_SFH), "largest_mean_ic": _top(table)}
    return Checked(findings, facts, {"ic": table})


def _estimate(series: FloatArray, names: npt.NDArray[np.int32], horizon: int) -> Estimate:
    """Mean with its Newey-West error, and never below that of unrelated overlapping labels.

    A short history has few independent labels, and there the estimated error is itself too small.
    """
    made = mean_estimate(series, horizon=horizon)
    if not made.n:
        return made
    typical = float(np.mean(names[np.isfinite(series)]))
    least = math.sqrt(horizon / made.n / max(typical - 1.0, 1.0))
    error = least if math.isnan(made.error) else max(made.error, least)
    return Estimate(value=made.value, n=made.n, error=error, lags=made.lags)


def _share_beyond(series: FloatArray, names: npt.NDArray[np.int32], limit: float) -> float:
    """Share of sessions on which the correlation is beyond the limit, and beyond chance."""
    kept = np.isfinite(series)
    if not kept.any():
        return 0.0
    chance = np.minimum(_CHANCE / np.sqrt(np.maximum(names[kept] - 1.0, 1.0)), _CERTAIN)
    return float((np.abs(series[kept]) > np.maximum(limit, chance)).mean())


def _judge(
    name: str, horizon: int, estimate: Estimate, share: float, *, limits: Limits
) -> list[Finding]:
    found = []
    if abs(estimate.value) - limits.errors * estimate.error > limits.mean_ic:
        found.append(
            Finding(
                check=Check.LEAK,
                features=(name,),
                what=f"mean RankIC {estimate.value:+.2f} ± {estimate.error:.3f} with the label at "
                f"horizon {horizon} over {estimate.n} sessions; a feature "
                f"without a leak stays within {limits.mean_ic}",
                value=estimate.value,
                limit=limits.mean_ic,
            )
        )
    if share > limits.day_share:
        found.append(
            Finding(
                check=Check.LEAK,
                features=(name,),
                what=f"rank correlation with the label at horizon {horizon} is beyond "
                f"{limits.day_ic} on {share:.0%} of {estimate.n} sessions: it is computed "
                "from the label",
                value=share,
                limit=limits.day_share,
            )
        )
    return found


def _tensor(largest_F: Floats, names: Sequence[str]) -> list[Finding]:
    return [
        Finding(
            check=Check.CONTENT,
            features=(names[f],),
            what=f"the training tensor reaches {largest_F[f]:.1f}; encoded values stay within 1",
            value=float(largest_F[f]),
            limit=1.0,
        )
        for f in np.flatnonzero(~(largest_F <= 1.0)).tolist()
    ]


def _top(table: pl.DataFrame) -> float | None:
    known = table.get_column("mean_ic").drop_nans()
    return round(float(known[0]), 4) if len(known) else None
