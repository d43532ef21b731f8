"""Drift: the distribution of each feature in the first and the last third of the history."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.audit.findings import Check, Checked, Finding, Limits
from gogooku.audit.sample import Sample, declared, is_mask
from gogooku.core.drift import edges_of, population_stability, shares_of
from gogooku.core.types import Dataset

_BINS = 10
_MIN_VALUES = 500
_GROWING = frozenset({"sessions"})
"""Units that count from the start of the data, and drift because it is a start."""


def check_drift(dataset: Dataset, sample: Sample, *, limits: Limits) -> Checked:
    """Population stability of each feature, last third against first.

    Market features and counts of sessions are reported and never a finding: regimes come and go,
    and what counts from the start of the data grows with it. Nor is a feature that looks back over
    more than half of a third: its values of a third are little more than one.
    """
    features = declared(dataset)
    count = len(dataset.sessions)
    first, last = sample.sessions < count // 3, sample.sessions >= count - count // 3
    rows: list[tuple[str, str, float, int]] = []
    findings = []
    for f, name in enumerate(sample.names):
        if is_mask(name, features):
            continue
        early, late = sample.pooled(f, first), sample.pooled(f, last)
        index = stability(early, late)
        rows.append((name, "stock", index, len(late)))
        growing = name in features and features[name].unit in _GROWING
        short = name in features and 2 * features[name].lookback > count // 3
        if index > limits.stability and not growing and not short:
            findings.append(
                Finding(
                    check=Check.DRIFT,
                    features=(name,),
                    what=f"population stability index {index:.1f} between the first and the last "
                    f"third of the history (medians {np.median(early):.3g} and "
                    f"{np.median(late):.3g}); a feature without a scale should be stable",
                    value=index,
                    limit=limits.stability,
                )
            )
    third = count // 3
    for m, name in enumerate(dataset.market_features):
        early, late = dataset.market_TM[:third, m], dataset.market_TM[count - third :, m]
        early, late = early[np.isfinite(early)], late[np.isfinite(late)]
        rows.append((name, "market", stability(early, late, least=_BINS * 5), len(late)))
    table = pl.DataFrame(
        rows,
        schema={"feature": pl.String, "role": pl.String, "stability": pl.Float64, "n": pl.Int64},
        orient="row",
    ).sort(pl.col("stability").fill_nan(-1.0), descending=True, maintain_order=True)
    return Checked(findings, {}, {"drift": table})


def stability(
    early: npt.NDArray[np.float32], late: npt.NDArray[np.float32], *, least: int = _MIN_VALUES
) -> float:
    """Population stability index of late values on the deciles of early ones; NaN for too few."""
    if min(len(early), len(late)) < least:
        return math.nan
    edges = edges_of(early, _BINS)
    return float(population_stability(shares_of(early, edges), shares_of(late, edges)))
