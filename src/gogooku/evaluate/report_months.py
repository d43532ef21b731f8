"""Month by month: what it earned and paid, by which names and sectors, and what happened."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from html import escape
from typing import Any, Final

import polars as pl

from gogooku.core.codes import shown_code
from gogooku.evaluate.account import Account
from gogooku.evaluate.page import barred, ends_of, folded, grid, section
from gogooku.evaluate.sector_names import sector_name
from gogooku.evaluate.words import (
    RETURN,
    SHARE,
    SMALL_RETURN,
    Text,
    Words,
    both,
    html,
    sessions,
)

SECTORS: Final = 3
"""Sectors at each end of a month that are shown."""
EVENTS: Final = 12
"""Events of a month that are listed; the others are counted."""
_TITLE: Final = Text("Each month in depth", "各月の詳細")
_NOTE: Final = Text(
    "Open a month: what its return is made of, who added and who took, and what happened to orders "
    "and holdings. Contributions are linked: with costs, dividends and trading they add up to the "
    "return of the month.",
    "月を開くと、リターンの内訳、寄与の大きい銘柄と小さい銘柄、注文と保有に起きたことが表示される。"
    "寄与は連結されており、コスト・配当・売買と合わせて月次リターンに一致する。",
)
_PARTS: Final[Mapping[str, Text]] = {
    "holdings": Text("Holdings", "保有銘柄"),
    "cost": Text("Costs", "コスト"),
    "dividends": Text("Dividends", "配当"),
    "trading": Text("Trading", "売買タイミング"),
}
_SIDES: Final[Mapping[str, Text]] = {
    "buy": Text("buy", "買い"),
    "sell": Text("sell", "売り"),
    "short": Text("sell short", "空売り"),
    "cover": Text("buy back", "買い戻し"),
}
_REASONS: Final[Mapping[str, Text]] = {
    "no_open": Text("no trade at the open", "寄り付かず"),
    "no_trade": Text("nobody traded", "取引なし"),
    "limit_up": Text("locked at the upper limit", "ストップ高で約定せず"),
    "limit_down": Text("locked at the lower limit", "ストップ安で約定せず"),
    "participation": Text(
        "beyond the share of trading that is allowed", "売買代金に対する上限を超過"
    ),
    "not_lendable": Text("cannot be borrowed", "借株できない"),
    "cash": Text("no cash yet", "現金不足"),
}
_EVENT: Final = (
    (
        r"(?P<side>\w+) (?P<shares>\d+): (?P<reason>\w+)",
        Text("{side} {shares} not filled: {reason}", "{side} {shares}株 未約定: {reason}"),
    ),
    (
        r"(?P<shares>-?\d+) shares more",
        Text("split, {shares} shares more", "分割、株数の増減 {shares}"),
    ),
    (
        r"(?P<shares>-?\d+) shares at (?P<price>[\d.]+)",
        Text("delisted, {shares} shares at {price}", "上場廃止、{shares}株を{price}で清算"),
    ),
)
"""How an event is kept, and how it reads."""


def months_part(account: Account) -> str:
    """A part that opens for each month, the newest first, years around them where they are many."""
    months = account.frame("months")
    if months is None:
        return ""
    details = _Details(account)
    most = max(abs(float(value)) for value in months.get_column("portfolio"))
    blocks: dict[int, list[str]] = {}
    for row in months.sort("month", descending=True).iter_rows(named=True):
        blocks.setdefault(row["month"].year, []).append(
            folded(_summary(row, most), details.of(row), printed=True)
        )
    if len(blocks) == 1:
        inner = "".join(next(iter(blocks.values())))
    else:
        inner = "".join(
            folded(html(Text(f"{year}", f"{year}年")), "".join(parts), printed=True,
                   opened=place == 0)
            for place, (year, parts) in enumerate(blocks.items())
        )  # fmt: skip
    return section("month-details", _TITLE, f'<div class="months">{inner}</div>', note=_NOTE)


def _summary(row: Mapping[str, Any], most: float) -> str:
    """A month in a line: return, coloured by its size, the universe, costs, and events."""
    tone = round(60 * abs(row["portfolio"]) / most) if most else 0
    side = "up" if row["portfolio"] >= 0.0 else "down"
    events = row["unfilled"] + row["splits"] + row["delistings"]
    said = Text(
        "universe {universe}, difference {excess}, costs {cost}",
        "ユニバース{universe}、差{excess}、コスト{cost}",
    ).filled(
        universe=RETURN.text(row["benchmark"]),
        excess=SMALL_RETURN.text(row["excess"]),
        cost=SMALL_RETURN.text(row["cost"]),
    )
    happened = Text(f"{events:,} event{'' if events == 1 else 's'}", f"出来事{events:,}件")
    more = f' <span class="count">{html(happened)}</span>' if events else ""
    return (
        f'<b>{row["month"]:%Y-%m}</b> <span class="chip {side}" style="--v:{tone}">'
        f'{html(RETURN.text(row["portfolio"]))}</span> <span class="rest">{html(said)}</span>{more}'
    )


class _Details:
    """What stands within the months of one account."""

    def __init__(self, account: Account) -> None:
        self._names = account.company()
        self._contributors = _by_month(account.frame("contributors"))
        self._sectors = _by_month(account.frame("month_sectors"))
        self._events = _by_month(account.frame("events"))

    def of(self, row: Mapping[str, Any]) -> str:
        """Everything of one month, as HTML."""
        month = row["month"]
        tables = [_parts(row), self._by_sector(month), *self._added(month)]
        inner = "".join(f"<div>{table}</div>" for table in tables if table)
        return f'{_facts(row)}<div class="pair">{inner}</div>{self._happened(month)}'

    def _added(self, month: date) -> list[str]:
        """Names that added most, and those that took most."""
        frame = self._contributors.get(month)
        if frame is None:
            return []
        span = ends_of(frame.get_column("contribution").to_list())
        titles = {
            "top": Text("Added most", "寄与の大きい銘柄"),
            "worst": Text("Took most", "損失の大きい銘柄"),
        }
        return [
            self._names_table(titles[side], frame.filter(side=side), span)
            for side in titles
            if frame.filter(side=side).height
        ]

    def _names_table(self, title: Text, rows: pl.DataFrame, span: tuple[float, float]) -> str:
        body = [
            [
                self._called(row["code"]),
                barred(SMALL_RETURN.text(row["contribution"]), row["contribution"], span),
                html(SHARE.text(row["mean_weight"])),
            ]
            for row in rows.sort("rank").iter_rows(named=True)
        ]
        head = [title, Text("contribution", "寄与"), Text("mean weight", "平均ウェイト")]
        return grid([html(one) for one in head], body)

    def _called(self, code: str) -> str:
        """A code, and the company under it where it has a name."""
        name = self._names.get(code)
        return escape(shown_code(code)) + (
            f"<small>{html(name)}</small>" if name is not None else ""
        )

    def _by_sector(self, month: date) -> str:
        """The sectors that added most and those that took most."""
        frame = self._sectors.get(month)
        if frame is None:
            return ""
        ordered = frame.sort("contribution", descending=True, maintain_order=True)
        many = ordered.height > 2 * SECTORS
        shown = pl.concat([ordered.head(SECTORS), ordered.tail(SECTORS)]) if many else ordered
        span = ends_of(shown.get_column("contribution").to_list())
        body = [
            [
                html(sector_name(row["sector"])),
                barred(SMALL_RETURN.text(row["contribution"]), row["contribution"], span),
                html(SHARE.text(row["mean_weight"])),
            ]
            for row in shown.iter_rows(named=True)
        ]
        title = Text("Sectors", "業種")
        if many:
            title = Text(f"Sectors, first and last {SECTORS} of {ordered.height}",
                         f"業種(上位・下位{SECTORS}、全{ordered.height})")  # fmt: skip
        head = [title, Text("contribution", "寄与"), Text("mean weight", "平均ウェイト")]
        return grid([html(one) for one in head], body)

    def _happened(self, month: date) -> str:
        """Orders that were not filled, splits and delistings, one line for what repeats."""
        frame = self._events.get(month)
        if frame is None:
            return ""
        lines = grouped(frame)
        items = "".join(f"<li>{self._event(one)}</li>" for one in lines[:EVENTS])
        if len(lines) > EVENTS:
            rest = len(lines) - EVENTS
            items += f"<li>{html(Text(f'and {rest:,} more', f'ほか{rest:,}件'))}</li>"
        title = html(Text("What happened", "出来事"))
        return f'<p class="small"><b>{title}</b></p><ul class="events">{items}</ul>'

    def _event(self, one: Mapping[str, Any]) -> str:
        first, last, count = one["first"], one["last"], one["count"]
        when = f"{first:%m-%d}"
        if count > 1:
            when += f"–{last:%m-%d}"
        times = f" ({html(sessions(count))})" if count > 1 else ""
        name = self._names.get(one["code"])
        called = escape(shown_code(one["code"])) + (f" {html(name)}" if name is not None else "")
        return f"{when}{times} {called}: {html(event_text(one['detail']))}"


def _by_month(frame: pl.DataFrame | None) -> dict[date, pl.DataFrame]:
    if frame is None:
        return {}
    parts = frame.partition_by("month", maintain_order=True, as_dict=True)
    return {key[0]: part for key, part in parts.items()}


def grouped(events: pl.DataFrame) -> list[dict[str, Any]]:
    """Events of a month with what repeats in one: (code, what, detail, first, last, count).

    Splits and delistings come first, then orders, the most often refused first.
    """
    found = events.group_by("code", "what", "detail", maintain_order=True).agg(
        pl.col("date").min().alias("first"),
        pl.col("date").max().alias("last"),
        pl.len().alias("count"),
    )
    order = pl.col("what") == "unfilled"
    return found.sort(order, "count", "first", "code", descending=[False, True, False, False],
                      maintain_order=True).to_dicts()  # fmt: skip


def event_text(detail: str) -> Words:
    """What happened, in both languages where its form is known."""
    for pattern, text in _EVENT:
        found = re.fullmatch(pattern, detail)
        if found is None:
            continue
        places: dict[str, str | Text] = dict(found.groupdict())
        places["shares"] = f"{int(str(places['shares'])):,}"
        for name, table in (("side", _SIDES), ("reason", _REASONS)):
            if name in places:
                word = str(places[name])
                places[name] = table.get(word, both(word.replace("_", " ")))
        return text.filled(**places)
    return detail


def _facts(row: Mapping[str, Any]) -> str:
    """Sessions, turnover, trades and the worst day of a month."""
    rows: Sequence[tuple[Text, Words]] = [
        (Text("Sessions", "営業日"), f"{row['sessions']:,}"),
        (Text("Trades", "約定数"), f"{row['trades']:,}"),
        (Text("Turnover", "回転率"), SHARE.text(row["turnover"])),
        (Text("Worst day", "最悪の日"),
         Text("{day}, {value}", "{day}、{value}").filled(
             day=str(row["worst_day"]), value=SMALL_RETURN.text(row["worst_day_return"]))),
    ]  # fmt: skip
    cells = "".join(
        f"<div><dt>{html(name)}</dt><dd>{html(value)}</dd></div>" for name, value in rows
    )
    return f'<dl class="facts">{cells}</dl>'


def _parts(row: Mapping[str, Any]) -> str:
    """What the return of a month is made of."""
    shown = [name for name in _PARTS if row[name] or name != "dividends"]
    span = ends_of([row[name] for name in (*shown, "portfolio")])
    body = [
        [html(_PARTS[name]), barred(SMALL_RETURN.text(row[name]), row[name], span)]
        for name in shown
    ]
    whole = f"<b>{html(Text('Return of the month', '月次リターン'))}</b>"
    body.append([whole, barred(SMALL_RETURN.text(row["portfolio"]), row["portfolio"], span)])
    return grid([html(Text("part", "要素")), html(Text("return", "リターン"))], body)
