"""Drift of raw feature values: a session against the distribution of the training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.drift import (
    beyond_the_largest,
    kolmogorov_smirnov,
    population_stability,
    shares_of,
    stability_by_chance,
)
from gogooku.core.metrics import number_or_none
from gogooku.core.types import Dataset
from gogooku.dataset.home import read_values
from gogooku.releases.distribution import MARKET_SESSIONS, STOCK
from gogooku.watch.limits import LEAST_DRIFT, MORE_NULLS

_LEAST_VALUES: Final = 10
"""Known values below which a feature is not judged: a bin each."""
WORST: Final = 10
"""Features that are named."""

SCHEMA: Final[Mapping[str, pl.DataType]] = {
    "feature": pl.String(),
    "role": pl.String(),
    "n": pl.Int64(),
    "stability": pl.Float64(),
    "usual": pl.Float64(),
    "times": pl.Float64(),
    "ks": pl.Float64(),
    "drifted": pl.Boolean(),
    "null_share": pl.Float64(),
    "null_most": pl.Float64(),
    "more_nulls": pl.Boolean(),
}
"""A row per feature: known values; stability index and Kolmogorov-Smirnov distance against the
training. ``usual`` is the largest index of a session of the training, never below
`gogooku.watch.limits.LEAST_DRIFT` or what so few values may have by chance. A feature has drifted
beyond what one more session than the training's may have, see `beyond_the_largest`; then ``times``
is the index as a multiple of ``usual``, and else a share of that limit. Nulls now and at most in
the training. A market feature is judged over its last sessions."""


def feature_drift(dataset: Dataset, t: int, trained: pl.DataFrame) -> pl.DataFrame:
    """Every feature after a session, against the training.

    Parameters
    ----------
    trained : polars.DataFrame
        `gogooku.releases.distribution.SCHEMA`.

    Returns
    -------
    polars.DataFrame
        With `SCHEMA`, in the order of the features.

    Raises
    ------
    DataError
        A file is damaged.
    """
    stock = read_values(dataset, dataset.features, first=t, last=t + 1)[:, 0, dataset.valid_TN[t]]
    market = dataset.market_TM[max(0, t + 1 - MARKET_SESSIONS) : t + 1].T
    values = {
        **dict(zip(dataset.features, stock, strict=True)),
        **dict(zip(dataset.market_features, market, strict=True)),
    }
    rows = [moved(row, values[row["feature"]]) for row in trained.iter_rows(named=True)]
    return pl.DataFrame(rows, schema=dict(SCHEMA))


def moved(trained: Mapping[str, Any], values: npt.NDArray[np.float32]) -> dict[str, Any]:
    """A row of `SCHEMA` from the values of a feature, NaN where not known."""
    known = values[np.isfinite(values)]
    null = 1.0 - len(known) / len(values) if len(values) else 0.0
    # A market feature has one value a session: the older ones were judged on their evenings.
    missing = not np.isfinite(values[-1:]).all()
    more = null > trained["null_most"] + MORE_NULLS if trained["role"] == STOCK else missing
    row = {
        "feature": trained["feature"],
        "role": trained["role"],
        "n": len(known),
        "null_share": null,
        "null_most": trained["null_most"],
        "more_nulls": bool(more and trained["null_most"] < 1.0),
    }
    if len(known) < _LEAST_VALUES or trained["usual"] is None:
        return {**row, "drifted": False}
    before = np.array(trained["shares"])
    shares = shares_of(known, np.array(trained["edges"], np.float32))
    stability = float(population_stability(before, shares, count=len(known)))
    chance = stability_by_chance(len(known), trained["n"], len(before))
    usual = max(trained["usual"], LEAST_DRIFT, chance)
    looks = trained.get("looks")
    allowed = usual if looks is None else max(usual, trained["usual"] * beyond_the_largest(looks))
    drifted = stability > allowed
    return {
        **row,
        "stability": stability,
        "usual": usual,
        "times": stability / (usual if drifted else allowed),
        "ks": kolmogorov_smirnov(
            np.array(trained["fine_shares"]),
            shares_of(known, np.array(trained["fine_edges"], np.float32)),
        ),
        "drifted": drifted,
    }


def drift_summary(found: pl.DataFrame) -> dict[str, Any]:
    """What is said of drift: counts, and the worst features by name."""
    judged = found.drop_nulls("times")
    worst = judged.sort("times", descending=True, maintain_order=True).head(WORST)
    most = judged.get_column("times").max()
    return {
        "features": found.height,
        "judged": judged.height,
        "drifted": int(found.get_column("drifted").sum()),
        "most_times": number_or_none(float(most)) if isinstance(most, float) else None,
        "worst": _rounded(
            worst.select("feature", "role", "stability", "usual", "times", "ks", "n")
        ),
    }


def null_summary(found: pl.DataFrame) -> dict[str, Any]:
    """What is said of nulls: features with more than in the training, the worst ones by name."""
    grown = found.filter("more_nulls").with_columns(more=pl.col("null_share") - pl.col("null_most"))
    worst = grown.sort("more", descending=True, maintain_order=True).head(WORST)
    return {
        "features": found.height,
        "grown": grown.height,
        "worst": _rounded(worst.select("feature", "role", "null_share", "null_most")),
    }


def _rounded(frame: pl.DataFrame) -> Sequence[dict[str, Any]]:
    rows = frame.iter_rows(named=True)
    return [{key: _number(value) for key, value in row.items()} for row in rows]


def _number(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) and math.isfinite(value) else value
