"""`gogooku sync`: fetch, ``--dry-run``, ``--status``, ``--repair`` and ``--forget``."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from gogooku import pipeline
from gogooku.commands.again import already
from gogooku.commands.answer import Answer
from gogooku.commands.display import table
from gogooku.commands.forget import forget as remove
from gogooku.commands.forget import holdings
from gogooku.core.errors import EnvironmentalError, UsageError
from gogooku.core.files import free_bytes
from gogooku.core.progress import Reporter
from gogooku.core.wall import SystemClock, WallClock, tokyo_time
from gogooku.ingest.jquants.addresses import host_of, is_loopback
from gogooku.ingest.jquants.client import ApiKey, Client, Unreachable
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.ingest.jquants.ledger import BatchKind
from gogooku.ingest.jquants.network import NETWORK_VARIABLES, Network, network_of
from gogooku.ingest.jquants.pacing import Pacer
from gogooku.ingest.jquants.plan import BulkUse, SyncOptions, SyncPlan
from gogooku.ingest.jquants.planning import dry_run as plan_only
from gogooku.ingest.jquants.plans import Plan
from gogooku.ingest.jquants.raw import open_store
from gogooku.ingest.jquants.repair import repair as repaired
from gogooku.ingest.jquants.sizes import NAMES, Stored, sizes_of, stored_in
from gogooku.ingest.jquants.status import status as status_of
from gogooku.ingest.jquants.summary import EndpointSummary, Synced
from gogooku.ingest.source import SANDBOX

JQUANTS_URL: Final = "https://api.jquants.com/v2"
SANDBOX_URL: Final = "http://127.0.0.1:8790/v2"
_BASE_URL: Final = "JQUANTS_BASE_URL"
_API_KEY: Final = "JQUANTS_API_KEY"
VARIABLES: Final = (_BASE_URL, _API_KEY, *NETWORK_VARIABLES)
"""Environment variables that a sync understands."""
_BASIS: Final = (
    "disk: about, as received and as tables, without datasets: rows of a session times bytes of a "
    f"row, of what is held, else as measured on the sandbox exchange with {NAMES:,} names"
)


@dataclass(frozen=True)
class Asked:
    """What a call asks for, as its options say it; one of the other forms, or a sync."""

    source: str
    endpoints: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None
    bulk: str = "auto"
    plan: str | None = None
    dry_run: bool = False
    status: bool = False
    forget: bool = False
    check_plan: bool = False
    repair: bool = False


@dataclass(frozen=True)
class Order:
    """Where, which source, and what of it."""

    home: Path
    source: str
    endpoints: tuple[str, ...]
    options: SyncOptions
    clock: WallClock = field(default_factory=SystemClock)


@dataclass(frozen=True)
class Address:
    """Where to ask and with which key; its text never shows the key."""

    base_url: str
    key: ApiKey


def sync(
    home: Path,
    asked: Asked,
    *,
    environment: Mapping[str, str],
    sure: Callable[[str], bool],
    reporter: Reporter,
) -> Answer:
    """Fetch what is missing; or say what would be or was; or make the ledger anew; or remove all.

    Parameters
    ----------
    environment : mapping of str to str
        Those of `VARIABLES` that are set.
    sure : callable
        Answers the question whether to remove what it lists; asked by ``--forget`` alone.

    Raises
    ------
    UsageError
        Options that exclude each other or have no meaning together, a wrong value, or no yes.
    GogookuError
        As `gogooku.pipeline.sync`.
    """
    if asked.dry_run + asked.status + asked.forget + asked.repair > 1:
        raise UsageError("--dry-run, --status, --repair and --forget exclude each other")
    if asked.plan is not None and not asked.dry_run:
        raise UsageError("--plan goes with --dry-run; a sync asks the server for the plan")
    if (asked.forget or asked.repair) and (asked.endpoints or asked.first or asked.last):
        does = "--forget removes" if asked.forget else "--repair looks at"
        raise UsageError(f"{does} everything of a source; leave out what narrows it")
    if asked.check_plan and (asked.dry_run or asked.status or asked.forget or asked.repair):
        raise UsageError("--check-plan asks the server; it goes with a sync only")
    order = _order(home, asked)
    if asked.status:
        return _status(order)
    if asked.repair:
        return _repair(order)
    if asked.forget:
        return _forget(order, sure=sure)
    if asked.dry_run:
        return _dry_run(order, plan=asked.plan)
    found = address(
        asked.source, base_url=environment.get(_BASE_URL), key=environment.get(_API_KEY)
    )
    network = network_of(environment)
    return answer_of(_reached(order, found, network=network, reporter=reporter))


def _order(home: Path, asked: Asked) -> Order:
    """Check what was asked for; an unknown name or dates the wrong way round are a `UsageError`."""
    if asked.source not in ("jquants", SANDBOX):
        raise UsageError(f"--source {asked.source!r}: expected jquants or sandbox")
    unknown = [name for name in asked.endpoints if name not in ENDPOINTS]
    if unknown:
        raise UsageError(
            f"--endpoint {', '.join(unknown)}: no such endpoint; there are: {', '.join(ENDPOINTS)}"
        )
    if asked.bulk not in list(BulkUse):
        raise UsageError(f"--bulk {asked.bulk!r}: expected {' or '.join(BulkUse)}")
    if asked.first and asked.last and asked.first > asked.last:
        raise UsageError(f"--from {asked.first} lies after --to {asked.last}")
    wanted = tuple(
        name
        for name in ENDPOINTS
        if not asked.endpoints or name in asked.endpoints or name == "calendar"
    )
    options = SyncOptions(
        first=asked.first,
        last=asked.last,
        use_bulk=BulkUse(asked.bulk),
        check_plan=asked.check_plan,
    )
    return Order(home=home, source=asked.source, endpoints=wanted, options=options)


def address(source: str, *, base_url: str | None, key: str | None) -> Address:
    """Where to send requests, and the key for it.

    A real key is sent to the vendor (or an address named in JQUANTS_BASE_URL) and never to the
    sandbox, which is asked with a key of its own.

    Raises
    ------
    ConfigError
        What is no address, or one without https that is not on this machine: the key would travel
        in the clear.
    TerminalError
        No key.
    """
    if source == SANDBOX:
        own = key if key and key.startswith(SANDBOX) else SANDBOX
        url, secret = base_url or SANDBOX_URL, own
    else:
        url, secret = base_url or JQUANTS_URL, key or ""
    host_of(url)
    return Address(base_url=url.rstrip("/"), key=ApiKey(secret))


def fetcher(
    home: Path,
    source: str,
    *,
    environment: Mapping[str, str],
    clock: WallClock,
    reporter: Reporter,
) -> Callable[[], Synced]:
    """What fetches everything that a source lacks, once it is called.

    Raises
    ------
    UsageError
        No such source, or an address or a network that cannot be.
    """
    order = replace(_order(home, Asked(source=source)), clock=clock)
    found = address(source, base_url=environment.get(_BASE_URL), key=environment.get(_API_KEY))
    network = network_of(environment)
    return lambda: _reached(order, found, network=network, reporter=reporter)


def _reached(order: Order, address: Address, *, network: Network, reporter: Reporter) -> Synced:
    """Fetch; where no sandbox exchange answers, say how one is started."""
    try:
        return _fetched(order, address, network=network, reporter=reporter)
    except Unreachable as fault:
        host = host_of(address.base_url)
        if order.source != SANDBOX or not is_loopback(host.rpartition(":")[0] or host):
            raise
        raise Unreachable(
            f"No sandbox exchange at {host}; start it: gogooku sandbox serve"
        ) from fault


def _fetched(order: Order, address: Address, *, network: Network, reporter: Reporter) -> Synced:
    # A run just before this one, also a killed one, may have sent its last request a moment ago.
    plan = _known_plan(order) or Plan.FREE
    pacer = Pacer(plan, clock=order.clock, after=order.clock.now())
    with Client(
        base_url=address.base_url,
        key=address.key,
        pacer=pacer,
        clock=order.clock,
        network=network,
    ) as client:
        return pipeline.sync(
            order.home,
            order.source,
            client,
            endpoints=order.endpoints,
            options=order.options,
            clock=order.clock,
            reporter=reporter,
        )


def answer_of(done: Synced) -> Answer:
    """What a finished sync has to say; endpoints that failed are a failure."""
    summary = done.summary
    rows = [(one.name, one.requests, one.rows, _remark(one)) for one in summary.endpoints]
    title = f"sync of {summary.source}, plan {summary.plan.label}: {summary.requests:,} requests"
    tables: list[Table | str] = [table(title, ["endpoint", "requests", "rows", ""], rows)]
    tables += summary.notes
    if not any(one.requests or one.failed for one in summary.endpoints):
        tables.append(already("fetched"))
    facts: dict[str, Any] = {"sync": summary.to_json(), "source": None}
    if done.source is not None:
        manifest = done.source.manifest
        facts["source"] = {
            "name": done.source.name,
            "version": done.source.folder.name,
            "content_hash": done.source.content_hash,
            **manifest["facts"],
        }
        kept = [
            (name, one["rows"], sum(one["quarantined"].values()), _reasons(one["quarantined"]))
            for name, one in manifest["facts"]["tables"].items()
        ]
        tables.append(table("tables", ["table", "rows", "quarantined", "reasons"], kept))
        if manifest["facts"]["unlisted_bars"]:
            lost = [
                (
                    "bars of names that the day's list does not have",
                    facts["source"]["unlisted_bars"],
                )
            ]
            tables.append(table("kept in the tables, not built on", ["what", "rows"], lost))
    text = f"{len(summary.failed)} endpoint(s) failed, the others are complete; run it again: "
    reasons = "; ".join(f"{one.name}: {_brief(one.failed)}" for one in summary.failed)
    failure = EnvironmentalError(text + reasons) if reasons else None
    return Answer(facts=facts, parts=tables, failure=failure)


def _brief(failed: Sequence[str]) -> str:
    more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    return failed[0] + more


def _remark(one: EndpointSummary) -> str:
    """What is worth knowing about one endpoint, in a line."""
    parts = [f"FAILED {_brief(one.failed)}"] if one.failed else []
    if one.skipped:
        parts.append(one.skipped)
    if one.clipped:
        parts.append(one.clipped)
    if one.unknown:
        parts.append(f"new fields, kept: {', '.join(sorted(one.unknown))}")
    if one.missing:
        parts.append(f"fields that rows did not have: {', '.join(sorted(one.missing))}")
    if one.short:
        parts.append(f"{len(one.short)} day(s) short of listed names, first {min(one.short)}")
    if one.by_day:
        parts.append(f"{len(one.by_day)} monthly file(s) asked for by day: {one.by_day[0]}")
    return "; ".join(parts)


def _reasons(counts: Mapping[str, int]) -> str:
    return "; ".join(f"{reason} {count:,}" for reason, count in counts.items())


def _known_plan(order: Order) -> Plan | None:
    subscription = open_store(order.home, order.source).subscription()
    return subscription.plan if subscription else None


def _dry_run(order: Order, *, plan: str | None) -> Answer:
    """Say what would be asked for, under the remembered plan, the named one, or every one."""
    known = _known_plan(order)
    if plan is not None and plan.upper() not in Plan.__members__:
        raise UsageError(f"--plan {plan!r}: expected one of {', '.join(_plan_names())}")
    if plan is not None:
        plans = [Plan[plan.upper()]]
    else:
        plans = [known] if known is not None else list(Plan)
    # Of the remembered plan the window is known as the server gave it; of others only the rule's.
    made = {one: _planned(order, None if one is known else one) for one in plans}
    held, free = stored_in(open_store(order.home, order.source)), free_bytes(order.home)
    facts = {one: _plan_facts(planned, held) for one, planned in made.items()}
    now = tokyo_time(order.clock.now()).isoformat(timespec="minutes")
    parts: list[object] = []
    for one, of in facts.items():
        parts += [_plan_table(one, of, now=now), *_scarce(one, of, free=free, home=order.home)]
    if any(of["endpoints"] for of in facts.values()):
        parts.append(f"{_BASIS}; {_size(free)} are free")
    return Answer(
        facts={
            "now": now,
            "free_bytes": free,
            "plans": {one.label.lower(): of for one, of in facts.items()},
        },
        parts=parts,
    )


def _scarce(plan: Plan, facts: Mapping[str, Any], *, free: int, home: Path) -> list[str]:
    """A warning where the disk has not enough for a plan."""
    if facts["bytes"] <= free:
        return []
    return [
        f"warning: the {plan.label} plan's answers take about {_size(facts['bytes'])}, and "
        f"{_size(free)} are free on the disk of {home}. Make room, put the home on another disk "
        "(GOGOOKU_HOME), or ask for less: --from DATE, --endpoint NAME"
    ]


def _size(num_bytes: float) -> str:
    """Bytes for people: GiB, or MiB where that says more."""
    if num_bytes >= 1 << 30:
        return f"{num_bytes / 2**30:,.1f} GiB"
    return f"{math.ceil(num_bytes / 2**20):,} MiB"


def _plan_names() -> list[str]:
    return [one.label.lower() for one in Plan]


def _planned(order: Order, plan: Plan | None) -> SyncPlan:
    return plan_only(
        open_store(order.home, order.source),
        endpoints=[ENDPOINTS[name] for name in order.endpoints],
        now=order.clock.now(),
        plan=plan,
        options=order.options,
    )


def _plan_facts(planned: SyncPlan, held: Mapping[str, Stored]) -> dict[str, Any]:
    """Requests, minutes, disk, and per endpoint what would be asked for, why, and how much."""
    endpoints: dict[str, Any] = {}
    for job in planned.jobs:
        one = endpoints.setdefault(
            job.endpoint.name,
            {"files": 0, "queries": 0, "first": None, "last": None, "reasons": {}, "asks": []},
        )
        one["files" if job.kind is BatchKind.FILE else "queries"] += 1
        one["reasons"][str(job.reason)] = one["reasons"].get(str(job.reason), 0) + 1
        one["asks"].append(job.query)
        for name, value, better in (("first", job.first, min), ("last", job.last, max)):
            if value is not None:
                one[name] = str(better(value, date.fromisoformat(one[name] or str(value))))
    sizes = sizes_of(planned, held)
    for name, size in sizes.items():
        endpoints[name] |= {"rows": size.rows, "bytes": size.num_bytes, "own_sizes": size.own}
    return {
        "requests": sum(planned.requests().values()),
        "minutes": planned.minutes,
        "bytes": sum(one.num_bytes for one in sizes.values()),
        "endpoints": endpoints,
        "skipped": dict(planned.skipped),
    }


def _plan_table(plan: Plan, facts: Mapping[str, Any], *, now: str) -> Table:
    rows: list[tuple[object, ...]] = [
        (
            *(name, one["files"], one["queries"], one["rows"], _size(one["bytes"])),
            *(one["first"], one["last"], _reasons(one["reasons"])),
        )
        for name, one in facts["endpoints"].items()
    ]
    none = (None,) * 4
    rows += [(name, 0, 0, *none, why) for name, why in facts["skipped"].items()]
    title = (
        f"{plan.label} at {now}: about {facts['requests']:,} requests, "
        f"{facts['minutes']:,.0f} minutes, {_size(facts['bytes'])} on the disk"
    )
    columns = ["endpoint", "files", "queries", "rows", "disk", "from", "to", ""]
    return table(title, columns, rows)


def _status(order: Order) -> Answer:
    """Say what is held."""
    store = open_store(order.home, order.source)
    endpoints = [ENDPOINTS[name] for name in order.endpoints]
    made = status_of(store, endpoints=endpoints, now=order.clock.now())
    rows = [
        (
            one.name,
            one.rows,
            one.first,
            one.last,
            f"{one.num_gaps}: {', '.join(map(str, one.gaps))}" if one.num_gaps else "0",
            one.fetched_at and tokyo_time(one.fetched_at).strftime("%Y-%m-%d %H:%M"),
            one.age_hours,
        )
        for one in made.endpoints
    ]
    columns = [
        "endpoint",
        "rows received",
        "first",
        "last",
        "gaps",
        "last fetch (Tokyo)",
        "hours ago",
    ]
    title = f"{order.source}: what is held (plan {made.plan or 'not known yet'})"
    return Answer(facts=made.to_json(), parts=[table(title, columns, rows)])


def _repair(order: Order) -> Answer:
    """Make the ledger anew from what was fetched."""
    store = open_store(order.home, order.source)
    done = repaired(store)
    aside = [str(path.relative_to(order.home)) for path in done.aside]
    lines = [
        f"{order.source}: the ledger was made anew from {done.answers:,} answers",
        f"set aside in {store.aside}: {len(aside):,} files",
    ]
    if done.unnamed:
        lines.append(
            f"{done.unnamed:,} of them are bodies without a record: what they answer is not known "
            "any more, and gogooku sync asks for it again"
        )
    rows = [(one,) for one in done.lost]
    lost = [table("not whole any more; gogooku sync asks for it again", ["answer"], rows)]
    return Answer(
        facts={
            "source": order.source,
            "answers": done.answers,
            "lost": done.lost,
            "aside": aside,
            "unnamed": done.unnamed,
        },
        parts=[*lines, *(lost if rows else [])],
    )


def _forget(order: Order, *, sure: Callable[[str], bool]) -> Answer:
    """Remove everything that came from the source, after asking."""
    held = holdings(order.home, order.source)
    num_bytes = held.num_bytes
    names = [str(place.relative_to(order.home)) for place in held.places]
    listed = "\n".join(f"  {name}" for name in names)
    question = f"{listed}\nRemove these ({num_bytes / 2**20:,.1f} MiB) for good?"
    if not sure(question):
        raise UsageError("nothing removed: not confirmed; --yes answers beforehand")
    remove(order.home, held)
    return Answer(
        facts={"source": order.source, "removed": names, "num_bytes": num_bytes},
        parts=[table("removed", ["what"], [(name,) for name in names])],
    )
