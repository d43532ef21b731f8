"""Dividends: what was announced, corrected and deleted by each date, and the ex-dates to come.

A payment is (name, term, month of the term). It is announced several times: forecast, revised,
decided. Its state at a date is the newest announcement known by then that was not deleted by then;
a correction takes the place of the announcement that it amends, also where it moves it to another
term. A deletion brings back the one before, whatever term the deletion names. So no payment is
counted twice, and nothing is forgotten that was believed at the time.
Amounts are per share on the forward basis of `close`: shares of the announcement, or of the record
date where the ex-date came before it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.types import BoolArray, Feature, FloatArray, Role
from gogooku.features.company.events import WINDOWS
from gogooku.features.company.quarters import CLIP, gathered, growth, news_of
from gogooku.features.engine import kernels as k
from gogooku.features.engine.combinators import (
    at_most,
    clipped,
    col,
    declared,
    filled,
    over,
    ratio,
)
from gogooku.features.engine.inputs import InputTable, Made, Tables, published
from gogooku.features.engine.lazy import Lazy, Maker
from gogooku.features.engine.spans import (
    SessionCount,
    last_before,
    number_of,
    replaced_at,
    sessions_since,
    spread,
)
from gogooku.features.engine.timeline import IndexArray, Placed, Timeline

HORIZON: Final = 125
"""Sessions ahead beyond which an ex-date is no event to come: half a year."""
EXPIRY_MONTHS: Final = 18
"""Months after which the newest decided term says nothing of today: the year until the same term
comes again, and half a year within which it is decided and announced."""
_COLUMNS: Final = (
    "code",
    "reference",
    "status",
    "term",
    "certainty",
    "term_month",
    "record_date",
    "dividend_yen",
    "ex_date",
    "corrects",
    "special",
)
_NO_TERM: Final = 0
_FAR: Final = 12 * 9999
_PARTS: Final = 1e8
"""Amounts are summed as whole parts of a yen, a hundred millionth each: what went in and out leaves
no rest, and a sum does not depend on the session from which it is counted."""


@dataclass(frozen=True)
class _States:
    """State of a payment after each announcement about it, in the order in which they came.

    ``payment`` is a number for each payment, ``chosen`` that of the announcement that stands (-1:
    none), ``end`` the session at which the next one about the payment becomes known, ``serial`` the
    months of the payment's term.
    """

    placed: Placed
    timeline: Timeline
    payment: IndexArray
    chosen: IndexArray
    end: IndexArray

    @cached_property
    def serial(self) -> IndexArray:
        """Months since year 0 of the term; `_NO_TERM` where it names none."""
        month = self.placed.frame.get_column("month")
        year = month.str.slice(0, 4).cast(pl.Int64, strict=False)
        serial = 12 * year + month.str.slice(5, 2).cast(pl.Int64, strict=False)
        return np.asarray(serial.fill_null(_NO_TERM).to_numpy(), dtype=np.int64)

    @cached_property
    def amount(self) -> FloatArray:
        """Yen per share that stand, NaN while undecided."""
        raw = self.placed.values("dividend_yen") / self._basis
        return gathered(raw, self.chosen)

    @cached_property
    def _basis(self) -> FloatArray:
        """Factor that brings each announcement's shares to the forward basis.

        Once shares trade without the dividend, it is one of the shares before: a split of that day
        or later has no part in it.
        """
        days = self.placed.frame.get_column("ex_date").to_numpy().astype("datetime64[D]")
        known = ~np.isnat(days)
        event = self.placed.event.copy()
        before = self.timeline.session_at(days[known] - np.timedelta64(1, "D"))
        event[known] = np.minimum(event[known], before)
        return self.timeline.share_basis(replace(self.placed, event=event))

    @cached_property
    def ex_date(self) -> pl.Series:
        """Ex-date that stands."""
        kept = pl.Series(np.where(self.chosen >= 0, self.chosen, 0))
        days = self.placed.frame.get_column("ex_date").gather(kept)
        return pl.select(pl.when(pl.Series(self.chosen) >= 0).then(days)).to_series()

    def says(self, column: str, values: list[str]) -> BoolArray:
        """Whether the announcement that stands has one of the values."""
        hit = self.placed.frame.get_column(column).is_in(values).fill_null(value=False)
        return np.asarray(np.append(hit.to_numpy(), False)[self.chosen])


def _numbered(rows: pl.DataFrame) -> pl.DataFrame:
    """Announcements in their order (``turn``), each with numbers of its payment and its chain."""
    month = pl.coalesce("term_month", pl.col("record_date").dt.to_string("%Y-%m")).fill_null("")
    named = rows.with_columns(month=month)
    code = pl.col("code")
    return (
        named.with_columns(
            payment=number_of(code, pl.col("term"), pl.col("month")),
            chain=number_of(code, pl.coalesce("corrects", "reference")),
        )
        .sort("event_date", "reference", maintain_order=True)
        .with_row_index("turn")
    )


def _integers(placed: Placed, name: str) -> IndexArray:
    return np.asarray(placed.frame.get_column(name).to_numpy(), dtype=np.int64)


def _in_turn(placed: Placed) -> Placed:
    """Without rows that became known after what amends them: those say nothing new."""
    chain, turn = (_integers(placed, name) for name in ("chain", "turn"))
    by = np.argsort(chain, kind="stable")
    place = (chain[by] << 32) + turn[by]
    newest = np.empty(len(by), dtype=np.bool_)
    newest[by] = place == np.maximum.accumulate(place)
    return placed.where(newest)


def _with_what_was_left(placed: Placed) -> Placed:
    """Rows, and before one that moves an announcement to another term a deletion from the old one.

    Without it the payment of the old term would stand on an announcement that is no more.
    """
    payment, chain = (_integers(placed, name) for name in ("payment", "chain"))
    follows = replaced_at(np.arange(len(placed)), chain, never=-1)
    left = np.flatnonzero((follows >= 0) & (payment[follows] != payment))
    if not len(left):
        return placed
    at, old = follows[left], placed.frame[left]
    deletions = placed.frame[at].with_columns(
        old.get_column("payment"), old.get_column("month"), status=pl.lit("deletion")
    )
    source = np.concatenate([at, np.arange(len(placed))])
    order = np.argsort(source, kind="stable")
    frame = pl.concat([deletions, placed.frame], how="vertical_relaxed")[order]
    by = source[order]
    return Placed(t=placed.t[by], n=placed.n[by], event=placed.event[by], frame=frame)


def _states(rows: pl.DataFrame, timeline: Timeline) -> _States:
    placed = _with_what_was_left(_in_turn(timeline.place(_numbered(rows))))
    payment, chain = (_integers(placed, name) for name in ("payment", "chain"))
    order = np.arange(len(placed))
    _, first, of_chain = np.unique(chain, return_index=True, return_inverse=True)
    frame = placed.frame.select(
        "status",
        payment=pl.Series(payment),
        until=pl.Series(replaced_at(order, chain, never=len(placed))),
        opened=pl.Series(first[of_chain]),
        i=pl.Series(order),
    )
    pairs = frame.select("payment", "i").join(
        frame.filter(pl.col("status") != "deletion").select(
            "payment", "until", "opened", r=pl.col("i")
        ),
        on="payment",
    )
    alive = pairs.filter((pl.col("r") <= pl.col("i")) & (pl.col("i") < pl.col("until")))
    newest = alive.sort("i", "opened").unique("i", keep="last", maintain_order=True)
    chosen = np.full(len(placed), -1, dtype=np.int64)
    chosen[newest.get_column("i").to_numpy()] = newest.get_column("r").to_numpy()
    end = replaced_at(placed.t, payment, never=timeline.shape[0])
    return _States(placed=placed, timeline=timeline, payment=payment, chosen=chosen, end=end)


def payments(tables: Tables, timeline: Timeline) -> pl.DataFrame:
    """What each share was paid, by the announcements that stand in the end: no feature, a ledger's.

    What was decided, or forecast where no decision is known yet. A payment without an ex-date, an
    amount or a session of its ex-date in the data is none.

    Returns
    -------
    polars.DataFrame
        (date, code, dividend), ascending: the first session without the dividend, and gross yen per
        share held at the close before it, whatever is split on the ex-date; payments of one
        ex-date together.
    """
    states = _states(tables.read("dividends", _COLUMNS), timeline)
    past = len(timeline.past)
    days = states.ex_date.to_numpy().astype("datetime64[D]")
    paid = (states.end == timeline.shape[0]) & np.isfinite(states.amount) & (states.amount > 0.0)
    rows = np.flatnonzero(paid & ~np.isnat(days))
    before = timeline.session_at((days[rows] - np.timedelta64(1, "D")).astype("datetime64[D]"))
    inside = (before >= -past) & (before + 1 < timeline.shape[0])
    rows, before = rows[inside], before[inside]
    at_ex = replace(
        states.placed,
        t=states.placed.t[rows],
        n=states.placed.n[rows],
        event=before,
        frame=states.placed.frame[rows],
    )
    each = states.amount[rows] * timeline.share_basis(at_ex)
    sessions = np.concatenate([timeline.past.sessions, timeline.sessions])
    frame = pl.DataFrame(
        {
            "date": pl.Series(sessions[before + 1 + past].astype("datetime64[D]"), dtype=pl.Date),
            "code": at_ex.frame.get_column("code").cast(pl.String),
            "parts": np.round(each * _PARTS).astype(np.int64),
        }
    )
    summed = frame.group_by("date", "code").agg(pl.col("parts").sum()).sort("date", "code")
    return summed.select("date", "code", dividend=pl.col("parts") / _PARTS)


# -------------------------------------------------------------------------------- base columns


def _make_dividends(tables: Tables, timeline: Timeline) -> Made:
    states = _states(tables.read("dividends", _COLUMNS), timeline)
    return Lazy({**_ex_dates(states), **_annual(states), **_amount_changes(states)})


def _ex_dates(states: _States) -> dict[str, Maker]:
    placed, timeline = states.placed, states.timeline
    count = SessionCount.of(timeline, states.ex_date)
    number = count.number(states.ex_date)
    due = np.where(number >= 0, count.row(number), 0)
    order = np.argsort(-number, kind="stable")
    first = np.maximum(placed.t, count.row(number - HORIZON))
    last = np.where(number >= 0, np.minimum(states.end, due), 0)
    cell = spread(timeline.shape, placed.n[order], first[order], last[order])

    def coming(values: FloatArray) -> FloatArray:
        return gathered(values[order], cell)

    at = np.maximum(due, placed.t)
    held = (number >= 0) & (at < states.end)
    now = count.now[:, np.newaxis].astype(np.float64)
    return {
        "div_days_to_ex": lambda: coming(number.astype(np.float64)) - now,
        "dv_next": lambda: coming(states.amount),
        "div_days_since_ex": lambda: sessions_since(
            timeline, count, placed.n[held], (at[held], number[held])
        ),
    }


def _annual(states: _States) -> dict[str, Maker]:
    """Decided amounts of the twelve months up to the newest decided term, and of those before.

    The newest term is that of the announcements that stand: one that was withdrawn, or moved,
    counts no longer.
    """
    decided = states.says("certainty", ["decided"]) & np.isfinite(states.amount)
    decided &= states.serial != _NO_TERM
    newest = _largest(states, decided, states.serial)
    oldest = _FAR - _largest(states, decided, _FAR - states.serial)
    spans = _spans(newest)
    now = states.timeline.sessions.astype("datetime64[M]").astype(np.int32) + 12 * 1970 + 1
    old = (newest == _NO_TERM) | (newest < now[:, np.newaxis] - EXPIRY_MONTHS)

    def total(months: int) -> FloatArray:
        """Of the terms that lie ``months`` - 12 up to ``months`` before the newest one."""
        out = _summed(states, decided, spans, months=months)
        out[old | (newest < oldest + months)] = np.nan
        return out

    return {"dv_annual": lambda: total(12), "dv_annual_before": lambda: total(24)}


def _largest(states: _States, decided: BoolArray, values: IndexArray) -> npt.NDArray[np.int32]:
    """Largest of some positive numbers among the decided payments that stand, else 0; [T, N]."""
    until, never = _decided_until(states, decided), states.timeline.shape[0]
    lasting, passing = decided & (until == never), decided & (until < never) & (until > 0)
    out = np.zeros(states.timeline.shape, dtype=np.int32)
    cells = np.maximum(states.placed.t, 0)[lasting], states.placed.n[lasting]
    np.maximum.at(out, cells, values[lasting].astype(np.int32))
    np.maximum.accumulate(out, axis=0, out=out)
    # those that were withdrawn or moved: few, and not for long
    rows = np.flatnonzero(passing)
    rows = rows[np.argsort(values[rows], kind="stable")]
    cell = spread(out.shape, states.placed.n[rows], states.placed.t[rows], until[rows])
    return np.maximum(out, np.append(values[rows], 0).astype(np.int32)[cell], out=out)


def _decided_until(states: _States, decided: BoolArray) -> IndexArray:
    """Session from which the payment of a row is decided no longer; of decided rows only."""
    by = np.argsort(states.payment, kind="stable")
    on, payment = decided[by], states.payment[by]
    goes_on = np.append(on[1:] & (payment[1:] == payment[:-1]), False)[: len(by)]
    ends = np.where(goes_on, len(by), np.arange(len(by)))
    ends = np.minimum.accumulate(ends[::-1])[::-1]
    until = np.empty(len(by), dtype=np.int64)
    until[by] = states.end[by][ends]
    return until


def _spans(newest: npt.NDArray[np.int32]) -> pl.DataFrame:
    """Sessions (``since`` up to, not including, ``until``) with one newest term, name by name."""
    num_sessions = len(newest)
    flat = np.ascontiguousarray(newest.T).reshape(-1)
    begins = np.append(True, flat[1:] != flat[:-1])[: len(flat)]
    begins[::num_sessions] = True
    at = np.flatnonzero(begins)
    n = at // num_sessions
    last = np.append(n[1:] != n[:-1], True)[: len(at)]
    since = at % num_sessions
    until = np.where(last, num_sessions, np.append(since[1:], 0)[: len(at)])
    frame = pl.DataFrame(
        {"n": n, "newest": flat[at].astype(np.int64), "since": since, "until": until}
    )
    return frame.filter(pl.col("newest") != _NO_TERM)


def _summed(states: _States, decided: BoolArray, spans: pl.DataFrame, *, months: int) -> FloatArray:
    """Sum of the amounts that stand of a year of terms, by the newest term of a session; [T, N]."""
    num_sessions, num_names = states.timeline.shape
    rows = np.flatnonzero(decided)
    paid = pl.DataFrame(
        {
            "n": states.placed.n[rows],
            "serial": states.serial[rows],
            "parts": np.round(states.amount[rows] * _PARTS).astype(np.int64),
            "t": states.placed.t[rows],
            "end": states.end[rows],
        }
    )
    ago = pl.col("newest") - pl.col("serial")
    counted = (
        paid.join(spans, on="n")
        .filter((ago >= months - 12) & (ago < months))
        .select(
            "n",
            "parts",
            first=pl.max_horizontal("t", "since"),
            last=pl.min_horizontal("end", "until"),
        )
        .filter(pl.col("first") < pl.col("last"))
    )
    n, parts, first, last = (counted.get_column(c).to_numpy() for c in counted.columns)
    steps = np.zeros((num_sessions + 1) * num_names, dtype=np.int64)
    np.add.at(steps, first * num_names + n, parts)
    np.subtract.at(steps, last * num_names + n, parts)
    total = steps.reshape(num_sessions + 1, num_names)[:-1]
    np.cumsum(total, axis=0, out=total)
    return total / _PARTS


def _revisions(states: _States) -> tuple[BoolArray, FloatArray]:
    """Change of a payment's amount by each session, and the rows that show it: one a session.

    The amount after the session's announcements is compared with the one known before them. Of
    several payments the change that is largest in size is shown.
    """
    payment, news = states.payment, news_of(states.placed, states.timeline)
    rows = np.arange(len(payment))
    by = np.argsort(payment, kind="stable")
    opens = np.append(True, (np.diff(payment[by]) != 0) | (np.diff(news[by]) != 0))[: len(by)]
    opening = by[np.maximum.accumulate(np.where(opens, rows, 0))]
    before, last = np.empty(len(by)), np.zeros(len(by), dtype=np.bool_)
    before[by] = last_before(states.amount, payment)[opening]
    last[by] = np.append(opens[1:], True)[: len(by)]
    change = np.clip(growth(states.amount, before), -CLIP, CLIP)
    none = before == 0.0
    change[none] = CLIP * np.sign(states.amount[none])
    finite = np.flatnonzero(last & np.isfinite(change))
    finite = finite[np.lexsort((np.abs(change[finite]), news[finite], states.placed.n[finite]))]
    same = (np.diff(states.placed.n[finite]) == 0) & (np.diff(news[finite]) == 0)
    largest = np.zeros(len(by), dtype=np.bool_)
    largest[finite[np.append(~same, True)[: len(finite)]]] = True
    return largest, change


def _amount_changes(states: _States) -> dict[str, Maker]:
    placed, timeline = states.placed, states.timeline
    compared, change = _revisions(states)
    revised = placed.where(compared)
    decided = states.says("certainty", ["decided"])
    special = states.says("special", ["commemorative", "special", "both"]).astype(np.float64)
    return {
        "div_rev": lambda: timeline.latest(revised, change[compared]),
        "dv_change_age": lambda: timeline.age(revised),
        "div_is_special": lambda: timeline.latest(placed.where(decided), special[decided]),
    }


# ------------------------------------------------------------------------------------ features

_NULLS = "null for names without announcements."
_OLD: Final = f"where the newest decided term is older than {EXPIRY_MONTHS} months"

_dividend = partial(declared, group="dividend")
_flag = partial(_dividend, unit="flag", role=Role.MASK)
"""Announcements are delivered from 2013-02-20 on; flags of windows are 0 before."""
_shown = partial(published, group="dividend")


def _revised(change: FloatArray, age: FloatArray) -> FloatArray:
    return np.asarray(((age == 0.0) & (np.abs(change) > k.TIE)).astype(np.float64))


_AMOUNTS = (
    _shown(
        "div_days_to_ex",
        "sessions",
        f"Sessions to the next ex-date; null if none is known within {HORIZON}.",
        max_null_share=0.8,
    ),
    _shown(
        "div_days_since_ex",
        "sessions",
        f"Sessions since the last ex-date; {_NULLS}",
        max_null_share=0.5,
    ),
    *(
        _dividend(
            name,
            ratio(col(of), filled(col("close"))),
            "ratio",
            f"{words} over the last known close; {nulls}",
            max_null_share=0.8,
        )
        for name, of, words, nulls in (
            (
                "div_yield_est",
                "dv_next",
                "Amount of the payment of the next ex-date, forecast or decided,",
                f"null if none is known within {HORIZON} sessions.",
            ),
            (
                "div_dy_12m",
                "dv_annual",
                "Decided dividends of twelve months of terms",
                f"null in the first year of announcements and {_OLD}.",
            ),
        )
    ),
    _dividend(
        "div_growth_12m",
        clipped(over(growth, col("dv_annual"), col("dv_annual_before")), CLIP),
        "ratio",
        "Decided dividends of twelve months against the twelve before; null in the first "
        f"two years of announcements, for names that paid nothing and {_OLD}.",
        max_null_share=0.9,
    ),
    _shown(
        "div_rev",
        "ratio",
        "Change of a payment's amount by the newest session with announcements against "
        "the amount known before it, the largest of several payments; 0 where it was confirmed, "
        f"{CLIP:g}, the bound, where it was zero; {_NULLS}",
        max_null_share=0.7,
    ),
)

_FLAGS = (
    *(
        _flag(
            f"div_pre{w}",
            at_most(col("div_days_to_ex"), float(w)),
            meaning=f"The name goes ex-dividend within {w} session(s).",
        )
        for w in WINDOWS
    ),
    *(
        _flag(
            f"div_post{w}",
            at_most(col("div_days_since_ex"), w - 1.0),
            meaning=f"The name went ex-dividend in the last {w} session(s), this one included.",
        )
        for w in WINDOWS
    ),
    _flag(
        "div_rev_flag",
        over(_revised, col("div_rev"), col("dv_change_age")),
        meaning="The amount of a payment was changed at this session, also from zero.",
    ),
    _shown(
        "div_is_special",
        "flag",
        f"The newest decided payment has a special or commemorative part; {_NULLS}",
        max_null_share=0.5,
        role=Role.MASK,
    ),
    _flag(
        "is_div_valid",
        at_most(col("dv_annual"), np.inf),
        meaning="Twelve months of decided dividends are known, the newest term no older than "
        f"{EXPIRY_MONTHS} months.",
    ),
)

DIVIDEND: Final[tuple[Feature, ...]] = (*_AMOUNTS, *_FLAGS)
"""All features of the group."""
DIVIDEND_INPUTS: Final[tuple[InputTable, ...]] = (
    InputTable(
        tables=("dividends",),
        stock={
            "dv_next": "yen per share, forward basis: amount of that payment",
            "dv_annual": "yen per share, forward basis: decided, twelve months of terms, none old",
            "dv_annual_before": "yen per share, forward basis: the twelve months before",
            "dv_change_age": "sessions since the announcement that was compared became known",
        },
        market={},
        make=_make_dividends,
        features=DIVIDEND,
    ),
)
