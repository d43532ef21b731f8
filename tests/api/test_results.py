"""What a run and its backtest say in Python is what lies beside the run."""

import pytest

from gogooku.api.results import Backtest, Comparison, Run, metrics_frame
from gogooku.core.errors import ConfigError, UsageError


def test_metrics_are_those_of_the_evaluation(made_by_api):
    run = made_by_api.run("ridge")
    frame = run.metrics()
    judged = run._judged(None)
    assert dict(frame.select("measure", "value").iter_rows()) == {
        name: one["value"] for name, one in judged.metrics.items()
    }
    assert metrics_frame({}).columns == ["measure", "value", "error", "low", "high", "n"]


def test_another_label_judges_otherwise(home):
    run = home.run("ridge")
    raw, other = run.metrics(), run.metrics({"judge_label": "residual"})
    assert not raw.equals(other)
    with pytest.raises(ConfigError, match="judge_label"):
        run.metrics({"judge_label": "rwa"})


def test_parts_of_scores(made_by_api):
    run = made_by_api.run("ridge")
    assert run.scores("valid").item(-1, "date") < run.scores().item(0, "date")
    with pytest.raises(UsageError, match="part='train': must be test or valid"):
        run.scores("train")


def test_they_say_who_they_are(made_by_api):
    run = made_by_api.run("ridge")
    assert repr(run).startswith(f"Run({run.id}: ridge, tested 2021-")
    assert repr(made_by_api.backtest(run)).startswith(f"Backtest({run.id}: 2021-")
    assert "ridge" in repr(made_by_api.compare(run, "reversal"))


def test_examples(examples):
    assert examples(Run) >= 9
    assert examples(Backtest) >= 6
    assert examples(Comparison) >= 3
