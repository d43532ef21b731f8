"""Dates as people write them: one form a column, and no guess where two days are possible."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import StrEnum
from zoneinfo import ZoneInfo

import polars as pl

from gogooku.core.errors import DataError
from gogooku.ingest.imports.cells import Place, refuse_cells, stripped


class DateOrder(StrEnum):
    """How a date such as 03/04/2024 is meant."""

    AUTO = "auto"
    """Decided by the dates of the file; refused where they do not decide."""

    DAY_FIRST = "day_first"
    MONTH_FIRST = "month_first"


_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_ERAS = {"令和": 2018, "平成": 1988, "昭和": 1925, "R": 2018, "H": 1988, "S": 1925}
"""Year before the first one of each era."""

_EXCEL_DAY_ZERO = date(1899, 12, 30)
"""Serials of five digits from 20000 to 59999 (1954 to 2064) are dates in no other form."""

_EPOCHS = {10: 1, 13: 10**3, 16: 10**6, 19: 10**9}
"""Digits of a count since 1970 to its units in a second."""

_MIDNIGHT = time(0)


@dataclass(frozen=True)
class _Form:
    """A way to write a date: whole-text pattern, and its groups to a date or an instant."""

    name: str
    pattern: re.Pattern[str]
    read: Callable[[re.Match[str]], date | datetime]


def _ymd(found: re.Match[str]) -> date:
    year, month, day = (int(part) for part in found.groups())
    return date(year, month, day)


def _named_month(found: re.Match[str]) -> date:
    parts = found.groupdict()
    return date(int(parts["y"]), _MONTHS[parts["m"][:3].lower()], int(parts["d"]))


def _era(found: re.Match[str]) -> date:
    era, year, month, day = found.groups()
    return date(_ERAS[era] + (1 if year == "元" else int(year)), int(month), int(day))


def _instant(found: re.Match[str]) -> datetime:
    """A datetime with the offset that it states, if any."""
    year, month, day, hour, minute, second, zone = found.groups()
    plain = datetime(
        int(year), int(month), int(day), int(hour), int(minute), int(float(second or 0))
    )
    if second and float(second) != int(float(second)):
        plain += timedelta(microseconds=1)  # no midnight, whatever the fraction is
    if zone is None:
        return plain
    if zone in ("Z", "z", "UTC", " UTC"):
        return plain.replace(tzinfo=UTC)
    sign = -1 if zone.strip().startswith("-") else 1
    digits = re.sub(r"\D", "", zone)
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return plain.replace(tzinfo=timezone(sign * offset))


def _epoch(found: re.Match[str]) -> datetime:
    digits = found.group(1)
    whole, rest = divmod(int(digits), _EPOCHS[len(digits)])
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=whole)
    return moment + timedelta(microseconds=1) if rest else moment


def _undecided(found: re.Match[str]) -> date:
    """Which part is what is decided by all texts of a column together."""
    del found
    return date.min


def _excel(found: re.Match[str]) -> date:
    return _EXCEL_DAY_ZERO + timedelta(days=int(found.group(1)))


_MON = r"(?P<m>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DAY_MONTH = re.compile(rf"(?P<d>\d{{1,2}})[- ]{_MON}[- ,]+(?P<y>\d{{4}})", re.I)
_MONTH_DAY = re.compile(rf"{_MON}[- ](?P<d>\d{{1,2}}),?[- ]+(?P<y>\d{{4}})", re.I)
_CLOCK = r"(\d{2}):(\d{2})(?::(\d{2}(?:\.\d+)?))?\s*(Z|z|UTC|[+-]\d{2}:?\d{2})?"
_SLASHES = "slashes"
_SHORT = "two-digit year"
_FORMS = (
    _Form("YYYY-MM-DD", re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})"), _ymd),
    _Form("YYYY/MM/DD", re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})"), _ymd),
    _Form("YYYY.MM.DD", re.compile(r"(\d{4})\.(\d{1,2})\.(\d{1,2})"), _ymd),
    _Form("YYYY年MM月DD日", re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日"), _ymd),
    _Form("YYYYMMDD", re.compile(r"((?:19|20)\d{2})(\d{2})(\d{2})(?:\.0)?"), _ymd),
    _Form(
        "Japanese era",
        re.compile(r"(令和|平成|昭和|[RHS])(\d{1,2}|元)[年./-](\d{1,2})[月./-](\d{1,2})日?"),
        _era,
    ),
    _Form("DD Mon YYYY", _DAY_MONTH, _named_month),
    _Form("Mon DD YYYY", _MONTH_DAY, _named_month),
    _Form(
        "YYYY-MM-DD 00:00:00",
        re.compile(rf"(\d{{4}})[-/](\d{{1,2}})[-/](\d{{1,2}})[ T]{_CLOCK}"),
        _instant,
    ),
    _Form("since 1970", re.compile(r"(\d{10}|\d{13}|\d{16}|\d{19})(?:\.0)?"), _epoch),
    _Form("Excel serial", re.compile(r"([2-5]\d{4})(?:\.0)?"), _excel),
    _Form(_SLASHES, re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})"), _undecided),
    _Form(_SHORT, re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2}"), _undecided),
)
"""In the order in which they are tried; slashes need a decision, two digits are no year."""


def parse_dates(
    series: pl.Series, place: Place, *, order: DateOrder, timezone: str
) -> tuple[pl.Series, str]:
    """Read a column of dates: (Date series, how they were written).

    Datetimes must be midnight, in the zone that they state or read in the exchange's; so must
    counts of seconds since 1970.

    Raises
    ------
    DataError
        Cells that are no dates, two forms in one column, slashes that no day decides, times of
        day.
    """
    if series.dtype == pl.Date:
        return series, "date"
    if series.dtype == pl.Null:
        return series.cast(pl.Date), "empty"
    if isinstance(series.dtype, pl.Datetime):
        return _midnights(series, place, timezone=timezone)
    text = _text_of(series, place)
    distinct = text.drop_nulls().unique(maintain_order=True)
    if distinct.is_empty():
        return text.cast(pl.Date), "text empty"
    form, days = _read_distinct(text, distinct, place, order=order, timezone=timezone)
    known = pl.Series(days, dtype=pl.Date)
    found = text.replace_strict(distinct, known, default=None, return_dtype=pl.Date)
    refuse_cells(found.is_null() & text.is_not_null(), series, place, wanted="dates")
    return found, f"text {form}"


def _text_of(series: pl.Series, place: Place) -> pl.Series:
    """Whole numbers and texts as text; numbers with a fraction are no dates."""
    if series.dtype.is_float():
        whole = series.cast(pl.Int64, strict=False)
        broken = (series != whole.cast(series.dtype)) & series.is_finite()
        refuse_cells(broken.fill_null(value=False), series, place, wanted="dates")
        return whole.cast(pl.String)
    if series.dtype.is_integer() or series.dtype in (pl.String, pl.Categorical, pl.Enum):
        return stripped(series)
    raise DataError(f"{place.text} holds {series.dtype}, not dates. Export it as YYYY-MM-DD.")


def _read_distinct(
    text: pl.Series, distinct: pl.Series, place: Place, *, order: DateOrder, timezone: str
) -> tuple[str, list[date | None]]:
    """The one form of the distinct texts, and the date of each."""
    matched = [_match(value) for value in distinct]
    names = [None if found is None else found[0].name for found in matched]
    forms = pl.Series(names, dtype=pl.String)
    unread = text.is_in(distinct.filter(forms.is_null()).implode()).fill_null(value=False)
    refuse_cells(unread, text, place, wanted="dates (YYYY-MM-DD is best)")
    kinds = forms.unique(maintain_order=True).to_list()
    if len(kinds) > 1:
        raise _two_forms(text, {n: distinct.filter(forms == n) for n in kinds}, place)
    form = str(kinds[0])
    if form == _SHORT:
        raise DataError(
            f"{place.text}: dates such as {distinct[0]} have a year of two digits; which part is "
            "the year cannot be known. Write them as YYYY-MM-DD."
        )
    if form == _SLASHES:
        return _slash_order(text, distinct, place, order=order)
    values = [_value(one, found) for one, found in (m for m in matched if m is not None)]
    if any(isinstance(value, datetime) for value in values):
        return _days_of(values, distinct, place, form=form, zone=timezone)
    return form, values


def _match(value: str) -> tuple[_Form, re.Match[str]] | None:
    folded = unicodedata.normalize("NFKC", value)
    for form in _FORMS:
        found = form.pattern.fullmatch(folded)
        if found is not None:
            return form, found
    return None


def _value(form: _Form, found: re.Match[str]) -> date | datetime | None:
    """A date or an instant; None where there is no such day."""
    try:
        return form.read(found)
    except (ValueError, OverflowError):
        return None


def _days_of(
    values: list[date | datetime | None],
    distinct: pl.Series,
    place: Place,
    *,
    form: str,
    zone: str,
) -> tuple[str, list[date | None]]:
    """Dates of instants that are all midnight, where they say so or in the exchange's zone."""
    moments = [value if isinstance(value, datetime) else None for value in values]
    there = ZoneInfo(zone)
    local = [m.astimezone(there) if m is not None and m.tzinfo else m for m in moments]
    for read, how in ((moments, ""), (local, f", read in {zone}")):
        if all(one is None or one.time() == _MIDNIGHT for one in read):
            return form + how, [None if one is None else one.date() for one in read]
    late = next(n for n, one in enumerate(moments) if one is not None and one.time() != _MIDNIGHT)
    what = "seconds since 1970 (epoch)" if form == "since 1970" else "a time of day"
    raise DataError(
        f"{place.text}: dates such as {distinct[late]} are not dates but {what}, and not midnight "
        f"in their own zone or in {zone}. Export the date of the session as YYYY-MM-DD."
    )


def _midnights(series: pl.Series, place: Place, *, timezone: str) -> tuple[pl.Series, str]:
    zone = getattr(series.dtype, "time_zone", None)
    candidates: list[tuple[pl.Series, str]] = [
        (
            series.dt.replace_time_zone(None) if zone else series,
            f"datetime {zone or 'without zone'}",
        )
    ]
    if zone is not None:
        local = series.dt.convert_time_zone(str(ZoneInfo(timezone))).dt.replace_time_zone(None)
        candidates.append((local, f"datetime {zone}, read in {timezone}"))
    for wall, form in candidates:
        if (wall.drop_nulls().dt.time() == _MIDNIGHT).all():
            return wall.dt.date(), form
    bad = (candidates[0][0].dt.time() != _MIDNIGHT).fill_null(value=False)
    refuse_cells(bad, series, place, wanted="dates (midnight, in their zone or the exchange's)")
    raise DataError(f"{place.text}: not dates.")


def _slash_order(
    text: pl.Series, distinct: pl.Series, place: Place, *, order: DateOrder
) -> tuple[str, list[date | None]]:
    day_first, month_first = ("DD/MM/YYYY", "%d/%m/%Y"), ("MM/DD/YYYY", "%m/%d/%Y")
    parts = distinct.str.split("/")
    days_lead = parts.list.get(0).cast(pl.Int32) > 12
    months_lead = parts.list.get(1).cast(pl.Int32) > 12
    if order is not DateOrder.AUTO:
        form, pattern = day_first if order is DateOrder.DAY_FIRST else month_first
    elif days_lead.any() and months_lead.any():
        groups = {
            "DD/MM/YYYY": distinct.filter(days_lead),
            "MM/DD/YYYY": distinct.filter(months_lead),
        }
        raise _two_forms(text, groups, place)
    elif not days_lead.any() and not months_lead.any():
        raise DataError(
            f"{place.text}: {len(distinct):,} dates such as {distinct[0]} can be day/month or "
            "month/day and none of them decides it. Say which: --set date_order=day_first or "
            "--set date_order=month_first"
        )
    else:
        form, pattern = day_first if days_lead.any() else month_first
    return form, distinct.str.to_date(pattern, strict=False).to_list()


def _two_forms(text: pl.Series, groups: Mapping[str, pl.Series], place: Place) -> DataError:
    parts: list[str] = []
    for name, values in groups.items():
        mask = text.is_in(values.implode()).fill_null(value=False)
        where = place.at(int(mask.arg_max() or 0))
        parts.append(f"{mask.sum():,} like {values[0]} ({name}, first in {where})")
    shown = ", ".join(parts)
    return DataError(
        f"{place.text}: dates are written in {len(groups)} forms: {shown}. Which day some of them "
        "mean cannot be known; write all of them as YYYY-MM-DD."
    )
