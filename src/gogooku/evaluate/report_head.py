"""The head of the report page: whose prices, which dates, a verdict, four numbers, warnings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape

from gogooku.evaluate.definitions import definition_of
from gogooku.evaluate.report_texts import TITLES, explained, unit_of
from gogooku.evaluate.verdict import Figures
from gogooku.evaluate.words import (
    Text,
    Words,
    both,
    html,
    sessions,
)

_EXCHANGES: Mapping[str, Text] = {
    "tokyo": Text("Tokyo", "東京"),
    "new_york": Text("New York", "ニューヨーク"),
}


@dataclass(frozen=True)
class Headline:
    """What a run is of.

    Attributes
    ----------
    run_id, learner : str
    source, exchange, currency : str
    simulated : bool
        Whether the prices are a sandbox's.
    names : int
        Different names that are ranked at some time.
    ranked : (int, int)
        Fewest and most names that a session ranks.
    first, last : date
        Of the test part.
    tested : int
        Sessions of the test part.
    folds : int
        0 where the scores were made elsewhere, so that nothing is known of how they were fitted.
    """

    run_id: str
    learner: str
    source: str
    exchange: str
    currency: str
    simulated: bool
    names: int
    ranked: tuple[int, int]
    first: date
    last: date
    tested: int
    folds: int


def head(headline: Headline, verdict: Text, metrics: Mapping[str, Figures], *, horizon: int) -> str:
    """The headline, the verdict and the tiles, as HTML."""
    whose = badge(simulated=headline.simulated, exchange=headline.exchange)
    return (
        f'<header id="headline">{whose}<h1>{escape(headline.run_id)}</h1>'
        f'<p class="verdict" id="verdict">{html(verdict)}</p>{_tiles(metrics, horizon)}'
        f"{_facts(headline)}</header>"
    )


def badge(*, simulated: bool, exchange: str) -> str:
    """Whose prices they are, as HTML: a sandbox's, or real ones of an exchange."""
    if simulated:
        text = Text("SIMULATED MARKET", "模擬市場")
        return f'<span class="badge simulated">{html(text)}</span>'
    place = _EXCHANGES.get(exchange, both(exchange))
    text = Text("Real prices, {exchange}", "実際の株価({exchange})").filled(exchange=place)
    return f'<span class="badge">{html(text)}</span>'


def _facts(headline: Headline) -> str:
    low, high = (f"{count:,}" for count in headline.ranked)
    ranked = both(low if low == high else f"{low}–{high}")
    folds = f"{headline.folds:,}"
    rows: list[tuple[Text, Words]] = [
        (Text("Model", "モデル"), headline.learner),
        (Text("Source", "データソース"), headline.source),
        (Text("Exchange, currency", "取引所・通貨"),
         Text("{exchange}, {currency}", "{exchange}・{currency}").filled(
             exchange=_EXCHANGES.get(headline.exchange, both(headline.exchange)),
             currency=headline.currency)),
        (Text("Universe", "ユニバース"),
         Text("{ranked} names a session, {names} in all",
              "1営業日あたり{ranked}銘柄、全{names}銘柄").filled(
             ranked=ranked, names=f"{headline.names:,}")),
        (Text("Out of sample", "テスト期間(学習に未使用)") if headline.folds else
         Text("Judged; whether seen in fitting is not known", "評価期間(学習への使用は不明)"),
         Text("{first} to {last}, {tested}", "{first}〜{last}、{tested}").filled(
             first=str(headline.first), last=str(headline.last),
             tested=sessions(headline.tested))),
        (Text("Folds", "フォールド数"),
         Text(f"{folds} fold{'' if headline.folds == 1 else 's'}", f"{folds}個")
         if headline.folds else Text("not known: made elsewhere", "不明(外部で作成)")),
    ]  # fmt: skip
    cells = "".join(
        f"<div><dt>{html(name)}</dt><dd>{html(value)}</dd></div>" for name, value in rows
    )
    return f'<dl class="facts">{cells}</dl>'


def _tiles(metrics: Mapping[str, Figures], horizon: int) -> str:
    money = ("excess_return", "max_drawdown", "turnover")
    wanted = [f"h{horizon}.rank_ic", *(f"portfolio.{name}" for name in money)]
    tiles = "".join(_tile(name, metrics[name]) for name in wanted if name in metrics)
    return f'<div class="tiles">{tiles}</div>' if tiles else ""


def _tile(measure: str, figures: Figures) -> str:
    unit = unit_of(measure)
    value, low, high = (figures.get(key) for key in ("value", "low", "high"))
    interval = unit.between(low, high)
    judged = unit.signed and definition_of(measure).higher_is_better
    certain = "" if not judged or low is None or high is None else _side(low, high)
    found = re.match(r"h(\d+)\.", measure)
    of = Text(" at {h}", "({h})").filled(h=sessions(int(found[1]))) if found else Text("", "")
    shown = f"<b{certain}>{html(unit.text(value))}</b>"
    around = Text("95%: {interval}", "95%: {interval}").filled(interval=interval)
    small = "" if not interval.en else f"<small>{html(around)}</small>"
    return (
        f'<div class="tile" data-measure="{escape(measure)}">{explained(measure)}'
        f"<span>{html(of)}</span>{shown}{small}<small>n {figures.get('n')}</small></div>"
    )


def _side(low: float, high: float) -> str:
    """Colour of a number whose whole interval lies on one side of zero."""
    if low > 0.0:
        return ' class="good"'
    return ' class="bad"' if high < 0.0 else ""


def warnings_box(warnings: Sequence[Words]) -> str:
    """Findings and biases, or that there are none."""
    if not warnings:
        return (
            '<section id="warnings"><p class="note">'
            f"{html(Text('No warnings.', '注意事項はない。'))}</p></section>"
        )
    items = "".join(f"<li>{html(one)}</li>" for one in warnings)
    return (
        f'<section id="warnings" class="warnings"><b>{html(TITLES["warnings"])}</b>'
        f"<ul>{items}</ul></section>"
    )
