"""The account on the report page: measures, growth, turnover, months, simple rules beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from gogooku.core.metrics import mean_estimate, number_or_none
from gogooku.evaluate import charts
from gogooku.evaluate.account import Account, thinned
from gogooku.evaluate.over_time import monthly_returns
from gogooku.evaluate.page import barred, chart, ends_of, estimated, grid, section
from gogooku.evaluate.report_tables import month_table, portfolio_table, year_column
from gogooku.evaluate.report_texts import NOTES, TITLES, explained, unit_of
from gogooku.evaluate.svg import Figure, Series, dated
from gogooku.evaluate.verdict import Figures
from gogooku.evaluate.words import RETURN, Text, both, html

OWN: Final = "portfolio"
_NAMES: Final[Mapping[str, Text]] = {
    OWN: Text("This portfolio", "このポートフォリオ"),
    "universe": Text("Whole universe, bought at costs", "ユニバース全体(コスト込み)"),
    "momentum": Text("Momentum (a year less its last month)", "モメンタム(直近1か月を除く1年)"),
    "low_volatility": Text("Low volatility (60 sessions)", "低ボラティリティ(60営業日)"),
    "index": Text("Index, no costs", "指数(コストなし)"),
}
_TITLE: Final = Text("Beside simple rules", "単純なルールとの比較")
_NOTE: Final = Text(
    "The same broker, costs and sessions; each rule holds as many names. Lines show how far each "
    "is ahead of the equal-weighted universe without costs (below zero: behind).",
    "同じ約定条件・コスト・営業日で、保有銘柄数も同じ。"
    "線は等金額ユニバース(コストなし)をどれだけ上回るか(負は下回り)。",
)
_LEFT_OUT: Final = Text("Not traded: {names}.", "取引しなかったもの: {names}。")


def account_parts(account: Account, metrics: Mapping[str, Figures]) -> list[str]:
    """Measures, curves, months, and simple rules beside them."""
    daily = account.daily
    months = monthly_returns(daily)
    most = max(abs(float(one or 0.0)) for one in months.get_column(OWN).to_list() or [0.0])
    return [
        section("portfolio", TITLES["portfolio"], portfolio_table(metrics),
                note=NOTES["portfolio"]),
        _chart("excess", charts.excess_curve(daily)),
        _chart("equity", charts.equity_curve(daily)),
        beside_part(account, metrics),
        _chart("turnover", charts.turnover_bars(daily)),
        *(
            section(
                key,
                TITLES[key],
                month_table(months, column, RETURN, years=year_column(months, column), most=most),
                note=NOTES[key],
            )
            for key, column in (("months", OWN), ("months-excess", "excess"))
        ),
    ]  # fmt: skip


def _chart(key: str, figure: Figure) -> str:
    return chart(key, TITLES[key], figure, note=NOTES.get(key, ""))


# ------------------------------------------------------------------------- simple rules beside it


def levels_beside(account: Account) -> dict[str, pl.DataFrame]:
    """The account and each simple rule: (date, equity, benchmark) by name.

    The benchmark of all is that of the account.
    """
    own = account.daily.select("date", "equity", "benchmark")
    found = {OWN: own}
    rules = account.frame("baselines")
    if rules is not None:
        market = own.select("date", "benchmark")
        for (name,), frame in rules.group_by("baseline", maintain_order=True):
            found[str(name)] = frame.select("date", "equity").join(
                market, on="date", maintain_order="left"
            )
    return found


def paired_with(account: Account) -> dict[str, Figures]:
    """The account less each simple rule, a year: mean of the paired returns of sessions.

    A rule that was traded on fewer sessions is compared on those.
    """
    levels = levels_beside(account)
    own = levels.pop(OWN).select("date", pl.col("equity").alias("own"))
    found: dict[str, Figures] = {}
    for name, frame in levels.items():
        both = frame.join(own, on="date", maintain_order="left")
        returns = [
            level[1:] / level[:-1] - 1.0
            for level in (both.get_column(column).to_numpy() for column in ("own", "equity"))
        ]
        less = mean_estimate(returns[0] - returns[1], horizon=1)
        ends = {"value": less.value, "low": less.low, "high": less.high}
        found[name] = {
            **{key: number_or_none(end * account.year) for key, end in ends.items()},
            "n": less.n,
        }
    return found


def beside_part(account: Account, metrics: Mapping[str, Figures]) -> str:
    """Growth of the account and of simple rules over the universe, and their figures."""
    left_out = account.fact("baselines_left_out") or {}
    if account.frame("baselines") is None and not left_out:
        return ""
    inner = beside_table(account, metrics)
    if left_out:
        names = [both(_NAMES.get(name, name)) for name in left_out]
        said = _LEFT_OUT.filled(
            names=Text(", ".join(one.en for one in names), "、".join(one.ja for one in names))
        )
        inner += f'<p class="note">{html(said)}</p>'
    return chart("beside", _TITLE, beside_curves(account), note=_NOTE, below=inner)


def beside_curves(account: Account) -> Figure:
    """How far the account and each rule are ahead of the universe."""
    own = thinned(account.daily)
    days = own.get_column("date").to_list()
    series = []
    for place, (name, frame) in enumerate(levels_beside(account).items()):
        grown = frame.select(
            "date",
            (
                pl.col("equity")
                / pl.col("equity").first()
                * pl.col("benchmark").first()
                / pl.col("benchmark")
                - 1.0
            ).alias("ahead"),
        )
        line = charts.on_days(grown, days).get_column("ahead").to_list()
        series.append(
            Series(
                name=_NAMES.get(name, name),
                y=line,
                colour=place,
                dash="solid" if name == OWN else "dash",
            )
        )
    x, texts, ticks = dated(days)
    return Figure(
        x=x, x_texts=texts, ticks=ticks, series=series, unit=RETURN,
        y_label=Text("over the universe", "ユニバース比"), x_label=charts.SESSION,
    )  # fmt: skip


def beside_table(account: Account, metrics: Mapping[str, Figures]) -> str:
    """Figures of the account and of each rule, and the account less the rule, as HTML."""
    paired = paired_with(account)
    of = {OWN: metrics, **{name: account.rules.get(name, {}) for name in paired}}
    excess = "portfolio.excess_return"
    known = [measures.get(excess, {}) for measures in of.values()]
    span = ends_of([one.get(key) for one in known for key in ("value", "low", "high")])
    head = [
        html(Text("rule", "ルール")),
        explained(excess),
        html(Text("this portfolio less it, a year", "このポートフォリオとの差(年率)")),
        *(explained(name) for name in _MORE),
    ]
    body = []
    for name, measures in of.items():
        one = measures.get(excess, {})
        value, low, high = (one.get(key) for key in ("value", "low", "high"))
        below = f"<small>{html(RETURN.between(low, high))}</small>"
        body.append(
            [
                html(_NAMES.get(name, name)),
                barred(RETURN.text(value), value, span, low=low, high=high, below=below),
                _less(paired[name]) if name in paired else "",
                *(html(unit_of(more).text(measures.get(more, {}).get("value"))) for more in _MORE),
            ]
        )
    return grid(head, body)


_MORE: Final = tuple(
    f"portfolio.{name}"
    for name in ("annual_return", "sharpe", "max_drawdown", "turnover", "cost_drag_bps")
)


def _less(figures: Figures) -> str:
    """The account less a rule; coloured where chance is no explanation."""
    value, low, high = (figures.get(key) for key in ("value", "low", "high"))
    shown = estimated(RETURN.text(value), RETURN.between(low, high), both(f"n {figures['n']:,}"))
    if low is None or high is None or low <= 0.0 <= high:
        return shown
    return f'<td class="{"good" if low > 0.0 else "bad"}">{shown}</td>'
