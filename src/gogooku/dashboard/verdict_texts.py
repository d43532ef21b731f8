"""What gates and checks said, in both languages.

English is what they said themselves; Japanese is made from the figures that they measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gogooku.dashboard.texts import CHECKS, TABLES, named
from gogooku.evaluate.report_texts import STYLES
from gogooku.evaluate.words import Text, Unit, both, sessions

GATES: Final[Mapping[str, Text]] = {
    "freshness": Text("The expected session", "期待される営業日"),
    "contract": Text("Features and clock", "特徴量と判断時刻"),
    "universe": Text("Universe", "ユニバース"),
    "scored": Text("Names with a score", "スコアのある銘柄"),
    "quoted": Text("Names with a price", "当日の価格がある銘柄"),
    "finite": Text("Scores are numbers", "スコアの数値"),
    "coverage_before": Text("Names, session before", "銘柄数(前営業日比)"),
    "coverage_tested": Text("Names, test part", "銘柄数(テスト期間比)"),
    "spread": Text("Spread of the scores", "スコアのばらつき"),
    "ties": Text("Tied scores", "同点"),
    "jump": Text("Jump of the ranks", "順位の急変"),
    "turnover": Text("Turnover of the target", "目標の入替"),
}
"""What a gate of an evening is called, by its name."""

_MEASURED: Final[Mapping[str, str]] = {
    "freshness": "期待 {expected}、データの最新 {newest}",
    "contract": "特徴量{features:,}個と判断時刻が学習時と一致",
    "universe": "{names:,}銘柄、前営業日 {before:,}銘柄(下限 {least:.0%})",
    "scored": "ユニバース{universe:,}銘柄のうち{names:,}銘柄(下限 {least:.0%})",
    "quoted": "ユニバース{universe:,}銘柄のうち{names:,}銘柄(下限 {least:.0%})",
    "finite": "{names:,}銘柄のうち数値でないスコアは{bad:,}銘柄",
    "coverage_before": "{names:,}銘柄、前営業日 {wanted:,.0f}銘柄(下限 {least:.0%})",
    "coverage_tested": "{names:,}銘柄、テスト期間の中央値 {wanted:,.0f}銘柄(下限 {least:.0%})",
    "spread": "標準偏差 {deviation:.4g}、テスト期間 {tested:.4g}(許容 {times:g}倍以内)",
    "ties": "同点の銘柄 {share:.1%}(上限 {most:.0%})",
    "jump": "前日との順位相関 {autocorrelation:+.2f}、テスト期間 {tested:+.2f}(下限 {least:+.2f})",
    "turnover": "資産の{share:.1%}を入替(上限 {most:.1%})",
}
"""What a gate measured, in Japanese, by its name; places are figures of its verdict."""
_NOTHING: Final = "比較対象なし"
_OTHERWISE: Final = "学習時と異なる: {said}"

OUTCOMES: Final[Mapping[str, Text]] = {
    "passed": Text("passed", "合格"),
    "warned": Text("warned", "注意"),
    "refused": Text("REFUSED", "不合格"),
}

VALUE: Final = Unit(digits=3)
"""A value of a check."""


def gate_said(verdict: Mapping[str, Any]) -> Text:
    """What a gate said: `gogooku.releases.verdicts.Verdict` as it is kept."""
    said, figures = str(verdict["said"]), verdict["figures"]
    if not figures:
        refused = verdict["outcome"] == "refused"
        return Text(said, _OTHERWISE.format(said=said) if refused else _NOTHING)
    measured = _MEASURED.get(str(verdict["gate"]))
    return Text(said, said if measured is None else measured.format(**figures))


def refusal(text: str, gates: Mapping[str, Mapping[str, Any]]) -> Text:
    """Why a session was not published.

    Parameters
    ----------
    text : str
        As the evening says it: ``SESSION: GATE: what was found``.
    gates : mapping
        Verdicts that refused, by that text; of what no gate said there is none.
    """
    one = gates.get(text)
    if one is None:
        return both(text)
    name, said = both(named(GATES, one["gate"])), gate_said(one)
    return Text(text, f"{one['session']}: {name.ja}: {said.ja}")


def check_said(check: Mapping[str, Any]) -> Text:
    """What a check of the watch saw: `gogooku.watch.checks.Check` as it is kept."""
    value, limit = (VALUE.text(check[name]).ja for name in ("value", "limit"))
    end = "下限" if check["below"] else "上限"
    of = _about(str(check["of"]))
    return Text(str(check["says"]), f"{of}{value}({end} {limit})")


def _about(of: str) -> str:
    """The horizon, table or trait of a check, in Japanese."""
    if not of:
        return ""
    if of.isdecimal():
        return f"{sessions(int(of)).ja}先 "
    return f"{both(named(TABLES, of) if of in TABLES else STYLES.get(of, of)).ja} "


def check_named(check: Mapping[str, Any]) -> Text:
    """What a check of the watch is about."""
    return both(named(CHECKS, check["name"]))
