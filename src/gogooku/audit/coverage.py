"""Nulls: within the contract of each feature, and in every part of the history."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import polars as pl

from gogooku.audit.findings import Check, Checked, Finding, Limits
from gogooku.audit.sample import Sample, declared
from gogooku.core.calendar import SESSIONS_PER_YEAR
from gogooku.core.types import Dataset, FloatArray
from gogooku.features.engine.coverage import over_budget

_LIT = 0.02
"""Coverage from which a source counts as having begun."""
_MIN_VALUES = 50.0
"""Values that a part would have at the coverage before, for its darkness to mean much."""


def check_coverage(dataset: Dataset, sample: Sample, *, limits: Limits) -> Checked:
    """Compare null shares with what features declare, and parts of the history with each other.

    The parts are as long as a year (at least three, so shorter in a short history). A source may
    begin late, and little by little; a part with a tenth of the coverage of those before it is one
    in which it has no values any more. Of stock features the universe rows of the sample count.
    """
    features = declared(dataset)
    short = _beyond_history(dataset)
    findings = [
        Finding(
            check=Check.COVERAGE,
            features=(name,),
            what=f"{share:.1%} null among universe rows, {allowed:.0%} allowed",
            value=share,
            limit=allowed,
        )
        for name, share, allowed in over_budget(
            [f for f in features.values() if f.name not in short], dataset.manifest["null_share"]
        )
    ]
    edges = _edges(len(dataset.sessions))
    known_FP, rows_FP = _stock_counts(dataset, sample, edges)
    market_known, market_rows = _market_counts(dataset, edges)
    known = np.vstack([known_FP, market_known])
    rows = np.vstack([rows_FP, market_rows])
    names = (*dataset.features, *dataset.market_features)
    labels = [str(dataset.sessions[first]) for first in edges[:-1]]
    findings += _dark(names, known, rows, labels, limits=limits)
    with np.errstate(invalid="ignore"):
        share = np.where(rows > 0, known / rows, np.nan)
    table = pl.DataFrame(
        {"feature": names, **{f"from {label}": share[:, p] for p, label in enumerate(labels)}}
    )
    return Checked(
        findings,
        {"coverage_parts": labels, "features_beyond_history": sorted(short)},
        {"coverage": table},
    )


def _beyond_history(dataset: Dataset) -> frozenset[str]:
    """Features that look back further than any name has been in the universe: null for a reason."""
    longest = int(np.asarray(dataset.valid_TN).sum(axis=0).max(initial=0))
    return frozenset(
        name for name, feature in declared(dataset).items() if feature.lookback >= longest
    )


def _edges(num_sessions: int) -> list[int]:
    parts = max(3, round(num_sessions / SESSIONS_PER_YEAR))
    return [round(p * num_sessions / parts) for p in range(parts + 1)]


def _stock_counts(
    dataset: Dataset, sample: Sample, edges: Sequence[int]
) -> tuple[FloatArray, FloatArray]:
    """Known values and universe rows of each stock feature in each part, after its lookback."""
    features = declared(dataset)
    lookback = np.array([features[n].lookback if n in features else 1 for n in sample.names])
    known = np.zeros((len(sample.names), len(edges) - 1))
    rows = np.zeros_like(known)
    for t, day in zip(sample.sessions, sample.days, strict=True):
        part = int(np.searchsorted(edges, t, side="right")) - 1
        warm = lookback <= t
        known[:, part] += np.where(warm, np.isfinite(day).sum(axis=1), 0)
        rows[:, part] += np.where(warm, day.shape[1], 0)
    return known, rows


def _market_counts(dataset: Dataset, edges: Sequence[int]) -> tuple[FloatArray, FloatArray]:
    features = declared(dataset)
    shape = (len(dataset.market_features), len(edges) - 1)
    known, rows = np.zeros(shape), np.zeros(shape)
    there_TM = np.isfinite(dataset.market_TM)
    for m, name in enumerate(dataset.market_features):
        lookback = features[name].lookback if name in features else 1
        for part, (first, last) in enumerate(pairwise(edges)):
            span = slice(max(first, lookback), max(last, lookback))
            known[m, part] = there_TM[span, m].sum()
            rows[m, part] = len(there_TM[span])
    return known, rows


def _dark(
    names: Sequence[str],
    known_FP: FloatArray,
    rows_FP: FloatArray,
    labels: Sequence[str],
    *,
    limits: Limits,
) -> list[Finding]:
    found = []
    for name, known, rows in zip(names, known_FP, rows_FP, strict=True):
        share = known / np.maximum(rows, 1.0)
        lit = np.flatnonzero(share > _LIT)
        if not len(lit):
            continue
        for part in range(int(lit[0]) + 1, len(labels)):
            earlier = slice(int(lit[0]), part)
            usual = known[earlier].sum() / max(rows[earlier].sum(), 1.0)
            expected = usual * rows[part]
            if expected >= _MIN_VALUES and known[part] < limits.dark_share * expected:
                found.append(
                    Finding(
                        check=Check.COVERAGE,
                        features=(name,),
                        what=f"coverage {share[part]:.1%} in the part from {labels[part]}, "
                        f"{usual:.1%} before: its source stopped",
                        value=float(share[part]),
                        limit=float(limits.dark_share * usual),
                        sessions=(labels[part],),
                    )
                )
    return found
