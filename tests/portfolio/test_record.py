"""Days of an account as they are written down."""

from datetime import date

import numpy as np
import pytest

from gogooku.core.errors import DataError
from gogooku.portfolio.broker import AccountTerms, Broker, Fills
from gogooku.portfolio.costs import CostConfig
from gogooku.portfolio.record import DAILY_SCHEMA, Record

DAY, NEXT = date(2024, 1, 4), date(2024, 1, 5)


def test_exposures_costs_and_holdings_of_a_day():
    broker = Broker(("A", "B", "C"), 1_000.0, AccountTerms(costs=CostConfig(), lot=1))
    record = Record(benchmark=1_000.0)
    record.close(DAY, broker, None)
    assert record.is_first
    broker.shares[:2], broker.last = [6, -2], np.array([100.0, 50.0, np.nan])
    broker._held = None
    done = Fills(equity=1_000.0, traded=700.0, commission=1.0, spread=2.0, impact=3.0, borrow=4.0)
    record.close(NEXT, broker, done)
    daily = record.daily()
    assert list(daily.columns) == list(DAILY_SCHEMA)
    row = daily.row(1, named=True)
    assert row["equity"] == 1_500.0
    assert (row["long"], row["short"]) == (pytest.approx(0.4), pytest.approx(100 / 1_500))
    assert row["gross"] == pytest.approx(700 / 1_500)
    assert row["net"] == pytest.approx(500 / 1_500)
    assert (row["cost"], row["cost_bps"], row["turnover"]) == (10.0, 100.0, 0.35)
    assert row["num_positions"] == 2
    held = record.holdings(broker.codes)
    assert held.select("date", "code", "shares", "price").rows() == [
        (NEXT, "A", 6, 100.0),
        (NEXT, "B", -2, 50.0),
    ]
    assert held["weight"].to_list() == [pytest.approx(0.4), pytest.approx(-100 / 1_500)]


def test_the_benchmark_is_the_mean_of_the_members_and_says_where_it_is_not_known():
    record = Record(benchmark=100.0)
    base, last = np.array([10.0, 10.0, 10.0]), np.array([11.0, 13.0, np.nan])
    record.follow_universe(DAY, np.array([True, True, True]), base, last)
    assert record.benchmark == pytest.approx(120.0)
    paid = np.array([1.0, 0.0, 5.0])
    assert record.benchmark_dividends == 0.0
    paying = Record(benchmark=100.0)
    paying.follow_universe(DAY, np.array([True, True, True]), base, last, paid=paid)
    # Growth of 10 % and 30 %, and a dividend of 1 on 10 of the first: 20 % and half of 10 %.
    assert paying.benchmark == pytest.approx(125.0)
    assert paying.benchmark_dividends == pytest.approx(5.0)
    assert record.holdings(("A",)).is_empty()
    record.follow_universe(NEXT, np.array([False, False, True]), base, last)
    with pytest.raises(DataError, match="no return on 1 sessions, first 2024-01-05"):
        record.daily()
