"""Trading a finished run: the account's settings, what is kept, what is refused."""

import numpy as np
import pytest

from gogooku.core.config import resolve
from gogooku.core.errors import DataError
from gogooku.portfolio.backtest import TradeConfig, run_backtest
from gogooku.portfolio.measures import backtest_report
from gogooku.portfolio.risk_report import risk_report
from gogooku.runs.trade import LEDGER_FILE, backtest, market_bars
from gogooku.runs.trade_statistics import trade_statistics


def with_settings(*assignments):
    return resolve(TradeConfig(), base_name="backtest", assignments=assignments)


def test_it_is_the_backtest_of_the_test_part(home, ridge):
    settings = with_settings("portfolio.top_k=7", "lot_size=10", "portfolio.horizon=10")
    traded = backtest(home, ridge, settings)
    dataset = ridge.dataset(home)
    indices, scores = ridge.scores("test", dataset)
    chosen = scores[:, :, ridge.horizons.index(10)].astype(np.float64)
    wanted = run_backtest(market_bars(dataset), chosen, indices, config=settings.config)
    for name in ("ledger", "daily", "unfilled", "holdings"):
        assert traded.frame(name).equals(getattr(wanted, name))
    assert traded.metrics == backtest_report(wanted.daily).to_json()["metrics"]
    assert traded.facts["sessions"] == traded.frame("daily").height - 1


def test_each_account_has_a_backtest_of_its_own(home, ridge):
    one, two = backtest(home, ridge), backtest(home, ridge, with_settings("portfolio.top_k=7"))
    assert one.folder != two.folder
    assert one.frame("holdings").height > two.frame("holdings").height
    assert backtest(home, ridge, with_settings("portfolio.top_k=50")).folder == one.folder


def test_a_ledger_that_is_gone_is_made_again(home, ridge):
    traded = backtest(home, ridge)
    before = (traded.folder / LEDGER_FILE).read_bytes()
    (traded.folder / LEDGER_FILE).unlink()
    again = backtest(home, ridge)
    assert again.folder == traded.folder
    assert (again.folder / LEDGER_FILE).read_bytes() == before


def test_a_horizon_that_was_not_scored_is_refused(home, ridge):
    before = sorted(ridge.folder.iterdir())
    with pytest.raises(DataError, match=r"horizon 7; set portfolio\.horizon to one of 1, 5, 10"):
        backtest(home, ridge, with_settings("portfolio.horizon=7"))
    assert sorted(ridge.folder.iterdir()) == before


def test_bars_are_those_of_the_dataset(home, ridge):
    dataset = ridge.dataset(home)
    bars = market_bars(dataset)
    assert bars.codes == dataset.codes
    assert bars.close.shape == dataset.valid_TN.shape
    assert bars.exchange.name == "tokyo"


def test_it_keeps_what_could_be_lost_and_how_sure_it_is(home, ridge):
    traded = backtest(home, ridge)
    daily = traded.frame("daily")
    assert traded.frame("risk").equals(risk_report(daily).frames["risk"])
    assert traded.frame("worst_sessions")["date"].is_in(daily["date"].to_list()).all()
    assert traded.facts["statistics"] == trade_statistics(daily)
    sure = traded.facts["statistics"]["excess_ratio"]
    assert 0.0 < sure["probability"] < 1.0
    assert sure["n"] == traded.facts["sessions"]
