"""A search from end to end on a small market: found again, gone on with, and only its own."""

from dataclasses import replace

import polars as pl
import pytest

from gogooku.core import files
from gogooku.core.errors import ConfigError, DataError, UsageError
from gogooku.core.progress import SilentReporter
from gogooku.execute.local import LocalExecutor
from gogooku.execute.task import Outcome
from gogooku.runs.job import jobs_folder
from gogooku.runs.trials import TrialLedger
from gogooku.search.record import TrialRecord
from gogooku.search.result import facts_of
from gogooku.search.search import best_of, search


def searched(home, plan, trials=4, **options):
    return search(home, plan, trials=trials, reporter=SilentReporter(), **options)


def told(found):
    """What a search came to, but for where it lies."""
    facts = facts_of(found)
    return {name: value for name, value in facts.items() if name != "folder"}


def test_a_search_finds_again_what_it_found(home, plan_of):
    plan = plan_of("search.neighbourhood=true")
    first = searched(home, plan)
    before = sorted(jobs_folder(home).iterdir())
    again = searched(home, plan)
    assert told(again) == told(first)
    assert sorted(jobs_folder(home).iterdir()) == before
    assert first.folder == plan.folder(home)
    assert [one.number for one in first.trials] == [0, 1, 2, 3]
    assert first.trials[0].values["learner.train_label"] == "residual"
    assert first.finals.default.number == 0
    assert first.finals.neighbours
    assert first.finals.unseen[0]["n"] > 0


def test_every_trial_the_finals_and_the_neighbours_are_in_the_ledger(home, plan_of):
    found = searched(home, plan_of())
    entries = {one.key.partition("/")[2] for one in TrialLedger(home).trials()}
    measured = {f"trial {one.number}" for one in found.trials if one.state != "failed"}
    assert measured <= entries
    assert {"pick on unseen folds, 1 seeds", "default on unseen folds, 1 seeds"} <= entries
    beside = {one for one in entries if one.startswith("neighbour ")}
    assert len(beside) == len([one for one in found.finals.neighbours if not one.fault])


def test_unseen_sessions_lie_behind_every_label_of_the_search(home, plan_of, dataset):
    found = searched(home, plan_of())
    ground = found.plan.ground
    last = ground.folds[ground.num_folds - 1].indices("test")[-1]
    days = [found.finals.unseen_daily[who].get_column("date").min() for who in ("pick", "default")]
    assert all(day >= dataset.sessions[last + 21].item() for day in days)
    assert found.finals.pick.daily.get_column("date").max() <= dataset.sessions[last].item()


def test_two_processes_find_what_one_finds(home, plan_of, tmp_path):
    plan = plan_of("search.neighbourhood=false")
    here = told(searched(home, plan))
    other = tmp_path / "other"
    (other / "datasets").parent.mkdir()
    for name in ("datasets", "sources"):
        (other / name).symlink_to(home / name)
    assert told(searched(other, plan, executor=LocalExecutor(2))) == here


def test_more_trials_go_on_behind_those_that_are_there(home, plan_of):
    plan = plan_of("search.neighbourhood=false")
    few = searched(home, plan, trials=2)
    more = searched(home, plan, trials=4)
    assert more.trials[:2] == few.trials
    assert searched(home, plan, trials=2).trials == few.trials


def test_stopped_anywhere_it_goes_on_to_the_same(home, plan_of, tmp_path, monkeypatch):
    plan = plan_of("search.neighbourhood=false")
    points = []
    monkeypatch.setattr(files, "WATCHERS", [points.append])
    wanted = told(searched(home, plan, trials=2))

    class Killed(BaseException):
        pass

    places = {name: points.index(name) for name in dict.fromkeys(points)}
    assert {"search.finished", "trials.recorded", "job.done"} <= set(places)
    for name in sorted({*sorted(places)[::3], "search.finished"}):
        place, passed = places[name], []

        def die(_, passed=passed, place=place):
            passed.append(None)
            if len(passed) == place + 1:
                raise Killed

        other = tmp_path / name
        other.mkdir()
        for part in ("datasets", "sources"):
            (other / part).symlink_to(home / part)
        monkeypatch.setattr(files, "WATCHERS", [die])
        with pytest.raises(Killed):
            searched(other, plan, trials=2)
        monkeypatch.setattr(files, "WATCHERS", [])
        assert told(searched(other, plan, trials=2)) == wanted, f"after {name}"
        assert len(TrialLedger(other).trials()) == len(TrialLedger(home).trials())


class Failing:
    def run(self, tasks):
        for task in tasks:
            yield Outcome(task, fault="scores are infinite", kind="DataError")


def test_trials_that_all_fail_are_an_error_that_says_why(home, plan_of):
    with pytest.raises(DataError, match="all of 2 trials have failed.*scores are infinite"):
        searched(home, plan_of(), trials=2, executor=Failing())


def test_a_search_on_permuted_labels_finds_nothing_and_is_no_try(home, plan_of):
    found = searched(home, plan_of("label_order=shuffled", "search.neighbourhood=false"), trials=6)
    finals = found.finals
    assert finals.shuffled
    assert not finals.luck.sure
    assert finals.luck.tries == len([one for one in found.trials if one.state == "complete"])
    assert {one.labels for one in TrialLedger(home).trials()} == {"shuffled"}
    assert "LABELS WERE PERMUTED" in facts_of(found)["sentence"]["en"]
    assert "inside the noise" in facts_of(found)["sentence"]["en"]


def test_where_all_folds_belong_to_the_search_nothing_judges_the_pick(home, plan_of):
    found = searched(home, plan_of("search.folds=3", "search.neighbourhood=false"), trials=2)
    assert found.finals.unseen == []
    assert "no later session judges the pick" in facts_of(found)["sentence"]["en"]


@pytest.mark.parametrize(
    ("assignments", "said"),
    [
        (("split.kind=purged_kfold",), "a cross-validation has none"),
        (("search.folds=9",), r"search\.folds=9: the split has 3"),
        (("search.horizons=[3]",), r"search\.horizons: 3 is none"),
    ],
)
def test_a_search_that_cannot_be_is_refused(assignments, said, plan_of):
    with pytest.raises(ConfigError, match=said):
        plan_of(*assignments)


def test_one_trial_is_no_search(home, plan_of):
    with pytest.raises(UsageError, match="at least 2"):
        searched(home, plan_of(), trials=1)


def test_what_only_decides_the_finals_does_not_begin_another_search(plan_of):
    key = plan_of().stamp.key
    assert plan_of("search.finalists=1", "search.neighbourhood=false").stamp.key == key
    assert plan_of("search.seed=2").stamp.key != key
    assert plan_of("learner.l2=3.0").stamp.key != key


def record(number, value, *, state="complete", broken=()):
    return TrialRecord(number, state, {}, {"value": value, "broken": list(broken)})


def test_the_best_keeps_every_limit_and_is_the_earliest_of_equal_ones():
    trials = [
        record(0, 0.1),
        record(1, 0.3, broken=["turnover"]),
        record(2, 0.2),
        record(3, 0.2),
        record(4, 0.9, state="pruned"),
        record(5, None),
    ]
    assert best_of(trials).number == 2
    assert best_of([]) is None
    assert best_of([replace(trials[0], worth=None)]) is None


def test_frames_of_a_search_hold_no_session_twice(home, plan_of):
    daily = searched(home, plan_of(), trials=2).finals.pick.daily
    assert daily.select(pl.struct("fold", "seed", "date", "horizon").is_unique().all()).item()
