"""The page about a run: of the evaluation and the backtest that its settings name."""

import re
from types import MappingProxyType

from gogooku.core.config import resolve
from gogooku.core.stamp import Stamp
from gogooku.runs.find import open_run
from gogooku.runs.folder import Run
from gogooku.runs.judge import JudgeConfig, evaluate
from gogooku.runs.newest import company_names, source_of
from gogooku.runs.report import ReportConfig, events_of, warnings_of, write_report
from gogooku.runs.trade import TradeConfig, backtest
from support.pages import read

BIAS = "prices are adjusted backwards: levels, price floors and traded value look ahead"


def page_of(*assignments):
    return resolve(ReportConfig(), base_name="report", assignments=assignments)


def test_its_settings_are_those_of_judging_and_trading_and_a_language():
    both = {*JudgeConfig.model_fields, *TradeConfig.model_fields}
    assert set(ReportConfig.model_fields) == {*both, "language"}


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
    counted = write_report(home, ridge)
    assert counted != plain, "the other account is one more try"
    assert write_report(home, ridge, page_of("lot_size=100")) == counted


def test_events_are_lines_and_none_where_nothing_reports(home, ridge, tmp_path):
    assert events_of(ridge)[0]["event"] == "fold"
    silent = Run(folder=tmp_path, config=ridge.config, stamp=ridge.stamp, manifest={"files": {}})
    assert events_of(silent) == []


def test_the_page_says_whose_prices_and_which_dates(home, ridge):
    texts = read(write_report(home, ridge).read_text(encoding="utf-8")).texts
    first, last = ridge.manifest["folds"][0]["test"]
    assert "SIMULATED MARKET" in texts
    assert any(text.startswith(f"{first} to {last}, ") for text in texts)
    assert "tiny" in texts


def test_the_page_opens_in_the_language_that_is_wanted(home, ridge):
    english, japanese = write_report(home, ridge), write_report(home, ridge, page_of("language=ja"))
    assert english.parent != japanese.parent
    texts = [place.read_text(encoding="utf-8") for place in (english, japanese)]
    assert [f'data-lang="{code}"' in text for code, text in zip(("en", "ja"), texts, strict=True)]
    assert (
        texts[0]
        .replace('lang="en" data-lang="en"', 'lang="ja" data-lang="ja"', 1)
        .partition("config")[0]
        == texts[1].partition("config")[0]
    )


def test_models_that_come_later_make_another_page(home, ridge):
    alone = run_alone(home, ridge)
    lost = read(alone.read_text(encoding="utf-8")).texts
    assert any("lightgbm, reversal" in text for text in lost)
    together = write_report(home, open_run(home, "ridge"))
    assert together != alone
    texts = read(together.read_text(encoding="utf-8")).texts
    assert {"lightgbm", "reversal"} <= set(texts)
    assert not any("lightgbm, reversal" in text for text in texts)


def run_alone(home, ridge):
    """The page while no other run is there."""
    others = [path for path in ridge.folder.parent.iterdir() if path != ridge.folder]
    for path in others:
        path.rename(home / path.name)
    page = write_report(home, ridge)
    for path in others:
        (home / path.name).rename(path)
    return page


def test_the_page_shows_the_account_and_how_much_may_be_luck(home, ridge):
    text = write_report(home, ridge).read_text(encoding="utf-8")
    reader = read(text)
    assert {"luck", "beside", "parts", "risk", "capacity", "month-details"} <= set(reader.ids)
    month = backtest(home, ridge).frame("months")["month"][0]
    assert f"<b>{month:%Y-%m}</b>" in text
    name = company_names(source_of(home, ridge))["name_en"][0]
    assert name.split()[0] in text


def test_warnings_are_findings_first_and_in_both_languages():
    class Judged:
        findings = ("horizon 5: RankIC +0.300 over 90 sessions is beyond 0.15; look for a label",)
        facts = MappingProxyType({"known_bias": [BIAS]})
        warnings = (
            {"text": f"The source is biased: {BIAS}.", "text_ja": f"偏りがあります: {BIAS}。"},
            {"text": "One fold only.", "text_ja": "フォールドは1つだけです。"},
        )

    found = warnings_of(Judged())
    assert [one.en[:9] for one in found] == ["horizon 5", "The sourc", "One fold "]
    assert "順位IC" in found[0].ja
    assert BIAS in found[1].en
    assert "遡及調整" in found[1].ja
    assert not re.search("[a-z]{4,}", found[1].ja)
