"""Parameters of every endpoint: which belong together, how they are written, what is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final

from gogooku.ingest.jquants.endpoints import Endpoint
from gogooku.sandbox.exchange.gates import Refusal

_CODE: Final = re.compile(r"^([0-9]{4,5}|[0-9]{3}[A-Z][0-9]?)$")
_INDEX_CODE: Final = re.compile(r"^[0-9A-F]{4}$")
_DATE: Final = re.compile(r"^(\d{4})-?(\d{2})-?(\d{2})$")
_DAYS: Final = frozenset({"date", "disc_date", "calc_date", "published_date", "scheduled_date"})
_FIRST: Final = frozenset({"from", "disc_date_from"})
_LAST: Final = frozenset({"to", "disc_date_to"})
_ALIASES: Final = {"holidayDivision": "hol_div", "contractFlag": "contract_flag"}
"""Spellings of the official command-line tool."""
_EVERYWHERE: Final = frozenset({"pagination_key"})
_INDICES: Final = "indices"
_SPAN_NEEDS_CODE: Final = frozenset({"valuation", "margin_interest"})
_ONE_EXACTLY: Final = "earnings_dates"
_EQUITY_OPTIONS: Final = "EQOP"


class Strictness(StrEnum):
    """What happens to a parameter that the endpoint does not have."""

    LENIENT = "lenient"
    STRICT = "strict"


@dataclass(frozen=True)
class Asked:
    """A query whose parameters make sense.

    Attributes
    ----------
    code : str or None
        Five characters; four for an index.
    days : mapping of str to date
        One-day parameters by name: ``date``, ``disc_date``, ``calc_date``, ...
    first, last : date or None
        Ends of a range; None where open. Absent when a one-day parameter of the axis is given.
    filters : mapping of str to str
        All other parameters.
    """

    code: str | None = None
    days: Mapping[str, date] = field(default_factory=dict)
    first: date | None = None
    last: date | None = None
    filters: Mapping[str, str] = field(default_factory=dict)


def canonical(query: Mapping[str, str]) -> dict[str, str]:
    """Parameters by their canonical names, empty ones left out."""
    return {_ALIASES.get(name, name): value for name, value in query.items() if value}


def parse_date(text: str, *, name: str) -> date:
    """Date of ``YYYYMMDD`` or ``YYYY-MM-DD``; a `Refusal` (400) for another text or no real day."""
    found = _DATE.match(text)
    try:
        if found is None:
            raise ValueError(text)
        return date(*(int(part) for part in found.groups()))
    except ValueError:
        raise Refusal(400, f"'{name}' must be a valid date: YYYYMMDD or YYYY-MM-DD.") from None


def window_dates(endpoint: Endpoint, query: Mapping[str, str]) -> list[date]:
    """Dates of a query that the subscription has to cover; unreadable ones are for `asked_of`."""
    names = [n for n in query if n in endpoint.params and n in (_DAYS | _FIRST | _LAST)]
    names = [n for n in names if n != "scheduled_date"]
    if endpoint.date_param in names:
        names = [n for n in names if n not in _FIRST | _LAST]
    dates = []
    for name in names:
        try:
            dates.append(parse_date(query[name], name=name))
        except Refusal:
            continue
    return dates


def asked_of(endpoint: Endpoint, query: Mapping[str, str], *, strictness: Strictness) -> Asked:
    """Check the parameters of a query.

    Raises
    ------
    Refusal
        400, with the vendor's words where they are known.
    """
    allowed = {*endpoint.params, *_EVERYWHERE}
    unknown = sorted(set(query) - allowed)
    if unknown and strictness is Strictness.STRICT:
        raise Refusal(400, f"'{unknown[0]}' is not a parameter of this API.")
    given = {name: value for name, value in query.items() if name in allowed}
    _require_one(endpoint, given)
    _refuse_combinations(endpoint, given)
    days = {name: parse_date(given[name], name=name) for name in given if name in _DAYS}
    first = last = None
    if endpoint.date_param not in days:
        first = _end(given, _FIRST)
        last = _end(given, _LAST)
    if first is not None and last is not None and first > last:
        raise Refusal(400, "'from' must be older than 'to'")
    special = _DAYS | _FIRST | _LAST | _EVERYWHERE | {"code", "cursor"}
    return Asked(
        code=_code(endpoint, given.get("code")),
        days=days,
        first=first,
        last=last,
        filters={name: value for name, value in given.items() if name not in special},
    )


def _end(given: Mapping[str, str], names: frozenset[str]) -> date | None:
    found = [parse_date(given[name], name=name) for name in given if name in names]
    return found[0] if found else None


def _require_one(endpoint: Endpoint, given: Mapping[str, str]) -> None:
    present = [name for name in endpoint.one_of if name in given]
    named = ", ".join(sorted(endpoint.one_of, key=lambda name: name == "code"))
    if endpoint.one_of and not present:
        raise Refusal(400, f"This API requires at least 1 parameter as follows; {named}")
    if endpoint.name == _ONE_EXACTLY and len(present) > 1:
        raise Refusal(400, f"This API requires exactly 1 parameter as follows; {named}")


def _refuse_combinations(endpoint: Endpoint, given: Mapping[str, str]) -> None:
    if endpoint.name in _SPAN_NEEDS_CODE and {"from", "to"} <= set(given) and "code" not in given:
        raise Refusal(400, "'from' and 'to' require 'code'.")
    if "published_date" in given and {"date", "from", "to"} & set(given):
        raise Refusal(400, "'published_date' cannot be combined with 'date', 'from' or 'to'.")
    if endpoint.name == "options" and "code" in given and given.get("category") != _EQUITY_OPTIONS:
        raise Refusal(400, f"'code' requires 'category' to be {_EQUITY_OPTIONS}.")
    if "cursor" in given and "pagination_key" in given:
        raise Refusal(400, "'cursor' and 'pagination_key' cannot be specified together.")
    if "cursor" in given and "date" not in given:
        raise Refusal(400, "'cursor' requires 'date'.")


def _code(endpoint: Endpoint, code: str | None) -> str | None:
    """Five characters of a stock, of its ordinary share where four are given."""
    if code is None:
        return None
    if endpoint.name == _INDICES:
        if not _INDEX_CODE.match(code):
            raise Refusal(400, "'code' must be 4 characters.")
        return code
    if not _CODE.match(code):
        raise Refusal(400, "'code' must be 4 or 5 digits.")
    return code if len(code) == 5 else f"{code}0"
