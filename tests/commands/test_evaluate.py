from support.cli import run_cli


def test_evaluate_for_people_and_programs(home):
    result = run_cli(home, "evaluate", "ridge", "reversal", "--json")
    assert result.code in (0, 1)
    assert len(result.json) == 2
    for metrics in result.json.values():
        one = metrics["metrics"]["h5.rank_ic"]
        assert one["n"] > 0
        assert "error" in one
    assert "RankIC" in run_cli(home, "evaluate", "ridge").out
