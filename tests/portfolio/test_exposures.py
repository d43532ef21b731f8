"""Traits of holdings less those of the benchmark, standardised over the universe."""

import numpy as np
import polars as pl
import pytest

from gogooku.portfolio.decide import History
from gogooku.portfolio.exposures import (
    STYLES,
    benchmark_at,
    scaled,
    sector_exposures,
    style_exposures,
    styles_at,
    styles_by_session,
)
from support.portfolios import placed, traded


@pytest.fixture(scope="module")
def positions():
    return placed(*traded(2, sessions=160, names=20))


def test_traits_are_standardised_over_the_universe():
    universe = np.array([True, True, True, False, True])
    z = scaled(np.array([1.0, 2.0, 3.0, 100.0, np.nan]), universe)
    np.testing.assert_allclose(z[:4], [-np.sqrt(1.5), 0.0, np.sqrt(1.5), 3.0])
    assert np.isnan(z[4])
    assert scaled(np.full(3, 5.0), np.ones(3, dtype=bool)).tolist() == [0.0, 0.0, 0.0]
    assert np.isnan(scaled(np.full(2, np.nan), np.ones(2, dtype=bool))).all()


def test_every_style_is_there_and_only_what_the_market_has(positions):
    assert list(styles_at(positions.history, 150)) == list(STYLES)
    flat = np.full((5, 3), 100.0)
    bare = History(close=flat, adjustment_factor=np.ones((5, 3)), universe=flat > 0)
    assert list(styles_at(bare, 4)) == ["beta", "volatility", "momentum"]


def test_styles_do_not_look_ahead(positions):
    early = styles_at(positions.history, 100)
    close = positions.history.close.copy()
    close[101:] = 1.0
    cut = History(**{**_fields(positions.history), "close": close})
    for name, values in styles_at(cut, 100).items():
        np.testing.assert_array_equal(values, early[name])


def _fields(history):
    return {name: getattr(history, name) for name in History.__dataclass_fields__}


def test_exposures_are_weights_times_traits(positions):
    frame = style_exposures(positions, styles_by_session(positions))
    s = 140
    row = frame.filter(
        pl.col("date") == positions.sessions[s].item(), pl.col("style") == "volatility"
    )
    z = np.nan_to_num(styles_at(positions.history, int(positions.rows[s]))["volatility"])
    own, bench = positions.weights[s] @ z, benchmark_at(positions, s) @ z
    assert row.get_column("portfolio").item() == pytest.approx(own)
    assert row.get_column("active").item() == pytest.approx(own - bench)
    assert abs(bench) < 0.2
    late = frame.filter(pl.col("date") >= positions.sessions[s].item())
    assert (late.get_column("unknown") >= 0.0).all()


def test_traits_are_kept_between_measurements_and_never_later_ones(positions):
    found = styles_by_session(positions, every=5)
    assert len(found) == 160
    assert found[104] is found[100]
    assert found[105] is not found[104]
    own = styles_at(positions.history, int(positions.rows[100]))
    np.testing.assert_array_equal(found[104]["size"], own["size"])


def test_the_universe_itself_has_no_size(positions):
    for s in (100, 150):
        z = styles_at(positions.history, int(positions.rows[s]))["size"]
        inside = benchmark_at(positions, s) > 0
        assert abs(np.nanmean(z[inside & np.isfinite(z)])) < 0.1


def test_weights_of_sectors_add_up(positions):
    frame = (
        sector_exposures(positions)
        .group_by("date", maintain_order=True)
        .agg(pl.col("portfolio", "benchmark", "active").sum())
    )
    net = positions.weights.sum(axis=1)
    np.testing.assert_allclose(frame.get_column("portfolio"), net, atol=1e-12)
    np.testing.assert_allclose(frame.get_column("benchmark"), 1.0)
    np.testing.assert_allclose(frame.get_column("active"), net - 1.0, atol=1e-12)
