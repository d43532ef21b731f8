"""Rows as they go over the wire: JSON values of each kind, and the CSV of monthly files."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import polars as pl

from gogooku.ingest.jquants.endpoints import Endpoint, Kind
from gogooku.ingest.jquants.plans import Plan

_DERIVATIVES: Final = "/derivatives/"
_FILE_LEVEL: Final = 3


def response_columns(endpoint: Endpoint, *, plan: Plan, day: Any) -> tuple[str, ...]:
    """Fields of a response given on a day: those of the plan that exist by then."""
    return tuple(
        name
        for name in endpoint.columns_for(plan)
        if name not in endpoint.since or endpoint.since[name] <= day
    )


def json_rows(
    endpoint: Endpoint, frame: pl.DataFrame, columns: Sequence[str]
) -> list[dict[str, Any]]:
    """Rows as JSON values.

    NUMBER is a number or null, OBJECT an object. TEXT_NUMBER is a text for statements, and for
    derivatives a number or ``""``; MARKED is a number, or its mark as a text. Whole numbers have no
    decimal point.
    """
    values = [_json_values(endpoint, name, frame.get_column(name)) for name in columns]
    return [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]


def _json_values(endpoint: Endpoint, name: str, column: pl.Series) -> list[Any]:
    kind = endpoint.columns[name]
    convert: Callable[[Any], Any] | None = None
    if kind is Kind.NUMBER:
        convert = _number
    elif kind is Kind.OBJECT:
        convert = _object
    elif kind is Kind.MARKED or (
        kind is Kind.TEXT_NUMBER and endpoint.path.startswith(_DERIVATIVES)
    ):
        convert = _number_or_mark
    values: list[Any] = column.to_list()
    return values if convert is None else [convert(value) for value in values]


def _number(value: float | None) -> float | int | None:
    return int(value) if value is not None and value.is_integer() else value


def _object(text: str | None) -> Any:
    return None if not text else json.loads(text)


def _number_or_mark(text: str | None) -> Any:
    if text is None:
        return ""
    try:
        return _number(float(text))
    except ValueError:
        return text


def to_json(value: Mapping[str, Any]) -> bytes:
    """UTF-8 JSON without spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def message(text: str) -> bytes:
    """Body of every refusal."""
    return to_json({"message": text})


def csv_file(frame: pl.DataFrame, columns: Sequence[str]) -> bytes:
    """A gzip CSV with a header row; what is missing is empty, an object is its JSON text.

    A column of whole numbers has no decimal points.
    """
    whole = [
        pl.col(name).cast(pl.Int64)
        for name in columns
        if frame.schema[name] == pl.Float64
        and bool((frame.get_column(name) == frame.get_column(name).round(0)).all())
    ]
    text = frame.select(columns).with_columns(whole).write_csv()
    return gzip.compress(text.encode(), _FILE_LEVEL, mtime=0)
