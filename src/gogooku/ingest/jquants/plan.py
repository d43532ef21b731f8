"""What a sync will ask for: worked out from what is held, with no network and no clock of its own.

A day of an endpoint is asked for when the last answer that covers it is older than the newest
`moments` that has passed: when its rows are first published, for disclosures again when the flash
of the evening has become final, and once more some sessions later, when corrections are in.
Publication slips: a day that came empty or short is asked for again, hourly and a few times, until
it is final. A day that the vendor did not accept is asked for again once a day.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from gogooku.core.errors import UsageError
from gogooku.core.wall import tokyo_instant, tokyo_time
from gogooku.ingest.jquants.endpoints import BULK_PLAN, Endpoint, Fetch
from gogooku.ingest.jquants.ledger import Batch, BatchKind, Due
from gogooku.ingest.jquants.moments import (
    CALENDAR_AHEAD_DAYS,
    SURELY_PAST,
    Sessions,
    asked_days,
    coverage,
    moments,
    ready_at,
)
from gogooku.ingest.jquants.pacing import minutes_for
from gogooku.ingest.jquants.plans import Bucket, Plan
from gogooku.ingest.jquants.subscription import Subscription

CALENDAR_AGE = timedelta(days=7)
"""A calendar older than this is asked for again."""
CURSOR_EVERY = timedelta(minutes=10)
"""Today's disclosures are polled at most this often."""
FILE_AFTER_SESSIONS = 3
"""A monthly file is expected once this many sessions of the next month are over: by then its last
days are final too."""
EMPTY_AGAIN = timedelta(hours=1)
"""A day that came empty or short is worth asking again after this long."""
ANSWERS_A_DAY = 4
"""So often in one Tokyo day is an axis date asked for whole, the first time included."""
_SNAPSHOT_KEPT_MINUTES: Mapping[str, int] = MappingProxyType({"morning": 30 * 60})
"""Until when a snapshot can be asked for, after Tokyo midnight; others until the next one."""
_SESSION_AXIS = "Date"
"""Endpoints with this axis have rows for every session; disclosures may have none."""
_LISTING = "master"
"""Says how many codes a day of a `complete` endpoint has."""


class BulkUse(StrEnum):
    """Whether monthly files may be asked for."""

    AUTO = "auto"
    """Where they cost fewer requests than the days."""
    NEVER = "never"


class Reason(StrEnum):
    """Why something is asked for."""

    CALENDAR = "calendar"
    MISSING = "missing"
    PROVISIONAL = "provisional"
    """Held, from a time at which it was not final."""
    RESTATED = "restated"
    """Held, and rewritten by the vendor since."""
    SNAPSHOT = "snapshot"


@dataclass(frozen=True)
class Job:
    """One query to ask whole, or one monthly file.

    Attributes
    ----------
    endpoint : Endpoint
    kind : BatchKind
    params : tuple of (name, value)
        Of the query; of a file ``bulk`` and its key.
    first, last : date or None
        Axis dates that the answer covers completely; of a snapshot its session, of a poll its day,
        of which it covers only what is new.
    reason : Reason
    """

    endpoint: Endpoint
    kind: BatchKind
    params: tuple[tuple[str, str], ...]
    first: date | None
    last: date | None
    reason: Reason

    @property
    def query(self) -> str:
        """Canonical text of the query."""
        return "&".join(f"{name}={value}" for name, value in self.params)

    @property
    def bulk_key(self) -> str:
        """Key of the monthly file."""
        return dict(self.params)["bulk"]


@dataclass(frozen=True)
class SyncPlan:
    """The jobs of a sync in their order, and the endpoints that have none because they cannot.

    ``skipped`` says why, by endpoint name; ``clipped`` says of the others which of the dates asked
    for the plan does not have; ``pages`` is the mean number of pages per query so far; ``refused``
    are queries that the vendor did not accept today, left for tomorrow, by endpoint name.
    """

    plan: Plan
    jobs: tuple[Job, ...]
    skipped: Mapping[str, str]
    pages: Mapping[str, float] = field(default_factory=dict)
    clipped: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def requests(self, pages_per_query: Mapping[str, float] | None = None) -> dict[Bucket, int]:
        """Expected requests, each counted once: in its own bucket, or else in ``default``.

        Parameters
        ----------
        pages_per_query : mapping of endpoint name to float, optional
            By default what the held answers had; 1 where there is none. A file costs one request,
            the listing of an endpoint's files one; the download itself is free.
        """
        pages = self.pages if pages_per_query is None else pages_per_query
        sums = dict.fromkeys(Bucket, 0.0)
        for job in self.jobs:
            if job.kind is BatchKind.FILE:
                sums[Bucket.DEFAULT] += 1.0
            else:
                sums[job.endpoint.bucket] += pages.get(job.endpoint.name, 1.0)
        sums[Bucket.DEFAULT] += len(
            {job.endpoint.name for job in self.jobs if job.kind is BatchKind.FILE}
        )
        return {bucket: math.ceil(amount - 1e-9) for bucket, amount in sums.items()}

    @property
    def minutes(self) -> float:
        """Expected minutes at the pace of the plan."""
        return minutes_for(self.requests(), self.plan)


@dataclass(frozen=True)
class SyncOptions:
    """What a user may choose: first and last axis date, the use of monthly files.

    ``check_plan`` asks the vendor for the plan also where that was done on the same day.
    """

    first: date | None = None
    last: date | None = None
    use_bulk: BulkUse = BulkUse.AUTO
    check_plan: bool = False


@dataclass(frozen=True)
class Held:
    """What is held of an endpoint.

    Attributes
    ----------
    batches : sequence of Batch
        In the order of commit.
    names : mapping of date to int
        Distinct codes (rows, where there is no code) by axis date; a date without rows is not in.
    refused : mapping of query to datetime
        When the vendor last did not accept it.
    """

    batches: Sequence[Batch] = ()
    names: Mapping[date, int] = field(default_factory=dict)
    refused: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class _World:
    """What every rule looks at; ``listed`` is the number of codes of a date."""

    subscription: Subscription
    sessions: Sessions
    now: datetime
    options: SyncOptions
    listed: Mapping[date, int]

    @property
    def today(self) -> date:
        return tokyo_time(self.now).date()

    @property
    def plan(self) -> Plan:
        return self.subscription.plan


def plan_sync(
    endpoints: Iterable[Endpoint],
    *,
    subscription: Subscription,
    calendar: Sessions,
    held: Mapping[str, Held],
    dues: Sequence[Due],
    now: datetime,
    options: SyncOptions,
) -> SyncPlan:
    """Work out what is missing, provisional or restated.

    Parameters
    ----------
    endpoints : iterable of Endpoint
        In the order in which they are asked.
    held : mapping of endpoint name to Held
        Also of ``master``, whether or not it is among the endpoints.
    now : datetime
        Aware.
    options : SyncOptions
        Dates and use of files that the user asks for.

    Raises
    ------
    UsageError
        ``options.first`` is after ``options.last``.
    """
    if options.first and options.last and options.first > options.last:
        raise UsageError(f"--from {options.first} is after --to {options.last}; swap the two dates")
    listed = held.get(_LISTING, Held()).names
    world = _World(subscription, calendar, now, options, listed)
    plan = _Planning(world, dues)
    for endpoint in endpoints:
        plan.add(endpoint, held.get(endpoint.name, Held()))
    return SyncPlan(
        world.plan, tuple(plan.jobs), plan.skipped, plan.pages, plan.clipped, plan.refused
    )


@dataclass
class _Planning:
    """What a plan has so far."""

    world: _World
    dues: Sequence[Due]
    jobs: list[Job] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    clipped: dict[str, str] = field(default_factory=dict)
    pages: dict[str, float] = field(default_factory=dict)
    refused: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def add(self, endpoint: Endpoint, own: Held) -> None:
        """Plan one endpoint, or say why it is skipped."""
        world, name = self.world, endpoint.name
        self.pages[name] = _pages(own.batches)
        if world.plan < endpoint.plan:
            self.skipped[name] = f"not in the {world.plan.label} plan; needs {endpoint.plan.label}"
        elif endpoint.fetch is Fetch.SNAPSHOT:
            self.jobs += _snapshot(endpoint, world, own.batches)
        elif endpoint.fetch is Fetch.WHOLE:
            self.jobs += _whole(endpoint, world, own.batches)
        elif (wanted := _wanted(endpoint, world)) is None:
            self.skipped[name] = _outside(endpoint, world)
        else:
            if cut := _clipped(endpoint, world):
                self.clipped[name] = cut
            found = _dated(endpoint, world, wanted, own)
            dated, self.refused[name] = _accepted(found, world, own)
            self.jobs += dated
            self.jobs += _restated(endpoint, world, self.dues, own.batches)
            self.jobs += _polled(endpoint, world, own.batches)


def _pages(batches: Sequence[Batch]) -> float:
    counts = [len(one.bodies) for one in batches if one.kind is BatchKind.PAGES][-20:]
    return sum(counts) / len(counts) if counts else 1.0


def _whole(endpoint: Endpoint, world: _World, batches: Sequence[Batch]) -> list[Job]:
    if batches and world.now - batches[-1].fetched_at <= CALENDAR_AGE:
        return []
    return [Job(endpoint, BatchKind.PAGES, (), None, None, Reason.CALENDAR)]


def _snapshot(endpoint: Endpoint, world: _World, batches: Sequence[Batch]) -> list[Job]:
    """The newest session whose snapshot is out; nothing once it cannot be asked for any more."""
    past = world.sessions.between(world.today - SURELY_PAST, world.today)
    out = [day for day in past if ready_at(endpoint, day, sessions=world.sessions) <= world.now]
    if not out or not _inside(out[-1], world):
        return []
    day = out[-1]
    kept = _SNAPSHOT_KEPT_MINUTES.get(endpoint.name)
    if kept is not None and world.now >= tokyo_instant(day, kept):
        return []
    ready = ready_at(endpoint, day, sessions=world.sessions)
    if any(batch.fetched_at >= ready and _counts(batch, world.now) for batch in batches):
        return []
    return [Job(endpoint, BatchKind.SNAPSHOT, (), day, day, Reason.SNAPSHOT)]


def _counts(batch: Batch, now: datetime) -> bool:
    """Whether an answer is one; publication may slip, so an empty one is for a while only."""
    return batch.rows > 0 or now - batch.fetched_at < EMPTY_AGAIN


def _inside(day: date, world: _World) -> bool:
    first, last = world.options.first, world.options.last
    return (first is None or day >= first) and (last is None or day <= last)


def _wanted(endpoint: Endpoint, world: _World) -> tuple[date, ...] | None:
    """Axis dates that the plan and the user's choice allow and that are published; None if none."""
    span = window_of(endpoint, world.subscription, today=world.today)
    first = max(filter(None, (span[0], world.options.first)))
    last = min(filter(None, (span[1], world.options.last)))
    if first > last:
        return None
    days = asked_days(endpoint, first, last, sessions=world.sessions)
    recent = bisect_left(days, world.today - SURELY_PAST)
    out = (
        day
        for day in days[recent:]
        if ready_at(endpoint, day, sessions=world.sessions) <= world.now
    )
    return days[:recent] + tuple(out)


def window_of(endpoint: Endpoint, subscription: Subscription, *, today: date) -> tuple[date, date]:
    """First and last axis date that a subscription may ask of an endpoint on a day.

    A plan without delay reaches a few sessions ahead: tomorrow's listing is published today.
    """
    first, last = subscription.window(today, endpoint=endpoint)
    if subscription.plan is not Plan.FREE:
        last = today + timedelta(days=CALENDAR_AHEAD_DAYS // 2)
    return first, last


def _outside(endpoint: Endpoint, world: _World) -> str:
    first, last = window_of(endpoint, world.subscription, today=world.today)
    asked = f"{world.options.first or 'the beginning'} to {world.options.last or 'today'}"
    return f"nothing to ask for: the {world.plan.label} plan has {first} to {last}, asked {asked}"


def _clipped(endpoint: Endpoint, world: _World) -> str | None:
    """What is left out of the user's dates; None where nothing is."""
    first, last = window_of(endpoint, world.subscription, today=world.today)
    options = world.options
    early = options.first is not None and options.first < first
    late = options.last is not None and last < options.last and last < world.today
    if not early and not late:
        return None
    begin, end = max(first, options.first or first), min(last, options.last or world.today)
    return f"asked only for {begin} to {end}: the {world.plan.label} plan has no more"


def _dated(endpoint: Endpoint, world: _World, wanted: tuple[date, ...], own: Held) -> list[Job]:
    """Days, the newest first, then files: what the vendor refuses of old blocks nothing new."""
    held = coverage(own.batches, world.sessions)
    repeats = _answers_today(world, own)
    due = {
        day: reason
        for day in wanted
        if (reason := _why(endpoint, world, day, held.get(day), repeats.get(day, 0), own))
    }
    if endpoint.fetch is Fetch.RANGE:
        return _ranges(endpoint, wanted, due)
    files = _files(endpoint, world, wanted, due)
    filed = {(job.first.year, job.first.month) for job in files if job.first is not None}
    days = [
        day_job(endpoint, day, reason=reason)
        for day, reason in reversed(due.items())
        if reason is not Reason.MISSING or (day.year, day.month) not in filed
    ]
    return days + files


def _accepted(jobs: list[Job], world: _World, own: Held) -> tuple[list[Job], tuple[str, ...]]:
    """Jobs that may be asked today, those once refused at the end; and what waits for tomorrow.

    A date that is no session and was refused has nothing: it is not named and waits for the next
    of its moments.
    """
    fresh = [job for job in jobs if job.query not in own.refused]
    again, waiting = [], []
    for job in jobs:
        at = own.refused.get(job.query)
        if at is None:
            continue
        day = job.first
        closed = day is not None and day not in world.sessions
        if day is not None and closed and not _is_due(job.endpoint, world, day, at):
            continue
        if tokyo_time(at).date() == world.today:
            waiting.append(job.query)
        else:
            again.append(job)
    return fresh + again, tuple(waiting)


def _answers_today(world: _World, own: Held) -> dict[date, int]:
    """How often each axis date was asked for whole since Tokyo midnight."""
    midnight = tokyo_instant(world.today, 0)
    counts: dict[date, int] = {}
    for batch in own.batches:
        if batch.fetched_at >= midnight:
            for day in coverage([batch], world.sessions):
                counts[day] = counts.get(day, 0) + 1
    return counts


def _why(
    endpoint: Endpoint,
    world: _World,
    day: date,
    fetched: datetime | None,
    answers_today: int,
    own: Held,
) -> Reason | None:
    """Why an axis date is asked for; None where it is not."""
    if not _is_due(endpoint, world, day, fetched) and (
        fetched is None
        or world.now - fetched < EMPTY_AGAIN
        or answers_today >= ANSWERS_A_DAY
        or not _is_slipped(endpoint, world, day, fetched, own)
    ):
        return None
    lacking = endpoint.axis == _SESSION_AXIS and day not in own.names
    return Reason.MISSING if fetched is None or lacking else Reason.PROVISIONAL


def _is_slipped(endpoint: Endpoint, world: _World, day: date, fetched: datetime, own: Held) -> bool:
    """Whether a session that was asked for when it was out still lacks rows that may come.

    Where rows are certain an empty day is waited for until it is final. Disclosures of a day may
    be none, and a listed code may have no row: those are waited for on the same evening only.
    """
    if day not in world.sessions or world.now >= tokyo_instant(day, 0) + SURELY_PAST:
        return False
    every = moments(endpoint, day, sessions=world.sessions, plan=world.plan)
    passed = [moment for moment in every if moment <= world.now]
    if not passed or fetched >= every[-1]:
        return False
    count = own.names.get(day, 0)
    if not count and endpoint.axis == _SESSION_AXIS:
        return True
    listed = world.listed.get(day, 0) if endpoint.complete and endpoint.name != _LISTING else 1
    return count < listed and tokyo_time(passed[-1]).date() == world.today


def _is_due(endpoint: Endpoint, world: _World, day: date, fetched: datetime | None) -> bool:
    if fetched is not None and fetched >= tokyo_instant(day, 0) + SURELY_PAST:
        return False
    if fetched is None and tokyo_instant(day, 0) + SURELY_PAST <= world.now:
        return True
    every = moments(endpoint, day, sessions=world.sessions, plan=world.plan)
    passed = [moment for moment in every if moment <= world.now]
    return bool(passed) and (fetched is None or fetched < passed[-1])


def day_job(endpoint: Endpoint, day: date, *, reason: Reason) -> Job:
    """The query for one axis date."""
    params = ((endpoint.date_param or "date", day.isoformat()),)
    return Job(endpoint, BatchKind.PAGES, params, day, day, reason)


def _ranges(endpoint: Endpoint, wanted: tuple[date, ...], due: Mapping[date, Reason]) -> list[Job]:
    """One query per run of neighbouring due dates."""
    places = {day: place for place, day in enumerate(wanted)}
    runs: list[list[date]] = []
    for day in due:
        if runs and places[day] == places[runs[-1][-1]] + 1 and due[day] is due[runs[-1][-1]]:
            runs[-1].append(day)
        else:
            runs.append([day])
    return [_range_job(endpoint, run[0], run[-1], reason=due[run[0]]) for run in runs]


def _range_job(endpoint: Endpoint, first: date, last: date, *, reason: Reason) -> Job:
    params = (("from", first.isoformat()), ("to", last.isoformat()))
    return Job(endpoint, BatchKind.PAGES, params, first, last, reason)


def _files(
    endpoint: Endpoint, world: _World, wanted: tuple[date, ...], due: Mapping[date, Reason]
) -> list[Job]:
    """Monthly files instead of days: closed months of which at least half is missing.

    Each file costs a request and the endpoint's listing one more; where that is no fewer than
    asking for the days, the days are asked for.
    """
    if world.options.use_bulk is BulkUse.NEVER or world.plan < BULK_PLAN or not endpoint.bulk:
        return []
    missing = _by_month(day for day, reason in due.items() if reason is Reason.MISSING)
    every = _by_month(wanted)
    months = [
        month
        for month, count in missing.items()
        if count > 1 and 2 * count >= every[month] and _is_closed(month, world)
    ]
    if sum(missing[month] for month in months) <= len(months) + 1:
        return []
    first, _ = window_of(endpoint, world.subscription, today=world.today)
    return [file_job(endpoint, month, not_before=first, reason=Reason.MISSING) for month in months]


def file_job(
    endpoint: Endpoint, month: tuple[int, int], *, not_before: date, reason: Reason
) -> Job:
    """The monthly file of a month; it is trusted to cover what the subscription may see."""
    begin = date(*month, 1)
    end = _next_month(month) - timedelta(days=1)
    params = (("bulk", endpoint.bulk_key(*month)),)
    return Job(endpoint, BatchKind.FILE, params, max(begin, not_before), end, reason)


def _by_month(days: Iterable[date]) -> dict[tuple[int, int], int]:
    counts: dict[tuple[int, int], int] = {}
    for day in days:
        counts[day.year, day.month] = counts.get((day.year, day.month), 0) + 1
    return counts


def _next_month(month: tuple[int, int]) -> date:
    return (date(*month, 1) + timedelta(days=32)).replace(day=1)


def _is_closed(month: tuple[int, int], world: _World) -> bool:
    following = world.sessions.between(_next_month(month), world.today - timedelta(days=1))
    return len(following) >= FILE_AFTER_SESSIONS


def _restated(
    endpoint: Endpoint, world: _World, dues: Sequence[Due], batches: Sequence[Batch]
) -> list[Job]:
    """What is held of the histories of codes, from the day after their split was seen.

    Not what lies before it: a user who began later has no other rows of those dates.
    """
    codes = sorted(
        {one.code for one in dues if one.endpoint == endpoint.name and one.due_from <= world.today}
    )
    first, last = window_of(endpoint, world.subscription, today=world.today)
    held = [batch.first for batch in batches if batch.covers and batch.first is not None]
    first = max(first, min(held, default=first))
    span: tuple[tuple[str, str], ...] = (("from", first.isoformat()),)
    if last < world.today:
        span = (*span, ("to", last.isoformat()))
    return [
        Job(endpoint, BatchKind.CODE, (("code", code), *span), None, None, Reason.RESTATED)
        for code in codes
    ]


def _polled(endpoint: Endpoint, world: _World, batches: Sequence[Batch]) -> list[Job]:
    """Today's disclosures since the last poll; the whole day is asked for once it is final."""
    today = world.today
    if endpoint.cursor is None or world.plan < endpoint.cursor or today not in world.sessions:
        return []
    if not _inside(today, world):
        return []
    asked = f"{endpoint.date_param}={today.isoformat()}"
    since = world.subscription.since
    polls = [
        batch
        for batch in batches
        if batch.kind is BatchKind.CURSOR
        and batch.query.partition("&")[0] == asked
        and (since is None or batch.fetched_at >= since)
    ]
    if polls and world.now - polls[-1].fetched_at < CURSOR_EVERY:
        return []
    params: tuple[tuple[str, str], ...] = ((endpoint.date_param or "date", today.isoformat()),)
    if polls and polls[-1].cursor is not None:
        params = (*params, ("cursor", polls[-1].cursor))
    return [Job(endpoint, BatchKind.CURSOR, params, today, today, Reason.PROVISIONAL)]
