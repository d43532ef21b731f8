"""Charts of what a network gives beside its scores: how right its quantiles are, what it reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import polars as pl

from gogooku.core.metrics import Z95
from gogooku.evaluate.calibration import Calibrated
from gogooku.evaluate.charts import SESSION, of_horizon, on_days
from gogooku.evaluate.svg import PALETTE, Figure, Series, dated
from gogooku.evaluate.words import Text, Unit

_DASHES: Final = ("solid", "dash", "dot")
_QUARTERS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
_SHARE: Final = Unit(digits=3)


def calibration_lines(rows: Sequence[Calibrated]) -> Figure:
    """Share of names below each quantile over its level, a line a horizon, and the diagonal."""
    levels = sorted({0.0, 1.0, *(row.level for row in rows)})
    diagonal = Series(name=Text("as stated", "表示どおり"), y=levels, colour=None, dash="dot")
    series = [diagonal]
    for place, horizon in enumerate(sorted({row.horizon for row in rows})):
        mine = {row.level: row for row in rows if row.horizon == horizon and row.sessions}
        if not mine:
            continue
        first = mine[min(mine)]
        name = Text(
            "{horizon}: n {sessions} sessions, {labels} labels",
            "{horizon}: n {sessions}営業日、ラベル{labels}件",
        ).filled(
            horizon=of_horizon(horizon),
            sessions=f"{first.sessions:,}",
            labels=f"{first.labels:,}",
        )
        ends = [
            (None, None) if level not in mine or math.isnan(mine[level].error)
            else (mine[level].share - Z95 * mine[level].error,
                  mine[level].share + Z95 * mine[level].error)
            for level in levels
        ]  # fmt: skip
        series.append(
            Series(
                name=name,
                y=[mine[level].share if level in mine else None for level in levels],
                low=[low for low, _ in ends],
                high=[high for _, high in ends],
                colour=place,
                shape="dots",
            )
        )
    return Figure(
        x=levels,
        x_texts=[f"{level:g}" for level in levels],
        ticks=[(quarter, f"{quarter:g}") for quarter in _QUARTERS],
        series=series,
        y_label=Text("share of names below the quantile", "分位点を下回った銘柄の割合"),
        x_label=Text("level of the quantile", "分位点の水準"),
        unit=_SHARE,
        y_range=(0.0, 1.0),
        height=340,
    )


def channel_lines(weights: pl.DataFrame) -> Figure:
    """Weight of each channel by session, and the weight that each would have of equal ones.

    Parameters
    ----------
    weights : polars.DataFrame
        (date, channel, weight), in the order of sessions.
    """
    names = weights.get_column("channel").unique(maintain_order=True).to_list()
    days = weights.get_column("date").unique().sort().to_list()
    series = [
        Series(
            name=name,
            y=on_days(weights.filter(channel=name), days).get_column("weight").to_list(),
            colour=place % PALETTE,
            dash=_DASHES[place // PALETTE % len(_DASHES)],
        )
        for place, name in enumerate(names)
    ]
    flat = [1.0 / len(names)] * len(days)
    series.append(Series(name=Text("equal weights", "等ウェイト"), y=flat, colour=None, dash="dot"))
    x, texts, ticks = dated(days)
    return Figure(
        x=x, x_texts=texts, ticks=ticks, series=series,
        y_label=Text("mean weight of a channel, 0 to 1", "チャネルの平均ウェイト(0〜1)"),
        x_label=SESSION, unit=_SHARE, height=320,
    )  # fmt: skip
