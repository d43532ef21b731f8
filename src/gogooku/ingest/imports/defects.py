"""The policy table applied: rows split off, cells made null, every one of them recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from gogooku.core.calendar import is_tokyo_session
from gogooku.core.errors import DataError
from gogooku.ingest.imports.by_code import ByCode, by_date_and_code
from gogooku.ingest.imports.columns import NUMBERS, PRICES, REQUIRED
from gogooku.ingest.imports.holes import refuse_sparse_bars
from gogooku.ingest.imports.plausible import Units, refuse_implausible, units_of
from gogooku.ingest.imports.policy import (
    CELL_RULES,
    DATE_RULES,
    FIRST_ROW_RULES,
    MARKET_ROWS,
    NON_FINITE,
    SPARSE_SHARE,
    STRAY_DATES,
    STRAY_DAYS,
    UNTRADED,
    Outcome,
    Rule,
    outcome,
)
from gogooku.ingest.imports.untraded import untraded_rows

_FOREIGN_DATES, _FOREIGN_SHARE = 5, 0.02
"""From this many dates and this share of dates on, closed dates mean another exchange."""

_TOKYO_CODE = r"^[1-9][0-9][0-9A-Z][0-9A-Z]0?(\.(T|JP|TYO))?$"

DEFECTS_SCHEMA: Mapping[str, pl.DataType] = {
    "date": pl.Date(),
    "code": pl.String(),
    "column": pl.String(),
    "value": pl.Float64(),
    "defect": pl.String(),
}


@dataclass(frozen=True)
class Cleaned:
    """Kept rows sorted by (date, code), what was taken out of them, and the counts so far.

    ``units`` are what the given traded values and volumes have been multiplied by.
    """

    rows: pl.DataFrame
    by_code: ByCode
    units: Units
    defects: pl.DataFrame
    quarantine: pl.DataFrame
    outcomes: Mapping[str, Outcome]


def clean(raw: pl.DataFrame, *, exchange: str) -> Cleaned:
    """Apply the policy table to the rows of a delivery.

    Parameters
    ----------
    raw : polars.DataFrame
        Typed columns named by field, and ``row``, the position in the input.
    exchange : str
        Name of the exchange; Tokyo also checks its calendar.

    Raises
    ------
    DataError
        A negative price, a repeated (date, code), no close at all, or no row left.
    """
    refuse_negative_prices(raw)
    placed, first_out, outcomes = quarantine_rows(raw)
    codes = placed.get_column("code").unique().cast(pl.String).sort()
    placed = by_date_and_code(placed.with_columns(pl.col("code").cast(pl.Enum(codes))))
    refuse_repeated_keys(placed)
    refuse_sparse_bars(placed.get_column("date").unique().sort())
    out, later_out, more = split_dates(placed, exchange=exchange)
    everywhere, _, non_finite = null_non_finite(placed)
    found, odd = count_found(everywhere)
    rows = placed
    if not later_out.is_empty():
        rows, odd = placed.filter(~out), odd.filter(~out)
    del placed, everywhere
    rows, records, kept_non_finite = null_non_finite(rows)
    refuse_implausible(rows)
    units = units_of(rows)
    rows, by_code = in_units(rows, units), ByCode.of(rows)
    rows, filled_in, untraded = null_untraded(rows, by_code)
    rows, more_records, cells = null_cells(rows, found, odd)
    quarantine = pl.concat(
        [frame.with_columns(pl.col("code").cast(pl.String)) for frame in (first_out, later_out)]
    )
    if rows.is_empty():
        counts = {key: row.count for key, row in {**outcomes, **more}.items() if row.count}
        raise DataError(f"prices: every row is unusable: {counts}. Nothing was imported.")
    if rows.get_column("close").null_count() == rows.height:
        raise DataError(
            f"prices: none of {rows.height:,} rows has a close. Is it in another column? "
            "--map close=COLUMN"
        )
    outcomes |= more | cells
    outcomes[NON_FINITE.key] = replace(non_finite, cells=kept_non_finite.cells)
    outcomes[UNTRADED.key] = untraded
    records = pl.concat([records, filled_in, more_records])
    return Cleaned(rows, by_code, units, records, quarantine.sort("row"), outcomes)


def in_units(rows: pl.DataFrame, units: Units) -> pl.DataFrame:
    """Put traded values in currency and volumes in shares."""
    scaled = {"turnover_value": units.value, "volume": units.volume}
    return rows.with_columns(
        pl.col(name) * by for name, by in scaled.items() if by != 1.0 and name in rows.columns
    )


def null_untraded(
    rows: pl.DataFrame, by_code: ByCode
) -> tuple[pl.DataFrame, pl.DataFrame, Outcome]:
    """Null the prices of rows without a trade: (frame, defect records, outcome).

    Zeros stay for the rules about zeros, so that a cell is recorded once.
    """
    hit = untraded_rows(rows, by_code)
    if not hit.any():
        return rows, _stack([]), outcome(UNTRADED)
    first = describe(rows, hit.arg_max(), "close")
    records: list[pl.DataFrame] = []
    cells = 0
    places = hit.arg_true()
    some = rows[places]
    for name in (n for n in UNTRADED.targets if n in rows.columns):
        bad = (some.get_column(name) > 0).fill_null(value=False)
        if bad.any():
            cells += int(bad.sum())
            records.append(_records(some, bad, name, UNTRADED.key))
            rows = _with_nulls(rows, name, places.filter(bad))
    found = outcome(UNTRADED, count=int(hit.sum()), cells=cells, first=first)
    return rows, _stack(records), found


def describe(frame: pl.DataFrame, index: int | None, column: str | None = None) -> str:
    """``date code column value`` of one row, for tables and messages."""
    if index is None:
        return ""
    row: dict[str, Any] = frame.row(index, named=True)
    text = f"{row['date']} {row['code']}"
    return text if column is None else f"{text} {column} {row[column]!r}"


def refuse_negative_prices(frame: pl.DataFrame) -> None:
    """Refuse a delivery with a negative price or factor."""
    for name in (*PRICES, "adjustment_factor"):
        if name not in frame.columns:
            continue
        bad = (frame.get_column(name) < 0).fill_null(value=False)
        if bad.any():
            raise DataError(
                f"prices: {bad.sum():,} row(s) have a negative {name}, first "
                f"{describe(frame, bad.arg_max(), name)}. A price cannot be{_like_returns(frame)}; "
                f"check that the column is the right one (--map {name}=COLUMN)"
                f"{'' if name in REQUIRED else f' or leave it out (--map {name}=)'}, and correct "
                "or remove the rows."
            )


def _like_returns(frame: pl.DataFrame) -> str:
    """A hint, where the closes are small numbers around zero."""
    close = frame.get_column("close").drop_nans().drop_nulls()
    if int((close < 0).sum()) > 0.1 * len(close):
        middle = float(np.median(close.abs().to_numpy()))
        return f" (the closes lie around zero, {middle:.3g} in size: are these returns?)"
    return ""


def refuse_repeated_keys(frame: pl.DataFrame) -> None:
    """Refuse rows that repeat (date, code), identical ones too; the frame is sorted by them."""
    keys = ("date", "code")
    again = frame.select(
        pl.all_horizontal((pl.col(k) == pl.col(k).shift(1)).fill_null(value=False) for k in keys)
    ).to_series()
    if not again.any():
        return
    values = [c for c in frame.columns if c not in ("date", "code", "row")]
    twin = pl.all_horizontal(pl.col(c).eq_missing(pl.col(c).shift(1)) for c in values)
    identical = frame.select(twin).to_series() & again
    raise DataError(
        f"prices: {again.sum():,} row(s) repeat (date, code), {identical.sum():,} of them "
        f"identical to the row before, first {describe(frame, again.arg_max())}. Keep one "
        "row for each stock and date (and give each file once), then import again."
    )


def quarantine_rows(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, Outcome]]:
    """Split off rows that cannot be placed: (kept, quarantined with ``reason``, counts)."""
    reason = pl.lit(None, dtype=pl.String)
    outcomes: dict[str, Outcome] = {}
    for rule in reversed(FIRST_ROW_RULES):
        needed = rule.mask
        if needed is not None and set(needed.meta.root_names()) <= set(frame.columns):
            reason = pl.when(needed).then(pl.lit(rule.key)).otherwise(reason)
    reasons = frame.select(reason.alias("reason")).to_series()
    for rule in FIRST_ROW_RULES:
        hit = (reasons == rule.key).fill_null(value=False)
        outcomes[rule.key] = _count(rule, frame, hit)
    bad = reasons.is_not_null()
    if not bad.any():
        return frame, frame.clear().with_columns(reason=pl.lit(None, pl.String)), outcomes
    return frame.filter(~bad), frame.with_columns(reasons).filter(bad), outcomes


def date_reasons(frame: pl.DataFrame, *, exchange: str) -> pl.DataFrame:
    """Dates that are not whole sessions, with the reason; columns ``date``, ``reason``.

    Raises
    ------
    DataError
        So many dates are not Tokyo sessions that the exchange must be another one.
    """
    traded = pl.col("volume") > 0 if "volume" in frame.columns else pl.lit(None, pl.Boolean)
    dates = (
        frame.group_by("date")
        .agg(rows=pl.len(), traded=traded.any(ignore_nulls=False))
        .sort("date")
    )
    usual = dates.get_column("rows").rolling_median(21, center=True, min_samples=1)
    median = float(dates.select(pl.col("rows").median()).item() or 0.0)
    closed = _closed_dates(frame, dates.get_column("date"), exchange=exchange)
    return (
        dates.with_columns(
            reason=pl.when(closed)
            .then(pl.lit("not_a_session"))
            .when(
                (median >= MARKET_ROWS)
                & (pl.col("traded") == pl.lit(value=False))
                & pl.lit("volume" in frame.columns)
            )
            .then(pl.lit("date_without_trade"))
            .when((pl.col("rows") < usual * SPARSE_SHARE) | _stray(median))
            .then(pl.lit("sparse_date"))
        )
        .filter(pl.col("reason").is_not_null())
        .select("date", "reason")
    )


def _stray(median: float) -> pl.Expr:
    """Dates far from all others that hold fewer than half of the usual rows: typing errors."""
    days = pl.col("date").diff().dt.total_days()
    alone = (days.fill_null(STRAY_DAYS) >= STRAY_DAYS) & (
        days.shift(-1).fill_null(STRAY_DAYS) >= STRAY_DAYS
    )
    return alone & (pl.len() >= STRAY_DATES) & (pl.col("rows") < median / 2)


def _closed_dates(frame: pl.DataFrame, dates: pl.Series, *, exchange: str) -> pl.Series:
    """Dates on which the exchange was closed; so many trades on them are another exchange's."""
    if exchange != "tokyo":
        return pl.repeat(value=False, n=len(dates), dtype=pl.Boolean, eager=True)
    closed = pl.Series([not is_tokyo_session(day) for day in dates], dtype=pl.Boolean)
    if int(closed.sum()) < _FOREIGN_DATES:
        return closed
    trades = _trades_on(frame, dates.filter(closed))
    count = trades.get_column("date").n_unique()
    if count >= _FOREIGN_DATES and count > _FOREIGN_SHARE * len(dates):
        raise _foreign(frame, dates, trades, count)
    return closed


def _trades_on(frame: pl.DataFrame, dates: pl.Series) -> pl.DataFrame:
    """Rows on some dates that say that something was traded: a close that is not filled in."""
    rows = frame.filter(pl.col("date").is_in(dates.implode()) & (pl.col("close") > 0))
    codes = rows.get_column("code").unique()
    history = frame.filter(pl.col("code").is_in(codes.implode()) & (pl.col("close") > 0))
    compared = [name for name in ("close", "open", "high", "low", "volume") if name in rows.columns]
    changed = pl.any_horizontal(
        pl.col(name).is_not_null() & pl.col(name).ne_missing(pl.col(name).shift(1).over("code"))
        for name in compared
    )
    moved = history.filter(changed).filter(pl.col("date").is_in(dates.implode()))
    if "volume" in frame.columns and (frame.get_column("volume") > 0).any():
        return moved.filter(pl.col("volume") > 0)
    return moved


def _foreign(frame: pl.DataFrame, dates: pl.Series, trades: pl.DataFrame, count: int) -> DataError:
    codes = frame.get_column("code").cast(pl.String).unique().sort()
    abroad = trades.get_column("code").cast(pl.String).unique().sort()
    seen = (
        f"prices: {count:,} of {len(dates):,} dates with trades are not Tokyo sessions, first "
        f"{trades.get_column('date').sort()[0]}"
    )
    if len(abroad) < len(codes):
        rest = codes.filter(~codes.is_in(abroad.implode()))
        return DataError(
            f"{seen}: {len(abroad):,} of {len(codes):,} codes trade on them (first {abroad[0]}), "
            f"{len(rest):,} never do (first {rest[0]}), so the file mixes exchanges. Import the "
            "names of one exchange at a time."
        )
    local = int(codes.str.contains(_TOKYO_CODE).sum())
    if local > len(codes) / 2:
        return DataError(
            f"{seen}, though {local:,} of {len(codes):,} codes look like Tokyo's (first "
            f"{codes[0]}). Are the dates those of another time zone, or shifted by a day? Export "
            "the date of the session in Tokyo."
        )
    return DataError(f"{seen}. Is this another exchange? Say so: --set exchange=new_york")


def split_dates(
    frame: pl.DataFrame, *, exchange: str
) -> tuple[pl.Series, pl.DataFrame, dict[str, Outcome]]:
    """Find rows on dates that are no sessions and rows outside their listing.

    Returns
    -------
    Mask of such rows, those rows with their ``reason``, and the counts.
    """
    found = date_reasons(frame, exchange=exchange)
    listed = pl.lit(None, dtype=pl.String)
    bad = pl.lit(value=False)
    if not found.is_empty():
        bad = pl.col("date").is_in(found.get_column("date").implode())
    for name, late in (("listed_from", False), ("listed_to", True)):
        if name in frame.columns:
            outside = pl.col("date") > pl.col(name) if late else pl.col("date") < pl.col(name)
            listed = pl.when(outside).then(pl.lit("outside_listing")).otherwise(listed)
            bad |= outside.fill_null(value=False)
    by_date = pl.col("date").replace_strict(
        found.get_column("date"), found.get_column("reason"), default=None, return_dtype=pl.String
    )
    mask = frame.select(pl.repeat(value=False, n=pl.len()) | bad).to_series()
    out = frame.filter(mask).with_columns(reason=pl.coalesce(by_date, listed))
    reasons = out.get_column("reason")
    return mask, out, {rule.key: _count(rule, out, reasons == rule.key) for rule in DATE_RULES}


def count_found(frame: pl.DataFrame) -> tuple[dict[str, Outcome], pl.Series]:
    """Count on the whole input what each cell rule finds, before any cell is changed.

    Returns
    -------
    Outcomes, and the mask of the rows that any rule finds: a cell that becomes null makes no other
    rule find a row.
    """
    outcomes: dict[str, Outcome] = {}
    odd = pl.repeat(value=False, n=frame.height, dtype=pl.Boolean, eager=True)
    for rule in CELL_RULES:
        hit = _hits(rule, frame)
        outcomes[rule.key] = outcome(rule) if hit is None else _count(rule, frame, hit)
        odd = odd if hit is None else odd | hit
    return outcomes, odd


def null_non_finite(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, Outcome]:
    """Null every NaN and infinity: (frame, defect records, outcome)."""
    records: list[pl.DataFrame] = []
    count = 0
    first = ""
    for name in (n for n in NUMBERS if n in frame.columns):
        values = frame.get_column(name)
        bad = (values.is_finite() == False).fill_null(value=False)  # noqa: E712  elementwise
        if bad.any():
            count += int(bad.sum())
            first = first or describe(frame, bad.arg_max(), name)
            records.append(_records(frame, bad, name, NON_FINITE.key))
            frame = frame.with_columns(values.set(bad, None))
    return frame, _stack(records), outcome(NON_FINITE, count=count, cells=count, first=first)


def null_cells(
    frame: pl.DataFrame, found: Mapping[str, Outcome], odd: pl.Series
) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, Outcome]]:
    """Apply the cell rules in order to the odd rows, the only ones that they can find.

    Returns
    -------
    Frame, defect records, outcomes with their cells.
    """
    places = odd.arg_true()
    some = frame[places]
    records: list[pl.DataFrame] = []
    outcomes: dict[str, Outcome] = {}
    for rule in CELL_RULES:
        before = found[rule.key]
        hit = _hits(rule, some)
        cells = 0
        if hit is not None and hit.any():
            for name in rule.targets:
                cells += int(hit.sum())
                records.append(_records(some, hit, name, rule.key))
                some = some.with_columns(some.get_column(name).set(hit, None))
        outcomes[rule.key] = outcome(rule, count=before.count, cells=cells, first=before.first)
    for name in {name for rule in CELL_RULES for name in rule.targets} & set(frame.columns):
        gone = some.get_column(name).is_null()
        frame = _with_nulls(frame, name, places.filter(gone))
    return frame, _stack(records), outcomes


def _with_nulls(frame: pl.DataFrame, name: str, places: pl.Series) -> pl.DataFrame:
    """The frame with some cells of a column null."""
    if places.is_empty():
        return frame
    return frame.with_columns(frame.get_column(name).clone().scatter(places, None))


def restore(quotes: pl.DataFrame, defects: pl.DataFrame) -> pl.DataFrame:
    """Put the values that an import made null back: the numbers as the file had them.

    Parameters
    ----------
    quotes : polars.DataFrame
        Kept rows with ``date``, ``code`` and number columns.
    defects : polars.DataFrame
        The records of nulled cells; each (date, code, column) occurs at most once.
    """
    for name in (n for n in quotes.columns if n in set(defects.get_column("column"))):
        cells = defects.filter(pl.col("column") == name).select("date", "code", "value", "defect")
        quotes = (
            quotes.join(cells, on=["date", "code"], how="left", maintain_order="left")
            .with_columns(
                pl.when(pl.col("defect").is_not_null())
                .then(pl.col("value"))
                .otherwise(pl.col(name))
                .alias(name)
            )
            .drop("value", "defect")
        )
    return quotes


def _hits(rule: Rule, frame: pl.DataFrame) -> pl.Series | None:
    if rule.mask is None or not set(rule.mask.meta.root_names()) <= set(frame.columns):
        return None
    return frame.select(rule.mask.fill_null(value=False)).to_series()


def _count(rule: Rule, frame: pl.DataFrame, hit: pl.Series) -> Outcome:
    count = int(hit.sum())
    column = rule.targets[0] if rule.targets else None
    first = describe(frame, hit.arg_max(), column) if count else ""
    return outcome(rule, count=count, first=first)


def _records(frame: pl.DataFrame, hit: pl.Series, name: str, key: str) -> pl.DataFrame:
    return frame.filter(hit).select(
        "date",
        pl.col("code").cast(pl.String),
        column=pl.lit(name),
        value=pl.col(name),
        defect=pl.lit(key),
    )


def _stack(records: list[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat([pl.DataFrame(schema=dict(DEFECTS_SCHEMA)), *records])
