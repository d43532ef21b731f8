"""Trading a finished run: the account's settings, what is kept, what is refused."""

from datetime import UTC, datetime

import numpy as np
import pytest

from gogooku.core.config import resolve
from gogooku.core.errors import DataError
from gogooku.core.files import read_json
from gogooku.core.wall import VirtualClock
from gogooku.evaluate.sharpe import expected_best_sharpe
from gogooku.portfolio.backtest import TradeConfig, run_backtest
from gogooku.portfolio.measures import backtest_report
from gogooku.portfolio.risk_report import risk_report
from gogooku.runs.beside import METRICS_FILE
from gogooku.runs.find import open_run
from gogooku.runs.judge import evaluate
from gogooku.runs.trade import LEDGER_FILE, backtest, deflated_of, market_bars
from gogooku.runs.trade_statistics import trade_statistics
from gogooku.runs.trials import TRIALS_FILE, TrialLedger


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
    assert bars.dividend is bars.fine_ticks is bars.lendable is None


def test_what_is_wrong_with_its_settings_is_kept_with_it(home, ridge):
    traded = backtest(home, ridge, with_settings("portfolio.top_k=7", "initial_cash=10000000"))
    (one,) = [one for one in traded.warnings if one["code"] == "other-currency"]
    assert "usual in new_york is" not in one["text"]
    assert "initial_cash is 10,000,000 JPY, which is what is usual in new_york" in one["text"]
    assert not [one for one in traded.warnings if one["code"] == "large-k"]
    assert [one["code"] for one in backtest(home, ridge).warnings] == ["large-k"]


def test_every_backtest_is_written_in_the_ledger_of_trials_by_itself(home, ridge):
    (home / TRIALS_FILE).unlink()
    noon = datetime(2026, 1, 5, 3, tzinfo=UTC)
    traded = backtest(home, ridge, clock=VirtualClock(noon))
    (entry,) = TrialLedger(home).accounts()
    sure = traded.facts["statistics"]
    assert entry.key == f"{ridge.run_id}/{traded.folder.name}"
    assert (entry.excess, entry.sharpe) == (
        sure["excess_ratio"]["sharpe"],
        sure["sharpe"]["sharpe"],
    )
    assert (entry.n, entry.at) == (traded.facts["sessions"], noon)
    assert (str(entry.first), str(entry.last)) == (traded.facts["first"], traded.facts["last"])
    assert (entry.source, entry.exchange, entry.labels) == ("tiny", "tokyo", "true")
    backtest(home, ridge)
    assert TrialLedger(home).accounts() == [entry]


def test_the_deflated_figure_counts_accounts_and_what_was_only_judged(home, ridge):
    (home / TRIALS_FILE).unlink()
    traded = backtest(home, ridge)
    daily = traded.frame("daily")
    alone = deflated_of(home, ridge, daily)
    assert (alone["tries"], alone["accounts"], alone["best_of_worthless"]) == (1, 1, 0.0)
    assert alone["probability"] == traded.facts["statistics"]["excess_ratio"]["probability"]
    others = [backtest(home, ridge, with_settings(f"portfolio.top_k={k}")) for k in (5, 6)]
    for name in ("ridge", "lightgbm"):
        evaluate(home, open_run(home, name))
    found = deflated_of(home, ridge, daily)
    ratios = [one.facts["statistics"]["excess_ratio"]["sharpe"] for one in (traded, *others)]
    assert (found["tries"], found["accounts"], found["spread_of"]) == (4, 3, "accounts")
    best = expected_best_sharpe(trials=4, variance=float(np.var(ratios, ddof=1)))
    assert found["best_of_worthless"] == best
    assert 0.0 <= found["probability"] < alone["probability"]


def test_it_keeps_what_could_be_lost_and_how_sure_it_is(home, ridge):
    traded = backtest(home, ridge)
    daily = traded.frame("daily")
    assert traded.frame("risk").equals(risk_report(daily).frames["risk"])
    assert traded.frame("worst_sessions")["date"].is_in(daily["date"].to_list()).all()
    statistics = dict(traded.facts["statistics"])
    assert statistics.pop("deflated_sharpe") == deflated_of(home, ridge, daily)
    assert statistics == trade_statistics(daily)
    assert read_json(traded.folder / METRICS_FILE)["facts"]["statistics"] == statistics
    sure = statistics["excess_ratio"]
    assert 0.0 < sure["probability"] < 1.0
    assert sure["n"] == traded.facts["sessions"]
