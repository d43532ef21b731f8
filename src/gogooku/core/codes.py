"""Codes of stocks: how one is cleaned, what Tokyo's spellings share, how one is found and shown.

The Tokyo exchange gives a company four characters (``7203``, since 2024 with letters: ``130A``);
J-Quants writes a fifth behind them, 0 for the ordinary share (``72030``, ``130A0``). Another fifth
character is a share of its own, as preferred shares are (``25935``), and is never the ordinary one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Final

TOKYO: Final = re.compile(
    r"(?P<before>(?:TSE|TSEJ|TYO|TKS|XTKS|JPX|JP|TOKYO)[:_-])?"
    r"(?P<four>[1-9][0-9A-Z][0-9][0-9A-Z])(?P<fifth>[0-9])?"
    r"(?P<behind>[.:_ -](?:T|TSE|TSEJ|TYO|TKS|XTKS|JPX|JP|JT|TOKYO)(?: EQUITY)?)?"
)
"""A Tokyo code with what vendors put before or behind it. A fifth character 0 is the ordinary
share, whose code has four; another one is a share of its own."""

_QUOTED: Final = re.compile(r"=\"(.*)\"|'(.+)")
"""How codes are written so that Excel keeps their zeros."""

_TAIL: Final = re.compile(r"(\d+)\.0+")


def clean_code(code: str) -> str:
    """One width, capitals, nothing invisible, single blanks inside, no ``.0`` of a number."""
    text = unicodedata.normalize("NFKC", code)
    text = "".join(one for one in text if unicodedata.category(one) != "Cf").strip()
    quoted = _QUOTED.fullmatch(text)
    text = (quoted.group(1) or quoted.group(2) or "").strip() if quoted else text
    text = re.sub(" +", " ", text).upper()
    tail = _TAIL.fullmatch(text)
    return tail.group(1) if tail else text


def company_of(code: str, *, exchange: str) -> str:
    """What the spellings of one code share: in Tokyo ``7203``, ``7203.T``, ``72030`` are one."""
    kept = clean_code(code)
    found = TOKYO.fullmatch(kept) if exchange == "tokyo" else None
    return kept if found is None else f"{found['four']}{found['fifth'] or '0'}"


def short_code(code: str) -> str:
    """The four characters by which an ordinary share of Tokyo is known; any other code as it is."""
    found = TOKYO.fullmatch(code)
    ordinary = found is not None and found["fifth"] == "0" and found["four"] + "0" == code
    return code[:4] if ordinary else code


def shown_code(code: str) -> str:
    """A code for people: ``7203 (72030)``; as it is where it has no shorter form."""
    brief = short_code(code)
    return code if brief == code else f"{brief} ({code})"


class KnownCodes:
    """Codes that are there, to find one by any spelling of it.

    A code that is there as it is written is that one. Else the one code that is the same share in
    Tokyo is found: ``7203``, ``７２０３``, ``7203.T`` and ``72030`` where ``72030`` is there, or
    ``7203``. ``25935`` is never found by ``2593``.

    Parameters
    ----------
    codes : iterable of str
    """

    def __init__(self, codes: Iterable[str]) -> None:
        self._codes = tuple(dict.fromkeys(codes))
        self._exact = frozenset(self._codes)

    @cached_property
    def _by_company(self) -> Mapping[str, str | None]:
        """Code by share; None where two codes are the same one."""
        found: dict[str, str | None] = {}
        for code in self._codes:
            company = company_of(code, exchange="tokyo")
            found[company] = None if company in found else code
        return found

    def find(self, given: str) -> str | None:
        """The code that is there, or None."""
        if given in self._exact:
            return given
        text = clean_code(given)
        if text in self._exact:
            return text
        return self._by_company.get(company_of(text, exchange="tokyo"))
