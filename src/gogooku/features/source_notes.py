"""What is wrong with the sources behind features: missing, empty, late, gone dark, half covered.

A build goes on without a source, so it has to say so: one line per source, with what is wrong and
what becomes of its features. Gaps are judged against the rhythm of the source itself, so nothing
here knows when the vendor publishes, except for rows that come later than its publication rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.calendar import (
    SESSIONS_PER_YEAR,
    Clock,
    DateArray,
    exchange_named,
    tokyo_sessions,
)
from gogooku.core.files import readable
from gogooku.core.periods import may_hold
from gogooku.core.types import Feature
from gogooku.core.wall import tokyo_time
from gogooku.features.catalogue import INPUT_TABLES, base_inputs, sources_of
from gogooku.features.engine.compute import MARKET_COLUMNS, SECTOR_COLUMNS
from gogooku.features.engine.inputs import InputTable, Tables, supported
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.ingest.source import Source
from gogooku.tables.publication import PUBLICATIONS, available_at

REQUIRED: Final = frozenset({"quotes", "master", "calendar"})
"""Tables without which there is no source of this kind at all."""
EVERY_NAME: Final = frozenset({"breakdown", "margin_interest", "statements", "valuation"})
"""Tables that hold rows of every domestic common stock."""
_EVENTS: Final = frozenset(
    {"statements", "dividends", "earnings_dates", "margin_alert", "short_positions"}
)
"""Tables whose rows are events of single names: a year of them is needed to see who is covered."""
_KEYS: Final = ("code", "sector33", "section")
_KEY_WORDS: Final[Mapping[str, str]] = {
    "short_ratio": "sectors",
    "investor_types": "sections",
    "indices": "indices",
    "index_options": "contracts",
    "futures": "contracts",
}
_MONTH_SESSIONS: Final = 20
_FEW: Final = 0.75
"""Share of what was covered before, or should be, from which on fewer is worth a word."""
_NOT_BY_CHANCE: Final = 2.0
"""And fewer by so many square roots of the count."""
_REGULAR: Final = 10
"""Longest pause, in sessions, of a source that keeps a rhythm."""
_JUDGED_DATES: Final = 20
"""Newest event dates that are held against the publication rule."""
_AROUND_DAYS: Final = 60
_EVENT_DAYS: Final = 400
_FEW_OVERDUE: Final = 0.2
"""Share of the newest rows that may be corrections fetched on a later day."""
_RULE_COLUMNS: Final = ("published_date", "disclosed_date", "disclosed_at", "fetched_at")
_LATE_START: Final = 60


class Gap(StrEnum):
    """What may be wrong with a source."""

    PRICES_ONLY = "no typed tables"
    OUTSIDE_PLAN = "outside the plan"
    MISSING = "missing"
    EMPTY = "empty"
    NOTHING_KNOWN = "nothing known yet"
    ENDS = "ends early"
    LATE = "late"
    BEGINS = "begins late"
    FEWER = "covers fewer"


@dataclass(frozen=True)
class SourceNote:
    """One source of which something is wrong.

    Attributes
    ----------
    table : str
        Typed table, or several where one thing is wrong with all of them.
    gap : Gap
    what : str
        What is wrong, with the dates or shares that say so.
    features : int
        Features of the build that need it.
    absent : int
        How many of them the dataset does not have.
    null_share : float or None
        Share of the values of the others that is null on the last session, over the universe.
    groups : tuple of str
        Feature groups concerned, in catalogue order.
    """

    table: str
    gap: Gap
    what: str
    features: int = 0
    absent: int = 0
    null_share: float | None = None
    groups: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """Source, what is wrong, and the consequence: one line."""
        return f"{self.table}: {self.what}; {self._consequence} ({', '.join(self.groups)})"

    @property
    def _consequence(self) -> str:
        if self.absent == self.features:
            return f"{self.absent} features absent"
        held = (
            f"{self.features - self.absent} features, {self.null_share or 0.0:.0%} null at the end"
        )
        return f"{self.absent} features absent, {held}" if self.absent else held

    def to_json(self) -> dict[str, Any]:
        """For the manifest and for programs."""
        return {
            "source": self.table,
            "gap": str(self.gap),
            "what": self.what,
            "features": self.features,
            "absent": self.absent,
            "null_share": self.null_share,
            "groups": list(self.groups),
            "line": self.line,
        }


def source_notes(
    source: Source,
    wanted: Sequence[Feature],
    arrivals: pl.DataFrame,
    *,
    sessions: DateArray,
    clock: Clock,
    null_shares: Mapping[str, float],
) -> list[SourceNote]:
    """Say what is wrong with the sources behind features.

    Parameters
    ----------
    wanted : sequence of Feature
        What the build was asked for, whether the source supports it or not.
    arrivals : polars.DataFrame
        Of `gogooku.tables.arrivals.arrivals_of`.
    sessions : array of dates
        The whole history.
    null_shares : mapping of str to float
        Null share on the last session of each feature that is in the dataset.
    """
    tables = Tables(source)
    noted = [
        (note, [f for f in wanted if base_inputs(f) & columns])
        for note, columns in _lacking(tables).items()
    ]
    said = {note.table for note, _ in noted}
    view = _View(
        source, arrivals, sessions, exchange_named(source.exchange).decision(sessions, clock)
    )
    for name in sorted({n for f in wanted for n in sources_of(f)} - REQUIRED - said):
        if tables.has(name):
            note = _judged(view, name)
            if note is not None:
                noted.append((note, [f for f in wanted if name in sources_of(f)]))
    return [_with_consequence(note, found, null_shares) for note, found in noted if found]


def _with_consequence(
    note: SourceNote, features: Sequence[Feature], null_shares: Mapping[str, float]
) -> SourceNote:
    there = [null_shares[f.name] for f in features if f.name in null_shares]
    return replace(
        note,
        features=len(features),
        absent=len(features) - len(there),
        null_share=round(float(np.mean(there)), 4) if there else None,
        groups=tuple(dict.fromkeys(f.group for f in features)),
    )


# ----------------------------------------------------------------------------- what is not there


def _lacking(tables: Tables) -> dict[SourceNote, set[str]]:
    """Sources that are not there at all, and the base columns that are lacking for it."""
    source = tables.source
    lacking = [one for one in INPUT_TABLES if not supported(one, tables)]
    found: dict[SourceNote, set[str]] = {}
    if not source.paths("tables"):
        note = SourceNote("tables", Gap.PRICES_ONLY, "missing, the source has daily bars only")
        found[note] = {name for one in lacking for name in one.columns}
        lacking = []
    beyond = [one for one in lacking if tables.plan is not None and tables.plan < one.plan]
    if beyond:
        found[_beyond_plan(tables, beyond)] = {n for one in beyond for n in one.columns}
    for one in lacking:
        for name in one.tables if one not in beyond else ():
            if not tables.has(name):
                found.setdefault(_missing(source, name), set()).update(one.columns)
    if source.indices().is_empty():
        found.setdefault(_missing(source, "topix"), set()).update(MARKET_COLUMNS)
    empty = tables.empty_columns()
    index = empty & set(MARKET_COLUMNS) if not source.indices().is_empty() else frozenset()
    for name, columns in (("quotes", empty - set(MARKET_COLUMNS)), ("topix", index)):
        if columns:
            shown = sorted(one.removesuffix("_flag").removeprefix("mkt_") for one in columns)
            what = f"no row has a value of {', '.join(shown)}"
            found[SourceNote(name, Gap.MISSING, what)] = set(columns)
    if source.listings().get_column("sector").drop_nulls().is_empty():
        note = SourceNote("master", Gap.MISSING, "no name has a sector")
        found[note] = set(SECTOR_COLUMNS)
    return found


def _beyond_plan(tables: Tables, inputs: Sequence[InputTable]) -> SourceNote:
    names = dict.fromkeys(
        name if not tables.has(*one.tables) else f"{name} (some columns)"
        for one in inputs
        for name in one.tables
        if not tables.has(name) or tables.has(*one.tables)
    )
    plan = tables.plan.label if tables.plan is not None else ""
    return SourceNote(", ".join(names), Gap.OUTSIDE_PLAN, f"not in the plan {plan}")


def _missing(source: Source, name: str) -> SourceNote:
    held = source.manifest["facts"].get("tables", {}).get(name)
    if held is None:
        return SourceNote(name, Gap.MISSING, "missing, nothing was delivered")
    lost = sum(held["quarantined"].values())
    more = f", {lost:,} were quarantined" if lost else ""
    return SourceNote(name, Gap.EMPTY, f"empty, no rows{more}")


# ------------------------------------------------------------------------- what is there, and how


@dataclass(frozen=True)
class _View:
    """A source and its axis of sessions."""

    source: Source
    arrivals: pl.DataFrame
    sessions: DateArray
    decisions: npt.NDArray[np.datetime64]

    def arrived(self, table: str) -> npt.NDArray[np.int64]:
        """Sessions that were the first to know some row of a table, ascending."""
        rows = self.arrivals.filter(pl.col("table") == table)
        days = rows.get_column("session").drop_nulls().unique().sort().to_numpy()
        return np.searchsorted(self.sessions, days.astype("datetime64[D]"))

    def rows(
        self, table: str, columns: Sequence[str], *, first: date, last: date, known: bool = True
    ) -> pl.DataFrame:
        """Rows of a span of event dates; by default those that the last session knows."""
        paths = [
            path for path in self.source.table_paths(table) if may_hold(path.stem, first, last)
        ]
        wanted = ("event_date", "available_at", *columns)
        if not paths:
            return pl.DataFrame(schema=dict.fromkeys(wanted))
        with readable(paths[0]):
            rows = pl.scan_parquet(self.source.checked(paths)).filter(
                pl.col("event_date").is_between(first, last)
            )
            if known:
                rows = rows.filter(pl.col("available_at") <= self.decisions[-1].item())
            return rows.select(wanted).collect()

    def columns(self, table: str) -> list[str]:
        """Columns of a table."""
        (path,) = self.source.checked(self.source.table_paths(table)[:1])
        with readable(path):
            return list(pl.read_parquet_schema(path))


def _judged(view: _View, table: str) -> SourceNote | None:
    """The worst that is wrong with a table that is there."""
    arrived = view.arrived(table)
    if not len(arrived):
        return _nothing_known(view, table)
    return (
        _ends(view, table, arrived)
        or _late(view, table)
        or _fewer(view, table, arrived)
        or _begins(view, table, arrived)
    )


def _nothing_known(view: _View, table: str) -> SourceNote:
    paths = view.source.checked(view.source.table_paths(table))
    with readable(paths[0]):
        first = pl.scan_parquet(paths).select(pl.col("available_at").min()).collect().item()
    if first is None:
        return _missing_rows(table)
    what = f"nothing known yet on {view.sessions[-1]}, its first row comes on {_tokyo_day(first)}"
    return SourceNote(table, Gap.NOTHING_KNOWN, what)


def _missing_rows(table: str) -> SourceNote:
    return SourceNote(table, Gap.EMPTY, "empty, no rows")


def _tokyo_day(instant: datetime) -> date:
    return tokyo_time(instant.replace(tzinfo=UTC)).date()


def _ends(view: _View, table: str, arrived: npt.NDArray[np.int64]) -> SourceNote | None:
    """Nothing new for longer than ever before."""
    pause = len(view.sessions) - int(arrived[-1])
    usual = int(np.diff(arrived).max(initial=1))
    allowed = usual if usual <= _REGULAR else usual * 3 // 2
    if pause <= allowed:
        return None
    what = (
        f"ends on {view.sessions[arrived[-1]]}, nothing new in {pause - 1} sessions since "
        f"(before, never in more than {usual - 1})"
    )
    return SourceNote(table, Gap.ENDS, what)


def _late(view: _View, table: str) -> SourceNote | None:
    """The newest rows came, or have yet to come, sessions after their publication rule."""
    rows = _newest_rows(view, table)
    if rows.is_empty() or table not in PUBLICATIONS:
        return None
    dates: list[date] = rows.get_column("event_date").unique().sort().to_list()
    margin = timedelta(days=_AROUND_DAYS)
    around = tokyo_sessions(dates[0] - margin, dates[-1] + margin)
    ruled, known = (
        np.searchsorted(view.decisions, times.to_numpy().astype("datetime64[us]"))
        for times in (available_at(table, rows, sessions=around), rows.get_column("available_at"))
    )
    total = len(view.sessions)
    here, overdue = known < total, (ruled < total) & (known >= total)
    delays = (known - ruled)[here]
    typical = int(np.median(delays)) if len(delays) else 0
    events = rows.get_column("event_date").to_numpy()
    newer = overdue & (events > events[here].max(initial=events.min()))
    if typical >= 1:
        what = (
            f"late, newest rows known {typical} session(s) later than their publication rule says"
        )
    elif newer.any() or overdue.sum() > _FEW_OVERDUE * (ruled < total).sum():
        what = f"late, {overdue.sum():,} of its newest {len(rows):,} rows are due and not known yet"
    else:
        return None
    return SourceNote(table, Gap.LATE, what)


def _newest_rows(view: _View, table: str) -> pl.DataFrame:
    """Rows of the newest event dates, known or not."""
    last: date = view.sessions[-1].item()
    days = _EVENT_DAYS if table in _EVENTS else _AROUND_DAYS
    extra = [name for name in _RULE_COLUMNS if name in view.columns(table)]
    rows = view.rows(table, extra, first=last - timedelta(days=days), last=last, known=False)
    newest = rows.get_column("event_date").unique().sort().tail(_JUDGED_DATES)
    return rows.filter(pl.col("event_date").is_in(newest.implode()))


def _begins(view: _View, table: str, arrived: npt.NDArray[np.int64]) -> SourceNote | None:
    """The first row came long after the first session, and the vendor has older ones."""
    first: date = view.sessions[arrived[0]].item()
    starts = ENDPOINTS[table].starts if table in ENDPOINTS else None
    offered = starts is None or starts < view.sessions[0].item()
    if arrived[0] < _LATE_START or not offered:
        return None
    what = f"begins on {first}, {int(arrived[0])} sessions after the first one"
    return SourceNote(table, Gap.BEGINS, what)


def _fewer(view: _View, table: str, arrived: npt.NDArray[np.int64]) -> SourceNote | None:
    """Fewer names than before, or fewer than all in a table that has rows of every name."""
    key = next((name for name in _KEYS if name in view.columns(table)), None)
    total, first = len(view.sessions), int(arrived[0])
    width = min(SESSIONS_PER_YEAR if table in _EVENTS else _MONTH_SESSIONS, (total - first) // 2)
    if key is None or width < 1:
        return None
    named = key == "code" and table not in _KEY_WORDS
    ends = sorted({total, total - width, (total + first) // 2, (total + 3 * first) // 4 + width})
    covered = {
        end: _covered(view, table, key, slice(end - width, end), named=named)
        for end in ends
        if end - width >= first
    }
    now = covered.pop(total)
    end, before = max(covered.items(), key=lambda one: one[1].share)
    if _fell(now, before, chance=_NOT_BY_CHANCE if named else 0.0):
        shown = (
            f"{now.share:.0%} of the names against {before.share:.0%}"
            if named
            else f"{now.count} {_KEY_WORDS.get(table, 'keys')} against {before.count}"
        )
        what = f"covers {shown} before (sessions to {view.sessions[end - 1]})"
        return SourceNote(table, Gap.FEWER, what)
    if named and table in EVERY_NAME and _fell(now, now.all, chance=_NOT_BY_CHANCE):
        return SourceNote(table, Gap.FEWER, f"covers {now.share:.0%} of the names, not all of them")
    return None


@dataclass(frozen=True)
class _Covered:
    """Keys with a row in a window of sessions, of those that there are."""

    count: int
    of: int

    @property
    def share(self) -> float:
        return self.count / max(self.of, 1)

    @property
    def all(self) -> _Covered:
        return _Covered(self.of, self.of)


def _fell(now: _Covered, before: _Covered, *, chance: float) -> bool:
    expected = before.share * now.of
    return now.count < _FEW * expected and expected - now.count > chance * expected**0.5


def _covered(view: _View, table: str, key: str, span: slice, *, named: bool) -> _Covered:
    """Distinct keys of the event dates of some sessions; of names, those listed all the time."""
    first, last = view.sessions[span][0].item(), view.sessions[span][-1].item()
    keys = view.rows(table, [key], first=first, last=last).get_column(key).unique()
    if not named:
        return _Covered(keys.len(), 1)
    listed = view.source.listings().filter(
        (pl.col("market") != "Other").fill_null(value=True),
        pl.col("listed_from") <= first,
        pl.col("listed_to").is_null() | (pl.col("listed_to") >= last),
    )
    codes = listed.get_column("code")
    return _Covered(int(codes.is_in(keys.implode()).sum()), codes.len())
