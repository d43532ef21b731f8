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
    lines = [one for one in answer.parts if str(one).startswith("warning (")]
    assert len(answer.parts) == 4 + len(lines)


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
