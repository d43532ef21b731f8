"""Where the skill of a run lies, by the groups of names and sessions that its dataset knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.forecast import Scores
from gogooku.core.metrics import FloatArray
from gogooku.core.regimes import (
    TREND,
    VOLATILITY,
    market_returns,
    trend_regime,
    volatility_regime,
)
from gogooku.core.types import HORIZONS, Dataset, IntArray, Labels
from gogooku.dataset.home import labels_of, read_bars, read_values
from gogooku.evaluate.breakdown import Grouping, by_names, by_sessions
from gogooku.evaluate.skill import Skill

MARKET_VALUE: Final = "val_log_market_cap"
IMPACT: Final = "amihud_60"
"""Price moved per traded value: the larger, the harder to trade."""
LOOKBACK: Final = 60
"""Sessions of the trailing traded value, the current one included."""
_SEGMENTS: Final = {"is_prime": "Prime", "is_standard": "Standard", "is_growth": "Growth"}
_TRADED: Final = "traded value"
_SIZES: Final = ("small", "middle", "large")
ILLIQUID: Final = "illiquid"
_LIQUIDITY: Final = (ILLIQUID, "middle", "liquid")


def groupings(dataset: Dataset, indices: IntArray) -> list[Grouping]:
    """Every cut of the names, on some sessions [t].

    ``size`` are thirds by market value, or where the dataset does not know it by trailing traded
    value; ``liquidity`` thirds by what a trade moves the price, or by trailing traded value. What
    the dataset does not know of a name is the group ``unknown``.
    """
    known = [name for name in (MARKET_VALUE, IMPACT, *_SEGMENTS) if name in dataset.features]
    first, last = int(indices.min()), int(indices.max()) + 1
    read = read_values(dataset, known, first=first, last=last) if known else ()
    values: dict[str, npt.NDArray[np.floating[Any]]] = dict(zip(known, read, strict=True))
    if MARKET_VALUE not in values or IMPACT not in values:
        values[_TRADED] = traded_value(dataset, first=first, last=last)
    inside = dataset.valid_TN[indices]

    def of(name: str) -> npt.NDArray[np.floating[Any]]:
        if name not in values:
            return np.full(inside.shape, np.nan)
        return np.where(inside, values[name][indices - first], np.nan)

    size = of(MARKET_VALUE if MARKET_VALUE in values else _TRADED)
    ease = -of(IMPACT) if IMPACT in values else of(_TRADED)
    segment = np.full(inside.shape, -1.0)
    for place, name in enumerate(_SEGMENTS):
        segment[of(name) == 1.0] = place
    return [
        Grouping.of("sector", dataset.manifest["sectors"], dataset.sector_TN[indices]),
        Grouping.of("segment", tuple(_SEGMENTS.values()), segment),
        Grouping.thirds("size", _SIZES, size),
        Grouping.thirds("liquidity", _LIQUIDITY, ease),
    ]


def traded_value(dataset: Dataset, *, first: int, last: int) -> FloatArray:
    """Mean value traded per session over the last `LOOKBACK`, for a span of sessions [t, N].

    A session without a trade counts as zero; NaN where none of them has one.
    """
    bars, begin = read_bars(dataset), max(0, first - LOOKBACK + 1)
    value = np.asarray(bars["close"][begin:last]) * np.asarray(bars["volume_shares"][begin:last])
    total = np.vstack([np.zeros((1, value.shape[1])), np.cumsum(np.nan_to_num(value), axis=0)])
    at = np.arange(first, last) + 1 - begin
    width = np.minimum(at, LOOKBACK)
    mean = (total[at] - total[at - width]) / width[:, None]
    return np.where(mean > 0.0, mean, np.nan)


def breakdown(
    dataset: Dataset, labels: Labels, judged: tuple[IntArray, Sequence[Scores]], skill: Skill
) -> pl.DataFrame:
    """Where the skill of scores lies, by every cut; `gogooku.evaluate.breakdown.BREAKDOWN_SCHEMA`.

    Parameters
    ----------
    dataset : Dataset
    labels : Labels
    judged : (int64 [t], sequence of float32 [t, N, H])
        Sessions and scores; of a cross-validation those of each path, over which the mean is taken.
    skill : Skill
        Of those, by labels of the variant and with the K that its facts state.
    """
    indices, paths = judged
    facts = skill.report.facts
    by, top_k = labels.variant(facts["variant"])[indices], int(facts["top_k"])
    cuts = groupings(dataset, indices)
    frames = [
        by_names(
            [scores[:, :, h] for scores in paths],
            by[:, :, h],
            cuts,
            horizon=horizon,
            top_k=top_k,
        )
        for h, horizon in enumerate(labels.horizons)
    ]
    frames = [one.filter(pl.col("cut") == cut.cut) for cut in cuts for one in frames]
    measures = ("rank_ic", "hit_rate", f"top_{top_k}_bps")
    for cut, group in _of_sessions(dataset, labels, skill.daily).items():
        frames.append(by_sessions(skill.daily, cut, group, measures))
    return pl.concat(frames)


def _of_sessions(dataset: Dataset, labels: Labels, daily: pl.DataFrame) -> dict[str, pl.Series]:
    """Group of each row of a daily frame: year, month, and what the market was like."""
    dates = daily.get_column("date")
    if HORIZONS[0] not in labels.horizons:
        labels = labels_of(dataset)
    market = market_returns(labels, dataset.valid_TN)
    at = np.searchsorted(dataset.sessions, dates.to_numpy().astype("datetime64[D]"))

    def named(place_T: IntArray, names: Sequence[str]) -> pl.Series:
        return pl.Series([names[i] if i >= 0 else None for i in place_T[at]], dtype=pl.String)

    return {
        "year": dates.dt.to_string("%Y"),
        "month": dates.dt.to_string("%Y-%m"),
        "volatility": named(volatility_regime(market), VOLATILITY),
        "trend": named(trend_regime(market), TREND),
    }
