"""The dashboard as one self-contained page: tonight's names first, then what stands behind them.

It holds both languages, loads nothing, and is the same bytes for the same publication.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from gogooku.dashboard.changes import changes_part
from gogooku.dashboard.exposure import exposure_part
from gogooku.dashboard.health import banner, data_part, pipeline_part
from gogooku.dashboard.names import names_part
from gogooku.dashboard.shown import Shown
from gogooku.dashboard.skill import scores_part, skill_part, skills_of
from gogooku.dashboard.style import DASHBOARD_STYLE
from gogooku.dashboard.texts import TITLES, moment
from gogooku.dashboard.trades import orders_part, target_part
from gogooku.dashboard.why import reasons_of
from gogooku.evaluate.page import contents, document
from gogooku.evaluate.report_head import badge
from gogooku.evaluate.words import CORRELATION, Language, Text, Words, html, sessions


def render_dashboard(shown: Shown, *, language: Language = Language.EN) -> str:
    """The whole page.

    Parameters
    ----------
    language : Language
        Whose texts are shown first.
    """
    skill = skills_of(shown)
    parts = {
        "names": names_part(shown, reasons_of(shown.frames, codes=_codes(shown))),
        "changes": changes_part(shown),
        "orders": orders_part(shown),
        "target": target_part(shown),
        "exposure": exposure_part(shown),
        "skill": skill_part(shown, skill),
        "scores": scores_part(shown),
        "data": data_part(shown),
        "pipeline": pipeline_part(shown),
    }
    there = [(key, TITLES[key]) for key, part in parts.items() if part]
    body = [_head(shown, skill), contents(there), *parts.values()]
    title = f"{shown.session} {shown.source} - gogooku"
    return document(
        title, "\n".join(body), language=language, style=DASHBOARD_STYLE, remembers=True
    )


def _head(shown: Shown, skill: Sequence[Mapping[str, Any]]) -> str:
    """Whose prices, which session, what is wrong, and four numbers."""
    title = Text("Ranking after {day}", "{day} 引け後のランキング").filled(day=str(shown.session))
    said = Text(
        "Source {source}, bundle {bundle}, published {at} in Tokyo.",
        "データソース {source}、モデル {bundle}、公開 {at}(東京時間)。",
    ).filled(source=shown.source, bundle=shown.bundle, at=moment(shown.published_at))
    whose = badge(simulated=shown.simulated, exchange=shown.exchange)
    return (
        f'<header id="headline">{whose}<h1>{html(title)}</h1><p class="note">{html(said)}</p>'
        f"{banner(shown, skill)}{_tiles(shown, skill)}</header>"
    )


def _tiles(shown: Shown, skill: Sequence[Mapping[str, Any]]) -> str:
    tiles = [
        _tile(
            Text("Names ranked", "順位付けした銘柄"), f"{shown.ranking.height:,}", _entered(shown)
        ),
        _tile(Text("Orders", "注文"), *_orders(shown)),
        *(_skill(one) for one in skill if one["horizon"] == shown.horizon),
        _due(shown),
    ]
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _tile(name: Text, value: Words, below: Words = "") -> str:
    small = f"<small>{html(below)}</small>" if below else ""
    return f'<div class="tile"><span>{html(name)}</span><b>{html(value)}</b>{small}</div>'


def _entered(shown: Shown) -> Words:
    """How many of the top names are new there."""
    if shown.before is None:
        return ""
    was = shown.before.head(shown.top).get_column("code")
    new = shown.ranking.head(shown.top).filter(~pl.col("code").is_in(was.implode())).height
    return Text("{new} new among the top {top}", "上位{top}銘柄のうち新規{new}銘柄").filled(
        new=str(new), top=str(shown.top)
    )


def _orders(shown: Shown) -> tuple[Words, Words]:
    if shown.orders is None:
        return Text("none", "なし"), Text("not published", "未公開")
    sides = shown.orders.get_column("side")
    bought = int(sides.is_in(["buy", "cover"]).sum())
    below = Text("{sold} to sell, {bought} to buy", "売り{sold}件、買い{bought}件").filled(
        sold=f"{len(sides) - bought:,}", bought=f"{bought:,}"
    )
    return f"{len(sides):,}", below


def _skill(one: Mapping[str, Any]) -> str:
    ic = one["rank_ic"]
    interval = CORRELATION.between(ic["low"], ic["high"])
    below = Text("95%: {interval}; {n}", "95%: {interval}、{n}").filled(
        interval=interval, n=sessions(ic["n"])
    )
    if not interval.en:
        below = sessions(ic["n"])
    name = Text("Live RankIC, {h}", "実績の順位IC({h})").filled(h=sessions(one["horizon"]))
    return _tile(name, CORRELATION.text(ic["value"]), below)


def _due(shown: Shown) -> str:
    day, _, time = moment(shown.due).partition(" ")
    below = Text("{time} in Tokyo", "{time}(東京時間)").filled(time=time)
    return _tile(Text("Next is due", "次回の公開予定"), day, below)


def _codes(shown: Shown) -> list[str]:
    codes: list[str] = shown.ranking.head(shown.top).get_column("code").to_list()
    return codes
