"""Fetch what is missing: plan, ask, decode, commit; an answer is either held whole or not at all.

Every endpoint stands alone: what fails is named in the summary and the next endpoint goes on. Only
a key refused before any answer, an ended subscription, a server that cannot be reached, a busy
store and a full disk stop everything. A day that is not accepted is tried once a day. A sync that
was killed is resumed by running it again: what it committed is not asked for twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

import polars as pl

from gogooku.core.errors import DataError, TerminalError, TransientError
from gogooku.core.files import write_point
from gogooku.core.progress import Reporter, Step
from gogooku.core.wall import WallClock, tokyo_time
from gogooku.ingest.jquants.client import (
    FRUITLESS_LIMIT,
    BadRequest,
    BulkFile,
    Client,
    NoSubscription,
    NotInPlan,
    OutsideWindow,
    RefusedKey,
    TooLarge,
    Unreachable,
)
from gogooku.ingest.jquants.decode import Decoded, unusable_objects
from gogooku.ingest.jquants.discovery import discover
from gogooku.ingest.jquants.endpoints import MASTER, Endpoint, Fetch
from gogooku.ingest.jquants.factors import CODE, factors_of
from gogooku.ingest.jquants.ledger import BatchKind, Draft
from gogooku.ingest.jquants.moments import Sessions, sessions_of
from gogooku.ingest.jquants.plan import (
    BulkUse,
    Job,
    Reason,
    SyncOptions,
    SyncPlan,
    file_job,
    window_of,
)
from gogooku.ingest.jquants.planning import held_calendar, plan_of
from gogooku.ingest.jquants.raw import RawStore, Writer, decode
from gogooku.ingest.jquants.subscription import Subscription
from gogooku.ingest.jquants.summary import EndpointSummary, SyncSummary

_STOP = (RefusedKey, NoSubscription, Unreachable)
_LOOK_AGAIN = (NotInPlan, OutsideWindow)
_COUNTED = (BatchKind.PAGES, BatchKind.FILE)
"""Kinds of which the days are counted."""
_BAD_ARGUMENTS = 400
_FAILED_LIMIT = 5
"""After so many failed jobs in a row the rest of an endpoint is left for the next sync."""


def sync(
    store: RawStore,
    *,
    client: Client,
    endpoints: Sequence[Endpoint],
    clock: WallClock,
    reporter: Reporter,
    options: SyncOptions = SyncOptions(),  # noqa: B008 - frozen
) -> SyncSummary:
    """Fetch what is missing, provisional or restated.

    Parameters
    ----------
    endpoints : sequence of Endpoint
        In the order in which they are asked; the calendar goes first wherever it stands.

    Raises
    ------
    BusyError
        Another sync of the source is running; nothing is asked.
    RefusedKey, NoSubscription
        Nothing is written.
    TransientError
        The subscription was never discovered and cannot be now, or the server cannot be reached at
        all; what was committed stays.
    StorageError
        The disk is full; what was committed stays.
    """
    with store.writer() as writer:
        run = _Run(store, writer, client, clock, options, client.requests)
        if writer.num_aside:
            run.notes.append(
                f"{writer.num_aside} bodies of a stopped sync, of answers that were not whole, "
                f"were set aside in {store.aside}"
            )
        run.subscribe()
        first = [one for one in endpoints if one.fetch is Fetch.WHOLE]
        rest = [one for one in endpoints if one.fetch is not Fetch.WHOLE]
        for group in (first, rest):
            run.fetch(group, reporter=reporter)
        return run.summary(endpoints)


@dataclass
class _Run:
    """One sync under way.

    ``requests`` is what the client had sent before; ``heard`` whether an answer came, which shows
    that the key is good; ``streak`` counts failed jobs in a row; ``unusable`` names endpoints whose
    files lack what their days have.
    """

    store: RawStore
    writer: Writer
    client: Client
    clock: WallClock
    options: SyncOptions
    requests: int
    probed: bool = False
    found: Subscription | None = None
    sessions: Sessions | None = None
    done: dict[str, EndpointSummary] = field(default_factory=dict)
    listed: dict[date, int] | None = None
    heard: bool = False
    streak: int = 0
    unusable: set[str] = field(default_factory=set)
    fruitless: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def subscription(self) -> Subscription:
        """What the key may see."""
        if self.found is None:
            raise ValueError("the subscription was not checked")
        return self.found

    def subscribe(self) -> None:
        """Take the remembered subscription where it is of this key, address and day, else look.

        A plan can be changed at any time, and a larger one causes no refusal: so the vendor is
        asked once a day.
        """
        held = self.store.subscription()
        if held is None or not self.client.origin.made(held.mark):
            if held is not None and held.mark:
                self.notes.append(
                    "another key or address than at the last sync: the plan was asked for anew, "
                    "refused days are asked again, what is held stays"
                )
            self.probe(held, same=False)
            return
        self.found = held
        self.client.pacer.set_plan(held.plan)
        if self.options.check_plan or tokyo_time(self.clock.now()).date() != held.seen:
            try:
                self.probe(held)
            except Unreachable:
                raise
            except TransientError:
                # The remembered one is still the best guess; a wrong one shows at the first query.
                self.probed = False
                self.client.pacer.set_plan(held.plan)

    def probe(self, held: Subscription | None, *, same: bool = True) -> None:
        """Look what the key may see, and remember it.

        Parameters
        ----------
        held : Subscription or None
            What was remembered.
        same : bool
            Whether that was learned with this key at this address.
        """
        self.probed = True
        found = discover(self.client, clock=self.clock, known=held if same else None)
        if held is not None and same and held.plan is found.plan:
            found = replace(found, mark=held.mark, since=held.since)
        else:
            found = replace(found, mark=self.client.origin.mark(), since=self.clock.now())
        if held is not None and held.plan is not found.plan:
            self.notes.append(f"the plan is {found.plan.label} now, it was {held.plan.label}")
        self.found = found
        self.heard = True
        self.writer.remember(found)

    def fetch(self, endpoints: Sequence[Endpoint], *, reporter: Reporter) -> None:
        """Ask for a group of endpoints in order."""
        plan = self.plan(endpoints)
        write_point("sync.planned")
        for place, endpoint in enumerate(endpoints):
            summary = self.done[endpoint.name] = EndpointSummary(endpoint.name)
            before = self.client.requests
            try:
                self.endpoint(endpoint, _jobs(plan, endpoint), summary, reporter)
            except _LOOK_AGAIN as fault:
                if self.reprobed(fault, summary):
                    plan = self.plan(endpoints[place:])
                    self.again(endpoint, _jobs(plan, endpoint), summary, reporter)
            if waiting := plan.refused.get(endpoint.name):
                summary.failed.append(_waiting(endpoint, waiting))
            summary.requests = self.client.requests - before
            summary.skipped = plan.skipped.get(endpoint.name)
            summary.clipped = plan.clipped.get(endpoint.name)

    def reprobed(self, fault: TerminalError, summary: EndpointSummary) -> bool:
        """Look at the subscription again, once a sync; a second time the fault is final."""
        if self.probed:
            summary.failed.append(str(fault))
            return False
        try:
            self.probe(self.subscription)
        except TransientError as other:
            summary.failed.append(f"{fault} (and the subscription cannot be checked: {other})")
            return False
        return True

    def again(
        self,
        endpoint: Endpoint,
        jobs: list[Job],
        summary: EndpointSummary,
        reporter: Reporter,
    ) -> None:
        """Ask by the new plan."""
        try:
            self.endpoint(endpoint, jobs, summary, reporter)
        except _LOOK_AGAIN as fault:
            summary.failed.append(str(fault))

    def plan(self, endpoints: Sequence[Endpoint]) -> SyncPlan:
        """What these endpoints miss now."""
        now = self.clock.now()
        self.sessions = sessions_of(held_calendar(self.store), now=now)
        return plan_of(
            self.store,
            endpoints=endpoints,
            subscription=self.subscription,
            now=now,
            options=self.options,
        )

    def endpoint(
        self,
        endpoint: Endpoint,
        jobs: list[Job],
        summary: EndpointSummary,
        reporter: Reporter,
    ) -> None:
        """Do the jobs of one endpoint; what fails is noted, and stops it when the line is bad."""
        if not jobs:
            return
        with reporter.step(f"sync {endpoint.name}", total=float(len(jobs))) as step:
            try:
                self.streak = 0
                files = [job for job in jobs if job.kind is BatchKind.FILE]
                listing = self.listing(endpoint, summary) if files else {}
                queue = [job for job in jobs if job.kind is not BatchKind.FILE]
                queue += self.with_newer(endpoint, files, listing)
                for place, job in enumerate(queue):
                    if self.streak >= _FAILED_LIMIT:
                        summary.failed.append(f"{len(queue) - place} more were not asked")
                        break
                    self.job(job, listing, summary, step)
            except RefusedKey as fault:
                # The key was good a moment ago: a gateway says the same of what it does not know.
                if not self.heard:
                    raise
                summary.failed.append(str(fault))
            except (*_STOP, *_LOOK_AGAIN):
                raise
            except (TransientError, TerminalError) as fault:
                summary.failed.append(str(fault))

    def listing(self, endpoint: Endpoint, summary: EndpointSummary) -> dict[str, BulkFile]:
        """The files of an endpoint by key; none where the vendor does not accept the question."""
        try:
            return {one.key: one for one in self.client.bulk_list(endpoint=endpoint)}
        except (BadRequest, NotInPlan) as fault:
            summary.by_day.append(f"the files of {endpoint.name} cannot be listed: {fault}")
            return {}

    def with_newer(
        self,
        endpoint: Endpoint,
        files: list[Job],
        listing: Mapping[str, BulkFile],
    ) -> list[Job]:
        """Jobs of the planned files, then of held ones that the vendor has written anew since."""
        if not files:
            return []
        held = {
            batch.query: batch
            for batch in self.store.batches(endpoint.name)
            if batch.kind is BatchKind.FILE
        }
        not_before, _ = window_of(
            endpoint, self.subscription, today=tokyo_time(self.clock.now()).date()
        )
        newer = []
        for query, batch in held.items():
            one = listing.get(query.removeprefix("bulk="))
            if batch.first is None or batch.last is None or batch.last < not_before:
                continue
            if one and batch.last_modified and one.last_modified > batch.last_modified:
                month = (batch.first.year, batch.first.month)
                newer.append(
                    file_job(endpoint, month, not_before=not_before, reason=Reason.RESTATED)
                )
        planned = {job.query for job in files}
        return files + [job for job in newer if job.query not in planned]

    def job(
        self,
        job: Job,
        listing: Mapping[str, BulkFile],
        summary: EndpointSummary,
        step: Step,
    ) -> None:
        """Do one job; an answer that cannot be used is noted and the next job goes on."""
        step.note(job.query.partition("&cursor=")[0])  # a cursor is the server's text
        if job.kind is BatchKind.FILE:
            self.file(job, listing, summary)
        else:
            self.query(job, summary)
        step.advance()
        write_point("sync.job")

    def file(self, job: Job, listing: Mapping[str, BulkFile], summary: EndpointSummary) -> None:
        """Fetch a monthly file; where it cannot be had, its days by query."""
        listed = listing.get(job.bulk_key)
        name = job.endpoint.name
        if listed is None:
            why = "is not listed"
        elif name in self.unusable:
            why = "is not asked for: one before lacked what the days have"
        else:
            begun = self.clock.now()
            try:
                body, decoded = self.answer(job, listed)
            except (DataError, BadRequest, NotInPlan, OutsideWindow, TooLarge) as fault:
                why = f"cannot be had: {fault}"
            else:
                bare = unusable_objects(job.endpoint, decoded.frame)
                if not bare:
                    self.note_short(job, decoded, summary)
                    self.commit(_Answer(job, begun, [body], decoded, listed.last_modified), summary)
                    return
                self.unusable.add(name)
                why = f"has no JSON objects in {', '.join(bare)}"
        summary.by_day.append(f"{job.bulk_key} {why}")
        days = self.days_of(job)
        for place, day in enumerate(days):
            if self.streak >= _FAILED_LIMIT:
                summary.failed.append(f"{len(days) - place} days of {job.bulk_key} were not asked")
                return
            self.query(day, summary)

    def answer(self, job: Job, listed: BulkFile) -> tuple[bytes, Decoded]:
        """A file and its rows; one that does not decode or lacks fields is fetched once more."""
        try:
            found = self.answer_once(job)
        except DataError:
            return self.answer_once(job)
        fields = self.fields(job.endpoint, listed.last_modified)
        name = f"file of {job.endpoint.name}"
        if not found[1].lacking & fields or self.fruitless.get(name, 0) >= FRUITLESS_LIMIT:
            return found
        other = self.answer_once(job)
        if len(other[1].lacking & fields) >= len(found[1].lacking & fields):
            self.fruitless[name] = self.fruitless.get(name, 0) + 1
            return found
        self.fruitless[name] = 0
        return other

    def answer_once(self, job: Job) -> tuple[bytes, Decoded]:
        """A file and its rows."""
        body = self.client.bulk_file(job.bulk_key)
        return body, decode(job.endpoint, [body], kind=job.kind)

    def fields(self, endpoint: Endpoint, made: datetime) -> frozenset[str]:
        """Fields that every row of an answer made at an instant should have."""
        return endpoint.fields(self.subscription.plan, on=tokyo_time(made).date())

    def days_of(self, job: Job) -> tuple[Job, ...]:
        """Queries for the days of a file that are due and not held."""
        first = max(filter(None, (job.first, self.options.first)))
        last = min(filter(None, (job.last, self.options.last)))
        if first > last:
            return ()
        plan = plan_of(
            self.store,
            endpoints=[job.endpoint],
            subscription=self.subscription,
            now=self.clock.now(),
            options=SyncOptions(first=first, last=last, use_bulk=BulkUse.NEVER),
        )
        return tuple(one for one in plan.jobs if one.kind is BatchKind.PAGES)

    def query(self, job: Job, summary: EndpointSummary) -> None:
        """Ask a query whole, check it, commit it."""
        try:
            answer = self.ask(job)
            if self.is_short(answer):
                answer = self.asked_again(answer)
        except (*_STOP, *_LOOK_AGAIN):
            raise
        except BadRequest as fault:
            self.refused(job, fault, summary)
            return
        except (DataError, TerminalError) as fault:
            self.failed(job, fault, summary)
            return
        self.note_short(job, answer.decoded, summary)
        self.commit(answer, summary)

    def refused(self, job: Job, fault: BadRequest, summary: EndpointSummary) -> None:
        """Go on after a query that is not accepted.

        The cursor of a poll may have expired: the day is asked from its begin. A day whose
        arguments are refused is kept as such, so that it is asked once a day only; one that is no
        session may just not exist for the vendor, which is no failure.
        """
        if job.kind is BatchKind.CURSOR and len(job.params) > 1:
            self.query(replace(job, params=job.params[:1]), summary)
            return
        day = job.first
        single = day == job.last and job.kind is BatchKind.PAGES
        if day is not None and single and fault.status == _BAD_ARGUMENTS:
            self.writer.refuse(job.endpoint.name, query=job.query, at=self.clock.now())
            if self.sessions is not None and day not in self.sessions:
                return
        self.failed(job, fault, summary)

    def failed(self, job: Job, fault: Exception, summary: EndpointSummary) -> None:
        """Name a job that failed."""
        self.streak += 1
        summary.failed.append(f"{job.endpoint.name} {job.query}: {fault}")

    def ask(self, job: Job) -> _Answer:
        """All pages of a query; one that does not decode is asked once more."""
        try:
            return self.ask_once(job)
        except DataError:
            return self.ask_once(job)

    def ask_once(self, job: Job) -> _Answer:
        """All pages of a query and their rows."""
        begun = self.clock.now()
        fields = self.fields(job.endpoint, begun)
        pages = list(self.client.pages(job.endpoint, dict(job.params), fields=fields))
        bodies = [page.body for page in pages]
        decoded = decode(job.endpoint, bodies, kind=job.kind)
        cursor = pages[-1].cursor if pages else None
        return _Answer(job, begun, bodies, decoded, None, cursor)

    def is_short(self, answer: _Answer) -> bool:
        """Whether a day has fewer codes than were listed."""
        return bool(self.short_days(answer.job, answer.decoded))

    def asked_again(self, answer: _Answer) -> _Answer:
        """A short day once more, and the fuller of both; not when every day is short."""
        name = answer.job.endpoint.name
        if self.fruitless.get(name, 0) >= FRUITLESS_LIMIT:
            return answer
        other = self.ask(answer.job)
        if other.decoded.frame.height <= answer.decoded.frame.height:
            self.fruitless[name] = self.fruitless.get(name, 0) + 1
            return answer
        self.fruitless[name] = 0
        return other

    def note_short(self, job: Job, decoded: Decoded, summary: EndpointSummary) -> None:
        """Name the short days of an answer."""
        for day, count in self.short_days(job, decoded).items():
            summary.short[day] = count

    def short_days(self, job: Job, decoded: Decoded) -> dict[date, int]:
        """Days of an answer that miss listed codes, and how many; only days with a listing."""
        endpoint = job.endpoint
        if not endpoint.complete or endpoint.name == MASTER or self.sessions is None:
            return {}
        if job.first is None or job.last is None or job.kind not in _COUNTED:
            return {}
        if self.listed is None:
            self.listed = self.store.days(MASTER)
        counts = _names_by_day(endpoint, decoded.frame)
        lacking = {
            day: self.listed.get(day, 0) - counts.get(day, 0)
            for day in self.sessions.between(job.first, job.last)
        }
        return {day: count for day, count in lacking.items() if count > 0}

    def commit(self, answer: _Answer, summary: EndpointSummary) -> None:
        """Put the bodies, then commit the batch."""
        job = answer.job
        digests = [self.writer.put(body) for body in answer.bodies]
        draft = Draft(
            endpoint=job.endpoint.name,
            query=job.query,
            kind=job.kind,
            first=job.first,
            last=job.last,
            fetched_at=answer.begun,
            rows=answer.decoded.frame.height,
            last_modified=answer.last_modified,
            cursor=answer.cursor,
            days=_names_by_day(job.endpoint, answer.decoded.frame) if job.kind in _COUNTED else {},
            factors=factors_of(job.endpoint, answer.decoded.frame, sessions=self.sessions),
            plan=self.subscription.plan.label,
            base=self.client.origin.base_url,
        )
        self.writer.commit(draft, bodies=digests)
        self.heard = True
        self.streak = 0
        if job.endpoint.name == MASTER:
            self.listed = None
        summary.batches += 1
        summary.rows += draft.rows
        summary.num_bytes += sum(map(len, answer.bodies))
        summary.unknown |= set(answer.decoded.unknown)
        made = answer.last_modified or answer.begun
        summary.missing |= answer.decoded.lacking & self.fields(job.endpoint, made)

    def summary(self, endpoints: Sequence[Endpoint]) -> SyncSummary:
        """What was done, in the order of the endpoints."""
        return SyncSummary(
            source=self.store.source,
            plan=self.subscription.plan,
            requests=self.client.requests - self.requests,
            endpoints=tuple(self.done[one.name] for one in endpoints),
            notes=tuple(self.notes),
        )


@dataclass(frozen=True)
class _Answer:
    """A whole answer, decoded, not yet committed."""

    job: Job
    begun: datetime
    bodies: list[bytes]
    decoded: Decoded
    last_modified: datetime | None = None
    cursor: str | None = None


def _waiting(endpoint: Endpoint, queries: Sequence[str]) -> str:
    """Say which queries are left for tomorrow."""
    return (
        f"{endpoint.name}: {len(queries)} days were not accepted earlier today and are asked again "
        f"tomorrow ({', '.join(queries[:_FAILED_LIMIT])}{', ...' * (len(queries) > _FAILED_LIMIT)})"
    )


def _jobs(plan: SyncPlan, endpoint: Endpoint) -> list[Job]:
    return [job for job in plan.jobs if job.endpoint.name == endpoint.name]


def _names_by_day(endpoint: Endpoint, frame: pl.DataFrame) -> dict[date, int]:
    """Distinct codes (rows, where there is no code) by axis date."""
    if endpoint.axis is None or endpoint.axis not in frame.columns:
        return {}
    count = pl.col(CODE).n_unique() if CODE in frame.columns else pl.len()
    table = frame.group_by(endpoint.axis).agg(count.alias("names"))
    days = table.get_column(endpoint.axis).str.to_date(strict=False).to_list()
    pairs = zip(days, table.get_column("names").to_list(), strict=True)
    return {day: names for day, names in pairs if day is not None}
