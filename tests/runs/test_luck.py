"""A run's RankIC is deflated by the tries of the ledger, as a comparison deflates it."""

import pytest

from gogooku.core.config import resolve
from gogooku.evaluate.side_by_side import side_by_side
from gogooku.runs.comparison import tries_of
from gogooku.runs.find import open_run
from gogooku.runs.judge import JudgeConfig, evaluate
from gogooku.runs.luck import luck_of

PLAIN = resolve(JudgeConfig(), base_name="x")


def test_it_is_the_figure_of_a_comparison(home, ridge):
    other = open_run(home, "reversal")
    judged = {run.run_id: evaluate(home, run, PLAIN) for run in (ridge, other)}
    found = luck_of(home, ridge, judged[ridge.run_id], horizon=5)
    spans = ridge.windows("test")
    tries = tries_of(home, ridge, spans[0][0], spans[-1][1], judged_by="raw")
    made = side_by_side({name: one.daily for name, one in judged.items()}, tries=tries)
    row = made.runs.filter(run=ridge.run_id, horizon=5).row(0, named=True)
    assert found.deflated == pytest.approx(row["deflated"])
    assert found.ratio == pytest.approx(row["ratio"])
    assert found.tries == tries.count == made.tries
    assert found.counted == made.at[5].tries
    assert found.overfitting is None, "fewer than four tries"


def test_more_tries_leave_less(home, ridge):
    judged = evaluate(home, ridge, PLAIN)
    before = luck_of(home, ridge, judged, horizon=1)
    more = resolve(JudgeConfig(), base_name="x", assignments=["judge_label=excess"])
    evaluate(home, ridge, more)
    assert luck_of(home, ridge, judged, horizon=1).tries == before.tries, (
        "one setting, judged twice"
    )
