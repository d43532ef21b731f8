"""One file of prices to one typed frame; what cannot be read with certainty is refused.

CSV is read as text throughout and cast deliberately, so that a code keeps its leading zeros and a
number that is not one is an error with its line, never a silent null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from gogooku.core.errors import DataError
from gogooku.ingest.imports.cells import Place, refuse_cells, stripped
from gogooku.ingest.imports.codes import code_texts
from gogooku.ingest.imports.columns import FLAGS, LISTING_DATES, NUMBERS, TEXTS
from gogooku.ingest.imports.dates import DateOrder, parse_dates
from gogooku.ingest.imports.table import Table

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


@dataclass(frozen=True)
class Parsed:
    """A file as read: typed columns named by field, how its dates and its codes were written."""

    frame: pl.DataFrame
    date_form: str
    code_type: str


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
        place = Place(table.name, field, column, table.line, table.separator)
        series = raw.get_column(column)
        if field == "date" or field in LISTING_DATES:
            casted[field], form = parse_dates(series, place, order=date_order, timezone=timezone)
            date_form = form if field == "date" else date_form
        else:
            casted[field] = _PARSERS[field](series, place)
    code_type = raw.schema[used["code"]]
    kind = "number" if code_type.is_numeric() else "text"
    return Parsed(pl.DataFrame(casted), date_form, kind)


def _numbers(series: pl.Series, place: Place) -> pl.Series:
    if series.dtype.is_numeric():
        return series.cast(pl.Float64)
    if series.dtype == pl.Null:
        return series.cast(pl.Float64)
    if series.dtype not in (pl.String, pl.Categorical, pl.Enum):
        raise DataError(f"{place.text} holds {series.dtype}, not numbers. Export it as numbers.")
    text = series.cast(pl.String)
    values = text.cast(pl.Float64, strict=False)
    odd = values.is_null() & text.is_not_null()
    if not odd.any():
        return values
    bare = stripped(text.filter(odd))
    read = bare.cast(pl.Float64, strict=False)
    if read.null_count() == bare.null_count():
        return values.scatter(odd.arg_true(), read)
    text = stripped(text)
    values = text.cast(pl.Float64, strict=False)
    values = _written_numbers(text, values, values.is_null() & text.is_not_null(), place)
    refuse_cells(values.is_null() & text.is_not_null(), series, place, wanted="numbers")
    return values


def _written_numbers(text: pl.Series, values: pl.Series, odd: pl.Series, place: Place) -> pl.Series:
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


def _texts(series: pl.Series, place: Place) -> pl.Series:
    del place
    text = series.cast(pl.String)
    return text.set(text.str.strip_chars() == "", None)


def _flags(series: pl.Series, place: Place) -> pl.Series:
    if series.dtype == pl.Boolean:
        return series
    text = stripped(series).str.to_lowercase()
    values = text.replace_strict(_FLAG_WORDS, default=None, return_dtype=pl.Boolean)
    refuse_cells(values.is_null() & text.is_not_null(), series, place, wanted="0/1 or true/false")
    return values


_Parser = Callable[[pl.Series, Place], pl.Series]
_PARSERS: Mapping[str, _Parser] = {
    "code": code_texts,
    **dict.fromkeys(NUMBERS, _numbers),
    **dict.fromkeys(FLAGS, _flags),
    **dict.fromkeys(TEXTS, _texts),
}
