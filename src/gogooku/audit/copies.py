"""Features that are another feature, or nothing at all; and how many directions they span."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.audit.findings import Check, Checked, Finding, Limits
from gogooku.audit.sample import Floats, Sample, declared, is_mask
from gogooku.core.progress import Step
from gogooku.core.ranks import centred_ranks
from gogooku.core.types import Dataset, FloatArray
from gogooku.dataset.home import read_bars, read_values
from gogooku.dataset.state import LISTED
from gogooku.features.catalogue import base_inputs

_MIN_NAMES = 20
_MIN_UNTIED = 5.0
"""Values unlike the usual one that a feature must have for its ranks to be compared."""
_FEWEST_SESSIONS = 60
_MIN_DAYS = 3
_MIN_MINORITY = 50
"""Values unlike the usual one that two flags must share before they count as the same flag."""
_RUN = 256
"""Sessions read at once."""
_SHOWN_PAIRS = 200


@dataclass(frozen=True)
class Pairs:
    """Mean rank correlation of every pair of features over sessions, [F, F].

    ``corr_FF`` is NaN where fewer than ``days_FF`` sessions have both features; ``day_FF`` is the
    average correlation of the standardised features with nulls at the mean, for the effective rank.
    """

    corr_FF: FloatArray
    day_FF: FloatArray


def check_copies(
    dataset: Dataset, sample: Sample, *, limits: Limits, threads: int, step: Step
) -> Checked:
    """Compare every pair: within sessions for stock features, over time for market features.

    Two market features are compared on at least as many sessions as they look back: on fewer, what
    one of them is measured against has hardly moved.
    """
    features = declared(dataset)
    ranked = [f for f, name in enumerate(sample.names) if not is_mask(name, features)]
    names = [sample.names[f] for f in ranked]
    pairs = within_sessions([day[ranked] for day in sample.days], threads=threads, step=step)
    found = list(_near(names, pairs.corr_FF, limits=limits, over="within sessions"))
    context = [m for m, n in enumerate(dataset.market_features) if not is_mask(n, features)]
    market = [dataset.market_features[m] for m in context]
    over_time = _correlations(centred_ranks(np.ascontiguousarray(dataset.market_TM.T[context])))
    lookback = np.array([features[n].lookback if n in features else 1 for n in market])
    least = np.maximum(_FEWEST_SESSIONS, np.maximum.outer(lookback, lookback))
    joint = np.where(over_time.joint >= least, over_time.corr, np.nan)
    found += _near(market, joint, limits=limits, over="over time")
    masks = [f for f, name in enumerate(sample.names) if is_mask(name, features)]
    found += _same_masks(sample, masks)
    table = pl.concat(
        [_closest(names, pairs.corr_FF, "stock"), _closest(market, joint, "market")]
    ).sort(pl.col("correlation").abs(), descending=True, maintain_order=True)
    return Checked(found, effective_rank(pairs.day_FF), {"pairs": table})


def within_sessions(days: Sequence[Floats], *, threads: int, step: Step) -> Pairs:
    """Average the rank correlations of sessions; names that lack one of the two are left out."""
    size = days[0].shape[0] if days else 0
    total, count = np.zeros((size, size)), np.zeros((size, size))
    day_total = np.zeros((size, size))
    enough = [day for day in days if day.shape[1] >= _MIN_NAMES]
    with ThreadPoolExecutor(threads) as pool:
        for corr, day_corr in pool.map(_one_session, enough):
            good = np.isfinite(corr)
            total += np.where(good, corr, 0.0)
            count += good
            day_total += day_corr
            step.advance(1)
    with np.errstate(invalid="ignore"):
        corr = np.where(count >= min(_MIN_DAYS, max(len(enough), 1)), total / count, np.nan)
    return Pairs(corr_FF=corr, day_FF=day_total / max(len(enough), 1))


def _one_session(day_FN: Floats) -> tuple[FloatArray, FloatArray]:
    """Correlations of one session, and those of the standardised ranks with nulls at the mean."""
    ranks = centred_ranks(day_FN)
    one = _correlations(ranks)
    filled, known = np.nan_to_num(ranks), np.isfinite(ranks).sum(axis=1, keepdims=True)
    spread = np.sqrt((filled**2).sum(axis=1, keepdims=True) / np.maximum(known, 1))
    z = filled / np.where(spread > 0, spread, np.inf).astype(np.float32)
    day = (z @ z.T).astype(np.float64) / day_FN.shape[1]
    return np.where(one.joint >= _MIN_NAMES, one.corr, np.nan), day


@dataclass(frozen=True)
class _Correlated:
    corr: FloatArray
    joint: FloatArray


def _correlations(ranks_FN: Floats) -> _Correlated:
    """Correlation of every pair of rows over the columns where both are known, and their number."""
    there = np.isfinite(ranks_FN)
    m, r = there.astype(np.float32), np.nan_to_num(ranks_FN)
    joint = (m @ m.T).astype(np.float64)
    one = (r @ m.T).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = (r * r) @ m.T - one**2 / joint
        cov = r @ r.T - one * one.T / joint
        # nine tenths (for rounding) of that of ranks of which all but a few are tied
        untied = np.minimum(_MIN_UNTIED / joint, 1.0)
        least = 0.9 * (1.0 - (1.0 - untied) ** 3) / 12.0 * joint
        enough = variance >= least
        good = enough & enough.T
        corr = np.where(good, cov / np.sqrt(variance * variance.T), np.nan)
    return _Correlated(corr=corr, joint=joint)


def _near(
    names: Sequence[str], corr_FF: FloatArray, *, limits: Limits, over: str
) -> Iterator[Finding]:
    above = np.triu(np.abs(np.nan_to_num(corr_FF)) > limits.correlation, k=1)
    for f, g in np.argwhere(above):
        value = float(corr_FF[f, g])
        yield Finding(
            check=Check.COPIES,
            features=(names[f], names[g]),
            what=f"rank correlation {value:+.4f} {over}: one of the two adds no information",
            value=value,
            limit=limits.correlation,
        )


def _closest(names: Sequence[str], corr_FF: FloatArray, role: str) -> pl.DataFrame:
    size = np.triu(np.abs(np.nan_to_num(corr_FF)), k=1)
    order = np.argsort(-size, axis=None)[:_SHOWN_PAIRS]
    f, g = np.unravel_index(order, size.shape) if size.size else (order, order)
    keep = [(a, b) for a, b in zip(f.tolist(), g.tolist(), strict=True) if size[a, b] > 0]
    return pl.DataFrame(
        [(names[a], names[b], role, float(corr_FF[a, b])) for a, b in keep],
        schema={
            "feature": pl.String,
            "other": pl.String,
            "role": pl.String,
            "correlation": pl.Float64,
        },
        orient="row",
    )


def _same_masks(sample: Sample, masks: Sequence[int]) -> Iterator[Finding]:
    """Flags that are equal on every name of every sampled session, and not by chance alone."""
    first: dict[str, int] = {}
    for f in masks:
        digest, ones, zeros = sha256(), 0, 0
        for day in sample.days:
            digest.update(day[f].tobytes())
            ones += int((day[f] > 0).sum())
            zeros += int((day[f] == 0).sum())
        if min(ones, zeros) < _MIN_MINORITY:
            continue
        twin = first.setdefault(digest.hexdigest(), f)
        if twin != f:
            yield Finding(
                check=Check.COPIES,
                features=(sample.names[twin], sample.names[f]),
                what=f"the same flag on all {len(sample.days)} sampled sessions",
                value=1.0,
                limit=1.0,
            )


def effective_rank(day_FF: FloatArray) -> dict[str, float | int]:
    """How many directions the day-wise standardised features span.

    ``effective_rank`` is exp of the entropy of the eigenvalues of their average daily correlation
    matrix, normalised to sum 1 (Roy & Vetterli 2007, with the matrix itself as the argument, whose
    singular values these are); ``participation_ratio`` the square of their sum over the sum of
    their squares.
    """
    if not len(day_FF):
        return {"effective_rank": 0.0, "participation_ratio": 0.0, "ranked_features": 0}
    values = np.maximum(np.linalg.eigvalsh(day_FF), 0.0)
    total = float(values.sum())
    share = values[values > 0] / total if total > 0 else np.ones(1)
    entropy = float(-(share * np.log(share)).sum())
    return {
        "effective_rank": round(float(np.exp(entropy)), 1),
        "participation_ratio": round(1.0 / float((share**2).sum()), 1),
        "ranked_features": len(day_FF),
    }


def _varies_anywhere(dataset: Dataset, name: str) -> bool:
    """Whether a stock feature differs between two names of the universe on any session."""
    for first in range(0, len(dataset.sessions), _RUN):
        last = min(first + _RUN, len(dataset.sessions))
        values_tN = read_values(dataset, [name], first=first, last=last)[0]
        known = np.isfinite(values_tN) & dataset.valid_TN[first:last]
        high = np.max(values_tN, axis=1, where=known, initial=-np.inf)
        low = np.min(values_tN, axis=1, where=known, initial=np.inf)
        if (high > low).any():
            return True
    return False


def check_constants(dataset: Dataset, sample: Sample) -> Checked:
    """Find features that never vary, masks aside.

    A stock feature must differ between two names on some session, a market feature between two
    sessions. What does not on the sampled sessions is looked up on all of them: an event may fall
    between. One whose lookback is longer than the history is left to the coverage check; one that
    counts events of which the source has none is a fact.
    """
    features = declared(dataset)
    varies = np.zeros(len(sample.names), dtype=bool)
    there = np.zeros(len(sample.names), dtype=bool)
    for day in sample.days:
        known = np.isfinite(day)
        high = np.max(day, axis=1, where=known, initial=-np.inf)
        low = np.min(day, axis=1, where=known, initial=np.inf)
        varies |= high > low
        there |= known.any(axis=1)
    quiet = quiet_columns(dataset)
    found, still = [], []
    stock = zip(sample.names, varies, there, strict=True)
    market = [
        (name, *_moves(dataset.market_TM[:, m])) for m, name in enumerate(dataset.market_features)
    ]
    for name, moved, seen in (*stock, *market):
        lookback = features[name].lookback if name in features else 1
        if moved or is_mask(name, features) or lookback >= len(dataset.sessions):
            continue
        if name in dataset.features and _varies_anywhere(dataset, name):
            continue
        if seen and name in features and base_inputs(features[name]) & quiet:
            still.append(name)
            continue
        what = "is constant" if seen else "has no value on any session"
        found.append(Finding(check=Check.CONSTANT, features=(name,), what=what))
    return Checked(found, {"features_without_event": still})


def quiet_columns(dataset: Dataset) -> frozenset[str]:
    """Base columns of events that never happen: no split, no limit, no session without a trade.

    A feature that counts them is constant, and nothing is wrong with it.
    """
    bars = read_bars(dataset)
    listed = np.asarray(bars[LISTED], dtype=bool)
    happened = {
        "split": (np.nan_to_num(bars["adjustment_factor"], nan=1.0) != 1.0).any(),
        "limit_up_flag": (np.asarray(bars["limit_up"]) > 0).any(),
        "limit_down_flag": (np.asarray(bars["limit_down"]) > 0).any(),
        "traded": (listed & ~np.isfinite(bars["close"])).any(),
    }
    return frozenset(name for name, seen in happened.items() if not seen)


def _moves(series_T: npt.NDArray[np.float32]) -> tuple[bool, bool]:
    known = series_T[np.isfinite(series_T)]
    return bool(len(known) and known.max() > known.min()), bool(len(known))
