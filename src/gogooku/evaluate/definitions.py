"""What every measure means, in one place: label, unit, sign and one sentence, in two languages.

The pages, the terminal and ``docs/evaluation.md`` take labels and meanings from here. A measure is
found by the name it has in ``metrics.json`` without its horizon: ``h5.rank_ic`` is ``rank_ic``. A
number in a name is a parameter, shown in its label: ``p_at_50`` is P@50.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from gogooku.core.errors import ContractError
from gogooku.core.findings import did_you_mean
from gogooku.evaluate.definition import Definition, share
from gogooku.evaluate.definitions_account import ACCOUNT

DEFINITIONS: Mapping[str, Definition] = {
    "rank_ic": Definition(
        "RankIC",
        "順位IC",
        "Spearman correlation of scores and returns over the names of a session, mean over "
        "sessions; 0 is no skill, daily figures of 0.02 to 0.05 are usual for a good model.",
        "各営業日の銘柄間でスコアと実現リターンの順位相関を取り、全営業日で平均した値。"
        "0は予測力なし、日次で0.02〜0.05なら良いモデル。",
    ),
    "ic": Definition(
        "IC",
        "IC",
        "Pearson correlation of scores and returns over the names of a session, mean over "
        "sessions; single large returns weigh more than in RankIC.",
        "各営業日の銘柄間でのスコアと実現リターンの相関係数の平均。順位ICより大きなリターンの影響を受けやすい。",
    ),
    "icir": Definition(
        "ICIR",
        "ICIR",
        "Mean over standard deviation of the daily RankIC: how steady the skill is; not "
        "annualised.",
        "日次順位ICの平均を標準偏差で割った値。予測力の安定度を示す(年率換算なし)。",
    ),
    "hit_rate": share(
        ("Hit rate", "的中率"),
        (
            "Share of names whose score and return lie on the same side of that session's "
            "medians; 50% is chance.",
            "スコアとリターンがその日の中央値に対して同じ側にある銘柄の割合。50%が偶然の水準。",
        ),
        digits=2,
    ),
    r"p_at_{k}": share(
        ("P@{k}", "上位{k}銘柄の適合率"),
        (
            "Share of the {k} highest scores whose return is above the session's median.",
            "スコア上位{k}銘柄のうち、リターンがその日の中央値を上回った銘柄の割合。",
        ),
        digits=2,
    ),
    r"p_at_{k}_excess": share(
        ("P@{k} over chance", "上位{k}銘柄の適合率(偶然との差)"),
        (
            "P@{k} less the share of all scored names whose return is above the median: what "
            "picking at random would give.",
            "上位{k}銘柄の適合率から、無作為に選んだ場合に期待される割合を引いた値。",
        ),
        digits=2,
    ),
    r"top_{k}_bps": Definition(
        "Top {k} less universe",
        "上位{k}銘柄の超過リターン",
        "Mean return of the {k} highest scores less the mean of all scored names, over the "
        "horizon, before costs.",
        "スコア上位{k}銘柄の平均リターンから全銘柄の平均を引いた値(予測期間あたり、コスト控除前)。",
        "bps",
        digits=1,
    ),
    r"ndcg_at_{k}": Definition(
        "NDCG@{k}",
        "NDCG@{k}",
        "How much of the best possible order the first {k} places hold, places nearer the top "
        "counting more; a name's gain is the rank of its return. About 0.5 is chance, 1 perfect.",
        "上位{k}位までの並びが理想的な順序にどれだけ近いか(上位ほど重く評価、利得はリターンの順位)。"
        "約0.5が偶然、1が完全。",
    ),
    r"overlap_{k}": share(
        ("Top {k} kept, day to day", "上位{k}銘柄の前日からの残存率"),
        (
            "Share of the top {k} that was in the top {k} of the session before.",
            "上位{k}銘柄のうち、前営業日も上位{k}銘柄に入っていた割合。",
        ),
        better=None,
    ),
    r"overlap_{k}_horizon": share(
        ("Top {k} kept over the horizon", "上位{k}銘柄の予測期間後の残存率"),
        (
            "Share of the top {k} that was in the top {k} one horizon earlier.",
            "上位{k}銘柄のうち、予測期間前の営業日も上位{k}銘柄に入っていた割合。",
        ),
        better=None,
    ),
    r"turnover_{k}": Definition(
        "Turnover of the top {k}",
        "上位{k}銘柄の年間回転率",
        "How many times a year an equal-weighted book of the top {k} is replaced when it is set "
        "anew once a horizon; one-way.",
        "上位{k}銘柄の等金額ポートフォリオを予測期間ごとに組み直すとき、1年に入れ替わる倍率(片道)。",
        "x",
        higher_is_better=False,
        digits=1,
    ),
    "spread": Definition(
        "Top less bottom decile",
        "上位と下位の十分位スプレッド",
        "Mean return of the tenth of names with the highest scores less that of the tenth with "
        "the lowest, over the horizon, before costs.",
        "スコア上位10%の平均リターンから下位10%の平均リターンを引いた値(予測期間あたり、コスト控除前)。",
        "bps",
        digits=1,
        scale=1e4,
    ),
    "decile": Definition(
        "Decile return over the universe",
        "十分位別の超過リターン",
        "Mean return of the names of a score decile less the mean of all scored names: the "
        "market's own drift is taken out.",
        "各スコア十分位の平均リターンから全銘柄の平均を引いた値(市場全体の動きを除く)。",
        "bps",
        higher_is_better=None,
        digits=1,
        scale=1e4,
    ),
    "monotonicity": Definition(
        "Monotonicity",
        "単調性",
        "Spearman correlation of decile number and mean decile return: 1 when every decile earns "
        "more than the one below.",
        "十分位の番号と平均リターンの順位相関。上の十分位ほどリターンが高ければ1。",
        digits=2,
    ),
    "autocorrelation": Definition(
        "Rank autocorrelation",
        "スコア順位の自己相関",
        "Correlation of a name's place in the ranking with its place the session before: near 1 "
        "the ranking hardly moves, near 0 it is new every day.",
        "各銘柄のスコア順位と前営業日の順位との相関。1に近いほど順位が動かず、0に近いほど毎日入れ替わる。",
        higher_is_better=None,
    ),
    r"decay_lag_{k}": Definition(
        "RankIC {k} sessions late",
        "{k}営業日遅れの順位IC",
        "RankIC of scores against returns that start {k} sessions later: how long the signal "
        "stays useful.",
        "スコアと、{k}営業日後に始まるリターンとの順位IC。シグナルの持続期間を示す。",
    ),
    r"decay_horizon_{k}": Definition(
        "RankIC against {k}-session returns",
        "{k}営業日リターンに対する順位IC",
        "RankIC of the same scores against returns over {k} sessions.",
        "同じスコアと{k}営業日リターンとの順位IC。",
    ),
    "rolling_rank_ic": Definition(
        "Rolling RankIC",
        "移動平均の順位IC",
        "Mean RankIC of the last sessions with its 95% interval.",
        "直近の営業日における順位ICの平均と95%信頼区間。",
    ),
    "coverage": share(
        ("Universe scored", "スコア付与率"),
        (
            "Share of the universe that has a score, mean over sessions.",
            "対象ユニバースのうちスコアが付いた銘柄の割合(営業日平均)。",
        ),
    ),
    "labelled": share(
        ("Scores with a return", "実現リターンの判明率"),
        (
            "Share of scored names whose return is known; the others could not be entered or are "
            "not settled yet.",
            "スコアが付いた銘柄のうち実現リターンが判明した割合(約定できない銘柄や未確定の銘柄は除かれる)。",
        ),
    ),
    "num_names": Definition(
        "Names",
        "銘柄数",
        "Names with a score and a known return in a session.",
        "スコアと実現リターンの両方がある銘柄の数。",
        "names",
        higher_is_better=None,
        digits=0,
    ),
    "alignment": Definition(
        "Alignment with the planted signal",
        "埋め込みシグナルとの一致度",
        "Simulated market only: mean rank correlation of scores with the planted expected returns.",
        "模擬市場のみ。スコアと埋め込まれた期待リターンとの順位相関の平均。",
    ),
    "attainable": Definition(
        "Attainable RankIC",
        "達成可能な順位IC",
        "Simulated market only: the RankIC of the planted expected returns themselves; an honest "
        "score cannot do better for long.",
        "模擬市場のみ。埋め込まれた期待リターン自身の順位IC。正当なスコアの上限。",
    ),
    "rank_ic_truth": Definition(
        "RankIC where the truth is known",
        "真値のある銘柄での順位IC",
        "Simulated market only: RankIC over the names whose expected return is known.",
        "模擬市場のみ。期待リターンが分かる銘柄に限った順位IC。",
    ),
    "share_of_attainable": share(
        ("Share of attainable", "達成率"),
        (
            "Simulated market only: RankIC over attainable RankIC.",
            "模擬市場のみ。順位ICを達成可能な順位ICで割った値。",
        ),
    ),
    r"family_{name}": Definition(
        "Family: {k}",
        "系列: {k}",
        "Simulated market only: mean rank correlation of scores with one part of the planted "
        "expected returns.",
        "模擬市場のみ。スコアと埋め込まれた期待リターンの一要素との順位相関の平均。",
    ),
    "portfolio.annual_return": share(
        ("Return a year", "年率リターン"),
        (
            "Compound return of the portfolio a year, after all costs.",
            "全コスト控除後のポートフォリオの年率複利リターン。",
        ),
    ),
    "portfolio.benchmark_return": share(
        ("Benchmark return a year", "ベンチマークの年率リターン"),
        (
            "Compound return a year of the equal-weighted universe, before costs.",
            "等金額ユニバースの年率複利リターン(コスト控除前)。",
        ),
        better=None,
    ),
    "portfolio.excess_return": share(
        ("Excess return a year", "年率超過リターン"),
        (
            "Mean difference from the benchmark a year, after all costs of the portfolio.",
            "ベンチマークとの差の年率平均(ポートフォリオの全コスト控除後)。",
        ),
    ),
    "portfolio.volatility": share(
        ("Volatility a year", "年率ボラティリティ"),
        (
            "Standard deviation of session returns, annualised.",
            "日次リターンの標準偏差を年率換算した値。",
        ),
        better=False,
    ),
    "portfolio.sharpe": Definition(
        "Sharpe ratio",
        "シャープレシオ",
        "Mean over standard deviation of session returns, annualised, after costs; no interest is "
        "taken off.",
        "日次リターンの平均を標準偏差で割り年率換算した値(コスト控除後、金利は差し引かない)。",
        digits=2,
    ),
    "portfolio.benchmark_sharpe": Definition(
        "Sharpe ratio of the benchmark",
        "ベンチマークのシャープレシオ",
        "Sharpe ratio of the equal-weighted universe, before costs.",
        "等金額ユニバースのシャープレシオ(コスト控除前)。",
        higher_is_better=None,
        digits=2,
    ),
    "portfolio.max_drawdown": share(
        ("Largest drawdown", "最大ドローダウン"),
        (
            "Largest fall of equity from an earlier peak, as a positive share of that peak.",
            "それまでの最高値からの資産の最大下落率(正の値で表示)。",
        ),
        better=False,
    ),
    "portfolio.turnover": Definition(
        "Turnover a year",
        "年間回転率",
        "How many times equity is replaced a year; one-way: traded value over two.",
        "1年に資産が入れ替わる倍率(片道、売買代金の半分で計算)。",
        "x",
        higher_is_better=False,
        digits=1,
    ),
    "portfolio.cost_drag_bps": Definition(
        "Costs a year",
        "年間コスト",
        "All trading costs a year, of equity at the time.",
        "1年あたりの売買コスト合計(その時点の資産に対する比率)。",
        "bps",
        higher_is_better=False,
        digits=0,
    ),
    "portfolio.hit_rate": share(
        ("Sessions ahead of the benchmark", "ベンチマーク勝率"),
        (
            "Share of sessions on which the portfolio beat the benchmark.",
            "ポートフォリオのリターンがベンチマークを上回った営業日の割合。",
        ),
    ),
    "portfolio.gross": share(
        ("Invested", "投資比率"),
        (
            "Value of all positions over equity, mean over sessions.",
            "資産に対する保有ポジション総額の割合(営業日平均)。",
        ),
        better=None,
    ),
    **ACCOUNT,
}
"""Name of a measure, with its number as ``{k}`` (or a name as ``{name}``), to what it means."""

_HORIZON = re.compile(r"^h\d+\.")
_PATTERNS = [
    (
        re.compile(
            re.escape(name).replace(r"\{k\}", r"(?P<k>\d+)").replace(r"\{name\}", r"(?P<k>\w+)")
        ),
        name,
    )
    for name in DEFINITIONS
]


def definition_of(measure: str) -> Definition:
    """What a measure means; the number in its name is put into its texts.

    Parameters
    ----------
    measure : str
        As in ``metrics.json``: ``h5.p_at_50``, ``p_at_50``, ``portfolio.sharpe``.

    Raises
    ------
    ContractError
        It is defined nowhere.
    """
    place, number = _found(measure)
    defined = list(DEFINITIONS.values())[place]
    if number is None:
        return defined
    return replace(
        defined,
        **{
            field: getattr(defined, field).replace("{k}", number)
            for field in ("label_en", "label_ja", "meaning_en", "meaning_ja")
        },
    )


def place_of(measure: str) -> tuple[int, str]:
    """What measures are sorted by: the order of `DEFINITIONS`, then their names.

    Raises
    ------
    ContractError
        It is defined nowhere.
    """
    return _found(measure)[0], measure


def _found(measure: str) -> tuple[int, str | None]:
    """Place of a measure in the table, and the number in its name."""
    name = _HORIZON.sub("", measure)
    for place, (pattern, _) in enumerate(_PATTERNS):
        found = pattern.fullmatch(name)
        if found is not None:
            return place, found.groupdict().get("k")
    raise ContractError(
        f"measure {name!r} has no definition{did_you_mean(name, list(DEFINITIONS))} "
        "Define it in evaluate/definitions.py"
    )
