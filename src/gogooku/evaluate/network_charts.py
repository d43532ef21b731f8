"""Charts of what a network gives beside its scores: how right its quantiles are, what it reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import polars as pl

from gogooku.core.metrics import Z95
from gogooku.evaluate.calibration import Calibrated
from gogooku.evaluate.charts import COLOURS, GREY, Figure, figure, line

_DASHES: Final = ("solid", "dash", "dot", "dashdot")


def calibration_lines(rows: Sequence[Calibrated]) -> Figure:
    """Share of names below each quantile over its level, a line a horizon, and the diagonal."""
    data = [line("as stated", [0.0, 1.0], [0.0, 1.0], {"color": GREY, "dash": "dot", "width": 1.2})]
    for place, horizon in enumerate(sorted({row.horizon for row in rows})):
        mine = sorted(
            (row for row in rows if row.horizon == horizon and row.sessions),
            key=lambda row: row.level,
        )
        if not mine:
            continue
        errors = [None if math.isnan(row.error) else Z95 * row.error for row in mine]
        name = f"h{horizon}: n {mine[0].sessions:,} sessions, {mine[0].labels:,} labels"
        levels, shares = [row.level for row in mine], [row.share for row in mine]
        style = {"color": COLOURS[place % len(COLOURS)], "width": 1.8}
        data.append(
            {
                **line(name, levels, shares, style),
                "mode": "lines+markers",
                "error_y": {"type": "data", "array": errors, "thickness": 1},
            }
        )
    made = figure(data, x="level of the quantile", y="share of names below it")
    for axis in ("xaxis", "yaxis"):
        made["layout"][axis]["range"] = [0.0, 1.0]
    return _beside(made, height=420)


def channel_lines(weights: pl.DataFrame) -> Figure:
    """Weight of each channel by session, and the weight that each would have of equal ones.

    Parameters
    ----------
    weights : polars.DataFrame
        (date, channel, weight), in the order of sessions.
    """
    names = weights.get_column("channel").unique(maintain_order=True).to_list()
    data = [_channel(weights.filter(channel=name), name, n) for n, name in enumerate(names)]
    days = weights.get_column("date").unique().sort()
    flat = {"color": GREY, "dash": "dot", "width": 1.2}
    ends = [str(days[0]), str(days[-1])]
    data.append(line("equal weights", ends, [1.0 / len(names)] * 2, flat))
    made = figure(data, y="mean weight of a channel")
    made["layout"]["yaxis"]["rangemode"] = "tozero"
    return _beside(made, height=max(320, 120 + 20 * len(names)))


def _channel(mine: pl.DataFrame, name: str, place: int) -> Figure:
    style: dict[str, Any] = {
        "color": COLOURS[place % len(COLOURS)],
        "dash": _DASHES[place // len(COLOURS) % len(_DASHES)],
        "width": 1.8,
    }
    days = [str(day) for day in mine.get_column("date").to_list()]
    return line(name, days, mine.get_column("weight").to_list(), style)


def _beside(made: Figure, *, height: int) -> Figure:
    """The figure with its legend at its side, where long names have room."""
    made["layout"] |= {"height": height, "legend": {"orientation": "v"}, "hovermode": "closest"}
    return made
