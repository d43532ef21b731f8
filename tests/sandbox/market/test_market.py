"""The generated market: schema, market rules, determinism."""

from __future__ import annotations

import dataclasses
from datetime import date

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from gogooku.core.calendar import is_tokyo_session
from gogooku.core.errors import ConfigError
from gogooku.core.frames import SourceFrames
from gogooku.core.price_limits import daily_limit_yen
from gogooku.sandbox.market.config import FamilyScales
from gogooku.sandbox.market.market import (
    FAMILIES,
    Market,
    MarketConfig,
    generate,
    market_config,
    source_frames,
    truth_frame,
)
from gogooku.sandbox.market.quirks import to_tick


@pytest.fixture(scope="module")
def market() -> Market:
    return generate(market_config("tiny", seed=1))


@pytest.fixture(scope="module")
def frames(market: Market) -> SourceFrames:
    return source_frames(market)


def arrays(market: Market) -> dict[str, np.ndarray]:
    values = {f.name: getattr(market, f.name) for f in dataclasses.fields(market)}
    return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}


def content(market: Market) -> bytes:
    return (
        b"".join(value.tobytes() for value in arrays(market).values())
        + repr((market.codes, market.sector, market.segment)).encode()
    )


def test_same_configuration_same_bits(market):
    assert content(generate(market_config("tiny", seed=1))) == content(market)


def test_other_seed_other_market(market):
    assert content(generate(market_config("tiny", seed=2))) != content(market)


SMALL = {"num_stocks": 40, "num_sessions": 60, "num_sectors": 4, "seed": 3, "burn_in_sessions": 70}


@pytest.mark.parametrize(
    "change",
    [
        {"num_stocks": 41},
        {"num_sessions": 61},
        {"seed": 4},
        {"burn_in_sessions": 71},
        {"first_session": date(2022, 1, 4)},
        {"num_sectors": 5},
        {"peer_group_size": 8},
        {"strength": 5e-4},
        {"scales": FamilyScales(linear=0.5)},
        {"scales": FamilyScales(gated=0.5)},
        {"scales": FamilyScales(order=0.5)},
        {"scales": FamilyScales(peers=0.5)},
        {"scales": FamilyScales(level=0.5)},
        {"size_spread": 0.5},
        {"quirk_rate": 0.0},
        {"num_branches": 32},
    ],
    ids=str,
)
def test_every_knob_changes_the_market(change):
    base = generate(MarketConfig(**SMALL))
    assert content(generate(MarketConfig(**{**SMALL, **change}))) != content(base)


def test_unknown_size_names_the_valid_ones():
    with pytest.raises(ConfigError, match=r"'huge'.*tiny, demo, study, full"):
        market_config("huge", seed=0)


@pytest.mark.parametrize(
    "wrong", [{"seeds": 1}, {"num_branches": 3}, {"num_sectors": 30}, {"seed": -1}], ids=str
)
def test_impossible_configuration_is_refused(wrong):
    with pytest.raises(ValidationError):
        MarketConfig(**{**SMALL, **wrong})


def test_quotes_are_sorted_and_cover_every_listed_session(market, frames):
    quotes = frames.quotes
    assert quotes.height == int(market.listed.sum())
    assert quotes.select("date", "code").equals(quotes.select("date", "code").sort("date", "code"))
    assert quotes.select("date", "code").is_duplicated().sum() == 0
    assert all(is_tokyo_session(day) for day in quotes["date"].unique().to_list())
    assert quotes["date"].n_unique() == market.config.num_sessions
    codes = frames.listings["code"]
    assert (codes.str.len_chars() == 5).all()
    assert codes.str.contains("[A-Z]0$").any()
    assert codes.to_list() == sorted(market.codes)


def test_no_rows_outside_the_listing(frames):
    joined = frames.quotes.join(frames.listings, on="code")
    last = pl.col("listed_to").fill_null(date(2099, 1, 1))
    assert joined.filter(~pl.col("date").is_between(pl.col("listed_from"), last)).height == 0
    assert joined["code"].n_unique() == frames.listings.height
    start = frames.quotes["date"].min()
    assert (frames.listings["listed_from"] > start).sum() >= 2
    assert frames.listings["listed_to"].is_not_null().sum() >= 1


def test_bars_are_consistent_and_nulls_come_together(frames):
    quotes = frames.quotes
    prices = ["open", "high", "low", "close", "volume_shares", "turnover_value"]
    nulls = quotes.select(pl.sum_horizontal(pl.col(prices).is_null())).to_series()
    assert set(nulls.unique().to_list()) == {0, len(prices)}
    traded = quotes.drop_nulls()
    assert 0.9 < traded.height / quotes.height < 1.0
    low_side = pl.min_horizontal("open", "close")
    high_side = pl.max_horizontal("open", "close")
    wrong = (pl.col("low") > low_side) | (pl.col("high") < high_side) | (pl.col("low") <= 0)
    assert traded.filter(wrong).height == 0
    typical = pl.mean_horizontal("open", "high", "low", "close")
    implied = (pl.col("turnover_value") / pl.col("volume_shares") / typical - 1).abs()
    assert traded.select(implied.max()).item() < 0.01
    assert quotes["adjustment_factor"].null_count() == 0
    index = frames.indices
    outside = (pl.col("low") > pl.col("close")) | (pl.col("high") < pl.col("open"))
    assert index.filter(outside).height == 0


def previous_close(market: Market) -> np.ndarray:
    """Last delivered close on today's share count; NaN before the first."""
    out = np.full_like(market.close, np.nan)
    last = np.full(market.close.shape[1], np.nan)
    for row, close in enumerate(market.close):
        last = last * np.nan_to_num(market.adjustment_factor[row], nan=1.0)
        out[row] = last
        last = np.where(np.isnan(close), last, close)
    return out


def test_splits_change_the_raw_price_and_not_the_return(market):
    ex_dates = (market.adjustment_factor != 1.0) & market.listed & ~np.isnan(market.close)
    ex_dates[0] = False
    assert set(np.round(market.adjustment_factor[ex_dates], 4)) >= {0.5, 0.3333, 0.2, 2.0, 10.0}
    adjusted = market.close / np.nan_to_num(market.adjustment_factor, nan=1.0).cumprod(axis=0)
    base = previous_close(market)
    with_factor = market.close / base - 1.0
    change = adjusted[1:] / adjusted[:-1] - 1.0
    both = ~np.isnan(change)
    np.testing.assert_allclose(change[both], with_factor[1:][both], atol=1e-9)
    assert np.nanmax(np.abs(with_factor[ex_dates])) < 0.35
    volume = market.volume_shares * np.nan_to_num(market.adjustment_factor, nan=1.0).cumprod(axis=0)
    steps = np.abs(np.diff(np.log(volume), axis=0))[ex_dates[1:]]
    assert np.nanmedian(steps) < 1.0


def test_closes_stay_within_the_limits_and_flags_mean_the_limit():
    market = generate(MarketConfig(num_stocks=400, num_sessions=300, seed=5, num_branches=0))
    base = np.round(previous_close(market), 1)
    known = ~np.isnan(base) & ~np.isnan(market.close)
    width = daily_limit_yen(np.where(known, base, 1_000.0))
    for price in (market.open_, market.high, market.low, market.close):
        move = np.abs(price - base)[known]
        assert (move <= width[known] + 0.051).all()
    at_top = market.limit_up & known
    at_bottom = market.limit_down & known
    assert at_top.sum() >= 3
    assert at_bottom.sum() >= 3
    assert (market.limit_up | market.limit_down).mean() < 0.003
    np.testing.assert_allclose(market.close[at_top], (base + width)[at_top], atol=0.051)
    np.testing.assert_array_equal(market.close[at_top], market.high[at_top])
    np.testing.assert_array_equal(market.close[at_bottom], market.low[at_bottom])
    locked = (market.high == market.low) & known
    assert (locked & (at_top | at_bottom)).sum() >= 1


def test_without_quirks_every_name_trades_every_session():
    market = generate(MarketConfig(**{**SMALL, "quirk_rate": 0.0}))
    assert market.listed.all()
    assert not np.isnan(market.close).any()
    assert (market.adjustment_factor == 1.0).all()


def test_truth_is_keyed_by_listed_date_code_and_horizon(market, frames):
    truth = truth_frame(market)
    assert truth.height == 4 * frames.quotes.height
    assert truth.schema["horizon"] == pl.Int32
    assert truth["expectation"].is_nan().sum() == 0
    near = truth.filter(pl.col("horizon") <= 5)
    assert near.select(pl.col(FAMILIES).null_count()).row(0) == (0,) * 5
    parts = near.select((pl.sum_horizontal(FAMILIES) - pl.col("expectation")).abs().max()).item()
    assert parts < 1e-15
    far = truth.filter(pl.col("horizon") >= 10)
    assert far.select(pl.col(FAMILIES).is_not_null().sum()).row(0) == (0,) * 5
    assert truth.equals(truth.sort("date", "code", "horizon"))
    assert near.equals(truth_frame(market, horizons=(1, 5)))


def test_without_branches_the_long_horizons_are_missing():
    market = generate(MarketConfig(**{**SMALL, "num_branches": 0}))
    assert np.isnan(market.expectation[:, :, 2:]).all()
    assert set(truth_frame(market)["horizon"].unique().to_list()) == {1, 5}


def test_returns_look_like_tokyo():
    market = generate(MarketConfig(num_stocks=200, num_sessions=500, seed=9))
    change = np.diff(np.log(market.close), axis=0)
    change = np.where(market.adjustment_factor[1:] == 1.0, change, np.nan)
    excess = change - np.nanmean(change, axis=1, keepdims=True)
    z = excess / np.nanstd(excess, axis=0)
    assert np.nanmean(z**4) > 4.0
    absolute = np.abs(z) - np.nanmean(np.abs(z), axis=0)
    clustering = np.nanmean(absolute[5:] * absolute[:-5]) / np.nanmean(absolute**2)
    assert clustering > 0.03
    assert (
        0.2 < np.nanstd(market.index[1:, 3] / market.index[:-1, 3] - 1) * np.sqrt(245) / 0.8 < 0.5
    )


def test_prices_are_rounded_to_the_tick_and_stay_above_zero() -> None:
    prices = to_tick(np.array([1_234.56, 0.01, np.nan]))
    assert np.array_equal(prices, [1_234.6, 0.1, np.nan], equal_nan=True)
