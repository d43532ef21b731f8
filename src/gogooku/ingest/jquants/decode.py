"""Bodies as received to frames: the pages and the file of equal content give equal frames.

The kind of a column decides its type and how absence is written
(`gogooku.ingest.jquants.endpoints.Kind`). A CSV writes null and ``""`` alike, so null in a column
that is not a number becomes ``""`` on both ways; a column that is absent altogether is null. A CSV
writes a number and its text alike too, so a number written with a needless fraction or an
exponent (``12.0``, ``1e-05``) gets one spelling (``12``, ``0.00001``) wherever a number may stand
as text. Any other text stays as it came.
"""

from __future__ import annotations

import csv
import io
import math
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import polars as pl

from gogooku.core.errors import DataError
from gogooku.core.files import canonical_json
from gogooku.core.plain import plain
from gogooku.ingest.jquants.bodies import (
    CELLS,
    checked_key,
    load_json,
    refuse_deep,
    refuse_names,
    unpacked,
)
from gogooku.ingest.jquants.endpoints import Endpoint, Kind

_NUMBER: Final = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_RESPELT: Final = (
    r"^-?[0-9]+(\.([0-9]*0)?|\.[0-9]*[1-9]|)[eE][+-]?[0-9]{1,3}$|^-?[0-9]+\.([0-9]*0)?$|^-0$"
)
"""Numbers that have another, plain spelling."""

_SPELT: Final = frozenset({Kind.TEXT_NUMBER, Kind.MARKED})
_PLAIN: Final = frozenset({int, float, type(None)})
_BOM: Final = b"\xef\xbb\xbf"
_QUOTED: Final = re.compile(rb'"[^"]*"')
_QUOTED_CHARACTERS: Final = 40
_FAULT_CHARACTERS: Final = 200
UNREADABLE: Final = "_unreadable"
"""Column that names the cells of a row that should be numbers and are none."""
_Bad = dict[str, dict[int, str]]
"""Texts that should be numbers and are none, by column and row."""


@dataclass(frozen=True)
class Decoded:
    """Rows of one endpoint.

    Attributes
    ----------
    frame : pl.DataFrame
        All columns of the endpoint in its order, then the unknown ones by name. Kind.NUMBER is
        Float64, finite, null where absent; the rest is String, ``""`` where a value is absent,
        null where the whole column is. Where a cell should be a number and is none, it is null and
        a last column ``_unreadable`` says what it was, as ``"C='-'"``, several joined by ``"; "``;
        null in the other rows. Without any such cell there is no such column.
    unknown : tuple of str
        Fields that the specification does not name; kept as text.
    missing : tuple of str
        Specified fields that no row had. Those that only some plans or later dates have are not
        counted, and without rows nothing is.
    lacking : frozenset of str
        Specified fields, of whatever plan and date, that some row did not have; without rows none.
    """

    frame: pl.DataFrame
    unknown: tuple[str, ...]
    missing: tuple[str, ...]
    lacking: frozenset[str]


@dataclass(frozen=True)
class Envelope:
    """One answer taken apart; an absent, null or empty key is None."""

    rows: list[dict[str, Any]]
    pagination_key: str | None
    cursor: str | None


def read_envelope(body: bytes) -> Envelope:
    """Take an answer ``{"data": [...], "pagination_key": ..., "cursor": ...}`` apart.

    Raises
    ------
    DataError
        It is not JSON, or not such an answer. The message names no endpoint: the caller does.
    """
    answer = load_json(body)
    rows = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError("not a page: no list of rows under 'data'")
    refuse_names(sorted(set().union(*set(map(tuple, rows)))), reserved=UNREADABLE)
    for row in rows:
        for value in row.values():
            if isinstance(value, dict | list):
                refuse_deep(value)
    return Envelope(
        rows=rows,
        pagination_key=checked_key(answer.get("pagination_key"), name="pagination_key"),
        cursor=checked_key(answer.get("cursor"), name="cursor"),
    )


def num_rows(body: bytes) -> int:
    """Rows of one page; a body that is not a page is a `DataError`."""
    return len(read_envelope(body).rows)


def decode_pages(endpoint: Endpoint, bodies: Sequence[bytes]) -> Decoded:
    """Decode the pages of any number of queries of one endpoint, in their order.

    Raises
    ------
    DataError
        A body is not a page.
    """
    rows: list[dict[str, Any]] = []
    for number, body in enumerate(bodies, start=1):
        try:
            rows += read_envelope(body).rows
        except DataError as fault:
            raise DataError(
                f"{endpoint.name}: page {number} of {len(bodies)}: {fault}; fetch it again with "
                f"gogooku sync --endpoint {endpoint.name}."
            ) from None
    names: set[str] = set().union(*set(map(tuple, rows)))
    refuse_names(sorted(names), reserved=UNREADABLE)
    bad: _Bad = {}
    series = {name: _json_column(endpoint, name, rows, bad) for name in sorted(names)}
    absent = lacking(rows, frozenset(endpoint.columns))
    return _assemble(endpoint, series, lacking=absent, bad=bad)


def unusable_objects(endpoint: Endpoint, frame: pl.DataFrame) -> tuple[str, ...]:
    """Columns of Kind.OBJECT of a decoded frame that are absent or hold text that is no JSON."""
    names = [name for name, kind in endpoint.columns.items() if kind is Kind.OBJECT]
    return tuple(name for name in names if frame.height and not _is_objects(frame[name]))


def _is_objects(column: pl.Series) -> bool:
    texts = column.unique()
    return texts.null_count() == 0 and all(not text or _is_json(text) for text in texts)


def _is_json(text: str) -> bool:
    try:
        return isinstance(load_json(text.encode()), dict | list)
    except DataError:
        return False


def lacking(rows: Sequence[Mapping[str, Any]], fields: frozenset[str]) -> frozenset[str]:
    """Those of some fields that at least one row does not have."""
    shapes = set(map(tuple, rows))  # nearly always one: looking at every field of every row is slow
    return frozenset().union(*(fields.difference(shape) for shape in shapes))


def decode_file(endpoint: Endpoint, body: bytes) -> Decoded:
    """Decode a bulk file: a gzip CSV with a header row of the field names.

    Raises
    ------
    DataError
        The file is cut or not such a CSV.
    """
    bad: _Bad = {}
    text = _gunzip(endpoint, body).removeprefix(_BOM).rstrip(b"\r\n")
    if b"\0" in text:
        raise DataError(
            f"{endpoint.name}: a bulk file with zero bytes in its text; fetch it again with "
            f"gogooku sync --endpoint {endpoint.name}."
        )
    if text.count(b",") + text.count(b"\n") > CELLS:
        raise DataError(
            f"{endpoint.name}: a bulk file of more than {CELLS:,} cells, the limit; nothing was "
            "made of it. Check JQUANTS_BASE_URL."
        )
    names = _header(endpoint, text)
    kinds = {name: endpoint.columns.get(name, Kind.TEXT) for name in names}
    numbers = [name for name, kind in kinds.items() if kind is Kind.NUMBER]
    try:
        frame = _read_csv(text, names, numbers)
    except pl.exceptions.ComputeError:
        frame = None
    if frame is None or not all(frame[name].is_finite().all() for name in numbers):
        texts = _read_texts(endpoint, text, names)
        frame = texts.with_columns(_numbers(texts[name], bad) for name in numbers)
    _refuse_short_lines(endpoint, text, frame)
    absent = frozenset(endpoint.columns).difference(names if frame.height else endpoint.columns)
    return _assemble(endpoint, {name: frame[name] for name in names}, lacking=absent, bad=bad)


def _assemble(
    endpoint: Endpoint, series: Mapping[str, pl.Series], *, lacking: frozenset[str], bad: _Bad
) -> Decoded:
    """Put the columns in order, spell their text alike, and say what is new and what is not."""
    height = max((len(column) for column in series.values()), default=0)
    known = [
        _known(name, kind, series.get(name), height) for name, kind in endpoint.columns.items()
    ]
    unknown = tuple(sorted(set(series) - set(endpoint.columns)))
    optional = endpoint.premium | set(endpoint.since)
    missing = tuple(
        name for name in endpoint.columns if height and name not in series and name not in optional
    )
    kinds = {name: endpoint.columns.get(name, Kind.TEXT) for name in series}
    spelt = [name for name in series if kinds[name] in _SPELT or name in unknown]
    objects = [name for name in series if kinds[name] is Kind.OBJECT or name in unknown]
    frame = pl.DataFrame(known + [series[name] for name in unknown])
    # A CSV may say -0.0 where JSON says 0: equal numbers must be equal bits.
    number = pl.col(pl.Float64)
    frame = frame.with_columns(pl.when(number == 0.0).then(0.0).otherwise(number).name.keep())
    frame = _spell(_objects(frame, objects), spelt)
    if bad:
        frame = frame.with_columns(_unreadable(endpoint, bad, height))
    return Decoded(
        frame=frame,
        unknown=unknown,
        missing=missing,
        lacking=lacking,
    )


def _known(name: str, kind: Kind, column: pl.Series | None, height: int) -> pl.Series:
    if column is None:
        dtype = pl.Float64() if kind is Kind.NUMBER else pl.String()
        return pl.Series(name, [None], dtype=dtype).new_from_index(0, height)
    return column


# --- JSON ---------------------------------------------------------------------------------------


def _json_column(
    endpoint: Endpoint, name: str, rows: Sequence[Mapping[str, Any]], bad: _Bad
) -> pl.Series:
    values = [row.get(name) for row in rows]
    types = set(map(type, values))
    if endpoint.columns.get(name) is not Kind.NUMBER:
        # Done here and not by Polars: a page has many columns of few rows.
        if types != {str}:
            values = [value if type(value) is str else _text(value) for value in values]
        return pl.Series(name, values, dtype=pl.String())
    if types <= _PLAIN and (numbers := _floats(values)) is not None:
        return pl.Series(name, numbers, dtype=pl.Float64())
    texts = pl.Series(name, [_text(value) for value in values], dtype=pl.String())
    return _numbers(texts, bad)


def _floats(values: Sequence[float | None]) -> list[float | None] | None:
    """JSON numbers as float64; None where one does not fit."""
    try:
        numbers = [None if value is None else float(value) for value in values]
        return numbers if math.isfinite(sum(filter(None, numbers))) else None
    except OverflowError:
        return None


def _text(value: Any) -> str:
    """The one text of a JSON value; null is ``""``."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float):
        return plain_number(repr(value))
    return canonical_json(value)


# --- CSV ----------------------------------------------------------------------------------------


def _gunzip(endpoint: Endpoint, body: bytes) -> bytes:
    try:
        return unpacked(body)
    except (OSError, EOFError, zlib.error) as fault:
        raise DataError(
            f"{endpoint.name}: a bulk file of {len(body):,} bytes does not unpack ({fault}); fetch "
            f"it again with gogooku sync --endpoint {endpoint.name}."
        ) from None


def _header(endpoint: Endpoint, text: bytes) -> list[str]:
    """Names of the first line."""
    line = text.partition(b"\n")[0].decode("utf-8", errors="replace")
    try:
        names = next(csv.reader(io.StringIO(line.removesuffix("\r"))), [])
        refuse_names(names, reserved=UNREADABLE)
    except (csv.Error, DataError) as fault:
        raise DataError(
            f"{endpoint.name}: a bulk file whose first line is no list of fields ({fault}); fetch "
            f"it again with gogooku sync --endpoint {endpoint.name}."
        ) from None
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not names or not set(names) & set(endpoint.columns):
        what = f"names {twice} twice" if twice else f"has the header {line[:80]!r}"
        raise DataError(
            f"{endpoint.name}: a bulk file {what}, not the fields of {endpoint.path}; the file is "
            "kept and nothing was made of it. Check the vendor's notices for a changed format."
        )
    return names


def _read_csv(text: bytes, names: Sequence[str], numbers: Sequence[str]) -> pl.DataFrame:
    wanted = set(numbers)
    return pl.read_csv(
        text,
        schema={name: pl.Float64() if name in wanted else pl.String() for name in names},
        empty_string_is_null=False,
    )


def _read_texts(endpoint: Endpoint, text: bytes, names: Sequence[str]) -> pl.DataFrame:
    """Read every column as text, which fails only where the lines themselves are wrong."""
    try:
        return _read_csv(text, names, [])
    except pl.exceptions.ComputeError as fault:
        first = plain(str(fault).partition("\n")[0], limit=_FAULT_CHARACTERS)
        raise DataError(
            f"{endpoint.name}: a bulk file is not a CSV of {len(names)} columns ({first}); fetch "
            f"it again with gogooku sync --endpoint {endpoint.name}."
        ) from None


def _refuse_short_lines(endpoint: Endpoint, text: bytes, frame: pl.DataFrame) -> None:
    """Refuse lines that end early, which Polars fills up silently."""
    bare = _QUOTED.sub(b"", text) if b'"' in text else text
    absent = (frame.height + 1) * (frame.width - 1) - bare.count(b",")
    if absent:
        raise DataError(
            f"{endpoint.name}: {absent:,} fields are missing at the ends of the {frame.height:,} "
            f"lines of a bulk file; fetch it again with gogooku sync --endpoint {endpoint.name}."
        )


# --- Values -------------------------------------------------------------------------------------


def _numbers(column: pl.Series, bad: _Bad) -> pl.Series:
    """Texts to finite float64, ``""`` to null; anything else to null too, and noted in ``bad``."""
    texts = column.replace("", None)
    plain = texts.set(~texts.str.contains(_NUMBER).fill_null(value=True), None)
    values = plain.cast(pl.Float64())
    values = values.set(~values.is_finite().fill_null(value=True), None)
    places = (texts.is_not_null() & values.is_null()).arg_true()
    if len(places):
        bad[column.name] = dict(zip(places.to_list(), texts.gather(places).to_list(), strict=True))
    return values


def _unreadable(endpoint: Endpoint, bad: _Bad, height: int) -> pl.Series:
    """What each row holds instead of numbers, in the order of the columns; null where nothing."""
    said: list[str | None] = [None] * height
    for name in endpoint.columns:
        for place, text in bad.get(name, {}).items():
            cell = f"{name}={text[:_QUOTED_CHARACTERS]!r}"
            before = said[place]
            said[place] = cell if before is None else f"{before}; {cell}"
    return pl.Series(UNREADABLE, said, dtype=pl.String())


def _spell(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Give every number that stands as text in some columns its plain spelling."""
    return _reworded(frame, names, _RESPELT, plain_number)


def _reworded(
    frame: pl.DataFrame, names: Sequence[str], pattern: str, word: Callable[[str], str]
) -> pl.DataFrame:
    """Put every text that matches a pattern in other words, in some columns."""
    found = frame.select(pl.col(names).str.contains(pattern).any())
    hits = [name for name in found.columns if found.item(0, name)] if frame.height else []
    for name in hits:
        column = frame.get_column(name)
        texts = column.filter(column.str.contains(pattern)).unique().to_list()
        frame = frame.with_columns(column.replace({text: word(text) for text in texts}))
    return frame


def plain_number(text: str) -> str:
    """Spell a number without exponent, needless zeros or sign: ``12.50`` is ``12.5``."""
    fixed = format(Decimal(text), "f")
    if "." in fixed:
        fixed = fixed.rstrip("0").rstrip(".")
    return "0" if fixed == "-0" else fixed


def _objects(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Canonical JSON of every text that is a JSON object or list; another text stays."""
    return _reworded(frame, names, r"^\s*[\[{]", _canonical)


def _canonical(text: str) -> str:
    try:
        value = load_json(text.encode())
        refuse_deep(value)
    except DataError:
        return text
    return canonical_json(value)
