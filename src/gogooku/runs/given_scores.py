"""A frame of scores that were made elsewhere: read, checked, and put on the axes of a dataset.

One row for each date and code, and for each horizon where there are several. What is wrong with it
is an error that names the column, how many rows are wrong and the first of them; nothing is guessed
and nothing is mended. The only rows that are left out are those of names outside of the universe,
which no run scores, and where that is asked for those that the dataset does not have.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from gogooku.core.codes import company_of
from gogooku.core.digests import digest_of, text_of
from gogooku.core.errors import DataError, UsageError
from gogooku.core.files import hash_json
from gogooku.core.findings import short
from gogooku.core.forecast import FORECAST_SCHEMA, Places
from gogooku.core.types import Dataset
from gogooku.ingest.imports.columns import field_of, normalised

HORIZON: Final = 5
"""Sessions ahead that scores are for where neither the frame nor the caller says so."""
_KEYS: Final = ("date", "code", "horizon")
_NEEDED: Final = ("date", "code", "score")
_SAME: Final = 0.99
"""Share of the different scores of a day that have to differ in single precision too."""
_DIGITS: Final = 12
"""Digits beyond which two scores differ by the rounding of the program that made them."""
_TEXT_TYPES: Final = (pl.String, pl.Categorical, pl.Enum)


@dataclass(frozen=True)
class GivenFrame:
    """Scores that can be judged.

    Attributes
    ----------
    frame : polars.DataFrame
        `gogooku.core.forecast.FORECAST_SCHEMA`, sorted; codes as the dataset spells them.
    left_out : mapping of str to int
        Rows that are not judged, by reason: `gogooku.evaluate.cautions.LEFT_OUT`.
    """

    frame: pl.DataFrame
    left_out: Mapping[str, int]

    @property
    def horizons(self) -> tuple[int, ...]:
        """Those that there are scores for, ascending."""
        return tuple(self.frame.get_column("horizon").unique().sort().to_list())

    @property
    def content_hash(self) -> str:
        """Hash of what is judged, however it was written and in whatever order."""
        codes = self.frame.get_column("code")
        names = codes.unique().sort().to_list()
        numbers = [
            codes.cast(pl.Enum(names)).to_physical().to_numpy().astype(np.int32),
            self.frame.get_column("date").to_physical().to_numpy(),
            self.frame.get_column("horizon").to_numpy(),
            self.frame.get_column("score").to_numpy(),
        ]
        return hash_json([names, *(text_of(digest_of(one)) for one in numbers)])


def table_of(frame: object) -> pl.DataFrame:
    """A frame of polars, of pandas, or of whatever hands over Arrow, as one of polars.

    Raises
    ------
    UsageError
        It is no frame.
    DataError
        It is one that polars cannot take over.
    """
    if isinstance(frame, pl.LazyFrame):
        return frame.collect()
    if isinstance(frame, pl.DataFrame):
        return frame
    like: Any = frame
    if not isinstance(frame, Mapping) and not hasattr(frame, "columns"):
        raise UsageError(
            f"judge: got {type(frame).__name__}; expected a frame of polars or pandas with the "
            "columns date, code and score (of a pandas Series: series.rename('score')"
            ".reset_index())"
        )
    try:
        return pl.DataFrame(like)
    except (pl.exceptions.PolarsError, TypeError, ValueError) as fault:
        raise DataError(
            f"judge: polars cannot take over this {type(frame).__name__} ({fault}); give plain "
            "columns: dates, texts and numbers"
        ) from fault


def given_frame(
    frame: object,
    dataset: Dataset,
    *,
    known_horizons: Sequence[int],
    horizon: int | None = None,
    drop_unknown: bool = False,
) -> GivenFrame:
    """Check scores against a dataset.

    Parameters
    ----------
    frame : frame of polars or pandas
        date, code, score and, where there are several, horizon; other columns are not looked at.
        A score of a date is one that was known when that session's evening ranks: it is traded
        from the next open. Higher is better.
    dataset : Dataset
    known_horizons : sequence of int
        Horizons that the dataset has labels of.
    horizon : int, optional
        Of all scores where the frame has no such column; `HORIZON` by default.
    drop_unknown : bool
        Leave out rows of codes that the dataset does not have, and of dates before its first or
        after its last session, where they are refused otherwise.

    Raises
    ------
    UsageError
        It is no frame, or its horizon is stated twice.
    DataError
        What is wrong with it.
    """
    table = table_of(frame)
    columns = _columns(table, frame)
    if not table.height:
        raise DataError("judge: the frame has no rows; give one for each date and code")
    rows = pl.DataFrame(
        {
            "date": _dates(table.get_column(columns["date"])),
            "code": _codes(table.get_column(columns["code"])),
            "horizon": _horizons(table, columns.get("horizon"), known_horizons, horizon),
            "score": _scores(table.get_column(columns["score"])),
        }
    )
    left_out: dict[str, int] = {}
    rows = _on_sessions(rows, dataset, left_out, drop=drop_unknown)
    rows = _on_codes(rows, dataset, left_out, drop=drop_unknown)
    _refuse_repeated(rows)
    _refuse_flat(rows)
    rows = _in_single_precision(rows).sort(*_KEYS)
    rows = _in_universe(rows, dataset, left_out)
    return GivenFrame(frame=rows.select(list(FORECAST_SCHEMA)), left_out=left_out)


def _columns(table: pl.DataFrame, frame: object) -> dict[str, str]:
    """The column of each field."""
    found: dict[str, str] = {}
    for name in table.columns:
        field = name if name in FORECAST_SCHEMA else field_of(name) or normalised(name)
        if field in FORECAST_SCHEMA and (field not in found or name == field):
            found[field] = name
    lost = [field for field in _NEEDED if field not in found]
    if not lost:
        return found
    others = [name for name in table.columns if name not in found.values()]
    near = {field: difflib.get_close_matches(field, others, n=3, cutoff=0.5) for field in lost}
    said = [f"{field} (nearest: {', '.join(names)})" if names else field
            for field, names in near.items()]  # fmt: skip
    names = getattr(getattr(frame, "index", None), "names", None) or ()
    index = [field for field in lost if field in names]
    hint = (
        f"{', '.join(index)} is in the index: give frame.reset_index()"
        if index
        else "rename columns: date, code, score and, where a name has several scores, horizon, one "
        "row each"
    )
    raise DataError(
        f"judge: no column {', '.join(said)} among {len(table.columns)} "
        f"({', '.join(table.columns[:12])}); {hint}"
    )


def _refuse(bad: pl.Series, values: pl.Series, *, wanted: str, then: str) -> None:
    """Refuse a column of which some rows are not what they must be."""
    at = bad.fill_null(value=True).arg_true()
    if len(at):
        first = at[0]
        raise DataError(
            f"judge: column {values.name}: {len(at):,} of {len(values):,} rows {wanted}, the first "
            f"{short(values[first])} (row {first + 1:,}); {then}"
        )


def _dates(given: pl.Series) -> pl.Series:
    _refuse(given.is_null(), given, wanted="have no date", then="leave them out")
    kind = given.dtype
    if kind == pl.Date:
        return given
    if isinstance(kind, pl.Datetime):
        local = given.dt.replace_time_zone(None)
        _refuse(
            local != local.dt.truncate("1d"),
            given.dt.to_string("%Y-%m-%d %H:%M:%S"),
            wanted="hold a time of day",
            then="a score belongs to a session: give its date",
        )
        return local.dt.date()
    if kind in _TEXT_TYPES:
        text = given.cast(pl.String).str.strip_chars()
        dates = text.str.to_date("%Y-%m-%d", strict=False)
        _refuse(dates.is_null(), given, wanted="are no date YYYY-MM-DD", then="write them so")
        return dates
    raise DataError(f"judge: column {given.name} holds {kind}; expected dates, or texts YYYY-MM-DD")


def _codes(given: pl.Series) -> pl.Series:
    _refuse(given.is_null(), given, wanted="have no code", then="leave them out")
    if given.dtype in _TEXT_TYPES or given.dtype.is_integer():
        return given.cast(pl.String)
    raise DataError(
        f"judge: column {given.name} holds {given.dtype}; expected codes as texts ('7203', "
        "'72030') or whole numbers"
    )


def _scores(given: pl.Series) -> pl.Series:
    if not (given.dtype.is_numeric() or given.dtype in _TEXT_TYPES):
        raise DataError(f"judge: column {given.name} holds {given.dtype}; expected numbers")
    _refuse(given.is_null(), given, wanted="have no score", then="leave them out")
    values = (
        given.cast(pl.Float64)
        if given.dtype.is_numeric()
        else given.cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)
    )
    _refuse(values.is_null(), given, wanted="are no number", then="give numbers")
    _refuse(
        ~values.is_finite(),
        given,
        wanted="are not finite (NaN or infinite)",
        then="leave out rows without a score",
    )
    return values


def _horizons(
    table: pl.DataFrame, column: str | None, known: Sequence[int], stated: int | None
) -> pl.Series:
    """The horizon of each row, one of those that have labels."""
    listed = ", ".join(map(str, known))
    if column is None:
        one = HORIZON if stated is None else stated
        if isinstance(one, bool) or one not in known:
            raise UsageError(
                f"horizon {short(one)}: the dataset has labels of {listed} sessions; choose one"
            )
        return pl.repeat(one, table.height, dtype=pl.Int32, eager=True)
    if stated is not None:
        raise UsageError(
            f"horizon {short(stated)}: the frame has a column {column}, which says it already; "
            "leave one of the two out"
        )
    given = table.get_column(column)
    if not (given.dtype.is_numeric() or given.dtype in _TEXT_TYPES):
        raise DataError(f"judge: column {column} holds {given.dtype}; expected whole numbers")
    values = given.cast(pl.Float64, strict=False)
    _refuse(
        ~values.is_in([float(one) for one in known]),
        given,
        wanted=f"are of no horizon that the dataset has labels of ({listed} sessions)",
        then="leave them out",
    )
    return values.cast(pl.Int32)


def _on_sessions(
    rows: pl.DataFrame, dataset: Dataset, left_out: dict[str, int], *, drop: bool
) -> pl.DataFrame:
    """Rows of sessions of the dataset."""
    first, last = dataset.sessions[0].item(), dataset.sessions[-1].item()
    inside = pl.col("date").is_between(first, last)
    beyond = rows.filter(~inside)
    if beyond.height and (not drop or beyond.height == rows.height):
        low, high = beyond.select(pl.col("date").min(), pl.col("date").max().alias("high")).row(0)
        advice = "" if beyond.height == rows.height else "leave them out (drop_unknown), or "
        raise DataError(
            f"judge: {beyond.height:,} of {rows.height:,} rows are of dates outside of dataset "
            f"{dataset.folder.name} ({low} to {high}; it has {first} to {last}); "
            f"{advice}build a dataset that reaches so far"
        )
    left_out["dates_outside"] = beyond.height
    kept = rows.filter(inside)
    off = kept.filter(~pl.col("date").is_in(dataset.sessions.tolist()))
    if off.height:
        days = off.get_column("date").unique().sort()
        raise DataError(
            f"judge: {off.height:,} of {rows.height:,} rows are of {len(days):,} dates that are no "
            f"sessions, the first {days[0]} ({days[0]:%A}); a score belongs to the session after "
            "whose close it was known: give that date"
        )
    return kept


def _on_codes(
    rows: pl.DataFrame, dataset: Dataset, left_out: dict[str, int], *, drop: bool
) -> pl.DataFrame:
    """Rows of names of the dataset, their codes as it spells them."""
    exchange = str(dataset.manifest["exchange"])
    there = {company_of(code, exchange=exchange): code for code in dataset.codes}
    written = rows.get_column("code").unique(maintain_order=True).to_list()
    kept = {code: there.get(company_of(code, exchange=exchange)) for code in written}
    unknown = [code for code, one in kept.items() if one is None]
    strange = pl.col("code").is_in(unknown)
    lost = rows.filter(strange)
    if len(unknown) == len(written):
        raise DataError(
            f"judge: none of {len(written):,} codes is one of dataset {dataset.folder.name}, the "
            f"first {short(unknown[0])}; its codes are like {short(dataset.codes[0])}"
        )
    if unknown and not drop:
        raise DataError(
            f"judge: {lost.height:,} of {rows.height:,} rows are of {len(unknown):,} codes that "
            f"dataset {dataset.folder.name} does not have, the first {short(unknown[0])}; leave "
            "them out (drop_unknown), which is said with the result, or build a dataset with them"
        )
    left_out["unknown_codes"] = lost.height
    return rows.filter(~strange).with_columns(pl.col("code").replace_strict(kept))


def _refuse_repeated(rows: pl.DataFrame) -> None:
    repeated = rows.filter(pl.struct(_KEYS).is_duplicated())
    if repeated.height:
        day, code, horizon = repeated.sort(*_KEYS).select(_KEYS).row(0)
        raise DataError(
            f"judge: {repeated.height:,} of {rows.height:,} rows repeat a date, code and horizon, "
            f"the first {day}, {code}, {horizon}; give one score each"
        )


def _refuse_flat(rows: pl.DataFrame) -> None:
    """Refuse days on which all names have one score: they rank nothing."""
    days = rows.group_by("date", "horizon").agg(
        pl.len().alias("names"), pl.col("score").n_unique().alias("different")
    )
    flat = days.filter(pl.col("names") > 1, pl.col("different") == 1).sort("date", "horizon")
    if flat.height:
        day, horizon, names, _ = flat.row(0)
        raise DataError(
            f"judge: on {flat.height:,} of {days.height:,} days all scores are equal, the first "
            f"{day} at horizon {horizon} ({names:,} names): they rank nothing; leave such days out"
        )


def _in_single_precision(rows: pl.DataFrame) -> pl.DataFrame:
    """Scores as they are kept; refuse those that single precision makes equal."""
    kept = rows.with_columns(pl.col("score").cast(pl.Float32).alias("kept"))
    endless = kept.filter(pl.col("kept").is_infinite())
    if endless.height:
        raise DataError(
            f"judge: {endless.height:,} of {rows.height:,} scores are too large to be kept, the "
            f"first {endless.item(0, 'score')} on {endless.item(0, 'date')}; rescale them"
        )
    largest = pl.col("score").abs().max().over("date", "horizon")
    plain = kept.with_columns((pl.col("score") / largest).round(_DIGITS))  # without rounding errors
    days = plain.group_by("date", "horizon").agg(
        pl.col("score").n_unique().alias("before"), pl.col("kept").n_unique().alias("after")
    )
    lost = days.filter(pl.col("after") < _SAME * pl.col("before")).sort("date", "horizon")
    if lost.height:
        day, horizon, before, after = lost.row(0)
        raise DataError(
            f"judge: scores are kept with seven digits, which leaves {after:,} of {before:,} "
            f"different ones on {day} at horizon {horizon} (and so on {lost.height:,} of "
            f"{days.height:,} days); subtract their mean or rescale them"
        )
    return rows.with_columns(pl.col("score").cast(pl.Float32))


def _in_universe(rows: pl.DataFrame, dataset: Dataset, left_out: dict[str, int]) -> pl.DataFrame:
    """Rows of names that are in the universe of their session: what a run is judged on."""
    horizons = rows.get_column("horizon").unique().sort().to_list()
    places = Places.of(rows, dataset.sessions, dataset.codes, horizons=horizons)
    t, n, _ = places.at
    inside = np.asarray(dataset.valid_TN[places.indices])[t, n]
    left_out["outside_universe"] = int(np.count_nonzero(~inside))
    if not inside.any():
        raise DataError(
            f"judge: none of {rows.height:,} scores is of a name that was in the universe of "
            f"dataset {dataset.folder.name} on its session; see universe.* in its settings"
        )
    return rows.filter(pl.Series(inside))
