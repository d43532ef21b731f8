"""The plan against what a store holds: what the next sync would ask for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Final

import polars as pl

from gogooku.core.errors import UsageError
from gogooku.core.wall import tokyo_time
from gogooku.ingest.jquants.endpoints import CALENDAR, MASTER, Endpoint
from gogooku.ingest.jquants.ledger import Batch
from gogooku.ingest.jquants.moments import sessions_of
from gogooku.ingest.jquants.plan import Held, SyncOptions, SyncPlan, plan_sync
from gogooku.ingest.jquants.plans import Plan, plan_window
from gogooku.ingest.jquants.raw import RawStore
from gogooku.ingest.jquants.subscription import Subscription

CALENDAR_YEARS: Final = range(2000, 2100)
"""A calendar that goes beyond is damaged there."""


def held_calendar(store: RawStore) -> dict[date, str]:
    """``HolDiv`` by date of the newest calendar; empty before the first."""
    batches = store.batches(CALENDAR)
    if not batches:
        return {}
    return divisions_of(store.decoded(batches[-1]).frame)


def divisions_of(frame: pl.DataFrame) -> dict[date, str]:
    """``HolDiv`` by date of the rows of a calendar; dates that no trading calendar has are not."""
    days = frame.get_column("Date").str.to_date(strict=False)
    pairs = zip(days.to_list(), frame.get_column("HolDiv").to_list(), strict=True)
    return {
        day: division for day, division in pairs if day is not None and day.year in CALENDAR_YEARS
    }


def plan_of(
    store: RawStore,
    *,
    endpoints: Iterable[Endpoint],
    subscription: Subscription,
    now: datetime,
    options: SyncOptions,
) -> SyncPlan:
    """The plan against what a store holds."""
    endpoints = tuple(endpoints)
    batches: dict[str, list[Batch]] = {}
    for batch in store.batches():
        batches.setdefault(batch.endpoint, []).append(batch)
    held = {
        name: Held(batches.get(name, ()), names=store.days(name), refused=store.refused(name))
        for name in {MASTER, *(one.name for one in endpoints)}
    }
    return plan_sync(
        endpoints,
        subscription=subscription,
        calendar=sessions_of(held_calendar(store), now=now),
        held=held,
        dues=store.dues(),
        now=now,
        options=options,
    )


def dry_run(
    store: RawStore,
    *,
    endpoints: Iterable[Endpoint],
    now: datetime,
    plan: Plan | None = None,
    options: SyncOptions = SyncOptions(),  # noqa: B008 - frozen
) -> SyncPlan:
    """What a sync would ask for, without a network.

    Parameters
    ----------
    plan : Plan or None
        Count for this plan; by default for the subscription of the last sync.

    Raises
    ------
    UsageError
        No plan is given and none is remembered.
    """
    subscription = store.subscription() if plan is None else plan_for(plan, now=now)
    if subscription is None:
        raise UsageError(
            f"{store.source}: the subscription is not known before the first sync; name a plan "
            "(free, light, standard or premium)"
        )
    return plan_of(store, endpoints=endpoints, subscription=subscription, now=now, options=options)


def plan_for(plan: Plan, *, now: datetime) -> Subscription:
    """A plan with its window by the vendor's rule, to count what it would cost."""
    today = tokyo_time(now).date()
    first, last = plan_window(plan, today)
    return Subscription(plan, first, last if plan is Plan.FREE else None, today)
