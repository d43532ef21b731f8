from support.cli import done, run_cli, sets


def test_backtest_for_people_and_programs(home):
    facts = done(home, "backtest", "ridge", "--json").json
    assert facts["metrics"]
    assert "backtest of ridge-" in done(home, "backtest", "ridge").out


def test_backtest_at_a_horizon_that_was_not_scored_is_refused(home):
    made = done(home, "train", "reversal", *sets("backtest.portfolio.horizon=7"), "--json").json
    result = run_cli(home, "backtest", made["run"])
    assert result.code == 3
    assert "horizon 7" in result.err
