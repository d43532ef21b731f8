import pytest

from gogooku.ingest.jquants.plans import REQUESTS_PER_MINUTE, Plan
from gogooku.sandbox.exchange.limits import Counting, Limits
from support.sandbox import ask, open_exchange

TOPIX, MASTER, SUMMARY = "/indices/bars/daily/topix", "/equities/master", "/fins/summary"
DAY = {"date": "2026-07-01"}


def limited(wires, **limits):
    return open_exchange(wires, limits=Limits(**limits))


def statuses(exchange, count, path=MASTER, key="sandbox-free", seconds=0.0, **query):
    told = []
    for _ in range(count):
        told.append(ask(exchange, path, key, **(query or DAY))[0])
        exchange.clock.sleep(seconds)
    return told


@pytest.mark.parametrize("counting", list(Counting))
@pytest.mark.parametrize("plan", [Plan.FREE, Plan.LIGHT])
def test_a_minute_has_as_many_requests_as_the_plan_says(wires, counting, plan):
    exchange = limited(wires, counting=counting)
    rate, key = REQUESTS_PER_MINUTE[plan], f"sandbox-{plan.name.lower()}"
    assert statuses(exchange, rate + 1, key=key) == [200] * rate + [429]
    exchange.clock.sleep(60)
    assert statuses(exchange, rate + 1, key=key) == [200] * rate + [429]


@pytest.mark.parametrize("counting", list(Counting))
def test_even_spacing_is_never_refused(wires, counting):
    exchange = limited(wires, counting=counting)
    assert set(statuses(exchange, 40, seconds=12.01)) == {200}
    assert exchange.limiter.refused == 0


def test_tokens_come_back_one_by_one(wires):
    exchange = limited(wires)
    statuses(exchange, 5)
    exchange.clock.sleep(12)
    assert statuses(exchange, 2) == [200, 429]


def test_keys_have_buckets_of_their_own(wires):
    exchange = limited(wires)
    statuses(exchange, 6)
    assert statuses(exchange, 1, key="sandbox-light") == [200]


def test_statements_have_a_limit_of_their_own_within_the_plans(wires):
    exchange = limited(wires)
    told = statuses(exchange, 61, path=SUMMARY, key="sandbox-premium")
    assert told == [200] * 60 + [429]
    assert statuses(exchange, 1, path="/fins/details", key="sandbox-premium") == [200]
    assert statuses(exchange, 1, key="sandbox-premium") == [200]


def test_sustained_excess_blocks_everything_for_five_minutes(wires):
    exchange = limited(wires, excess=3)
    assert statuses(exchange, 9) == [200] * 5 + [429] * 4
    exchange.clock.sleep(299)
    assert statuses(exchange, 1) == [429]
    exchange.clock.sleep(1)
    assert statuses(exchange, 1) == [200]
    assert exchange.limiter.refused == 5


def test_spread_excess_does_not_block(wires):
    exchange = limited(wires, excess=3)
    for _ in range(5):
        assert 429 in statuses(exchange, 6)
        exchange.clock.sleep(61)
    assert statuses(exchange, 1) == [200]


def test_refusals_count_and_a_429_says_why(wires):
    exchange = limited(wires)
    for _ in range(5):
        assert ask(exchange, "/nowhere", "sandbox-free")[0] == 403
    status, value = ask(exchange, MASTER, "sandbox-free", **DAY)
    assert status == 429
    assert "Rate limit" in value["message"]
    assert ask(exchange, MASTER, None)[0] == 403
