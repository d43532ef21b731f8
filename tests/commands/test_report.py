import pytest

from gogooku.commands.report import report
from support.cli import done, sets


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
