"""What is said of an account beside its measures: where the result came from, risk, capacity, luck.

Parts of a return have a sign, + is in favour; losses, drawdowns, costs and shares are amounts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gogooku.evaluate.definition import Definition, share

_ATTRIBUTION: Final[Mapping[str, Definition]] = {
    "account.allocation": share(
        ("Allocation", "業種配分"),
        (
            "What holding more of some sectors and less of others than the universe earned, at the "
            "returns that the universe had in them.",
            "ユニバースより多く、または少なく業種を持ったことによる損益(各業種のリターンはユニバースのもの)。",
        ),
        digits=2,
    ),
    "account.selection": share(
        ("Selection", "銘柄選択"),
        (
            "What the names held within a sector earned beside the universe's names of that "
            "sector, at the universe's weight of the sector.",
            "業種内で保有した銘柄とユニバースの同業種との差による損益(業種ウェイトはユニバースのもの)。",
        ),
        digits=2,
    ),
    "account.interaction": share(
        ("Interaction", "交互作用"),
        (
            "Difference of weights times difference of returns of a sector: what selection earned "
            "because more or less of the sector was held.",
            "業種ウェイトの差とリターンの差の積。銘柄選択の効果のうち、業種を多く(少なく)持ったことによる分。",
        ),
        better=None,
        digits=2,
    ),
    "account.cost": share(
        ("Costs", "コスト"),
        (
            "Commission, spread, impact and borrowing, as a part of the return: below zero.",
            "手数料・スプレッド・マーケットインパクト・貸株料をリターンの一部として示したもの(負の値)。",
        ),
        digits=2,
    ),
    "account.dividends": share(
        ("Dividends", "配当"),
        (
            "Dividends received less those paid for shares sold short, after tax, less the "
            "benchmark's.",
            "受取配当から空売り分の支払配当を引いた額(税引後)とベンチマークの配当との差。",
        ),
        digits=2,
    ),
    "account.trading": share(
        ("Trading", "売買タイミング"),
        (
            "What lies between the last close and the fill for names bought and sold, orders that "
            "were not filled, and rounding to lots.",
            "前日終値から約定までの値動き、約定しなかった注文、売買単位の端数による損益。",
        ),
        better=None,
        digits=2,
    ),
    "account.excess": share(
        ("Excess return", "超過リターン"),
        (
            "Return of the account after costs less that of the equal-weighted universe before "
            "costs; the parts above add up to it.",
            "口座のリターン(コスト控除後)から等金額ユニバースのリターン(コストなし)を引いた差。上の各要素の合計。",
        ),
        digits=2,
    ),
    "account.factor_part": share(
        ("Earned by factors, a year", "ファクターによる損益(年率)"),
        (
            "Active exposure to a trait times what the trait earned in the session, summed and "
            "taken to a year.",
            "特性へのアクティブ・エクスポージャーと、その日の特性のリターンとの積を合計し年率換算した値。",
        ),
        better=None,
        digits=1,
    ),
    "account.specific": share(
        ("Specific return, a year", "固有リターン(年率)"),
        (
            "What is left of the excess return of the holdings when market, styles and sectors are "
            "taken out: the names themselves.",
            "保有銘柄の超過リターンから市場・スタイル・業種の寄与を除いた残り。銘柄固有の部分。",
        ),
        digits=1,
    ),
    "account.exposure": Definition(
        "Active exposure",
        "アクティブ・エクスポージャー",
        "Trait of the holdings less that of the equal-weighted universe, in standard deviations "
        "over the names of a session.",
        "保有銘柄と等金額ユニバースとの特性の差(営業日内の銘柄間の標準偏差を単位とする)。",
        higher_is_better=None,
        digits=2,
    ),
}
_RISK: Final[Mapping[str, Definition]] = {
    "account.var": share(
        ("VaR", "VaR"),
        (
            "Loss of a session that is not exceeded with the stated probability, as a share of "
            "equity.",
            "所定の確率で超えない1営業日の損失(資産に対する割合)。",
        ),
        better=False,
        digits=2,
    ),
    "account.cvar": share(
        ("CVaR", "CVaR"),
        (
            "Mean loss of the sessions that are worse than VaR (expected shortfall), as a share of "
            "equity.",
            "VaRを超えた営業日の平均損失(期待ショートフォール、資産に対する割合)。",
        ),
        better=False,
        digits=2,
    ),
    "account.unconditional_coverage": Definition(
        "Number of losses beyond",
        "超過回数",
        "Kupiec's test: whether losses beyond VaR came as often as the level says.",
        "Kupiec検定。VaRを超える損失の回数が水準どおりかどうか。",
        higher_is_better=None,
    ),
    "account.independence": Definition(
        "Not in clusters",
        "独立性",
        "Christoffersen's test: whether a loss beyond VaR makes another on the next session no "
        "more likely.",
        "Christoffersen検定。VaR超過が翌営業日の超過を起こりやすくしていないかどうか。",
        higher_is_better=None,
    ),
    "account.conditional_coverage": Definition(
        "Both together",
        "回数と独立性",
        "Christoffersen's test of number and independence together.",
        "回数と独立性を合わせたChristoffersen検定。",
        higher_is_better=None,
    ),
    "account.expected_shortfall": Definition(
        "Size of losses beyond",
        "超過時の損失額",
        "Whether losses beyond VaR are as large on average as CVaR says (McNeil & Frey), against "
        "the alternative that they are larger.",
        "VaRを超えた損失の平均がCVaRどおりかどうか(McNeil・Frey検定、対立仮説はCVaRより大きい)。",
        higher_is_better=None,
    ),
    "account.exit": share(
        ("Sold within", "売却可能割合"),
        (
            "Share of the holdings that can be sold within so many sessions when a tenth of each "
            "name's mean traded value is sold in a session.",
            "各銘柄の平均売買代金の1割ずつを毎営業日売るとき、所定の営業日数で売却できる保有の割合。",
        ),
        digits=0,
    ),
}
_SCALE: Final[Mapping[str, Definition]] = {
    "account.break_even_cost": Definition(
        "Costs that take all",
        "損益分岐コスト",
        "Multiple of its costs at which the excess return of the account is zero; below 1 the "
        "account lags the universe.",
        "超過リターンが0になるコストの倍率。1未満なら口座はユニバースを下回る。",
        "x",
        digits=1,
    ),
    "account.impact_bps": Definition(
        "Impact a year",
        "年間インパクト",
        "What moving the price would cost a year, by the square-root law, of equity.",
        "平方根則による、注文が価格を動かすことの年間コスト(資産に対する比率)。",
        "bps",
        higher_is_better=False,
        digits=0,
    ),
    "account.participation": share(
        ("Share of trading", "売買代金に占める割合"),
        (
            "Value of an order over the mean traded value of its name, which 95% of what is traded "
            "lies below.",
            "注文額を銘柄の平均売買代金で割った値(売買額の95%がこの値以下)。",
        ),
        better=False,
        digits=0,
    ),
}
_LUCK: Final[Mapping[str, Definition]] = {
    "luck.tries": Definition(
        "Registered tries",
        "登録された試行数",
        "Different settings that were judged on these sessions so far, by the ledger of trials; "
        "this run is one of them.",
        "これまでに同じ営業日で評価された異なる設定の数(試行台帳による。この実行を含む)。",
        higher_is_better=None,
        digits=0,
    ),
    "luck.deflated": share(
        ("Better than the best by luck", "偶然の最良を上回る確率"),
        (
            "Deflated ratio: probability that the true mean over deviation of the daily RankIC is "
            "above the best that so many worthless tries are expected to show.",
            "デフレーテッド・レシオ。日次順位ICの真の平均÷標準偏差が、"
            "同数の無価値な試行の中で偶然得られる最良値を上回る確率。",
        ),
    ),
    "luck.overfitting": share(
        ("Probability of overfitting", "過剰適合の確率"),
        (
            "PBO: share of the ways to cut the sessions in two halves in which the best try of one "
            "half is below the median of all tries in the other; 50% is chance.",
            "PBO。営業日を二分する組み合わせのうち、一方で最良の試行が他方で全試行の中央値を下回る割合。"
            "50%が偶然の水準。",
        ),
        better=False,
    ),
    "luck.excess_probability": share(
        ("Excess return above zero", "超過リターンが正の確率"),
        (
            "Probability that the true ratio of the excess return is above zero, with its skew and "
            "its fat tails (probabilistic Sharpe ratio); tries are not counted.",
            "超過リターンの真のレシオが0を上回る確率(歪度・尖度を考慮した確率的シャープレシオ)。"
            "試行数は考慮しない。",
        ),
    ),
    "luck.deflated_sharpe": share(
        ("Better than the best account by luck", "偶然の最良口座を上回る確率"),
        (
            "Deflated Sharpe ratio of the excess return after costs: probability that it is above "
            "the best that so many worthless accounts are expected to show.",
            "超過リターン(コスト控除後)のデフレーテッド・シャープレシオ。"
            "同数の無価値な口座の中で偶然得られる最良値を上回る確率。",
        ),
    ),
    "luck.excess_mean": share(
        ("Excess return a year, drawn again", "年率超過リターン(再標本化)"),
        (
            "Mean excess return a year, with the 95% interval of the stationary bootstrap.",
            "年率の平均超過リターンと、定常ブートストラップによる95%区間。",
        ),
    ),
    "luck.sharpe_difference": Definition(
        "Sharpe ratio less that of the universe",
        "シャープレシオの差(ユニバース比)",
        "Difference of the two Sharpe ratios a year, with the 95% interval of Ledoit and Wolf's "
        "bootstrap.",
        "年率シャープレシオの差と、Ledoit・Wolfのブートストラップによる95%区間。",
        digits=2,
    ),
    "luck.track_record": Definition(
        "Sessions needed",
        "必要な営業日数",
        "Sessions after which an excess return of this ratio is above zero with a probability of "
        "95% (minimum track record length).",
        "このレシオの超過リターンが95%の確率で正といえるまでに必要な営業日数(最小トラックレコード長)。",
        "sessions",
        higher_is_better=False,
        digits=0,
    ),
}

ACCOUNT: Final[Mapping[str, Definition]] = {**_ATTRIBUTION, **_RISK, **_SCALE, **_LUCK}
"""Name of what is said to what it means; `gogooku.evaluate.definitions` has the whole table."""
