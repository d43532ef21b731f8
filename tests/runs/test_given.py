"""Scores that were made elsewhere, as a run: worth what the run is worth that they came from."""

import shutil

import polars as pl
import pytest

from gogooku import pipeline
from gogooku.core.errors import UsageError
from gogooku.core.stamp import Stamp
from gogooku.dataset.home import current_dataset
from gogooku.predict.predictor import Predictor
from gogooku.runs.diagnose.diagnose import diagnose
from gogooku.runs.find import open_run
from gogooku.runs.folder import finished_runs
from gogooku.runs.given import bring
from gogooku.runs.holdouts import register
from gogooku.runs.importance import importance
from gogooku.runs.judge import evaluate
from gogooku.runs.report import write_report
from gogooku.runs.rivals import rivals_of
from gogooku.runs.trade import backtest
from gogooku.runs.trials import TrialLedger
from support.pages import read


@pytest.fixture
def brought(home, ridge):
    """The scores of ridge, as if somebody else had made them."""
    return bring(home, "mine", ridge.predictions("test"), current_dataset(home))


def codes_of(judged):
    return [one["code"] for one in judged.warnings]


def test_scores_of_a_run_are_worth_what_the_run_is_worth(home, ridge, brought):
    assert brought.predictions("test").drop("fold").equals(ridge.predictions("test").drop("fold"))
    mine, its = evaluate(home, brought), evaluate(home, ridge)
    assert mine.metrics == its.metrics
    assert mine.findings == its.findings
    for name in ("daily", "deciles", "decay", "breakdown", "rolling"):
        assert getattr(mine, name).equals(getattr(its, name)), name
    sold, its_sold = backtest(home, brought), backtest(home, ridge)
    for name in ("ledger", "daily", "holdings", "unfilled", "decisions"):
        assert sold.frame(name).equals(its_sold.frame(name)), name
    assert sold.metrics == its_sold.metrics


@pytest.mark.parametrize("horizon", [1, 20])
def test_scores_of_one_horizon_are_worth_the_same_there(home, ridge, horizon):
    alone = ridge.predictions("test").filter(horizon=horizon).select("date", "code", "score")
    run = bring(home, "scores", alone, current_dataset(home), horizon=horizon)
    assert run.horizons == (horizon,)
    mine, its = evaluate(home, run), evaluate(home, ridge)
    here = {name: one for name, one in its.metrics.items() if name.startswith(f"h{horizon}.")}
    assert mine.metrics == here
    same = ["cut", "value", "measure"]
    regimes = pl.col("cut").is_in(["volatility", "trend"])
    assert (
        mine.breakdown.filter(regimes).sort(same)
        .equals(its.breakdown.filter(regimes, horizon=horizon).sort(same))
    )  # fmt: skip


def test_what_is_not_known_is_said(home, ridge, brought):
    judged = evaluate(home, brought)
    assert "unknown-fit" in codes_of(judged)
    assert "one-fold" not in codes_of(judged)
    assert "unknown-fit" not in codes_of(evaluate(home, ridge))
    assert judged.written["validation"] == {}


def test_what_was_left_out_is_said_and_decides_the_run(home, ridge, brought):
    scores = ridge.predictions("test")
    more = pl.concat([scores, scores[:1].with_columns(code=pl.lit("9999x"))])
    other = bring(home, "mine", more, current_dataset(home), drop_unknown=True)
    assert other.run_id != brought.run_id
    (said,) = [one for one in evaluate(home, other).warnings if one["code"] == "rows-left-out"]
    assert said["numbers"] == {"unknown_codes": 1}
    assert "rows-left-out" not in codes_of(evaluate(home, brought))
    ledger = {one.run: one for one in TrialLedger(home).trials()}
    assert ledger[other.run_id].config == ledger[brought.run_id].config, "one try: the same scores"


def test_the_same_scores_are_found_again_and_others_are_another_run(home, ridge, brought):
    scores, dataset = ridge.predictions("test"), current_dataset(home)
    before = [path.stat().st_mtime_ns for path in sorted(brought.folder.rglob("*"))]
    again = bring(home, "mine", scores.sample(fraction=1.0, shuffle=True, seed=3), dataset)
    assert again.folder == brought.folder
    assert [path.stat().st_mtime_ns for path in sorted(brought.folder.rglob("*"))] == before
    turned = scores.with_columns(-pl.col("score"))
    other = bring(home, "mine", turned, dataset)
    assert other.folder != brought.folder
    assert other.content_hash != brought.content_hash
    assert open_run(home, "mine").run_id == other.run_id
    assert open_run(home, brought.run_id).given


def test_scores_that_were_removed_are_kept_again(home, ridge, brought):
    figures = evaluate(home, brought).metrics
    (brought.folder / "predictions.parquet").unlink()
    again = bring(home, "mine", ridge.predictions("test"), current_dataset(home))
    assert again.folder == brought.folder
    assert again.content_hash == brought.content_hash
    assert evaluate(home, again).metrics == figures
    assert backtest(home, again).metrics


def test_it_is_made_of_the_scores_and_the_dataset_and_of_nothing_else(home, brought):
    dataset = current_dataset(home)
    assert set(Stamp.read(brought.folder).inputs) == {f"dataset {dataset.folder.name}", "labels"}
    assert sorted(path.name for path in brought.folder.iterdir()) == [
        *("config.json", "manifest.json", "predictions.parquet", "stamp.json"),
    ]


def test_it_is_one_try_in_the_ledger(home, ridge, brought):
    before = len(TrialLedger(home).trials())
    evaluate(home, brought)
    evaluate(home, brought)
    (entry, *more) = TrialLedger(home).trials()[before:]
    assert more == []
    assert (entry.run, entry.learner, entry.split, entry.out_of_time) == (
        *(brought.run_id, "given", "given"), True,
    )  # fmt: skip
    backtest(home, brought)
    assert brought.run_id in {one.run for one in TrialLedger(home).accounts()}


@pytest.mark.parametrize("name", ["ridge", "atft-gat-fan"])
def test_the_name_of_a_learner_is_refused(home, ridge, name):
    with pytest.raises(UsageError, match=f"run {name}: a run of this name is one that gogooku tr"):
        bring(home, name, ridge.predictions("test"), current_dataset(home))


def test_a_name_that_is_none_is_refused_before_anything_is_read(home):
    with pytest.raises(UsageError, match="a name begins with a letter or a digit"):
        bring(home, "../mine", "no frame", current_dataset(home))


@pytest.mark.parametrize(
    "asked",
    [
        lambda home, run: Predictor(run, current_dataset(home)),
        lambda home, run: run.checkpoints(),
        importance,
        diagnose,
        lambda home, run: pipeline.report(home, run, explained=True),
    ],
)
def test_what_asks_for_a_model_is_refused(home, brought, asked):
    with pytest.raises(UsageError, match="holds scores that were made elsewhere, without a model"):
        asked(home, brought)


def test_its_page_is_that_of_any_run_and_says_what_is_not_known(home, ridge, brought):
    texts = set(read(write_report(home, brought).read_text(encoding="utf-8")).texts)
    assert "not known: made elsewhere" in texts
    assert "Out of sample" not in texts
    assert any("cannot say that the" in text for text in texts)
    its = set(read(write_report(home, ridge).read_text(encoding="utf-8")).texts)
    assert {"Out of sample", "1 fold"} <= its


def test_rivals_are_runs_of_some_of_the_same_dates(home, ridge, brought):
    found = rivals_of(home, brought)
    assert found.runs["ridge"].run_id == ridge.run_id
    assert set(found.runs) | set(found.missing) == {"ridge", "lightgbm", "reversal"}
    dataset = current_dataset(home)
    early = dataset.sessions[80:90]
    frame = pl.DataFrame({"date": early}).join(
        pl.DataFrame({"code": dataset.codes}), how="cross"
    ).with_columns(score=pl.col("code").hash(1).mod(1_000).cast(pl.Float32))  # fmt: skip
    assert rivals_of(home, bring(home, "early", frame, dataset)).runs == {}
    weekly = ridge.predictions("test").filter(pl.col("date").dt.weekday() == 1)
    assert "ridge" in rivals_of(home, bring(home, "weekly", weekly, dataset)).runs


def test_weekly_scores_are_traded_on_their_days(home, ridge):
    weekly = ridge.predictions("test").filter(pl.col("date").dt.weekday() == 1)
    run = bring(home, "weekly", weekly, current_dataset(home))
    days = weekly.get_column("date").unique()
    assert evaluate(home, run).daily.get_column("date").unique().sort().equals(days.sort())
    decided = backtest(home, run).frame("decisions").get_column("decided_at").dt.date().unique()
    assert set(decided) <= set(days)
    assert len(decided) > 3


def test_a_hold_out_is_kept_from_it_too(home, ridge):
    first, last = ridge.tested
    dataset = current_dataset(home)
    held = register(home, dataset, "last", first=last, last=last)
    run = bring(home, "mine", ridge.predictions("test"), dataset)
    with pytest.raises(UsageError, match=f"judge no scores from {held.closed_from} on"):
        evaluate(home, run)
    before = ridge.predictions("test").filter(pl.col("date") < held.closed_from)
    if before.height:
        assert evaluate(home, bring(home, "mine", before, dataset)).metrics
    assert evaluate(home, run, spend=["last"]).metrics
    assert first < last


def test_a_run_whose_dataset_is_gone_is_found_all_the_same(home, brought):
    evaluate(home, brought)
    shutil.rmtree(home / "datasets")
    assert evaluate(home, open_run(home, "mine")).metrics
    assert brought.folder in finished_runs(home)
