"""Dates as people write them: one form a column, and no guess where two days are possible."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
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
_ERAS = {"令和": 2018, "平成": 1988, "昭和": 1925, "大正": 1911, "明治": 1867} | {
    "R": 2018,
    "H": 1988,
    "S": 1925,
    "T": 1911,
    "M": 1867,
}
"""Year before the first one of each era."""

_EXCEL_DAY_ZERO = date(1899, 12, 30)
_EXCEL_1970 = 25_569
"""Serial day of 1970-01-01. Numbers below it may as well be days since 1970, until 2040."""

_SEASON = timedelta(hours=1)
"""By how much the offset of one zone changes within a year."""

_MIDNIGHT = time(0)


@dataclass(frozen=True)
class _Form:
    """A way to write a date: whole-text pattern, and its groups to a date or an instant."""

    name: str
    pattern: re.Pattern[str]
    read: Callable[[re.Match[str]], date | datetime]


@dataclass(frozen=True)
class _Text:
    """A text of a column with the form that it has."""

    name: str
    read: Callable[[re.Match[str]], date | datetime]
    found: re.Match[str]

    @property
    def value(self) -> date | datetime | None:
        """A date or an instant; None where there is no such day."""
        try:
            return self.read(self.found)
        except (ValueError, OverflowError):
            return None


def _ymd(found: re.Match[str]) -> date:
    year, month, day = (int(part) for part in found.groups())
    return date(year, month, day)


def _named_month(found: re.Match[str]) -> date:
    parts = found.groupdict()
    return date(int(parts["y"]), _MONTHS[parts["m"][:3].lower()], int(parts["d"]))


def _era(found: re.Match[str]) -> date:
    era, year, month, day = found.groups()
    count = 1 if year == "元" else int(year)
    if count < 1:
        raise ValueError(year)
    return date(_ERAS[era.upper()] + count, int(month), int(day))


def _instant(found: re.Match[str]) -> datetime:
    """A datetime with the offset that it states, if any."""
    year, month, day, hour, minute, second = found.groups()[:6]
    seconds = float((second or "0").replace(",", "."))
    plain = datetime(int(year), int(month), int(day), int(hour), int(minute), int(seconds))
    if seconds != int(seconds):
        plain += timedelta(microseconds=1)  # no midnight, whatever the fraction is
    zone = found.groupdict().get("zone")
    if zone is None:
        return plain
    digits = re.sub(r"\D", "", zone)
    offset = timedelta(hours=int(digits[:2] or 0), minutes=int(digits[2:] or 0))
    return plain.replace(tzinfo=timezone(-offset if zone.startswith("-") else offset))


def _epoch(units: int) -> Callable[[re.Match[str]], datetime]:
    def read(found: re.Match[str]) -> datetime:
        whole, rest = divmod(int(found.group(1)), units)
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=whole)
        return moment + timedelta(microseconds=1) if rest else moment

    return read


def _undecided(found: re.Match[str]) -> date:
    """Which part is what is decided by all texts of a column together."""
    del found
    return date.min


_MON = (
    r"(?P<m>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"(?P<d>\d{1,2})(?:st|nd|rd|th)?"
_CLOCK = r"[ Tt]+(\d{1,2}):(\d{2})(?::(\d{2}(?:[.,]\d+)?))?"
_DAYTIME = rf"(\d{{4}})[-/](\d{{1,2}})[-/](\d{{1,2}}){_CLOCK}"
_ZONE = r" *(?P<zone>Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)"
_MARKS = {"slashes": "/", "dots": ".", "dashes": "-"}
_SERIAL = "serial days"
_SHORT = "two-digit year"
_FORMS = (
    _Form("YYYY-MM-DD", re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})"), _ymd),
    _Form("YYYY/MM/DD", re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})"), _ymd),
    _Form("YYYY.MM.DD", re.compile(r"(\d{4})\.(\d{1,2})\.(\d{1,2})"), _ymd),
    _Form("YYYY年MM月DD日", re.compile(r"(\d{4}) *年 *(\d{1,2}) *月 *(\d{1,2}) *日"), _ymd),
    _Form("YYYYMMDD", re.compile(r"(\d{4})(\d{2})(\d{2})(?:\.0+)?"), _ymd),
    _Form("YYYYMMDD000000", re.compile(r"(\d{4})(\d{2})(\d{2})0{6}(?:\.0+)?"), _ymd),
    _Form(
        "Japanese era",
        re.compile(
            r"(令和|平成|昭和|大正|明治|[RHSTM]) *(\d{1,2}|元) *[年./-] *(\d{1,2}) *[月./-] *"
            r"(\d{1,2}) *日?",
            re.IGNORECASE,
        ),
        _era,
    ),
    _Form(
        "DD Mon YYYY", re.compile(rf"{_DAY}[-. ]*{_MON}[-, ]*(?P<y>\d{{4}})", re.I), _named_month
    ),
    _Form("Mon DD YYYY", re.compile(rf"{_MON}[- ]+{_DAY}[-, ]+(?P<y>\d{{4}})", re.I), _named_month),
    _Form("YYYY Mon DD", re.compile(rf"(?P<y>\d{{4}})[- ]{_MON}[- ]{_DAY}", re.I), _named_month),
    _Form("YYYY-MM-DD 00:00:00", re.compile(_DAYTIME), _instant),
    _Form("YYYY-MM-DD 00:00:00+00:00", re.compile(_DAYTIME + _ZONE), _instant),
    _Form("seconds since 1970", re.compile(r"(\d{9,10})(?:\.0+)?"), _epoch(1)),
    _Form("milliseconds since 1970", re.compile(r"(\d{12,13})(?:\.0+)?"), _epoch(10**3)),
    _Form("microseconds since 1970", re.compile(r"(\d{15,16})(?:\.0+)?"), _epoch(10**6)),
    _Form("nanoseconds since 1970", re.compile(r"(\d{18,19})(?:\.0+)?"), _epoch(10**9)),
    _Form(_SERIAL, re.compile(r"([1-5]\d{4}|60000)(?:\.0+)?"), _undecided),
    *(
        _Form(
            name,
            re.compile(rf"\d{{1,2}}{re.escape(mark)}\d{{1,2}}{re.escape(mark)}\d{{4}}"),
            _undecided,
        )
        for name, mark in _MARKS.items()
    ),
    _Form(
        _SHORT,
        re.compile(
            r"'?\d{1,2}[/.-]\d{1,2}[/.-]'?\d{2}|\d{2} *年 *\d{1,2} *月 *\d{1,2} *日"
            r"|\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
            rf"|\d{{1,2}}[- ]*{_MON}[-, ]*'?\d{{2}}",
            re.IGNORECASE,
        ),
        _undecided,
    ),
)
"""In the order in which they are tried; marks need a decision, two digits are no year."""

_WEEKDAY = re.compile(
    r"^(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,? +"
    r"| *\([月火水木金土日](?:曜日?)?\)$",
    re.IGNORECASE,
)
_ZERO_CLOCK = re.compile(
    r" +(?:0?0:00(?::00(?:\.0+)?)?(?: *AM)?|12:00(?::00(?:\.0+)?)? *AM)$", re.IGNORECASE
)


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
    distinct = distinct.filter(stripped(distinct).is_not_null())
    if distinct.is_empty():
        return pl.repeat(None, len(text), dtype=pl.Date, eager=True).alias(text.name), "text empty"
    form, days = _read_distinct(text, distinct, place, order=order, timezone=timezone)
    known = pl.Series(days, dtype=pl.Date)
    if known.null_count():
        refuse_cells(
            _rows_with(text, distinct.filter(known.is_null())), text, place, wanted="dates"
        )
    found = text.replace_strict(distinct, known, default=None, return_dtype=pl.Date)
    return found, f"text {form}"


def _text_of(series: pl.Series, place: Place) -> pl.Series:
    """Whole numbers and texts as text; numbers with a fraction are no dates."""
    if series.dtype.is_float():
        whole = series.cast(pl.Int64, strict=False)
        broken = (series != whole.cast(series.dtype)) | series.is_infinite()
        unread = (broken | whole.is_null()) & series.is_not_nan()
        refuse_cells(unread.fill_null(value=False), series, place, wanted="dates")
        return whole.cast(pl.String)
    if series.dtype.is_integer() or series.dtype.is_decimal() or series.dtype in _TEXTS:
        return series.cast(pl.String)
    raise DataError(f"{place.text} holds {series.dtype}, not dates. Export it as YYYY-MM-DD.")


_TEXTS = (pl.String, pl.Categorical, pl.Enum)


def _read_distinct(
    text: pl.Series, distinct: pl.Series, place: Place, *, order: DateOrder, timezone: str
) -> tuple[str, list[date | None]]:
    """The one form of the distinct texts, and the date of each."""
    matched = [_match(value) for value in distinct]
    forms = pl.Series([None if one is None else one.name for one in matched], dtype=pl.String)
    if forms.null_count():
        unread = _rows_with(text, distinct.filter(forms.is_null()))
        refuse_cells(unread, text, place, wanted="dates (YYYY-MM-DD is best)")
    kinds = forms.unique(maintain_order=True).to_list()
    if len(kinds) > 1:
        raise _two_forms(text, {n: distinct.filter(forms == n) for n in kinds}, place)
    form = str(kinds[0])
    bare = form.removesuffix(_CLOCKED)
    if bare == _SHORT:
        count = int(_rows_with(text, distinct).sum())
        raise DataError(
            f"{place.text}: {count:,} dates such as {distinct[0]} have a year of two digits; which "
            "part is the year, and which century is meant, cannot be known. Write them as "
            "YYYY-MM-DD."
        )
    if bare in _MARKS:
        plain = pl.Series([one.found.group() for one in matched if one is not None])
        return _mark_order(text, distinct, plain, place, order=order, mark=_MARKS[bare])
    if bare == _SERIAL:
        return _serial_days([int(m.found.group(1)) for m in matched if m is not None], place)
    values = [one.value for one in matched if one is not None]
    if any(isinstance(value, datetime) for value in values):
        return _days_of(values, text, distinct, place, form=form, zone=timezone)
    return form, values


_CLOCKED = " 00:00"
"""Behind the name of a form whose dates have a clock that says midnight."""


def _rows_with(text: pl.Series, values: pl.Series) -> pl.Series:
    return text.is_in(values.implode()).fill_null(value=False)


def _match(value: str) -> _Text | None:
    """The form of a text, without its weekday, and without a clock that says midnight."""
    folded = _WEEKDAY.sub("", unicodedata.normalize("NFKC", value).strip())
    bare = _ZERO_CLOCK.sub("", folded)
    for candidate, behind in ((folded, ""), (bare, _CLOCKED)):
        for form in _FORMS:
            found = form.pattern.fullmatch(candidate)
            if found is not None:
                return _Text(form.name + behind, form.read, found)
    return None


def _serial_days(days: list[int], place: Place) -> tuple[str, list[date | None]]:
    """Days as Excel counts them, where they reach beyond 1970."""
    if max(days) < _EXCEL_1970:
        excel = _EXCEL_DAY_ZERO + timedelta(days=days[0])
        unix = date(1970, 1, 1) + timedelta(days=days[0])
        raise DataError(
            f"{place.text}: numbers such as {days[0]} can be serial days of Excel ({excel}) or "
            f"days since 1970 ({unix}). Write the dates as YYYY-MM-DD."
        )
    return "Excel serial", [_EXCEL_DAY_ZERO + timedelta(days=day) for day in days]


def _days_of(
    values: Sequence[date | None],
    text: pl.Series,
    distinct: pl.Series,
    place: Place,
    *,
    form: str,
    zone: str,
) -> tuple[str, list[date | None]]:
    """Dates of instants that are all midnight, where they say so or in the exchange's zone.

    What they say counts only where it is one zone, summer time apart.
    """
    moments = [value if isinstance(value, datetime) else None for value in values]
    offsets = [one.utcoffset() or timedelta(0) for one in moments if one is not None and one.tzinfo]
    one_zone = not offsets or max(offsets) - min(offsets) <= _SEASON
    there = ZoneInfo(zone)
    local = [_read_in(there, one) for one in moments]
    for read, how in ((moments if one_zone else None, ""), (local, f", read in {zone}")):
        if read is not None and all(one is None or one.time() == _MIDNIGHT for one in read):
            return form + how, [None if one is None else one.date() for one in read]
    read = moments if one_zone else local
    odd = pl.Series([one is not None and one.time() != _MIDNIGHT for one in read])
    rows = _rows_with(text, distinct.filter(odd))
    first = int(rows.arg_max() or 0)
    what = f"{form} (epoch)" if form.endswith("1970") else "times of day"
    raise DataError(
        f"{place.text}: {rows.sum():,} cell(s) are {what}, not dates: they are not midnight in "
        f"{'their own zone' if one_zone else 'one zone of their own'} or in {zone}, first "
        f"{place.at(first)} {text[first]!r}. Export the date of the session as YYYY-MM-DD."
    )


def _read_in(zone: ZoneInfo, moment: datetime | None) -> datetime | None:
    if moment is None or moment.tzinfo is None:
        return moment
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return None


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


def _mark_order(
    text: pl.Series,
    distinct: pl.Series,
    plain: pl.Series,
    place: Place,
    *,
    order: DateOrder,
    mark: str,
) -> tuple[str, list[date | None]]:
    """Whether the day or the month comes first, and the date of each of the ``plain`` texts."""
    day_first, month_first = (mark.join(parts) for parts in (("DD", "MM"), ("MM", "DD")))
    parts = plain.str.split(mark)
    days_lead = parts.list.get(0).cast(pl.Int32) > 12
    months_lead = parts.list.get(1).cast(pl.Int32) > 12
    form = month_first if order is DateOrder.MONTH_FIRST else day_first
    if order is DateOrder.AUTO:
        if days_lead.any() and months_lead.any():
            groups = {
                f"{day_first}{mark}YYYY": distinct.filter(days_lead),
                f"{month_first}{mark}YYYY": distinct.filter(months_lead),
            }
            raise _two_forms(text, groups, place)
        if not days_lead.any() and not months_lead.any():
            raise DataError(
                f"{place.text}: {len(distinct):,} dates such as {distinct[0]} can be day/month or "
                "month/day and none of them decides it. Say which: --set date_order=day_first or "
                "--set date_order=month_first"
            )
        form = day_first if days_lead.any() else month_first
    pattern = mark.join(("%d", "%m") if form == day_first else ("%m", "%d"))
    days = plain.str.to_date(f"{pattern}{mark}%Y", strict=False)
    return f"{form}{mark}YYYY", days.to_list()


def _two_forms(text: pl.Series, groups: Mapping[str, pl.Series], place: Place) -> DataError:
    parts: list[str] = []
    for name, values in groups.items():
        mask = _rows_with(text, values)
        where = place.at(int(mask.arg_max() or 0))
        parts.append(f"{mask.sum():,} like {values[0]} ({name}, first in {where})")
    shown = ", ".join(parts)
    return DataError(
        f"{place.text}: dates are written in {len(groups)} forms: {shown}. Which day some of them "
        "mean cannot be known; write all of them as YYYY-MM-DD."
    )
