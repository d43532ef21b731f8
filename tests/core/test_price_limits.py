"""The Tokyo Stock Exchange's daily price limits."""

from __future__ import annotations

import numpy as np
import pytest

from gogooku.core.price_limits import daily_limit_yen


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
