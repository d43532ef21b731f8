"""The record of evenings: kept whatever stops one, one at a time, and no more than are wanted."""

import json
import os
from datetime import UTC, datetime, timedelta

import pytest

from gogooku.core.errors import BusyError, DataError
from gogooku.core.files import locked
from gogooku.core.progress import SilentReporter
from gogooku.core.wall import VirtualClock
from gogooku.evening.log import EveningLog
from gogooku.evening.record import (
    KEPT_RECORDS,
    Outcome,
    evenings_folder,
    recorded,
    recorded_sources,
    records,
)

BEGUN = datetime(2026, 11, 27, 11, 35, tzinfo=UTC)


@pytest.fixture
def clock():
    return VirtualClock(BEGUN)


@pytest.fixture
def log():
    return EveningLog(SilentReporter())


@pytest.fixture
def keep(tmp_path, clock, log):
    """Record an evening of a source."""

    def begin(outcome=Outcome.PUBLISHED, source="tse"):
        return recorded(
            tmp_path,
            source,
            log,
            ended=lambda: outcome,
            facts=lambda: {"steps": [step.to_json() for step in log.steps]},
            clock=clock,
        )

    return begin


def test_an_evening_is_recorded_with_its_steps(keep, log, clock, tmp_path):
    with keep():
        with log.step("sync") as step:
            step.said, step.did = "3 requests", True
        clock.move_to(BEGUN + timedelta(seconds=40))
    (one,) = records(tmp_path, "tse")
    assert (one.name, one.outcome, one.started_at) == ("20261127T113500Z", "published", BEGUN)
    assert one.facts["ended_at"] == "2026-11-27T11:35:40+00:00"
    assert [(step["name"], step["said"], step["done"]) for step in one.facts["steps"]] == [
        ("sync", "3 requests", True)
    ]
    assert recorded_sources(tmp_path) == ["tse"]


def test_one_that_found_nothing_to_do_leaves_none(keep, log, tmp_path):
    with keep(Outcome.NOTHING_NEW), log.step("build"):
        pass
    assert records(tmp_path, "tse") == []
    with keep(Outcome.NOTHING_NEW), log.step("sync") as step:
        step.did = True
    assert [one.outcome for one in records(tmp_path, "tse")] == ["nothing new"]


@pytest.mark.parametrize(
    ("fault", "outcome", "said"),
    [
        (DataError("quotes: nothing fetched"), "failed", "quotes: nothing fetched"),
        (ZeroDivisionError(), "failed", "ZeroDivisionError"),
        (KeyboardInterrupt(), "stopped", "KeyboardInterrupt"),
    ],
)
def test_what_stopped_it_is_in_the_record(keep, log, tmp_path, fault, outcome, said):
    with pytest.raises(type(fault)), keep(), log.step("build"):
        raise fault
    (one,) = records(tmp_path, "tse")
    assert (one.outcome, one.facts["said"]) == (outcome, said)
    (step,) = one.facts["steps"]
    assert (step["failed"], step["done"]) == (said, False)


def test_while_it_runs_its_step_is_seen_and_a_second_is_told(keep, log, tmp_path):
    with keep(), log.step("build for ridge-1"):
        (now,) = records(tmp_path, "tse")
        assert (now.outcome, now.facts["ended_at"]) == ("running", None)
        with pytest.raises(BusyError) as told, keep():
            pass
        assert str(told.value) == (
            f"tse: another evening is running since 2026-11-27 20:35 in Tokyo (process "
            f"{os.getpid()}, at step 'build for ridge-1'); wait for it to end and run again"
        )
        assert len(records(tmp_path, "tse")) == 1
        with keep(source="other"):
            pass
    assert [one.outcome for one in records(tmp_path, "tse")] == ["published"]


def test_one_without_an_end_was_interrupted(keep, log, tmp_path, clock):
    with keep(), log.step("sync"):
        path = evenings_folder(tmp_path, "tse") / "20261127T113500Z.json"
        left = path.read_bytes()
    path.write_bytes(left)
    assert [one.outcome for one in records(tmp_path, "tse")] == ["interrupted"]
    clock.move_to(BEGUN + timedelta(hours=1))
    with keep():
        found = [one.outcome for one in records(tmp_path, "tse")]
        assert found == ["interrupted", "running"]


def test_the_lock_is_asked_before_the_first_record(keep, tmp_path):
    with (
        locked(evenings_folder(tmp_path, "tse")),
        pytest.raises(BusyError, match="another evening"),
        keep(),
    ):
        pass
    assert records(tmp_path, "tse") == []


def test_two_in_a_second_are_two_in_order(keep, tmp_path):
    for _ in range(3):
        with keep():
            pass
    names = [one.name for one in records(tmp_path, "tse")]
    assert names == ["20261127T113500Z", "20261127T113500Z-02", "20261127T113500Z-03"]


def test_the_newest_are_kept(keep, tmp_path):
    folder = evenings_folder(tmp_path, "tse")
    folder.mkdir(parents=True)
    for number in range(KEPT_RECORDS + 5):
        begun = BEGUN - timedelta(days=KEPT_RECORDS + 5 - number)
        facts = {"started_at": begun.isoformat(), "outcome": "published", "steps": []}
        (folder / f"{begun:%Y%m%dT%H%M%SZ}.json").write_text(json.dumps(facts))
    with keep():
        pass
    there = records(tmp_path, "tse")
    assert len(there) == KEPT_RECORDS
    assert there[-1].started_at == BEGUN
    assert there[0].started_at == BEGUN - timedelta(days=KEPT_RECORDS - 1)


def test_a_damaged_record_is_named(keep, tmp_path):
    with keep():
        pass
    path = evenings_folder(tmp_path, "tse") / "20261127T113500Z.json"
    path.write_text("{")
    with pytest.raises(DataError, match=r"20261127T113500Z\.json"):
        records(tmp_path, "tse")
