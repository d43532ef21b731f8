"""From decoded wire columns to typed ones: what each column means, and the one way to convert.

A table is a list of `Column` rows, its key, the checks of its own and, where needed, columns
derived from the others. Missing is null; a value that is there but cannot be read sends the row to
quarantine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

import polars as pl

from gogooku.core.calendar import DateArray
from gogooku.core.errors import DataError
from gogooku.ingest.jquants.decode import UNREADABLE
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.tables.checks import Check, Severity, in_key_order, judge, on_session
from gogooku.tables.publication import available_at

FETCHED_AT = "_fetched_at"
ABSENT = ("", "-", "－")
"""Texts that stand for a missing date or number; in `As.MARKED` the mark itself is kept."""

Sessions = DateArray
"""Trading sessions, ascending, to at least 15 sessions after the data."""


class As(StrEnum):
    """How a wire column is read."""

    TEXT = "text"
    """String; ``""`` is null."""
    DATE = "date"
    """Date from YYYY-MM-DD; ``""`` and ``"-"`` are null."""
    TIME = "time"
    """Time of day from HH:MM or HH:MM:SS; ``""`` is null."""
    NUMBER = "number"
    """Float64 from a number or its text; ``""`` and ``"-"`` are null."""
    MARKED = "marked"
    """As NUMBER, with ``<name>_mark``: ``"-"`` (undetermined), ``"*"`` (not applicable) or null."""
    FLAG = "flag"
    """Boolean from ``0``/``1`` or ``false``/``true``; ``""`` is null."""
    CHOICE = "choice"
    """String: a coded value in words."""


@dataclass(frozen=True)
class Column:
    """One typed column.

    Attributes
    ----------
    name, wire : str
        Here and on the wire.
    form : As
    unit : str
        Unit or meaning, for people.
    scale : float
        Typed = wire x scale.
    required : bool
        A row without it is quarantined.
    pattern : str or None
        What the text must match, as a whole.
    choices : mapping of str to str
        For `As.CHOICE`: wire value to word; another value is quarantined, or kept as it came
        where ``lenient``.
    lenient : bool
    kept : bool
        False for a column that only others are derived from.
    """

    name: str
    wire: str
    form: As
    unit: str
    scale: float = 1.0
    required: bool = False
    pattern: str | None = None
    choices: Mapping[str, str] = field(default_factory=dict)
    lenient: bool = False
    kept: bool = True


@dataclass(frozen=True)
class Derived:
    """A column computed from the others of its row, with its type and unit."""

    name: str
    dtype: pl.DataType
    unit: str
    expr: pl.Expr


@dataclass(frozen=True)
class Typed:
    """A converted table.

    Attributes
    ----------
    frame : polars.DataFrame
        With the rule's schema, ascending by the table's key.
    quarantine : polars.DataFrame
        All decoded columns as text, and ``reason``.
    notes : mapping of str to int
        Rows per reason of quarantine; reasons that only count begin with ``"kept: "``.
    """

    frame: pl.DataFrame
    quarantine: pl.DataFrame
    notes: Mapping[str, int]


@dataclass(frozen=True)
class TableRule:
    """One typed table; its name is that of the endpoint and of the publication rule.

    Attributes
    ----------
    name : str
    schema : mapping of str to polars.DataType
        ``event_date`` and ``available_at`` (naive UTC) first.
    units : mapping of str to str
        Unit or meaning of every column.
    key : tuple of str
        What a row of the typed frame is of; later versions of a row share it.
    convert : callable
        (decoded frame, sessions) -> Typed.
    """

    name: str
    schema: Mapping[str, pl.DataType]
    units: Mapping[str, str]
    key: tuple[str, ...]
    convert: Callable[[pl.DataFrame, Sessions], Typed]


@dataclass(frozen=True)
class Table:
    """What a module declares of its table; `rule` makes a `TableRule` of it.

    Attributes
    ----------
    name : str
    event_date : str or polars expression
        Typed column (or an expression over typed columns and ``_fetched_at``) that rows describe.
    columns : tuple of Column
    key : tuple of str
        What a row is of; later versions of a row share it.
    apart : tuple of str
        Columns that distinguish rows of the same key and answer.
    derived : tuple of Derived
    checks : tuple of Check
        Beside those that follow from the columns.
    session : bool
        The event date must be a trading session.
    """

    name: str
    event_date: str | pl.Expr
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    apart: tuple[str, ...] = ()
    derived: tuple[Derived, ...] = ()
    checks: tuple[Check, ...] = ()
    session: bool = False

    def rule(self) -> TableRule:
        """Bind the declaration to the one conversion."""
        schema: dict[str, pl.DataType] = {
            "event_date": pl.Date(),
            "available_at": pl.Datetime("us"),
        }
        units = {"event_date": "what the row describes", "available_at": "UTC, first known"}
        for column in self.columns:
            if column.kept and column.name not in schema:
                schema[column.name] = _DTYPES[column.form]
                units[column.name] = column.unit
            if column.form is As.MARKED:
                schema[f"{column.name}_mark"] = pl.String()
                units[f"{column.name}_mark"] = 'why there is no number: "-" undetermined, "*" n/a'
        for made in self.derived:
            schema[made.name] = made.dtype
            units[made.name] = made.unit
        return TableRule(
            name=self.name,
            schema=MappingProxyType(schema),
            units=MappingProxyType(units),
            key=self.key,
            convert=lambda decoded, sessions: _convert(self, schema, decoded, sessions),
        )


_DTYPES: Mapping[As, pl.DataType] = {
    As.TEXT: pl.String(),
    As.CHOICE: pl.String(),
    As.DATE: pl.Date(),
    As.TIME: pl.Time(),
    As.NUMBER: pl.Float64(),
    As.MARKED: pl.Float64(),
    As.FLAG: pl.Boolean(),
}
_FLAGS = {"1": True, "true": True, "0": False, "false": False}


def instant_of(day: str, clock: str) -> pl.Expr:
    """Naive UTC instant of a Tokyo date and a Tokyo time of day; null where either is."""
    return pl.col(day).dt.combine(pl.col(clock)).cast(pl.Datetime("us")) - pl.duration(hours=9)


# ------------------------------------------------------------------------------------ conversion


def _convert(
    table: Table, schema: Mapping[str, pl.DataType], decoded: pl.DataFrame, sessions: Sessions
) -> Typed:
    wires = _checked_input(table, decoded)
    source = wires.lazy()
    both = source.with_columns(e for column in table.columns for e in _read(column, wires.schema))
    both = both.with_columns(
        _event_date(table.event_date).alias("event_date"),
        *(made.expr.cast(made.dtype).alias(made.name) for made in table.derived),
    )
    full = both.collect()
    checks = [check for column in table.columns for check in _checks(column, full)]
    checks += [Check("event_date is missing", pl.col("event_date").is_null())]
    checks += [on_session("event_date", sessions)] if table.session else []
    if UNREADABLE in full.columns:
        checks += [Check("a cell is no number", pl.col(UNREADABLE).is_not_null())]
    unique = (*table.key, *table.apart)
    verdict = judge(full, [*checks, *table.checks], key=unique)
    clocked = [name for name in full.columns if name in schema or name == FETCHED_AT]
    good = full.select(clocked)
    if verdict.bad.any():
        good = good.filter(~verdict.bad)
    if not in_key_order(good, unique):
        good = good.sort(unique, maintain_order=True)
    known = available_at(
        table.name, good.with_columns(pl.col(FETCHED_AT).alias("fetched_at")), sessions=sessions
    )
    return Typed(
        frame=good.with_columns(known).select(pl.col(name).cast(t) for name, t in schema.items()),
        quarantine=_quarantined(decoded, verdict.bad, verdict.reasons),
        notes=MappingProxyType(dict(verdict.notes)),
    )


def _event_date(given: str | pl.Expr) -> pl.Expr:
    return pl.col(given) if isinstance(given, str) else given


def _checked_input(table: Table, decoded: pl.DataFrame) -> pl.DataFrame:
    """The wire columns that are read, and the fetch time, with the types that reading expects."""
    wanted = [*dict.fromkeys(column.wire for column in table.columns), FETCHED_AT]
    strangers = sorted({column.wire for column in table.columns} - set(_wire_columns(table.name)))
    missing = [name for name in wanted if name not in decoded.columns]
    if missing or strangers:
        raise DataError(
            f"{table.name}: the decoded frame has no columns {missing or strangers}; decode it "
            "with all columns of its endpoint"
        )
    odd = {
        name: dtype
        for name, dtype in decoded.select(wanted).schema.items()
        if name != FETCHED_AT and dtype not in (pl.String(), pl.Float64(), pl.Null())
    }
    if odd:
        raise DataError(f"{table.name}: decoded columns must be text or Float64, not {odd}")
    wanted += [UNREADABLE] if UNREADABLE in decoded.columns else []
    return decoded.select(
        pl.col(name).cast(pl.String) if decoded.schema[name] == pl.Null() else pl.col(name)
        for name in wanted
    )


def _wire_columns(name: str) -> Sequence[str]:
    return tuple(ENDPOINTS[name].columns)


def _quarantined(decoded: pl.DataFrame, bad: pl.Series, reasons: pl.Series) -> pl.DataFrame:
    text = decoded.filter(bad) if bad.len() else decoded
    return text.select(pl.all().cast(pl.String)).with_columns(reasons.alias("reason"))


def _read(column: Column, schema: Mapping[str, pl.DataType]) -> list[pl.Expr]:
    """Typed expressions of one column."""
    wire = pl.col(column.wire)
    if column.form in (As.NUMBER, As.MARKED):
        return _read_number(column, schema)
    if column.form is As.DATE:
        made = wire.str.to_date("%Y-%m-%d", strict=False)
    elif column.form is As.TIME:
        padded = pl.when(wire.str.len_bytes() == 5).then(wire + ":00").otherwise(wire)
        made = padded.str.to_time("%H:%M:%S", strict=False)
    elif column.form is As.FLAG:
        made = (
            pl.when(wire.is_in([text for text, value in _FLAGS.items() if value]))
            .then(pl.lit(value=True))
            .when(wire.is_in([text for text, value in _FLAGS.items() if not value]))
            .then(pl.lit(value=False))
        )
    elif column.form is As.CHOICE:
        words = dict(column.choices)
        given = pl.when(wire != "").then(wire) if column.lenient else pl.lit(None, pl.String())
        made = wire.replace_strict(words, default=given, return_dtype=pl.String())
    else:
        made = pl.when(wire != "").then(wire)
    return [made.alias(column.name)]


def _read_number(column: Column, schema: Mapping[str, pl.DataType]) -> list[pl.Expr]:
    wire = pl.col(column.wire)
    number = wire if schema[column.wire] == pl.Float64() else wire.cast(pl.Float64, strict=False)
    if column.scale != 1.0:
        number = number * column.scale
    made = [number.alias(column.name)]
    if column.form is As.MARKED:
        mark = pl.when(wire.cast(pl.String).is_in(["-", "*"])).then(wire.cast(pl.String))
        made.append(mark.alias(f"{column.name}_mark"))
    return made


def _checks(column: Column, full: pl.DataFrame) -> list[Check]:
    """Checks that follow from what a column is."""
    wire, typed = pl.col(column.wire), pl.col(column.name)
    checks = []
    if column.required:
        checks.append(Check(f"{column.wire} is missing", wire.is_null() | wire.is_in([""])))
    if column.pattern is not None:
        checks.append(
            Check(f"{column.wire} is malformed", (wire != "") & ~wire.str.contains(column.pattern))
        )
    if full.get_column(column.wire).null_count() == full.height:
        return checks
    if full.schema[column.wire] == pl.Float64():
        if column.form in (As.NUMBER, As.MARKED):
            checks.append(Check(f"{column.wire} is not a finite number", ~wire.is_finite()))
        return checks
    absent = [*ABSENT, "*"] if column.form is As.MARKED else list(ABSENT)
    unread = typed.is_null() & ~wire.is_in(absent)
    if column.form in (As.NUMBER, As.MARKED):
        checks.append(Check(f"{column.wire} is not a number", unread | ~typed.is_finite()))
    elif column.form is As.CHOICE:
        strange = (wire != "") & ~wire.is_in(list(column.choices))
        severity = Severity.NOTE if column.lenient else Severity.QUARANTINE
        checks.append(Check(f"{column.wire} is not a known value", strange, severity))
    elif column.form is not As.TEXT:
        reason = f"{column.wire} is not a {_WORDS[column.form]}"
        checks.append(Check(reason, typed.is_null() & ~_blank(wire, column)))
    return checks


_WORDS = {As.DATE: "date YYYY-MM-DD", As.TIME: "time HH:MM[:SS]", As.FLAG: "flag 0 or 1"}


def _blank(wire: pl.Expr, column: Column) -> pl.Expr:
    return wire.is_in(list(ABSENT)) if column.form is As.DATE else wire == ""


# ---------------------------------------------------------------------------------- column makers


def text(name: str, wire: str, unit: str = "as delivered") -> Column:
    """A text column."""
    return Column(name, wire, As.TEXT, unit)


def stock_code(wire: str = "Code") -> Column:
    """The code of a listed name: required, five characters, untouched."""
    return Column("code", wire, As.TEXT, "5 characters", required=True, pattern=r"^[0-9A-Z]{5}$")


def day(name: str, wire: str, unit: str = "date") -> Column:
    """A date column."""
    return Column(name, wire, As.DATE, unit)


def event_day(wire: str = "Date", unit: str = "session") -> Column:
    """The date that a row describes: required."""
    return Column("event_date", wire, As.DATE, unit, required=True)


def number(name: str, wire: str, unit: str, scale: float = 1.0) -> Column:
    """A number column."""
    return Column(name, wire, As.NUMBER, unit, scale)


def marked(name: str, wire: str, unit: str, scale: float = 1.0) -> Column:
    """A number that may be marked as undetermined."""
    return Column(name, wire, As.MARKED, unit, scale)


def flag(name: str, wire: str, unit: str) -> Column:
    """A yes-or-no column."""
    return Column(name, wire, As.FLAG, unit)


def choice(name: str, wire: str, choices: Mapping[str, str], *, unit: str) -> Column:
    """A coded column in words; unknown codes are quarantined."""
    return Column(name, wire, As.CHOICE, f"{unit}: {', '.join(choices.values())}", choices=choices)
