"""What people see: tables on the terminal. Programs get the same facts through ``--json``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl
from rich import box
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from gogooku.commands.explain import Explanation
    from gogooku.core.types import Dataset, Feature


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
    """One value as text: thousands separated, four significant digits, a dash for nothing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
    return str(value)


def frame_table(title: str, frame: pl.DataFrame) -> Table:
    """A whole frame as a table."""
    return table(title, frame.columns, frame.rows())


def estimate_text(one: Mapping[str, Any] | None, *, digits: int = 4) -> str:
    """``value +- error``; a dash where unknown."""
    if one is None or one.get("value") is None:
        return "-"
    error = one.get("error")
    text = f"{one['value']:.{digits}f}"
    return text if error is None else f"{text} ±{error:.{digits}f}"


SKILL_ROWS = (
    ("rank_ic", "RankIC"),
    ("ic", "IC"),
    ("icir", "ICIR"),
    ("hit_rate", "hit rate"),
    ("p_at_k", "P@K"),
    ("spread", "spread"),
    ("alignment", "alignment"),
    ("attainable", "attainable RankIC"),
    ("share_of_attainable", "share of attainable"),
    ("family_linear", "family: linear"),
    ("family_gated", "family: gated"),
    ("family_order", "family: order"),
    ("family_peers", "family: peers"),
    ("family_level", "family: level"),
)


def skill_table(metrics: Mapping[str, Any], *, title: str) -> Table:
    """Metrics of one run, a row per measure, a column per horizon, Newey-West errors."""
    horizons = sorted({int(name.split(".")[0][1:]) for name in metrics if name[0] == "h"})
    rows = []
    for key, shown in SKILL_ROWS:
        found = [metrics.get(f"h{h}.{key}") for h in horizons]
        if any(one is not None for one in found):
            rows.append([shown, *(estimate_text(one) for one in found)])
    counts = [str(metrics[f"h{h}.rank_ic"]["n"]) for h in horizons]
    rows.append(["sessions", *counts])
    return table(title, ["", *(f"{h} sessions" for h in horizons)], rows)


def show(console: Console, *parts: object) -> None:
    """Print tables and lines, without colouring numbers; a line stays one line."""
    for part in parts:
        console.print(part, highlight=False, soft_wrap=isinstance(part, str))


def import_tables(facts: Mapping[str, Any]) -> list[object]:
    """An import as people see it: what was kept, the column mapping, the policy table.

    Parameters
    ----------
    facts : mapping
        ``ImportResult.to_json()``.
    """
    found = [
        (row["defect"], row["policy"], row["count"], row["cells"], row["first"], row["meaning"])
        for row in facts["table"]
        if row["count"]
    ]
    kept = [
        ("source", facts["source"]),
        ("rows", facts["rows"]),
        ("codes", facts["codes"]),
        ("sessions", f"{facts['first']} to {facts['last']} ({facts['sessions']:,})"),
        ("columns", ", ".join(f"{f}={c}" for f, c in facts["mapping"].items())),
        ("ignored columns", ", ".join(facts["ignored_columns"]) or "none"),
        *(("absent", text) for text in facts["absent_groups"]),
        ("content", facts["content_hash"]),
    ]
    return [
        table("imported", ["", ""], kept),
        table(
            f"{len(found)} kinds of defect",
            ["defect", "policy", "rows", "cells", "first", "meaning"],
            found,
        ),
    ]


def features_table(title: str, features: Sequence[Feature]) -> Table:
    """What features are."""
    rows = [(f.group, f.name, str(f.role), f.unit, f.lookback, f.meaning) for f in features]
    return table(title, ["group", "name", "role", "unit", "sessions", "meaning"], rows)


def backtest_table(run: str, metrics: Mapping[str, Any]) -> Table:
    """The measures of a backtest, a row each."""
    rows = [
        (name.removeprefix("portfolio."), estimate_text(one), one["n"])
        for name, one in metrics.items()
    ]
    return table(f"backtest of {run}", ["", "value", "n"], rows)


def dataset_table(dataset: Dataset) -> Table:
    """What was built."""
    facts = dataset.manifest
    rows = [
        ("sessions", f"{facts['first']} to {facts['last']} ({len(dataset.sessions):,})"),
        ("clock", str(dataset.clock)),
        ("codes", len(dataset.codes)),
        ("listed rows", facts["rows"]),
        ("universe rows", facts["universe_rows"]),
        ("features", f"{len(dataset.features)} stock, {len(dataset.market_features)} market"),
        *_growth_rows(facts.get("growth", {})),
        ("content", dataset.content_hash),
    ]
    return table(f"dataset {dataset.folder.name}", ["", ""], rows)


def _growth_rows(growth: Mapping[str, Any]) -> list[tuple[str, object]]:
    """What an older dataset gave, and what was computed."""
    if not growth.get("from"):
        return []
    return [
        ("taken over", f"{growth['sessions_taken_over']:,} sessions, from {growth['from']}"),
        ("new sessions", growth["new_sessions"]),
    ]


def explained_tables(one: Explanation) -> list[Table]:
    """An artefact's facts, settings with their origin, inputs and versions."""
    facts = one.to_json()
    settings = [(path, str(entry["value"]), entry["from"]) for path, entry in one.config.items()]
    plain = [
        (name, str(value))
        for name, given in facts.items()
        if name not in ("config", "inputs", "versions")
        for value in (given if isinstance(given, list) else [given])
    ]
    return [
        table(f"{one.kind} {one.place}", ["", ""], plain),
        table("config", ["setting", "value", "from"], settings),
        table("inputs", ["input", "content"], list(facts["inputs"].items())),
        table("versions", ["library", "version"], list(facts["versions"].items())),
    ]
