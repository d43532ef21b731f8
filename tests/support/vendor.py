"""A small vendor without a network: the client's interface over rows made on demand."""

import csv
import gzip
import io
import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from gogooku.core.calendar import is_tokyo_session
from gogooku.core.progress import SilentReporter
from gogooku.core.wall import VirtualClock, tokyo_instant, tokyo_time
from gogooku.ingest.jquants.client import BadRequest, BulkFile, OutsideWindow, Page
from gogooku.ingest.jquants.endpoints import ENDPOINTS, Fetch, Kind
from gogooku.ingest.jquants.moments import moments, sessions_of
from gogooku.ingest.jquants.origin import Origin
from gogooku.ingest.jquants.plan import SyncOptions
from gogooku.ingest.jquants.plans import Plan, plan_window
from gogooku.ingest.jquants.sync import sync

CODES = ("13010", "130A0", "72030")
PAGE_ROWS = 2
EVERY = tuple(ENDPOINTS.values())


def some(*names):
    return tuple(ENDPOINTS[name] for name in names)


def tokyo(text):
    """The instant of a Tokyo wall time: 2026-11-20 18:00."""
    day, _, time = text.partition(" ")
    hour, minute = map(int, time.split(":"))
    return tokyo_instant(date.fromisoformat(day), hour * 60 + minute)


@dataclass
class FakePacer:
    plan: Plan = Plan.FREE

    def set_plan(self, plan):
        self.plan = plan


@dataclass
class FakeVendor:
    """Counts and logs what is asked; rows carry a version that changes when a day is final."""

    clock: VirtualClock
    plan: Plan = Plan.STANDARD
    splits: dict = field(default_factory=dict)
    faults: dict = field(default_factory=dict)
    missing_files: set = field(default_factory=set)
    short: dict = field(default_factory=dict)
    modified: dict = field(default_factory=dict)
    calendar_until: date = date(2027, 12, 31)
    requests: int = 0
    log: list = field(default_factory=list)
    pacer: FakePacer = field(default_factory=FakePacer)
    key: str = "key-of-the-vendor"
    base_url: str = "https://vendor.test/v2"

    @property
    def origin(self):
        return Origin(self.base_url, self.key)

    def pages(self, endpoint, params, *, fields=frozenset()):
        del fields  # of the client's own care
        self._count(endpoint.name, dict(params))
        rows = self._answer(endpoint, dict(params))
        size = PAGE_ROWS if "code" in params or "date" in params else len(rows) or 1
        cut = [rows[at : at + size] for at in range(0, len(rows), size)] or [[]]
        for number, part in enumerate(cut):
            last = number == len(cut) - 1
            if number:
                self.requests += 1
            body = {"data": part} | ({} if last else {"pagination_key": f"p{number}"})
            cursor = f"c{self.requests}" if last and "cursor" in endpoint.params else None
            yield Page(
                body=json.dumps(body).encode(),
                rows=len(part),
                pagination_key=None if last else f"p{number}",
                cursor=cursor,
            )

    def bulk_list(self, *, endpoint):
        self._count("bulk_list", {"endpoint": endpoint.name})
        today = tokyo_time(self.clock.now()).date()
        month, found = date(2005, 1, 1), []
        while month < today.replace(day=1):
            key = endpoint.bulk_key(month.year, month.month)
            if key not in self.missing_files:
                at = self.modified.get(key, datetime(2026, 1, 1, tzinfo=UTC))
                found.append(BulkFile(key=key, last_modified=at, num_bytes=1))
            month = (month + timedelta(days=32)).replace(day=1)
        return found

    def bulk_file(self, key):
        self._count("bulk_file", {"key": key})
        endpoint = next(one for one in EVERY if key.startswith(f"{one.path.strip('/')}/historical"))
        year, month = int(key[-13:-9]), int(key[-9:-7])
        first = date(year, month, 1)
        last = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
        text = io.StringIO()
        table = csv.DictWriter(text, fieldnames=list(endpoint.columns))
        table.writeheader()
        for day in days_between(first, last):
            table.writerows(self._day(endpoint, day))
        return gzip.compress(text.getvalue().encode(), mtime=0)

    def _count(self, name, params):
        self.requests += 1
        self.log.append((name, params))
        for matches, fault in list(self.faults.items()):
            if matches == name or matches == (name, params.get("date")):
                if isinstance(fault, list):
                    if not fault:
                        continue
                    raise fault.pop(0)
                raise fault

    def _answer(self, endpoint, params):
        today = tokyo_time(self.clock.now()).date()
        if endpoint.fetch is Fetch.WHOLE:
            return calendar_rows(self.calendar_until)
        if endpoint.fetch is Fetch.SNAPSHOT:
            return self._rows(endpoint, today)
        first, last = self.window(today)
        asked = params.get(endpoint.date_param) or params.get("from")
        if asked and not first <= date.fromisoformat(asked) <= last:
            raise OutsideWindow(first, None if self.plan else last, said="window")
        if "code" in params:
            begin = max(date.fromisoformat(params["from"]), today - timedelta(days=100))
            whole = days_between(begin, today)
            rows = [row for day in whole for row in self._day(endpoint, day)]
            return [row for row in rows if row["Code"] == params["code"]]
        if endpoint.fetch is Fetch.RANGE:
            span = days_between(*(date.fromisoformat(params[name]) for name in ("from", "to")))
            return [row for day in span for row in self._day(endpoint, day)]
        if not asked:
            raise BadRequest(f"{endpoint.name}: a parameter is missing")
        return self._day(endpoint, date.fromisoformat(asked))

    def window(self, today):
        first, last = plan_window(self.plan, today)
        return first, last if self.plan is Plan.FREE else today + timedelta(days=10)

    def _day(self, endpoint, day):
        """Rows of an axis date as the vendor has them now; none before they are published."""
        sessions = sessions_of({}, now=self.clock.now())
        if day not in sessions:
            return []
        every = moments(endpoint, day, sessions=sessions, plan=Plan.FREE)
        passed = sum(moment <= self.clock.now() for moment in every)
        if not passed:
            return []
        rows = self._rows(endpoint, day)
        drop = self.short.get((endpoint.name, day), 0)
        if isinstance(drop, list):
            drop = drop.pop(0) if drop else 0
        for row in rows:
            if "C" in row:
                row["C"] = float(passed)
            if "AdjFactor" in row:
                row["AdjFactor"] = self.splits.get((row["Code"], day), 1.0)
        return rows[drop:]

    def _rows(self, endpoint, day):
        names = CODES if "Code" in endpoint.columns else ("",)
        return [
            {
                name: self._value(endpoint, name, kind, day, code)
                for name, kind in endpoint.columns.items()
            }
            for code in names
        ]

    def _value(self, endpoint, name, kind, day, code):
        if name == "Code":
            return code
        if kind is Kind.DATE:
            return str(day)
        if kind is Kind.NUMBER:
            return 1.0
        if kind is Kind.OBJECT:
            return {"a": "1"} if endpoint.name != "x" else ""
        return f"{day:%Y%m%d}{code}" if name in endpoint.key else ""


@lru_cache
def calendar_rows(until):
    days = days_between(date(2024, 1, 1), until)
    return [{"Date": str(day), "HolDiv": "1" if is_tokyo_session(day) else "0"} for day in days]


def days_between(first, last):
    return [first + timedelta(days=step) for step in range((last - first).days + 1)]


def run(store, vendor, *, endpoints=EVERY, **options):
    return sync(
        store,
        client=vendor,
        endpoints=endpoints,
        clock=vendor.clock,
        reporter=SilentReporter(),
        options=SyncOptions(**options),
    )


def asked(vendor, *, since=0):
    """What was asked for since a place in the log, without discovery, pages and listings."""
    return sorted(
        (name, "&".join(f"{key}={value}" for key, value in params.items()))
        for name, params in vendor.log[since:]
        if params.get("date") != "2000-01-04"
    )


def announced(plan):
    """The same of a plan."""
    found = []
    for job in plan.jobs:
        file = job.kind.value == "file"
        query = f"key={job.bulk_key}" if file else job.query
        found.append(("bulk_file" if file else job.endpoint.name, query))
    listed = {job.endpoint.name for job in plan.jobs if job.kind.value == "file"}
    return sorted(found + [("bulk_list", f"endpoint={name}") for name in listed])


def content(store):
    """Everything a store holds but the numbers and instants of its batches."""
    held = sorted(
        (one.endpoint, one.query, one.kind.value, str(one.first), str(one.last), one.rows)
        + (one.content, *one.bodies)
        for one in store.batches()
    )
    return held, store.dues(), store.subscription()


def leftovers(store):
    """Files that no batch refers to."""
    files = [path for path in store.folder.rglob("*") if path.is_file()]
    names = {path.name for path in files if "bodies" in path.parts}
    kept = {"bodies", "records"}
    others = sorted(path.name for path in files if not kept & set(path.parts))
    others += [path.name for path in files if path.name.startswith(".") and kept & set(path.parts)]
    return sorted(names - store.digests()), [name for name in others if name != "ledger.sqlite"]
