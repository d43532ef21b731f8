"""What the portfolio, and the top names, are exposed to beside their scores: sectors and traits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gogooku.core.metrics import UNKNOWN
from gogooku.dashboard.shown import Shown
from gogooku.dashboard.texts import TITLES
from gogooku.evaluate.page import barred, ends_of, grid, section
from gogooku.evaluate.report_texts import STYLES
from gogooku.evaluate.sector_names import sector_name
from gogooku.evaluate.words import SHARE, Text, Unit, html

_DEVIATIONS = Unit(digits=2, signed=True, suffix=Text(" sd", "σ"))
_ACTIVE = Unit(scale=100.0, digits=1, signed=True, suffix=Text("%", "%"))


def exposure_part(shown: Shown) -> str:
    """Sectors and traits as HTML; a sentence where nothing was measured."""
    title = TITLES["exposure"]
    sectors = sector_rows(shown)
    traits = _traits((shown.measured or {}).get("exposure", {}))
    if not sectors and not traits:
        said = Text("It was not measured.", "測定されていない。")
        return section("exposure", title, f"<p>{html(said)}</p>")
    note = Text(
        "Sectors: the target by its weights against the universe by its number of names. Traits: "
        "means by weight, and over the {k} best names, in standard deviations over the universe, "
        "whose mean is 0.",
        "業種: 目標ウェイトとユニバースの銘柄数構成比。特性: ウェイトによる平均と上位{k}銘柄の平均"
        "(ユニバースの標準偏差を単位とし、ユニバース平均は0)。",
    ).filled(k=str((shown.measured or {}).get("top_k", shown.top)))
    inner = f"<div>{_sectors(sectors)}</div><div>{traits}</div>"
    return section("exposure", title, f'<div class="pair">{inner}</div>', note=note)


def sector_rows(shown: Shown) -> list[dict[str, Any]]:
    """Sectors with the share of the target and of the universe, the largest difference first.

    Where there is no target the top names count the same each.
    """
    sector = {row["code"]: row["sector"] or UNKNOWN for row in shown.ranking.iter_rows(named=True)}
    held = _weights(shown)
    gross = sum(abs(weight) for weight in held.values())
    if not sector or not gross:
        return []
    rows: dict[str, dict[str, Any]] = {}
    for code, of in sector.items():
        row = rows.setdefault(of, {"sector": of, "held": 0.0, "universe": 0.0})
        row["universe"] += 1.0 / len(sector)
        row["held"] += held.get(code, 0.0)
    beside = sum(weight for code, weight in held.items() if code not in sector)
    if beside:
        rows.setdefault(UNKNOWN, {"sector": UNKNOWN, "held": 0.0, "universe": 0.0})["held"] += (
            beside
        )
    for row in rows.values():
        row["active"] = row["held"] - row["universe"]
    return sorted(rows.values(), key=lambda row: (-row["active"], row["sector"]))


def _weights(shown: Shown) -> dict[str, float]:
    if shown.target is not None and shown.target.height:
        rows = shown.target.select("code", "weight").iter_rows()
        return {code: weight for code, weight in rows if weight}
    top = shown.ranking.head(shown.top).get_column("code").to_list()
    return dict.fromkeys(top, 1.0 / len(top)) if top else {}


def _sectors(rows: Sequence[Mapping[str, Any]]) -> str:
    span = ends_of([row["active"] for row in rows])
    head = [
        html(Text("sector", "業種")),
        html(Text("target", "目標")),
        html(Text("universe", "ユニバース")),
        html(Text("difference", "差")),
    ]
    body = [
        [
            html(sector_name(row["sector"])),
            html(SHARE.text(row["held"])),
            html(SHARE.text(row["universe"])),
            barred(_ACTIVE.text(row["active"]), row["active"], span),
        ]
        for row in rows
    ]
    return grid(head, body)


def _traits(found: Mapping[str, Any]) -> str:
    top = found.get("traits", {})
    held = (found.get("portfolio") or {}).get("traits", {})
    if not top:
        return ""
    span = ends_of([*top.values(), *held.values(), 1.0, -1.0])
    columns = [(Text("top names", "上位銘柄"), top)]
    if held:
        columns.insert(0, (Text("target", "目標"), held))
    head = [html(Text("trait", "特性")), *(html(title) for title, _ in columns)]
    body = [
        [
            html(STYLES.get(name, name)),
            *(
                barred(_DEVIATIONS.text(values.get(name)), values.get(name), span)
                for _, values in columns
            ),
        ]
        for name in top
    ]
    return grid(head, body, kind="stacked")
