"""The top names: a line each, which opens on what is known of the name and why it ranks there."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from gogooku.core.codes import short_code
from gogooku.dashboard.shown import Shown, company
from gogooku.dashboard.texts import PRICE, REASONS, SIDES, TITLES, named
from gogooku.dashboard.why import Reasons, why_part
from gogooku.evaluate.page import section
from gogooku.evaluate.sector_names import sector_name
from gogooku.evaluate.words import (
    COUNT,
    NONE,
    SMALL_SHARE,
    Text,
    Unit,
    Words,
    html,
    sessions,
)
from gogooku.publish.publication import RANKING_COLUMNS

_SCORE = Unit(digits=3, signed=True)


def names_part(shown: Shown, reasons: Mapping[str, Reasons]) -> str:
    """The top names as HTML.

    Parameters
    ----------
    reasons : mapping of str to Reasons
        Why each name ranks where it does, by code; a name that is not in it says so.
    """
    rows = shown.ranking.head(shown.top).to_dicts()
    most = max((abs(row[shown.score]) for row in rows if row[shown.score] is not None), default=0.0)
    note = Text(
        "The best {top} of {count} names by the score over {horizon}. Open a line for its reasons.",
        "{horizon}のスコアによる上位{top}銘柄(全{count}銘柄)。行を開くと根拠を表示。",
    ).filled(top=str(len(rows)), count=f"{shown.ranking.height:,}", horizon=sessions(shown.horizon))
    beside = _beside(shown)
    lines = "".join(_line(row, shown, reasons, beside, most=most) for row in rows)
    return section("names", TITLES["names"], f'{_head()}<ol class="names">{lines}</ol>',
                   note=note)  # fmt: skip


def _head() -> str:
    """What stands above the columns."""
    cells = [
        ("rank", Text("rank", "順位")),
        ("code", Text("code", "コード")),
        ("who", Text("company, sector", "銘柄名・業種")),
        ("score", Text("score", "スコア")),
        ("close", Text("last close", "直近終値")),
        ("order", Text("order", "注文")),
    ]
    inner = "".join(f'<span class="{key}">{html(text)}</span>' for key, text in cells)
    return f'<div class="line head" aria-hidden="true">{inner}</div>'


def _line(
    row: Mapping[str, Any],
    shown: Shown,
    reasons: Mapping[str, Reasons],
    beside: Mapping[str, Mapping[str, Any]],
    *,
    most: float,
) -> str:
    code, own = str(row["code"]), beside.get(str(row["code"]), {})
    cells = [
        f'<span class="rank">{row["rank"]:,}{_moved(row)}</span>',
        f'<span class="code">{_codes(code)}</span>',
        f'<span class="who">{_who(row)}</span>',
        f'<span class="score">{_bar(row[shown.score], most)}</span>',
        f'<span class="close">{html(PRICE.text(row["close"]))}</span>',
        f'<span class="order">{_order(own)}</span>',
    ]
    inner = _facts(row, shown, own) + why_part(reasons.get(code), why_not=shown.why_not)
    return (
        f'<li><details id="name-{escape(code)}"><summary class="line">{"".join(cells)}</summary>'
        f'<div class="more">{inner}</div></details></li>'
    )


def _codes(code: str) -> str:
    short = short_code(code)
    below = f"<small>{escape(code)}</small>" if short != code else ""
    return f"<b>{escape(short)}</b>{below}"


def _who(row: Mapping[str, Any]) -> str:
    """The company in the reader's language, below it in the other one, and its sector."""
    name = company(row)
    other = Text(name.ja, name.en)
    second = [html(other)] if name.en != name.ja else []
    if row["sector"] is not None:
        second.append(html(sector_name(str(row["sector"]))))
    return f"<b>{html(name)}</b><small>{' · '.join(second)}</small>"


def _moved(row: Mapping[str, Any]) -> str:
    """Places since the session before; up is better."""
    before = row["before"]
    if before is None:
        return f'<small class="new">{html(Text("new", "新"))}</small>'
    places = int(before) - int(row["rank"])
    if not places:
        return "<small>=</small>"
    kind, arrow = ("good", "↑") if places > 0 else ("bad", "↓")
    return f'<small class="{kind}">{arrow} {abs(places):,}</small>'


def _bar(score: float | None, most: float) -> str:
    """The score, and a bar of its size."""
    shown = html(_SCORE.text(score))
    if score is None or most <= 0.0:
        return shown
    kind = "c0" if score >= 0.0 else "neg"
    return (
        f'{shown}<span class="hbar"><i class="{kind}" style="left:0;width:{abs(score) / most:.1%}">'
        "</i></span>"
    )


def _order(own: Mapping[str, Any]) -> str:
    if "side" not in own:
        return ""
    tone = "up" if own["side"] in ("buy", "cover") else "down"
    shares = f" {html(COUNT.text(own['shares']))}" if own.get("shares") is not None else ""
    return f'<span class="side {tone}">{html(named(SIDES, own["side"]))}{shares}</span>'


def _beside(shown: Shown) -> dict[str, dict[str, Any]]:
    """What the target and the orders say of a name, by code."""
    found: dict[str, dict[str, Any]] = {}
    if shown.target is not None:
        for row in shown.target.iter_rows(named=True):
            one = found.setdefault(str(row["code"]), {})
            one |= {"weight": row.get("weight"), "held": row.get("held")}
    if shown.orders is not None:
        for row in shown.orders.iter_rows(named=True):
            one = found.setdefault(str(row["code"]), {})
            one |= {"side": row["side"], "shares": row.get("shares"), "reason": row.get("reason")}
    return found


def _facts(row: Mapping[str, Any], shown: Shown, own: Mapping[str, Any]) -> str:
    """What is known of a name beside its line."""
    rows: list[tuple[Words, Words]] = [
        (Text("Rank before", "前回の順位"), NONE if row["before"] is None else f"{row['before']:,}")
    ]
    for name in shown.ranking.columns:
        if name not in RANKING_COLUMNS:
            rows.append((_output(name), _SCORE.text(row[name])))
    if own.get("weight") is not None:
        rows.append((Text("Weight in the target", "目標ウェイト"), SMALL_SHARE.text(own["weight"])))
    if own.get("held") is not None:
        rows.append((Text("Held before the orders", "注文前の保有株数"), COUNT.text(own["held"])))
    if own.get("reason") is not None:
        rows.append((Text("Why it is traded", "売買の理由"), named(REASONS, own["reason"])))
    cells = "".join(f"<div><dt>{html(one)}</dt><dd>{html(two)}</dd></div>" for one, two in rows)
    return f'<dl class="facts">{cells}</dl>'


def _output(column: str) -> Words:
    """What a column of the model is called: a score, or what is given beside it."""
    kind, _, length = column.rpartition("_")
    if not length.isdigit():
        return column
    over = sessions(int(length))
    if kind == "score":
        return Text("Score over {h}", "スコア({h})").filled(h=over)
    return Text("{kind} over {h}", "{kind}({h})").filled(kind=kind, h=over)
