"""What the parts of the report page are called, and what is said of them, in both languages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from gogooku.evaluate.charts import ROLLING
from gogooku.evaluate.definitions import definition_of
from gogooku.evaluate.sector_names import sector_name
from gogooku.evaluate.words import Text, Unit, Words, both, tipped

TITLES: Final[Mapping[str, Text]] = {
    "warnings": Text("Warnings", "注意事項"),
    "ranking": Text("Newest ranking of the run", "この実行の最新ランキング"),
    "rivals": Text("Against other models, same sessions", "他モデルとの比較(同一営業日)"),
    "metrics": Text("Skill", "予測力"),
    "monthly-rankic": Text("RankIC by month", "月別の順位IC"),
    "rolling-rankic": Text("Rolling RankIC", "移動平均の順位IC"),
    "cumulative-rankic": Text("Cumulative RankIC", "順位ICの累計"),
    "decay": Text("RankIC by horizon", "予測期間別の順位IC"),
    "decay-lag": Text("RankIC of scores used late", "遅れて使ったスコアの順位IC"),
    "groups": Text("Where the skill lies", "予測力の所在"),
    "deciles": Text("Excess return by score decile", "スコア十分位別の超過リターン"),
    "portfolio": Text("Portfolio", "ポートフォリオ"),
    "excess": Text("Growth over the universe", "ユニバースに対する超過成長"),
    "equity": Text("Equity", "資産の推移"),
    "drawdown": Text("Drawdown", "ドローダウン"),
    "turnover": Text("Turnover", "回転率"),
    "months": Text("Returns by month, after costs", "月次リターン(コスト控除後)"),
    "months-excess": Text("Less the universe, by month", "ユニバースとの差(月次)"),
    "exposures": Text("Exposures to styles", "スタイル・エクスポージャー"),
    "sectors": Text("Weights of sectors", "業種ウェイト"),
    "scores": Text("Score distribution", "スコアの分布"),
    "calibration": Text("Quantile calibration", "分位点の較正"),
    "channels": Text("Channel selection over time", "チャネル選択の推移"),
    "importance": Text("What the scores live on", "スコアを支える特徴量"),
    "training-rankic": Text("Training: learning curves", "学習: 学習曲線"),
    "training-loss": Text("Training: loss", "学習: 損失"),
    "training-gates": Text("Training: gates", "学習: ゲート"),
    "training-gradients": Text("Training: gradients by part", "学習: 部品別の勾配"),
    "training-updates": Text("Training: steps by part", "学習: 部品別の更新幅"),
    "glossary": Text("What the measures mean", "指標の説明"),
    "facts": Text("Facts", "諸元"),
    "config": Text("Configuration", "設定"),
    "stamp": Text("Stamp", "来歴"),
}
"""Key of a part to its heading."""

NOTES: Final[Mapping[str, Text]] = {
    "metrics": Text(
        "Means over test sessions, with the 95% interval below; n counts sessions.",
        "テスト期間の営業日平均。下段は95%信頼区間、nは営業日数。",
    ),
    "monthly-rankic": Text(
        "Mean daily RankIC of the sessions of each month. A few months say little on their own.",
        "各月の営業日における日次順位ICの平均。数か月だけでは判断できない。",
    ),
    "rolling-rankic": Text(
        f"Mean of the last {ROLLING} sessions with its 95% band. Where the band holds "
        "zero, that quarter by itself shows no skill.",
        f"直近{ROLLING}営業日の平均と95%信頼区間の帯。"
        "帯が0を含む期間は、それだけでは予測力を示さない。",
    ),
    "cumulative-rankic": Text(
        "A straight rising line is steady skill; a flat one is none.",
        "まっすぐ右上がりなら安定した予測力、横ばいなら予測力なし。",
    ),
    "decay": Text(
        "Each horizon has a score of its own; bars are means over sessions, whiskers 95%.",
        "予測期間ごとに別のスコアを用いる。棒は営業日平均、線は95%区間。",
    ),
    "decay-lag": Text(
        "The same scores against returns that start some sessions later: how long a ranking stays "
        "of use; whiskers 95%.",
        "同じスコアと、数営業日後に始まるリターンとの順位IC。ランキングの有効期間を示す。線は95%区間。",
    ),
    "groups": Text(
        "Mean RankIC within groups of names, and over groups of sessions, with 95% intervals. One "
        "interval in twenty misses its group by luck alone.",
        "銘柄群ごと、および営業日群ごとの平均順位ICと95%区間。区間の20に1つは偶然でも外れる。",
    ),
    "deciles": Text(
        "Decile 10 has the highest scores. Mean return of a decile less the mean of all scored "
        "names, so that the market's own drift is not the picture; whiskers 95%.",
        "第10十分位が最高スコア。各十分位の平均リターンから全銘柄の平均を引き、"
        "市場全体の動きを除いている。線は95%区間。",
    ),
    "portfolio": Text(
        "The universe pays no costs and cannot be bought as it stands. Returns and differences "
        "below zero are losses; drawdowns, costs and turnover are amounts without a sign.",
        "ユニバースはコストなしで、そのままでは購入できない。リターンと差は負なら損失、"
        "ドローダウン・コスト・回転率は符号のない大きさ。",
    ),
    "excess": Text(
        "How far the portfolio is ahead of the equal-weighted universe (below zero: behind). "
        "Before costs, each session's costs are given back.",
        "等金額ユニバースをどれだけ上回っているか(負は下回り)。"
        "コスト控除前は各営業日のコストを戻し入れたもの。",
    ),
    "equity": Text(
        "The universe line pays no costs and cannot be bought as it stands.",
        "ユニバースの線はコストなしで、そのままでは購入できない。",
    ),
    "drawdown": Text("Depth below the highest equity so far.", "それまでの最高資産からの下落幅。"),
    "turnover": Text(
        "Each rebalance: traded value over two, over equity at the open.",
        "各リバランスで、売買代金の半分を寄付時の資産で割った値。",
    ),
    "months": Text("Compounded; the last column is the year.", "複利計算。右端は年間。"),
    "months-excess": Text(
        "Portfolio after costs less the equal-weighted universe before costs.",
        "ポートフォリオ(コスト控除後)から等金額ユニバース(コストなし)を引いた差。",
    ),
    "exposures": Text(
        "Of the holdings less the equal-weighted universe, in standard deviations over the names "
        "of a session; 0 is that of the universe.",
        "保有銘柄と等金額ユニバースとの差(営業日内の銘柄間の標準偏差を単位とする)。"
        "0はユニバースと同じ。",
    ),
    "sectors": Text(
        "Of the holdings less the equal-weighted universe, as a share of equity.",
        "保有銘柄と等金額ユニバースとの差(資産に対する割合)。",
    ),
    "scores": Text(
        "Scores of the newest session. Bars far apart mean that few names stand out; one tall bar "
        "means ties.",
        "最新営業日のスコア。離れた棒は少数の突出した銘柄、高い1本の棒は同点を示す。",
    ),
    "calibration": Text(
        "Share of names of the test part whose label, as the normal score of its rank within the "
        "session, lies below the quantile they were given: mean over sessions, whiskers 95%, n in "
        "the legend. On the dotted line a quantile is what it says; a line steeper than it has "
        "quantiles that lie too far apart, a flatter one quantiles that lie too close together.",
        "テスト期間で、実現値(営業日内順位の正規スコア)が予測分位点を下回った銘柄の割合。"
        "営業日平均、線は95%区間、nは凡例。点線上なら表示どおり。"
        "点線より急なら分位点の間隔が広すぎ、緩やかなら狭すぎる。",
    ),
    "channels": Text(
        "Weights that the state of the market gives the channels of the history on sessions of the "
        "test part, by the network that scored them; they add up to 1. Level lines: always the "
        "same choice; on the dotted line: none. A jump may be the next fold's network.",
        "テスト期間の各営業日に、市場の状態が履歴の各チャネルに与えるウェイト(合計1)。"
        "水平な線は常に同じ選択、点線上は選択なし。段差は次のフォールドのネットワークによることがある。",
    ),
    "importance": Text(
        "RankIC that is lost on validation dates when the windows of a group of features change "
        "hands among the names of a session; whiskers 95%. A group whose whisker lies at or below "
        "zero is not missed: others know what it knows.",
        "検証期間で、ある特徴量グループの値を同じ営業日の銘柄間で入れ替えたときに失われる順位IC。"
        "線は95%区間。線が0以下に及ぶグループは、なくても他の特徴量で補える。",
    ),
    "training-rankic": Text(
        "Solid on train dates, dashed on validation dates, each on its own label. Side by side and "
        "rising: there is more to learn; far apart: too much was learned by heart.",
        "実線は訓練期間、破線は検証期間(それぞれのラベルで計算)。並んで上昇中ならまだ学べる、"
        "大きく離れていれば過学習。",
    ),
    "training-gates": Text(
        "Mean over names, validation sessions and fits. 0% is shut, 100% is open.",
        "銘柄・検証営業日・学習の平均。0%は閉、100%は開。",
    ),
    "training-gradients": Text(
        "Norm of what the optimiser was given, after clipping: mean over the steps of an epoch and "
        "over fits.",
        "最適化器に渡された勾配のノルム(クリッピング後)。エポック内のステップと学習の平均。",
    ),
    "training-updates": Text(
        "Length of a step as a share of the weights' norm: mean over the steps of an epoch and "
        "over fits; 0.001 to 0.01 is usual.",
        "重みのノルムに対する更新幅の比。エポック内のステップと学習の平均。通常は0.001〜0.01。",
    ),
}
"""Key of a part to the remark under its heading."""

CUTS: Final[Mapping[str, Text]] = {
    "year": Text("Year", "年"),
    "volatility": Text("Volatility of the market", "市場のボラティリティ"),
    "trend": Text("Trend of the market", "市場のトレンド"),
    "segment": Text("Market segment", "市場区分"),
    "size": Text("Size", "規模"),
    "liquidity": Text("Liquidity", "流動性"),
    "sector": Text("Sector", "業種"),
}
"""What skill is broken down by, in the order in which it is shown."""
GROUPS: Final[Mapping[str, Text]] = {
    "small": Text("small", "小型"),
    "middle": Text("middle", "中位"),
    "large": Text("large", "大型"),
    "illiquid": Text("illiquid", "低流動性"),
    "liquid": Text("liquid", "高流動性"),
    "calm": Text("calm", "平穏"),
    "usual": Text("usual", "通常"),
    "volatile": Text("volatile", "高変動"),
    "falling": Text("falling", "下落"),
    "rising": Text("rising", "上昇"),
    "unknown": Text("unknown", "不明"),
    "Prime": Text("Prime", "プライム"),
    "Standard": Text("Standard", "スタンダード"),
    "Growth": Text("Growth", "グロース"),
}
"""What groups are called; years are codes, sectors have names of their own."""


def group_name(cut: str, value: str) -> Words:
    """What a group of a cut is called."""
    return sector_name(value) if cut == "sector" else GROUPS.get(value, value)


STYLES: Final[Mapping[str, Text]] = {
    "beta": Text("Beta (250 sessions)", "ベータ(250営業日)"),
    "size": Text("Size (log market value)", "規模(時価総額の対数)"),
    "volatility": Text("Volatility (60 sessions)", "ボラティリティ(60営業日)"),
    "momentum": Text("Momentum (a year less its last month)", "モメンタム(直近1か月を除く1年)"),
    "liquidity": Text("Liquidity (log traded value)", "流動性(売買代金の対数)"),
}
"""What the traits of holdings are called."""
DEVIATIONS: Final = Unit(digits=2, suffix=Text(" sd", " 標準偏差"), signed=True)
_SUFFIXES: Final[Mapping[str, Text]] = {
    "": Text("", ""),
    "%": Text("%", "%"),
    "x": Text("x", "倍"),
    "bps": Text(" bps", " bps"),
    "sessions": Text(" sessions", "営業日"),
    "names": Text(" names", "銘柄"),
}


_SIGNED: Final = re.compile(
    r"(h\d+\.)?(rank_ic\w*|ic|icir|rolling_rank_ic|spread|decile|monotonicity|autocorrelation"
    r"|top_\d+_bps|p_at_\d+_excess|decay_\w+|alignment|attainable|family_\w+)"
    r"|portfolio\.(annual_return|excess_return|benchmark_return|sharpe|benchmark_sharpe)"
    r"|account\.(allocation|selection|interaction|cost|dividends|trading|excess|factor_part"
    r"|specific|exposure)|luck\.(excess_mean|sharpe_difference)"
)
"""Measures that lie on both sides of zero: above it they have a plus."""


def unit_of(measure: str) -> Unit:
    """How numbers of a measure are written; what can lie on either side of zero has its sign."""
    defined = definition_of(measure)
    return Unit(
        scale=defined.scale,
        digits=defined.digits,
        suffix=_SUFFIXES[defined.unit],
        signed=_SIGNED.fullmatch(measure) is not None,
    )


def label_of(measure: str) -> Text:
    """What a measure is called."""
    defined = definition_of(measure)
    return Text(defined.label_en, defined.label_ja)


def meaning_of(measure: str) -> Text:
    """What a measure means, in a sentence."""
    defined = definition_of(measure)
    return Text(defined.meaning_en, defined.meaning_ja)


def explained(measure: str) -> str:
    """The label of a measure that shows its meaning when one points at it, as HTML."""
    return tipped(label_of(measure), meaning_of(measure))


_SAID: Final = (
    (
        r"prices are adjusted backwards: .*",
        "株価が遡及調整済みのため、価格水準・価格下限・売買代金は未来の情報を含む",
    ),
    (
        r"([\d,]+) move\(s\) look like splits that no factor explains, .*: first (.*)",
        r"調整係数のない分割らしき値動きが\1件あり、そのまま採用している(最初: \2)",
    ),
    (
        r"([\d,]+) close\(s\) lie beyond the daily price limit and are believed: first (.*)",
        r"値幅制限を超える終値が\1件あり、そのまま採用している(最初: \2)",
    ),
    (
        r"survivors only: none of ([\d,]+) names left in ([\d,]+) sessions\..*",
        r"生存銘柄のみ: \2営業日で\1銘柄のうち上場廃止がない。"
        "破綻や買収された銘柄が欠けているため、絶対リターンは高すぎる",
    ),
    (
        r"survivors only: only ([\d,]+) of ([\d,]+) names left in ([\d,]+) sessions\..*",
        r"生存銘柄のみ: \3営業日で\2銘柄のうち上場廃止は\1銘柄だけ。"
        "破綻や買収された銘柄が欠けているため、絶対リターンは高すぎる",
    ),
    (
        r"horizon (\d+): RankIC (\S+) over ([\d,]+) sessions is beyond (\S+); look for .*",
        r"予測期間\1営業日: \3営業日の順位IC \2 は \4 を超える。"
        "ラベルまたは未来の値が特徴量に混入していないか確認が必要",
    ),
    (
        r"horizon (\d+): RankIC is (\S+) above the attainable over ([\d,]+) sessions .*",
        r"予測期間\1営業日: \3営業日の順位ICが達成可能な値を \2 上回る。"
        "ラベルまたは未来の値が特徴量に混入していないか確認が必要",
    ),
    (
        r"horizon (\d+): alignment (\S+) with the planted expectation over ([\d,]+) sessions .*",
        r"予測期間\1営業日: \3営業日で埋め込みシグナルとの一致度が \2。"
        "スコアが期待リターンそのものを含んでいる",
    ),
)
"""Findings and biases that are kept as one English text, and how they read in Japanese."""


def in_both(text: str) -> Text:
    """A finding or a bias that is kept in English, in both languages where its form is known."""
    for pattern, japanese in _SAID:
        found = re.fullmatch(pattern, text, flags=re.DOTALL)
        if found is not None:
            return Text(text, found.expand(japanese).replace("(near ", "(約"))
    return both(text)
