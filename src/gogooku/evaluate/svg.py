"""Charts as inline SVG: small, printable, coloured by the page's theme, and readable at any width.

The drawing is stretched to the width that it is given (strokes keep their own), and the texts
around it are HTML, so that they are the same size on a telephone as on a wall. The numbers lie
beside it as JSON, for the box that shows them when one points at a place.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from gogooku.evaluate.words import MINUS, PLAIN, Text, Unit, Words, both, html

Values = Sequence[float | None]

PALETTE = 6
"""Colours of series; the page's style names them ``c0`` to ``c5`` in each theme."""

MOST_POINTS = 500
"""Points of a line over many sessions: with more, neighbours fall on one pixel."""
_WIDTH, _HEIGHT = 10_000, 1_000
_MOST_X_TICKS, _FEW_X_TICKS, _Y_STEPS = 6, 4, 5
_END = 0.96 * _WIDTH
"""Texts of ticks behind this place end where the drawing does."""
_SIGNIFICANT = 6
_ROOM = 0.04
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120)


@dataclass(frozen=True)
class Series:
    """One line or one set of bars of a figure.

    Attributes
    ----------
    name : words
        Empty: a shape in the background, in no legend and no box of numbers.
    y : sequence of float or None
        None (or what is not finite) leaves a gap.
    colour : int or None
        Place in the palette; None for grey.
    shape : str
        ``line``, ``dots`` (a line with a mark at each value), ``points`` (marks alone) or ``bars``.
    dash : str
        ``solid``, ``dash`` or ``dot``.
    low, high : sequence of float or None
        Ends of an interval of each value; empty for none.
    band : bool
        Whether the interval is an area; else each value has a whisker.
    area : bool
        Whether the space between the line and zero is filled.
    """

    name: Words
    y: Values
    colour: int | None = 0
    shape: str = "line"
    dash: str = "solid"
    low: Values = ()
    high: Values = ()
    band: bool = False
    area: bool = False


@dataclass(frozen=True)
class Figure:
    """A chart as numbers and texts.

    Attributes
    ----------
    x : sequence of float
        Places on the horizontal axis, ascending, shared by all series.
    x_texts : sequence of words
        What each place is called.
    ticks : sequence of (float, words)
        Marked places on the horizontal axis.
    series : sequence of Series
    y_label, x_label : words
        With the unit where numbers on the axis do not have it.
    unit : Unit
    y_range : (float, float) or None
        None: what the values need.
    zero : bool
        Whether the vertical axis contains zero, which is then drawn.
    logarithmic : bool
        Values that are not above zero are then left out.
    downwards : bool
        Whether larger values stand lower: a depth.
    height : int
        Pixels.
    """

    x: Sequence[float]
    x_texts: Sequence[Words]
    ticks: Sequence[tuple[float, Words]]
    series: Sequence[Series]
    y_label: Words
    x_label: Words
    unit: Unit = PLAIN
    y_range: tuple[float, float] | None = None
    zero: bool = True
    logarithmic: bool = False
    downwards: bool = False
    height: int = 260


def dated(days: Sequence[date]) -> tuple[list[float], list[str], list[tuple[float, Words]]]:
    """Places, texts and ticks of a horizontal axis of sessions."""
    return (
        [float(day.toordinal()) for day in days],
        [day.isoformat() for day in days],
        date_ticks(days),
    )


def date_ticks(days: Sequence[date]) -> list[tuple[float, Words]]:
    """First sessions of months, quarters or years: as many as have room; at least the ends."""
    months = [12 * day.year + day.month - 1 for day in days]
    starts = [(month, day) for (old, _), (month, day) in pairwise(zip(months, days, strict=True))
              if old != month]  # fmt: skip
    for every in _MONTHS:
        kept = [(month, day) for month, day in starts if month % every == 0]
        if len(kept) <= _MOST_X_TICKS:
            break
    if len(kept) < 2:
        ends = dict.fromkeys([days[0], days[-1]] if len(days) else [])
        return [(float(day.toordinal()), day.isoformat()) for day in ends]
    return [(float(day.toordinal()), f"{month // 12}-{month % 12 + 1:02d}") for month, day in kept]


def number_ticks(x: Sequence[float], *, most: int = 12) -> list[tuple[float, Words]]:
    """Places themselves, thinned out until they have room."""
    step = max(1, -(-len(x) // most))
    return [(value, f"{value:g}") for value in x[::step]]


def even_places(count: int, *, most: int = MOST_POINTS) -> list[int]:
    """At most so many places of a line of ``count``, evenly spread, both ends among them."""
    step = -(-(count - 1) // (most - 1)) if count > most else 1
    places = list(range(count - 1, -1, -step))[::-1]
    return [0, *places] if places and places[0] else places


def drawn(key: str, figure: Figure) -> str:
    """A figure as HTML; ``key`` names it within the page."""
    low, high = _span(figure)
    scale = _Scale(figure, low, high)
    steps = _y_ticks(low, high, logarithmic=figure.logarithmic)
    grid = "".join(f'<path class="grid" d="M0 {scale.y(v)}H{_WIDTH}"/>' for v in steps)
    if figure.zero and low <= 0.0 <= high and not figure.logarithmic:
        grid += f'<path class="zero" d="M0 {scale.y(0.0)}H{_WIDTH}"/>'
    shapes = "".join(_shape(one, scale) for one in figure.series)
    digits = _digits(steps, figure.unit)
    y_texts = "".join(
        f'<span class="yt" style="top:{scale.y(v) / _HEIGHT:.2%}">'
        f"{html(_tick_text(v, figure, digits))}</span>"
        for v in steps
    )
    thin = " thin" if len(figure.ticks) > _FEW_X_TICKS else ""
    x_texts = "".join(
        f'<span class="xt{thin if n % 2 else ""}{" end" if scale.x(place) > _END else ""}" '
        f'style="left:{scale.x(place) / _WIDTH:.2%}">'
        f"{html(text)}</span>"
        for n, (place, text) in enumerate(figure.ticks)
    )
    return (
        f'<figure class="chart">{_legend(figure)}<div class="axis">{html(figure.y_label)}</div>'
        f'<div class="plot" data-figure="figure-{key}" style="height:{figure.height}px">'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-labelledby="title-{key}">{grid}{shapes}</svg>'
        f'{y_texts}{x_texts}<i class="cursor"></i></div>'
        f'<div class="axis below">{html(figure.x_label)}</div>'
        f'<script type="application/json" id="figure-{key}">{_numbers(figure, scale)}</script>'
        "</figure>"
    )


def plain(value: object) -> object:
    """Numbers as JSON takes them: six significant digits, and null for what is not finite."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        return float(f"{value:.{_SIGNIFICANT}g}") if math.isfinite(value) else None
    return value


def embedded(value: object) -> str:
    """JSON that can lie within a page: no mark of it ends a script."""
    text = json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False,
                      allow_nan=False)  # fmt: skip
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


class _Scale:
    """From values to the places of the drawing."""

    def __init__(self, figure: Figure, low: float, high: float) -> None:
        self.figure = figure
        self._low, self._high = self._of(low), self._of(high)
        gaps = [b - a for a, b in pairwise(figure.x)]
        self.step = min(gaps, default=1.0)
        pad = self.step * 0.5 if any(one.shape == "bars" for one in figure.series) else 0.0
        if len(figure.x) == 1:
            pad = max(pad, 0.5)
        self._left = figure.x[0] - pad if len(figure.x) else 0.0
        self._right = figure.x[-1] + pad if len(figure.x) else 1.0

    def _of(self, value: float) -> float:
        return math.log10(value) if self.figure.logarithmic else value

    def x(self, value: float) -> int:
        return round(_WIDTH * (value - self._left) / ((self._right - self._left) or 1.0))

    def y(self, value: float) -> int:
        share = (self._of(value) - self._low) / ((self._high - self._low) or 1.0)
        return round(_HEIGHT * (share if self.figure.downwards else 1.0 - share))

    def at(self, values: Values) -> list[int | None]:
        """Heights; None where nothing can be drawn."""
        return [self.y(v) if v is not None and self.known(v) else None for v in values]

    def known(self, value: float) -> bool:
        return math.isfinite(value) and (value > 0.0 or not self.figure.logarithmic)


def _span(figure: Figure) -> tuple[float, float]:
    """Lowest and highest value of the vertical axis."""
    if figure.y_range is not None:
        return figure.y_range
    shown = [
        float(value)
        for one in figure.series
        for values in (one.y, one.low, one.high)
        for value in values
        if value is not None and math.isfinite(value) and (value > 0 or not figure.logarithmic)
    ]
    if not shown:
        return (0.1, 1.0) if figure.logarithmic else (0.0, 1.0)
    low, high = min(shown), max(shown)
    if figure.logarithmic:
        low, high = 10.0 ** math.floor(math.log10(low)), 10.0 ** math.ceil(math.log10(high))
        return low, (high if high > low else 10.0 * low)
    if figure.zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if high == low:
        return (low - abs(low) * _ROOM, high + (abs(high) * _ROOM or 1.0))
    room = (high - low) * _ROOM
    return (low - room if low != 0.0 else low), (high + room if high != 0.0 else high)


def _y_ticks(low: float, high: float, *, logarithmic: bool) -> list[float]:
    if logarithmic:
        first, last = round(math.log10(low)), round(math.log10(high))
        every = max(1, -(-(last - first) // _Y_STEPS))
        return [10.0**power for power in range(first, last + 1, every)]
    raw = (high - low) / _Y_STEPS
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * nice for nice in (1.0, 2.0, 2.5, 5.0, 10.0) if size * nice >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _digits(steps: Sequence[float], unit: Unit) -> int:
    """Digits behind the point with which neighbouring ticks differ."""
    if len(steps) < 2:
        return unit.digits
    step = abs(steps[1] - steps[0]) * unit.scale
    wanted = max(0, -math.floor(math.log10(step) + 1e-9))
    return wanted + int(abs(step * 10.0**wanted - round(step * 10.0**wanted)) > 1e-6)


def _tick_text(value: float, figure: Figure, digits: int) -> Text:
    if figure.logarithmic:
        return both(f"{value:g}")
    bare = f"{value * figure.unit.scale:,.{digits}f}".replace("-", MINUS)
    bare = bare.removeprefix(MINUS) if not any(c in "123456789" for c in bare) else bare
    return both(bare + ("%" if figure.unit.suffix.en.strip() == "%" else ""))


def _legend(figure: Figure) -> str:
    named = _named(figure)
    if len(named) < 2:
        return ""
    keys = "".join(
        f'<span class="key"><i class="{_colour(one)} {one.dash}"></i>{html(one.name)}</span>'
        for one in named
    )
    return f'<figcaption class="legend">{keys}</figcaption>'


def _named(figure: Figure) -> list[Series]:
    """Series that are said; one without a name is a shape in the background."""
    return [one for one in figure.series if both(one.name).en]


def _colour(one: Series) -> str:
    return "grey" if one.colour is None else f"c{one.colour % PALETTE}"


def _shape(one: Series, scale: _Scale) -> str:
    xs = [scale.x(value) for value in scale.figure.x]
    ys, colour = scale.at(one.y), _colour(one)
    parts = [_interval(one, xs, scale)]
    if one.shape == "bars":
        return _bars(one, scale) + parts[0]
    runs = _runs(xs, ys)
    if one.area:
        base = scale.y(0.0)
        parts += [f'<path class="area {colour}" d="M{run[0][0]} {base}'
                  f'{"".join(f"L{x} {y}" for x, y in run)}V{base}Z"/>' for run in runs]  # fmt: skip
    if one.shape != "points":
        path = "".join("M" + "L".join(f"{x} {y}" for x, y in run) for run in runs)
        parts.append(f'<path class="line {colour} {one.dash}" d="{path}"/>')
    if one.shape in {"dots", "points"} or any(len(run) == 1 for run in runs):
        dots = "".join(f"M{x} {y}h0" for run in runs for x, y in run)
        parts.append(f'<path class="dots {colour}" d="{dots}"/>')
    return "".join(parts)


def _runs(xs: Sequence[int], ys: Sequence[int | None]) -> list[list[tuple[int, int]]]:
    """Points that follow each other without a gap."""
    runs: list[list[tuple[int, int]]] = [[]]
    for x, y in zip(xs, ys, strict=True):
        if y is None:
            runs.append([])
        else:
            runs[-1].append((x, y))
    return [run for run in runs if run]


def _bars(one: Series, scale: _Scale) -> str:
    half = max(12, round((scale.x(scale.step) - scale.x(0.0)) * 0.38))
    base, marks = scale.y(max(scale.figure.y_range[0], 0.0) if scale.figure.y_range else 0.0), []
    for place, y in zip(scale.figure.x, scale.at(one.y), strict=True):
        if y is not None:
            x = scale.x(place)
            marks.append(f"M{x - half} {base}V{y}H{x + half}V{base}Z")
    return f'<path class="bars {_colour(one)}" d="{"".join(marks)}"/>'


def _interval(one: Series, xs: Sequence[int], scale: _Scale) -> str:
    """The intervals of a series: an area, or a whisker for each value."""
    if not one.low:
        return ""
    lows, highs = scale.at(one.low), scale.at(one.high)
    ends = [(x, a, b) for x, a, b in zip(xs, lows, highs, strict=True)
            if a is not None and b is not None]  # fmt: skip
    if not one.band:
        path = "".join(f"M{x} {a}V{b}" for x, a, b in ends)
        kind = "whisker" if one.shape == "bars" else f"whisker {_colour(one)}"
        return f'<path class="{kind}" d="{path}"/>'
    if not ends:
        return ""
    there = "L".join(f"{x} {b}" for x, _, b in ends)
    back = "L".join(f"{x} {a}" for x, a, _ in reversed(ends))
    return f'<path class="band {_colour(one)}" d="M{there}L{back}Z"/>'


def _numbers(figure: Figure, scale: _Scale) -> str:
    unit = figure.unit
    return embedded(
        {
            "x": [both(text)._asdict() if isinstance(text, Text) else text
                  for text in figure.x_texts],
            "at": [scale.x(value) for value in figure.x],
            "unit": {"scale": unit.scale, "digits": unit.digits, "signed": unit.signed,
                     "suffix": unit.suffix._asdict(), "log": figure.logarithmic},
            "series": [
                {"name": both(one.name)._asdict(), "colour": _colour(one), "y": list(one.y),
                 **({"low": list(one.low), "high": list(one.high)} if one.low else {})}
                for one in _named(figure)
            ],
        }
    )  # fmt: skip
