"""Field cases of a sync: situations that people report, with what is right."""

from datetime import date

import pytest

from gogooku.core.errors import DataError
from gogooku.ingest.jquants.repair import repair
from support.syncs import World, tokyo

NAMES = ("calendar", "topix")
FIRST = date(2026, 6, 1)


def test_plan_upgrade_unnoticed(tmp_path):
    """A subscriber moves from Free to Premium and syncs again: the index is fetched at once."""
    world = World(tmp_path, tokyo("2026-11-20 20:00"), key="sandbox-free")
    summary = world.fetch(NAMES, first=FIRST)
    assert {one.name: one.skipped for one in summary.endpoints}["topix"] == (
        "not in the Free plan; needs Light"
    )
    world.key = "sandbox-premium"
    summary = world.fetch(NAMES, first=FIRST)
    assert summary.plan.label == "Premium"
    assert sum(batch.rows for batch in world.store.batches("topix")) > 100
    assert "the plan is Premium now, it was Free" in summary.notes
    place = len(world.tap.asked)
    world.fetch(NAMES, first=FIRST)
    assert len(world.tap.asked) == place, "a sync repeated at the same time asks for nothing"


def test_plan_downgrade_keeps_what_is_stored_and_says_what_is_refused(tmp_path):
    world = World(tmp_path, tokyo("2026-11-20 20:00"))
    world.fetch(NAMES, first=FIRST)
    held = world.store.batches("topix")
    world.key = "sandbox-free"
    summary = world.fetch(NAMES, first=FIRST)
    assert world.store.batches("topix") == held
    assert {one.name: one.skipped for one in summary.endpoints}["topix"] == (
        "not in the Free plan; needs Light"
    )


def test_ledger_lost_beside_the_mark_of_a_killed_sync(tmp_path):
    """Nothing is removed; made anew, the tables are the same and nothing is asked for again."""
    names = ("calendar", "master", "quotes", "topix")
    world = World(tmp_path, tokyo("2026-11-20 20:00"))
    world.fetch(names, first=date(2026, 9, 14))
    tables = world.tables().content()
    world.store.ledger_path.unlink()
    world.store.marker.touch()
    with pytest.raises(DataError, match="--repair"):
        world.fetch(names, first=date(2026, 9, 14))
    repair(world.store)
    assert world.tables().content() == tables
    place = len(world.tap.asked)
    world.fetch(names, first=date(2026, 9, 14))
    asked = {path for path, _ in world.tap.queries(place)} - {"/markets/breakdown"}
    assert asked == set(), "but for the plan, which lay in the ledger"
