"""What `gogooku evaluate` answers: measures by run, where they are kept, and findings."""

import json

import pytest

from gogooku import pipeline
from gogooku.commands.evaluate import evaluate
from gogooku.core.errors import ConfigError, DataError, FindingError
from gogooku.core.files import write_json
from gogooku.runs.find import open_run
from support.cli import done, run_cli, sets
from support.seals import reseal

CROSS = ("split.kind=combinatorial", "split.num_groups=4", "split.embargo=0")


def test_evaluate_for_people_and_programs(home):
    result = run_cli(home, "evaluate", "ridge", "reversal", "--json")
    assert result.code in (0, 1)
    assert len(result.json) == 2
    for metrics in result.json.values():
        one = metrics["metrics"]["h5.rank_ic"]
        assert one["n"] > 0
        assert "error" in one
    assert "RankIC" in run_cli(home, "evaluate", "ridge").out


def test_every_label_is_kept_and_a_wrong_setting_names_the_right_one(home, tmp_path):
    config = tmp_path / "judged.toml"
    config.write_text("judge_label = 'excess'\n")
    judged = done(home, "evaluate", "ridge", "reversal", "--config", config, "--json").json
    assert {one["facts"]["variant"] for one in judged.values()} == {"excess"}
    assert "excess labels" in done(home, "evaluate", "ridge", *sets("judge_label=excess")).out
    assert len(list(home.glob("runs/ridge-*/evaluation-*"))) == 2
    result = run_cli(home, "evaluate", "ridge", *sets("judge_labels=excess"))
    assert result.code == 2
    assert "nearest valid names: judge_label" in result.err


def test_it_answers_with_measures_and_the_folder_of_each_run(home):
    answer = evaluate(home, ["ridge", "reversal"], config=None, assignments=[])
    assert [name.partition("-")[0] for name in answer.facts] == ["ridge", "reversal"]
    for name, facts in answer.facts.items():
        judged = pipeline.evaluate(home, open_run(home, name))
        assert facts["folder"] == str(judged.folder)
        assert facts["metrics"] == judged.metrics
        assert facts["warnings"] == judged.warnings
        assert f"  {judged.folder}" in answer.parts
        assert facts["tries"] == 3, "those of this home that were judged: two before, one now"
        assert facts["holdouts"] == []
    lines = [one for one in answer.parts if str(one).startswith("warning (")]
    assert answer.parts.count("  already judged, nothing to do") == 1, "ridge, not reversal"
    assert len(answer.parts) == 7 + len(lines)


def test_warnings_stand_before_the_table_and_in_the_answer(home):
    answer = evaluate(home, ["ridge"], config=None, assignments=[])
    (facts,) = answer.facts.values()
    codes = [one["code"] for one in facts["warnings"]]
    assert "one-fold" in codes
    first = answer.parts[: len(codes)]
    assert first == [f"warning ({one['severity']}): {one['text']}" for one in facts["warnings"]]


def test_a_finding_fails_and_names_its_run(home):
    run = open_run(home, "ridge")
    judged = pipeline.evaluate(home, run)
    found = {**judged.written, "facts": {**judged.facts, "findings": ["horizon 5: too good"]}}
    write_json(judged.folder / "metrics.json", json.loads(json.dumps(found)))
    reseal(judged.folder)
    answer = evaluate(home, ["ridge"], config=None, assignments=[])
    assert isinstance(answer.failure, FindingError)
    assert str(answer.failure) == f"{run.run_id}: horizon 5: too good"


def test_nothing_is_judged_when_a_run_is_not_there_or_a_setting_is_wrong(home):
    before = sorted(home.glob("runs/*/*"))
    with pytest.raises(DataError, match="nowhere"):
        evaluate(home, ["reversal", "nowhere"], config=None, assignments=[])
    with pytest.raises(ConfigError, match="judge_label"):
        evaluate(home, ["reversal"], config=None, assignments=["judge_label=best"])
    assert sorted(home.glob("runs/*/*")) == before


def test_a_cross_validation_says_that_it_is_not_out_of_time(home):
    done(home, "train", "reversal", *sets(*CROSS), "--json")
    answer = evaluate(home, ["reversal"], config=None, assignments=[])
    (facts,) = answer.facts.values()
    assert facts["facts"]["cross_validation"]["out_of_time"] is False
    (table,) = [part for part in answer.parts if not isinstance(part, str)]
    assert "cross-validation (3 paths), not out of time" in str(table.title)


# --------------------------------------------------------------------------------- hold-outs


def test_a_hold_out_is_spent_only_explicitly_and_every_look_is_said(home):
    run = open_run(home, "ridge")
    first, last = run.windows("test")[0]
    done(home, "holdout", "add", "last", "--from", first, "--to", last)
    for command in ("evaluate", "backtest", "report"):
        refused = run_cli(home, command, "ridge")
        assert refused.code == 2, command
        assert "--spend-holdout last" in refused.err
    assert run_cli(home, "compare", "ridge", "reversal").code == 2
    spent = done(home, "evaluate", "ridge", "--spend-holdout", "last", "--json").json
    assert "spent by this run alone" in spent[run.run_id]["holdouts"][0]
    for command in ("evaluate", "backtest", "report"):
        done(home, command, "ridge")
    said = done(home, "evaluate", "reversal", "--spend-holdout", "last").out
    assert "number 2 of 2 to look at it" in said
    assert run.run_id in said
    assert "number 1 of 2" in done(home, "evaluate", "ridge").out
    (listed,) = done(home, "holdout", "list", "--json").json
    assert [one["number"] for one in listed["spent"]] == [1, 2]


def test_nothing_is_spent_when_one_of_the_runs_may_not(home):
    first, last = open_run(home, "ridge").windows("test")[0]
    done(home, "holdout", "add", "last", "--from", first, "--to", last)
    wrong = run_cli(home, "evaluate", "ridge", "--spend-holdout", "least")
    assert wrong.code == 2
    assert "source tiny has last" in wrong.err
    assert done(home, "holdout", "list", "--json").json[0]["spent"] == []
