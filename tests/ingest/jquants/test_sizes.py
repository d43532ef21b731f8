"""What answers will take on disk, against what they then took."""

from datetime import date

import pytest

from gogooku.core.calendar import tokyo_sessions
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.ingest.jquants.planning import dry_run
from gogooku.ingest.jquants.plans import Plan
from gogooku.ingest.jquants.raw import open_store
from gogooku.ingest.jquants.sizes import (
    ENOUGH_SESSIONS,
    MEASURED,
    NAMES,
    PER_ANSWER,
    Stored,
    sizes_of,
    stored_in,
)
from support.syncs import World, tokyo

FEW = ("calendar", "master", "quotes", "topix", "margin_interest")


def on_disk(folder):
    return sum(one.stat().st_blocks * 512 for one in folder.rglob("*") if one.is_file())


def planned(tmp_path, *names, plan=Plan.PREMIUM):
    store = open_store(tmp_path, "jquants")
    endpoints = [ENDPOINTS[name] for name in names]
    return dry_run(store, endpoints=endpoints, now=tokyo("2026-10-30 21:00"), plan=plan)


def test_every_endpoint_was_measured():
    assert set(MEASURED) == set(ENDPOINTS)
    assert all(rate.rows > 0 and rate.raw > 1 and rate.table > 1 for rate in MEASURED.values())
    for name in ("master", "quotes", "valuation", "breakdown"):
        assert MEASURED[name].rows == pytest.approx(NAMES, rel=0.05), "a row for each listed name"


def test_of_what_is_not_held_the_measured_sizes_count(tmp_path):
    made = planned(tmp_path, "quotes", "topix")
    sizes = sizes_of(made, {})
    jobs = [job for job in made.jobs if job.endpoint.name == "quotes"]
    days = len(tokyo_sessions(min(job.first for job in jobs), max(job.last for job in jobs)))
    rate, size = MEASURED["quotes"], sizes["quotes"]
    assert 4_000 < days < 5_000
    assert size.rows == round(rate.rows * days)
    assert size.raw_bytes == round(rate.rows * days * rate.raw + len(jobs) * PER_ANSWER)
    assert size.num_bytes == size.raw_bytes + round(rate.rows * days * rate.table)
    assert not size.own
    assert 2 * 2**30 < size.num_bytes < 6 * 2**30


def test_a_smaller_plan_takes_less(tmp_path):
    sizes = [
        sum(one.num_bytes for one in sizes_of(planned(tmp_path, "quotes", plan=plan), {}).values())
        for plan in Plan
    ]
    assert sizes == sorted(sizes)
    assert sizes[-1] > 5 * sizes[0]


def test_few_sessions_say_nothing_of_the_others(tmp_path):
    made = planned(tmp_path, "quotes")
    few = Stored(rows=10, num_bytes=1_000, answers=1, sessions=ENOUGH_SESSIONS - 1)
    assert sizes_of(made, {"quotes": few}) == sizes_of(made, {})
    enough = few._replace(sessions=ENOUGH_SESSIONS)
    assert sizes_of(made, {"quotes": enough})["quotes"].own


def test_what_comes_is_about_what_was_said(tmp_path):
    """Two months are held; the two that follow take what was foretold."""
    world = World(tmp_path, tokyo("2026-10-30 21:00"))
    world.fetch(FEW, last=date(2026, 8, 31))
    held = stored_in(world.store)
    assert held["quotes"].sessions == len(tokyo_sessions(date(2026, 6, 1), date(2026, 8, 31)))
    before, rows = on_disk(world.store.folder), held["quotes"].rows
    sizes = sizes_of(world.dry_run(FEW), held)
    assert all(sizes[name].own for name in ("quotes", "master", "margin_interest"))
    world.fetch(FEW)
    came = on_disk(world.store.folder) - before
    assert sum(one.raw_bytes for one in sizes.values()) == pytest.approx(came, rel=0.35)
    assert stored_in(world.store)["quotes"].rows - rows == pytest.approx(
        sizes["quotes"].rows, rel=0.1
    )
