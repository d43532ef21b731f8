"""What the account could have lost, and what it did lose: the risk part of the report page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from gogooku.evaluate import charts
from gogooku.evaluate.account import Account, thinned
from gogooku.evaluate.page import barred, chart, ends_of, grid, section
from gogooku.evaluate.report_texts import NOTES, TITLES, explained
from gogooku.evaluate.svg import Figure, Series, dated
from gogooku.evaluate.words import (
    SHARE,
    SMALL_RETURN,
    SMALL_SHARE,
    Text,
    Unit,
    Words,
    html,
    sessions,
)

SURE: Final = 0.05
"""A test fails below this p-value."""
_TOP_FALLS: Final = 8
_SMALL: Final = 0.05
"""Falls of less than this share of the deepest are not shown."""
_METHODS: Final[Mapping[str, Text]] = {
    "historical": Text("Historical", "ヒストリカル"),
    "filtered": Text("Filtered by volatility", "ボラティリティ調整ヒストリカル"),
    "cornish_fisher": Text("Cornish-Fisher", "コーニッシュ・フィッシャー"),
    "peaks_over_threshold": Text("Peaks over threshold", "閾値超過(POT)"),
}
_TESTS: Final = (
    "unconditional_coverage",
    "independence",
    "conditional_coverage",
    "expected_shortfall",
)
_TITLES: Final[Mapping[str, Text]] = {
    "risk": Text("Losses of one session", "1営業日の損失"),
    "risk-tests": Text("Were such forecasts right?", "予測は正しかったか"),
    "drawdowns": Text("Deepest falls", "大きな下落局面"),
    "worst-days": Text("Worst days", "最悪の営業日"),
    "windows": Text("Worst stretches and stress", "最悪期間とストレス局面"),
    "exit": Text("Days to exit", "売却に要する日数"),
}
_NOTES: Final[Mapping[str, Text]] = {
    "risk": Text(
        "Amounts, as a share of equity; over all {n}. Four methods should not be far apart; where "
        "the tail is thin in numbers, none is sure.",
        "資産に対する割合(符号なし、{n})。4つの方法の差は小さいのが普通で、標本が少ない裾では不確か。",
    ),
    "risk-tests": Text(
        "VaR forecast each session from the 250 before, then compared with what came. A test fails "
        "when its p-value is below 0.05; one test in twenty fails by luck alone.",
        "直前250営業日から毎日予測したVaRを実績と比較。p値が0.05未満なら不合格。"
        "偶然でも20回に1回は不合格になる。",
    ),
    "drawdowns": Text(
        "From a peak to the lowest point and back; the depth is an amount.",
        "高値から底、そして回復まで。深さは符号なし。",
    ),
    "worst-days": Text(
        "A loss that the universe shares is the market's; the difference is the portfolio's own.",
        "ユニバースと共通の損失は市場要因、差がポートフォリオ固有の要因。",
    ),
    "windows": Text(
        "The windows of 5, 20 and 60 sessions in which the account lost most, and known times "
        "of stress that its dates cover.",
        "口座の損失が最大だった5・20・60営業日の区間と、期間に含まれる既知のストレス局面。",
    ),
    "exit": Text(
        "Share of the holdings that could be sold within 1, 5 and 20 sessions, taking a tenth of "
        "each name's mean traded value a session.",
        "各銘柄の平均売買代金の1割ずつを売るとき、1・5・20営業日以内に売却できる保有の割合。",
    ),
}
_FEW: Final = Text(
    "No forecast can be tested yet: the first needs 250 sessions before it, and this account has "
    "{n}.",
    "まだ検定できない。最初の予測には直前250営業日が必要で、この口座は{n}。",
)
_TAIL: Final = Text(
    "Tail: beyond a loss of {threshold} ({excesses} of {n}) losses follow a generalised Pareto law "
    "with shape {shape}: {kind}.",
    "裾: {threshold}を超える損失({n}のうち{excesses}回)は"
    "形状{shape}の一般化パレート分布に従う。{kind}。",
)
_TAIL_FEW: Final = Text(
    "Tail: {excesses} large losses of {n} are too few for a law of their own.",
    "裾: 大きな損失は{n}のうち{excesses}回で、裾の分布を推定するには少なすぎる。",
)
_EXIT: Final = Text(
    "On {date}: {one} of the holdings within a session, {five} within 5, {twenty} within 20; "
    "{all}.",
    "{date}時点: 1営業日で保有の{one}、5営業日で{five}、20営業日で{twenty}を売却可能。{all}。",
)


def risk_parts(account: Account) -> list[str]:
    """Values at risk with their tests, falls, worst days and windows, days to exit."""
    return [
        risk_part(account),
        forecasts_part(account),
        chart("drawdown", TITLES["drawdown"], charts.drawdown_curve(account.daily),
              note=NOTES["drawdown"]),
        falls_part(account),
        worst_part(account),
        windows_part(account),
        exit_part(account),
    ]  # fmt: skip


# ------------------------------------------------------------------------------ values at risk


def risk_part(account: Account) -> str:
    """VaR and CVaR by method and level with bars, and what the tail is like."""
    risk = account.frame("risk")
    if risk is None:
        return ""
    levels = sorted(risk.get_column("level").unique().to_list())
    kinds = [(kind, level) for level in levels for kind in ("var", "cvar")]
    found = {(row["method"], row["level"]): row for row in risk.iter_rows(named=True)}
    methods = risk.get_column("method").unique(maintain_order=True).to_list()
    span = ends_of([row[kind] for row in found.values() for kind in ("var", "cvar")])
    head = [html(Text("method", "方法"))]
    head += [f"{explained(f'account.{kind}')} {level:.0%}" for kind, level in kinds]
    body = [
        [
            html(_METHODS.get(method, method)),
            *(
                barred(SMALL_SHARE.text(row[kind]), row[kind], span)
                for kind, level in kinds
                for row in [found[method, level]]
            ),
        ]
        for method in methods
    ]
    tail = tail_sentence(account.fact("tail"))
    said = f'<p class="said">{html(tail)}</p>' if tail else ""
    note = _NOTES["risk"].filled(n=sessions(int(risk.get_column("n")[0])))
    return section("risk", _TITLES["risk"], grid(head, body) + said, note=note)


def tail_sentence(tail: Mapping[str, Any] | None) -> Text | None:
    """What the largest losses are like; None where nothing is said of them."""
    if not tail:
        return None
    counts: dict[str, str | Text] = {
        "excesses": f"{int(tail['excesses']):,}",
        "n": sessions(int(tail["n"])),
    }
    if tail["shape"] is None or tail["threshold"] is None:
        return _TAIL_FEW.filled(**counts)
    shape = float(tail["shape"])
    kind = Text("thin, with an end", "裾は薄く上限がある")
    if shape >= 0.0:
        kind = Text("about exponential", "おおむね指数的")
    if shape >= 0.1:
        kind = Text("fat: far larger losses than seen must be expected",
                    "裾は厚く、観測よりはるかに大きな損失もあり得る")  # fmt: skip
    return _TAIL.filled(
        threshold=SMALL_SHARE.text(tail["threshold"]),
        shape=Unit(digits=2).text(shape),
        kind=kind,
        **counts,
    )


def forecasts_part(account: Account) -> str:
    """Whether losses beyond VaR were as many, as scattered and as large as forecast."""
    tests = account.frame("risk_tests")
    if tests is None:
        return ""
    title, note = _TITLES["risk-tests"], _NOTES["risk-tests"]
    if not int(tests.get_column("n").sum()):
        said = html(_FEW.filled(n=sessions(account.daily.height - 1)))
        return section("risk-tests", title, f'<p class="said">{said}</p>')
    head = [html(Text("forecast", "予測")), html(Text("beyond, expected", "超過回数、期待値"))]
    head += [explained(f"account.{name}") for name in _TESTS]
    body = []
    for (method, level), rows in tests.group_by("method", "level", maintain_order=True):
        of = {row["test"]: row for row in rows.iter_rows(named=True)}
        counted = of[_TESTS[0]]
        name = Text("{method}, {level}", "{method}、{level}").filled(
            method=_METHODS.get(str(method), str(method)), level=f"{level:.0%}"
        )
        seen = Text("{beyond}, {expected} of {n}", "{beyond}、{expected}({n}中)").filled(
            beyond=f"{counted['beyond']:,}", expected=f"{counted['expected']:.1f}",
            n=f"{counted['n']:,}",
        )  # fmt: skip
        body.append([html(name), html(seen), *(_judged(of[test]["p_value"]) for test in _TESTS)])
    return section("risk-tests", title, grid(head, body), note=note)


def _judged(p_value: float | None) -> str:
    """A verdict of a test in a word, with its p-value."""
    if p_value is None:
        return f"<td>{html(Text('cannot say', '判定不可'))}</td>"
    passed = p_value >= SURE
    word = Text("passes", "合格") if passed else Text("fails", "不合格")
    shown = "p &lt; 0.001" if p_value < 1e-3 else f"p {p_value:.3f}"
    return f'<td class="{"good" if passed else "bad"}">{html(word)}<small>{shown}</small></td>'


# ----------------------------------------------------------------------- falls and worst days


def _when(day: object) -> str:
    """A date that stays on one line."""
    return f'<td class="when">{day}</td>'


def falls_part(account: Account) -> str:
    """The deepest falls: from which day, how deep, how long, and whether it is over."""
    falls = account.frame("drawdowns")
    if falls is None:
        return ""
    deepest = float(falls.get_column("depth")[0])
    top = falls.filter(pl.col("depth") >= _SMALL * deepest).head(_TOP_FALLS)
    span = ends_of(top.get_column("depth").to_list())
    head = [
        *(Text("peak", "高値"), Text("depth", "深さ"), Text("lowest", "底")),
        *(Text("recovered", "回復"), Text("down", "下落期間"), Text("in all", "全期間")),
    ]
    body = [
        [
            _when(row["start"]),
            barred(SHARE.text(row["depth"]), row["depth"], span),
            _when(row["trough"]),
            html(Text("not yet", "未回復")) if row["recovery"] is None else _when(row["recovery"]),
            html(sessions(row["fall"])),
            html(sessions(row["length"])),
        ]
        for row in top.iter_rows(named=True)
    ]
    return section("drawdowns", _TITLES["drawdowns"], grid([html(one) for one in head], body),
                   note=_NOTES["drawdowns"])  # fmt: skip


def worst_part(account: Account) -> str:
    """The worst sessions of the account beside those of the universe."""
    worst = account.frame("worst_sessions")
    if worst is None:
        return ""
    span = ends_of([*worst.get_column("made"), *worst.get_column("benchmark")])
    head = [
        *(Text("day", "日付"), Text("portfolio", "ポートフォリオ")),
        *(Text("universe", "ユニバース"), Text("difference", "差")),
    ]
    body = [
        [
            _when(row["date"]),
            *(barred(SMALL_RETURN.text(row[name]), row[name], span)
              for name in ("made", "benchmark")),
            html(SMALL_RETURN.text(row["excess"])),
        ]
        for row in worst.iter_rows(named=True)
    ]  # fmt: skip
    return section("worst-days", _TITLES["worst-days"], grid([html(one) for one in head], body),
                   note=_NOTES["worst-days"])  # fmt: skip


_STRESSES: Final[Mapping[str, str]] = {
    "financial crisis": "金融危機",
    "Tohoku earthquake": "東日本大震災",
    "US downgrade": "米国債格下げ",
    "May 2013 sell-off": "2013年5月の急落",
    "August 2015, China": "2015年8月・中国",
    "early 2016": "2016年初",
    "Brexit vote": "英国のEU離脱投票",
    "February 2018, volatility": "2018年2月・ボラティリティ急騰",
    "end of 2018": "2018年末",
    "pandemic": "コロナ禍",
    "rates of 2022": "2022年の金利上昇",
    "August 2024, carry trade": "2024年8月・円キャリー巻き戻し",
    "April 2025, tariffs": "2025年4月・関税",
}
"""What known times of stress are called in Japanese; another one has its name in both languages."""
_WINDOW: Final = ("first", "last", "portfolio", "benchmark", "excess")


def windows_of(account: Account) -> list[tuple[Words, dict[str, Any]]]:
    """Every window that the account keeps, with what it is called, and its figures.

    Any frame with the columns of a window is one of windows: those of `worst_windows` are called by
    their length, others by their column ``window``.
    A window that the account does not touch is left out, and so is one of a single session: the
    worst days are a table of their own.
    """
    found: list[tuple[Words, dict[str, Any]]] = []
    for name in sorted(account.frames, key=lambda one: (one != "worst_windows", one)):
        frame = account.frame(name)
        if frame is None or not {*_WINDOW, "sessions"} <= set(frame.columns):
            continue
        longer = frame.drop_nulls(list(_WINDOW)).filter(pl.col("sessions") > 1)
        found += [(_called(row), row) for row in longer.iter_rows(named=True)]
    return found


def _called(row: Mapping[str, Any]) -> Words:
    if "window" in row:
        name = str(row["window"])
        return Text(name, _STRESSES.get(name, name))
    length = sessions(int(row["sessions"]))
    if row["rank"] == 1:
        return Text("worst {length}", "最悪の{length}").filled(length=length)
    return Text("{length}, place {rank}", "{length}(第{rank}位)").filled(
        length=length, rank=str(row["rank"])
    )


def windows_part(account: Account) -> str:
    """The account beside the universe in its worst stretches, and in times of stress."""
    rows = windows_of(account)
    if not rows:
        return ""
    span = ends_of([row[name] for _, row in rows for name in ("portfolio", "benchmark")])
    head = [Text("window", "区間"), Text("portfolio", "ポートフォリオ"),
            Text("universe", "ユニバース"), Text("difference", "差"),
            Text("first day", "初日"), Text("last day", "末日")]  # fmt: skip
    body = [
        [
            html(called),
            *(barred(SMALL_RETURN.text(row[name]), row[name], span)
              for name in ("portfolio", "benchmark")),
            html(SMALL_RETURN.text(row["excess"])),
            _when(row["first"]),
            _when(row["last"]),
        ]
        for called, row in rows
    ]  # fmt: skip
    return section("windows", _TITLES["windows"], grid([html(one) for one in head], body),
                   note=_NOTES["windows"])  # fmt: skip


# ---------------------------------------------------------------------------------------- exit


def exit_part(account: Account) -> str:
    """How fast the holdings could be sold, over time and on the last day."""
    found = account.frame("exit")
    if found is None:
        return ""
    return chart("exit", _TITLES["exit"], _exit_lines(thinned(found)), note=_NOTES["exit"],
                 said=exit_sentence(found.row(-1, named=True)))  # fmt: skip


def exit_sentence(row: Mapping[str, Any]) -> Text:
    """How fast the holdings of one day could be sold, in words."""
    whole = Text("all of it takes {longest}", "全部の売却には{longest}")
    if row["longest"] is None:
        whole = Text("{untraded} lies in names that do not trade", "{untraded}は取引のない銘柄")
    return _EXIT.filled(
        date=str(row["date"]),
        one=SHARE.text(row["within_1"]),
        five=SHARE.text(row["within_5"]),
        twenty=SHARE.text(row["within_20"]),
        all=whole.filled(
            longest=sessions(int(row["longest"] or 0)), untraded=SHARE.text(row["untraded"])
        ),
    )


def _exit_lines(frame: pl.DataFrame) -> Figure:
    series = [
        Series(name=_within(n), y=frame.get_column(f"within_{n}").to_list(), colour=place)
        for place, n in enumerate((1, 5, 20))
    ]
    x, texts, ticks = dated(frame.get_column("date").to_list())
    return Figure(
        x=x, x_texts=texts, ticks=ticks, series=series, unit=SHARE, y_range=(0.0, 1.02),
        y_label=Text("share of the holdings", "保有に占める割合"), x_label=charts.SESSION,
        height=200,
    )  # fmt: skip


def _within(count: int) -> Text:
    """What a line of the days to exit is called."""
    return Text("within {n}", "{n}以内").filled(n=sessions(count))
