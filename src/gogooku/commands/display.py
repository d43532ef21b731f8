"""What people see: tables and lines on the terminal, as several commands make them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from rich import box
from rich.console import Console
from rich.table import Table

from gogooku.core.codes import shown_code
from gogooku.core.plain import plain
from gogooku.evaluate.definitions import definition_of


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """A plain table; numbers are right-aligned."""
    made = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for position, column in enumerate(columns):
        numeric = bool(rows) and all(_numeric(row[position]) for row in rows)
        made.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        made.add_row(*(cell(value) for value in row))
    return made


def _numeric(value: object) -> bool:
    return value is None or isinstance(value, int | float)


def cell(value: object) -> str:
    """One value as text: thousands separated, four significant digits, a dash for nothing.

    A text is shown as one line, without what a terminal would obey: names come from others.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
    return plain(str(value))


def frame_table(title: str, frame: pl.DataFrame) -> Table:
    """A whole frame as a table; codes of Tokyo with the four characters that people know."""
    if frame.schema.get("code") == pl.String:
        codes = [None if code is None else shown_code(code) for code in frame["code"]]
        frame = frame.with_columns(pl.Series("code", codes, dtype=pl.String))
    return table(title, frame.columns, frame.rows())


def estimate_text(one: Mapping[str, Any] | None, *, digits: int = 4) -> str:
    """``value +- error``; a dash where unknown."""
    if one is None or one.get("value") is None:
        return "-"
    error = one.get("error")
    text = f"{one['value']:.{digits}f}"
    return text if error is None else f"{text} ±{error:.{digits}f}"


def bias_lines(facts: Mapping[str, Any]) -> list[str]:
    """A warning for each bias that a source is known to have, from what an artefact says."""
    return [f"warning: {text}" for text in facts.get("known_bias", ())]


def warning_lines(warnings: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each warning of an evaluation, with how grave it is."""
    return [f"warning ({one['severity']}): {one['text']}" for one in warnings]


_SKILL_ROWS = (
    "rank_ic",
    "ic",
    "icir",
    "hit_rate",
    r"p_at_\d+",
    r"p_at_\d+_excess",
    r"top_\d+_bps",
    "spread",
    r"ndcg_at_\d+",
    "monotonicity",
    r"overlap_\d+",
    r"turnover_\d+",
    "autocorrelation",
    "coverage",
    "labelled",
    "alignment",
    "attainable",
    "share_of_attainable",
    r"family_\w+",
)
"""Names of the measures that are shown, in this order; a number in one is its K."""


def counted(number: int, noun: str) -> str:
    """``1 session``, ``2 sessions``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def skill_table(
    metrics: Mapping[str, Any], *, title: str, facts: Mapping[str, Any] | None = None
) -> Table:
    """Metrics of one run, a row per measure, a column per horizon, Newey-West errors."""
    horizons = sorted({int(name.split(".")[0][1:]) for name in metrics if name[0] == "h"})
    found = sorted({name.partition(".")[2] for name in metrics})
    rows = []
    for pattern in _SKILL_ROWS:
        for key in (name for name in found if re.fullmatch(pattern, name)):
            cells = [_defined_text(key, metrics.get(f"h{h}.{key}")) for h in horizons]
            rows.append([_row_name(key), *cells])
    counts = [str(metrics[f"h{h}.rank_ic"]["n"]) for h in horizons]
    rows.append(["sessions", *counts])
    asked = (facts or {}).get("top_k_asked")
    if asked:
        title = f"{title} (K asked {asked:,}; too few names)"
    return table(title, ["", *(counted(h, "session") for h in horizons)], rows)


def _row_name(key: str) -> str:
    defined = definition_of(key)
    return f"{defined.label_en}, {defined.unit}" if defined.unit else defined.label_en


def _defined_text(key: str, one: Mapping[str, Any] | None) -> str:
    """``value +- error`` in the unit of the measure; a dash where unknown."""
    defined = definition_of(key)
    if one is None or one.get("value") is None:
        return "-"
    if defined.unit:
        scaled = {name: _times(one.get(name), defined.scale) for name in ("value", "error")}
        return estimate_text(scaled, digits=defined.digits)
    return estimate_text(one)


def _times(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale


def show(console: Console, *parts: object) -> None:
    """Print tables and lines, without colouring numbers; a line stays one line."""
    for part in parts:
        console.print(part, highlight=False, soft_wrap=isinstance(part, str))
