"""What `gogooku compare` answers: the sentence first, then the tables, all judged by one label."""

import pytest

from gogooku import pipeline
from gogooku.commands.compare import compare
from gogooku.core.config import resolve
from gogooku.core.errors import UsageError
from gogooku.runs import comparison
from gogooku.runs.find import open_run
from gogooku.runs.judge import JudgeConfig
from support.cli import done, run_cli


def test_compare_for_people_and_programs(home):
    facts = done(home, "compare", "ridge", "reversal", "lightgbm", "--json").json
    assert len({row["run"] for row in facts["runs"]}) == 3
    assert {row["run"] for row in facts["differences"]} == {"reversal", "lightgbm"}
    assert facts["run_ids"]["ridge"] == open_run(home, "ridge").run_id
    assert facts["tries"] == 4
    said = done(home, "compare", "ridge", "reversal").out
    assert "at a horizon of 5 sessions" in said.splitlines()[0]
    assert "different settings were judged on these sessions" in said
    assert "rank_ic" in said
    assert [one["run"] for one in facts["accounts"]] == ["ridge"]
    assert f"ridge, {facts['accounts'][0]['backtest']}: net excess Sharpe ratio" in said
    far = done(home, "compare", "ridge", "reversal", "--horizon", "20").out
    assert "at a horizon of 20 sessions" in far.splitlines()[0]


def test_both_runs_are_judged_by_the_label_asked_for(home):
    names, label = ["ridge", "reversal"], ["judge_label=residual"]
    answer = compare(home, names, metric="ic", config=None, assignments=label)
    settings = resolve(JudgeConfig(), base_name="evaluation", assignments=label)
    runs = [open_run(home, name) for name in names]
    judged = {run.run_id: (run, pipeline.evaluate(home, run, settings)) for run in runs}
    wanted = comparison.compare(home, judged, metric="ic").found.to_json()
    assert answer.facts["runs"] == wanted["runs"]
    assert answer.facts["labels"] == "residual"
    plain = compare(home, names, metric="ic", config=None, assignments=[]).facts
    assert answer.facts["runs"] != plain["runs"]


def test_one_run_is_refused(home):
    with pytest.raises(UsageError, match="at least two runs"):
        compare(home, ["ridge"], metric="ic", config=None, assignments=[])


def test_a_measure_that_is_not_there_is_named(home):
    result = run_cli(home, "compare", "ridge", "reversal", "--metric", "sharpe")
    assert result.code == 2
    assert "it has rank_ic" in result.err


def test_hold_outs_that_were_spent_are_said(home):
    first, last = open_run(home, "ridge").windows("test")[0]
    done(home, "holdout", "add", "last", "--from", first, "--to", last)
    done(home, "evaluate", "ridge", "reversal", "--spend-holdout", "last")
    answer = compare(home, ["ridge", "reversal"], metric="rank_ic", config=None, assignments=[])
    assert sum("of 2 to look at it" in text for text in answer.facts["remarks"]) == 2


def test_a_page_is_written_whole(home, tmp_path):
    place = tmp_path / "page.html"
    answer = done(home, "compare", "ridge", "reversal", "--page", place, "--json").json
    assert answer["page"] == str(place)
    text = place.read_text()
    assert "Runs side by side" in text
    assert answer["sentence"][:40] in text
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["page.html"]
    for wrong in (tmp_path / "no" / "page.html", tmp_path / "page.txt"):
        refused = run_cli(home, "compare", "ridge", "reversal", "--page", wrong)
        assert refused.code == 2
        assert "--page" in refused.err


def test_a_page_opens_in_the_language_that_is_wanted(home, tmp_path):
    place = tmp_path / "page.html"
    done(home, "compare", "ridge", "reversal", "--page", place, "--language", "ja", "--json")
    assert '<html lang="ja" data-lang="ja">' in place.read_text()
    for wrong, said in (
        (("--page", place, "--language", "fr"), "--language fr: must be en or ja"),
        (("--language", "ja"), "give --page FILE too"),
    ):
        refused = run_cli(home, "compare", "ridge", "reversal", *wrong)
        assert refused.code == 2
        assert said in refused.err


def test_whose_prices_a_page_is_about_is_known(home, tmp_path):
    place = tmp_path / "page.html"
    done(home, "compare", "ridge", "reversal", "--page", place, "--json")
    assert ">SIMULATED MARKET<" in place.read_text()
