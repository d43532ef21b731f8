"""The page about a run: of the evaluation and the backtest that its settings name."""

from gogooku.core.config import resolve
from gogooku.core.stamp import Stamp
from gogooku.runs.folder import Run
from gogooku.runs.judge import JudgeConfig, evaluate
from gogooku.runs.report import ReportConfig, events_of, write_report
from gogooku.runs.trade import TradeConfig, backtest


def page_of(*assignments):
    return resolve(ReportConfig(), base_name="report", assignments=assignments)


def test_its_settings_are_those_of_judging_and_trading():
    both = {*JudgeConfig.model_fields, *TradeConfig.model_fields}
    assert set(ReportConfig.model_fields) == both


def test_a_page_is_about_the_evaluation_and_the_backtest_that_it_names(home, ridge):
    settings = page_of("judge_label=residual", "portfolio.top_k=7")
    place = write_report(home, ridge, settings)
    assert place.name == "report.html"
    assert place.parent.parent == ridge.folder
    judged = evaluate(home, ridge, settings.part(JudgeConfig))
    traded = backtest(home, ridge, settings.part(TradeConfig))
    inputs = Stamp.read(place.parent).inputs
    assert {judged.folder.name, traded.folder.name} <= set(inputs)
    text = place.read_text(encoding="utf-8")
    assert "residual" in text
    assert "portfolio.top_k" in text
    assert "learner.penalties" in text


def test_another_trial_is_another_page(home, ridge):
    plain, trial = write_report(home, ridge), write_report(home, ridge, page_of("lot_size=1"))
    assert plain != trial
    assert plain.read_bytes() != trial.read_bytes()
    assert write_report(home, ridge, page_of("lot_size=100")) == plain


def test_events_are_lines_and_none_where_nothing_reports(home, ridge, tmp_path):
    assert events_of(ridge)[0]["event"] == "fold"
    silent = Run(folder=tmp_path, config=ridge.config, stamp=ridge.stamp, manifest={"files": {}})
    assert events_of(silent) == []
