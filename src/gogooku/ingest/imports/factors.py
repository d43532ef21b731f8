"""What a column of adjustment factors means: decided by comparing it with the prices it adjusts.

Vendors mean six things and more by one name: the factor of an event on its ex-date (0.5 for two
shares for one) or its inverse (2), on the session before or after, or the running product of all
events. Only one of them makes the jumps of the prices smaller, and the prices say which.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product

import numpy as np
import polars as pl

from gogooku.core.errors import DataError
from gogooku.ingest.imports.by_code import BoolArray, ByCode, FloatArray, IntArray
from gogooku.ingest.imports.defects import describe

LARGE = 0.2
"""Events whose factor differs from 1 by more than this (in logs) are compared with their moves."""

EXPLAINED = 0.5
"""An event explains its move when it takes away at least this share of its own size; it
contradicts the prices when it adds as much."""

MOST, FEW = 0.8, 0.2
"""Shares of the large events: a meaning that explains most of them holds, one that explains few
does not."""

RARE = 0.05
"""A factor other than 1 on more rows than this is no factor of events."""

RUNS = 0.5
"""Where more of these rows than this have the factor of the row before or after, it is a running
one."""

FEWEST_ROWS = 20
"""Shares of rows mean nothing in a file of fewer."""

CERTAIN, FEWEST_SMALL = 3.0, 5
"""Standard errors by which small events (dividends), and so many of them, must agree."""

EQUAL = 1e-6
"""Relative difference up to which two factors are one."""


class FactorForm(StrEnum):
    """What one number of the column stands for."""

    AUTO = "auto"
    """Decided by how often it differs from 1."""

    EVENT = "event"
    """One event: 1 on all other rows."""

    CUMULATIVE = "cumulative"
    """All events until that session, or from it on: it changes on an event and then stays."""


class FactorDirection(StrEnum):
    """What two shares for one are."""

    AUTO = "auto"
    """Decided by the prices."""

    PRICES = "prices"
    """0.5, new price over old; a cumulative one makes the adjusted price as price x factor."""

    SHARES = "shares"
    """2, new shares per old; a cumulative one makes the adjusted price as price / factor."""


class FactorSession(StrEnum):
    """On which session the factor stands."""

    AUTO = "auto"
    """Decided by the prices."""

    EX_DATE = "ex_date"
    """The first session at the new price."""

    DAY_BEFORE = "day_before"
    """The last session at the old price."""

    DAY_AFTER = "day_after"
    """The session after the ex-date."""


SHIFT = {FactorSession.EX_DATE: 0, FactorSession.DAY_BEFORE: 1, FactorSession.DAY_AFTER: -1}
"""Closes from the row of a factor to the row that it adjusts."""


@dataclass(frozen=True)
class Meaning:
    """How a column of factors is read."""

    form: FactorForm = FactorForm.EVENT
    direction: FactorDirection = FactorDirection.PRICES
    session: FactorSession = FactorSession.EX_DATE

    @property
    def text(self) -> str:
        """In words, for the printed result."""
        what = (
            ("0.5 for two shares for one" if self.prices else "new shares per old")
            if self.form is FactorForm.EVENT
            else f"cumulative, adjusted = price {'x' if self.prices else '/'} factor"
        )
        where = {
            FactorSession.EX_DATE: "on the ex-date",
            FactorSession.DAY_BEFORE: "on the session before the ex-date",
            FactorSession.DAY_AFTER: "on the session after the ex-date",
        }[self.session]
        return f"{what}, {where}"

    @property
    def prices(self) -> bool:
        """Whether two for one is 0.5."""
        return self.direction is FactorDirection.PRICES


@dataclass(frozen=True)
class Factors:
    """The factor of each row, and how it came about.

    Attributes
    ----------
    values : float64 [R]
        Factor of each row by code (see `ByCode`): 0.5 on the ex-date of two for one; never NaN.
    meaning : Meaning or None
        How the column was read; None where no factor differs from 1.
    checked, explained : int
        Large events that have a move to be compared with, and those that explain it.
    contradicted : bool [R]
        Rows whose factor is not believed, since it would make a move that the prices do not have.
    """

    values: FloatArray
    meaning: Meaning | None
    checked: int
    explained: int
    contradicted: BoolArray

    @classmethod
    def none(cls, rows: int) -> Factors:
        """Factors of 1 throughout."""
        return cls(np.ones(rows), None, 0, 0, np.zeros(rows, dtype=bool))


def with_carried(
    rows: pl.DataFrame, quarantine: pl.DataFrame, *, wanted: Meaning
) -> tuple[Factors | None, tuple[int, str]]:
    """Read the factors of the kept and the quarantined rows, and keep those of both.

    A quarantined row has no price, yet its factor holds: it is put on the code's next kept row.

    Returns
    -------
    Factors, or None where no quarantined row has a factor; how many have been carried, the first.
    """
    kind = rows.schema["code"]
    codes = rows.get_column("code").cast(pl.String).unique()
    out = quarantine.filter(
        pl.col("adjustment_factor").is_not_null()
        & pl.col("date").is_not_null()
        & pl.col("code").is_in(codes.implode())
    )
    if not (out.get_column("adjustment_factor") != 1.0).any():
        return None, (0, "")
    out = out.with_columns(
        pl.col("code").cast(kind), close=pl.lit(None, dtype=pl.Float64), kept=pl.lit(value=False)
    )
    names = ["date", "code", "adjustment_factor", "close", "kept"]
    both = pl.concat(
        [rows.with_columns(kept=pl.lit(value=True)).select(names), out.select(names)]
    ).sort("date", "code", "kept", maintain_order=True)
    by_code = ByCode.of(both)
    found = read_factors(both, by_code, wanted=wanted)
    kept = both.get_column("kept").to_numpy()[by_code.order]
    values = found.values.copy()
    next_kept = _next_place(kept, by_code)
    moved = np.flatnonzero(~kept & (values != 1.0) & (next_kept >= 0))
    np.multiply.at(values, next_kept[moved], values[moved])
    first = (
        describe(both, int(by_code.order[moved].min()), "adjustment_factor") if len(moved) else ""
    )
    inside = replace(found, values=values[kept], contradicted=found.contradicted[kept])
    return inside, (len(moved), first)


def _next_place(known: BoolArray, by_code: ByCode) -> IntArray:
    """Place of the first row at or after each one, of the same code, that is known; -1 for none."""
    count = len(known)
    place = np.where(known, np.arange(count), count)
    following = np.minimum.accumulate(place[::-1])[::-1]
    inside = following < count
    same = by_code.start[np.minimum(following, count - 1)] == by_code.start
    return np.where(inside & same, following, -1)


def read_factors(rows: pl.DataFrame, by_code: ByCode, *, wanted: Meaning) -> Factors:
    """Find what the column ``adjustment_factor`` means, and the factor of each row.

    Parameters
    ----------
    rows : polars.DataFrame
        With ``close`` (null without a trade) and ``adjustment_factor`` (null: no event).
    wanted : Meaning
        As the user says it; ``auto`` where the prices decide.

    Raises
    ------
    DataError
        No meaning fits the prices, several do in part, or the column is no factor at all.
    """
    column = by_code.floats(rows.get_column("adjustment_factor"))
    filled = np.where(np.isnan(column), 1.0, column)
    form = _form(filled, by_code, wanted.form)
    steps = filled if form is FactorForm.EVENT else _steps(column, by_code)
    return _read(rows, by_code, steps, Meaning(form, wanted.direction, wanted.session))


def factors_from_close(rows: pl.DataFrame, by_code: ByCode, factors: pl.Series) -> Factors:
    """Compare factors that were worked out from an adjusted close with the moves of the close.

    Raises
    ------
    DataError
        The adjusted close has splits that the close has not, or moves otherwise than the close on
        so many rows that it is another price.
    """
    steps = by_code.floats(factors)
    moved = int((steps != 1.0).sum())
    if len(steps) >= FEWEST_ROWS and moved > 4 * RARE * len(steps):
        raise DataError(
            f"prices: the adjusted close moves otherwise than the close on {moved:,} of "
            f"{len(steps):,} rows ({moved / len(steps):.0%}); splits and dividends are rare, so it "
            "is no adjusted close of this close. Leave it out (--map adj_close=) or name the right "
            "column (--map adj_close=NAME)."
        )
    wanted = Meaning(FactorForm.EVENT, FactorDirection.PRICES, FactorSession.AUTO)
    return _read(rows, by_code, steps, wanted, field="adj_close")


def _form(filled: FloatArray, by_code: ByCode, wanted: FactorForm) -> FactorForm:
    """Whether a column holds events or their running product, by how often it stays off 1."""
    if wanted is not FactorForm.AUTO:
        return wanted
    other = filled != 1.0
    count = int(other.sum())
    if not count:
        return FactorForm.EVENT
    repeats = np.zeros(len(filled) + 1, dtype=bool)
    same = np.abs(filled[1:] / filled[:-1] - 1.0) <= EQUAL
    repeats[1:-1] = other[1:] & same & ~by_code.begins[1:]
    if int((repeats[1:] | repeats[:-1]).sum()) > RUNS * count:
        return FactorForm.CUMULATIVE
    if count > RARE * len(filled) and len(filled) >= FEWEST_ROWS:
        raise DataError(
            f"prices: the adjustment factor differs from 1 on {count:,} of {len(filled):,} rows "
            f"({count / len(filled):.0%}) and seldom stays where it was, so it is neither a factor "
            "of rare events nor a cumulative one. Say which it is, --set factor_form=event or "
            "--set factor_form=cumulative, or leave it out: --map adjustment_factor="
        )
    return FactorForm.EVENT


def _steps(column: FloatArray, by_code: ByCode) -> FloatArray:
    """Factors of events from a running product: the last value over the value of the row."""
    before = by_code.last_known(column)
    unknown = np.isnan(column) | np.isnan(before)
    with np.errstate(invalid="ignore"):
        steps = np.where(unknown, 1.0, before / column)
    return np.where(np.abs(steps - 1.0) <= EQUAL, 1.0, steps)


def _read(
    rows: pl.DataFrame,
    by_code: ByCode,
    steps: FloatArray,
    wanted: Meaning,
    *,
    field: str = "adjustment_factor",
) -> Factors:
    nothing = np.zeros(len(steps), dtype=bool)
    if not (steps != 1.0).any():
        return Factors(np.ones(len(steps)), None, 0, 0, nothing)
    events = _Events.of(steps, by_code.floats(rows.get_column("close")), by_code)
    meaning = _decide(events, wanted, _Place(rows, by_code, field))
    gain, large = events.gains(meaning)
    bad = large & (gain < -EXPLAINED)
    explained = int((large & (gain > EXPLAINED)).sum())
    values, contradicted = events.applied(steps, meaning, bad)
    return Factors(values, meaning, int(large.sum()), explained, contradicted)


@dataclass(frozen=True)
class _Place:
    """Names the rows of events in messages."""

    rows: pl.DataFrame
    by_code: ByCode
    field: str

    @property
    def title(self) -> str:
        return "adjusted close" if self.field == "adj_close" else "adjustment factor"

    def at(self, place: int) -> str:
        return describe(self.rows, int(self.by_code.order[place]), "close")


@dataclass(frozen=True)
class _Events:
    """Sizes of events and moves of prices: one for each row with a close, and its last one before.

    Attributes
    ----------
    size : float64 [K]
        Log of the factors since the last close; 0 for none, and on a code's first close.
    move : float64 [K]
        Log of close over last close; NaN on a code's first.
    place : int64 [K]
        Row of each, by code.
    starts : bool [K]
        The first close of a code.
    """

    size: FloatArray
    move: FloatArray
    place: IntArray
    starts: BoolArray

    @classmethod
    def of(cls, steps: FloatArray, close: FloatArray, by_code: ByCode) -> _Events:
        place = np.flatnonzero(~np.isnan(close))
        code = by_code.start[place]
        starts = np.ones(len(place), dtype=bool)
        starts[1:] = code[1:] != code[:-1]
        total, level = np.cumsum(np.log(steps))[place], np.log(close[place])
        size, move = np.zeros(len(place)), np.full(len(place), np.nan)
        size[1:], move[1:] = np.diff(total), np.diff(level)
        size[starts], move[starts] = 0.0, np.nan
        return cls(np.where(np.abs(size) < EQUAL, 0.0, size), move, place, starts)

    def sizes(self, meaning: Meaning) -> FloatArray:
        """Size of the event that a meaning puts on each move."""
        size = self.size if meaning.prices else -self.size
        shift = SHIFT[meaning.session]
        moved = np.zeros(len(size))
        if shift > 0:
            moved[1:] = np.where(self.starts[1:], 0.0, size[:-1])
        elif shift < 0:
            moved[:-1] = np.where(self.starts[1:], 0.0, size[1:])
        else:
            moved = size
        return moved

    def gains(self, meaning: Meaning) -> tuple[FloatArray, BoolArray]:
        """By how much an event makes its move smaller, over its size; and where it is large."""
        size = self.sizes(meaning)
        large = (np.abs(size) > LARGE) & ~np.isnan(self.move)
        gain = np.zeros(len(size))
        move, size = self.move[large], size[large]
        gain[large] = (np.abs(move) - np.abs(move - size)) / np.abs(size)
        return gain, large

    def certainty(self, meaning: Meaning) -> float:
        """Standard errors by which all events together, small ones too, make the moves smaller."""
        size = self.sizes(meaning)
        some = (size != 0.0) & ~np.isnan(self.move)
        gain = np.abs(self.move[some]) - np.abs(self.move[some] - size[some])
        if len(gain) < FEWEST_SMALL:
            return 0.0
        error = float(gain.std(ddof=1)) / np.sqrt(len(gain))
        return float(gain.mean()) / error if error > 0 else 0.0

    def applied(
        self, steps: FloatArray, meaning: Meaning, bad: BoolArray
    ) -> tuple[FloatArray, BoolArray]:
        """Factors [R] as a meaning has them, those of ``bad`` moves left out; and rows left out."""
        rows = np.flatnonzero(steps != 1.0)
        factor = steps[rows] if meaning.prices else 1.0 / steps[rows]
        owner = np.searchsorted(self.place, rows)
        shift = SHIFT[meaning.session]
        target = owner + shift
        crossed = np.zeros(len(rows), dtype=bool)
        if len(self.place):
            clipped = np.clip(target, 0, len(self.place) - 1)
            if shift:
                later = np.clip(np.maximum(owner, target), 0, len(self.place) - 1)
                crossed = (target < 0) | (target >= len(self.place)) | self.starts[later]
            out = bad[clipped] & ~crossed & (target < len(self.place))
        else:
            clipped, out = target, np.zeros(len(rows), dtype=bool)
        values = np.ones(len(steps))
        if shift:
            keep = ~out & ~crossed
            np.multiply.at(values, self.place[clipped[keep]], factor[keep])
        else:
            values[rows[~out]] = factor[~out]
        contradicted = np.zeros(len(steps), dtype=bool)
        contradicted[rows[out]] = True
        return values, contradicted


def _decide(events: _Events, wanted: Meaning, where: _Place) -> Meaning:
    """The one meaning that explains the moves of the prices; the field's own where none can."""
    directions = (
        (FactorDirection.PRICES, FactorDirection.SHARES)
        if wanted.direction is FactorDirection.AUTO
        else (wanted.direction,)
    )
    sessions = tuple(SHIFT) if wanted.session is FactorSession.AUTO else (wanted.session,)
    tried = [Meaning(wanted.form, one, on) for one, on in product(directions, sessions)]
    usual = tried[0]
    scores = {meaning: events.gains(meaning) for meaning in tried}
    if not any(large.any() for _, large in scores.values()):
        return _by_small_events(events, tried, where)
    share = {one: _share(gain > EXPLAINED, large) for one, (gain, large) in scores.items()}
    gain, large = scores[usual]
    against = _share(gain < -EXPLAINED, large)
    best = max(tried, key=lambda one: share[one])
    if share[usual] >= MOST or (share[usual] >= share[best] and against <= FEW):
        return usual
    if share[best] >= MOST and share[usual] <= FEW:
        return best
    raise _undecided(events, tried, share, where)


def _share(which: BoolArray, large: BoolArray) -> float:
    return int((which & large).sum()) / max(int(large.sum()), 1)


def _by_small_events(events: _Events, tried: list[Meaning], where: _Place) -> Meaning:
    """No event is large: dividends decide by their sum, or the usual meaning of an event holds."""
    usual = tried[0]
    if usual.form is FactorForm.EVENT or len(tried) == 1 or not events.size.any():
        return usual
    on_date = [one for one in tried if one.session is usual.session]
    best = max(on_date, key=events.certainty)
    if len(on_date) == 1 or events.certainty(best) >= CERTAIN:
        return best
    raise DataError(
        f"prices: the {where.title} is cumulative, and its {int((events.size != 0).sum()):,} "
        "changes are too few or too small to show its direction. Say it: --set "
        "factor_direction=prices (adjusted = price x factor) or --set factor_direction=shares "
        "(adjusted = price / factor), or leave it out: --map adjustment_factor="
    )


def _undecided(
    events: _Events, tried: list[Meaning], share: dict[Meaning, float], where: _Place
) -> DataError:
    """What the large events say, the first one that speaks against the usual meaning, the ways."""
    gain, large = events.gains(tried[0])
    odd = np.flatnonzero(large & (gain < EXPLAINED))
    first = int(odd[0]) if len(odd) else int(np.flatnonzero(large)[0]) if large.any() else 0
    size, move = events.sizes(tried[0])[first], events.move[first]
    seen = (
        f"{where.at(int(events.place[first]))}: the factor says x{np.exp(size):.4g}, the close "
        f"moved x{np.exp(move):.4g}"
    )
    best = max(tried, key=lambda one: share[one])
    count = f"{int(large.sum()):,} large event(s)"
    if share[best] <= FEW:
        text = f"none of its meanings explains the {count}, as if the close were adjusted already"
    else:
        text = f"no one meaning explains the {count}; best is: {best.text} ({share[best]:.0%})"
    if where.field == "adj_close":
        ways = (
            "Leave it out and trade on the close: --map adj_close= (with --set "
            "price_basis=back_adjusted where the close is adjusted)."
        )
    else:
        ways = (
            "Leave it out: --map adjustment_factor= (with --set price_basis=back_adjusted where "
            "the close is adjusted), or say what it is: --set factor_form=event or cumulative, "
            "--set factor_direction=prices or shares, --set factor_session=ex_date, day_before "
            "or day_after."
        )
    return DataError(
        f"prices: the {where.title} does not fit the close: {text}. First {seen}. {ways}"
    )
