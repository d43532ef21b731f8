"""The Tokyo Stock Exchange's daily price limits."""

from __future__ import annotations

import numpy as np
import pytest

from gogooku.core.price_limits import NARROWEST, daily_limit_yen, limit_prices


@pytest.mark.parametrize(
    ("base", "width"),
    [
        (1.0, 30.0),
        (99.9, 30.0),
        (100.0, 50.0),
        (1_499.0, 300.0),
        (1_500.0, 400.0),
        (99_999.0, 15_000.0),
        (100_000.0, 30_000.0),
        (2_000_000.0, 500_000.0),
        (60_000_000.0, 10_000_000.0),
    ],
)
def test_the_table_of_the_exchange(base: float, width: float) -> None:
    assert daily_limit_yen(np.array([base]))[0] == width


def test_a_limit_never_falls_as_the_price_rises() -> None:
    base = np.geomspace(1.0, 1e8, 5_000)
    assert (np.diff(daily_limit_yen(base)) >= 0).all()


@pytest.mark.parametrize(
    ("base", "lower", "upper"),
    [
        (100.0, 50.0, 150.0),
        (20.0, 1.0, 50.0),
        (1_234.5, 935.0, 1_534.0),
        (2_993.0, 2_493.0, 3_490.0),
        (5_010.0, 4_010.0, 6_010.0),
    ],
)
def test_limits_lie_around_the_base_price_on_the_tick(
    base: float, lower: float, upper: float
) -> None:
    low, high = limit_prices(np.array([base]))
    assert (low[0], high[0]) == (lower, upper)


def test_an_unknown_base_price_has_no_limits() -> None:
    assert np.isnan(np.concatenate(limit_prices(np.array([np.nan])))).all()


def test_no_limit_is_nearer_than_the_narrowest() -> None:
    base = np.concatenate([np.arange(1.0, 60_000.0, 0.1), np.geomspace(6e4, 1e8, 50_000)])
    lower, upper = limit_prices(base)
    assert (upper >= base * (1.0 + NARROWEST)).all()
    assert (lower <= np.maximum(base * (1.0 - NARROWEST), 1.0)).all()
