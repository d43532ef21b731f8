"""Text that others wrote, made safe to show: one line, no control characters, a bounded length."""

from __future__ import annotations

import re
from typing import Final

_ESCAPES: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor movements
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # window titles, links
    r"|\x1b."
)


def plain(text: str, *, limit: int | None = None) -> str:
    """Take out what a terminal would obey or what turns the reading direction.

    Escape sequences are removed whole, runs of white space become one blank, every other character
    that is not printable (control characters, direction marks, zero-width characters, surrogates)
    becomes ``?``, and what is longer than ``limit`` ends in ``...``.
    """
    if limit is not None:
        text = text[: 8 * limit]  # what is cut away need not be looked at
    line = " ".join(_ESCAPES.sub("", text).split())
    line = "".join(one if one.isprintable() else "?" for one in line)
    return line if limit is None or len(line) <= limit else f"{line[:limit]}..."
