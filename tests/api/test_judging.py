"""Scores from elsewhere in one call."""

import polars as pl
import pytest

import gogooku as gg
from gogooku.api.judging import judge
from gogooku.runs.trials import TrialLedger


def test_it_is_the_judgement_of_the_home(home, monkeypatch):
    scores = home.run("ridge").scores()
    mine = judge(scores, home, name="mine")
    assert mine.name == "mine"
    assert judge(scores, home.path, name="mine").id == mine.id
    monkeypatch.setenv("GOGOOKU_HOME", str(home.path))
    assert gg.judge(scores, name="mine", data=home.dataset()).id == mine.id
    assert home.judge(scores, name="mine").id == mine.id
    assert "mine" in home.runs().get_column("name").to_list()
    assert repr(mine).startswith(f"Run({mine.id}: given, tested 2021-")


def test_what_it_says_is_what_a_run_of_these_scores_says(home):
    ridge = home.run("ridge")
    mine = home.judge(ridge.scores().to_pandas(), name="mine")
    assert mine.scores().equals(ridge.scores())
    assert mine.scores("valid").is_empty()
    assert mine.metrics().equals(ridge.metrics())
    assert mine.daily().equals(ridge.daily())
    assert home.backtest(mine).ledger().equals(home.backtest(ridge).ledger())
    assert home.backtest(mine).daily().equals(home.backtest(ridge).daily())
    assert any("cannot say that the" in text for text in mine.warnings())
    assert mine.report().name == "report.html"
    differences = home.compare(ridge, mine).differences()
    assert differences.get_column("horizon").to_list() == [1, 5, 10, 20]


def test_it_is_in_the_ledger_at_once_by_the_label_that_was_asked_for(home):
    scores = home.run("ridge").scores()
    mine = home.judge(scores, name="mine", settings={"judge_label": "excess"})
    (entry,) = [one for one in TrialLedger(home.path).trials() if one.run == mine.id]
    assert (entry.learner, entry.judged_by) == ("given", "excess")


def test_options_are_handed_on(home):
    scores = home.run("ridge").scores().filter(horizon=10).drop("horizon", "fold")
    assert home.judge(scores, horizon=10).horizons == (10,)
    assert home.judge(scores).horizons == (5,)
    stranger = scores.vstack(scores[:1].with_columns(code=pl.lit("9999x")))
    with pytest.raises(gg.GogookuError, match="1 codes that dataset"):
        home.judge(stranger)
    assert any(
        "1 of codes that the dataset does not have" in text
        for text in home.judge(stranger, drop_unknown=True).warnings()
    )


def test_there_is_no_ranking_by_it(home):
    mine = home.judge(home.run("ridge").scores())
    with pytest.raises(gg.GogookuError, match="without a model"):
        home.predict(mine)


def test_a_home_that_is_not_there(tmp_path):
    with pytest.raises(gg.GogookuError, match="there is no such home"):
        judge({"date": [], "code": [], "score": []}, tmp_path / "none")


def test_the_example(examples):
    assert examples(judge) == 2
