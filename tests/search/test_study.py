"""Trials on disk: one writer, the same draws after any stop, and nobody else's trials."""

import errno
import json
from dataclasses import replace

import pytest

from gogooku.core import files
from gogooku.core.errors import BusyError, ContractError, DataError, StorageError
from gogooku.core.space import ChoiceKnob, NumberKnob, Space
from gogooku.core.stamp import Stamp
from gogooku.search.draws import SteadySampler
from gogooku.search.folder import JOURNAL_FILE, SPACE_FILE
from gogooku.search.record import TrialRecord
from gogooku.search.study import opened_study

SPACE = Space(
    knobs=(
        ChoiceKnob(path="kind", options=("a", "b")),
        NumberKnob(path="rate", low=0.0, high=1.0),
    )
)
STAMP = Stamp(stage="search", config_hash="c", code_hash="k", inputs={"dataset": "d"})


def opened(folder, stamp=STAMP, **options):
    sampler = SteadySampler(1, random_trials=3)
    return opened_study(folder, stamp, SPACE, config={}, sampler=sampler, **options)


def record(number, values, *, state="complete", **more):
    worth = {"value": values["rate"], "broken": []} if state == "complete" else None
    return TrialRecord(number, state, values, worth, **more)


def run(folder, trials, **options):
    """Ask and tell two at a time."""
    with opened(folder, **options) as study:
        for first in range(0, trials, 2):
            asked = study.ask(range(first, first + 2), {"kind": "a", "rate": 0.25})
            for number, values in asked.items():
                study.finish(record(number, values, blocks={0: 0.1, 1: values["rate"]}), {})
        return study.finished()


def test_trials_are_kept_with_what_came_of_them(tmp_path):
    made = run(tmp_path / "s", 4)
    with opened(tmp_path / "s") as study:
        assert study.finished() == made
    assert made[0].values == {"kind": "a", "rate": 0.25}
    assert [one.number for one in made] == [0, 1, 2, 3]
    assert made[2].blocks == {0: 0.1, 1: made[2].values["rate"]}


def test_killed_at_every_write_point_it_goes_on_as_if_it_had_not_been(tmp_path, monkeypatch):
    points = []
    monkeypatch.setattr(files, "WATCHERS", [points.append])
    wanted = run(tmp_path / "plain", 6)
    assert {"search.enqueued", "search.asked", "search.drawn", "search.half_finished"} <= set(
        points
    )

    class Killed(BaseException):
        pass

    for place in range(len(points)):
        passed = []

        def die(name, passed=passed, place=place):
            passed.append(name)
            if len(passed) == place + 1:
                raise Killed

        monkeypatch.setattr(files, "WATCHERS", [die])
        folder = tmp_path / f"killed{place}"
        with pytest.raises(Killed):
            run(folder, 6)
        monkeypatch.setattr(files, "WATCHERS", [])
        assert run(folder, 6) == wanted, f"after {points[place]}"


def test_half_a_line_and_a_lock_that_a_killed_writer_left_are_cleared(tmp_path):
    wanted = run(tmp_path / "plain", 6)
    folder = tmp_path / "s"
    run(folder, 4)
    with (folder / JOURNAL_FILE).open("ab") as handle:
        handle.write(b'{"op_code": 4, "worker')
    (folder / f"{JOURNAL_FILE}.lock").symlink_to(folder / JOURNAL_FILE)
    assert run(folder, 6) == wanted


def test_two_searches_at_once_on_one_study_are_refused(tmp_path):
    with opened(tmp_path / "s") as study:
        with (
            pytest.raises(BusyError, match="another search is at this study"),
            opened(tmp_path / "s"),
        ):
            pytest.fail("two at once")
        assert study.ask([0], {"kind": "a"}) == {0: {"kind": "a"}}
    run(tmp_path / "s", 2)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"inputs": {"dataset": "other"}}, "other data"),
        ({"config_hash": "other"}, "other settings"),
        ({"code_hash": "other"}, "other code"),
    ],
)
def test_storage_of_something_else_is_refused_and_stays_as_it_is(changed, said, tmp_path):
    made = run(tmp_path / "s", 2)
    before = (tmp_path / "s" / JOURNAL_FILE).read_bytes()
    with (
        pytest.raises(ContractError, match=said),
        opened(tmp_path / "s", replace(STAMP, **changed)),
    ):
        pytest.fail("another study")
    assert (tmp_path / "s" / JOURNAL_FILE).read_bytes() == before
    with opened(tmp_path / "s") as study:
        assert study.finished() == made


def test_a_full_disk_is_a_clear_error_and_the_study_goes_on(tmp_path, monkeypatch):
    wanted = run(tmp_path / "plain", 6)
    folder = tmp_path / "s"
    run(folder, 4)
    fsync = files.os.fsync

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("optuna.storages.journal._file.os.fsync", full)
    with pytest.raises(StorageError, match="cannot write.*Free some space"):
        run(folder, 6)
    monkeypatch.setattr("optuna.storages.journal._file.os.fsync", fsync)
    assert run(folder, 6) == wanted


def test_a_damaged_journal_is_named(tmp_path):
    run(tmp_path / "s", 2)
    path = tmp_path / "s" / JOURNAL_FILE
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], b"xx\n", *lines[4:]]))
    with pytest.raises(DataError, match="is damaged.*move the folder aside"):
        run(tmp_path / "s", 4)


def test_a_database_serves_as_storage(tmp_path):
    url = f"sqlite:///{tmp_path / 'trials.db'}"
    made = run(tmp_path / "s", 4, storage=url)
    assert made == run(tmp_path / "plain", 4)
    assert run(tmp_path / "s", 4, storage=url) == made


def test_a_database_that_is_not_there_is_a_clear_error(tmp_path):
    with pytest.raises(StorageError, match="database.*--storage"):
        run(tmp_path / "s", 2, storage=f"sqlite:///{tmp_path}/no/such/folder.db")
    with pytest.raises(StorageError, match="--storage"):
        run(tmp_path / "s", 2, storage="nonsense")


def test_a_failed_trial_has_its_reason_and_no_value(tmp_path):
    with opened(tmp_path / "s") as study:
        asked = study.ask([0, 1], {"kind": "a"})
        study.finish(record(0, asked[0], state="failed", fault="no numbers"), {})
        study.finish(record(1, asked[1], state="pruned"), {})
        first, second = study.finished()
    assert (first.state, first.fault, first.worth) == ("failed", "no numbers", None)
    assert (second.state, second.feasible) == ("pruned", False)


def test_a_trial_that_breaks_a_limit_is_no_pick(tmp_path):
    with opened(tmp_path / "s") as study:
        values = study.ask([0], {"kind": "a", "rate": 0.5})[0]
        worth = {"value": 0.5, "broken": ["too much turnover"]}
        study.finish(TrialRecord(0, "complete", values, worth), {"least_persistence": 0.2})
        assert not study.finished()[0].feasible


def test_what_matters_is_known_from_complete_trials(tmp_path):
    run(tmp_path / "s", 12)
    with opened(tmp_path / "s") as study:
        found = study.importances(seed=1)
        assert found == study.importances(seed=1)
    assert set(found) == {"kind", "rate"}
    assert found["rate"] > found["kind"]
    assert sum(found.values()) == pytest.approx(1.0)
    run(tmp_path / "one", 2)
    with opened(tmp_path / "none") as study:
        assert study.importances(seed=1) == {}


def test_settings_and_stamp_lie_beside_the_trials(tmp_path):
    run(tmp_path / "s", 2)
    assert json.loads((tmp_path / "s" / SPACE_FILE).read_text()) == SPACE.model_dump(mode="json")
    assert Stamp.read(tmp_path / "s").key == STAMP.key
