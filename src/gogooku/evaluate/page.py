"""Pieces of a self-contained HTML page: opens offline, loads nothing, gives the same bytes again.

Every text is escaped, and a content security policy forbids the page to fetch anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from html import escape
from typing import Any

from plotly.offline import get_plotlyjs

from gogooku.evaluate.charts import Figure, plain

_LINK = re.compile(r"""(href|src)=(["'])https?://[^"']*""")

_STYLE = """
:root{--ink:#24292f;--soft:#57606a;--line:#d8dee4;--pale:#f6f8fa;--warn:#9a3412;--warnbg:#fff7ed}
*{box-sizing:border-box}
body{margin:0;background:#fff;color:var(--ink);
font:15px/1.55 system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif}
main{max-width:1080px;margin:0 auto;padding:32px 24px 64px}
h1{font-size:26px;margin:0 0 4px}h2{font-size:18px;margin:40px 0 8px}
p.note{color:var(--soft);margin:0 0 8px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:14px}
th,td{text-align:right;padding:6px 10px;border-bottom:1px solid var(--line);vertical-align:top}
th:first-child,td:first-child{text-align:left}thead th{color:var(--soft);font-weight:600}
td small{display:block;color:var(--soft);font-size:12px}
.wide{overflow-x:auto}
.warnings{background:var(--warnbg);border-left:4px solid var(--warn);padding:8px 16px;margin:16px 0}
.warnings li{margin:4px 0}
details{margin:12px 0}summary{cursor:pointer;font-weight:600}
td.text{text-align:left;word-break:break-word}
@media print{details{display:none}}
"""

_SCRIPT = """
for (const box of document.querySelectorAll("[data-figure]")) {
  const figure = JSON.parse(document.getElementById(box.dataset.figure).textContent);
  Plotly.newPlot(box, figure.data, figure.layout, {displaylogo: false, responsive: true});
}
"""


def document(title: str, body: str) -> str:
    """Put a body into a page."""
    policy = (
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
        "img-src data: blob:"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n"
        f"<script>{_plotly_script()}</script>\n</head>\n<body>\n<main>\n{body}\n</main>\n"
        f"<script>{_SCRIPT}</script>\n</body>\n</html>\n"
    )


@lru_cache(maxsize=1)
def _plotly_script() -> str:
    """Plotly's script without the links that its maps and its logo would show."""
    return _LINK.sub(r"\1=\2#", str(get_plotlyjs()))


def section(key: str, title: str, inner: str) -> str:
    """A part with a heading; ``inner`` is HTML."""
    return f'<section id="{key}"><h2>{escape(title)}</h2>\n{inner}</section>'


def chart(key: str, title: str, figure: Figure, *, note: str = "") -> str:
    """A part with a plotly figure and a remark above it."""
    text = json.dumps(plain(figure), sort_keys=True, separators=(",", ":"), allow_nan=False)
    text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    remark = f'<p class="note">{escape(note)}</p>' if note else ""
    inner = (
        f'{remark}<script type="application/json" id="figure-{key}">{text}</script>'
        f'<div data-figure="figure-{key}"></div>'
    )
    return section(key, title, inner)


def details(key: str, title: str, tree: Mapping[str, Any]) -> str:
    """A folded table of names and values."""
    rows = "".join(
        f'<tr><td>{escape(str(name))}</td><td class="text">{escape(_text(value))}</td></tr>'
        for name, value in sorted(tree.items())
    )
    return (
        f'<section id="{key}"><details><summary>{escape(title)}</summary>'
        f"<table><tbody>{rows}</tbody></table></details></section>"
    )


def _text(value: Any) -> str:
    if isinstance(value, Mapping) and set(value) == {"value", "from"}:
        return f"{value['value']}  ({value['from']})"
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
