"""Pieces of a self-contained HTML page: opens offline, loads nothing, gives the same bytes again.

Every text is escaped, and a content security policy forbids the page to fetch anything.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from html import escape

from gogooku.core.files import finite
from gogooku.evaluate.page_style import REMEMBERED, SCRIPT, STYLE
from gogooku.evaluate.svg import Figure, drawn
from gogooku.evaluate.words import Language, Text, Unit, Words, html

_TO_LANGUAGE = (
    '<button id="to-language" type="button"><span lang="en">日本語</span>'
    '<span lang="ja">English</span></button>'
)
_ICON = (
    '<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 '
    "viewBox=%220 0 16 16%22%3E%3Crect width=%2216%22 height=%2216%22 rx=%223%22 "
    "fill=%22%230072b2%22/%3E%3Cpath d=%22M3 11h3V7h3V4h4%22 fill=%22none%22 stroke=%22white%22 "
    'stroke-width=%222%22/%3E%3C/svg%3E">\n'
)
"""In the page itself, so that no browser asks the server for one."""
_TO_THEME = f'<button id="to-theme" type="button">{html(Text("Light / dark", "明 / 暗"))}</button>'


def content_policy(*scripts: str) -> str:
    """What a page may do: run these scripts of its own, and fetch nothing.

    Parameters
    ----------
    scripts : str
        Whole inner texts of its scripts; any other one is not run.
    """
    hashes = (base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts)
    allowed = " ".join(f"'sha256-{one}'" for one in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


PAGE_POLICY = content_policy(REMEMBERED, SCRIPT)
"""The policy of every page that `document` makes."""


def document(
    title: str,
    body: str,
    *,
    language: Language | None = None,
    style: str = "",
    remembers: bool = False,
) -> str:
    """Put a body into a page; buttons change the theme and the language.

    Parameters
    ----------
    title : str
    body : str
        HTML.
    language : Language or None
        Which texts are shown first; None for a page in English alone.
    style : str
        CSS beside that of every page.
    remembers : bool
        Whether the reader's browser keeps what the buttons chose, for the next time.
    """
    shown = language or Language.EN
    buttons = (_TO_LANGUAGE if language is not None else "") + _TO_THEME
    early = f"<script>{REMEMBERED}</script>\n{_ICON}" if remembers else ""
    return (
        f'<!doctype html>\n<html lang="{shown}" data-lang="{shown}">\n<head>\n'
        f'<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{PAGE_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}{style}</style>\n{early}</head>\n"
        f'<body>\n<main>\n<div class="bar">{buttons}</div>\n{body}\n</main>\n'
        f'<div id="tip" role="tooltip"></div>\n<script>{SCRIPT}</script>\n</body>\n</html>\n'
    )


def section(key: str, title: Words, inner: str, *, note: Words = "", whole: bool = False) -> str:
    """A part with a heading and a remark under it; ``inner`` is HTML.

    ``whole``: it stays on one sheet of paper.
    """
    kind = ' class="whole"' if whole else ""
    remark = f'<p class="note">{html(note)}</p>' if note else ""
    return (
        f'<section id="{key}"{kind}><h2 id="title-{key}">{html(title)}</h2>\n'
        f"{remark}{inner}</section>"
    )


def chart(
    key: str, title: Words, figure: Figure, *, note: Words = "", said: Words = "", below: str = ""
) -> str:
    """A part with a figure and a remark above it.

    Parameters
    ----------
    said : words
        What the figure comes to: a sentence above it.
    below : str
        HTML, such as a table of its numbers.
    """
    sentence = f'<p class="said">{html(said)}</p>' if said else ""
    whole = section(key, title, sentence + drawn(key, figure), note=note, whole=True)
    return whole.removesuffix("</section>") + f"{below}</section>" if below else whole


def chapter(key: str, title: Words, parts: Sequence[str], *, note: Words = "") -> str:
    """Parts under one large heading, which `contents` leads to; empty where there is no part."""
    there = [part for part in parts if part]
    if not there:
        return ""
    remark = f'<p class="note">{html(note)}</p>' if note else ""
    inner = "\n".join(there)
    return (
        f'<section class="chapter" id="{key}"><h2 id="title-{key}">{html(title)}</h2>\n'
        f"{remark}{inner}</section>"
    )


def contents(chapters: Sequence[tuple[str, Words]]) -> str:
    """Links to the chapters of the page."""
    links = "".join(f'<a href="#{key}">{html(title)}</a>' for key, title in chapters)
    return f'<nav id="contents">{links}</nav>'


def folded(summary: str, inner: str, *, opened: bool = False, printed: bool = False) -> str:
    """A part that opens when one asks for it; both are HTML.

    ``printed``: on paper it is open, whatever it is on the screen.
    """
    kind = ' class="printed"' if printed else ""
    there = " open" if opened else ""
    return f"<details{kind}{there}><summary>{summary}</summary>{inner}</details>"


def ends_of(values: Sequence[float | None]) -> tuple[float, float]:
    """Lowest and highest of what bars of one table show, zero among them."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    return min([0.0, *known]), max([0.0, *known])


def barred(
    shown: Words,
    value: float | None,
    span: tuple[float, float],
    *,
    low: float | None = None,
    high: float | None = None,
    below: str = "",
) -> str:
    """A number and its bar, on the scale of all bars of its table; with its interval if known.

    Parameters
    ----------
    shown : words
        The number with its unit.
    value : float or None
        None, or what is not finite: the number has no bar.
    span : (float, float)
        What `ends_of` gave for the table.
    below : str
        HTML that stands under the number.
    """
    if value is None or not math.isfinite(value):
        return f"{html(shown)}{below}"
    begin, whole = span[0], (span[1] - span[0]) or 1.0
    at = [(end - begin) / whole for end in (0.0, value)]

    def box(kind: str, left: float, right: float) -> str:
        return f'<i class="{kind}" style="left:{left:.1%};width:{right - left:.1%}"></i>'

    marks = box("c0", *at) if value >= 0.0 else box("neg", *reversed(at))
    if low is not None and high is not None and math.isfinite(low) and math.isfinite(high):
        marks += box("w", *((end - begin) / whole for end in (low, high)))
    marks += f'<i class="z" style="left:{at[0]:.1%}"></i>'
    return (
        f'<span class="barred"><span>{html(shown)}{below}</span>'
        f'<span class="hbar">{marks}</span></span>'
    )


def panels(key: str, title: Words, figures: Mapping[str, tuple[Words, Figure]], *, note: Words = "",
           wide: bool = False) -> str:  # fmt: skip
    """A part with small figures side by side, each with a heading, by the end of its key.

    ``wide``: two in a row, for figures with dates below them.
    """
    kind = "pair" if wide else "panels"
    inner = "".join(
        f'<div><h3 id="title-{key}-{name}">{html(head)}</h3>{drawn(f"{key}-{name}", figure)}</div>'
        for name, (head, figure) in figures.items()
    )
    return section(key, title, f'<div class="{kind}">{inner}</div>', note=note)


def grid(head: Sequence[str], rows: Sequence[Sequence[str]], *, kind: str = "") -> str:
    """A table that scrolls within its own box; cells are HTML, with or without their tag."""
    top = "".join(cell if cell.startswith("<th") else f"<th>{cell}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(_td(cell) for cell in row)}</tr>" for row in rows)
    named = f' class="{kind}"' if kind else ""
    return (
        f'<div class="wide" tabindex="0"><table{named}><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _td(cell: str) -> str:
    return cell if cell.startswith("<td") else f"<td>{cell}</td>"


def heat(value: float | None, unit: Unit, *, most: float, below: str = "") -> str:
    """A cell whose colour says the sign and the size of its number; ``most`` has the full tone.

    ``below`` is HTML that stands under the number.
    """
    shown = f"{html(unit.text(value))}{below}"
    if value is None or value != value or most <= 0.0:
        return f"<td>{shown}</td>"
    tone = min(60, round(60 * abs(value) / most))
    side = "up" if value >= 0.0 else "down"
    return f'<td class="{side}" style="--v:{tone}">{shown}</td>'


def estimated(shown: Text, interval: Text, count: Text) -> str:
    """A number, and below it its interval and how many sessions it is of; as HTML."""
    small = [html(one) for one in (interval, count) if one.en]
    below = "".join(f"<small>{one}</small>" for one in small)
    return f"{html(shown)}{below}"


def details(key: str, title: Words, tree: Mapping[str, object]) -> str:
    """A folded table of names and values."""
    rows = "".join(
        f'<tr><td>{escape(str(name))}</td><td class="text">{escape(_text(value))}</td></tr>'
        for name, value in sorted(tree.items())
    )
    table = f'<div class="wide"><table><tbody>{rows}</tbody></table></div>'
    return f'<section id="{key}">{folded(html(title), table)}</section>'


def _text(value: object) -> str:
    if isinstance(value, Mapping) and set(value) == {"value", "from"}:
        return f"{value['value']}  ({value['from']})"
    if isinstance(value, str):
        return value
    return json.dumps(
        finite(value), sort_keys=True, ensure_ascii=False, allow_nan=False, default=str
    )
