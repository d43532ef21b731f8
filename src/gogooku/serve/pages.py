"""Pages of the server: one table that requests are matched with and the API document is made from.

What a page takes is declared, so that a parameter that means nothing is refused: it is misspelt,
and would be ignored.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final
from urllib.parse import parse_qsl

from gogooku.core.findings import short
from gogooku.evaluate.words import Language
from gogooku.serve.answers import JSON, Answer, Later, RefusedError

MOST_NAMES: Final = 1_000_000
"""Names that may be asked for; no market has more."""
_MOST_PARAMETERS = 16
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_PLACE = re.compile(r"[0-9A-Za-z._-]{1,32}")


@dataclass(frozen=True)
class Parameter:
    """A parameter of a query.

    Attributes
    ----------
    name, meaning : str
    read : callable
        Its value from text; a `ValueError` says what is expected.
    schema : mapping
        The same for the API document.
    """

    name: str
    meaning: str
    read: Callable[[str], Any]
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class Page:
    """A page.

    Attributes
    ----------
    path : str
        May end in a part in braces, which stands for anything: ``/names/{code}``.
    summary : str
    answer : callable
        Its answer from the values of its parameters, that part among them.
    parameters : sequence of Parameter
    is_open : bool
        Whether it needs no key.
    content_type : str
    headers : sequence of str
        Headers of a request that its answer depends on, in small letters; they are among the
        values, empty where the request has none.
    """

    path: str
    summary: str
    answer: Callable[[Mapping[str, Any]], Answer | Later]
    parameters: Sequence[Parameter] = ()
    is_open: bool = False
    content_type: str = JSON
    fields: Mapping[str, str] = field(default_factory=dict)
    """What its JSON object holds, by name, with its meaning."""
    headers: Sequence[str] = ()

    @property
    def part(self) -> str | None:
        """Name of the part that stands for anything."""
        return self.path.partition("{")[2].rstrip("}") or None

    def values(self, query: str, place: str) -> dict[str, Any]:
        """The values of a query.

        Raises
        ------
        RefusedError
            A parameter that the page does not have, that is there twice, or whose value is wrong.
        """
        try:
            given = parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
        except ValueError as fault:
            raise RefusedError(422, f"more than {_MOST_PARAMETERS} parameters") from fault
        names = [name for name, _ in given]
        self._require_known(names)
        known = {one.name: one for one in self.parameters}
        found: dict[str, Any] = {} if self.part is None else {self.part: place}
        wrong = []
        for name, text in given:
            try:
                found[name] = known[name].read(text)
            except ValueError as fault:
                wrong.append(f"{name}: got {short(text)}, expected {fault}")
        if wrong:
            raise RefusedError(422, "; ".join(wrong))
        return found

    def _require_known(self, names: Sequence[str]) -> None:
        known = [one.name for one in self.parameters]
        for name in names:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                there = ", ".join(known) or "none"
                raise RefusedError(
                    422, f"{short(name)} is no parameter of {self.path}{hint} (it has: {there})"
                )
            if names.count(name) > 1:
                raise RefusedError(422, f"{name}: is there {names.count(name)} times")


class Pages:
    """A table of pages, by path."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self.all = tuple(pages)
        self._whole = {page.path: page for page in pages if page.part is None}
        self._parts = {page.path.partition("{")[0]: page for page in pages if page.part}

    def find(self, path: str) -> tuple[Page | None, str]:
        """The page of a path, and what stands in its open part."""
        page = self._whole.get(path)
        if page is not None:
            return page, ""
        head, _, place = path.rpartition("/")
        page = self._parts.get(f"{head}/")
        if page is None or not _PLACE.fullmatch(place):
            return None, ""
        return page, place


def _day(text: str) -> date:
    """A date as YYYY-MM-DD and in no other form."""
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise ValueError("a date, YYYY-MM-DD")


def _whole_number(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError("a whole number")
    return int(text)


def _top(text: str) -> int:
    if not _WHOLE.fullmatch(text) or not 1 <= int(text) <= MOST_NAMES:
        raise ValueError(f"a number, at least 1 and at most {MOST_NAMES:,}")
    return int(text)


def _language(text: str) -> Language:
    try:
        return Language(text)
    except ValueError as fault:
        raise ValueError(" or ".join(Language)) from fault


DATE = Parameter(
    "date",
    "Session, YYYY-MM-DD; the newest by default.",
    _day,
    {"type": "string", "format": "date"},
)
HORIZON = Parameter(
    "horizon",
    "Whose score ranks, in sessions; the one that is traded by default.",
    _whole_number,
    {"type": "integer"},
)
TOP = Parameter(
    "top",
    "Names at most, the best first; all by default.",
    _top,
    {"type": "integer", "minimum": 1, "maximum": MOST_NAMES},
)
LANGUAGE = Parameter(
    "lang",
    "Language of the page, en or ja; by default the one that the browser prefers.",
    _language,
    {"type": "string", "enum": list(Language)},
)
HTML: Final = "text/html; charset=utf-8"
