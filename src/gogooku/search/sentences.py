"""What a search came to, in sentences: the pick against the run as it is, and how much is luck."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gogooku.evaluate.comparison_words import p_text
from gogooku.evaluate.side_by_side import LEVEL
from gogooku.evaluate.words import CORRELATION, Text, joined, probability, sessions
from gogooku.search.finals import Finals
from gogooku.search.trial import Ground

_UNSEEN: Final = Text(
    "Best of {tried} trials, trial {number}, against the run as it is, on {n} that the search "
    "never saw: RankIC at {h} {pick} against {default}, {difference} (95% interval {interval}, p "
    "{p}). {verdict}",
    "{tried}試行の最良(試行{number})と元の設定を、探索が一度も見ていない{n}で比較: 予測期間{h}の"
    "RankICは{pick}対{default}、差{difference}(95%区間 {interval}、p値{p})。{verdict}",
)
_BETTER: Final = Text(
    "It is better by more than chance explains.", "偶然では説明できない差で上回る。"
)
_WORSE: Final = Text(
    "It is worse by more than chance explains: keep the run as it is.",
    "偶然では説明できない差で下回る。元の設定を使うこと。",
)
_CHANCE: Final = Text(
    "It does not beat the run as it is beyond chance.", "元の設定を偶然以上に上回ってはいない。"
)
_NOT_TESTED: Final = Text("There are too few sessions for a test.", "営業日が少なく検定できない。")
_SAME: Final = Text(
    "None of {tried} trials is better than the run as it is on the folds of the search, so the "
    "pick is the run as it is.",
    "探索の分割では、{tried}試行のどれも元の設定を上回らなかった。選ばれたのは元の設定である。",
)
_NO_LATER: Final = Text(
    "Every fold belongs to the search, so no later session judges the pick: what follows is what "
    "made it, and is too good. Leave folds out by search.folds.",
    "すべての分割が探索に使われたため、選択後の評価に使える営業日がない。以下の値は選択に使ったもので、"
    "良く出すぎている。search.foldsで評価用の分割を残すこと。",
)
_LUCK: Final = Text(
    "{tries} different settings were judged on the folds of the search. The probability that the "
    "pick is better than the best of as many worthless ones is {deflated}: {verdict}.",
    "探索の分割では{tries}通りの設定が評価された。選ばれた設定が同数の無価値な設定の最良を上回る確率は"
    "{deflated}で、{verdict}。",
)
_REAL: Final = Text("there is skill", "予測力がある")
_MAYBE: Final = Text(
    "that is not significant, it may all be luck", "有意ではなく、すべて偶然かもしれない"
)
_UNKNOWN: Final = Text("that is not known", "判定できない")
_SHUFFLED: Final = Text(
    "LABELS WERE PERMUTED: nothing can be found here. {verdict}",
    "ラベルは並べ替えられている。ここで見つかるものは何もないはずである。{verdict}",
)
_SOUND: Final = Text(
    "The best trial is inside the noise, as it has to be.",
    "最良の試行は雑音の範囲内で、あるべき結果である。",
)
_BROKEN: Final = Text(
    "The best trial is above the noise: the search or the data leaks. Trust no result of it until "
    "the cause is found (gogooku doctor RUN).",
    "最良の試行が雑音を上回った。探索かデータに漏れがある。原因が見つかるまで結果を信用しないこと"
    "(gogooku doctor RUN)。",
)


def sentence_of(ground: Ground, finals: Finals, *, trials: int) -> Text:
    """The sentences of a search, the one that matters first."""
    parts = []
    if finals.shuffled:
        parts.append(_SHUFFLED.filled(verdict=_BROKEN if finals.luck.sure else _SOUND))
    horizon = ground.search.horizons[0]
    if finals.pick.number == 0:
        parts.append(_SAME.filled(tried=str(trials)))
    elif finals.unseen:
        row = next(one for one in finals.unseen if one["horizon"] == horizon)
        parts.append(_against(row, number=finals.pick.number, trials=trials))
    if not finals.unseen:
        parts.append(_NO_LATER)
    deflated = finals.luck.deflated
    verdict = _UNKNOWN if deflated != deflated else _REAL if finals.luck.sure else _MAYBE
    parts.append(
        _LUCK.filled(
            tries=f"{finals.luck.tries:,}", deflated=probability(deflated), verdict=verdict
        )
    )
    return joined(parts)


def _against(row: Mapping[str, Any], *, number: int, trials: int) -> Text:
    p = row["p_value"]
    verdict = _NOT_TESTED
    if p is not None:
        verdict = _CHANCE if p >= LEVEL else _BETTER if row["difference"] > 0 else _WORSE
    return _UNSEEN.filled(
        tried=str(trials),
        number=str(number),
        n=sessions(row["n"]),
        h=sessions(row["horizon"]),
        pick=CORRELATION.text(row["pick"]),
        default=CORRELATION.text(row["default"]),
        difference=CORRELATION.text(row["difference"]),
        interval=CORRELATION.between(row["low"], row["high"]),
        p=p_text(p),
        verdict=verdict,
    )
