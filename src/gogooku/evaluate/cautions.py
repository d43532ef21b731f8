"""What may be wrong with a result: each caution says it in plain words, with its numbers.

A check takes what it needs and returns the cautions that it has; an empty list is good. None of
them changes a result or stops a command: that is what the leak gate is for. `sorted_by_severity`
puts the gravest first, as the terminal and the page show them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.calendar import DateArray
from gogooku.core.metrics import FloatArray
from gogooku.core.terms import TERMS, money, terms_of
from gogooku.core.types import IntArray
from gogooku.evaluate.significance import MeanTest, mean_test


class Severity(StrEnum):
    """How far a result can be trusted in spite of a caution, the gravest first."""

    HIGH = "high"
    """The result should not be used as it stands."""
    MEDIUM = "medium"
    """It means less than it seems to."""
    LOW = "low"
    """Worth knowing."""


@dataclass(frozen=True)
class Caution:
    """One thing that may be wrong.

    Attributes
    ----------
    code : str
        The same for every run that has it.
    severity : Severity
    text, text_ja : str
        A sentence or two with the numbers, in English and Japanese.
    numbers : mapping
        Those numbers, for programs.
    """

    code: str
    severity: Severity
    text: str
    text_ja: str
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``metrics.json``."""
        return {
            "code": self.code,
            "severity": str(self.severity),
            "text": self.text,
            "text_ja": self.text_ja,
            "numbers": dict(self.numbers),
        }


PARTIAL = 0.5
"""Share of the usual number of names below which a session is partial."""
USUAL_SESSIONS = 61
"""Sessions around one whose median number of names is the usual one."""
OUTLYING = 10.0
"""Robust standard deviations from the median beyond which a day stands alone."""
LEFT_WITHOUT = 0.5
"""Share of the mean that must be left when the day is taken out."""
PLATEAU = 0.2
"""Share of the names of a session whose scores are one number, from which on they are a plateau."""
CHANCE = 0.05
"""Two-sided p-value below which a mean is beyond chance."""
LEAST_PERIODS = 5
"""Fewest times the horizon that a sample must last for its mean to be judged."""
NAMES_PER_PICK = 4
"""Names that there should be for each one picked."""
_MAD = 1.4826
_FEWEST_DAYS = 20


def sorted_by_severity(cautions: Iterable[Caution]) -> list[Caution]:
    """The gravest first, otherwise in the order given."""
    order = list(Severity)
    return sorted(cautions, key=lambda one: order.index(one.severity))


def negative_skill(daily: pl.DataFrame) -> list[Caution]:
    """RankIC lies below zero beyond chance at some horizon, by the test of the mean.

    A sample shorter than `LEAST_PERIODS` times the horizon proves nothing.

    Parameters
    ----------
    daily : polars.DataFrame
        With ``horizon`` and ``rank_ic``, sessions in order.
    """
    found: dict[int, MeanTest] = {}
    for (name,), part in daily.group_by("horizon", maintain_order=True):
        horizon, series = int(str(name)), part.get_column("rank_ic").drop_nulls().to_numpy()
        test = mean_test(series, horizon=horizon)
        surely = test.p_value < CHANCE and len(series) >= LEAST_PERIODS * horizon
        if surely and test.estimate.value < 0.0:
            found[horizon] = test
    if not found:
        return []
    listed = ", ".join(
        f"{h}: {one.estimate.value:+.3f} (p {one.p_value:.3f}, n {one.estimate.n})"
        for h, one in found.items()
    )
    return [
        Caution(
            "negative-skill",
            Severity.HIGH,
            f"Skill is negative beyond chance. RankIC by horizon: {listed}. The scores rank names "
            "the wrong way round.",
            f"予測力が有意にマイナスです。予測期間別の順位IC: {listed}。"
            "スコアは銘柄を逆順に並べています。",
            {"rank_ic": {str(h): one.estimate.value for h, one in found.items()}},
        )
    ]


def few_folds(folds: int, sessions: int) -> list[Caution]:
    """All test sessions are of one fit."""
    if folds > 1:
        return []
    return [
        Caution(
            "one-fold",
            Severity.MEDIUM,
            f"One fold only: every test session ({sessions:,}) was scored by a single fit, so "
            "nothing is known of how the result varies from fit to fit. More folds: "
            "--set split.kind=calendar",
            f"検証は1区間のみです。テスト期間{sessions:,}営業日をすべて1回の学習で評価しており、"
            "学習ごとのばらつきは分かりません。区間を増やすには --set split.kind=calendar",
            {"folds": folds, "sessions": sessions},
        )
    ]


def given_scores(sessions: int, left_out: Mapping[str, int]) -> list[Caution]:
    """Scores were made elsewhere: what they were fitted on is not known, and what was left out.

    Parameters
    ----------
    sessions : int
        How many are judged.
    left_out : mapping of str to int
        Rows by the reason why they are not judged; see `LEFT_OUT`.
    """
    made = [
        Caution(
            "unknown-fit",
            Severity.MEDIUM,
            "These scores were made elsewhere, and what they were fitted on is unknown: gogooku "
            f"cannot say that the {sessions:,} sessions judged were not seen in fitting. Only "
            "scores of sessions after everything that was fitted, selected or tuned on are out of "
            "sample.",
            "このスコアは外部で作られたもので、何を学習に使ったかは不明です。評価した"
            f"{sessions:,}営業日が学習に使われていないとは保証できません。"
            "学習・選択・調整に使った期間より後のスコアだけが標本外です。",
            {"sessions": sessions},
        )
    ]
    counts = {reason: left_out[reason] for reason in LEFT_OUT if left_out.get(reason)}
    if counts:
        english = ", ".join(f"{n:,} {LEFT_OUT[reason][0]}" for reason, n in counts.items())
        japanese = "、".join(f"{LEFT_OUT[reason][1]}{n:,}行" for reason, n in counts.items())
        made.append(
            Caution(
                "rows-left-out",
                Severity.LOW,
                f"Rows that are not judged: {english}.",
                f"評価しなかった行: {japanese}。",
                counts,
            )
        )
    return made


LEFT_OUT: Mapping[str, tuple[str, str]] = {
    "unknown_codes": ("of codes that the dataset does not have", "データセットにないコード"),
    "dates_outside": ("of dates outside of the dataset", "データセットの期間外の日付"),
    "outside_universe": (
        "of names that were not in the universe on their session",
        "その営業日にユニバース外の銘柄",
    ),
}
"""Why a row of scores is not judged, in English and Japanese."""


def large_k(top_k: int, names: float, *, asked: int | None = None) -> list[Caution]:
    """More names are picked than a quarter of the universe, or K had to be lowered.

    Parameters
    ----------
    top_k : int
        Names picked.
    names : float
        Names of the usual session.
    asked : int, optional
        K that was asked for, where it was lowered to ``top_k``.
    """
    made = []
    share = top_k / names if names else 1.0
    if top_k * NAMES_PER_PICK > names:
        made.append(
            Caution(
                "large-k",
                Severity.HIGH,
                f"K is {top_k:,} of {names:,.0f} names, {share:.0%} of the universe: the "
                "picks are close to the universe itself. Pick at most a quarter of it.",
                f"選択銘柄数Kは{top_k:,}で、ユニバース{names:,.0f}銘柄の{share:.0%}です。"
                "ユニバース全体とほぼ変わりません。4分の1以下にしてください。",
                {"top_k": top_k, "names": names},
            )
        )
    if asked is not None and asked > top_k:
        made.append(
            Caution(
                "lowered-k",
                Severity.LOW,
                f"K was lowered from {asked:,} to {top_k:,}: the usual session has {names:,.0f} "
                "names. The K that was used is in the names of the measures.",
                f"通常の営業日の銘柄数が{names:,.0f}のため、Kを{asked:,}から{top_k:,}に下げました。"
                "使用したKは指標名に含まれます。",
                {"top_k": top_k, "asked": asked, "names": names},
            )
        )
    return made


def other_currency(exchange: str, currency: str, amounts: Mapping[str, float]) -> list[Caution]:
    """An amount of money is in another currency than the prices.

    Said where the dataset's currency is not that of its exchange, and where an amount is what is
    usual at an exchange with another currency.

    Parameters
    ----------
    exchange : str
    currency : str
        Of the prices, ISO 4217.
    amounts : mapping of str to float
        ``min_traded_value`` and ``initial_cash``, as they were used.
    """
    usual, made = terms_of(exchange), []
    if currency != usual.currency:
        made.append(
            Caution(
                "other-currency",
                Severity.HIGH,
                f"Prices are in {currency}, but {exchange} and all amounts that follow from it are "
                f"in {usual.currency}: floors, cash and costs mean something else. State them.",
                f"価格は{currency}建てですが、{exchange}とその既定の金額は{usual.currency}建てです。"
                "下限、資金、コストを明示してください。",
                {"prices": currency, "exchange": usual.currency},
            )
        )
    for name, amount in amounts.items():
        theirs = [
            other
            for other, terms in TERMS.items()
            if terms.currency != currency
            and getattr(terms, name) == amount
            and getattr(usual, name) != amount
        ]
        if theirs:
            made.append(
                Caution(
                    "other-currency",
                    Severity.HIGH,
                    f"{name} is {amount:,.0f} {currency}, which is what is usual in {theirs[0]} "
                    f"({money(amount, theirs[0])}); usual in {exchange} is "
                    f"{money(getattr(usual, name), exchange)}.",
                    f"{name}は{amount:,.0f} {currency}ですが、これは{theirs[0]}の既定値"
                    f"({money(amount, theirs[0])})です。{exchange}の既定値は"
                    f"{money(getattr(usual, name), exchange)}です。",
                    {name: amount, "currency": currency, "usual_in": theirs[0]},
                )
            )
    return made


SURVIVORS = "survivors only"
"""How a known bias begins that says that names that left are missing."""


def known_bias(biases: Sequence[str]) -> list[Caution]:
    """What the source of a dataset is known to be biased by."""
    return [
        Caution(
            "survivors-only" if text.startswith(SURVIVORS) else "known-bias",
            Severity.HIGH if text.startswith(SURVIVORS) else Severity.MEDIUM,
            f"The source is biased: {text}.",
            f"データに既知の偏りがあります: {text}。",
        )
        for text in biases
    ]


def one_day(what: str, dates: DateArray, daily: FloatArray, *, unit: str = "") -> list[Caution]:
    """One day makes the result: without it the mean changes its sign or loses more than half.

    Only a day that stands alone counts, `OUTLYING` robust standard deviations from the median:
    a mean near zero changes its sign without any day.

    Parameters
    ----------
    what : str
        Name of the measure, for people.
    dates : dates [t]
    daily : float [t]
        NaN where a session does not count.
    unit : str
    """
    kept = np.isfinite(daily)
    values, days = daily[kept], dates[kept]
    if len(values) < _FEWEST_DAYS:
        return []
    mean, middle = float(values.mean()), float(np.median(values))
    spread = _MAD * float(np.median(np.abs(values - middle)))
    place = int(np.argmax(np.abs(values - middle)))
    without = (mean * len(values) - float(values[place])) / (len(values) - 1)
    alone = abs(values[place] - middle) > OUTLYING * spread > 0.0
    if not alone or without * np.sign(mean) >= LEFT_WITHOUT * abs(mean):
        return []
    day, value = str(days[place]), float(values[place])
    shown = f" {unit}" if unit else ""
    return [
        Caution(
            "one-day",
            Severity.HIGH,
            f"One day makes the result: {what} is {mean:.4g}{shown} over {len(values):,} sessions, "
            f"and {without:.4g}{shown} without {day}, which alone was {value:.4g}{shown}. Look at "
            "that day's data first.",
            f"1日の結果に依存しています。{what}は{len(values):,}営業日の平均で{mean:.4g}{shown}ですが、"
            f"{day}({value:.4g}{shown})を除くと{without:.4g}{shown}です。まずその日のデータを確認してください。",
            {"measure": what, "day": day, "mean": mean, "without": without, "value": value},
        )
    ]


def partial_days(dates: DateArray, num_scored: IntArray) -> list[Caution]:
    """Sessions with fewer than half of the names that are usual around them."""
    if not len(dates):
        return []
    usual = _running_median(num_scored.astype(np.float64))
    partial = num_scored < PARTIAL * usual
    if not partial.any():
        return []
    place = int(np.argmin(np.where(partial, num_scored / np.maximum(usual, 1.0), np.inf)))
    count, worst = int(partial.sum()), str(dates[place])
    return [
        Caution(
            "partial-days",
            Severity.MEDIUM,
            f"{count:,} of {len(dates):,} test sessions have fewer than {PARTIAL:.0%} of the usual "
            f"number of names; the thinnest is {worst} with {int(num_scored[place]):,} of "
            f"{usual[place]:,.0f}. Data may be missing there.",
            f"テスト期間{len(dates):,}営業日のうち{count:,}日で、銘柄数が通常の{PARTIAL:.0%}未満です。"
            f"最少は{worst}の{int(num_scored[place]):,}銘柄(通常{usual[place]:,.0f})。"
            "データの欠落が疑われます。",
            {"sessions": count, "worst": worst, "names": int(num_scored[place])},
        )
    ]


def _running_median(values: FloatArray) -> FloatArray:
    """Median of the sessions around each; at the ends of those that are there."""
    half = USUAL_SESSIONS // 2
    padded = np.concatenate([np.full(half, np.nan), values, np.full(half, np.nan)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, USUAL_SESSIONS)
    return np.asarray(np.nanmedian(windows, axis=1))


def score_plateau(
    scores_tNH: npt.NDArray[np.floating[Any]], horizons: Sequence[int]
) -> list[Caution]:
    """Many names of the usual session have one and the same score."""
    shares = {
        str(horizon): _largest_tie(scores_tNH[:, :, place])
        for place, horizon in enumerate(horizons)
    }
    found = {h: share for h, share in shares.items() if share > PLATEAU}
    if not found:
        return []
    listed = ", ".join(f"{h}: {share:.0%}" for h, share in found.items())
    return [
        Caution(
            "score-plateau",
            Severity.MEDIUM,
            f"Scores tie: in the usual session one single score is shared by this share of the "
            f"names, by horizon: {listed}. The ranking says nothing about them, and the top K is "
            "partly drawn by equal shares.",
            "スコアに同値が多くあります。通常の営業日で同一スコアの銘柄の割合(予測期間別): "
            f"{listed}。"
            "これらの銘柄には順位がなく、上位K銘柄の一部は等分で選ばれます。",
            {"share": found},
        )
    ]


def _largest_tie(score_tN: npt.NDArray[np.floating[Any]]) -> float:
    """Median over sessions of the share of scored names in the largest group of one score."""
    ordered = np.sort(score_tN, axis=1)
    shares = []
    for row in ordered:
        known = row[: len(row) - int(np.count_nonzero(np.isnan(row)))]
        if len(known) > 1:
            edges = np.flatnonzero(np.diff(known) != 0.0)
            sizes = np.diff(np.concatenate([[-1], edges, [len(known) - 1]]))
            shares.append(float(sizes.max()) / len(known))
    return float(np.median(shares)) if shares else 0.0


def cap_hit(events: Sequence[Mapping[str, Any]]) -> list[Caution]:
    """Training ended at a limit while it was still getting better.

    Of events of a run: boosting whose best number of trees lies at the cap, and networks whose last
    epoch on train dates is the best. Trainings in phases are left out: what a phase ends with says
    nothing of the next.
    """
    boosted = sum(bool(one.get("at_cap")) for one in events if one.get("event") == "boosting")
    fits = list(_epochs(events))
    stopped = sum(len(fit) > 1 and bool(fit[-1].get("kept")) for fit in fits)
    trees = sum(one.get("event") == "boosting" for one in events)
    made = []
    for count, total, what, what_ja in (
        (boosted, trees, "fits with the largest number of trees", "木の本数の上限"),
        (stopped, len(fits), "fits with the last epoch that was allowed", "最終エポック"),
    ):
        if count:
            made.append(
                Caution(
                    "cap-hit",
                    Severity.LOW,
                    f"Training ended at a cap: {count:,} of {total:,} {what} were best there. More "
                    "may be better: see gogooku doctor.",
                    f"学習が上限で終了しました。{total:,}回中{count:,}回で{what_ja}が最良でした。"
                    "詳細は gogooku doctor を参照してください。",
                    {"fits": count, "of": total},
                )
            )
    return made


def _epochs(events: Sequence[Mapping[str, Any]]) -> Iterable[list[Mapping[str, Any]]]:
    """Epochs of each fit on train dates, of trainings without phases."""
    fit: list[Mapping[str, Any]] = []
    on_train = True
    for one in events:
        if one.get("event") == "fold":
            on_train = one.get("fitted_on", "train") == "train"
        if one.get("event") != "epoch" or not on_train or "phase" in one:
            continue
        if fit and int(one["epoch"]) <= int(fit[-1]["epoch"]):
            yield fit
            fit = []
        fit.append(one)
    if fit:
        yield fit


def chosen_on_test(num_judged: int, first: str, last: str) -> list[Caution]:
    """Several runs were judged on one test window, so that the best of them was chosen on it.

    Parameters
    ----------
    num_judged : int
        Runs, or settings of them, that were judged on the window, this one included.
    first, last : str
        Its dates.
    """
    if num_judged <= 1:
        return []
    luck = math.sqrt(2.0 * math.log(num_judged))
    return [
        Caution(
            "chosen-on-test",
            Severity.MEDIUM,
            f"{num_judged:,} different runs were judged on {first} to {last}. Whoever takes "
            f"the best of them has chosen on the test window: of {num_judged:,} runs without skill "
            f"the best is expected up to {luck:.1f} standard errors above zero. Compare with that, "
            "or judge the choice once on dates that were held out.",
            f"{first}〜{last}の期間で{num_judged:,}件の実行が評価されています。最良のものを選ぶことは"
            "テスト期間での選択になります。"
            f"予測力のない{num_judged:,}件の中の最良でも、標準誤差の{luck:.1f}倍程度になり得ます。"
            "未使用の期間で一度だけ評価してください。",
            {"judged": num_judged, "expected_luck": luck},
        )
    ]


def only_illiquid(
    breakdown: pl.DataFrame, *, illiquid: str, cut: str = "liquidity"
) -> list[Caution]:
    """Skill is beyond chance among the names that trade least, and only there.

    Parameters
    ----------
    breakdown : polars.DataFrame
        `gogooku.evaluate.breakdown.BREAKDOWN_SCHEMA`.
    illiquid : str
        The group of names that trade least.
    """
    groups = breakdown.filter((pl.col("cut") == cut) & (pl.col("measure") == "rank_ic"))
    made = []
    for (horizon,), part in groups.group_by("horizon", maintain_order=True):
        mean = dict(zip(part["value"], part["mean"], strict=True))
        low = {
            value: m - 2.0 * e
            for value, m, e, n in part.select("value", "mean", "error", "n").iter_rows()
            if m is not None and e is not None and n >= LEAST_PERIODS * int(str(horizon))
        }
        others = {value: one for value, one in low.items() if value not in (illiquid, "unknown")}
        if low.get(illiquid, -1.0) > 0.0 and others and max(others.values()) <= 0.0:
            rest = ", ".join(f"{value} {mean[value]:+.3f}" for value in others)
            made.append(
                Caution(
                    "only-illiquid",
                    Severity.HIGH,
                    f"Horizon {horizon}: skill is beyond chance only among the third of names that "
                    f"trade least (RankIC {mean[illiquid]:+.3f}; {rest}). It may not be tradable.",
                    f"予測期間{horizon}日: 有意な予測力は最も流動性の低い3分の1の銘柄だけにあります"
                    f"(順位IC {mean[illiquid]:+.3f}、他: {rest})。"
                    "実際には取引できない可能性があります。",
                    {"horizon": int(str(horizon)), "rank_ic": mean},
                )
            )
    return made
