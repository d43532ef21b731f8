"""What is wrong, how fresh the data is, and how the last evening went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from gogooku.dashboard.shown import Shown
from gogooku.dashboard.skill import is_below
from gogooku.dashboard.texts import CHECKS, STEPS, TABLES, TITLES, moment, named
from gogooku.dashboard.verdict_texts import (
    GATES,
    OUTCOMES,
    VALUE,
    check_named,
    check_said,
    gate_said,
    refusal,
)
from gogooku.evaluate.page import grid, section
from gogooku.evaluate.words import CORRELATION, COUNT, NONE, Text, Unit, Words, html, sessions
from gogooku.watch.status import failed_checks

_SECONDS = Unit(digits=1, suffix=Text(" s", "秒"))


def alarms(shown: Shown, skill: Sequence[Mapping[str, Any]]) -> list[Words]:
    """Why one should not trade on this page before looking, the gravest first."""
    found: list[Words] = list(shown.troubles)
    evening = shown.evening or {}
    if evening.get("failed"):
        found.append(
            Text("The last evening ({at}) failed: {why}", "直近の夜間処理({at})が失敗した: {why}")
            .filled(at=moment(evening.get("at")), why=str(evening["failed"]))
        )  # fmt: skip
    gates = {
        f"{one['session']}: {one['gate']}: {one['said']}": one
        for one in evening.get("refused_gates", ())
    }
    for one in evening.get("refused", ()):
        said = Text("Not published, a gate refused: {why}", "公開を見送った(検査で不合格): {why}")
        found.append(said.filled(why=refusal(str(one), gates)))
    for one in skill:
        if is_below(one):
            found.append(
                Text(
                    "Live skill over {h} is below the promise: RankIC {ic} over {n}, promised {p}.",
                    "実績の予測力({h})が想定を下回る: 順位IC {ic}({n})、想定 {p}。",
                ).filled(
                    h=sessions(one["horizon"]),
                    ic=CORRELATION.text(one["rank_ic"]["value"]),
                    n=sessions(one["rank_ic"]["n"]),
                    p=CORRELATION.text(one["promised"]),
                )
            )
    return found


def banner(shown: Shown, skill: Sequence[Mapping[str, Any]]) -> str:
    """What is wrong, loud; failed checks, less so; and a line that shows once the page is old."""
    found = alarms(shown, skill)
    parts = []
    if found:
        title = Text("Attention before trading", "取引の前に要確認")
        parts.append(_box("alarm", title, [html(one) for one in found]))
    checks = failed_checks(shown.measured or {"checks": []})
    if checks:
        title = Text("Checks that failed", "不合格の検査")
        parts.append(_box("warnings", title, [_check(one) for one in checks]))
    if shown.measured is None:
        title = Text("Not measured", "未測定")
        said = Text(
            "This publication was not measured: freshness of its data and exposure are not known.",
            "この公開は測定されていない。データの鮮度とエクスポージャーは不明。",
        )
        parts.append(_box("warnings", title, [html(said)]))
    if not shown.troubles:
        late = Text(
            "The next publication was due at {due} in Tokyo: this page is old. Load it again.",
            "次の公開予定は{due}(東京時間)。このページは古いため再読み込みが必要。",
        ).filled(due=moment(shown.due))
        parts.append(
            f'<section class="alarm" hidden data-due="{escape(shown.due.isoformat())}">'
            f"<p>{html(late)}</p></section>"
        )
    return "".join(parts)


def _box(kind: str, title: Text, items: Sequence[str]) -> str:
    inner = "".join(f"<li>{one}</li>" for one in items)
    return f'<section class="{kind}" role="alert"><b>{html(title)}</b><ul>{inner}</ul></section>'


def _check(one: Mapping[str, Any]) -> str:
    """A failed check: what it is about, then what was seen, as the watch says it."""
    name = check_named(one)
    head = html(Text(f"{name.en}: ", f"{name.ja}: "))
    return f'{head}<span class="seen">{html(check_said(one))}</span>'


def data_part(shown: Shown) -> str:
    """Each table: its newest row, the one that is expected, and its number of rows."""
    tables = (shown.measured or {}).get("tables", [])
    if not tables:
        said = Text("It was not measured.", "測定されていない。")
        return section("data", TITLES["data"], f"<p>{html(said)}</p>")
    heads = (
        Text("table", "データ"),
        Text("state", "状態"),
        Text("newest row", "最新"),
        Text("expected", "期待"),
        Text("rows", "件数"),
        Text("fewest before", "過去の最少"),
    )
    note = Text(
        "As known at the decision; expected is as far back as the newest row ever lagged.",
        "判断時点で既知のデータ。期待は、これまでに最も遅れた場合の日付。",
    )
    rows = [_table(one) for one in sorted(tables, key=lambda one: -one["late_sessions"])]
    return section("data", TITLES["data"], grid([html(one) for one in heads], rows), note=note)


def _table(one: Mapping[str, Any]) -> list[str]:
    name, late = str(one["table"]), int(one["late_sessions"])
    below = f"<small>{escape(name)}</small>" if named(TABLES, name) != name else ""
    if late:
        state = Text("{n} late", "{n}遅れ").filled(n=sessions(late))
        shown = f'<b class="bad">{html(state)}</b>'
    elif one["newest"] is None:
        shown = html(Text("no rows", "なし"))
    else:
        shown = f'<span class="good">{html(Text("on time", "正常"))}</span>'
    return [
        f"{html(named(TABLES, name))}{below}",
        shown,
        one["newest"] or NONE,
        one["expected"] or NONE,
        html(COUNT.text(one["rows"])),
        html(COUNT.text(one["rows_least"])),
    ]


def pipeline_part(shown: Shown) -> str:
    """Which bundle is in service, how the last evening went, what each check said."""
    evening = shown.evening or {}
    rows: list[tuple[Text, Words]] = [
        (Text("Bundle in service", "稼働中のモデル"), shown.bundle),
        (Text("Made of the run", "元の実行"), shown.run),
        (Text("In service since", "稼働開始"), _since(shown)),
        (Text("Published", "公開"), moment(shown.published_at)),
        (Text("Next is due", "次回の公開予定"), moment(shown.due)),
        (Text("Last evening", "直近の夜間処理"), moment(evening.get("at"))),
        (Text("Ended well last", "直近の正常終了"), moment(evening.get("succeeded_at"))),
        (Text("Scored beside it", "並行採点中"), ", ".join(shown.shadows) or NONE),
    ]
    cells = "".join(f"<div><dt>{html(one)}</dt><dd>{html(two)}</dd></div>" for one, two in rows)
    note = Text("Times are of Tokyo.", "時刻は東京時間。")
    inner = f'<dl class="facts">{cells}</dl>{_steps(evening)}{_gates(shown)}{_checks(shown)}'
    return section("pipeline", TITLES["pipeline"], inner, note=note)


def _since(shown: Shown) -> Words:
    """Since when the bundle is in service, and how long that was when this was published."""
    if shown.released_at is None:
        return NONE
    days = max(0, (shown.published_at - shown.released_at).days)
    aged = Text(f"{{at}} ({days:,} day{'' if days == 1 else 's'})", f"{{at}}({days:,}日)")
    return aged.filled(at=moment(shown.released_at))


def _steps(evening: Mapping[str, Any]) -> str:
    steps = evening.get("steps", {})
    if not steps:
        said = Text("No evening is on record.", "夜間処理の記録はない。")
        return f"<p>{html(said)}</p>"
    heads = (
        Text("step", "処理"),
        Text("seconds", "所要時間"),
        Text("ended well last", "直近の正常終了"),
    )
    order = list(STEPS)
    names = sorted(steps, key=lambda one: (order.index(one) if one in order else len(order), one))
    rows = [
        [
            html(named(STEPS, name)),
            html(_SECONDS.text(steps[name]["seconds"])),
            moment(steps[name]["at"]),
        ]
        for name in names
    ]
    return grid([html(one) for one in heads], rows, kind="short")


def _gates(shown: Shown) -> str:
    """What each gate said before this was published."""
    if not shown.gates:
        return ""
    heads = (Text("gate", "公開前の検査"), Text("verdict", "判定"), Text("what it saw", "内容"))
    rows = [
        [
            html(named(GATES, one["gate"])),
            html(named(OUTCOMES, one["outcome"])),
            html(gate_said(one)),
        ]
        for one in shown.gates
    ]
    summary = Text("All {n} gates before publishing", "公開前の全{n}件の検査")
    table = grid([html(one) for one in heads], rows)
    said = html(summary.filled(n=str(len(rows))))
    return f'<details class="printed"><summary>{said}</summary>{table}</details>'


def _checks(shown: Shown) -> str:
    checks = (shown.measured or {}).get("checks", [])
    if not checks:
        return ""
    heads = (
        Text("check", "検査"),
        Text("verdict", "判定"),
        Text("value", "値"),
        Text("limit", "限界"),
    )
    rows = []
    for one in sorted(checks, key=lambda one: not one["failed"]):
        verdict = (
            f'<b class="bad">{html(Text("FAILED", "不合格"))}</b>'
            if one["failed"]
            else f'<span class="good">{html(Text("passed", "合格"))}</span>'
        )
        below = f"<small>{html(named(TABLES, one['of']))}</small>" if one["of"] else ""
        rows.append(
            [
                f"{html(named(CHECKS, one['name']))}{below}",
                verdict,
                html(VALUE.text(one["value"])),
                html(VALUE.text(one["limit"])),
            ]
        )
    summary = html(Text("All {n} checks", "全{n}件の検査").filled(n=str(len(checks))))
    table = grid([html(one) for one in heads], rows)
    return f'<details class="printed"><summary>{summary}</summary>{table}</details>'
