"""What a run comes to, in plain words with numbers: computed, and no kinder than they are.

The words follow from the interval of the mean daily RankIC: above zero, holding zero, below zero,
or of too few sessions to be read at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from gogooku.evaluate.words import CORRELATION, NONE, RETURN, SHARE, Text, joined, sessions

Figures = Mapping[str, float | int | None]
"""Value, low, high and n of a measure, as ``metrics.json`` has them."""

PERIODS: Final = 20
"""Fewest stretches of a horizon without overlap that a RankIC is judged by."""


class Skill(StrEnum):
    """What the interval of a mean RankIC says."""

    SHOWN = "shown"
    NONE = "none"
    NEGATIVE = "negative"
    SHORT = "short"
    UNKNOWN = "unknown"


_SAID: Final[Mapping[Skill, Text]] = {
    Skill.SHOWN: Text(
        "RankIC {value} at {horizon}, 95% interval {interval} over {n}: skill is unlikely to be "
        "luck.",
        "{horizon}の順位ICは{value}(95%区間 {interval}、{n}):予測力が偶然である可能性は低い。",
    ),
    Skill.NONE: Text(
        "RankIC {value} at {horizon}, 95% interval {interval} over {n}: the interval holds zero, "
        "so no skill is shown; this may be luck.",
        "{horizon}の順位ICは{value}(95%区間 {interval}、{n}):区間が0を含むため、"
        "予測力は示されていない。偶然の可能性がある。",
    ),
    Skill.NEGATIVE: Text(
        "RankIC {value} at {horizon}, 95% interval {interval} over {n}: skill is significantly "
        "negative; names ranked high did worse than names ranked low.",
        "{horizon}の順位ICは{value}(95%区間 {interval}、{n}):予測力は有意に負。"
        "上位銘柄は下位銘柄より成績が悪かった。",
    ),
    Skill.SHORT: Text(
        "RankIC {value} at {horizon} over {n}: too short to judge, at least {least} are needed.",
        "{horizon}の順位ICは{value}({n}):期間が短すぎて判断できない。少なくとも{least}が必要。",
    ),
    Skill.UNKNOWN: Text(
        "RankIC at {horizon} could not be measured: no session has enough names with a return.",
        "{horizon}の順位ICは計測できなかった。実現リターンのある銘柄が十分な営業日がない。",
    ),
}
_MORE: Final = Text("more", "上回り")
_LESS: Final = Text("less", "下回り")
_MONEY: Final = Text(
    "After costs {amount} a year {direction} than the equal-weighted universe{doubt}; largest fall "
    "{fall}.",
    "コスト控除後は等金額ユニバースを年率{amount}{direction}{doubt}、最大下落率は{fall}。",
)
_SIMULATED: Final = Text(
    "The market is simulated: this says nothing about real prices.",
    "市場は模擬データであり、実際の株価については何も示さない。",
)
_QUESTIONED: Final = Text(
    "The findings below question these numbers: read them first.",
    "以下の指摘はこれらの数値に疑いを投げかける。先に読むこと。",
)


def skill_of(figures: Figures | None, *, horizon: int) -> Skill:
    """What the interval of a mean RankIC says."""
    if figures is None or figures.get("value") is None or not figures.get("n"):
        return Skill.UNKNOWN
    low, high = figures.get("low"), figures.get("high")
    if low is None or high is None or int(figures["n"] or 0) < PERIODS * horizon:
        return Skill.SHORT
    if low > 0.0:
        return Skill.SHOWN
    return Skill.NEGATIVE if high < 0.0 else Skill.NONE


def verdict(
    metrics: Mapping[str, Figures], *, horizon: int, simulated: bool, questioned: bool
) -> Text:
    """The sentences at the head of a page.

    Parameters
    ----------
    metrics : mapping
        Of skill and portfolio together, as ``metrics.json`` has them.
    horizon : int
        The one that is traded.
    simulated : bool
        Whether the prices are a sandbox's.
    questioned : bool
        Whether the leak gate found something.
    """
    figures = metrics.get(f"h{horizon}.rank_ic")
    parts = [_skill(figures, horizon)]
    money = _money(metrics)
    if money is not None:
        parts.append(money)
    if questioned:
        parts.append(_QUESTIONED)
    if simulated:
        parts.append(_SIMULATED)
    return joined(parts)


def _skill(figures: Figures | None, horizon: int) -> Text:
    known = figures or {}
    return _SAID[skill_of(figures, horizon=horizon)].filled(
        value=CORRELATION.text(known.get("value")),
        horizon=sessions(horizon),
        interval=CORRELATION.between(known.get("low"), known.get("high")),
        n=sessions(int(known.get("n") or 0)),
        least=sessions(PERIODS * horizon),
    )


def _money(metrics: Mapping[str, Figures]) -> Text | None:
    """How the portfolio did against the universe; None where none was traded."""
    excess, fall = metrics.get("portfolio.excess_return"), metrics.get("portfolio.max_drawdown")
    if excess is None or fall is None or excess.get("value") is None:
        return None
    value = float(excess["value"] or 0.0)
    low, high = excess.get("low"), excess.get("high")
    doubt = Text(f" (interval {NONE})", f"(区間 {NONE})")
    if low is not None and high is not None:
        interval = RETURN.between(low, high)
        doubt = Text(" (95% interval {interval})", "(95%区間 {interval})")
        if low <= 0.0 <= high:
            doubt = Text(
                " (95% interval {interval}, which holds zero)", "(95%区間 {interval}、0を含む)"
            )
        doubt = doubt.filled(interval=interval)
    return _MONEY.filled(
        amount=SHARE.text(abs(value)),
        direction=_MORE if value >= 0.0 else _LESS,
        doubt=doubt,
        fall=SHARE.text(fall.get("value")),
    )
