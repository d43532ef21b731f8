"""What `gogooku backtest` answers: measures of the account asked for, and where they are kept."""

import pytest

from gogooku import pipeline
from gogooku.commands.backtest import backtest
from gogooku.core.config import resolve
from gogooku.core.errors import ConfigError
from gogooku.portfolio.backtest import TradeConfig
from gogooku.runs.find import open_run
from support.cli import done, run_cli, sets


def test_backtest_for_people_and_programs(home):
    facts = done(home, "backtest", "ridge", "--json").json
    assert facts["metrics"]
    said = done(home, "backtest", "ridge").out
    assert "backtest of ridge-" in said
    assert "fills: at the open of the session after the decision" in said
    assert facts["facts"]["assumptions"]["dividends"].startswith("price return only")
    assert said.startswith("warning (high): K is 50 of ")
    assert [one["code"] for one in facts["warnings"]] == ["large-k"]
    assert facts["facts"]["statistics"]["deflated_sharpe"]["tries"] == 2, "the tour has another"
    assert "the best of 2 tries worth nothing would show" in " ".join(said.split())


def test_backtest_at_a_horizon_that_was_not_scored_is_refused(home):
    result = run_cli(home, "backtest", "reversal", *sets("portfolio.horizon=7"))
    assert result.code == 3
    assert "horizon 7" in result.err


def test_it_answers_for_the_account_asked_for(home, tmp_path):
    config = tmp_path / "account.toml"
    config.write_text("lot_size = 1\n[portfolio]\ntop_k = 7\n")
    answer = backtest(home, "ridge", config=config, assignments=["portfolio.top_k=9"])
    settings = ["lot_size=1", "portfolio.top_k=9"]
    resolved = resolve(TradeConfig(), base_name="backtest", assignments=settings)
    traded = pipeline.backtest(home, open_run(home, "ridge"), resolved)
    assert answer.facts["folder"] == str(traded.folder)
    assert answer.facts["metrics"] == traded.metrics
    assert answer.facts["run"].startswith("ridge-")
    assert answer.parts[-1] == f"  {traded.folder}"


def test_a_setting_that_is_not_there_is_refused(home):
    with pytest.raises(ConfigError, match=r"nearest valid names: portfolio\.top_k"):
        backtest(home, "ridge", config=None, assignments=["portfolio.topk=3"])
