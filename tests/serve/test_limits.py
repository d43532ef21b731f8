"""How often a key may ask, and an address be wrong."""

import pytest

from gogooku.serve import limits
from gogooku.serve.limits import (
    BURST_SECONDS,
    WRONG_KEYS,
    WRONG_SECONDS,
    Rates,
    TokenBucket,
    WrongKeys,
    whole_seconds,
)


def test_a_key_gets_its_rate_and_a_burst_after_a_rest():
    rates = Rates()
    burst = int(10 * BURST_SECONDS)
    assert [rates.wait("desk", 10.0, 0.0) for _ in range(burst)] == [0.0] * burst
    assert rates.wait("desk", 10.0, 0.0) == pytest.approx(0.1)
    passed = sum(rates.wait("desk", 10.0, 0.0 + n / 1_000) == 0.0 for n in range(1_000, 6_000))
    assert 5 * 10 - 1 <= passed <= 5 * 10 + 11
    assert rates.wait("desk", 10.0, 1_000.0) == 0.0


def test_keys_do_not_take_from_each_other():
    rates = Rates()
    while rates.wait("desk", 1.0, 0.0) == 0.0:
        pass
    assert rates.wait("page", 1.0, 0.0) == 0.0


def test_a_rate_that_is_changed_holds_at_once():
    rates = Rates()
    while rates.wait("desk", 1.0, 0.0) == 0.0:
        pass
    assert rates.wait("desk", 100.0, 0.0) == 0.0


def test_a_slow_rate_still_lets_one_in():
    bucket = TokenBucket(0.01, 0.0)
    assert bucket.take(0.0) == 0.0
    assert bucket.take(0.0) == pytest.approx(100.0)


def test_after_a_few_wrong_keys_an_address_waits():
    wrong = WrongKeys()
    for n in range(1, WRONG_KEYS):
        assert wrong.count("a", float(n)) == n
        assert wrong.wait("a", float(n)) == 0.0
    wrong.count("a", 5.0)
    assert wrong.wait("a", 5.0) == pytest.approx(WRONG_SECONDS - 4.0)
    assert wrong.wait("b", 5.0) == 0.0
    assert wrong.wait("a", 1.0 + WRONG_SECONDS) == 0.0
    assert wrong.count("a", 1.0 + WRONG_SECONDS) == 1


def test_a_key_that_was_right_from_there_is_remembered():
    wrong = WrongKeys()
    wrong.passed("a", "desk")
    assert wrong.has_passed("a", "desk")
    assert not wrong.has_passed("a", "page")
    assert not wrong.has_passed("b", "desk")


def test_addresses_beyond_number_take_no_memory(monkeypatch):
    monkeypatch.setattr(limits, "_MOST_REMEMBERED", 100)
    wrong = WrongKeys()
    for n in range(1_000):
        wrong.count(f"10.0.{n}", 0.0)
        wrong.passed(f"10.0.{n}", "desk")
    assert len(wrong._wrong) == len(wrong._right) == 100
    assert wrong.has_passed("10.0.999", "desk")
    assert not wrong.has_passed("10.0.1", "desk")


def test_a_wait_is_stated_in_whole_seconds():
    assert [whole_seconds(wait) for wait in (0.01, 1.0, 1.2)] == ["1", "1", "2"]
