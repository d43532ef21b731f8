"""One self-contained HTML page about runs side by side: the sentence, the tables, the pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

import numpy as np
import polars as pl

from gogooku.core.metrics import Z95, FloatArray, mean_estimate
from gogooku.evaluate.definitions import definition_of
from gogooku.evaluate.page import chart, details, document, estimated, grid, panels, section
from gogooku.evaluate.report_head import warnings_box
from gogooku.evaluate.side_by_side import SideBySide
from gogooku.evaluate.svg import Figure, Series, dated
from gogooku.evaluate.words import Text, Unit, Words, both, html, sessions

_TITLE = "Runs side by side"
_UNKNOWN = "–"


@dataclass(frozen=True)
class ComparePage:
    """What the page shows.

    Attributes
    ----------
    found : SideBySide
    sentence : str
        What stands first.
    badge : str
        What kind of figures these are: out of time, or a cross-validation; and of which source.
    warnings : sequence of str
    facts : mapping of str to str
        Small statements.
    """

    found: SideBySide
    sentence: str
    badge: str
    warnings: Sequence[str] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


def render_comparison(page: ComparePage) -> str:
    """The page as one HTML text; the same comparison gives the same bytes."""
    found = page.found
    label = definition_of(found.metric).label_en
    body = [
        f'<header id="headline"><span class="badge">{escape(page.badge)}</span>'
        f"<h1>{_TITLE}</h1>"
        f'<p class="verdict">{escape(page.sentence)}</p></header>',
        warnings_box(page.warnings),
        section("means", f"{label} of each run", _means(found), note=_MEANS),
        section(
            "differences", f"{label}: run minus {found.first}", _differences(found), note=_PAIRED
        ),
        section("many", "All runs and all tries at once", _many(found), note=_MANY),
        chart(
            "cumulative",
            f"Cumulative {label}, horizon {found.horizon}",
            cumulative(found),
            note="Sum over the sessions that all runs share. A straight rising line is steady.",
        ),
        panels(
            "difference",
            f"Cumulative difference from {found.first}, horizon {found.horizon}",
            cumulative_differences(found),
            note=(
                "Sum of the paired daily differences, with the band in which 95% of such sums stay "
                "when the difference is that on average. A band around zero: chance may explain it."
            ),
        ),
        section("years", f"{label} by year, horizon {found.horizon}", _years(found), note=_YEARS),
        details("facts", "Facts", page.facts),
    ]
    return document(_TITLE, "\n".join(body))


_MEANS = (
    "Mean over the shared sessions with its 95% Newey-West interval. Deflated: the probability "
    "that the run is better than the best of as many worthless runs as were tried on these "
    "sessions."
)
_PAIRED = (
    "Paired by session, with 95% Newey-West intervals. p is that of no difference; all counted is "
    "Holm's p over every test of this table."
)
_MANY = (
    "None is better: Hansen's test that no run is better than the first one. Overfitting: the "
    "share of ways to cut the sessions in half in which the best try on one half is below the "
    "median of all tries on the other."
)
_YEARS = "Mean with its standard error, and the number of sessions."


def cumulative(found: SideBySide) -> Figure:
    """Running sum of the measure, a line a run."""
    frame = found.daily[found.horizon]
    lines = [
        Series(name=name, y=np.cumsum(frame[name].to_numpy()).tolist(), colour=place)
        for place, name in enumerate(_runs(frame))
    ]
    return _over_days(frame, lines, y=f"sum of daily {definition_of(found.metric).label_en}")


def cumulative_differences(found: SideBySide) -> dict[str, tuple[Words, Figure]]:
    """Running sum of the paired difference of each run from the first one, with its band."""
    frame = found.daily[found.horizon]
    first = frame[found.first].to_numpy()
    made: dict[str, tuple[Words, Figure]] = {}
    for place, name in enumerate(_runs(frame)):
        if name == found.first:
            continue
        total, low, high = _summed(frame[name].to_numpy() - first, found.horizon)
        line = Series(
            name=name,
            y=total.tolist(),
            low=low.tolist(),
            high=high.tolist(),
            band=True,
            colour=place,
        )
        made[str(place)] = (name, _over_days(frame, [line], y="sum of daily differences"))
    return made


def by_year(found: SideBySide) -> pl.DataFrame:
    """(year, run, value, error, n): mean of the measure in each year at the sentence's horizon."""
    frame = found.daily[found.horizon]
    rows = []
    for (year,), block in frame.with_columns(year=pl.col("date").dt.year()).group_by(
        "year", maintain_order=True
    ):
        for name in _runs(frame):
            one = mean_estimate(block[name].to_numpy(), horizon=found.horizon)
            rows.append((year, name, one.value, one.error, one.n))
    return pl.DataFrame(rows, schema=["year", "run", "value", "error", "n"], orient="row")


def _summed(values: FloatArray, horizon: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Running sum, and its band: the long-run deviation of a sum of so many sessions."""
    error = mean_estimate(values, horizon=horizon).error
    total = np.cumsum(values)
    spread = error * math.sqrt(len(values)) * np.sqrt(np.arange(1, len(values) + 1))
    return total, total - Z95 * spread, total + Z95 * spread


def _means(found: SideBySide) -> str:
    definition = definition_of(found.metric)
    unit = _unit(definition.scale, definition.digits + 1)
    horizons = list(found.at)
    rows = []
    for name in found.runs["run"].unique(maintain_order=True):
        cells = [escape(str(name))]
        for horizon in horizons:
            one = found.runs.filter(run=name, horizon=horizon).row(0, named=True)
            deflated = one["deflated"]
            last = "" if deflated is None else f", deflated {deflated:.2f}"
            cells.append(_estimated(unit, one["mean"], one["low"], one["high"], one["n"], last))
        rows.append(cells)
    return grid(["run", *(html(sessions(one)) for one in horizons)], rows)


def _differences(found: SideBySide) -> str:
    definition = definition_of(found.metric)
    unit = _unit(definition.scale, definition.digits + 1, signed=True)
    horizons = list(found.at)
    rows = []
    for name in found.differences["run"].unique(maintain_order=True):
        cells = [escape(str(name))]
        for horizon in horizons:
            one = found.differences.filter(run=name, horizon=horizon).row(0, named=True)
            shown = (one["difference"], one["low"], one["high"])
            said = f"p {_number(one['p_value'])}", f"all counted {_number(one['p_holm'])}"
            below = "".join(f"<small>{text}</small>" for text in said)
            cells.append(_estimated(unit, *shown, one["n"], "") + below)
        rows.append(cells)
    return grid(["run", *(html(sessions(one)) for one in horizons)], rows)


def _many(found: SideBySide) -> str:
    rows = [
        [
            html(sessions(horizon)),
            str(one.n),
            _number(None if math.isnan(one.superior) else one.superior),
            escape(", ".join(one.better)) or _UNKNOWN,
            _number(None if math.isnan(one.overfitting) else one.overfitting),
            f"{one.tries} of {found.tries}",
        ]
        for horizon, one in found.at.items()
    ]
    head = [
        *("horizon", "sessions", "p: none is better", "better"),
        *("overfitting", "tries in it"),
    ]
    return grid(head, rows)


def _years(found: SideBySide) -> str:
    definition = definition_of(found.metric)
    unit = _unit(definition.scale, definition.digits + 1)
    frame = by_year(found)
    names = frame["run"].unique(maintain_order=True).to_list()
    rows = []
    for (year,), block in frame.group_by("year", maintain_order=True):
        cells = [str(year)]
        for name in names:
            one = block.filter(run=name).row(0, named=True)
            spread = Text(*(f"±{text}" for text in unit.text(one["error"])))
            count = Text(f"{one['n']} sessions", f"{one['n']}営業日")
            cells.append(estimated(unit.text(one["value"]), spread, count))
        rows.append(cells)
    return grid(["year", *map(escape, names)], rows)


def _estimated(
    unit: Unit, value: float | None, low: float | None, high: float | None, n: int, last: str
) -> str:
    """A number, its interval, the sessions it is of, and what else is said of it."""
    return estimated(unit.text(value), unit.between(low, high), both(f"n {n}{last}"))


def _number(value: float | None) -> str:
    if value is None:
        return _UNKNOWN
    return "below 0.001" if value < 1e-3 else f"{value:.3f}"


def _unit(scale: float, digits: int, *, signed: bool = False) -> Unit:
    return Unit(scale=scale, digits=digits, signed=signed)


def _runs(frame: pl.DataFrame) -> list[str]:
    return [name for name in frame.columns if name != "date"]


def _over_days(frame: pl.DataFrame, lines: Sequence[Series], *, y: str) -> Figure:
    x, texts, ticks = dated(frame["date"].to_list())
    return Figure(
        x=x, x_texts=texts, ticks=ticks, series=lines, y_label=y, x_label="session",
        unit=Unit(digits=2),
    )  # fmt: skip
