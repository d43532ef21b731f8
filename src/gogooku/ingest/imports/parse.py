"""One file of prices to one typed frame; what cannot be read with certainty is refused.

CSV is read as text throughout and cast deliberately, so that a code keeps its leading zeros and a
number that is not one is an error with its line, never a silent null.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import time
from enum import StrEnum
from zoneinfo import ZoneInfo

import polars as pl

from gogooku.core.errors import DataError
from gogooku.ingest.imports.columns import FLAGS, LISTING_DATES, NUMBERS, TEXTS
from gogooku.ingest.imports.table import Table

NULL_TOKENS: tuple[str, ...] = (
    *("", "-", "--", "---", "－", "—"),
    *("na", "n/a", "null", "none", "#n/a"),
)
"""Texts that mean "no value", compared without case; ``NaN`` and ``inf`` are non-finite numbers."""

_EXAMPLES = 3
_MARKS = r"[¥￥$€£円株*†‡※]"
_THOUSANDS = r"^[-+]?(\d{1,3}(,\d{3})+|\d+)(\.\d*)?$"
_DECIMAL_COMMA = (
    r"^[-+]?\d{1,3}(\.\d{3})*,(\d{1,2}|\d{4,})$|^[-+]?\d{4,},\d+$|^[-+]?\d{1,3}(\.\d{3})+,\d+$"
)
_COMMA_NUMBER = r"^[-+]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?$"
_AMBIGUOUS_COMMA = r"^[-+]?\d{1,3},\d{3}$"
_FLAG_WORDS: Mapping[str, bool] = {
    "1": True,
    "1.0": True,
    "true": True,
    "0": False,
    "0.0": False,
    "false": False,
}


class DateOrder(StrEnum):
    """How a date such as 03/04/2024 is meant."""

    AUTO = "auto"
    """Decided by the dates of the file; refused where they do not decide."""

    DAY_FIRST = "day_first"
    MONTH_FIRST = "month_first"


_DATE_FORMATS: tuple[tuple[str, str, str], ...] = (
    ("YYYY-MM-DD", r"\d{4}-\d{2}-\d{2}", "%Y-%m-%d"),
    ("YYYY/MM/DD", r"\d{4}/\d{1,2}/\d{1,2}", "%Y/%m/%d"),
    ("YYYYMMDD", r"\d{8}", "%Y%m%d"),
    ("YYYY-MM-DD 00:00:00", r"\d{4}-\d{2}-\d{2}[ T]00:00(:00(\.0+)?)?", "%Y-%m-%d"),
    ("slashes", r"\d{1,2}/\d{1,2}/\d{4}", ""),
)
"""Name, whole-text pattern and strptime format of each accepted form; slashes need a decision."""


@dataclass(frozen=True)
class Parsed:
    """A file as read: typed columns named by field, how its dates and its codes were written."""

    frame: pl.DataFrame
    date_form: str
    code_type: str


@dataclass(frozen=True)
class _Place:
    """Where a value stands, for messages."""

    file: str
    field: str
    column: str
    line: Callable[[int], str]
    separator: str

    def at(self, index: int) -> str:
        return self.line(index)

    @property
    def text(self) -> str:
        named = "" if self.field == self.column else f" (the {self.field})"
        return f"{self.file}: column {self.column}{named}"


def parse_table(
    table: Table, *, used: Mapping[str, str], date_order: DateOrder, timezone: str
) -> Parsed:
    """Read the mapped columns of one file.

    Returns a frame with one column per mapped field: ``date`` (Date), ``code`` (String), numbers
    (Float64; NaN and inf still inside), flags (Boolean), texts (String), listing dates (Date).

    Raises
    ------
    DataError
        Not readable, no rows, or a cell that is not what its column must hold.
    """
    raw = table.read(list(used.values()))
    if raw.is_empty():
        raise DataError(f"{table.name}: it has columns but no rows. Export it again.")
    casted: dict[str, pl.Series] = {}
    date_form = ""
    for field, column in used.items():
        place = _Place(table.name, field, column, table.line, table.separator)
        series = raw.get_column(column)
        if field == "date" or field in LISTING_DATES:
            casted[field], form = _dates(series, place, order=date_order, timezone=timezone)
            date_form = form if field == "date" else date_form
        else:
            casted[field] = _PARSERS[field](series, place)
    code_type = raw.schema[used["code"]]
    return Parsed(pl.DataFrame(casted), date_form, "number" if code_type.is_integer() else "text")


def _stripped(series: pl.Series) -> pl.Series:
    text = series.cast(pl.String).str.strip_chars()
    return text.set(text.str.to_lowercase().is_in(NULL_TOKENS), None)


def _refuse_cells(bad: pl.Series, values: pl.Series, place: _Place, *, wanted: str) -> None:
    """Refuse a column that has cells which are not what they must be."""
    indices = bad.arg_true()
    if indices.is_empty():
        return
    shown = ", ".join(f"{place.at(i)} {values[i]!r}" for i in indices.head(_EXAMPLES).to_list())
    raise DataError(
        f"{place.text}: {len(indices):,} cell(s) are not {wanted}: {shown}. Correct them in the "
        f"file, or point the field at another column: --map {place.field}=COLUMN"
    )


def _numbers(series: pl.Series, place: _Place) -> pl.Series:
    if series.dtype.is_numeric():
        return series.cast(pl.Float64)
    if series.dtype == pl.Null:
        return series.cast(pl.Float64)
    if series.dtype not in (pl.String, pl.Categorical, pl.Enum):
        raise DataError(f"{place.text} holds {series.dtype}, not numbers. Export it as numbers.")
    text = _stripped(series)
    values = text.cast(pl.Float64, strict=False)
    odd = values.is_null() & text.is_not_null()
    if odd.any():
        values = _written_numbers(text, values, odd, place)
        odd = values.is_null() & text.is_not_null()
    _refuse_cells(odd, series, place, wanted="numbers")
    return values


def _written_numbers(
    text: pl.Series, values: pl.Series, odd: pl.Series, place: _Place
) -> pl.Series:
    """Numbers with thousands separators, currency signs, footnote marks, or a decimal comma.

    A decimal comma is taken where the cells of a file are separated by semicolons and at least one
    number can mean nothing else; then a point parts thousands, in all cells of the column.
    """
    distinct = text.filter(odd).unique()
    plain = distinct.str.normalize("NFKC").str.replace_all(_MARKS, "").str.replace_all(r"\s", "")
    if place.separator == ";" and plain.str.contains(_DECIMAL_COMMA).any():
        whole = text.str.normalize("NFKC").str.replace_all(_MARKS, "").str.replace_all(r"\s", "")
        good = whole.str.contains(_COMMA_NUMBER)
        number = whole.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
        return number.set(~good, None).cast(pl.Float64, strict=False)
    if place.separator == ";" and plain.str.contains(_AMBIGUOUS_COMMA).any():
        shown = plain.filter(plain.str.contains(_AMBIGUOUS_COMMA))[0]
        raise DataError(
            f"{place.text}: a number such as {shown} "
            "can have a decimal comma or a thousands separator, and no other number of the column "
            "decides it. Write decimals with a point and no thousands separators."
        )
    grouped = plain.str.contains(_THOUSANDS)
    number = plain.str.replace_all(",", "", literal=True).set(~grouped, None)
    known = number.cast(pl.Float64, strict=False)
    found = text.replace_strict(distinct, known, default=None, return_dtype=pl.Float64)
    return found.zip_with(odd, values)


def _codes(series: pl.Series, place: _Place) -> pl.Series:
    if series.dtype.is_integer() or series.dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        text = series.cast(pl.String)
        return text.set(text.str.strip_chars() == "", None)
    raise DataError(
        f"{place.text} holds {series.dtype}; a code is text. Export it as text, so that leading "
        "zeros and letters survive."
    )


def _texts(series: pl.Series, place: _Place) -> pl.Series:
    del place
    text = series.cast(pl.String)
    return text.set(text.str.strip_chars() == "", None)


def _flags(series: pl.Series, place: _Place) -> pl.Series:
    if series.dtype == pl.Boolean:
        return series
    text = _stripped(series).str.to_lowercase()
    values = text.replace_strict(_FLAG_WORDS, default=None, return_dtype=pl.Boolean)
    _refuse_cells(values.is_null() & text.is_not_null(), series, place, wanted="0/1 or true/false")
    return values


def _dates(
    series: pl.Series, place: _Place, *, order: DateOrder, timezone: str
) -> tuple[pl.Series, str]:
    if series.dtype == pl.Date:
        return series, "date"
    if series.dtype == pl.Null:
        return series.cast(pl.Date), "empty"
    if isinstance(series.dtype, pl.Datetime):
        return _midnights(series, place, timezone=timezone)
    if series.dtype.is_float() or not (
        series.dtype.is_integer() or series.dtype in (pl.String, pl.Categorical, pl.Enum)
    ):
        raise DataError(f"{place.text} holds {series.dtype}, not dates. Export it as YYYY-MM-DD.")
    text = _stripped(series)
    form, pattern = _date_form(text, place, order=order)
    days = (text.str.head(10) if form.endswith("00:00:00") else text).str.to_date(
        pattern, strict=False
    )
    _refuse_cells(days.is_null() & text.is_not_null(), series, place, wanted="dates")
    return days, f"text {form}"


def _midnights(series: pl.Series, place: _Place, *, timezone: str) -> tuple[pl.Series, str]:
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
    _refuse_cells(bad, series, place, wanted="dates (midnight, in their zone or the exchange's)")
    raise DataError(f"{place.text}: not dates.")


_MIDNIGHT = time(0)


def _date_form(text: pl.Series, place: _Place, *, order: DateOrder) -> tuple[str, str]:
    """Find the one form in which the dates are written, with its strptime format."""
    distinct = text.drop_nulls().unique(maintain_order=True)
    forms = pl.Series([_form_of(value) for value in distinct], dtype=pl.String)
    if forms.is_empty():
        return "empty", "%Y-%m-%d"
    names = forms.drop_nulls().unique(maintain_order=True).to_list()
    if forms.null_count():
        bad = text.is_in(distinct.filter(forms.is_null()).implode())
        _refuse_cells(bad, text, place, wanted="dates (YYYY-MM-DD is best)")
    if len(names) > 1:
        raise _two_forms(text, {n: distinct.filter(forms == n) for n in names}, place)
    if names[0] != "slashes":
        return names[0], next(f for name, _, f in _DATE_FORMATS if name == names[0])
    return _slash_order(text, distinct, place, order=order)


def _form_of(value: str) -> str | None:
    return next((name for name, pattern, _ in _DATE_FORMATS if re.fullmatch(pattern, value)), None)


def _slash_order(
    text: pl.Series, distinct: pl.Series, place: _Place, *, order: DateOrder
) -> tuple[str, str]:
    day_first, month_first = ("DD/MM/YYYY", "%d/%m/%Y"), ("MM/DD/YYYY", "%m/%d/%Y")
    if order is not DateOrder.AUTO:
        return day_first if order is DateOrder.DAY_FIRST else month_first
    parts = distinct.str.split("/")
    days_lead = parts.list.get(0).cast(pl.Int32) > 12
    months_lead = parts.list.get(1).cast(pl.Int32) > 12
    if days_lead.any() and months_lead.any():
        groups = {
            "DD/MM/YYYY": distinct.filter(days_lead),
            "MM/DD/YYYY": distinct.filter(months_lead),
        }
        raise _two_forms(text, groups, place)
    if not days_lead.any() and not months_lead.any():
        raise DataError(
            f"{place.text}: {len(distinct):,} dates such as {distinct[0]} can be day/month or "
            "month/day and none of them decides it. Say which: --set date_order=day_first or "
            "--set date_order=month_first"
        )
    return day_first if days_lead.any() else month_first


def _two_forms(text: pl.Series, groups: Mapping[str, pl.Series], place: _Place) -> DataError:
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


_Parser = Callable[[pl.Series, _Place], pl.Series]
_PARSERS: Mapping[str, _Parser] = {
    "code": _codes,
    **dict.fromkeys(NUMBERS, _numbers),
    **dict.fromkeys(FLAGS, _flags),
    **dict.fromkeys(TEXTS, _texts),
}
