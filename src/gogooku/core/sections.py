"""Sections of the Tokyo Stock Exchange: what they are called, and which one followed which.

The one table for rows of the vendor and for files that people bring. On 2022-04-04 the old sections
became Prime, Standard and Growth (`gogooku.core.calendar.TSE_RESTRUCTURED`); each old one counts as
the predecessor of one segment.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Section:
    """A section of the exchange.

    Attributes
    ----------
    name : str
        In English, as settings and messages write it.
    segment : str
        What a universe is chosen by: ``Prime``, ``Standard``, ``Growth``; ``PRO`` for the market of
        professional investors, ``Other`` for everything that is no domestic share.
    code : str or None
        Market code of J-Quants; None where it has none of its own.
    spellings : tuple of str
        What is left of its usual names when `folded` and bared of "TSE", "market" and the like.
    old : bool
        Whether it ended on 2022-04-03.
    """

    name: str
    segment: str
    code: str | None
    spellings: tuple[str, ...]
    old: bool = False


SECTIONS: tuple[Section, ...] = (
    Section("Prime", "Prime", "0111", ("prime", "プライム", "prm")),
    Section("Standard", "Standard", "0112", ("standard", "スタンダード", "std")),
    Section("Growth", "Growth", "0113", ("growth", "グロース", "grt")),
    Section(
        "First Section",
        "Prime",
        "0101",
        ("first", "1st", "section1", "一部", "1部", "第一部", "第1部"),
        old=True,
    ),
    Section(
        "Second Section",
        "Standard",
        "0102",
        ("second", "2nd", "section2", "二部", "2部", "第二部", "第2部"),
        old=True,
    ),
    Section("Mothers", "Growth", "0104", ("mothers", "マザーズ"), old=True),
    Section(
        "JASDAQ Standard",
        "Standard",
        "0106",
        ("jasdaqstandard", "jasdaqスタンダード", "ジャスダックスタンダード", "jqs"),
        old=True,
    ),
    Section(
        "JASDAQ Growth",
        "Growth",
        "0107",
        ("jasdaqgrowth", "jasdaqグロース", "ジャスダックグロース", "jqg"),
        old=True,
    ),
    Section("JASDAQ", "Standard", None, ("jasdaq", "jq", "ジャスダック"), old=True),
    Section("TOKYO PRO MARKET", "PRO", "0105", ("pro", "プロ", "tpm")),
    Section("Other", "Other", "0109", ("other", "others", "その他")),
)
"""JASDAQ without its board counts as Standard: most of its names were on the Standard board."""

SEGMENTS: Mapping[str, str] = {one.code: one.segment for one in SECTIONS if one.code}
"""Segment of a market code; before 2022-04-04 that of which it is the predecessor."""

_BY_SPELLING = {text: one for one in SECTIONS for text in one.spellings}
_BY_CODE = {one.code: one for one in SECTIONS if one.code}
_BY_NAME = {one.name: one for one in SECTIONS}
_ABBREVIATED = {
    "p": "Prime",
    "s": "Standard",
    "g": "Growth",
    "1": "First Section",
    "2": "Second Section",
    "m": "Mothers",
}
"""One letter behind the name of the exchange, as in a quarterly handbook's 東P and 東1."""
_EXCHANGES = (
    "tokyostockexchange",
    "東京証券取引所",
    "tokyo",
    "東証",
    "xtks",
    "tse",
    "市場",
    "東",
)
_NOUNS = (
    "内国株式", "内国株", "国内株式", "国内株", "普通株式", "普通株", "株式", "市場", "マーケット",
    "market", "section", "segment", "domesticstocks", "domesticstock", "domestic", "board",
    "commonstock", "stocks", "stock",
)  # fmt: skip
_NO_DOMESTIC_SHARE = (
    "etf", "etn", "reit", "リート", "ファンド", "fund", "出資証券", "優先出資", "外国株", "foreign",
    "投資信託", "受益証券",
)  # fmt: skip
_BETWEEN = re.compile(r"[、，,／/・;|&＆]")
_NUMBER = re.compile(r"0*(\d{3})(\.0*)?")


def folded(text: str) -> str:
    """A name as it is compared: letters and digits of full width and lower case, nothing else."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in plain if letter.isalnum())


@lru_cache(maxsize=4096)
def section_named(text: str) -> Section | None:
    """The section that a text names, in English, Japanese or by its code; None for another one.

    A number that lost its leading zero is the code, and one that a table made a float too. Names of
    funds, foreign and preferred shares (``ETF・ETN``, ``プライム（外国株式）``) are ``Other``: a
    universe of a segment holds domestic shares, as it does for synced sources. Of a share listed on
    several exchanges (``東証プライム、名証プレミア``) it is the section in Tokyo.
    """
    number = _NUMBER.fullmatch(unicodedata.normalize("NFKC", text).strip())
    if number:
        return _BY_CODE.get(f"0{number[1]}")
    name = folded(text)
    if any(mark in name for mark in _NO_DOMESTIC_SHARE):
        return _BY_NAME["Other"]
    bare, here = _bared(name)
    if here and bare in _ABBREVIATED:
        return _BY_NAME[_ABBREVIATED[bare]]
    if bare in _BY_SPELLING:
        return _BY_SPELLING[bare]
    parts = _BETWEEN.split(text)
    found = (section_named(part) for part in parts) if len(parts) > 1 else ()
    return next((one for one in found if one is not None), None)


def _bared(name: str) -> tuple[str, bool]:
    """A folded name without the exchange before it and nouns behind it, and whether it had one."""
    here = False
    while name not in _BY_SPELLING:
        before = next((word for word in _EXCHANGES if name.startswith(word)), "")
        name, here = name.removeprefix(before), here or bool(before)
        after = next((word for word in _NOUNS if name.endswith(word)), "")
        name = name.removesuffix(after)
        if not before and not after:
            break
    return name, here


@dataclass(frozen=True)
class Wanted:
    """The markets that a universe is chosen by: names of sections, and other texts as they are.

    Attributes
    ----------
    sections : frozenset of str
        Names of sections, each with the segment that followed it where that is what is wanted.
    texts : frozenset of str
        Folded names that are no section of the Tokyo exchange.
    """

    sections: frozenset[str]
    texts: frozenset[str]

    @classmethod
    def of(cls, markets: Iterable[str]) -> Wanted:
        """From the texts of a setting, in any spelling."""
        sections, texts = set(), set()
        for text in markets:
            section = section_named(text)
            if section is None:
                texts.add(folded(text))
            else:
                sections.add(section.name)
        return cls(frozenset(sections), frozenset(texts))

    def has(self, market: str) -> bool:
        """Whether a name of that market belongs: it is wanted, or precedes what is wanted."""
        section = section_named(market)
        if section is None:
            return folded(market) in self.texts
        return section.name in self.sections or section.segment in self.sections
