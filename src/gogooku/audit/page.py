"""One self-contained HTML page about an audit: findings first, then what they were read from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from html import escape

import polars as pl

from gogooku.audit.findings import Audit, Finding, Limits
from gogooku.core.metrics import FloatArray
from gogooku.evaluate.charts import histogram
from gogooku.evaluate.page import chart, details, document, grid, section
from gogooku.evaluate.svg import Figure
from gogooku.evaluate.words import Words

_ROWS = 60
"""Rows of a table that the page shows; the statistics of all features would be no reading."""

_TABLES: Mapping[str, tuple[str, str]] = {
    "look_ahead": ("Values that differ", "Rebuilt from what was known, against what is stored."),
    "ic": ("Closest to a label", "Mean daily RankIC of one feature, Newey-West error."),
    "drift": ("Most moved", "Population stability index, last third against first."),
    "pairs": ("Closest pairs", "Mean rank correlation within sessions, or over time."),
    "coverage": ("Least covered", "Share of universe rows with a value, by part of the history."),
}


def render_audit(audit: Audit, *, limits: Limits) -> str:
    """The page as one HTML text."""
    facts = audit.facts
    title = f"Audit of {audit.dataset}"
    count = len(audit.findings)
    said = "Nothing found" if not count else "1 finding" if count == 1 else f"{count} findings"
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="note">{escape(str(facts["first"]))} to {escape(str(facts["last"]))}, '
        f"{facts['sessions']:,} sessions, {facts['codes']:,} names, {facts['features']} features; "
        f"{facts['sampled_sessions']} sessions sampled. {said}.</p>",
        *(f'<p class="warnings">{escape(text)}</p>' for text in facts.get("known_bias", ())),
        _findings(audit.findings),
        *(_charted(audit.tables)),
        *(
            section(key, name, _table(_worst(key, audit.tables[key]), note=note))
            for key, (name, note) in _TABLES.items()
            if key in audit.tables and audit.tables[key].height
        ),
        details("facts", "Facts", facts),
        details("limits", "Limits", asdict(limits)),
    ]
    return document(title, "\n".join(body))


def _findings(findings: Sequence[Finding]) -> str:
    if not findings:
        return '<section id="findings"><p class="note">No findings.</p></section>'
    rows = "".join(
        f'<tr><td>{escape(str(one.check))}</td><td class="text">{escape(str(one))}</td></tr>'
        for one in findings
    )
    return (
        '<section id="findings" class="warnings"><b>Findings</b>'
        f'<div class="wide"><table><tbody>{rows}</tbody></table></div></section>'
    )


def _charted(tables: Mapping[str, pl.DataFrame]) -> list[str]:
    """How the features are spread, in three pictures."""
    out = []
    if "ic" in tables:
        series = {
            f"h{horizon}": tables["ic"].filter(pl.col("horizon") == horizon)["mean_ic"].abs()
            for horizon in sorted(tables["ic"]["horizon"].unique().to_list())
        }
        spread = _histogram(series, x="mean |RankIC| (no unit)")
        out.append(chart("ic-spread", "Mean |RankIC| of single features", spread))
    if "drift" in tables:
        index = {
            role: tables["drift"].filter(pl.col("role") == role)["stability"]
            for role in ("stock", "market")
        }
        out.append(
            chart(
                "drift-spread", "Population stability index", _histogram(index, x="index (no unit)")
            )
        )
    if "pairs" in tables and tables["pairs"].height:
        pairs = {"closest pairs": tables["pairs"]["correlation"].abs()}
        out.append(chart("pair-spread", "|Rank correlation| of the closest pairs",
                         _histogram(pairs, x="|correlation| (no unit)")))  # fmt: skip
    return out


def _histogram(series: Mapping[str, pl.Series], *, x: str) -> Figure:
    values: dict[Words, FloatArray] = {
        name: one.cast(pl.Float64).to_numpy() for name, one in series.items()
    }
    return histogram(values, y="features", x=x)


def _worst(key: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The rows to look at first; all tables but the coverage are sorted by it already."""
    if key != "coverage":
        return frame.head(_ROWS)
    parts = [name for name in frame.columns if name != "feature"]
    least = pl.min_horizontal(pl.col(name).fill_nan(None) for name in parts)
    return frame.sort(least, nulls_last=True, maintain_order=True).head(_ROWS)


def _table(frame: pl.DataFrame, *, note: str) -> str:
    head = [escape(name) for name in frame.columns]
    rows = [[escape(_cell(value)) for value in row] for row in frame.iter_rows()]
    return f'<p class="note">{escape(note)}</p>{grid(head, rows)}'


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
