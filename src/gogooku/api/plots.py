"""Charts for a notebook: the figures of the report page, drawn by plotly.

What is drawn comes from `gogooku.evaluate.charts`, as on the page: one computation, two drawings.
"""

from __future__ import annotations

from datetime import date
from importlib import import_module
from typing import TYPE_CHECKING, Any

from gogooku.core.errors import UsageError
from gogooku.core.extras import extra_needed
from gogooku.evaluate import charts
from gogooku.evaluate.svg import PALETTE, Figure, Series
from gogooku.evaluate.words import Language, Words, both

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plotly.graph_objects import Figure as PlotlyFigure

    from gogooku.runs.judge import Evaluation
    from gogooku.runs.trade import Traded

_COLOURS = ("#2563eb", "#d97706", "#059669", "#9333ea", "#dc2626", "#0891b2")
_GREY = "#6b7280"
_DASHES = {"solid": "solid", "dash": "dash", "dot": "dot"}
_OPACITY = 0.18


def drawn(figure: Figure, *, language: str = "en") -> PlotlyFigure:
    """A chart of the report page as a plotly figure.

    Raises
    ------
    UsageError
        There is no such language.
    MissingPackageError
        plotly is not installed.
    """
    if language not in set(Language):
        raise UsageError(f"language={language!r}: must be {' or '.join(Language)}")
    go = _plotly()
    made = go.Figure()
    places = _places(figure)
    for one in figure.series:
        for trace in _traces(go, figure, one, places, language):
            made.add_trace(trace)
    made.update_layout(
        template="plotly_white",
        height=figure.height + 120,
        hovermode="x unified",
        showlegend=len(figure.series) > 1,
        legend={"orientation": "h", "y": 1.12},
        margin={"l": 60, "r": 20, "t": 40, "b": 50},
    )
    made.update_xaxes(title=_said(figure.x_label, language))
    if places is figure.x:
        ticks = [(place, _said(text, language)) for place, text in figure.ticks]
        made.update_xaxes(tickvals=[at for at, _ in ticks], ticktext=[text for _, text in ticks])
    made.update_yaxes(
        title=_said(figure.y_label, language),
        type="log" if figure.logarithmic else "linear",
        autorange="reversed" if figure.downwards else True,
        zeroline=figure.zero,
        ticksuffix=_said(figure.unit.suffix, language),
    )
    return made


def _plotly() -> Any:
    """Plotly's graph objects, which are loaded when something is drawn."""
    with extra_needed():
        return import_module("plotly.graph_objects")


def _places(figure: Figure) -> Sequence[float] | list[date]:
    """Sessions as dates, so that one can zoom; other places as they are."""
    found = []
    for place, text in zip(figure.x, figure.x_texts, strict=True):
        day = date.fromordinal(int(place)) if place >= 1.0 else None
        if day is None or text != day.isoformat():
            return figure.x
        found.append(day)
    return found


def _traces(
    go: Any, figure: Figure, one: Series, places: Sequence[Any], language: str
) -> list[Any]:
    """A series, and the area of its interval where it has one."""
    scale = figure.unit.scale
    colour = _GREY if one.colour is None else _COLOURS[one.colour % PALETTE]
    y, low, high = (_scaled(values, scale) for values in (one.y, one.low, one.high))
    name = _said(one.name, language)
    common: dict[str, Any] = {
        "x": list(places),
        "name": name,
        "text": [_said(text, language) for text in figure.x_texts],
        "hovertemplate": f"%{{y:.{figure.unit.digits}f}} (%{{text}})",
    }
    if low and not one.band:
        common["error_y"] = {
            "type": "data",
            "symmetric": False,
            "array": _less(high, y),
            "arrayminus": _less(y, low),
        }
    if one.shape == "bars":
        return [go.Bar(y=y, marker_color=colour, **common)]
    line = go.Scatter(
        y=y,
        mode="lines+markers" if one.shape == "dots" else "lines",
        line={"color": colour, "dash": _DASHES[one.dash]},
        fill="tozeroy" if one.area else None,
        **common,
    )
    if not (low and one.band):
        return [line]
    ends = {"x": list(places), "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    return [
        go.Scatter(y=low, showlegend=False, **ends),
        go.Scatter(y=high, showlegend=False, fill="tonexty", fillcolor=_faint(colour), **ends),
        line,
    ]


def _scaled(values: Sequence[float | None], scale: float) -> list[float | None]:
    return [None if value is None else value * scale for value in values]


def _less(high: Sequence[float | None], low: Sequence[float | None]) -> list[float | None]:
    pairs = zip(high, low, strict=True)
    return [None if a is None or b is None else a - b for a, b in pairs]


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{_OPACITY})"


def _said(words: Words, language: str) -> str:
    return both(words).ja if language == Language.JA else both(words).en


class RunPlots:
    """Charts of a judged run; each is a plotly figure.

    Examples
    --------
    >>> run.plot.rank_ic().layout.yaxis.title.text
    'sum of daily RankIC'
    """

    def __init__(self, judged: Evaluation) -> None:
        self._judged = judged

    def rank_ic(self, *, language: str = "en") -> PlotlyFigure:
        """Running sum of the daily RankIC of each horizon; dashed: what was attainable.

        The attainable is drawn on simulated prices only, where the expected return is known.

        Examples
        --------
        >>> len(run.plot.rank_ic().data) >= 4
        True
        """
        return drawn(charts.cumulative_rank_ic(self._judged.daily), language=language)

    def rolling(self, horizon: int = 5, *, language: str = "en") -> PlotlyFigure:
        """Mean RankIC of the last quarter of a year with its 95% band, at one horizon.

        Raises
        ------
        UsageError
            There is no such horizon.

        Examples
        --------
        >>> run.plot.rolling(5).data[-1].name
        'mean of 63 sessions'
        """
        judged = self._judged
        _require(horizon, charts.horizons_of(judged.daily))
        figure = charts.rolling_rank_ic(judged.rolling, judged.daily, horizon)
        return drawn(figure, language=language)

    def horizons(self, *, language: str = "en") -> PlotlyFigure:
        """RankIC at each horizon with its 95% interval.

        Examples
        --------
        >>> len(run.plot.horizons().data[0].y)
        4
        """
        return drawn(charts.decay(self._judged.metrics), language=language)

    def late(self, *, language: str = "en") -> PlotlyFigure:
        """RankIC of scores that are used some sessions late, by how many.

        Examples
        --------
        >>> run.plot.late().layout.xaxis.title.text
        'sessions late'
        """
        return drawn(charts.decay_lines(self._judged.decay), language=language)

    def deciles(self, horizon: int = 5, *, language: str = "en") -> PlotlyFigure:
        """Mean return of each score decile less that of the universe, in basis points.

        Raises
        ------
        UsageError
            There is no such horizon.

        Examples
        --------
        >>> len(run.plot.deciles(5).data[0].y)
        10
        """
        found = charts.excess_deciles(self._judged.deciles)
        _require(horizon, charts.horizons_of(self._judged.deciles))
        return drawn(found[f"h{horizon}"][1], language=language)


class BacktestPlots:
    """Charts of an account; each is a plotly figure.

    Examples
    --------
    >>> backtest.plot.equity().layout.yaxis.title.text
    'growth of 1'
    """

    def __init__(self, traded: Traded) -> None:
        self._traded = traded

    def equity(self, *, language: str = "en") -> PlotlyFigure:
        """Equity after costs, the equal-weighted universe before costs, and cash, from 1.

        Examples
        --------
        >>> [one.name for one in backtest.plot.equity().data][0]
        'portfolio, after costs'
        """
        return drawn(charts.equity_curve(self._traded.frame("daily")), language=language)

    def excess(self, *, language: str = "en") -> PlotlyFigure:
        """Growth against the equal-weighted universe, before and after costs.

        Examples
        --------
        >>> [one.name for one in backtest.plot.excess().data]
        ['after costs', 'before costs']
        """
        return drawn(charts.excess_curve(self._traded.frame("daily")), language=language)

    def drawdown(self, *, language: str = "en") -> PlotlyFigure:
        """Fall from the running peak, downwards.

        Examples
        --------
        >>> backtest.plot.drawdown().layout.yaxis.autorange
        'reversed'
        """
        return drawn(charts.drawdown_curve(self._traded.frame("daily")), language=language)

    def turnover(self, *, language: str = "en") -> PlotlyFigure:
        """Share of equity that was replaced at each open that traded.

        Examples
        --------
        >>> backtest.plot.turnover().data[0].type
        'bar'
        """
        return drawn(charts.turnover_bars(self._traded.frame("daily")), language=language)


def _require(horizon: int, known: Sequence[int]) -> None:
    if horizon not in known:
        raise UsageError(f"horizon={horizon}: must be one of {', '.join(map(str, known))}")
