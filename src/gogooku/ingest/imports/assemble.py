"""Cleaned rows to the frames of a delivery: factors, listings, index, counts, facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from gogooku.core.errors import DataError
from gogooku.core.frames import QUOTES_SCHEMA, SourceFrames
from gogooku.ingest.imports.by_code import BoolArray, ByCode, FloatArray, IntArray
from gogooku.ingest.imports.columns import ColumnMap
from gogooku.ingest.imports.config import ExchangeName, ImportConfig, PriceBasis
from gogooku.ingest.imports.defects import DEFECTS_SCHEMA, Cleaned, describe
from gogooku.ingest.imports.derive import (
    adjustment_facts,
    adjustment_from_close,
    indices_of,
    listings_of,
    sector_changes,
)
from gogooku.ingest.imports.factors import (
    Factors,
    Meaning,
    factors_from_close,
    read_factors,
    with_carried,
)
from gogooku.ingest.imports.holes import (
    Calendar,
    long_gaps,
    missing_weekdays,
    partial_dates,
    sparse_codes,
)
from gogooku.ingest.imports.markets import dated_markets
from gogooku.ingest.imports.moves import Bars, MissingSplits, Moves, moves_of
from gogooku.ingest.imports.policy import (
    FACTOR_CONTRADICTED,
    FEWEST_SHOWN,
    POLICY_TABLE,
    WARNINGS,
    Outcome,
    outcome,
)
from gogooku.ingest.imports.survivors import survivors_only
from gogooku.ingest.imports.untraded import ends_untraded

_RULES = {rule.key: rule for rule in (*WARNINGS, FACTOR_CONTRADICTED)}


@dataclass(frozen=True)
class Notes:
    """How the files were written."""

    date_forms: tuple[str, ...]
    number_code_rows: int
    written: tuple[str, ...] = ()
    spellings: int = 0
    first_spelling: str = ""


@dataclass(frozen=True)
class Reading:
    """What files contained: the frames to store and how they came about.

    ``adjustment`` says in words what the prices are adjusted by, ``units`` what traded values and
    volumes were multiplied by, empty for nothing, ``written`` how the files were written.
    """

    frames: SourceFrames
    mapping: ColumnMap
    table: tuple[Outcome, ...]
    adjustment: str
    units: str
    written: tuple[str, ...]


@dataclass(frozen=True)
class _Adjusted:
    """Factors of the rows (in their order), where they are from, what was changed and counted."""

    factors: pl.Series
    basis: str
    facts: Mapping[str, Any]
    records: pl.DataFrame
    counts: Mapping[str, Outcome]
    moves: Moves


def assemble(cleaned: Cleaned, mapping: ColumnMap, config: ImportConfig, notes: Notes) -> Reading:
    """Work out what a delivery holds beside its rows, and put it into the schemas of the store.

    Raises
    ------
    DataError
        Factors that fit the prices in no one way, a split that no factor explains, an index or a
        listing date that differs between rows.
    """
    rows, by_code = cleaned.rows, cleaned.by_code
    adjusted = _adjusted(cleaned, config)
    listings = listings_of(rows, cleaned.quarantine)
    changes = sector_changes(rows)
    counted = {
        **cleaned.outcomes,
        **adjusted.counts,
        **_row_warnings(rows, changes, notes),
        **_holes(rows, by_code, adjusted.moves, config),
    }
    table = tuple(counted.get(rule.key) or outcome(rule) for rule in POLICY_TABLE)
    frames = SourceFrames(
        quotes=_quotes(rows, adjusted.factors),
        listings=listings,
        indices=indices_of(
            rows, index="TOPIX" if config.exchange is ExchangeName.TOKYO else "MARKET"
        ),
        markets=dated_markets(rows, listings),
        exchange=config.exchange.value,
        extras=_extras(cleaned, adjusted, changes),
        facts={
            **adjusted.facts,
            "price_basis": config.price_basis.value,
            "known_bias": [*_bias(config, counted), *survivors_only(rows, listings)],
            "columns": dict(mapping.used),
            "ignored_columns": list(mapping.ignored),
            "absent_groups": list(mapping.absent_groups()),
            "date_forms": list(notes.date_forms),
            "written": list(notes.written),
            "turnover_value": "given" if "turnover_value" in rows.columns else "close x volume",
            "units": asdict(cleaned.units),
            "table": [asdict(row) for row in table],
        },
    )
    units, written = cleaned.units.text, notes.written
    return Reading(frames, mapping, table, adjusted.basis, units, written)


def _bias(config: ImportConfig, counted: Mapping[str, Outcome]) -> list[str]:
    """What is known to be wrong with everything that is built on the delivery."""
    out = []
    if config.price_basis is not PriceBasis.RAW:
        out.append(
            "prices are adjusted backwards: levels, price floors and traded value look ahead"
        )
    splits = counted["missing_split"]
    if splits.count and config.missing_splits is not MissingSplits.ADJUST:
        out.append(
            f"{splits.count:,} move(s) look like splits that no factor explains, and are believed: "
            f"first {splits.first}"
        )
    beyond = counted["beyond_limit"]
    if beyond.count:
        out.append(
            f"{beyond.count:,} close(s) lie beyond the daily price limit and are believed: first "
            f"{beyond.first}"
        )
    return out


def _adjusted(cleaned: Cleaned, config: ImportConfig) -> _Adjusted:
    """Find the factor of each row, check it against the prices, and find moves without one."""
    rows, by_code = cleaned.rows, cleaned.by_code
    empty = pl.DataFrame(schema=dict(DEFECTS_SCHEMA))
    carried = (0, "")
    if "adjustment_factor" in rows.columns:
        wanted = Meaning(config.factor_form, config.factor_direction, config.factor_session)
        found, carried = with_carried(rows, cleaned.quarantine, wanted=wanted)
        found = found or read_factors(rows, by_code, wanted=wanted)
        basis, origin = "factors of the file", "given"
    elif "adj_close" in rows.columns:
        found = factors_from_close(rows, by_code, adjustment_from_close(rows))
        basis, origin = "adjusted close", "from the adjusted close"
    else:
        found = Factors.none(rows.height)
        basis, origin = "none", "none"
    before = found.values
    moves, values, jumped = _moves(rows, by_code, before, config)
    factors = by_code.in_rows(values)
    basis = _basis(basis, found, config, taken=int(jumped.sum()))
    records, missing = (
        _factor_records(rows, cleaned.defects, factors)
        if "adjustment_factor" in rows.columns
        else (empty, 0)
    )
    if "adjustment_factor" not in rows.columns and jumped.any():
        records = _new_factors(rows, by_code.in_rows(jumped))
    counts = {
        "factor_contradicted": _counted(
            rows, by_code, found.contradicted, "factor_contradicted", cells=True
        ),
        "factor_carried": outcome(_RULES["factor_carried"], count=carried[0], first=carried[1]),
        "no_factor": outcome(_RULES["no_factor"], count=missing),
        "absurd_jump": _counted(rows, by_code, moves.absurd, "absurd_jump"),
        "missing_split": _splits(rows, by_code, moves),
        "beyond_limit": _counted(rows, by_code, moves.beyond_limit, "beyond_limit"),
    }
    facts = {**adjustment_facts(factors, origin=origin), "adjustment_basis": basis}
    return _Adjusted(factors, basis, facts, records, counts, moves)


def _basis(origin: str, found: Factors, config: ImportConfig, *, taken: int) -> str:
    """What the prices are adjusted by, in words; ``taken``: moves taken as splits when asked to."""
    asked = f"{taken:,} move(s) taken as splits, as asked (missing_splits=adjust)"
    if origin == "none" and taken:
        return f"none in the file; {asked}"
    text = _given_basis(origin, found, config)
    return f"{text}; {asked}" if taken else text


def _given_basis(origin: str, found: Factors, config: ImportConfig) -> str:
    """What the file adjusts its prices by, in words."""
    if origin == "none":
        adjusted = config.price_basis is PriceBasis.BACK_ADJUSTED
        return (
            "none: the prices are adjusted already (price_basis=back_adjusted)"
            if adjusted
            else "none: no factors and no adjusted close, so every split would be a return"
        )
    if found.meaning is None:
        return f"{origin}: no event, all factors are 1"
    events = int((found.values != 1.0).sum())
    text = f"{origin}: {events:,} event(s)"
    if origin == "factors of the file":
        text += f", read as {found.meaning.text}"
    elif found.meaning != Meaning():
        text += f", {found.meaning.text}"
    if found.checked:
        text += f"; {found.explained:,} of {found.checked:,} large ones explain their move"
    return text


def _moves(
    rows: pl.DataFrame, by_code: ByCode, values: FloatArray, config: ImportConfig
) -> tuple[Moves, FloatArray, BoolArray]:
    """Moves that no factor explains, the factors with those that were asked for, and where."""
    bars = Bars(
        rows=rows,
        by_code=by_code,
        day=by_code.days(rows.get_column("date")),
        close=by_code.floats(rows.get_column("close")),
        factor=values,
    )
    raw = config.price_basis is PriceBasis.RAW
    moves = moves_of(bars, limits=raw and config.exchange is ExchangeName.TOKYO)
    jumped = ~np.isnan(moves.split)
    if config.missing_splits is MissingSplits.REFUSE and moves.certain.any():
        raise _missing_splits(rows, by_code, moves)
    if config.missing_splits is MissingSplits.ADJUST and jumped.any():
        return moves, np.where(jumped, values * moves.split, values), jumped
    return moves, values, np.zeros(len(values), dtype=bool)


def _missing_splits(rows: pl.DataFrame, by_code: ByCode, moves: Moves) -> DataError:
    places = np.flatnonzero(moves.certain)
    places = places[np.argsort(by_code.order[places])]
    shown = ", ".join(_split_at(rows, by_code, moves, int(place)) for place in places[:5])
    dates = rows.get_column("date").gather(by_code.order[places]).n_unique()
    more = f" and {len(places) - 5:,} more" if len(places) > 5 else ""
    return DataError(
        f"prices: {len(places):,} close(s) on {dates:,} date(s) move like a split that no factor "
        f"explains: {shown}{more}. A backtest would earn or lose them. Give the factors or an "
        "adjusted close; or take each ratio as a split (--set missing_splits=adjust), or believe "
        "the moves (--set missing_splits=keep)."
    )


def _split_at(rows: pl.DataFrame, by_code: ByCode, moves: Moves, place: int) -> str:
    where = describe(rows, int(by_code.order[place]))
    return f"{where} x{moves.ratio[place]:.4g} (near {_ratio_text(float(moves.split[place]))})"


def _ratio_text(ratio: float) -> str:
    """A ratio as people write it: 1/2, 3/2, 10."""
    if ratio >= 1:
        return f"{ratio:g}"
    inverse = 1 / ratio
    return f"1/{inverse:.4g}"


def _splits(rows: pl.DataFrame, by_code: ByCode, moves: Moves) -> Outcome:
    places = np.flatnonzero(~np.isnan(moves.split))
    if not len(places):
        return outcome(_RULES["missing_split"])
    places = places[np.argsort(by_code.order[places])]
    shown = "; ".join(_split_at(rows, by_code, moves, int(one)) for one in places[:FEWEST_SHOWN])
    return outcome(_RULES["missing_split"], count=len(places), first=shown)


def _counted(
    rows: pl.DataFrame, by_code: ByCode, places: BoolArray, key: str, *, cells: bool = False
) -> Outcome:
    """Count rows (by code) of a kind, with the first by (date, code)."""
    hit = by_code.order[places]
    first = describe(rows, int(hit.min())) if len(hit) else ""
    return outcome(_RULES[key], count=len(hit), cells=len(hit) if cells else 0, first=first)


def _factor_records(
    rows: pl.DataFrame, defects: pl.DataFrame, factors: pl.Series
) -> tuple[pl.DataFrame, int]:
    """Records of the given factors that differ from the stored ones, and how many were null.

    A factor that is recorded already (it was NaN) gets no second record.
    """
    given = rows.get_column("adjustment_factor")
    changed = given.ne_missing(factors)
    known = defects.filter(pl.col("column") == "adjustment_factor").select("date", "code")
    kind = (
        pl.when(pl.col("adjustment_factor").is_null() & (pl.col("new") == 1.0))
        .then(pl.lit("no_factor"))
        .when(pl.col("new") == 1.0)
        .then(pl.lit("factor_contradicted"))
        .otherwise(pl.lit("factor_read"))
    )
    records = (
        rows.with_columns(new=factors)
        .filter(changed)
        .select(
            "date",
            pl.col("code").cast(pl.String),
            column=pl.lit("adjustment_factor"),
            value=pl.col("adjustment_factor"),
            defect=kind,
        )
        .join(known, on=["date", "code"], how="anti")
    )
    return records, int((records.get_column("defect") == "no_factor").sum())


def _new_factors(rows: pl.DataFrame, jumped: pl.Series) -> pl.DataFrame:
    """Records of factors where the file has no such column."""
    return rows.filter(jumped).select(
        "date",
        pl.col("code").cast(pl.String),
        column=pl.lit("adjustment_factor"),
        value=pl.lit(None, dtype=pl.Float64),
        defect=pl.lit("missing_split"),
    )


def _row_warnings(
    rows: pl.DataFrame, changes: pl.Series | None, notes: Notes
) -> dict[str, Outcome]:
    masks = {"no_close": rows.get_column("close").is_null()}
    if changes is not None:
        masks["sector_changes"] = changes
    found = {
        key: outcome(
            _RULES[key],
            count=int(mask.sum()),
            first=describe(rows, mask.arg_max()) if mask.any() else "",
        )
        for key, mask in masks.items()
    }
    found["code_spellings"] = outcome(
        _RULES["code_spellings"], count=notes.spellings, first=notes.first_spelling
    )
    found["number_codes"] = outcome(_RULES["number_codes"], count=notes.number_code_rows)
    return found


def _holes(
    rows: pl.DataFrame, by_code: ByCode, moves: Moves, config: ImportConfig
) -> dict[str, Outcome]:
    """Sessions that a code or the file lacks, dates that are partial, codes that fall silent."""
    calendar = Calendar.of(rows.get_column("date").unique().sort(), exchange=config.exchange.value)
    gap, skipped = long_gaps(moves.day, by_code, calendar)
    known = config.exchange is ExchangeName.TOKYO
    missing = calendar.missing if known else missing_weekdays(calendar.dates)
    partial = partial_dates(rows)
    silent = ends_untraded(moves.close, by_code)
    found = {
        "code_gap": _gaps(rows, by_code, gap, skipped, moves.ratio),
        "sparse_code": _counted(
            rows, by_code, sparse_codes(moves.day, by_code, calendar), "sparse_code"
        ),
        "ends_untraded": _counted(rows, by_code, silent, "ends_untraded"),
        "missing_session": outcome(
            _RULES["missing_session"],
            count=len(missing),
            first=str(missing[0]) if len(missing) else "",
        ),
        "partial_date": outcome(_RULES["partial_date"], count=partial.height),
    }
    if partial.height:
        day_, closes, usual = partial.row(0)
        text = f"{day_}: {closes:,} closes, usually {usual:,.0f}"
        found["partial_date"] = replace(found["partial_date"], first=text)
    return found


def _gaps(
    rows: pl.DataFrame, by_code: ByCode, gap: BoolArray, skipped: IntArray, ratio: FloatArray
) -> Outcome:
    places = np.flatnonzero(gap)
    if not len(places):
        return outcome(_RULES["code_gap"])
    first = int(places[np.argmin(by_code.order[places])])
    here, before = by_code.order[first], by_code.order[first - 1]
    dates, codes = rows.get_column("date"), rows.get_column("code")
    text = (
        f"{codes[int(here)]}: no row for {skipped[first]:,} sessions between "
        f"{dates[int(before)]} and {dates[int(here)]}, then x{ratio[first]:.3g}; if another "
        f"company: --set other_company={codes[int(here)]}:{dates[int(here)]}"
    )
    return outcome(_RULES["code_gap"], count=len(places), first=text)


def _extras(
    cleaned: Cleaned, adjusted: _Adjusted, changes: pl.Series | None
) -> dict[str, pl.DataFrame]:
    """Frames that are kept beside a delivery."""
    rows, out = cleaned.rows, cleaned.quarantine
    extras = {
        "defects": pl.concat([cleaned.defects, adjusted.records]).sort("date", "code", "column"),
        "quarantine": out.select(
            "reason", "row", *(c for c in out.columns if c not in ("reason", "row"))
        ),
    }
    if "adj_close" in rows.columns:
        extras["adjusted_close"] = rows.select("date", pl.col("code").cast(pl.String), "adj_close")
    if changes is not None and changes.any():
        extras["sector_changes"] = rows.filter(changes).select(
            "date", pl.col("code").cast(pl.String), "sector"
        )
    return extras


def _quotes(rows: pl.DataFrame, factors: pl.Series) -> pl.DataFrame:
    """Put the rows in the schema of the store, absent columns null."""
    have = rows.rename({"volume": "volume_shares"}) if "volume" in rows.columns else rows
    have = have.with_columns(adjustment_factor=factors)
    if "turnover_value" not in have.columns and "volume_shares" in have.columns:
        have = have.with_columns(turnover_value=pl.col("close") * pl.col("volume_shares"))
    return have.select(
        (pl.col(name) if name in have.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in QUOTES_SCHEMA.items()
    )
