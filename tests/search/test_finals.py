"""Finalists, luck and neighbours of a finished search."""

from dataclasses import replace

import pytest

from gogooku.core.errors import ConfigError
from gogooku.core.wall import SystemClock
from gogooku.execute.task import HereExecutor, Outcome
from gogooku.runs.config import LabelOrder
from gogooku.search.counted import Counted
from gogooku.search.finals import finals_of, settings_of
from gogooku.search.fits import Fits
from gogooku.search.record import TrialRecord


def test_the_pick_is_the_finalist_of_the_highest_value(searched):
    finals = searched[1].finals
    values = [one.worth.value for one in finals.finalists]
    assert values == sorted(values, reverse=True)
    assert finals.pick is finals.finalists[0]
    assert finals.default in finals.finalists
    assert len({one.config.content_hash for one in finals.finalists}) == len(finals.finalists)


def test_differences_are_pick_less_default_on_the_sessions_of_both(searched):
    finals = searched[1].finals
    assert finals.pick is not finals.default
    for row in (*finals.seen, *finals.unseen):
        assert row["n"] == 0 or row["difference"] == pytest.approx(
            row["pick"] - row["default"], abs=1e-9
        )
        assert row["low"] is None or row["low"] <= row["difference"] <= row["high"]


def test_neighbours_are_a_step_away_in_one_knob(searched):
    found = searched[1]
    values = found.finals.pick.values
    wanted = [
        (knob.name, value)
        for knob in found.plan.ground.space.knobs
        for value in knob.beside(values[knob.name])
    ]
    assert [(one.knob, one.value) for one in found.finals.neighbours] == wanted
    base = next(one for one in found.trials if one.number == found.finals.pick.number)
    for one in found.finals.neighbours:
        assert one.change == pytest.approx(one.worth - base.worth["value"], abs=1e-12)


def test_luck_counts_every_setting_that_was_judged(searched):
    found = searched[1]
    moved = len(found.finals.neighbours)
    assert len(found.trials) < found.finals.luck.tries <= len(found.trials) + moved
    complete = [one for one in found.trials if one.state == "complete"]
    assert found.finals.luck.counted <= len(complete)
    assert 0.0 <= found.finals.luck.deflated <= 1.0


def test_what_the_pick_changes_is_what_a_run_is_given(searched):
    found = searched[1]
    settings = settings_of(found.plan.ground, found.finals.pick)
    assert set(settings) <= {knob.path for knob in found.plan.ground.space.knobs}
    assert settings
    assert settings_of(found.plan.ground, found.finals.default) == {}


@pytest.fixture
def ground(plan_of):
    return plan_of("search.neighbourhood=false").ground


def judged(home, ground, records, executor=None):
    counted = Counted(home, "study", ground, clock=SystemClock())
    return finals_of(ground, records, Fits(home, executor=executor), counted)


def record(number, values, value, **more):
    return TrialRecord(number, "complete", values, {"value": value, "broken": []}, **more)


def test_equal_settings_are_one_finalist(home, ground):
    same = {"learner.leaves": 3}
    found = judged(
        home, ground, [record(0, {}, 0.0), record(1, same, 0.2), record(2, dict(same), 0.2)]
    )
    assert sorted(one.number for one in found.finalists) == [0, 1]


def test_where_nothing_else_can_be_picked_the_run_as_it_is_is_the_pick(home, ground):
    broken = TrialRecord(
        1, "complete", {"learner.leaves": 3}, {"value": 0.9, "broken": ["turnover"]}
    )
    found = judged(home, ground, [record(0, {}, 0.1), broken])
    assert found.pick is found.default
    assert found.unseen[0]["difference"] == 0.0


class Fails:
    """Fails the fits of a setting."""

    def __init__(self, leaves):
        self.leaves = leaves

    def run(self, tasks):
        for task in tasks:
            if task.spec["config"]["learner"]["leaves"] == self.leaves:
                yield Outcome(task, fault="infinite scores", kind="DataError")
            else:
                yield from HereExecutor().run([task])


def test_a_finalist_that_fails_with_other_seeds_is_none(home, ground):
    trials = [record(0, {}, 0.1), record(1, {"learner.leaves": 3}, 0.5)]
    found = judged(home, ground, trials, Fails(3))
    assert [one.number for one in found.finalists] == [0]


def test_a_run_that_cannot_be_fitted_itself_is_an_error(home, ground):
    with pytest.raises(ConfigError, match="the run as it is could not be fitted.*infinite scores"):
        judged(home, ground, [record(0, {}, 0.1)], Fails(ground.run.learner.leaves))


def test_luck_on_permuted_labels_counts_the_trials_of_the_search_itself(home, plan_of):
    ground = plan_of("search.neighbourhood=false", "label_order=shuffled").ground
    assert ground.run.label_order is LabelOrder.SHUFFLED
    trials = [record(0, {}, 0.0), record(1, {"learner.leaves": 3}, 0.0)]
    found = judged(home, ground, [trials[0], replace(trials[1], state="pruned")])
    assert (found.luck.tries, found.shuffled) == (1, True)
