"""Every J-Quants V2 endpoint as one row of data; adding an endpoint is adding a row.

Source: the J-Quants V2 specification as of November 2026 and the column lists of the official
client 2.8.0; where the two disagree the client's columns win. Differences: daily bars carry
``MktCap`` and ``ExRT`` on the wire since August 2026, the client's list does not name them (it
passes unknown columns through); ``options/225`` has no ``ProdCat``, ``UndSSO``, ``M*`` and
``CCMFlag``; ``earnings-calendar`` is named ``FINS_ANNOUNCEMENT`` there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from gogooku.ingest.jquants.plans import Bucket, Plan
from gogooku.ingest.jquants.wire_columns import (
    ALERT_COLUMNS,
    BARS_ALL_PLANS,
    BARS_PREMIUM,
    BREAKDOWN_COLUMNS,
    DIVIDEND_COLUMNS,
    FUTURES_COLUMNS,
    INVESTORS_COLUMNS,
    MARGIN_COLUMNS,
    OPTIONS_225_COLUMNS,
    OPTIONS_COLUMNS,
    SHORT_REPORT_COLUMNS,
    SUMMARY_COLUMNS,
)

CALENDAR = "calendar"
"""The endpoint that says which days are sessions; every sync needs it."""
MASTER = "master"
"""The endpoint that says who is listed; it decides which names are asked for."""
ADJUSTMENT_FACTOR = "AdjFactor"
"""The wire column of a split's factor."""


class Kind(StrEnum):
    """Type of a wire value, and how its absence is written.

    In a decoded frame NUMBER is Float64 with null for null; every other kind is
    String and keeps ``""``, ``"-"`` and ``"*"`` as they came (OBJECT as canonical JSON text).
    """

    TEXT = "text"
    """A string; ``""`` or null when absent."""
    DATE = "date"
    """A string YYYY-MM-DD; ``""``, ``"-"`` or null when absent or undecided."""
    NUMBER = "number"
    """A JSON number; null when absent."""
    TEXT_NUMBER = "text_number"
    """A number written as a string (fins), or a number that is ``""`` when absent (derivatives)."""
    MARKED = "marked"
    """A number, ``"-"`` (undetermined, not published the day before), ``"*"`` (ETF) or ``""``."""
    OBJECT = "object"
    """A nested JSON object."""


class Fetch(StrEnum):
    """How a sync asks for what is missing."""

    PER_SESSION = "per_session"
    """One query per trading session of the axis, by ``date_param``."""
    RANGE = "range"
    """One query for a span of axis dates, by ``from`` and ``to``."""
    WHOLE = "whole"
    """One query without parameters returns everything."""
    SNAPSHOT = "snapshot"
    """One query without parameters returns only what is current: no history exists."""


@dataclass(frozen=True)
class Moment:
    """An instant relative to a session: ``sessions`` later, ``minutes`` after Tokyo midnight."""

    sessions: int
    minutes: int


def _at(hour: int, minute: int = 0, *, sessions: int = 0) -> Moment:
    return Moment(sessions=sessions, minutes=hour * 60 + minute)


@dataclass(frozen=True)
class Endpoint:
    """One endpoint.

    Attributes
    ----------
    name : str
        What it is called in this project: table, publication rule, ``--endpoint``.
    path : str
        Path below the base address, with its leading slash.
    plan : Plan
        Smallest plan that has it.
    starts : date or None
        First date of its history; None where there is none.
    columns : mapping of str to Kind
        Wire columns in the order of the specification.
    key : tuple of str
        Columns that identify a row: a later row with the same key replaces an earlier one.
    axis : str or None
        The column that ``date_param``, a range and a monthly file select by.
    date_param, one_of, params
        Parameter of a one-day query; groups of which one is needed; all accepted parameters.
    fetch : Fetch
    ready : Moment
        When the rows of an axis date can be asked for. For ``master`` the session is the one
        *before* the axis date (``sessions=-1``). ``margin_interest`` has eras: see the plan module.
    final_sessions : int
        A day asked for before this many sessions after ``ready`` is provisional: asked once more.
    bulk : bool
        Monthly files exist.
    cursor : Plan or None
        Smallest plan with cursor polling.
    bucket : Bucket
    premium : frozenset of str
        Columns absent from the wire below Premium.
    since : mapping of str to date
        Columns that exist only in responses given on or after a date.
    complete : bool
        A day has one row per listed name, so that a short day is visible.
    publication : str
        Its row in the publication table (`gogooku.tables.publication`).
    """

    name: str
    path: str
    plan: Plan
    starts: date | None
    columns: Mapping[str, Kind]
    key: tuple[str, ...]
    axis: str | None
    fetch: Fetch
    ready: Moment
    date_param: str | None = None
    one_of: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    final_sessions: int = 3
    bulk: bool = True
    cursor: Plan | None = None
    bucket: Bucket = Bucket.DEFAULT
    premium: frozenset[str] = frozenset()
    since: Mapping[str, date] = field(default_factory=dict)
    complete: bool = False

    @property
    def publication(self) -> str:
        """Name of its row in the publication table."""
        return self.name

    def bulk_key(self, year: int, month: int) -> str:
        """Key of the monthly file of a closed month."""
        stem = self.path.strip("/")
        return f"{stem}/historical/{year}/{stem.replace('/', '_')}_{year}{month:02d}.csv.gz"

    def columns_for(self, plan: Plan) -> tuple[str, ...]:
        """Wire columns that a plan receives."""
        return tuple(
            name for name in self.columns if plan >= Plan.PREMIUM or name not in self.premium
        )

    def fields(self, plan: Plan, *, on: date) -> frozenset[str]:
        """Fields that every row of an answer given on a day should have."""
        return frozenset(
            name
            for name in self.columns_for(plan)
            if name not in self.since or self.since[name] <= on
        )


def _columns(names: str, *, default: Kind, **kinds: str) -> Mapping[str, Kind]:
    """Columns of a block of names; ``kinds`` names those that differ from the default."""
    special = {name: Kind(kind) for kind, listed in kinds.items() for name in listed.split()}
    unknown = set(special) - set(names.split())
    if unknown:
        raise ValueError(f"columns {sorted(unknown)} are not in the block")
    return MappingProxyType({name: special.get(name, default) for name in names.split()})


_DATE = "Date"

ENDPOINTS: Mapping[str, Endpoint] = MappingProxyType(
    {
        row.name: row
        for row in (
            Endpoint(
                name="calendar",
                path="/markets/calendar",
                plan=Plan.FREE,
                starts=date(2008, 1, 1),
                columns=_columns("Date HolDiv", default=Kind.TEXT, date="Date"),
                key=("Date",),
                axis=_DATE,
                fetch=Fetch.WHOLE,
                ready=_at(0),
                params=("hol_div", "from", "to"),
            ),
            Endpoint(
                name="master",
                path="/equities/master",
                plan=Plan.FREE,
                starts=date(2008, 5, 7),
                columns=_columns(
                    "Date Code CoName CoNameEn S17 S17Nm S33 S33Nm ScaleCat Mkt MktNm Mrgn MrgnNm "
                    "ProdCat",
                    default=Kind.TEXT,
                    date="Date",
                ),
                key=("Date", "Code"),
                axis=_DATE,
                fetch=Fetch.PER_SESSION,
                ready=_at(17, 30, sessions=-1),
                date_param="date",
                params=("code", "date"),
                since={"ProdCat": date(2026, 5, 26)},
                complete=True,
            ),
            Endpoint(
                name="quotes",
                path="/equities/bars/daily",
                plan=Plan.FREE,
                starts=date(2008, 5, 7),
                columns=_columns(
                    BARS_ALL_PLANS + BARS_PREMIUM,
                    default=Kind.NUMBER,
                    text="Code UL LL ExRT MUL MLL AUL ALL",
                    date="Date",
                ),
                key=("Date", "Code"),
                axis=_DATE,
                fetch=Fetch.PER_SESSION,
                ready=_at(16, 30),
                date_param="date",
                one_of=("code", "date"),
                params=("code", "date", "from", "to"),
                premium=frozenset(BARS_PREMIUM.split()),
                since={"MktCap": date(2026, 8, 3), "ExRT": date(2026, 8, 3)},
                complete=True,
            ),
            Endpoint(
                name="morning",
                path="/equities/bars/daily/am",
                plan=Plan.PREMIUM,
                starts=None,
                columns=_columns(
                    "Date Code MO MH ML MC MVo MVa", default=Kind.NUMBER, text="Code", date="Date"
                ),
                key=("Date", "Code"),
                axis=_DATE,
                fetch=Fetch.SNAPSHOT,
                ready=_at(12),
                params=("code",),
                bulk=False,
            ),
            Endpoint(
                name="topix",
                path="/indices/bars/daily/topix",
                plan=Plan.LIGHT,
                starts=date(2008, 5, 7),
                columns=_columns("Date O H L C", default=Kind.NUMBER, date="Date"),
                key=("Date",),
                axis=_DATE,
                fetch=Fetch.RANGE,
                ready=_at(16, 30),
                params=("from", "to"),
            ),
            Endpoint(
                name="indices",
                path="/indices/bars/daily",
                plan=Plan.STANDARD,
                starts=date(2008, 5, 7),
                columns=_columns(
                    "Date Code O H L C", default=Kind.NUMBER, text="Code", date="Date"
                ),
                key=("Date", "Code"),
                axis=_DATE,
                fetch=Fetch.PER_SESSION,
                ready=_at(16, 30),
                date_param="date",
                one_of=("code", "date"),
                params=("code", "date", "from", "to"),
            ),
            Endpoint(
                name="investor_types",
                path="/equities/investor-types",
                plan=Plan.LIGHT,
                starts=date(2008, 1, 16),
                columns=_columns(
                    INVESTORS_COLUMNS,
                    default=Kind.NUMBER,
                    text="Section",
                    date="PubDate StDate EnDate",
                ),
                key=("Section", "StDate", "EnDate", "PubDate"),
                axis="PubDate",
                fetch=Fetch.RANGE,
                ready=_at(18),
                params=("section", "from", "to"),
            ),
            Endpoint(
                name="valuation",
                path="/equities/valuation",
                plan=Plan.STANDARD,
                starts=date(2008, 5, 7),
                columns=_columns(
                    "Date Code EPS FwdEPS BPS ROE FwdROE PER FwdPER PBR MktCap",
                    default=Kind.NUMBER,
                    text="Code",
                    date="Date",
                ),
                key=("Date", "Code"),
                axis=_DATE,
                fetch=Fetch.PER_SESSION,
                ready=_at(16, 30, sessions=1),
                date_param="date",
                one_of=("code", "date"),
                params=("code", "date", "from", "to"),
                complete=True,
            ),
            Endpoint(
                name="statements",
                path="/fins/summary",
                plan=Plan.FREE,
                starts=date(2008, 7, 7),
                columns=_columns(
                    SUMMARY_COLUMNS,
                    default=Kind.TEXT_NUMBER,
                    text=(
                        "DiscTime Code DiscNo DocType CurPerType MatChgSub SigChgInC ChgByASRev "
                        "ChgNoASRev ChgAcEst RetroRst"
                    ),
                    date="DiscDate CurPerSt CurPerEn CurFYSt CurFYEn NxtFYSt NxtFYEn",
                ),
                key=("DiscNo",),
                axis="DiscDate",
                fetch=Fetch.PER_SESSION,
                ready=_at(18),
                date_param="date",
                one_of=("code", "date"),
                params=("code", "date", "cursor"),
                cursor=Plan.PREMIUM,
                bucket=Bucket.SUMMARY,
                since={name: date(2026, 8, 3) for name in ("ShEq", "NCShEq", "ROE", "NCROE")},
            ),
            Endpoint(
                name="statement_details",
                path="/fins/details",
                plan=Plan.PREMIUM,
                starts=date(2009, 1, 13),
                columns=_columns(
                    "DiscDate DiscTime Code DiscNo DocType FS",
                    default=Kind.TEXT,
                    date="DiscDate",
                    object="FS",
                ),
                key=("DiscNo",),
                axis="DiscDate",
                fetch=Fetch.PER_SESSION,
                ready=_at(18),
                date_param="date",
                one_of=("code", "date"),
                params=("code", "date", "cursor"),
                cursor=Plan.PREMIUM,
                bucket=Bucket.DETAILS,
            ),
            Endpoint(
                name="dividends",
                path="/fins/dividend",
                plan=Plan.PREMIUM,
                starts=date(2013, 2, 20),
                columns=_columns(
                    DIVIDEND_COLUMNS,
                    default=Kind.MARKED,
                    text="PubTime Code RefNo StatCode IFCode FRCode IFTerm CARefNo CommSpecCode",
                    date="PubDate BoardDate RecDate ExDate ActRecDate PayDate",
                ),
                key=("RefNo",),
                axis="PubDate",
                fetch=Fetch.PER_SESSION,
                ready=_at(19),
                date_param="date",
                one_of=("code", "date"),
                params=("code", "date", "from", "to"),
            ),
            Endpoint(
                name="earnings_dates",
                path="/fins/earnings-date",
                plan=Plan.FREE,
                starts=date(2014, 9, 1),
                columns=_columns(
                    "PubDate SchDate FQName FYE Code CoName CoNameEn",
                    default=Kind.TEXT,
                    date="PubDate SchDate",
                ),
                key=("PubDate", "Code", "FYE", "FQName"),
                axis="PubDate",
                fetch=Fetch.PER_SESSION,
                ready=_at(10, 5),
                date_param="date",
                one_of=("code", "date", "scheduled_date"),
                params=("code", "date", "scheduled_date"),
            ),
            Endpoint(
                name="earnings_calendar",
                path="/equities/earnings-calendar",
                plan=Plan.FREE,
                starts=None,
                columns=_columns(
                    "Date Code CoName FY SectorNm FQ Section", default=Kind.TEXT, date="Date"
                ),
                key=("Date", "Code", "FQ"),
                axis=_DATE,
                fetch=Fetch.SNAPSHOT,
                ready=_at(19, 30),
                bulk=False,
            ),
            Endpoint(
                name="margin_interest",
                path="/markets/margin-interest",
                plan=Plan.STANDARD,
                starts=date(2012, 2, 10),
                columns=_columns(
                    MARGIN_COLUMNS, default=Kind.NUMBER, text="Code IssType", date="PubDate Date"
                ),
                key=("Date", "Code"),
                axis=_DATE,
                fetch=Fetch.PER_SESSION,
                ready=_at(16, 30, sessions=1),
                date_param="date",
                one_of=("code", "date", "published_date"),
                params=("code", "date", "published_date", "from", "to"),
                since={
                    name: date(2026, 9, 28)
                    for name in (
                        "PubDate",
                        "ShrtVal",
                        "LongVal",
                        "ShrtNegVal",
                        "LongNegVal",
                        "ShrtStdVal",
                        "LongStdVal",
                    )
                },
            ),
            Endpoint(
                name="margin_alert",
                path="/markets/margin-alert",
                plan=Plan.STANDARD,
                starts=date(2008, 5, 8),
                columns=_columns(
                    ALERT_COLUMNS,
                    default=Kind.MARKED,
                    text="Code TSEMrgnRegCls",
                    date="PubDate AppDate",
                    object="PubReason",
                    number=("ShrtOut LongOut SLRatio ShrtNegOut ShrtStdOut LongNegOut LongStdOut"),
                ),
                key=("PubDate", "Code", "AppDate"),
                axis="PubDate",
                fetch=Fetch.PER_SESSION,
                ready=_at(16, 30),
                date_param="date",
                one_of=("code", "date"),
                params=("code", "date", "from", "to"),
            ),
            Endpoint(
                name="short_ratio",
                path="/markets/short-ratio",
                plan=Plan.STANDARD,
                starts=date(2008, 11, 5),
                columns=_columns(
                    "Date S33 SellExShortVa ShrtWithResVa ShrtNoResVa",
                    default=Kind.NUMBER,
                    text="S33",
                    date="Date",
                ),
                key=("Date", "S33"),
                axis=_DATE,
                fetch=Fetch.PER_SESSION,
                ready=_at(16, 30),
                date_param="date",
                one_of=("s33", "date"),
                params=("s33", "date", "from", "to"),
            ),
            Endpoint(
                name="short_positions",
                path="/markets/short-sale-report",
                plan=Plan.STANDARD,
                starts=date(2013, 11, 7),
                columns=_columns(
                    SHORT_REPORT_COLUMNS,
                    default=Kind.TEXT,
                    date="DiscDate CalcDate PrevRptDate",
                    number="ShrtPosToSO ShrtPosShares ShrtPosUnits PrevRptRatio",
                ),
                key=("DiscDate", "CalcDate", "Code", "SSName", "DICName", "FundName"),
                axis="DiscDate",
                fetch=Fetch.PER_SESSION,
                ready=_at(17, 30),
                date_param="disc_date",
                one_of=("code", "disc_date", "calc_date"),
                params=("code", "disc_date", "disc_date_from", "disc_date_to", "calc_date"),
            ),
            Endpoint(
                name="breakdown",
                path="/markets/breakdown",
                plan=Plan.PREMIUM,
                starts=date(2015, 4, 1),
                columns=_columns(BREAKDOWN_COLUMNS, default=Kind.NUMBER, text="Code", date="Date"),
                key=("Date", "Code"),
                axis=_DATE,
                fetch=Fetch.PER_SESSION,
                ready=_at(18),
                date_param="date",
                one_of=("code", "date"),
                params=("code", "date", "from", "to"),
            ),
            Endpoint(
                name="futures",
                path="/derivatives/bars/daily/futures",
                plan=Plan.PREMIUM,
                starts=date(2008, 5, 7),
                columns=_columns(
                    FUTURES_COLUMNS,
                    default=Kind.TEXT_NUMBER,
                    text="Code ProdCat CM EmMrgnTrgDiv CCMFlag",
                    date="Date LTD SQD",
                ),
                key=("Date", "Code", "EmMrgnTrgDiv"),
                axis=_DATE,
                fetch=Fetch.PER_SESSION,
                ready=_at(27),
                date_param="date",
                one_of=("date",),
                params=("date", "category", "contract_flag"),
            ),
            Endpoint(
                name="options",
                path="/derivatives/bars/daily/options",
                plan=Plan.PREMIUM,
                starts=date(2008, 5, 7),
                columns=_columns(
                    OPTIONS_COLUMNS,
                    default=Kind.TEXT_NUMBER,
                    text="Code ProdCat UndSSO CM EmMrgnTrgDiv PCDiv CCMFlag",
                    date="Date LTD SQD",
                ),
                key=("Date", "Code", "EmMrgnTrgDiv"),
                axis=_DATE,
                fetch=Fetch.PER_SESSION,
                ready=_at(27),
                date_param="date",
                one_of=("date",),
                params=("date", "category", "contract_flag", "code"),
            ),
            Endpoint(
                name="index_options",
                path="/derivatives/bars/daily/options/225",
                plan=Plan.STANDARD,
                starts=date(2008, 5, 7),
                columns=_columns(
                    OPTIONS_225_COLUMNS,
                    default=Kind.TEXT_NUMBER,
                    text="Code CM EmMrgnTrgDiv PCDiv",
                    date="Date LTD SQD",
                ),
                key=("Date", "Code", "EmMrgnTrgDiv"),
                axis=_DATE,
                fetch=Fetch.PER_SESSION,
                ready=_at(27),
                date_param="date",
                one_of=("date",),
                params=("date",),
            ),
        )
    }
)
"""All endpoints by name, in the order in which a sync asks for them."""

BULK_LIST_PATH = "/bulk/list"
BULK_GET_PATH = "/bulk/get"
BULK_PLAN = Plan.LIGHT
"""Smallest plan with monthly files; the Free plan has that of the calendar only."""

MARGIN_DAILY_FROM = date(2026, 9, 25)
"""First application date of the daily margin interest; before it only week ends exist."""


def by_path(path: str) -> Endpoint | None:
    """Find an endpoint by its path; None where there is none."""
    return next((row for row in ENDPOINTS.values() if row.path == path), None)
