"""Tick sizes of the exchanges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gogooku.core.ticks import on_tick, tick_size


@pytest.mark.parametrize(
    ("price", "usual", "fine"),
    [
        (1.0, 1.0, 0.1),
        (1_000.0, 1.0, 0.1),
        (1_000.5, 1.0, 0.5),
        (3_000.0, 1.0, 0.5),
        (3_005.0, 5.0, 1.0),
        (5_000.0, 5.0, 1.0),
        (5_010.0, 10.0, 1.0),
        (30_000.0, 10.0, 5.0),
        (49_950.0, 50.0, 10.0),
        (100_000.0, 100.0, 10.0),
        (299_900.0, 100.0, 50.0),
        (499_500.0, 500.0, 100.0),
        (2_999_000.0, 1_000.0, 500.0),
        (4_995_000.0, 5_000.0, 1_000.0),
        (29_990_000.0, 10_000.0, 5_000.0),
        (49_950_000.0, 50_000.0, 10_000.0),
        (60_000_000.0, 100_000.0, 10_000.0),
    ],
)
def test_the_tables_of_tokyo(price, usual, fine):
    both = np.full(2, price)
    assert tick_size("tokyo", both, np.array([False, True])).tolist() == [usual, fine]
    assert tick_size("tokyo", both).tolist() == [usual] * 2


def test_a_cent_in_new_york():
    assert tick_size("new_york", np.array([0.5, 1.0, 900.0])).tolist() == [0.0001, 0.01, 0.01]
    assert np.isnan(tick_size("new_york", np.array([np.nan]))).all()
    assert np.isnan(tick_size("tokyo", np.array([np.nan]))).all()


@given(st.floats(0.2, 1e8), st.booleans(), st.sampled_from(["tokyo", "new_york"]))
def test_rounding_moves_less_than_a_tick_the_way_it_was_told(price, fine, exchange):
    at = np.array([price])
    tick = tick_size(exchange, at, np.array([fine]))
    up, down = on_tick(at, tick, up=True), on_tick(at, tick, up=False)
    assert up[0] >= price * (1.0 - 1e-9) - tick[0] * 1e-6
    assert down[0] <= max(price, tick[0]) + tick[0] * 1e-6
    assert 0.0 <= up[0] - down[0] <= tick[0] * 1.001
    for one in (up, down):
        assert abs(one[0] / tick[0] - round(one[0] / tick[0])) < 1e-6
        assert on_tick(one, tick, up=True)[0] == on_tick(one, tick, up=False)[0] == one[0]


def test_a_price_on_the_tick_stays_what_it_is():
    at = np.array([0.1, 12.3, 999.9, 1_234.0])
    tick = np.array([0.1, 0.1, 0.1, 1.0])
    assert on_tick(at, tick, up=True).tolist() == at.tolist()
    assert on_tick(at, tick, up=False).tolist() == at.tolist()
