"""Registered hold-outs: what touches one is not judged unless it is spent, on record."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from gogooku import pipeline
from gogooku.core.errors import ContractError, DataError, UsageError
from gogooku.core.types import PURGE_SESSIONS
from gogooku.core.wall import VirtualClock
from gogooku.dataset.home import current_dataset
from gogooku.predict.predictor import Predictor
from gogooku.runs.find import open_run
from gogooku.runs.holdouts import (
    closed_from,
    refuse_unspent,
    register,
    spend_and_enter,
    spent_by,
    touched_by,
)
from gogooku.runs.judge import evaluate
from gogooku.runs.trials import TrialLedger
from support.cli import done, sets

CLOCK = VirtualClock(datetime(2026, 2, 2, tzinfo=UTC))


@pytest.fixture
def kept(home, ridge):
    """The last month of the test part as a hold-out."""
    dataset = current_dataset(home)
    first = dataset.sessions[-20].item()
    return register(home, dataset, "last", first=first, last=date(2030, 1, 1), clock=CLOCK)


def test_labels_that_end_in_it_count_as_a_look(home, kept):
    sessions = current_dataset(home).sessions
    assert kept.closed_from == sessions[-20 - PURGE_SESSIONS].item()
    assert kept.source == "tiny"
    assert kept.at == CLOCK.now()


def test_it_is_not_judged_until_it_is_spent(home, ridge, kept):
    for look in (evaluate, pipeline.backtest, pipeline.report, pipeline.importance):
        with pytest.raises(UsageError, match=r"--spend-holdout last"):
            look(home, ridge)
    assert TrialLedger(home).spent(kept) == []
    evaluate(home, ridge, spend=["last"], clock=CLOCK)
    (touched,) = spent_by(home, ridge)
    assert (touched.spent[0].run, touched.spent[0].at) == (ridge.run_id, CLOCK.now())
    assert "spent by this run alone, on 2026-02-02" in touched.said(ridge.run_id).en
    evaluate(home, ridge)
    pipeline.backtest(home, ridge)
    assert len(TrialLedger(home).spent(kept)) == 1


def test_a_second_run_has_to_say_so_and_is_counted(home, ridge, kept):
    spend_and_enter(home, ridge, ["last"])
    reversal = open_run(home, "reversal")
    with pytest.raises(UsageError, match="1 other runs have looked at already"):
        refuse_unspent(home, reversal)
    spend_and_enter(home, reversal, ["last"])
    (touched,) = spent_by(home, reversal)
    assert (
        f"number 2 of 2 to look at it (others: {ridge.run_id})" in touched.said(reversal.run_id).en
    )


def test_a_run_that_ends_before_it_touches_nothing(home, kept):
    end = kept.closed_from - timedelta(days=1)
    done(home, "train", "reversal", *sets(f"split.end={end}"), "--json")
    run = open_run(home, "reversal")
    assert run.windows("test")[0][1] < kept.closed_from
    assert touched_by(home, run) == []
    evaluate(home, run)
    with pytest.raises(UsageError, match="does not touch it; nothing was spent"):
        evaluate(home, run, spend=["last"])


def test_validation_on_it_is_a_look_too(home, ridge):
    first, last = ridge.windows("valid")[0]
    register(home, current_dataset(home), "middle", first=first, last=last)
    with pytest.raises(UsageError, match="tested or selected on sessions of hold-out middle"):
        evaluate(home, ridge)


def test_a_cross_validation_touches_every_hold_out(home):
    dataset = current_dataset(home)
    day = dataset.sessions[len(dataset.sessions) // 2].item()
    register(home, dataset, "day", first=day, last=day)
    done(home, "train", "reversal", *sets("split.kind=purged_kfold", "split.num_folds=3"), "--json")
    with pytest.raises(UsageError, match="hold-out day"):
        evaluate(home, open_run(home, "reversal"))
    with pytest.raises(ContractError, match="is a cross-validation: none of its fits is"):
        Predictor(open_run(home, "reversal"), dataset)


def test_what_cannot_be_registered(home, kept):
    dataset = current_dataset(home)
    days = dataset.sessions
    outside = {"first": date(1999, 1, 1), "last": date(1999, 12, 31)}
    with pytest.raises(DataError, match=r"no session from 1999-01-01 .* which has"):
        register(home, dataset, "old", **outside)
    with pytest.raises(UsageError, match="before --from"):
        register(home, dataset, "x", first=days[9].item(), last=days[3].item())
    with pytest.raises(UsageError, match="a name begins with"):
        register(home, dataset, "a/b", first=days[3].item(), last=days[9].item())
    with pytest.raises(UsageError, match="registered already"):
        register(home, dataset, "last", first=days[3].item(), last=days[9].item())
    assert np.datetime64(kept.first) == days[-20]


def test_it_is_closed_also_before_the_dataset_in_which_it_was_registered():
    """A longer dataset of the source has sessions whose labels end in it."""
    days = np.arange("2018-01-04", "2018-06-01", dtype="datetime64[D]")
    assert closed_from(days, 0, date(2016, 1, 1)) < date(2015, 12, 1)
    assert closed_from(days, 40, date(2018, 2, 13)) == days[40 - PURGE_SESSIONS].item()
