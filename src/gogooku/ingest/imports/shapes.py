"""Other shapes of a delivery, brought to one row for each stock and date.

- A column for each field and ticker, with the two in two header lines: what yfinance writes.
- A column of closes for each ticker.
- One ticker a file, whose name alone says which.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter

import polars as pl

from gogooku.core.errors import DataError
from gogooku.core.frames import BAR_PRICES
from gogooku.ingest.imports.cells import stripped
from gogooku.ingest.imports.columns import field_of
from gogooku.ingest.imports.table import Table

CODE = "code"
"""Name of the column of codes that a shape gives; ``code from the file name`` in the mapping."""

FROM_NAME = "code (from the file name)"
_TOKYO = r"[1-9][0-9][0-9A-Z][0-9A-Z]0?(?:\.(?:T|JP|TYO))?"
_TICKER = re.compile(rf"\^?(?:{_TOKYO}|[A-Z]{{1,5}}(?:[.-][A-Z]{{1,2}})?)")
_NAMED = re.compile(rf"({_TOKYO}|[A-Z]{{1,5}}(?:\.[A-Z]{{1,2}})?)(?:[_ -].*)?")
_YEAR = re.compile(r"(19|20)[0-9]{2}")
_LEVELS = 3
_PRICES = (*BAR_PRICES, "adj_close")
_LABELS = ("", "ticker", "tickers", "price", "attributes", "symbol", "symbols")
"""What pandas writes before the names of a level of columns."""


def in_long_form(table: Table, given: Collection[str] = ()) -> Table:
    """The table with one row for each stock and date, whatever its shape was.

    Parameters
    ----------
    given : collection of str
        Fields whose columns the user has named.

    Raises
    ------
    DataError
        One of the shapes, with something in it that cannot be read.
    """
    headed = _field_and_ticker(table)
    if headed is not None:
        return headed
    if table.twice:
        raise DataError(
            f"{table.name}: {len(table.twice)} column name(s) occur twice: "
            f"{', '.join(table.twice[:8])}. Rename one."
        )
    fields = {field_of(name) for name in table.columns}
    if "date" not in fields:
        table = _dates_of_the_index(table)
        fields = {field_of(name) for name in table.columns}
    fields |= set(given)
    if "date" in fields and "code" not in fields:
        if "close" in fields:
            return _named_by_file(table)
        wide = _closes_by_ticker(table)
        if wide is not None:
            return wide
    return table


def _dates_of_the_index(table: Table) -> Table:
    """A pandas frame with dates as its index: an unnamed column of dates."""
    index = [n for n in table.columns if n in ("__index_level_0__", *table.unnamed)]
    for name in index[:1]:
        cells = table.read([name]).get_column(name).head(50).drop_nulls()
        dated = cells.dtype.is_temporal() or (
            cells.dtype == pl.String
            and len(cells) > 0
            and cells.str.contains(r"^\d{4}[-/]\d{1,2}[-/]\d{1,2}").all()
        )
        if dated:
            return _renamed(table, {name: "date"})
    return table


def _renamed(table: Table, names: dict[str, str]) -> Table:
    back = {new: old for old, new in names.items()}

    def read(columns: Sequence[str]) -> pl.DataFrame:
        return table.read([back.get(one, one) for one in columns]).rename(names, strict=False)

    return replace(
        table,
        columns=tuple(names.get(one, one) for one in table.columns),
        read=read,
        unnamed=tuple(one for one in table.unnamed if one not in names),
    )


@dataclass(frozen=True)
class _Cell:
    """A column of a file with two header lines: its field (None: unknown) and its ticker."""

    column: str
    field: str | None
    ticker: str


def _field_and_ticker(table: Table) -> Table | None:
    """What yfinance writes: fields and tickers in two header lines, or in the names of Parquet."""
    if table.separator:
        return _two_header_lines(table)
    pairs = [_pair(name) for name in table.columns]
    if sum(pair is not None for pair in pairs) < max(1, len(pairs) - 1):
        return None
    cells = [
        _cell(name, *pair)
        for name, pair in zip(table.columns, pairs, strict=True)
        if pair and pair[1]
    ]
    dates = [n for n, pair in zip(table.columns, pairs, strict=True) if not pair or not pair[1]]
    return _stacked(table, dates[0] if dates else table.columns[0], cells, skip=0)


def _pair(name: str) -> tuple[str, str] | None:
    if not name.startswith("("):
        return None
    try:
        value = ast.literal_eval(name)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    good = isinstance(value, tuple) and len(value) == 2 and all(isinstance(v, str) for v in value)
    return (value[0], value[1]) if good else None


def _cell(column: str, first: str, second: str) -> _Cell:
    """A column by its two names, whichever of them is the field."""
    if field_of(first) is not None:
        return _Cell(column, field_of(first), second.strip())
    return _Cell(column, field_of(second), first.strip())


def _two_header_lines(table: Table) -> Table | None:
    if len(table.columns) < 2:
        return None
    top = table.read(list(table.columns)).head(_LEVELS - 1) if _may_be_headed(table) else None
    if top is None or top.is_empty() or str(top.row(0)[0] or "").strip().lower() not in _LABELS:
        return None
    names = [re.sub(r"#[0-9]+$", "", name) for name in table.columns[1:]]
    second = [str(cell or "").strip() for cell in top.row(0)[1:]]
    fields_first = sum(field_of(name) is not None for name in names)
    fields_second = sum(field_of(name) is not None for name in second)
    if max(fields_first, fields_second) < len(names) / 2 or not all(second):
        return None
    if fields_first >= fields_second:
        cells = [
            _Cell(column, field_of(name), ticker)
            for column, name, ticker in zip(table.columns[1:], names, second, strict=True)
        ]
    else:
        cells = [
            _Cell(column, field_of(name), ticker)
            for column, name, ticker in zip(table.columns[1:], second, names, strict=True)
        ]
    label = str(top.row(1)[0] or "") if top.height > 1 else ""
    skip = 2 if field_of(label) == "date" and not any(top.row(1)[1:]) else 1
    return _stacked(table, table.columns[0], cells, skip=skip)


def _may_be_headed(table: Table) -> bool:
    first = table.columns[0].strip().lower()
    return first in (*_LABELS, "date", "column 1")


def _stacked(table: Table, dates: str, cells: Sequence[_Cell], *, skip: int) -> Table:
    """One block of rows for each ticker, below one another, from its first price to its last."""
    tickers = list(dict.fromkeys(cell.ticker for cell in cells))
    fields = list(dict.fromkeys(cell.field for cell in cells if cell.field))
    by_place = {(cell.ticker, cell.field): cell.column for cell in cells if cell.field}
    begins: list[tuple[int, int]] = []

    def read(columns: Sequence[str]) -> pl.DataFrame:
        whole = table.read([dates, *by_place.values()]).slice(skip)
        blocks: list[pl.DataFrame] = []
        begins.clear()
        for ticker in tickers:
            block = whole.select(
                pl.col(dates).alias("date"),
                pl.lit(ticker).alias(CODE),
                *(
                    pl.col(by_place[ticker, one]).alias(one)
                    if (ticker, one) in by_place
                    else pl.lit(None).alias(one)
                    for one in fields
                ),
            )
            first, length = _from_first_to_last(block)
            begins.append((sum(one.height for one in blocks), first))
            blocks.append(block.slice(first, length))
        return pl.concat(blocks, how="vertical_relaxed").select(columns)

    def line(row: int) -> str:
        above, first = begins[bisect_right(begins, row, key=itemgetter(0)) - 1]
        return table.line(skip + first + row - above)

    return Table(
        name=table.name,
        columns=("date", CODE, *fields),
        rows=(table.rows - skip) * len(tickers),
        read=read,
        line=line,
        notes=(*table.notes, f"{len(tickers):,} ticker(s) side by side, one column a field"),
        separator=table.separator,
    )


def _from_first_to_last(block: pl.DataFrame) -> tuple[int, int]:
    """Where the rows of a ticker begin, and how many they are until its last price.

    Side by side every ticker has a cell on every date; before its listing and after its end they
    are empty. A ticker without any price keeps all its rows, to be counted as what they are.
    """
    prices = [block.get_column(name) for name in _PRICES if name in block.columns]
    there = pl.Series([False]).new_from_index(0, block.height)
    for cells in prices:
        if cells.dtype.is_float():
            there |= cells.is_finite().fill_null(value=False)
        elif cells.dtype == pl.String:
            text = stripped(cells)
            there |= (text.is_not_null() & (text.str.to_lowercase() != "nan")).fill_null(
                value=False
            )
        else:
            there |= cells.is_not_null()
    places = there.arg_true()
    if places.is_empty():
        return 0, block.height
    return places[0], places[-1] - places[0] + 1


def _closes_by_ticker(table: Table) -> Table | None:
    """A column of closes for each ticker."""
    dates = [name for name in table.columns if field_of(name) == "date"]
    others = [n for n in table.columns if n not in dates and n not in table.unnamed]
    if len(dates) != 1 or not others or not all(_TICKER.fullmatch(name) for name in others):
        return None
    cells = [_Cell(name, "close", name) for name in others]
    wide = _stacked(table, dates[0], cells, skip=0)
    note = f"{len(others):,} column(s), one a ticker, read as closes"
    return replace(wide, notes=(*table.notes, note))


def _named_by_file(table: Table) -> Table:
    """One ticker, whose code is in the name of the file."""
    stem = re.sub(r"\.(csv|txt|parquet|pq|tsv)?(\.(gz|bz2|xz|zip))?$", "", table.name, flags=re.I)
    stem = re.sub(r"\.(csv|txt|parquet|pq|tsv)$", "", stem, flags=re.I)
    found = _NAMED.fullmatch(stem)
    if found is None or _YEAR.fullmatch(found.group(1)):
        raise DataError(
            f"{table.name}: no column for the code (its columns: {', '.join(table.columns[:12])}), "
            "and the name of the file is none either. If one of them is it, say so: --map "
            "code=COLUMN. Else name the file by its code: 7203.csv, 7203.T.csv, AAPL.csv; a folder "
            "of such files is imported at once: gogooku import FOLDER"
        )
    code = found.group(1)

    def read(columns: Sequence[str]) -> pl.DataFrame:
        rows = table.read([one for one in columns if one != FROM_NAME])
        return rows.with_columns(pl.lit(code).alias(FROM_NAME)).select(columns)

    return replace(table, columns=(*table.columns, FROM_NAME), read=read)
