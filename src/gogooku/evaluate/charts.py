"""Charts of the report as plain plotly figures (data and layout), without importing plotly."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from gogooku.core.metrics import Z95

Figure = dict[str, Any]

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
GREY, _PALE, _INK = "#8a8f98", "#e6e8eb", "#24292f"
_SIGNIFICANT = 6
_FONT = "system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif"


def skill_charts(daily: pl.DataFrame, deciles: pl.DataFrame) -> dict[str, Figure]:
    """Cumulative RankIC per horizon, and mean return of each score decile."""
    return {
        "cumulative-rankic": cumulative_rank_ic(daily),
        "deciles": decile_returns(deciles),
    }


def portfolio_charts(portfolio: pl.DataFrame) -> dict[str, Figure]:
    """Equity, drawdown and turnover of a backtest's daily frame."""
    return {
        "equity": equity_curve(portfolio),
        "drawdown": drawdown_curve(portfolio),
        "turnover": turnover_bars(portfolio),
    }


def cumulative_rank_ic(daily: pl.DataFrame) -> Figure:
    """Running sum of daily RankIC; dashed, where the truth is known, of the attainable."""
    data = []
    for place, (horizon, frame) in enumerate(_by_horizon(daily)):
        colour = COLOURS[place % len(COLOURS)]
        lines = [("rank_ic", f"h{horizon}", "solid", 2.0)]
        if "attainable" in frame.columns and frame.get_column("attainable").count():
            lines.append(("attainable", f"h{horizon} attainable", "dash", 1.2))
        for column, name, dash, width in lines:
            kept = frame.drop_nulls(column)
            total = kept.get_column(column).cum_sum().to_list()
            style = {"color": colour, "dash": dash, "width": width}
            data.append(line(name, _dates(kept), total, style))
    return figure(data, y="sum of daily RankIC")


def decile_returns(deciles: pl.DataFrame) -> Figure:
    """Mean label of each score decile with its 95 % interval, one panel per horizon."""
    blocks = _by_horizon(deciles)
    layout = _layout(y="mean return, bps")
    layout["showlegend"] = False
    layout["annotations"] = []
    data = []
    for place, (horizon, frame) in enumerate(blocks):
        low, high = place / len(blocks), (place + 0.86) / len(blocks)
        number = "" if place == 0 else str(place + 1)
        layout[f"xaxis{number}"] = _axis(domain=[low, high], anchor=f"y{number}", dtick=3)
        layout[f"yaxis{number}"] = _axis(anchor=f"x{number}", zeroline=True, zerolinecolor=GREY)
        layout["annotations"].append(
            {"text": f"h{horizon}", "x": (low + high) / 2, "y": 1.08, "xref": "paper",
             "yref": "paper", "showarrow": False}
        )  # fmt: skip
        errors = [Z95 * e * 1e4 if e is not None else None for e in frame["error"].to_list()]
        data.append(
            {
                "type": "bar",
                "name": f"h{horizon}",
                "x": frame.get_column("decile").to_list(),
                "y": [v * 1e4 if v is not None else None for v in frame["value"].to_list()],
                "error_y": {"type": "data", "array": errors, "thickness": 1, "color": GREY},
                "marker": {"color": COLOURS[place % len(COLOURS)]},
                "xaxis": f"x{number}",
                "yaxis": f"y{number}",
            }
        )
    layout["yaxis"]["title"] = {"text": "mean return, bps"}
    return {"data": data, "layout": layout}


def equity_curve(portfolio: pl.DataFrame) -> Figure:
    """Equity after costs, the equal-weighted universe before costs, and cash, from 1."""
    dates = _dates(portfolio)
    lines = {
        "portfolio, after costs": ("equity", COLOURS[0], "solid"),
        "universe, equal weight, no costs": ("benchmark", GREY, "solid"),
    }
    data = []
    for name, (column, colour, dash) in lines.items():
        values = portfolio.get_column(column)
        style = {"color": colour, "dash": dash, "width": 2.0}
        data.append(line(name, dates, (values / values[0]).to_list(), style))
    flat = {"color": GREY, "dash": "dot", "width": 1.2}
    data.append(line("cash, no interest", dates, [1.0] * len(dates), flat))
    return figure(data, y="growth of 1")


def drawdown_curve(portfolio: pl.DataFrame) -> Figure:
    """Fall from the running peak."""
    data = []
    for name, column, colour in (
        ("portfolio", "equity", COLOURS[0]),
        ("universe", "benchmark", GREY),
    ):
        values = portfolio.get_column(column).to_numpy()
        fall = values / np.maximum.accumulate(values) - 1.0
        style = {"color": colour, "width": 1.5}
        data.append(line(name, _dates(portfolio), fall.tolist(), style))
    data[0]["fill"] = "tozeroy"
    return figure(data, y="from the peak", tickformat=".0%")


def turnover_bars(portfolio: pl.DataFrame) -> Figure:
    """Share of equity replaced at each open that traded."""
    traded = portfolio.filter(pl.col("turnover") > 0.0)
    bar = {
        "type": "bar",
        "name": "turnover",
        "x": _dates(traded),
        "y": traded.get_column("turnover").to_list(),
        "marker": {"color": COLOURS[0]},
    }
    return figure([bar], y="traded value / 2 / equity", tickformat=".0%")


def importance_bars(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """RankIC lost by group of features, with its 95 % interval, one panel per horizon.

    Parameters
    ----------
    rows : sequence of mappings
        ``group``, ``horizon``, ``lost``, ``error``; the group that loses most stands on top.
    """
    horizons = sorted({int(row["horizon"]) for row in rows})
    worth: dict[str, float] = {}
    for row in rows:
        worth[row["group"]] = worth.get(row["group"], 0.0) + float(row["lost"])
    groups = sorted(worth, key=lambda group: (worth[group], group))
    layout = _layout(y="")
    layout |= {"showlegend": False, "annotations": [], "height": 150 + 22 * len(groups)}
    layout["margin"] |= {"t": 52, "b": 56}
    data = []
    for place, horizon in enumerate(horizons):
        low, high = place / len(horizons), (place + 0.9) / len(horizons)
        number = "" if place == 0 else str(place + 1)
        title = {"text": "RankIC lost"}
        layout[f"xaxis{number}"] = _axis(
            domain=[low, high], anchor=f"y{number}", title=title, zeroline=True,
            zerolinecolor=GREY, nticks=4,
        )  # fmt: skip
        layout[f"yaxis{number}"] = _axis(anchor=f"x{number}", showticklabels=place == 0)
        layout["annotations"].append(_headline(f"h{horizon}", (low + high) / 2))
        mine = {row["group"]: row for row in rows if int(row["horizon"]) == horizon}
        errors = [mine[group]["error"] for group in groups]
        data.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": f"h{horizon}",
                "x": [mine[group]["lost"] for group in groups],
                "y": groups,
                "error_x": {
                    "type": "data",
                    "array": [None if one is None else Z95 * one for one in errors],
                    "thickness": 1,
                    "color": GREY,
                },
                "marker": {"color": COLOURS[place % len(COLOURS)]},
                "xaxis": f"x{number}",
                "yaxis": f"y{number}",
            }
        )
    return {"data": data, "layout": layout}


def _headline(text: str, x: float) -> Figure:
    """What a panel is about, above it."""
    return {"text": text, "x": x, "y": 1.0, "yshift": 16, "xref": "paper", "yref": "paper",
            "showarrow": False}  # fmt: skip


def _by_horizon(frame: pl.DataFrame) -> list[tuple[int, pl.DataFrame]]:
    horizons = sorted(frame.get_column("horizon").unique().to_list())
    return [(horizon, frame.filter(pl.col("horizon") == horizon)) for horizon in horizons]


def _dates(frame: pl.DataFrame) -> list[str]:
    return [str(day) for day in frame.get_column("date").to_list()]


def line(name: str, x: list[Any], y: list[Any], style: Mapping[str, Any]) -> Figure:
    """A line as a plotly trace."""
    return {"type": "scatter", "mode": "lines", "name": name, "x": x, "y": y, "line": dict(style)}


def _axis(**more: Any) -> Figure:
    return {"gridcolor": _PALE, "zeroline": False, "linecolor": GREY, "automargin": True, **more}


def _layout(*, y: str, tickformat: str = "") -> Figure:
    return {
        "template": {},
        "font": {"family": _FONT, "size": 13, "color": _INK},
        "margin": {"l": 64, "r": 16, "t": 28, "b": 40},
        "height": 320,
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "hovermode": "x unified",
        "legend": {"orientation": "h", "y": 1.16},
        "xaxis": _axis(),
        "yaxis": _axis(title={"text": y}, tickformat=tickformat),
    }


def figure(data: list[Figure], *, y: str, x: str = "session", tickformat: str = "") -> Figure:
    """A figure in the style of the pages from plotly traces."""
    layout = _layout(y=y, tickformat=tickformat)
    layout["xaxis"]["title"] = {"text": x}
    layout["showlegend"] = len(data) > 1
    return {"data": data, "layout": layout}


def plain(value: Any) -> Any:
    """A figure as JSON-ready values: six significant digits, and null for what is not finite."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        return float(f"{value:.{_SIGNIFICANT}g}") if math.isfinite(value) else None
    return value
