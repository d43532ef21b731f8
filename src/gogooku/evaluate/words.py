"""Texts of a page in English and Japanese, and numbers with their units.

A page holds both texts of everything and shows one of them; what is a code or a name is the same
in both.
"""

from __future__ import annotations

import math
from enum import StrEnum
from html import escape
from typing import NamedTuple


class Language(StrEnum):
    """Which texts a page shows first."""

    EN = "en"
    JA = "ja"


class Text(NamedTuple):
    """One text in both languages."""

    en: str
    ja: str

    def filled(self, **values: str | Text) -> Text:
        """The text with its places filled, as `str.format` fills them, in each language."""
        one = {name: both(value) for name, value in values.items()}
        return Text(
            self.en.format(**{name: value.en for name, value in one.items()}),
            self.ja.format(**{name: value.ja for name, value in one.items()}),
        )


Words = Text | str
"""A text in both languages, or what is the same in both: a code, a name, a number."""


def both(words: Words) -> Text:
    """Words as a text."""
    return words if isinstance(words, Text) else Text(words, words)


def joined(parts: list[Text]) -> Text:
    """Sentences one after the other; Japanese ones without a space between."""
    return Text(" ".join(part.en for part in parts), "".join(part.ja for part in parts))


def html(words: Words) -> str:
    """Words as HTML, escaped: what differs by language is marked, and one of the two is shown."""
    text = both(words)
    if text.en == text.ja:
        return escape(text.en)
    return f'<span lang="en">{escape(text.en)}</span><span lang="ja">{escape(text.ja)}</span>'


def tipped(words: Words, meaning: Words) -> str:
    """Words that show their meaning when one points at them, as HTML."""
    text = both(meaning)
    return (
        f'<span class="tip" tabindex="0" data-tip-en="{escape(text.en)}" '
        f'data-tip-ja="{escape(text.ja)}">{html(words)}</span>'
    )


class Unit(NamedTuple):
    """How numbers of a kind are written.

    Attributes
    ----------
    scale : float
        What a number is multiplied with: 100 for per cent.
    digits : int
        Behind the point.
    suffix : Text
        Follows the number.
    signed : bool
        Whether what is above zero has a plus.
    """

    scale: float = 1.0
    digits: int = 3
    suffix: Text = Text("", "")
    signed: bool = False

    def text(self, value: float | None) -> Text:
        """A number with its unit; a dash where there is none."""
        bare = self.bare(value)
        return Text(bare, bare) if bare == NONE else Text(*(bare + one for one in self.suffix))

    def bare(self, value: float | None) -> str:
        """A number without its unit."""
        if value is None or not math.isfinite(value):
            return NONE
        scaled = value * self.scale
        if round(scaled, self.digits) == 0.0:
            return f"{0.0:.{self.digits}f}"
        written = f"{scaled:+,.{self.digits}f}" if self.signed else f"{scaled:,.{self.digits}f}"
        return written.replace("-", MINUS)

    def between(self, low: float | None, high: float | None) -> Text:
        """An interval with its unit once; empty where an end is not known."""
        ends = self.bare(low), self.bare(high)
        if NONE in ends:
            return Text("", "")
        return Text(
            f"{ends[0]} to {ends[1]}{self.suffix.en}", f"{ends[0]}〜{ends[1]}{self.suffix.ja}"
        )


NONE = "–"
"""Stands where a number is not known."""
MINUS = "−"

_PERCENT = Text("%", "%")
PLAIN = Unit()
CORRELATION = Unit(digits=3, signed=True)
SHARE = Unit(scale=100.0, digits=1, suffix=_PERCENT)
RETURN = Unit(scale=100.0, digits=1, suffix=_PERCENT, signed=True)
BASIS_POINTS = Unit(scale=1e4, digits=1, suffix=Text(" bps", " bps"), signed=True)
SMALL_RETURN = Unit(scale=100.0, digits=2, suffix=_PERCENT, signed=True)
"""A return of a session or a part of a return: two digits, with its sign."""
SMALL_SHARE = Unit(scale=100.0, digits=2, suffix=_PERCENT)
COUNT = Unit(digits=0)
_SUREST = 0.999


def probability(value: float | None) -> Text:
    """A probability in per cent; what is nearer to 0 or 1 than a thousandth is never said to be."""
    if value is None or not math.isfinite(value):
        return both(NONE)
    if value > _SUREST:
        return Text("above 99.9%", "99.9%超")
    if value < 1.0 - _SUREST:
        return Text("below 0.1%", "0.1%未満")
    return SHARE.text(value)


_STEPS = (
    (1e12, Text("tn", "兆")),
    (1e9, Text("bn", "")),
    (1e8, Text("", "億")),
    (1e6, Text("m", "")),
    (1e4, Text("", "万")),
    (1e3, Text("k", "")),
)
_CURRENCIES = {"JPY": Text(" JPY", "円"), "USD": Text(" USD", "ドル")}


def amount(value: float | None, currency: str) -> Text:
    """An amount of money in the steps of each language: ``1.2bn JPY``, ``12億円``."""
    if value is None or not math.isfinite(value):
        return both(NONE)
    ends = _CURRENCIES.get(currency, both(f" {currency}"))
    return Text(*(_stepped(value, place) + ends[place] for place in (0, 1)))


def _stepped(value: float, place: int) -> str:
    for size, names in _STEPS:
        if names[place] and abs(value) >= size:
            scaled = value / size
            digits = ",.0f" if abs(scaled) >= 99.95 else ".3g"
            return f"{scaled:{digits}}".replace("-", MINUS) + names[place]
    return f"{value:,.0f}".replace("-", MINUS)


def sessions(count: int) -> Text:
    """A number of sessions."""
    return Text(f"{count:,} session{'' if count == 1 else 's'}", f"{count:,}営業日")
