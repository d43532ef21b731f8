"""What `gogooku compare` answers: every pair of runs, all judged by one label."""

import pytest

from gogooku import pipeline
from gogooku.commands.compare import compare
from gogooku.core.config import resolve
from gogooku.core.errors import UsageError
from gogooku.evaluate.compare import compare_runs
from gogooku.runs.find import open_run
from gogooku.runs.judge import JudgeConfig
from support.cli import done


def test_compare_for_people_and_programs(home):
    rows = done(home, "compare", "ridge", "reversal", "--json").json
    assert rows
    said = done(home, "compare", "ridge", "reversal").out
    assert "rank_ic" in said


def test_both_runs_are_judged_by_the_label_asked_for(home):
    names, label = ["ridge", "reversal"], ["judge_label=residual"]
    answer = compare(home, names, metric="ic", config=None, assignments=label)
    settings = resolve(JudgeConfig(), base_name="evaluation", assignments=label)
    daily = {}
    for name in names:
        run = open_run(home, name)
        daily[run.run_id] = pipeline.evaluate(home, run, settings).daily
    wanted = compare_runs(daily, metric="ic").to_dicts()
    assert repr(answer.facts) == repr(wanted)  # a NaN is not equal to itself
    plain = compare(home, names, metric="ic", config=None, assignments=[]).facts
    assert repr(answer.facts) != repr(plain)


def test_one_run_is_refused(home):
    with pytest.raises(UsageError, match="at least two runs"):
        compare(home, ["ridge"], metric="ic", config=None, assignments=[])
