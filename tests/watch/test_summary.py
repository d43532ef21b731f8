"""What the watch knows of a source, and when the next publication is due."""

from datetime import UTC, date, datetime, timedelta

import pytest

from gogooku.core.calendar import Clock
from gogooku.core.files import read_json
from gogooku.releases.registry import rollback
from gogooku.watch.summary import (
    due_after,
    evening_path,
    problems,
    record_evening,
    summary,
    watched_sources,
)
from support.cli import done
from support.evenings import clock_at

AT = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("session", "clock", "due"),
    [
        # Friday to Monday, and over the New Year; 20:00 and three hours in Tokyo
        (date(2026, 11, 27), Clock.EVENING, datetime(2026, 11, 30, 14, 0)),
        (date(2026, 12, 30), Clock.EVENING, datetime(2027, 1, 4, 14, 0)),
        # 08:30 of the morning after the next session
        (date(2026, 11, 26), Clock.PREMARKET, datetime(2026, 11, 30, 2, 30)),
    ],
)
def test_the_next_is_due_after_the_next_session_in_tokyo(session, clock, due):
    assert due_after("tokyo", clock, session) == due


def test_elsewhere_a_day_is_allowed_for_a_holiday_that_is_not_known():
    # Wednesday; Thursday 21:00 in New York, three hours and a day
    found = due_after("new_york", Clock.EVENING, date(2026, 11, 25))
    assert found == datetime(2026, 11, 28, 5, 0)
    assert due_after("new_york", Clock.EVENING, date(2026, 11, 27)).date() == date(2026, 12, 2)


def test_a_summary_of_a_source(watched_home, dataset, bundle, shadow):
    now = clock_at(dataset.sessions[-1].item()).now() + timedelta(hours=1)
    found = summary(watched_home, "tiny", now=now)
    assert watched_sources(watched_home) == ["tiny"]
    assert found["bundle"] == bundle.bundle_id
    made = found["publication"]
    assert made["session"] == str(dataset.sessions[-1])
    assert made["overdue"] is False
    assert found["status"]["session"] == made["session"]
    assert [one["horizon"] for one in found["live"]] == [1, 5, 10, 20]
    (other,) = found["others"]
    assert (other["bundle"], other["state"]) == (shadow.bundle_id, "shadow")
    assert found["evening"]["failed"] is None
    assert set(found["evening"]["steps"]) == {"build", "publish", "watch"}


def test_it_is_overdue_once_the_next_session_passed(watched_home, dataset):
    now = clock_at(dataset.sessions[-1].item()).now()
    due = datetime.fromisoformat(
        summary(watched_home, "tiny", now=now)["publication"]["next_due_at"]
    )
    on_time = summary(watched_home, "tiny", now=due)
    late = summary(watched_home, "tiny", now=due + timedelta(seconds=1))
    assert not on_time["publication"]["overdue"]
    assert late["publication"]["overdue"]
    assert any("the next was due" in text for text in late["problems"])


def test_an_evening_remembers_when_the_last_good_one_was(tmp_path):
    record_evening(tmp_path, "tiny", at=AT, steps={"sync": 2.0, "publish a": 1.0, "publish b": 0.5})
    later = AT + timedelta(days=1)
    record_evening(tmp_path, "tiny", at=later, steps={"sync": 3.0}, failed="no disk")
    record_evening(tmp_path, "tiny", at=later, steps={"sync": 3.0}, refused=["a gate"])
    found = read_json(evening_path(tmp_path, "tiny"))
    assert found["at"] == "2026-11-28T12:00:00+00:00"
    assert found["succeeded_at"] == "2026-11-27T12:00:00+00:00"
    assert (found["failed"], found["refused"]) == (None, ["a gate"])
    assert found["steps"]["sync"] == {"seconds": 3.0, "at": "2026-11-28T12:00:00+00:00"}
    assert found["steps"]["publish"] == {"seconds": 1.5, "at": "2026-11-27T12:00:00+00:00"}


def test_a_source_whose_evenings_all_failed_is_watched_and_said_to_be_empty(tmp_path):
    record_evening(tmp_path, "tiny", at=AT, steps={}, failed="no key")
    assert watched_sources(tmp_path) == ["tiny"]
    said = summary(tmp_path, "tiny", now=AT)["problems"]
    assert said[0] == "no bundle is released"
    assert "failed: no key" in said[1]
    assert said[-1] == "nothing is published"


def test_after_a_rollback_the_other_bundle_counts(home, dataset):
    accepted = ("--accept", "paired", "--why", "a short test part")
    done(home, "release", "momentum", *accepted, "--json")
    now = clock_at(dataset.sessions[-1].item()).now()
    assert "nothing is published" in summary(home, "tiny", now=now)["problems"]
    rollback(home, source="tiny", why="x", at=AT)
    assert summary(home, "tiny", now=now)["publication"] is not None


def test_live_skill_below_its_promise_is_a_problem():
    live = {
        "horizon": 5,
        "rank_ic": {"value": -0.02, "n": 60},
        "promised": 0.03,
        "cusum": {"value": 6.0, "threshold": 5.0, "first_alarm": "2026-11-02"},
    }
    known = {"bundle": "b", "evening": None, "publication": {"session": "x", "overdue": False},
             "status": {"checks": []}}  # fmt: skip
    (said,) = problems({**known, "live": [live]})
    assert said == (
        "horizon 5: live skill is below what was promised, RankIC -0.020 over 60 sessions, "
        "promised +0.030 (first alarm 2026-11-02)"
    )
    assert problems({**known, "live": [{**live, "cusum": None}]}) == []
