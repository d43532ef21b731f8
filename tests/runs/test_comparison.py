"""Runs compared with what the ledger knows; what does not mean the same is never mixed."""

import shutil

import pytest

from gogooku.core.config import resolve
from gogooku.core.errors import ContractError, UsageError
from gogooku.runs.comparison import compare
from gogooku.runs.find import open_run
from gogooku.runs.folder import Run
from gogooku.runs.judge import JudgeConfig, evaluate
from support.cli import done, sets


def judged(home, *names, label="raw"):
    settings = resolve(JudgeConfig(), base_name="x", assignments=[f"judge_label={label}"])
    runs = [open_run(home, name) for name in names]
    return {run.run_id: (run, evaluate(home, run, settings)) for run in runs}


def test_tries_are_those_of_the_ledger_even_of_runs_that_are_gone(home):
    two = judged(home, "ridge", "reversal")
    before = compare(home, two, metric="rank_ic")
    assert before.found.tries == 3, "the tour has judged another one"
    assert before.found.at[5].tries == 3
    shutil.rmtree(open_run(home, "atft-gat-fan").folder)
    after = compare(home, two, metric="rank_ic")
    assert (after.found.tries, after.found.at[5].tries) == (3, 2)
    assert before.facts["source"] == "tiny"
    assert before.facts["labels"] == "raw"


def test_a_cross_validation_is_never_put_beside_a_walk_forward(home):
    walked = judged(home, "ridge")
    done(home, "train", "reversal", *sets("split.kind=purged_kfold", "split.num_folds=3"), "--json")
    crossed = judged(home, "reversal")
    with pytest.raises(UsageError, match="was judged by cross-validation, the others out of time"):
        compare(home, {**walked, **crossed}, metric="rank_ic")
    done(
        home, "train", "momentum", *sets("learner.feature=ret_prev_20d"),
        *sets("split.kind=purged_kfold", "split.num_folds=3"), "--json",
    )  # fmt: skip
    made = compare(home, {**crossed, **judged(home, "momentum")}, metric="rank_ic")
    assert not made.out_of_time
    assert made.sentence().en.startswith("By cross-validation, not out of time. ")


def test_scores_of_a_cross_validation_are_no_forecast(home):
    made = done(
        home, "train", "ridge", *sets("split.kind=combinatorial", "split.num_groups=4"),
        *sets("split.embargo=0"), "--json",
    ).json  # fmt: skip
    run = open_run(home, made["run"])
    dataset = run.dataset(home)
    assert (run.num_paths, run.out_of_time) == (3, False)
    with pytest.raises(UsageError, match="not out of time and cannot be traded"):
        run.scores("test", dataset)
    with pytest.raises(UsageError, match="cross-validation"):
        run.predictions("valid")
    for path in range(3):
        indices, scores = run.scores("test", dataset, path=path)
        assert len(indices) == len(dataset.sessions) - run.config.warmup_sessions
        assert scores.shape[0] == len(indices)
    first, second = (run.predictions("test", path=path) for path in (0, 1))
    assert not first.equals(second)
    for command in ("backtest", "report"):
        from support.cli import run_cli

        refused = run_cli(home, command, run.run_id)
        assert refused.code == 2
        assert "split.kind=walk_forward" in refused.err


def test_shuffled_labels_are_not_compared_with_true_ones(home):
    true = judged(home, "ridge")
    done(home, "train", "reversal", *sets("label_order=shuffled"), "--json")
    with pytest.raises(UsageError, match="shuffled labels"):
        compare(home, {**true, **judged(home, "reversal")}, metric="rank_ic")


def test_runs_of_two_sources_are_not_compared(home):
    one = judged(home, "ridge", "reversal")
    (name, (run, evaluation)), other = one.items()
    stranger = Run(run.folder, run.config, run.stamp, {**run.manifest, "source": "elsewhere"})
    with pytest.raises(ContractError, match=r"runs of 2 sources \(elsewhere, tiny"):
        compare(home, {name: (stranger, evaluation), other[0]: other[1]}, metric="rank_ic")
