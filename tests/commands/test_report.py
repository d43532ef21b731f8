import pytest

from gogooku.commands.report import report, settings
from support.cli import done, run_cli, sets


@pytest.mark.parametrize("run", ["ridge", "atft-gat-fan", "reversal"])
def test_report_is_one_page(run, home):
    place = done(home, "report", run, "--json").json["report"]
    with open(place, encoding="utf-8") as handle:
        page = handle.read()
    assert page.lstrip().lower().startswith("<!doctype html")
    assert "report: " in done(home, "report", run).out


def test_report_says_where_the_page_of_its_settings_is(home):
    plain = done(home, "report", "ridge", "--json").json["report"]
    trial = done(home, "report", "ridge", *sets("portfolio.top_k=7"), "--json").json["report"]
    assert plain != trial
    assert trial in done(home, "report", "ridge", *sets("portfolio.top_k=7")).out
    assert done(home, "explain", trial, "--json").json["kind"] == "report"


def test_report_says_what_each_group_of_features_is_worth(home):
    config = {"config": None, "assignments": []}
    plain = report(home, "reversal", **config)
    assert "importance" not in plain.facts
    asked = report(home, "reversal", importance=True, **config)
    assert asked.facts["report"] != plain.facts["report"]
    assert {one["horizon"] for one in asked.facts["importance"]} == {1, 5, 10, 20}
    shown = done(home, "report", "reversal", "--importance").out
    assert "RankIC lost on validation dates" in shown
    assert all(one["group"] in shown for one in asked.facts["importance"])
    with open(asked.facts["report"], encoding="utf-8") as handle:
        assert "What the scores live on" in handle.read()


def test_report_opens_in_the_language_that_is_asked_for(home):
    plain = done(home, "report", "ridge", "--json").json["report"]
    japanese = done(home, "report", "ridge", "--language", "ja", "--json").json["report"]
    assert japanese != plain
    with open(japanese, encoding="utf-8") as handle:
        assert '<html lang="ja"' in handle.read()
    assert settings("ja") == ["language=ja"]
    assert settings(None) == []


def test_a_language_that_the_page_does_not_have_is_refused(home):
    result = run_cli(home, "report", "ridge", "--language", "fr", "--json")
    assert result.code == 2
    assert "language" in result.error["message"]
    assert "en" in result.error["message"]
