"""A file as a table: names of columns, cells as they stand, and the line of every row.

A CSV whose lines all have the same number of columns is read where it lies. Any other is written
anew once, row by row, so that the line of what is wrong with it can be named.
"""

from __future__ import annotations

import csv
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import polars as pl

from gogooku.core.errors import DataError
from gogooku.ingest.imports.columns import field_of
from gogooku.ingest.imports.opening import MAX_LINE, Opened, open_file, text_lines
from gogooku.ingest.imports.regular import regular_lines

MAX_ROWS = 30_000_000
"""Rows of one import: 27 years of all of Tokyo. An import takes 0.18 GB a million rows."""

MAX_COLUMNS = 50_000

SEPARATORS = (",", ";", "\t", "|")

_PREVIEW = 60
_LINES_SHOWN = 3
_HEADER_FIELDS = 2
"""Recognised names from which a line is the header, whatever stands before it."""


@dataclass(frozen=True)
class Table:
    """A file whose columns are known and whose cells can be read.

    Attributes
    ----------
    name : str
        Of the file, for messages.
    columns : tuple of str
        In order; columns without a name are ``column N`` by their position.
    rows : int
        How many there are.
    read : callable
        Columns to a frame: text cells of a CSV, typed ones of Parquet.
    line : callable
        Row to where it stands: ``line 31`` of a CSV, ``row 30`` of Parquet.
    notes : tuple of str
        How the file was written, where that is not plain.
    separator : str
        Of a CSV; empty for Parquet.
    unnamed : tuple of str
        Columns that have no name of their own.
    twice : tuple of str
        Names that occur more than once; all but the first are ``NAME#2``, ``NAME#3``, ...
    """

    name: str
    columns: tuple[str, ...]
    rows: int
    read: Callable[[Sequence[str]], pl.DataFrame]
    line: Callable[[int], str]
    notes: tuple[str, ...] = ()
    separator: str = ""
    unnamed: tuple[str, ...] = ()
    twice: tuple[str, ...] = ()


def open_table(path: Path, stack: ExitStack) -> Table:
    """Open a file as a table; what must be written anew lives as long as the stack.

    Raises
    ------
    DataError
        Not readable, too large, rows of different widths.
    """
    opened = open_file(path)
    table = _parquet_table(opened) if opened.parquet else _csv_table(opened, stack)
    if len(table.columns) > MAX_COLUMNS:
        raise DataError(
            f"{table.name}: {len(table.columns):,} columns, at most {MAX_COLUMNS:,}. Export one "
            "row for each stock and date."
        )
    return table


def _parquet_table(opened: Opened) -> Table:
    path = opened.path
    with path.open("rb") as handle:
        handle.seek(max(path.stat().st_size - 4, 0))
        tail = handle.read(4)
    if tail != b"PAR1":
        raise DataError(
            f"{opened.name}: truncated Parquet: {path.stat().st_size:,} bytes that do not end with "
            "PAR1, so the copy or the download was cut. Fetch it again; nothing was read."
        )
    try:
        names = tuple(pl.read_parquet_schema(path))
        rows = int(pl.scan_parquet(path).select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError) as fault:
        raise _unreadable(opened, fault) from fault
    few_enough(rows, opened.name)

    def read(columns: Sequence[str]) -> pl.DataFrame:
        try:
            return pl.read_parquet(path, columns=list(columns))
        except (pl.exceptions.PolarsError, OSError) as fault:
            raise _unreadable(opened, fault) from fault

    return Table(opened.name, names, rows, read, lambda row: f"row {row + 1:,}")


def _csv_table(opened: Opened, stack: ExitStack) -> Table:
    with text_lines(opened) as lines:
        first = list(islice(lines, _PREVIEW))
    separator = _separator(first, opened.name)
    with text_lines(opened) as lines:
        rows = [row for _, row in islice(_rows(lines, separator, opened.name), _PREVIEW)]
    header = _header_at(rows, opened.name)
    names = _names(rows[header])
    plain = not opened.container and opened.encoding in ("utf-8", "utf-8-sig")
    if plain and header == 0:
        lines_found = regular_lines(opened.path, separator=separator, columns=len(names))
        if lines_found:
            few_enough(lines_found - 1, opened.name)
            table = _table(opened, opened.path, names, separator, lambda row: row + 2)
            return replace(table, rows=lines_found - 1)
    return _rewritten(opened, separator, header, stack)


def _separator(lines: Sequence[str], name: str) -> str:
    """The separator that most of the first lines have most often."""
    text = [line for line in lines if line.strip()]
    if not text:
        raise DataError(f"{name}: only blank lines. Export it again.")
    widths = {
        one: Counter(line.count(one) for line in text).most_common(1)[0] for one in SEPARATORS
    }
    return max(SEPARATORS, key=lambda one: (widths[one][0] > 0, widths[one][1] * widths[one][0]))


def _rows(lines: Iterator[str], separator: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, each with the line on which it ends."""
    csv.field_size_limit(MAX_LINE)
    reader = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        try:
            row = next(reader, None)
        except csv.Error as fault:
            raise DataError(
                f"{name}: line {reader.line_num:,}: {fault}. Close the quotes, or export it again."
            ) from fault
        if row is None:
            return
        if any(cell.strip() for cell in row):
            yield reader.line_num, row


def _header_at(rows: Sequence[Sequence[str]], name: str) -> int:
    """Position of the header among the first rows; lines of another width may stand before it."""
    if not rows:
        raise DataError(f"{name}: its first line is not a CSV header. Give CSV or Parquet.")
    usual = Counter(len(row) for row in rows).most_common(1)[0][0]
    for at, row in enumerate(rows):
        known = sum(field_of(cell) is not None for cell in row)
        if known >= _HEADER_FIELDS and len(row) >= usual - 1:
            return at if all(len(before) < len(row) for before in rows[:at]) else 0
    return 0


def _names(header: Sequence[str]) -> tuple[str, ...]:
    """Names of the columns, each once; those without one are called by their position."""
    seen: Counter[str] = Counter()
    names: list[str] = []
    for place, cell in enumerate(header, 1):
        name = cell.strip().lstrip("\ufeff").strip() or f"column {place}"
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return tuple(names)


def _rewritten(opened: Opened, separator: str, header: int, stack: ExitStack) -> Table:
    """Write a table anew as a regular one, and keep the line of each row."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gogooku-import-")))
    target = folder / "rows.csv"
    numbers: list[int] = []
    odd: list[tuple[int, int]] = []
    with text_lines(opened) as lines, target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        rows = _rows(lines, separator, opened.name)
        skipped = [line for line, _ in islice(rows, header)]
        names_line, names = next(rows)
        width = _width(names, opened, separator, header)
        writer.writerow(names[:width])
        for line, row in rows:
            trailing = len(row) == width + 1 and not row[-1].strip()
            if len(row) != width and not trailing:
                odd.append((line, len(row)))
                continue
            writer.writerow(row[:width])
            numbers.append(line)
            few_enough(len(numbers), opened.name)
    if odd:
        raise _uneven(odd, width, opened.name, ended=odd[-1][0] >= (numbers[-1] if numbers else 0))
    if not numbers:
        raise _no_rows(opened)
    table = _table(opened, target, _names(names[:width]), separator, lambda row: numbers[row])
    table = replace(table, rows=len(numbers))
    if skipped:
        note = f"{len(skipped)} line(s) before the header on line {names_line} left out"
        table = replace(table, notes=(*table.notes, note))
    return table


def _width(names: Sequence[str], opened: Opened, separator: str, header: int) -> int:
    """Columns of a table: of its header, less an empty last name that no row has a cell for."""
    if len(names) > 1 and not names[-1].strip():
        with text_lines(opened) as lines:
            rows = islice(_rows(lines, separator, opened.name), header + 1, header + 1 + _PREVIEW)
            if all(len(row) < len(names) or not row[-1].strip() for _, row in rows):
                return len(names) - 1
    return len(names)


def _uneven(odd: Sequence[tuple[int, int]], width: int, name: str, *, ended: bool) -> DataError:
    shown = ", ".join(f"line {line:,} has {count:,}" for line, count in odd[:_LINES_SHOWN])
    if len({count for _, count in odd}) == 1 and len(odd) > _PREVIEW and odd[0][1] == width + 1:
        hint = "The header lacks the name of a column; give it one."
    elif len(odd) == 1 and ended:
        hint = "The last line was cut (download it again) or is no row (remove it)."
    else:
        hint = "Correct these lines or export it again."
    return DataError(
        f"{name}: {len(odd):,} line(s) do not have the {width} columns of the header: {shown}. "
        f"{hint} Nothing was imported."
    )


def _table(
    opened: Opened,
    path: Path,
    names: tuple[str, ...],
    separator: str,
    number: Callable[[int], int],
) -> Table:
    own = "," if path != opened.path else separator

    def read(columns: Sequence[str]) -> pl.DataFrame:
        try:
            return (
                pl.scan_csv(
                    path,
                    has_header=False,
                    skip_lines=1,
                    schema=dict.fromkeys(names, pl.String()),
                    separator=own,
                )
                .select(columns)
                .collect()
            )
        except pl.exceptions.NoDataError as fault:
            raise DataError(
                f"{opened.name}: it has columns but no rows. Export it again."
            ) from fault
        except (pl.exceptions.PolarsError, OSError) as fault:
            raise _unreadable(opened, fault) from fault

    return Table(
        name=opened.name,
        columns=names,
        rows=0,
        read=read,
        line=lambda row: f"line {number(row):,}",
        notes=(opened.how,) if opened.how else (),
        separator=separator,
        unnamed=tuple(n for place, n in enumerate(names, 1) if n == f"column {place}"),
        twice=tuple(n.rpartition("#")[0] for n in names if re.search(r"#[0-9]+$", n)),
    )


def few_enough(rows: int, name: str) -> None:
    """Refuse more rows than an import may have.

    Raises
    ------
    DataError
        More than `MAX_ROWS`.
    """
    if rows > MAX_ROWS:
        raise DataError(
            f"{name}: more than {MAX_ROWS:,} rows, so these are no daily bars of one market. "
            "Import daily bars, or fewer years or codes at a time."
        )


def _no_rows(opened: Opened) -> DataError:
    return DataError(f"{opened.name}: it has columns but no rows. Export it again.")


def _unreadable(opened: Opened, fault: Exception) -> DataError:
    reason = str(fault).split("\n", 1)[0]
    return DataError(
        f"{opened.name}: not readable as CSV or Parquet: {reason}. Export it again; nothing was "
        "imported."
    )
