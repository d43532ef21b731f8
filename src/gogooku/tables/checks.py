"""Checks of typed rows: each has a reason in words; what fails is quarantined, never dropped.

A check's expression sees the wire columns and the typed columns of one table side by side, is
true where a row fails, and counts as passed where it is null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from gogooku.core.calendar import DateArray

REPEATED = "key is repeated by a later delivery of the same row"


class Severity(StrEnum):
    """What happens to a row that fails."""

    QUARANTINE = "quarantine"
    """It leaves the table and is kept aside with the reason."""
    NOTE = "note"
    """It stays and is counted."""


@dataclass(frozen=True)
class Check:
    """One check: why a row fails, and which rows do."""

    reason: str
    fails: pl.Expr
    severity: Severity = Severity.QUARANTINE


@dataclass(frozen=True)
class Verdict:
    """The outcome of all checks.

    Attributes
    ----------
    bad : polars.Series
        Boolean per row: to be quarantined.
    reasons : polars.Series
        One text per bad row, in their order; several reasons are joined with ``"; "``.
    notes : mapping of str to int
        Rows per reason, of both severities; a kept one begins with ``"kept: "``.
    """

    bad: pl.Series
    reasons: pl.Series
    notes: Mapping[str, int]


def judge(frame: pl.DataFrame, checks: Sequence[Check], *, key: Sequence[str]) -> Verdict:
    """Run the checks and look for repeated keys among the rows that pass them."""
    named = {str(i): check for i, check in enumerate(checks)}
    fails = frame.lazy().select(
        check.fails.fill_null(value=False).alias(name) for name, check in named.items()
    )
    masks = fails.collect()
    counts = masks.sum().row(0) if masks.width else ()
    hit = {name: int(n or 0) for name, n in zip(named, counts, strict=True) if n}
    severe = [name for name in hit if named[name].severity is Severity.QUARANTINE]
    none = pl.repeat(value=False, n=frame.height, eager=True, dtype=pl.Boolean)
    bad = masks.select(pl.any_horizontal(severe)).to_series() if severe else none
    repeated = _repeated(frame, bad, key=key)
    texts = [pl.when(masks.get_column(name)).then(pl.lit(named[name].reason)) for name in severe]
    if repeated is not None:
        bad = bad | repeated
        texts.append(pl.when(repeated).then(pl.lit(REPEATED)))
    notes = {_note(named[name]): n for name, n in hit.items()}
    if repeated is not None:
        notes[REPEATED] = int(repeated.sum())
    if not texts:
        return Verdict(bad=none, reasons=pl.Series("reason", [], dtype=pl.String()), notes=notes)
    reasons = masks.select(pl.concat_str(texts, separator="; ", ignore_nulls=True).alias("reason"))
    return Verdict(bad=bad, reasons=reasons.to_series().filter(bad), notes=notes)


def _note(check: Check) -> str:
    return check.reason if check.severity is Severity.QUARANTINE else f"kept: {check.reason}"


def in_key_order(frame: pl.DataFrame, key: Sequence[str]) -> bool:
    """Whether the rows ascend strictly by their key: sorted, and nothing repeated."""
    if frame.height < 2:
        return True
    ascends = pl.lit(value=False)
    for name in reversed(key):
        now, before = pl.col(name), pl.col(name).shift(1)
        ascends = (before < now) | ((before == now) & ascends)
    return bool(frame.select(ascends.slice(1).fill_null(value=False).all()).item())


def _repeated(frame: pl.DataFrame, bad: pl.Series, *, key: Sequence[str]) -> pl.Series | None:
    """Rows whose key another passing row has too, but for the newest fetched; None for none."""
    if in_key_order(frame, key):
        return None
    rows = frame.select(*key, "_fetched_at").with_row_index("_row").filter(~bad)
    twice = rows.filter(rows.select(key).is_duplicated())
    if twice.is_empty():
        return None
    newest = twice.sort("_fetched_at", "_row").group_by(key).agg(pl.col("_row").last())
    older = twice.filter(~pl.col("_row").is_in(newest.get_column("_row").implode()))
    return pl.select(
        pl.int_range(frame.height, dtype=pl.UInt32).is_in(older.get_column("_row").implode())
    ).to_series()


# -------------------------------------------------------------------------------------- makers


def on_session(column: str, sessions: DateArray) -> Check:
    """The date must be a trading session."""
    known = pl.Series(sessions.astype("datetime64[D]")).implode()
    return Check(f"{column} is not a trading session", ~pl.col(column).is_in(known))


def not_below(columns: Sequence[str], bound: float, *, what: str) -> Check:
    """None of the columns may be smaller than a bound."""
    return Check(
        f"{what} is below {bound:g}", pl.any_horizontal(pl.col(name) < bound for name in columns)
    )


def between(column: str, low: float, high: float) -> Check:
    """A ratio within bounds, both included."""
    return Check(f"{column} is outside {low:g} to {high:g}", ~pl.col(column).is_between(low, high))


def bar_checks(prefix: str = "") -> tuple[Check, ...]:
    """Checks of one bar: positive prices, the high above and the low below, all four or none."""
    names = [f"{prefix}{part}" for part in ("open", "high", "low", "close")]
    first, high, low, last = (pl.col(name) for name in names)
    title = f"{prefix}bar"
    return (
        Check(f"{title}: price is not positive", pl.any_horizontal(pl.col(n) <= 0 for n in names)),
        Check(
            f"{title}: high is below open, low or close",
            (high < first) | (high < low) | (high < last),
        ),
        Check(f"{title}: low is above open or close", (low > first) | (low > last)),
    )


def whole_bar(prefix: str = "") -> Check:
    """A bar has all four prices or none."""
    names = [f"{prefix}{part}" for part in ("open", "high", "low", "close")]
    nulls = pl.sum_horizontal(pl.col(name).is_null() for name in names)
    return Check(f"{prefix}bar: some of its four prices are missing", ~nulls.is_in([0, 4]))


def one_of(wire: str, known: Sequence[str], *, severity: Severity = Severity.QUARANTINE) -> Check:
    """A wire text must be a known value, or absent."""
    value = pl.col(wire)
    return Check(f"{wire} is not a known value", ~value.is_in(["", *known]), severity)
