"""The orders and the target portfolio."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import polars as pl

from gogooku.core.codes import short_code
from gogooku.dashboard.shown import Shown, company
from gogooku.dashboard.texts import BASIS, LEFT, PRICE, REASONS, SIDES, TITLES, named, several
from gogooku.evaluate.page import grid, section
from gogooku.evaluate.words import COUNT, NONE, SMALL_SHARE, Text, Unit, Words, amount, html

_SIGNED = Unit(digits=0, signed=True)


def orders_part(shown: Shown) -> str:
    """The orders as HTML; why there are none where there are none."""
    title = TITLES["orders"]
    if shown.orders is None:
        said = Text(
            "No orders were published: this session was ranked from old data, or without a "
            "portfolio.",
            "注文は公開されていない。古いデータで順位付けしたか、ポートフォリオがない。",
        )
        return section("orders", title, f"<p>{html(said)}</p>")
    note = _account(shown)
    if not shown.orders.height:
        said = Text(
            "Nothing to trade: the holdings are the target.",
            "売買なし。保有は目標どおり。",
        )
        return section("orders", title, f"<p>{html(said)}</p>", note=note)
    head = [
        html(Text("company", "銘柄")),
        *_left(Text("side", "売買")),
        *map(html, (Text("shares", "株数"), Text("reference", "参考価格"), Text("value", "金額"))),
        *_left(Text("reason", "理由")),
    ]
    body = [_order(row, shown) for row in shown.orders.iter_rows(named=True)]
    return section("orders", title, _sums(shown) + grid(head, body, kind="trades"), note=note)


def _order(row: Mapping[str, Any], shown: Shown) -> list[str]:
    side = str(row["side"])
    tone = "up" if side in ("buy", "cover") else "down"
    return [
        _company(row),
        f'<td class="left"><span class="side {tone}">{html(named(SIDES, side))}</span></td>',
        html(COUNT.text(row.get("shares"))),
        html(PRICE.text(row.get("reference_price"))),
        html(_money(row.get("value"), shown)),
        f'<td class="text">{html(named(REASONS, row.get("reason") or NONE))}</td>',
    ]


def _sums(shown: Shown) -> str:
    """How much of each side."""
    orders = shown.orders
    if orders is None or "value" not in orders.columns:
        return ""
    sums = orders.group_by("side", maintain_order=True).agg(pl.len(), pl.col("value").sum())
    parts = [
        Text(
            f"{{side}}: {{count}} order{'' if count == 1 else 's'}, {{value}}",
            "{side}: {count}件、{value}",
        ).filled(side=named(SIDES, side), count=f"{count:,}", value=_money(value, shown))
        for side, count, value in sums.iter_rows()
    ]
    return f'<p class="said">{html(_listed(parts))}</p>'


def _listed(parts: list[Text]) -> Text:
    return Text("; ".join(one.en for one in parts), "。".join(one.ja for one in parts))


def _account(shown: Shown) -> Words:
    """What account the orders are of."""
    account = shown.account
    if account is None:
        return ""
    return Text(
        "Of {basis}; decided after {decided}; equity {equity}, cash after the orders {cash}. "
        "The reference price is the last close.",
        "対象: {basis}。決定日: {decided}。純資産: {equity}、注文後の現金: {cash}。"
        "参考価格は直近の終値。",
    ).filled(
        basis=named(BASIS, account["basis"]),
        decided=str(account["decided"]),
        equity=_money(account["equity"], shown),
        cash=_money(account["cash_after"], shown),
    )


def target_part(shown: Shown) -> str:
    """The target portfolio as HTML; nothing where there is none."""
    target = shown.target
    if target is None:
        return ""
    head = [
        html(Text("company", "銘柄")),
        *map(
            html,
            (
                Text("weight", "ウェイト"),
                Text("target", "目標株数"),
                Text("held", "保有"),
                Text("ordered", "注文"),
                Text("value", "金額"),
            ),
        ),
        *_left(Text("left open", "未達の理由")),
    ]
    body = [
        [
            _company(row),
            html(SMALL_SHARE.text(row.get("weight"))),
            html(COUNT.text(row.get("shares"))),
            html(COUNT.text(row.get("held"))),
            html(_SIGNED.text(row.get("ordered"))) if row.get("ordered") else NONE,
            html(_money(row.get("value"), shown)),
            f'<td class="text">{html(several(LEFT, row.get("left") or ""))}</td>',
        ]
        for row in target.iter_rows(named=True)
    ]
    note = Text("{count} names, best first.", "{count}銘柄、順位順。").filled(
        count=f"{target.height:,}"
    )
    table = grid(head, body, kind="trades")
    summary = html(Text("Show the whole target", "目標をすべて表示"))
    inner = f'<details class="printed"><summary>{summary}</summary>{table}</details>'
    return section("target", TITLES["target"], inner, note=note)


def _company(row: Mapping[str, Any]) -> str:
    """Four digits, the whole code and the name of a company."""
    code = str(row["code"])
    short = short_code(code)
    whole = f" <small>{escape(code)}</small>" if short != code else ""
    return f"<td><b>{escape(short)}</b>{whole} {html(company(row))}</td>"


def _left(*words: Text) -> list[str]:
    return [f'<th class="left">{html(one)}</th>' for one in words]


def _money(value: float | None, shown: Shown) -> Text:
    return amount(value, str((shown.account or {}).get("currency", "JPY")))
