"""Every trial that was measured is in the ledger; hold-outs are not searched on."""

from datetime import UTC, datetime

import pytest

from gogooku.core.errors import UsageError
from gogooku.runs.holdouts import register
from gogooku.runs.trials import TrialLedger
from gogooku.search.counted import Counted, by_session
from gogooku.search.fits import Fits
from gogooku.search.trial import begun, run_through


class Still:
    def now(self):
        return datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def ground(plan_of):
    return plan_of("search.seeds=2").ground


@pytest.fixture
def counted(home, ground):
    return Counted(home, "study-1", ground, clock=Still())


def test_a_trial_is_entered_once_with_its_figures(home, ground, counted):
    (course,) = begun(ground, {3: {"learner.leaves": 3}})
    run_through(ground, [course], Fits(home), best={})
    for _ in range(2):
        counted.enter("trial 3", course.config, course.daily)
    (entry,) = TrialLedger(home).trials()
    assert (entry.key, entry.run) == ("study-1/trial 3", "study-1 trial 3")
    assert (entry.learner, entry.labels, entry.out_of_time) == ("lightgbm", "true", True)
    assert entry.config == course.config.content_hash
    tested = [ground.folds[place].test for place in range(ground.num_folds)]
    assert (entry.first, entry.last) == (tested[0][0], tested[-1][1])
    series = by_session(course.daily, 5).get_column("rank_ic").drop_nulls()
    assert entry.skill[5].rank_ic == pytest.approx(series.mean())
    assert entry.skill[5].n == len(series)
    assert sorted(entry.skill) == [1, 5, 10, 20]


def test_nothing_measured_is_nothing_entered(home, ground, counted):
    (course,) = begun(ground, {3: {"learner.l2": -1.0}})
    counted.enter("trial 3", ground.run, course.daily)
    assert TrialLedger(home).trials() == []


def test_tries_are_those_of_the_ledger_on_these_sessions(home, ground, counted):
    courses = begun(ground, {0: {}, 1: {"learner.leaves": 3}, 2: {"learner.leaves": 4}})
    run_through(ground, courses, Fits(home), best={})
    for one in courses:
        counted.enter(f"trial {one.number}", one.config, one.daily)
    counted.enter("trial 1 again, 2 seeds", courses[1].config, courses[1].daily)
    found = counted.tries(courses[0].daily)
    assert found.count == 3
    assert len(found.ratios[5]) == 3


@pytest.mark.parametrize("part", ["search", "unseen"])
def test_a_search_keeps_away_from_a_hold_out(part, home, ground, counted, dataset):
    counted.refuse_holdouts()
    low, high = ground.folds[0 if part == "search" else -1].test
    register(home, dataset, "kept", first=low, last=high)
    with pytest.raises(UsageError, match=r"hold-out kept .*a search may not.*split\.end"):
        counted.refuse_holdouts()
