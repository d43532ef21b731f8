"""The skill of a cross-validation: of each path of scores, and of all of them together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from gogooku.core.metrics import Estimate, mean_estimate, ratio_estimate
from gogooku.core.types import Report
from gogooku.evaluate.skill import Skill

_KEYS = ("date", "horizon")
_NO_MEANS = ("num_names", "rank_ic_truth")


def over_paths(paths: Sequence[Skill], *, kind: str) -> Skill:
    """The mean over the paths of a cross-validation, session by session, and its error.

    A path holds every session once, and paths share labels, so n stays the number of sessions: more
    paths make no more evidence. What is no mean over sessions is left out, but for the ratio of the
    RankIC, which is that of the mean RankIC.

    Parameters
    ----------
    paths : sequence of Skill
        On the same sessions.
    kind : str
        Kind of the split; it is in the facts with the number of paths, and that nothing of it is
        out of time.
    """
    facts = {
        **paths[0].report.facts,
        "findings": [
            f"path {number}: {text}"
            for number, one in enumerate(paths)
            for text in one.report.facts["findings"]
        ],
        "cross_validation": {"split": kind, "paths": len(paths), "out_of_time": False},
    }
    if len(paths) == 1:
        (only,) = paths
        return replace(only, report=Report(only.report.values, facts))
    daily = (
        pl.concat([one.daily for one in paths], how="diagonal")
        .group_by(_KEYS)
        .agg(pl.all().mean())
        .sort("horizon", "date")
        .with_columns(pl.col("num_names").round().cast(pl.Int64))
        .select(paths[0].daily.columns)
    )
    return Skill(
        report=Report(_estimates(daily), facts),
        daily=daily,
        deciles=_means([one.deciles for one in paths], by=("horizon", "decile")),
        decay=_means([one.decay for one in paths], by=("horizon", "kind", "step")),
    )


def _means(frames: Sequence[pl.DataFrame], *, by: Sequence[str]) -> pl.DataFrame:
    """Estimates (value, n, error) of every path as one: means, and the error of one path."""
    return (
        pl.concat(frames)
        .group_by(*by, maintain_order=True)
        .agg(pl.col("value").mean(), pl.col("n").max(), pl.col("error").mean())
        .select(frames[0].columns)
    )


def _estimates(daily: pl.DataFrame) -> dict[str, Estimate]:
    """Mean of each daily measure by horizon, and the ratio of the RankIC."""
    found: dict[str, Estimate] = {}
    for (key,), block in daily.group_by("horizon", maintain_order=True):
        horizon = int(str(key))
        for name in block.columns:
            if name in (*_KEYS, *_NO_MEANS):
                continue
            series = block.get_column(name).cast(pl.Float64).fill_null(np.nan).to_numpy()
            found[f"h{horizon}.{name}"] = mean_estimate(series, horizon=horizon)
            if name == "rank_ic":
                found[f"h{horizon}.icir"] = ratio_estimate(series, horizon=horizon)
    return found
