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


_LONG_WORD: Final = 400


def paragraph(text: str) -> str:
    """A message as one line for a terminal; a word that nobody would read whole is cut.

    Unlike `plain` it leaves blanks as they are: a message may name a path that has two.
    """
    line = "".join(
        one if one.isprintable() else " " if one.isspace() else "?"
        for one in _ESCAPES.sub("", text)
    ).strip()
    return re.sub(rf"\S{{{_LONG_WORD},}}", _cut, line)


def _cut(word: re.Match[str]) -> str:
    return f"{word[0][:60]}...({len(word[0]):,} characters)"
