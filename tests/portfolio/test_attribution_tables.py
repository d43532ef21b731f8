"""Years, weekdays, regimes and windows of the excess return."""

from dataclasses import replace
from datetime import date
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from gogooku.core.calendar import SESSIONS_PER_YEAR
from gogooku.core.errors import ConfigError, DataError
from gogooku.core.metrics import mean_estimate
from gogooku.core.regimes import volatility_regime
from gogooku.portfolio.attribution_tables import (
    named_windows,
    regimes,
    slices,
    worst_windows,
)
from support.portfolios import placed, traded


@pytest.fixture(scope="module")
def positions():
    return placed(*traded(5, sessions=300, names=12, top_k=3, max_weight=0.4))


def test_slices_cover_every_session_once(positions):
    frame = slices(positions)
    counts = dict(frame.group_by("slice").agg(pl.col("n").sum()).iter_rows())
    known = int((regimes(positions) >= 0).sum())
    assert counts == {"year": 299, "weekday": 299, "market": 299, "volatility": known}
    assert known < 299
    for kind in ("year", "weekday", "market"):
        part = frame.filter(pl.col("slice") == kind)
        total = (part.get_column("n") * part.get_column("excess")).sum()
        assert total == pytest.approx(positions.excess.sum(), abs=1e-10)
    assert frame.filter(pl.col("slice") == "year").get_column("value").to_list() == ["2022", "2023"]


def test_a_slice_is_the_mean_with_its_newey_west_error(positions):
    row = slices(positions).row(by_predicate=pl.col("value") == "Tuesday", named=True)
    inside = [day.weekday() == 1 for day in positions.sessions[1:].tolist()]
    expected = mean_estimate(positions.excess[1:][inside], horizon=1)
    assert (row["n"], row["excess"], row["error"]) == (
        expected.n, expected.value, expected.error,
    )  # fmt: skip
    assert row["annual_excess"] == pytest.approx(expected.value * SESSIONS_PER_YEAR)


def test_a_regime_is_the_one_known_the_evening_before(positions):
    found = regimes(positions)
    assert (found >= 0).sum() > 100
    whole = volatility_regime(positions.history.market)
    np.testing.assert_array_equal(found, whole[positions.rows[1:] - 1])


def test_the_worst_windows_are_the_worst_and_do_not_overlap(positions):
    frame = worst_windows(positions)
    assert frame.get_column("sessions").unique(maintain_order=True).to_list() == [1, 5, 20, 60]
    days = frame.filter(pl.col("sessions") == 1)
    np.testing.assert_allclose(days.get_column("portfolio"), np.sort(positions.portfolio[1:])[:3])
    months = frame.filter(pl.col("sessions") == 20).sort("first")
    growth = np.cumprod(1.0 + positions.portfolio)
    assert months.sort("rank").get_column("portfolio")[0] == pytest.approx(
        (growth[20:] / growth[:-20] - 1.0).min()
    )
    assert (months.get_column("first")[1:] > months.get_column("last")[:-1]).all()
    assert (
        months.select(
            (pl.col("portfolio") - pl.col("benchmark") - pl.col("excess")).abs().max()
        ).item()
        < 1e-12
    )
    assert (frame.get_column("max_drawdown") >= -frame.get_column("portfolio") - 1e-12).all()


def test_windows_round_one_bad_day_are_one_window(positions):
    returns = np.zeros(300)
    returns[[100, 200, 201]] = [-0.3, -0.1, -0.1]
    made = replace(positions, portfolio=returns)
    frame = worst_windows(made).filter(pl.col("sessions") == 20)
    assert frame.get_column("portfolio").to_list() == pytest.approx([-0.3, -0.19, 0.0])
    spans = sorted(frame.select("first", "last").iter_rows())
    assert all(later[0] > earlier[1] for earlier, later in pairwise(spans))


def test_named_windows(positions):
    first, last = date(2022, 3, 1), date(2022, 3, 31)
    frame = named_windows(
        positions, {"march": (first, last), "before": (date(2008, 9, 1), date(2008, 12, 30))}
    )
    march, before = frame.to_dicts()
    days = positions.sessions.tolist()
    inside = [first <= day <= last for day in days]
    assert march["sessions"] == sum(inside)
    assert march["portfolio"] == pytest.approx(np.prod(1 + positions.portfolio[inside]) - 1)
    assert before["sessions"] == 0
    assert before["portfolio"] is None


def test_windows_that_are_wrong_or_cut_are_refused(positions):
    with pytest.raises(ConfigError, match="window turned: ends 2022-01-05, before it begins"):
        named_windows(positions, {"turned": (date(2022, 2, 1), date(2022, 1, 5))})
    with pytest.raises(DataError, match="window cut: 2021-12-01 to 2022-02-01 is only in part"):
        named_windows(positions, {"cut": (date(2021, 12, 1), date(2022, 2, 1))})
    with pytest.raises(DataError, match="only in part"):
        named_windows(positions, {"cut": (date(2023, 1, 4), date(2024, 2, 1))})


def test_a_backtest_shorter_than_a_window_has_none_of_it(positions):
    short = replace(
        positions,
        **{name: getattr(positions, name)[:10] for name in ("sessions", "portfolio", "benchmark")},
    )
    assert worst_windows(short).get_column("sessions").unique(maintain_order=True).to_list() == [
        1,
        5,
    ]
