"""The sentence of a comparison: which run is better, by how much, how sure, after which tries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gogooku.evaluate.report_texts import label_of, unit_of
from gogooku.evaluate.side_by_side import LEVEL, SideBySide, sign_of
from gogooku.evaluate.words import NONE, Text, Unit, both, joined, probability, sessions

_BETTER: Final = Text(
    "{best} has a {word} {label} than {first} at a horizon of {horizon}: {mean} against "
    "{other}{sure}",
    "予測期間{horizon}の{label}は{best}が{first}より{word}: {mean}対{other}{sure}",
)
_NEAREST: Final = Text(
    "No run has a {word} {label} than {best} at a horizon of {horizon}: it has {mean}, and the "
    "nearest, {near}, {other}{sure}",
    "予測期間{horizon}の{label}で{best}より{word}実行はない: {best}は{mean}、"
    "最も近い{near}は{other}{sure}",
)
_HIGHER: Final = Text("higher", "高い")
_LOWER: Final = Text("lower", "低い")
_NO_TEST: Final = Text(
    ", {difference} over {n} that all runs share. No test can judge that.",
    "、差{difference}(全実行に共通の{n})。この差は検定できない。",
)
_TESTED: Final = Text(
    ", {difference} (95% interval {interval}) over {n} that all runs share. That is {verdict}: p "
    "{p}, with all comparisons counted {holm}.",
    "、差{difference}(95%区間 {interval}、全実行に共通の{n})。{verdict}(p値{p}、"
    "全比較を考慮すると{holm})。",
)
_SURE: Final = Text("more than chance explains", "偶然では説明できない差である")
_CHANCE: Final = Text("within chance", "偶然の範囲内である")
_ONE_TRY: Final = Text(
    "One setting was judged on these sessions", "これらの営業日で評価された設定は1通り"
)
_TRIES: Final = Text(
    "{n} different settings were judged on these sessions",
    "これらの営業日で評価された異なる設定は{n}通り",
)
_OF_ANOTHER_SPLIT: Final = Text(
    "{tried} ({others} of them by another kind of split: counted, but only the ratios of the other "
    "{rest} say how far tries spread)",
    "{tried}(うち{others}通りは別の分割方法: 数には含めるが、ばらつきの計算は残り{rest}通りによる)",
)
_DEFLATED: Final = Text(
    "{tried}: the probability that {run} is better than the best of as many worthless ones is "
    "{deflated}.",
    "{tried}: {run}が同数の無価値な設定の最良を上回る確率は{deflated}。",
)
_CROSSED: Final = Text(
    "By cross-validation, not out of time.", "交差検証による評価(学習より後の期間ではない)。"
)


def sentence_of(found: SideBySide, *, out_of_time: bool = True) -> Text:
    """Which run is better, by how much, how sure, after how many tries.

    Parameters
    ----------
    found : SideBySide
    out_of_time : bool
        False: the runs are cross-validations, which is said first.
    """
    sign = sign_of(found.metric)
    rows = found.runs.filter(horizon=found.horizon)
    means = {row["run"]: sign * row["mean"] for row in rows.iter_rows(named=True)}
    best = max(means, key=lambda run: means[run])
    label = label_of(found.metric)
    given: dict[str, str | Text] = {
        "best": best,
        "first": found.first,
        "word": _HIGHER if sign > 0 else _LOWER,
        "label": label,
        "horizon": sessions(found.horizon),
        "mean": _mean(found, best),
    }
    if best == found.first:
        near = max((run for run in means if run != best), key=lambda run: means[run])
        said = _NEAREST.filled(
            **given, near=near, other=_mean(found, near), sure=_sure(found, near)
        )
    else:
        other = _mean(found, found.first)
        said = _BETTER.filled(**given, other=other, sure=_sure(found, best))
    parts = [said, _tried(found, best)]
    return joined(parts if out_of_time else [_CROSSED, *parts])


def _mean(found: SideBySide, run: str) -> Text:
    (value,) = found.runs.filter(horizon=found.horizon, run=run)["mean"]
    return unit_of_mean(found.metric).text(value)


def unit_of_mean(metric: str, *, signed: bool = False) -> Unit:
    """How means of a daily measure are written here: a digit more than elsewhere."""
    unit = unit_of(metric)
    return unit._replace(digits=unit.digits + 1, signed=signed)


def _sure(found: SideBySide, run: str) -> Text:
    """How far a run and the first one are apart, and whether chance explains it."""
    row: Mapping[str, Any] = found.differences.filter(horizon=found.horizon, run=run).row(
        0, named=True
    )
    unit = unit_of_mean(found.metric, signed=True)
    apart = {"difference": unit.text(row["difference"]), "n": sessions(found.at[found.horizon].n)}
    if row["p_holm"] is None:
        return _NO_TEST.filled(**apart)
    return _TESTED.filled(
        **apart,
        interval=unit.between(row["low"], row["high"]),
        verdict=_SURE if row["p_holm"] < LEVEL else _CHANCE,
        p=p_text(row["p_value"]),
        holm=p_text(row["p_holm"]),
    )


def _tried(found: SideBySide, run: str) -> Text:
    """How many were tried, and what is left of the best one after that."""
    (deflated,) = found.runs.filter(horizon=found.horizon, run=run)["deflated"]
    tried = _ONE_TRY if found.tries == 1 else _TRIES.filled(n=f"{found.tries:,}")
    if found.others:
        rest = f"{found.tries - found.others:,}"
        tried = _OF_ANOTHER_SPLIT.filled(tried=tried, others=f"{found.others:,}", rest=rest)
    if deflated is None:
        return Text(f"{tried.en}.", f"{tried.ja}。")
    return _DEFLATED.filled(tried=tried, run=run, deflated=probability(deflated))


def p_text(value: float | None) -> Text:
    """A p-value in words, where it is too small for three digits."""
    if value is None:
        return both(NONE)
    return Text("below 0.001", "0.001未満") if value < 1e-3 else both(f"{value:.3f}")
