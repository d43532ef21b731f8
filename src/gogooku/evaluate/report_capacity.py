"""How the result depends on costs, on the size of the account and on the time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from gogooku.core.metrics import Z95
from gogooku.evaluate.account import Account
from gogooku.evaluate.page import barred, chart, ends_of, grid, section
from gogooku.evaluate.report_texts import GROUPS, explained, unit_of
from gogooku.evaluate.svg import Figure, Series
from gogooku.evaluate.words import RETURN, Text, Words, amount, both, html, joined

_TITLES: Final[Mapping[str, Text]] = {
    "costs": Text("If costs were other than assumed", "コストが想定と異なる場合"),
    "capacity": Text("How much money it would carry", "運用可能な資金規模"),
    "slices": Text("When it was earned", "いつ得られたか"),
}
_NOTES: Final[Mapping[str, Text]] = {
    "costs": Text(
        "Excess return a year had all costs been a multiple of what was paid, with 95% intervals; "
        "what was traded is left as it was.",
        "支払ったコストがその倍率であった場合の年率超過リターンと95%区間。取引内容は変えていない。",
    ),
    "capacity": Text(
        "Excess return a year after the impact of orders that grow with the account, by the "
        "square-root law. Sizes at which far more is lost than earned are in the table only.",
        "口座の規模に応じて大きくなる注文のインパクト(平方根則)を差し引いた年率超過リターン。"
        "大きな損失になる規模は表にのみ示す。",
    ),
    "slices": Text(
        "Excess return a year over the universe, with 95% intervals and the number of sessions; "
        "regimes as they were known the evening before. One interval in twenty misses by luck.",
        "ユニバースに対する年率超過リターンと95%区間、営業日数。局面は前日夕方に分かっていたもの。"
        "区間の20に1つは偶然でも外れる。",
    ),
}
_DEEPEST: Final = 2.0
"""A loss of so many times what the smallest account makes is not drawn of larger accounts."""
_NOT_CHARGED: Final = Text(
    "The account itself was charged no impact: all other figures of the page are without it.",
    "この口座にはインパクトを課していないため、ページの他の値には含まれない。",
)
_CUTS: Final[Mapping[str, Text]] = {
    "year": Text("Year", "年"),
    "volatility": Text("Volatility of the market", "市場のボラティリティ"),
    "market": Text("Direction of the market that day", "当日の市場の方向"),
    "weekday": Text("Day of the week", "曜日"),
}
_VALUES: Final[Mapping[str, Text]] = {
    "up": Text("rising", "上昇"),
    "down": Text("falling", "下落"),
    "Monday": Text("Monday", "月曜"),
    "Tuesday": Text("Tuesday", "火曜"),
    "Wednesday": Text("Wednesday", "水曜"),
    "Thursday": Text("Thursday", "木曜"),
    "Friday": Text("Friday", "金曜"),
    "Saturday": Text("Saturday", "土曜"),
    "Sunday": Text("Sunday", "日曜"),
}


def capacity_parts(account: Account) -> list[str]:
    """Costs made dearer, other sizes of the account, and slices of time."""
    return [costs_part(account), capacity_part(account), slices_part(account)]


# --------------------------------------------------------------------------------------- costs


def costs_part(account: Account) -> str:
    """Excess return by multiple of the costs, and where it would be gone."""
    found = account.frame("cost_sensitivity")
    if found is None:
        return ""
    said = cost_sentence(account.fact("attribution", "break_even_cost_multiple"))
    return chart("costs", _TITLES["costs"], cost_bars(found), note=_NOTES["costs"], said=said)


def cost_sentence(multiple: float | None) -> Words:
    """At which multiple of its costs the excess of an account is gone."""
    if multiple is None:
        return Text("The account paid no costs.", "口座はコストを支払っていない。")
    shown = unit_of("account.break_even_cost").text(multiple)
    if multiple < 0.0:
        return Text("Even without costs the account lags the universe.",
                    "コストがなくても口座はユニバースを下回る。")  # fmt: skip
    if multiple < 1.0:
        return Text(
            "Costs took all of the excess return: it would be zero at {m} of them.",
            "コストが超過リターンをすべて失わせた。{m}のコストなら0になる。",
        ).filled(m=shown)
    return Text(
        "The excess return is gone at {m} the costs that were paid.",
        "支払ったコストの{m}で超過リターンはなくなる。",
    ).filled(m=shown)


def cost_bars(found: pl.DataFrame) -> Figure:
    """Excess return a year by multiple of the costs, with its interval."""
    places = [float(place) for place in range(found.height)]
    value = found.get_column("annual_excess")
    half = found.get_column("excess_error") * Z95
    names: list[Words] = [
        Text(f"{one:g}x", f"{one:g}倍") for one in found.get_column("multiple").to_list()
    ]
    bars = Series(
        name=Text("excess return a year", "年率超過リターン"),
        y=value.to_list(),
        low=(value - half).to_list(),
        high=(value + half).to_list(),
        shape="bars",
    )
    return Figure(
        x=places, x_texts=names, ticks=list(zip(places, names, strict=True)), series=[bars],
        y_label=Text("excess return a year", "年率超過リターン"),
        x_label=Text("multiple of the costs", "コストの倍率"), unit=RETURN, height=200,
    )  # fmt: skip


# ------------------------------------------------------------------------------------ capacity


def capacity_part(account: Account) -> str:
    """Excess return after impact by size of the account, and where it would be gone."""
    curve = account.frame("capacity")
    if curve is None:
        return ""
    rows = list(curve.iter_rows(named=True))
    head = [
        html(Text("account", "口座の規模")),
        html(Text("excess a year, after impact", "インパクト控除後の年率超過")),
        *(explained(f"account.{name}") for name in ("impact_bps", "participation")),
    ]
    body = [
        [
            html(amount(row["capital"], account.currency)),
            html(RETURN.text(row["annual_excess"])),
            html(unit_of("account.impact_bps").text(row["impact_bps"])),
            html(unit_of("account.participation").text(row["participation"])),
        ]
        for row in rows
    ]
    said = capacity_sentence(account.fact("attribution", "break_even_capital"), account.currency)
    if account.fact("costs", "impact") == 0.0:
        said = joined([both(said), _NOT_CHARGED])
    line, table = capacity_line(curve, account.currency), grid(head, body, kind="short")
    note = _NOTES["capacity"]
    return chart("capacity", _TITLES["capacity"], line, note=note, said=said, below=table)


def capacity_sentence(capital: float | None, currency: str) -> Words:
    """At which size of the account impact takes all of the excess."""
    if capital is None:
        return Text("No order moves a price: there is no bound.",
                    "注文は価格を動かさないため、上限はない。")  # fmt: skip
    if capital <= 0.0:
        return Text("There is no excess return before impact: no size carries.",
                    "インパクト控除前に超過リターンがなく、どの規模でも成り立たない。")  # fmt: skip
    return Text(
        "Impact takes all of the excess return at about {money}.",
        "おおよそ{money}でインパクトが超過リターンをすべて失わせる。",
    ).filled(money=amount(capital, currency))


def capacity_line(curve: pl.DataFrame, currency: str) -> Figure:
    """Excess return a year after impact against the logarithm of the capital."""
    floor = -_DEEPEST * max(abs(float(curve.get_column("annual_excess")[0])), 0.05)
    shown = curve.filter((pl.col("annual_excess") >= floor) | (pl.col("multiple") <= 1.0))
    places = [math.log10(one) for one in shown.get_column("capital")]
    names: list[Words] = [amount(one, currency) for one in shown.get_column("capital")]
    own = pl.when(pl.col("multiple") == 1.0).then(pl.col("annual_excess"))
    itself = shown.select(own.alias("own")).get_column("own").to_list()
    excess = shown.get_column("annual_excess").to_list()
    lines = [
        Series(name=Text("after impact", "インパクト控除後"), y=excess, shape="dots"),
        Series(name=Text("this account", "この口座"), y=itself, shape="dots", colour=1),
    ]
    return Figure(
        x=places, x_texts=names, ticks=list(zip(places, names, strict=True)), series=lines,
        y_label=Text("excess return a year", "年率超過リターン"),
        x_label=Text("size of the account", "口座の規模"), unit=RETURN, height=220,
    )  # fmt: skip


# -------------------------------------------------------------------------------------- slices


def slices_part(account: Account) -> str:
    """Excess return by year, regime, direction of the market and weekday."""
    found = account.frame("slices")
    if found is None:
        return ""
    tables = "".join(
        f"<div><h3>{html(title)}</h3>{_slice(found.filter(slice=name), account.year)}</div>"
        for name, title in _CUTS.items()
        if found.filter(slice=name).height
    )
    return section("slices", _TITLES["slices"], f'<div class="pair">{tables}</div>',
                   note=_NOTES["slices"])  # fmt: skip


def _slice(rows: pl.DataFrame, year: float) -> str:
    of = [_ends(row, year) for row in rows.iter_rows(named=True)]
    span = ends_of([end for ends in of for end in ends])
    head = [Text("group", "群"), Text("excess a year", "年率超過リターン")]
    body = []
    for row, (low, value, high) in zip(rows.iter_rows(named=True), of, strict=True):
        small = f"<small>{html(RETURN.between(low, high))}</small><small>n {row['n']:,}</small>"
        name = _VALUES.get(row["value"], GROUPS.get(row["value"], row["value"]))
        bar = barred(RETURN.text(value), value, span, low=low, high=high, below=small)
        body.append([html(name), bar])
    return grid([html(one) for one in head], body)


def _ends(row: Mapping[str, Any], year: float) -> tuple[float | None, float | None, float | None]:
    """Low end, value and high end of an annual excess."""
    value, error = row["annual_excess"], row["error"]
    if value is None or error is None:
        return None, value, None
    half = Z95 * error * year
    return value - half, value, value + half
