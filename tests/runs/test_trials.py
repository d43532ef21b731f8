"""The ledger of trials: what is in it stays, is there whole or not at all, and is never mixed."""

import multiprocessing
import os
import shutil
import signal
import sqlite3
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from gogooku.commands import forget
from gogooku.core.config import resolve
from gogooku.core.errors import ContractError, DataError, StorageError, UsageError
from gogooku.runs.account_trials import AccountTrial
from gogooku.runs.find import open_run
from gogooku.runs.judge import JudgeConfig, evaluate, tries_on
from gogooku.runs.trials import (
    TRIALS_FILE,
    Figure,
    Holdout,
    Trial,
    TrialLedger,
    num_trials,
)
from support.cli import done
from support.read_only import read_only

NOON = datetime(2026, 1, 5, 3, tzinfo=UTC)
TRIAL = Trial(
    key="ridge-1/evaluation-1",
    run="ridge-1",
    name="ridge",
    learner="ridge",
    config="c1",
    features="f1",
    seed=1,
    labels="true",
    dataset="tiny-1",
    content="d1",
    source="tiny",
    exchange="tokyo",
    split="fractions",
    out_of_time=True,
    first=date(2024, 1, 4),
    last=date(2024, 6, 28),
    judged_by="raw",
    at=NOON,
    skill={1: Figure(0.02, 0.21, 120), 20: Figure(None, None, 0)},
)
ENTRY = AccountTrial(
    key="ridge-1/backtest-1",
    run="ridge-1",
    config="c1",
    features="f1",
    account="a1",
    labels="true",
    source="tiny",
    exchange="tokyo",
    first=date(2024, 1, 4),
    last=date(2024, 6, 28),
    at=NOON,
    sharpe=0.08,
    excess=0.05,
    n=120,
)
WINDOW = {"source": "tiny", "exchange": "tokyo", "first": TRIAL.first, "last": TRIAL.last}


@pytest.fixture
def ledger(tmp_path):
    return TrialLedger(tmp_path)


def test_what_is_written_is_read_and_written_once(ledger):
    assert ledger.trials() == []
    assert not ledger.path.exists(), "reading makes nothing"
    ledger.record(TRIAL)
    ledger.record(replace(TRIAL, at=NOON + timedelta(days=1), skill={}))
    second = replace(TRIAL, key="other", at=NOON + timedelta(hours=1), out_of_time=False)
    ledger.record(second)
    assert ledger.trials() == [TRIAL, second]
    assert sqlite3.connect(ledger.path).execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_tries_are_distinct_settings_on_overlapping_sessions_of_one_source():
    more = [
        TRIAL,
        replace(TRIAL, key="2", judged_by="excess"),
        replace(TRIAL, key="3", content="d2", at=NOON + timedelta(days=9)),
        replace(TRIAL, key="4", config="c2"),
        replace(TRIAL, key="5", features="f2"),
        replace(TRIAL, key="6", config="c3", labels="shuffled"),
        replace(TRIAL, key="7", config="c4", first=date(2024, 7, 1), last=date(2024, 9, 1)),
        replace(TRIAL, key="8", config="c5", source="other", exchange="new_york"),
    ]
    assert num_trials(more, **WINDOW) == 3
    assert num_trials(more, **{**WINDOW, "last": date(2024, 7, 1)}) == 4
    assert num_trials(more, **{**WINDOW, "source": "other", "exchange": "new_york"}) == 1
    assert num_trials([], **WINDOW) == 0


def test_one_name_on_two_exchanges_is_two_markets():
    both = [
        TRIAL,
        replace(TRIAL, key="2", config="c2"),
        replace(TRIAL, key="3", config="c3", exchange="new_york"),
    ]
    assert num_trials(both, **WINDOW) == 2
    assert num_trials(both, **{**WINDOW, "exchange": "new_york"}) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"content": "d2"},
        {"exchange": "new_york"},
        {"source": "elsewhere"},
        {"config": "c2", "last": date(2024, 7, 1)},
    ],
)
def test_a_ledger_of_other_data_is_refused_and_kept(ledger, other):
    ledger.record(TRIAL)
    before = ledger.path.read_bytes()
    with pytest.raises(ContractError, match="it is the ledger of other data") as raised:
        ledger.record(replace(TRIAL, **other))
    for name, value in other.items():
        assert f"{name} {getattr(TRIAL, name)} (here {value})" in str(raised.value)
    assert ledger.path.read_bytes() == before


# ------------------------------------------------------------------------------------- damage


@pytest.mark.parametrize("where", [0, 20, 4096])
def test_a_damaged_ledger_is_named_and_kept(ledger, where):
    ledger.record(TRIAL)
    content = bytearray(ledger.path.read_bytes())
    content[where : where + 60] = b"\xff" * 60
    ledger.path.write_bytes(content)
    for act in (ledger.trials, lambda: ledger.record(replace(TRIAL, key="2")), ledger.holdouts):
        with pytest.raises(DataError, match="is damaged") as raised:
            act()
        assert str(ledger.path) in str(raised.value)
    assert ledger.path.read_bytes() == bytes(content)


def test_an_emptied_ledger_is_damaged_not_new(ledger):
    ledger.record(TRIAL)
    ledger.path.write_bytes(b"")
    with pytest.raises(DataError, match="it is empty"):
        ledger.trials()
    ledger.path.unlink()
    ledger.path.mkdir()
    with pytest.raises(DataError, match="no file"):
        ledger.record(TRIAL)


def test_an_entry_that_cannot_be_read_is_damage(ledger):
    ledger.record(TRIAL)
    with sqlite3.connect(ledger.path) as connection:
        connection.execute("UPDATE trials SET first = 'soon'")
    connection.close()
    with pytest.raises(DataError, match="an entry cannot be read"):
        ledger.trials()


def test_a_newer_format_is_left_alone(ledger):
    ledger.record(TRIAL)
    with sqlite3.connect(ledger.path) as connection:
        connection.execute("UPDATE facts SET value = '9'")
    connection.close()
    with pytest.raises(DataError, match="this program reads format 2"):
        ledger.record(TRIAL)


def made_older(ledger):
    """Bring the file to what the version before accounts wrote."""
    with sqlite3.connect(ledger.path) as connection:
        connection.execute("DROP TABLE accounts")
        connection.execute("UPDATE facts SET value = '1'")
    connection.close()


def schema_of(ledger):
    with sqlite3.connect(ledger.path) as connection:
        (found,) = connection.execute("SELECT value FROM facts WHERE name = 'schema'").fetchone()
    connection.close()
    return found


def test_accounts_are_written_once_and_read_in_order(ledger):
    assert ledger.accounts() == []
    ledger.record_account(ENTRY)
    ledger.record_account(replace(ENTRY, excess=9.0))
    second = replace(ENTRY, key="z", at=NOON + timedelta(hours=1), excess=None)
    ledger.record_account(second)
    assert ledger.accounts() == [ENTRY, second]
    assert ledger.trials() == []


@pytest.mark.parametrize("act", ["record", "record_account"])
def test_an_older_ledger_is_read_as_it_is_and_upgraded_by_who_writes(ledger, act):
    ledger.record(TRIAL)
    made_older(ledger)
    before = ledger.path.read_bytes()
    assert (ledger.trials(), ledger.accounts()) == ([TRIAL], [])
    assert ledger.path.read_bytes() == before, "reading changes nothing"
    getattr(ledger, act)(replace(TRIAL, key="2") if act == "record" else ENTRY)
    assert schema_of(ledger) == "2"
    assert TRIAL in ledger.trials()
    ledger.record_account(ENTRY)
    assert ledger.accounts() == [ENTRY]


def _upgrade_and_die(home, point):
    def die(name):
        if name == point:
            os.kill(os.getpid(), signal.SIGKILL)

    from gogooku.runs import trials

    trials.write_point = die
    TrialLedger(home).record_account(ENTRY)


@pytest.mark.parametrize("point", ["trials.upgraded", "trials.account"])
def test_an_upgrade_that_is_killed_leaves_the_older_ledger_whole(ledger, tmp_path, point):
    ledger.record(TRIAL)
    made_older(ledger)
    context = multiprocessing.get_context("fork")
    writer = context.Process(target=_upgrade_and_die, args=(tmp_path, point))
    writer.start()
    writer.join()
    assert writer.exitcode == -signal.SIGKILL
    assert (ledger.trials(), ledger.accounts(), schema_of(ledger)) == ([TRIAL], [], "1")
    ledger.record_account(ENTRY)
    assert (ledger.trials(), ledger.accounts(), schema_of(ledger)) == ([TRIAL], [ENTRY], "2")


def test_nothing_is_judged_over_a_damaged_ledger(home, ridge):
    (home / TRIALS_FILE).write_bytes(b"rubbish" * 1000)
    before = sorted(ridge.folder.iterdir())
    excess = resolve(JudgeConfig(), base_name="x", assignments=["judge_label=excess"])
    with pytest.raises(DataError, match="nothing is judged meanwhile"):
        evaluate(home, ridge, excess)
    assert sorted(ridge.folder.iterdir()) == before


# ---------------------------------------------------------------- a home that cannot be written


def test_a_ledger_that_cannot_be_written_is_read(ledger, tmp_path):
    ledger.record(TRIAL)
    kept = Holdout("tiny", "h", date(2024, 5, 1), date(2024, 6, 1), date(2024, 4, 1), "d", NOON)
    ledger.add_holdout(kept)
    second = replace(TRIAL, key="2")
    with read_only(tmp_path):
        assert ledger.trials() == [TRIAL]
        assert ledger.holdouts() == [kept]
        ledger.record(replace(TRIAL, at=NOON + timedelta(days=1)))
        for write in (
            lambda: ledger.record(second),
            lambda: ledger.spend(kept, run="a", at=NOON),
            lambda: ledger.add_holdout(replace(kept, name="i")),
        ):
            with pytest.raises(StorageError, match="may not be written by this user") as raised:
                write()
            assert str(ledger.path) in str(raised.value)
            assert "Free some space" not in str(raised.value)
    assert ledger.trials() == [TRIAL]
    assert ledger.spent(kept) == []


def test_no_ledger_where_none_can_be_made_is_an_empty_one(ledger, tmp_path):
    with read_only(tmp_path):
        assert ledger.trials() == []
        assert ledger.holdouts() == []
        with pytest.raises(StorageError, match="Permission denied"):
            ledger.record(TRIAL)
    assert list(tmp_path.iterdir()) == []


def _overfill_and_die(home):
    connection = sqlite3.connect(home / TRIALS_FILE, isolation_level=None)
    connection.execute("PRAGMA cache_size=1")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("CREATE TABLE large (value BLOB)")
    for _ in range(200):
        connection.execute("INSERT INTO large VALUES (randomblob(4000))")
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_a_killed_writer_left_is_rolled_back_by_who_may(ledger, tmp_path):
    ledger.record(TRIAL)
    writer = multiprocessing.get_context("fork").Process(target=_overfill_and_die, args=(tmp_path,))
    writer.start()
    writer.join()
    assert ledger.path.with_name(f"{TRIALS_FILE}-journal").stat().st_size
    with read_only(tmp_path), pytest.raises(StorageError, match="was stopped half-way"):
        ledger.trials()
    assert ledger.trials() == [TRIAL]


def test_what_was_judged_is_judged_again_where_nothing_can_be_written(home, ridge):
    judged = evaluate(home, ridge)
    excess = resolve(JudgeConfig(), base_name="x", assignments=["judge_label=excess"])
    with read_only(home):
        assert evaluate(home, ridge) == judged
        assert tries_on(home, ridge) == 2
        with pytest.raises(StorageError, match="nothing was changed"):
            evaluate(home, ridge, excess)
        assert done(home, "trials", "--json").json["tries"][0]["tries"] == 2
        assert done(home, "evaluate", "ridge", "--json").json[ridge.run_id]["tries"] == 2
        assert done(home, "compare", "ridge", "atft-gat-fan", "--json").json["tries"] == 2
        assert done(home, "backtest", "ridge", "--json").json


# ------------------------------------------------------------------- kills and two at once


def _record_and_die(home, point):
    def die(name):
        if name == point:
            os.kill(os.getpid(), signal.SIGKILL)

    from gogooku.runs import trials

    trials.write_point = die
    TrialLedger(home).record(TRIAL)


@pytest.mark.parametrize(
    ("point", "there"), [("trials.made", 0), ("trials.half", 0), ("trials.recorded", 1)]
)
def test_a_killed_writer_leaves_all_or_nothing(tmp_path, point, there):
    writer = multiprocessing.get_context("fork").Process(
        target=_record_and_die, args=(tmp_path, point)
    )
    writer.start()
    writer.join()
    assert writer.exitcode == -signal.SIGKILL
    ledger = TrialLedger(tmp_path)
    assert len(ledger.trials()) == there
    ledger.record(TRIAL)
    assert ledger.trials() == [TRIAL]


def _record_many(home, first):
    for number in range(first, first + 40):
        TrialLedger(home).record(replace(TRIAL, key=f"{number:03d}"))


def test_two_writers_at_once_lose_nothing(tmp_path):
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_record_many, args=(tmp_path, first)) for first in (0, 30)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    assert [one.exitcode for one in writers] == [0, 0]
    found = TrialLedger(tmp_path).trials()
    assert [one.key for one in found] == [f"{number:03d}" for number in range(70)]
    assert all(one.skill == TRIAL.skill for one in found)


# ------------------------------------------------------------------------------------ of runs


def test_every_evaluation_is_written_by_evaluate_itself(home, ridge):
    there = {one.key for one in TrialLedger(home).trials()}
    judged = evaluate(home, ridge)
    assert there >= {f"{ridge.run_id}/{judged.folder.name}"}
    excess = resolve(JudgeConfig(), base_name="x", assignments=["judge_label=excess"])
    other = evaluate(home, ridge, excess)
    (made,) = [one for one in TrialLedger(home).trials() if one.key not in there]
    assert made.key == f"{ridge.run_id}/{other.folder.name}"
    assert (made.run, made.learner, made.source) == (ridge.run_id, "ridge", "tiny")
    assert (made.first, made.last) == ridge.windows("test")[0]
    assert (made.judged_by, made.labels, made.out_of_time) == ("excess", "true", True)
    for horizon in ridge.horizons:
        assert made.skill[horizon].ratio == other.metrics[f"h{horizon}.icir"]["value"]
        assert made.skill[horizon].n == other.metrics[f"h{horizon}.rank_ic"]["n"]


def test_a_lost_entry_comes_back_and_a_removed_run_stays_counted(home, ridge):
    judged = evaluate(home, ridge)
    shutil.copy(home / TRIALS_FILE, home / "aside")
    (home / TRIALS_FILE).unlink()
    evaluate(home, ridge)
    assert [one.key for one in TrialLedger(home).trials()] == [
        f"{ridge.run_id}/{judged.folder.name}"
    ]
    lightgbm = open_run(home, "lightgbm")
    evaluate(home, lightgbm)
    assert tries_on(home, lightgbm) == 2
    shutil.rmtree(ridge.folder)
    assert tries_on(home, lightgbm) == 2


def test_forgetting_the_data_keeps_the_ledger(home, ridge):
    evaluate(home, ridge)
    before = TrialLedger(home).trials()
    (home / "raw" / "tiny").mkdir(parents=True)
    forget.forget(home, forget.holdings(home, "tiny"))
    assert TrialLedger(home).trials() == before


# ---------------------------------------------------------------------------------- hold-outs


def test_a_hold_out_is_spent_once_by_each_run(ledger):
    kept = Holdout("tiny", "h", date(2024, 5, 1), date(2024, 6, 1), date(2024, 4, 1), "d", NOON)
    ledger.add_holdout(kept)
    with pytest.raises(UsageError, match="registered already"):
        ledger.add_holdout(replace(kept, last=date(2024, 5, 2)))
    assert ledger.holdouts("tiny") == ledger.holdouts() == [kept]
    assert ledger.holdouts("other") == []
    first = ledger.spend(kept, run="a", at=NOON)
    assert first.number == 1
    assert ledger.spend(kept, run="a", at=NOON + timedelta(days=1)) == first
    assert ledger.spend(kept, run="b", at=NOON).number == 2
    assert [one.run for one in ledger.spent(kept)] == ["a", "b"]


def test_what_touches_a_hold_out():
    kept = Holdout("tiny", "h", date(2024, 5, 1), date(2024, 6, 1), date(2024, 4, 1), "d", NOON)
    assert not kept.touches([(date(2024, 1, 1), date(2024, 3, 29))])
    assert kept.touches([(date(2024, 1, 1), date(2024, 4, 1))])
    assert kept.touches([(date(2024, 6, 1), date(2024, 7, 1))])
    assert not kept.touches([(date(2024, 6, 3), date(2024, 7, 1))])


def test_what_an_interrupted_writer_left_is_not_given_to_a_new_ledger(ledger):
    ledger.path.with_name(f"{ledger.path.name}-journal").write_bytes(b"of another ledger")
    with pytest.raises(DataError, match="is gone, but .*-journal is there"):
        ledger.record(TRIAL)
    assert not ledger.path.exists()
