"""Runs compared with what the ledger knows; what does not mean the same is never mixed."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from gogooku.core.config import resolve
from gogooku.core.errors import ContractError, UsageError
from gogooku.core.metrics import ratio_estimate
from gogooku.evaluate.compare_page import by_year
from gogooku.evaluate.comparison_words import sentence_of
from gogooku.evaluate.sharpe import expected_best_sharpe
from gogooku.evaluate.side_by_side import COLUMNS
from gogooku.portfolio.backtest import TradeConfig
from gogooku.runs.comparison import compare
from gogooku.runs.find import open_run
from gogooku.runs.folder import Run
from gogooku.runs.judge import JudgeConfig, evaluate
from gogooku.runs.trade import backtest
from gogooku.runs.trials import Figure, TrialLedger
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


@pytest.mark.parametrize("name", COLUMNS)
def test_runs_of_a_column_s_name_or_of_one_name_are_called_by_their_id(home, name):
    one = judged(home, "ridge", "reversal", "lightgbm")
    ridge = next(iter(one))
    called = {run_id: name if run_id == ridge else "b" for run_id in one}
    renamed = {
        run_id: (replace(run, manifest={**run.manifest, "name": called[run_id]}), evaluation)
        for run_id, (run, evaluation) in one.items()
    }
    made = compare(home, renamed, metric="rank_ic")
    assert list(made.run_ids) == list(one)
    assert made.found.runs["run"].unique(maintain_order=True).to_list() == list(one)
    assert set(by_year(made.found)["run"]) == set(one)


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


def test_a_try_of_another_kind_of_split_counts_once_and_its_ratio_not(home):
    two = judged(home, "ridge", "reversal")
    ledger = TrialLedger(home)
    mine = [one for one in ledger.trials() if one.out_of_time]
    crossed = replace(
        mine[0], key="gone/1", config="another", split="purged_kfold", out_of_time=False,
        skill={5: Figure(0.5, 9.0, 100)},
    )  # fmt: skip
    before = compare(home, two, metric="rank_ic").found
    ledger.record(crossed)
    ledger.record(replace(crossed, key="gone/2", judged_by="excess"))
    after = compare(home, two, metric="rank_ic").found
    assert (before.tries, before.others) == (3, 0)
    assert (after.tries, after.others) == (4, 1)
    ratios = np.array([one.skill[5].ratio for one in mine])
    best = expected_best_sharpe(trials=4, variance=float(ratios.var(ddof=1)))
    row = after.runs.filter(run="ridge", horizon=5).row(0, named=True)
    error = ratio_estimate(after.daily[5]["ridge"].to_numpy(), horizon=5).error
    assert row["deflated"] == pytest.approx(stats.norm.cdf((row["ratio"] - best) / error))
    said = sentence_of(after).en
    assert "4 different settings were judged on these sessions (1 of them by another kind" in said
    assert "only the ratios of the other 3 say how far tries spread" in said
    assert "another kind of split" not in sentence_of(before).en
    assert after.to_json()["tries_of_another_split"] == 1


def test_a_try_judged_by_another_label_only_counts_and_its_ratio_not(home):
    two = judged(home, "ridge", "reversal")
    ledger = TrialLedger(home)
    mine = ledger.trials()[0]
    before = compare(home, two, metric="rank_ic").found
    stranger = replace(mine, key="gone/1", config="another", skill={5: Figure(0.5, 9.0, 100)})
    ledger.record(replace(stranger, judged_by="residual"))
    other = compare(home, two, metric="rank_ic").found
    assert (other.tries, other.others) == (before.tries + 1, 0)
    ledger.record(replace(stranger, key="gone/2"))
    after = compare(home, two, metric="rank_ic").found
    (low,), (mid,), (high,) = (
        one.runs.filter(run="ridge", horizon=5)["deflated"] for one in (after, other, before)
    )
    assert after.tries == other.tries
    assert low < 1e-6 < mid < high, "only the same label's ratio says how far tries spread"


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
    with pytest.raises(ContractError, match=r"source elsewhere on tokyo, tiny on tokyo"):
        compare(home, {name: (stranger, evaluation), other[0]: other[1]}, metric="rank_ic")
    abroad = Run(run.folder, run.config, run.stamp, {**run.manifest, "exchange": "new_york"})
    with pytest.raises(ContractError, match=r"\(source tiny on new_york, tiny on tokyo\)"):
        compare(home, {name: (abroad, evaluation), other[0]: other[1]}, metric="rank_ic")


def test_the_newest_account_of_each_run_is_deflated_beside_it(home):
    two = judged(home, "ridge", "reversal")
    made = compare(home, two, metric="rank_ic")
    assert [one["run"] for one in made.accounts] == ["ridge"]
    few = resolve(TradeConfig(), base_name="x", assignments=["portfolio.top_k=5"])
    traded = backtest(home, open_run(home, "reversal"), few)
    ridge, reversal = compare(home, two, metric="rank_ic").accounts
    assert (reversal["run"], reversal["backtest"]) == ("reversal", traded.folder.name)
    assert reversal["excess"] == traded.facts["statistics"]["excess_ratio"]["sharpe"]
    assert ridge["tries"] == reversal["tries"] == 3
    assert ridge["best_of_worthless"] == reversal["best_of_worthless"] > 0.0
    shutil.rmtree(traded.folder)
    (left,) = compare(home, two, metric="rank_ic").accounts
    assert (left["run"], left["tries"]) == ("ridge", 3), "what was traded stays counted"
