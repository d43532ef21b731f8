"""Bodies as received to frames: the pages and the file of equal content give equal frames.

The kind of a column decides its type and how absence is written (`gogooku.ingest.endpoints.Kind`).
A CSV cannot tell null from ``""``, so null in a column that is not a number becomes ``""`` on both
ways; a column that is absent altogether is null. A CSV cannot tell a number from its text either,
so a number written with a needless fraction or an exponent (``12.0``, ``1e-05``) gets one spelling
(``12``, ``0.00001``) wherever a number may stand as text. Any other text stays as it came.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import polars as pl

from gogooku.core.errors import DataError
from gogooku.core.files import canonical_json
from gogooku.ingest.endpoints import Endpoint, Kind

_NUMBER: Final = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_RESPELT: Final = r"^-?\d+(\.(\d*0)?|\.\d*[1-9]|)[eE][+-]?\d{1,3}$|^-?\d+\.(\d*0)?$|^-0$"
"""Numbers that have another, plain spelling."""

_SPELT: Final = frozenset({Kind.TEXT_NUMBER, Kind.MARKED})
_PLAIN: Final = frozenset({int, float, type(None)})
_BOM: Final = b"\xef\xbb\xbf"
_QUOTED: Final = re.compile(rb'"[^"]*"')


@dataclass(frozen=True)
class Decoded:
    """Rows of one endpoint.

    Attributes
    ----------
    frame : pl.DataFrame
        All columns of the endpoint in its order, then the unknown ones by name. Kind.NUMBER is
        Float64, finite, null where absent; the rest is String, ``""`` where a value is absent,
        null where the whole column is.
    unknown : tuple of str
        Fields that the specification does not name; kept as text.
    missing : tuple of str
        Specified fields that no row had. Those that only some plans or later dates have are not
        counted, and without rows nothing is.
    """

    frame: pl.DataFrame
    unknown: tuple[str, ...]
    missing: tuple[str, ...]


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
    try:
        answer = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as fault:
        raise DataError(f"not readable as JSON ({fault})") from None
    rows = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError("no list of rows under 'data'")
    return Envelope(
        rows=rows,
        pagination_key=_key(answer, "pagination_key"),
        cursor=_key(answer, "cursor"),
    )


def num_rows(body: bytes) -> int:
    """Rows of one page; a body that is not a page is a `DataError`."""
    return len(read_envelope(body).rows)


def decode_pages(endpoint: Endpoint, bodies: Sequence[bytes]) -> Decoded:
    """Decode the pages of any number of queries of one endpoint, in their order.

    Raises
    ------
    DataError
        A body is not a page, or a number column holds what is no number.
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
    names: set[str] = set().union(*rows)
    series = {name: _json_column(endpoint, name, rows) for name in sorted(names)}
    return _assemble(endpoint, series, height=len(rows))


def decode_file(endpoint: Endpoint, body: bytes) -> Decoded:
    """Decode a bulk file: a gzip CSV with a header row of the field names.

    Raises
    ------
    DataError
        The file is cut or not such a CSV, or a number column holds what is no number.
    """
    text = _gunzip(endpoint, body).removeprefix(_BOM).rstrip(b"\r\n")
    names = _header(endpoint, text)
    kinds = {name: endpoint.columns.get(name, Kind.TEXT) for name in names}
    numbers = [name for name, kind in kinds.items() if kind is Kind.NUMBER]
    try:
        frame = _read_csv(text, names, numbers)
    except pl.exceptions.ComputeError:
        frame = None
    if frame is None or not all(frame[name].is_finite().all() for name in numbers):
        texts = _read_texts(endpoint, text, names)
        frame = texts.with_columns(_numbers(endpoint, texts[name]) for name in numbers)
    _refuse_short_lines(endpoint, text, frame)
    return _assemble(endpoint, {name: frame[name] for name in names}, height=frame.height)


def _assemble(endpoint: Endpoint, series: Mapping[str, pl.Series], *, height: int) -> Decoded:
    """Put the columns in order, spell their text alike, and say what is new and what is not."""
    known = [
        _known(name, kind, series.get(name), height) for name, kind in endpoint.columns.items()
    ]
    unknown = tuple(sorted(set(series) - set(endpoint.columns)))
    optional = endpoint.premium | set(endpoint.since)
    missing = tuple(
        name for name in endpoint.columns if height and name not in series and name not in optional
    )
    return Decoded(
        frame=pl.DataFrame(known + [_spell(_objects(series[name])) for name in unknown]),
        unknown=unknown,
        missing=missing,
    )


def _known(name: str, kind: Kind, column: pl.Series | None, height: int) -> pl.Series:
    if column is None:
        dtype = pl.Float64() if kind is Kind.NUMBER else pl.String()
        return pl.Series(name, [None], dtype=dtype).new_from_index(0, height)
    if kind in _SPELT:
        return _spell(column)
    return _objects(column) if kind is Kind.OBJECT else column


# --- JSON ---------------------------------------------------------------------------------------


def _json_column(endpoint: Endpoint, name: str, rows: Sequence[Mapping[str, Any]]) -> pl.Series:
    values = [row.get(name) for row in rows]
    types = set(map(type, values))
    if endpoint.columns.get(name) is not Kind.NUMBER:
        if types - {str, type(None)}:
            values = [_text(value) for value in values]
        return pl.Series(name, values, dtype=pl.String()).fill_null("")
    if types <= {float, type(None)}:
        column = pl.Series(name, values, dtype=pl.Float64())
        if column.is_finite().all():
            return column
    return _numbers(endpoint, pl.Series(name, [_text(value) for value in values], dtype=pl.String))


def _text(value: Any) -> str:
    """The one text of a JSON value; null is ``""``."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float):
        return plain_number(repr(value))
    return canonical_json(value)


def _key(answer: Mapping[str, Any], name: str) -> str | None:
    value = answer.get(name)
    if value is not None and not isinstance(value, str):
        raise DataError(f"{name!r} is not a text")
    return value or None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


# --- CSV ----------------------------------------------------------------------------------------


def _gunzip(endpoint: Endpoint, body: bytes) -> bytes:
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error) as fault:
        raise DataError(
            f"{endpoint.name}: a bulk file of {len(body):,} bytes does not unpack ({fault}); fetch "
            f"it again with gogooku sync --endpoint {endpoint.name}."
        ) from None


def _header(endpoint: Endpoint, text: bytes) -> list[str]:
    """Names of the first line."""
    line = text.partition(b"\n")[0].decode("utf-8", errors="replace")
    names = next(csv.reader(io.StringIO(line.removesuffix("\r"))), [])
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
        first = str(fault).partition("\n")[0]
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


def _numbers(endpoint: Endpoint, column: pl.Series) -> pl.Series:
    """Texts to finite float64, ``""`` to null; anything else is refused."""
    texts = column.replace("", None)
    bad = texts.filter(~texts.str.contains(_NUMBER))
    if bad.is_empty():
        values = texts.cast(pl.Float64())
        bad = texts.filter(~values.is_finite())
        if bad.is_empty():
            return values
    raise DataError(
        f"{endpoint.name}: column {column.name} holds {bad[0][:40]!r}, which is no number, in "
        f"{len(bad):,} of {len(column):,} rows; the body is kept and nothing was made of it. "
        "Check the vendor's notices for a changed format."
    )


def _spell(column: pl.Series) -> pl.Series:
    """Give every number that stands as text its plain spelling."""
    texts = column.filter(column.str.contains(_RESPELT)).unique().to_list()
    return column.replace({text: plain_number(text) for text in texts}) if texts else column


def plain_number(text: str) -> str:
    """Spell a number without exponent, needless zeros or sign: ``12.50`` is ``12.5``."""
    fixed = format(Decimal(text), "f")
    if "." in fixed:
        fixed = fixed.rstrip("0").rstrip(".")
    return "0" if fixed == "-0" else fixed


def _objects(column: pl.Series) -> pl.Series:
    """Canonical JSON of every text that is a JSON object or list; another text stays."""
    texts = column.filter(column.str.contains(r"^\s*[\[{]")).unique().to_list()
    return column.replace({text: _canonical(text) for text in texts}) if texts else column


def _canonical(text: str) -> str:
    try:
        return canonical_json(json.loads(text))
    except ValueError:
        return text
