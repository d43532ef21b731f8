"""How much of the result luck alone may be: tries counted, figures deflated, said in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gogooku.evaluate.account import Account
from gogooku.evaluate.comparison_words import p_text
from gogooku.evaluate.page import grid, section
from gogooku.evaluate.report_texts import explained, unit_of
from gogooku.evaluate.words import (
    NONE,
    RETURN,
    Text,
    Unit,
    both,
    html,
    joined,
    probability,
    sessions,
)

SURE: Final = 0.95
CHANCE: Final = 0.5
_TITLE: Final = Text("How much may be luck", "偶然の可能性")
_NOTE: Final = Text(
    "Whoever tries often finds something that looks good. Every evaluation on these sessions is "
    "registered; the figures below count them.",
    "何度も試せば、良く見えるものが見つかる。同じ営業日での評価はすべて登録され、以下の値に反映される。",
)


@dataclass(frozen=True)
class Luck:
    """What is known of the tries on the sessions of a run.

    Attributes
    ----------
    tries : int
        Registered ones, this run among them.
    horizon : int
        Whose RankIC is deflated.
    ratio : float or None
        Mean over deviation of the daily RankIC.
    deflated : float or None
        Probability that the true ratio is above the best of so many worthless tries.
    overfitting : float or None
        PBO; None with too few tries whose daily figures are still there.
    counted : int
        Tries in that probability.
    """

    tries: int
    horizon: int
    ratio: float | None
    deflated: float | None
    overfitting: float | None
    counted: int


def luck_part(luck: Luck, account: Account | None) -> str:
    """The sentence first, then each figure with what it means."""
    rows = [*_of_tries(luck), *(_of_account(account) if account is not None else ())]
    body = [
        [explained(name), html(value), f'<td class="text">{html(said)}</td>']
        for name, value, said in rows
    ]
    head = [html(Text("figure", "指標")), html(Text("value", "値")),
            f'<th class="left">{html(Text("of what", "対象"))}</th>']  # fmt: skip
    sentence = f'<p class="said">{html(luck_sentence(luck))}</p>'
    return section("luck", _TITLE, sentence + grid(head, body), note=_NOTE)


def luck_sentence(luck: Luck) -> Text:
    """What is left of the RankIC when tries are counted, and how the best try would fare."""
    tried = Text(
        "{n} different settings were judged on these sessions, this one among them.",
        "これらの営業日では、この実行を含む{n}通りの設定が評価された。",
    )
    if luck.tries <= 1:
        tried = Text("No other setting was judged on these sessions.",
                     "これらの営業日で評価された設定は他にない。")  # fmt: skip
    parts = [tried.filled(n=f"{luck.tries:,}"), _deflated(luck)]
    if luck.overfitting is not None:
        parts.append(_overfitted(luck.overfitting))
    return joined(parts)


def _deflated(luck: Luck) -> Text:
    of = {"horizon": sessions(luck.horizon), "p": probability(luck.deflated)}
    if luck.deflated is None:
        return Text(
            "Whether its RankIC at {horizon} is above the best of as many worthless ones is not "
            "known.",
            "{horizon}の順位ICが同数の無価値な設定の最良を上回るかどうかは分からない。",
        ).filled(**of)
    said = Text(
        "The probability that its RankIC at {horizon} is truly above the best of as many "
        "worthless ones is {p}",
        "{horizon}の順位ICが同数の無価値な設定の最良を真に上回る確率は{p}",
    )
    if luck.deflated >= SURE:
        verdict = Text(": luck is an unlikely explanation.", "で、偶然では説明しにくい。")
    elif luck.deflated >= CHANCE:
        verdict = Text(": likely, but luck is not excluded.", "で、有望だが偶然を排除できない。")
    else:
        verdict = Text(": luck explains it as well.", "で、偶然でも説明できる。")
    return Text(said.en + verdict.en, said.ja + verdict.ja).filled(**of)


def _overfitted(chance: float) -> Text:
    said = Text(
        "Taking the best of the tries would be overfitting with a probability of {p}.",
        "試行の中から最良を選ぶことが過剰適合になる確率は{p}。",
    )
    return said.filled(p=probability(chance))


Row = tuple[str, Text, Text]
"""Measure, value, and what it is of."""


def _of_tries(luck: Luck) -> list[Row]:
    ratio = Unit(digits=3, signed=True).text(luck.ratio)
    counted = Text("no probability: fewer than 4 tries have their daily figures still there",
                   "日次の値が残っている試行が4件未満のため算出不可")  # fmt: skip
    if luck.overfitting is not None:
        counted = Text(
            f"{luck.counted} tries, mean daily RankIC", f"{luck.counted}件の試行、日次順位ICの平均"
        )
    return [
        ("luck.tries", unit_of("luck.tries").text(float(luck.tries)),
         Text("the ledger of trials", "試行台帳")),
        ("luck.deflated", probability(luck.deflated),
         Text("daily RankIC at {h}, ratio {r}", "{h}の日次順位IC、レシオ{r}").filled(
             h=sessions(luck.horizon), r=ratio)),
        ("luck.overfitting", probability(luck.overfitting), counted),
    ]  # fmt: skip


def _of_account(account: Account) -> list[Row]:
    """What the statistics of a backtest say of its returns, as far as they are there."""
    known: Mapping[str, Any] = account.fact("statistics") or {}
    year = account.year
    rows: list[Row] = []
    excess = known.get("excess_ratio")
    if excess:
        rows.append(
            ("luck.excess_probability", probability(excess["probability"]),
             _sessions_of(excess["n"]))
        )  # fmt: skip
    deflated = known.get("deflated_sharpe")
    if deflated:
        rows.append(
            ("luck.deflated_sharpe", probability(deflated["probability"]),
             _sessions_of(deflated["n"]))
        )  # fmt: skip
    mean = known.get("excess_mean")
    if mean:
        rows.append(
            ("luck.excess_mean", _times(RETURN, mean, "value", year),
             Text("95%: {between}, {n}", "95%: {between}、{n}").filled(
                 between=_between(RETURN, mean, year), n=_sessions_of(mean["n"])))
        )  # fmt: skip
    apart = known.get("sharpe_less_benchmark")
    if apart:
        unit, root = unit_of("luck.sharpe_difference"), year**0.5
        rows.append(
            ("luck.sharpe_difference", _times(unit, apart, "difference", root),
             Text("95%: {between}, p {p}", "95%: {between}、p {p}").filled(
                 between=_between(unit, apart, root), p=p_text(apart["p_value"])))
        )  # fmt: skip
    if "minimum_track_record" in known:
        wanted = known["minimum_track_record"]
        rows.append(
            ("luck.track_record", unit_of("luck.track_record").text(wanted),
             Text("this account has {n}", "この口座は{n}").filled(
                 n=sessions(account.daily.height - 1)))
        )  # fmt: skip
    return rows


def _sessions_of(n: int) -> Text:
    return Text("{n}, after costs", "{n}、コスト控除後").filled(n=sessions(int(n)))


def _times(unit: Unit, figures: Mapping[str, Any], key: str, factor: float) -> Text:
    value = figures[key]
    return unit.text(None if value is None else value * factor)


def _between(unit: Unit, figures: Mapping[str, Any], factor: float) -> Text:
    low, high = figures["low"], figures["high"]
    if low is None or high is None:
        return both(NONE)
    return unit.between(low * factor, high * factor)
