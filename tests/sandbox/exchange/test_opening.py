"""Markets that end soon after today, and the date at which their history begins."""

from datetime import date

import numpy as np
import pytest

from gogooku.core.calendar import tokyo_sessions
from gogooku.core.wall import VirtualClock
from gogooku.ingest.jquants.plans import Plan, plan_window
from gogooku.sandbox.exchange.opening import (
    config_until,
    end_of_next_quarter,
    history_from,
    open_exchange,
)
from gogooku.sandbox.market.config import exchange_config
from gogooku.sandbox.market.market import generate
from support.sandbox import EXCHANGE_MARKET, NOW, ask_all


@pytest.mark.parametrize(
    ("day", "end"),
    [
        (date(2026, 1, 1), date(2026, 6, 30)),
        (date(2026, 3, 31), date(2026, 6, 30)),
        (date(2026, 4, 1), date(2026, 9, 30)),
        (date(2026, 9, 30), date(2026, 12, 31)),
        (date(2026, 10, 1), date(2027, 3, 31)),
        (date(2026, 12, 31), date(2027, 3, 31)),
    ],
)
def test_the_quarter_after_this_one_ends(day, end):
    assert end_of_next_quarter(day) == end


@pytest.mark.parametrize("size", ["tiny", "demo"])
def test_a_market_ends_with_the_last_session_before_a_date(size):
    plain = exchange_config(size, seed=3)
    config = config_until(size, seed=3, until=date(2027, 1, 3))
    assert config == plain.model_copy(update={"first_session": config.first_session})
    sessions = tokyo_sessions(config.first_session, date(2027, 1, 3))
    assert len(sessions) == config.num_sessions
    assert sessions[-1] == np.datetime64("2026-12-30"), "Tokyo closes on 31 December"
    assert config_until(size, seed=3, until=date(2026, 12, 30)) == config


TODAY = date(2026, 10, 30)
STARTS = [plan_window(plan, TODAY)[0] for plan in Plan]


@pytest.mark.parametrize("first", [*STARTS, date(2021, 9, 10), date(2021, 12, 28)])
def test_a_history_does_not_begin_where_that_of_a_plan_does(first):
    begin = history_from(first, today=TODAY)
    assert begin < first
    assert (first - begin).days % 7 == 0
    assert min(abs((begin - start).days) for start in STARTS) > 60
    assert min(abs((begin - start).days) for start in STARTS) <= 67, "no earlier than it must"


@pytest.mark.parametrize("first", [date(2020, 1, 6), date(2025, 6, 2)])
def test_a_history_that_no_plan_could_be_taken_for_begins_with_its_market(first):
    assert history_from(first, today=TODAY) == first


def test_an_opened_exchange_answers_from_its_market():
    config = EXCHANGE_MARKET.model_copy(
        update={"num_stocks": 12, "num_sessions": 60, "first_session": date(2026, 8, 12),
                "halts": (), "num_sectors": 2}
    )  # fmt: skip
    exchange = open_exchange(config, clock=VirtualClock(NOW))
    rows = ask_all(exchange, "/equities/bars/daily", date="2026-10-30")
    market = generate(config)
    row = market.sessions.tolist().index(date(2026, 10, 30))
    names = {code for code, there in zip(market.codes, market.listed[row], strict=True) if there}
    assert len(names) >= 10
    assert names <= {one["Code"] for one in rows}
    assert exchange.settings.history_from == date(2026, 8, 12)
