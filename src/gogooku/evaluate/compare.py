"""Runs against each other: paired by session, with the price of comparing many."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import polars as pl

from gogooku.core.errors import DataError, UsageError
from gogooku.evaluate.many_tests import holm
from gogooku.evaluate.significance import paired_difference

COMPARISON_SCHEMA: Mapping[str, Any] = {
    "a": pl.String,
    "b": pl.String,
    "horizon": pl.Int32,
    "n": pl.Int64,
    "mean_a": pl.Float64,
    "mean_b": pl.Float64,
    "difference": pl.Float64,
    "error": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "p_value": pl.Float64,
    "p_holm": pl.Float64,
}


def compare_runs(daily: Mapping[str, pl.DataFrame], *, metric: str = "rank_ic") -> pl.DataFrame:
    """Paired differences of every two runs at every horizon they share.

    Parameters
    ----------
    daily : mapping of run name to polars.DataFrame
        `gogooku.evaluate.skill.Skill.daily` of each run.
    metric : str
        A column of those frames.

    Returns
    -------
    polars.DataFrame
        `COMPARISON_SCHEMA`: means over the shared sessions, ``a - b`` with its Newey-West error
        and interval (corrected for the small sample), p-value, and Holm's p-value over all tests
        of the table.

    Raises
    ------
    UsageError
        Fewer than two runs, or no such metric.
    DataError
        Two runs share no session.
    """
    if len(daily) < 2:
        raise UsageError(f"compare: needs at least two runs, got {', '.join(daily) or 'none'}")
    for name, frame in daily.items():
        if metric not in frame.columns:
            known = ", ".join(c for c in frame.columns if c not in ("date", "horizon"))
            raise UsageError(f"compare: run {name} has no measure {metric!r}; it has {known}")
    rows = [
        row
        for a, b in itertools.combinations(daily, 2)
        for row in _pair(a, b, {name: daily[name] for name in (a, b)}, metric)
    ]
    adjusted = holm([row["p_value"] for row in rows])
    full = [{**row, "p_holm": p} for row, p in zip(rows, adjusted, strict=True)]
    return pl.DataFrame(full, schema=dict(COMPARISON_SCHEMA))


def _pair(a: str, b: str, daily: Mapping[str, pl.DataFrame], metric: str) -> list[dict[str, Any]]:
    left, right = (
        frame.select("date", "horizon", pl.col(metric).cast(pl.Float64).alias(side))
        for frame, side in zip((daily[a], daily[b]), ("a", "b"), strict=True)
    )
    shared = left.join(right, on=["date", "horizon"]).drop_nulls().sort("horizon", "date")
    if shared.is_empty():
        raise DataError(f"compare: runs {a} and {b} share no session at any horizon")
    return [
        _test(a, b, int(str(horizon)), block)
        for (horizon,), block in shared.group_by("horizon", maintain_order=True)
    ]


def _test(a: str, b: str, horizon: int, block: pl.DataFrame) -> dict[str, Any]:
    first, second = (block.get_column(side).to_numpy() for side in ("a", "b"))
    return {
        "a": a,
        "b": b,
        "horizon": horizon,
        "mean_a": float(first.mean()),
        "mean_b": float(second.mean()),
        **paired_difference(first, second, horizon=horizon).row(),
    }
