"""What the parts of the dashboard and the words of programs are called, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from gogooku.core.wall import tokyo_time
from gogooku.evaluate.words import NONE, Text, Unit, Words, both

TITLES: Final[Mapping[str, Text]] = {
    "names": Text("Top names", "上位銘柄"),
    "changes": Text("What changed", "前回からの変化"),
    "orders": Text("Orders", "注文"),
    "target": Text("Target portfolio", "目標ポートフォリオ"),
    "exposure": Text("Exposure", "エクスポージャー"),
    "skill": Text("Live skill", "実績の予測力"),
    "scores": Text("Scores", "スコアの分布"),
    "data": Text("Data", "データの鮮度"),
    "pipeline": Text("Pipeline", "処理の状態"),
}
"""Key of a part to its heading, in the order of the page."""

SIDES: Final[Mapping[str, Text]] = {
    "sell": Text("Sell", "売り"),
    "buy": Text("Buy", "買い"),
    "short": Text("Sell short", "空売り"),
    "cover": Text("Buy back", "買い戻し"),
}

REASONS: Final[Mapping[str, Text]] = {
    "new": Text("new in the target", "新規組入れ"),
    "bigger": Text("larger target", "目標株数の増加"),
    "smaller": Text("smaller target", "目標株数の減少"),
    "left the ranking": Text("no longer among the chosen", "選定外"),
    "leaves the list": Text("leaves the universe", "ユニバース除外"),
    "limit": Text("a limit of the portfolio", "制約による調整"),
}
"""Why a name is traded, by what an order says."""

LEFT: Final[Mapping[str, Text]] = {
    "below_one_lot": Text("less than one lot", "1単元未満"),
    "odd_lot": Text("odd lot", "端株"),
    "no_open": Text("no opening price", "始値なし"),
    "no_trade": Text("not traded", "売買なし"),
    "limit_up": Text("closed limit up", "ストップ高"),
    "limit_down": Text("closed limit down", "ストップ安"),
    "participation": Text("share of traded value", "売買代金の上限"),
    "not_lendable": Text("not lendable", "貸借不可"),
    "cash": Text("no cash left", "資金不足"),
    "gross": Text("gross limit", "総額の上限"),
}
"""Why holdings after the orders are not the target, by what the target says."""

BASIS: Final[Mapping[str, Text]] = {
    "new": Text("an empty account", "新規の口座"),
    "target": Text(
        "the last target, as if filled at its reference prices",
        "前回の目標(参考価格で約定したものとみなす)",
    ),
    "holdings": Text("the holdings that were stated", "申告された保有株"),
}
"""Where the account of the orders is from."""

CHECKS: Final[Mapping[str, Text]] = {
    "names": Text("Names with a score", "スコアのある銘柄数"),
    "tied": Text("Tied scores", "同点の割合"),
    "spread": Text("Spread of the scores", "スコアのばらつき"),
    "autocorrelation": Text("Ranks against the session before", "前営業日との順位相関"),
    "frozen": Text("Ranks that do not move", "順位の固定"),
    "turnover": Text("New among the top names", "上位銘柄の入替率"),
    "late": Text("Late table", "データの遅れ"),
    "coverage": Text("Rows of a table", "データの件数"),
    "drifted": Text("Features that drifted", "分布が変化した特徴量の割合"),
    "drift_most": Text("The feature that drifted most", "最も変化した特徴量"),
    "nulls": Text("Features with more nulls", "欠損が増えた特徴量"),
    "sector": Text("Largest sector", "最大の業種"),
    "exposure": Text("Trait of the top names", "上位銘柄の特性"),
}
"""What a check of the watch is about, by its name."""

TABLES: Final[Mapping[str, Text]] = {
    "quotes": Text("Daily bars", "株価四本値"),
    "morning": Text("Morning session", "前場四本値"),
    "master": Text("Listed issues", "上場銘柄一覧"),
    "calendar": Text("Trading calendar", "取引カレンダー"),
    "topix": Text("TOPIX", "TOPIX四本値"),
    "indices": Text("Indices", "指数四本値"),
    "statements": Text("Financial summaries", "財務情報"),
    "statement_details": Text("Financial statements", "財務諸表"),
    "dividends": Text("Dividends", "配当金情報"),
    "earnings_dates": Text("Earnings dates", "決算発表日"),
    "earnings_calendar": Text("Earnings calendar", "決算発表予定"),
    "investor_types": Text("Trading by investor type", "投資部門別売買状況"),
    "margin_interest": Text("Margin balances", "信用取引週末残高"),
    "margin_alert": Text("Daily margin balances", "日々公表信用取引残高"),
    "short_ratio": Text("Short selling by sector", "業種別空売り比率"),
    "short_positions": Text("Short positions", "空売り残高報告"),
    "breakdown": Text("Trading by kind", "売買内訳"),
    "valuation": Text("Valuation", "バリュエーション"),
    "index_options": Text("Index options", "日経225オプション"),
    "futures": Text("Futures", "先物"),
    "options": Text("Options", "オプション"),
}
"""Tables of a delivery by their name."""

STEPS: Final[Mapping[str, Text]] = {
    "sync": Text("Fetch", "データ取得"),
    "build": Text("Build the dataset", "データセット構築"),
    "publish": Text("Rank, check, publish", "順位付け・検査・公開"),
    "watch": Text("Measure and judge", "測定と評価"),
}
"""Steps of an evening by their kind."""

PRICE: Final = Unit(digits=1)
"""A price; those of Tokyo have ticks of a tenth of a yen at least."""


def named(table: Mapping[str, Text], key: object) -> Words:
    """What a word of programs is called; the word itself where the table lacks it."""
    return table.get(str(key), str(key))


def several(table: Mapping[str, Text], keys: str) -> Text:
    """Words separated by commas."""
    found = [both(named(table, one)) for one in keys.split(", ") if one]
    return Text(", ".join(one.en for one in found), "、".join(one.ja for one in found))


def moment(instant: datetime | str | None) -> str:
    """An instant as people in Tokyo write it; a dash for none."""
    if instant is None:
        return NONE
    known = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    return tokyo_time(known).strftime("%Y-%m-%d %H:%M")
