"""The planted expectation: attainable, observable, and where each family can and cannot be seen."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest

from gogooku.core.metrics import daily_ic, daily_rank_ic, mean_estimate
from gogooku.core.types import HORIZONS
from gogooku.sandbox.market import families
from gogooku.sandbox.market.expectation import (
    branched_expectation,
    chunks,
    expected_gates,
    family_expectation,
    level_fade,
)
from gogooku.sandbox.market.families import LOOKBACK
from gogooku.sandbox.market.market import (
    FAMILIES,
    Market,
    MarketConfig,
    generate,
    simulate,
    source_frames,
)
from gogooku.sandbox.market.process import Streams, advance

WARM = 80
"""Sessions a user needs before his windows and averages agree with the generator's."""


@pytest.fixture(scope="module")
def market() -> Market:
    return generate(MarketConfig(num_stocks=300, num_sessions=750, seed=1))


def adjusted(market: Market, raw: np.ndarray) -> np.ndarray:
    return raw / np.nan_to_num(market.adjustment_factor, nan=1.0).cumprod(axis=0)


def labels(market: Market, horizon: int) -> np.ndarray:
    opens = adjusted(market, market.open_)
    out = np.full_like(opens, np.nan)
    out[: -1 - horizon] = opens[1 + horizon :] / opens[1:-horizon] - 1.0
    return out


def family(market: Market, name: str, place: int = 0) -> np.ndarray:
    return market.family_expectation[:, :, FAMILIES.index(name), place]


@pytest.mark.parametrize(
    ("horizon", "low", "high"),
    [(1, 0.050, 0.075), (5, 0.085, 0.130), (10, 0.1, 0.17), (20, 0.1, 0.2)],
)
def test_attainable_rank_ic(market, horizon, low, high):
    score = market.expectation[:, :, HORIZONS.index(horizon)]
    estimate = mean_estimate(daily_rank_ic(score, labels(market, horizon)), horizon=horizon)
    assert low < estimate.value < high
    assert estimate.value > 6 * estimate.error


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_pays(market, name):
    estimate = mean_estimate(daily_rank_ic(family(market, name), labels(market, 1)), horizon=1)
    assert estimate.value > 4 * estimate.error
    assert 0.012 < estimate.value < 0.045


def test_the_expectation_is_the_mean_return(market):
    """The slope of realised on planted return is one: nothing is lost between plan and payment."""
    planted = market.expectation[:-2, :, 0]
    realised = np.clip(labels(market, 1)[:-2], -0.15, 0.15)
    both = np.isfinite(planted) & np.isfinite(realised)
    x = np.where(both, planted, np.nan)
    x = np.where(both, x - np.nanmean(x, axis=1, keepdims=True), 0.0)
    slope = (x * np.where(both, realised, 0.0)).sum(axis=1) / (x**2).sum(axis=1)
    assert abs(slope.mean() - 1) < 4 * slope.std() / np.sqrt(len(slope))


@pytest.mark.parametrize(("place", "horizon"), [(0, 1), (1, 5)])
def test_families_have_their_size_and_are_nearly_orthogonal(market, place, horizon):
    """Reversal and peers oppose each other a little: a name and its peers move together."""
    parts = [family(market, name, place)[market.listed] for name in FAMILIES]
    if horizon == 1:
        scales = np.asarray(market.config.scales.values()) * market.config.strength
        np.testing.assert_allclose([part.std() for part in parts], scales, rtol=0.2)
    crossed = np.corrcoef(parts) - np.eye(5)
    assert -0.32 < crossed[0, 3] < -0.1
    crossed[0, 3] = crossed[3, 0] = 0.0
    assert np.abs(crossed).max() < 0.17
    total = market.expectation[:, :, place][market.listed]
    np.testing.assert_allclose(np.sum(parts, axis=0), total, atol=1e-15)


def user_surprise(market: Market) -> np.ndarray:
    """``u`` as a user computes it, from the delivered frames alone."""
    frames = source_frames(market)
    excess = pl.col("change") - pl.col("change").mean().over("date", "sector")
    quotes = (
        frames.quotes.join(frames.listings.select("code", "sector"), on="code")
        .sort("code", "date")
        .with_columns(
            adjusted=pl.col("close") / pl.col("adjustment_factor").cum_prod().over("code")
        )
        .with_columns(change=pl.col("adjusted") / pl.col("adjusted").shift(1).over("code") - 1)
        .with_columns(excess=excess)
    )
    wide = quotes.pivot(on="code", index="date", values="excess").sort("date")
    values = wide.select(market.codes).to_numpy()
    start = np.nan_to_num(values[:WARM])
    variance = (start**2).mean(axis=0)
    variance = np.where(variance > 0, variance, 0.02**2)
    out = np.zeros_like(values)
    for row, today in enumerate(values):
        known = np.isfinite(today)
        out[row, known] = np.clip(today[known] / np.sqrt(variance[known]), -4, 4)
        variance[known] = 0.98 * variance[known] + 0.02 * today[known] ** 2
    return out


def test_a_user_can_see_the_order_family_in_delivered_prices(market):
    surprise = user_surprise(market)
    rows = range(2 * WARM, market.config.num_sessions)
    seen = np.array([families.lagged(surprise, families.ORDER_KERNEL, row) for row in rows])
    planted = family(market, "order")[2 * WARM :]
    assert np.nanmean(daily_ic(seen, planted)) > 0.97


def test_window_sums_do_not_see_the_order_family(market):
    surprise = user_surprise(market)
    planted = family(market, "order")
    sums = np.cumsum(surprise, axis=0)
    for window in (1, 2, 3, 5, 10, 20, 60):
        seen = np.full_like(sums, np.nan)
        seen[window:] = sums[window:] - sums[:-window]
        assert abs(np.nanmean(daily_ic(seen[WARM:], planted[WARM:]))) < 0.1, window


def group_mean_of_others(surprise: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Weighted mean surprise of the other members of a group over the last five sessions."""
    member = (group[:, None] == group[None, :]).astype(np.float64) - np.eye(len(group))
    others = surprise @ member / np.maximum(member.sum(axis=0), 1.0)
    rows = range(WARM, len(surprise))
    return np.array([families.lagged(others, families.PEER_KERNEL, row) for row in rows])


def test_only_the_hidden_groups_show_the_peer_family(market):
    surprise = user_surprise(market)
    planted = family(market, "peers")[WARM:]
    seen = group_mean_of_others(surprise, market.peer_group)
    assert np.nanmean(daily_ic(seen, planted)) > 0.95
    shuffled = np.random.default_rng(0).permutation(market.peer_group)
    assert abs(np.nanmean(daily_ic(group_mean_of_others(surprise, shuffled), planted))) < 0.1
    own = np.array(
        [families.lagged(surprise, families.PEER_KERNEL, row) for row in range(WARM, len(surprise))]
    )
    assert np.nanmean(daily_ic(own, planted)) < 0.6


def test_the_level_family_is_seen_through_traded_value(market):
    value = pl.DataFrame(np.log(market.turnover_value)).fill_nan(None)
    mean = value.select(pl.all().rolling_mean(60, min_samples=20)).to_numpy()
    assert np.nanmean(daily_ic(mean[WARM:], family(market, "level")[WARM:])) > 0.75


def test_the_gate_is_seen_in_the_index(market):
    """The sign of the trend's price changes with the index's own trailing volatility."""
    change = np.diff(np.log(market.index[:, 3]), prepend=np.log(2_000.0))
    rms = np.sqrt(np.convolve(change**2, np.ones(20) / 20)[: len(change)])
    surprise = user_surprise(market)
    trend = np.array(
        [
            families.lagged(surprise, families.TREND_KERNEL, row)
            for row in range(2 * WARM, len(change))
        ]
    )
    loading = daily_ic(trend, family(market, "gated")[2 * WARM :])
    expected = np.sign(-np.log(rms[2 * WARM :] / families.RMS_CENTRE))
    agree = np.sign(loading) == expected
    clear = np.abs(np.log(rms[2 * WARM :] / families.RMS_CENTRE)) > 0.05
    assert agree[clear].mean() > 0.97
    assert 0.2 < (expected > 0).mean() < 0.8


def branch_means(origin: int, *, num_branches: int) -> dict[int, np.ndarray]:
    """Mean planted expectation over each horizon in branches of the whole market from a session."""
    simulation = simulate(MarketConfig(num_stocks=300, num_sessions=750, seed=1), stop=origin + 1)
    world = simulation.world
    world = dataclasses.replace(world, schedule=world.schedule.frozen_at(origin))
    steps = max(HORIZONS)
    sums = dict.fromkeys(HORIZONS, np.zeros(world.config.num_stocks))
    for seed in np.random.SeedSequence(99).spawn(num_branches):
        state = simulation.state.copy()
        history = simulation.history.tail(simulation.first + origin, steps)
        streams = Streams.spawn(seed)
        for step in range(1, steps):
            position = LOOKBACK - 1 + step
            advance(world, state, history, row=origin + step, position=position, streams=streams)
        planted = history.family.sum(axis=1)[LOOKBACK - 1 :]
        sums = {h: total + planted[:h].sum(axis=0) for h, total in sums.items()}
    return {h: total / num_branches for h, total in sums.items()}


def test_forecasts_agree_with_branches_of_the_whole_market(market):
    """No-news sums (5) and regime branches (10, 20) against brute force from the same states."""
    reached = {5: 0.95, 10: 0.95, 20: 0.90}
    for origin in (150, 400):
        means = branch_means(origin, num_branches=100)
        listed = market.listed[origin] & np.isfinite(market.close[origin])
        np.testing.assert_allclose(
            means[1][listed], market.expectation[origin, listed, 0], atol=1e-12
        )
        for horizon, floor in reached.items():
            forecast = market.expectation[origin, :, HORIZONS.index(horizon)]
            correlation = np.corrcoef(forecast[listed], means[horizon][listed])[0, 1]
            assert correlation > floor, (origin, horizon)


# ------------------------------------------------------------------- by hand, from the histories


@pytest.fixture(scope="module")
def world_and_history():
    config = MarketConfig(num_stocks=60, num_sessions=240, seed=2, quirk_rate=5.0)
    simulation = simulate(config, stop=200)
    first = simulation.first
    return simulation.world, simulation.history, slice(first + 150, first + 170)


def ahead_by_hand(world, history, rows, horizon):
    """Sums over the forecasts of each session ahead, surprises to come being zero."""
    scale = world.config.strength * np.asarray(world.config.scales.values())
    number = np.arange(rows.start, rows.stop) - LOOKBACK - world.config.burn_in_sessions
    active = world.schedule.event_row[np.newaxis, :] > number[:, np.newaxis]

    def total(values, kernel):
        out = np.zeros((rows.stop - rows.start, values.shape[1]))
        for row in range(rows.start, rows.stop):
            for step in range(horizon):
                for lag in range(step, len(kernel)):
                    out[row - rows.start] += kernel[lag] * values[row - lag + step]
        return out

    return {
        "gated": scale[1]
        * active
        * history.gate[rows, np.newaxis]
        * total(history.surprise, families.TREND_KERNEL),
        "order": scale[2] * active * total(history.surprise, families.ORDER_KERNEL),
        "peers": scale[3] * active * total(history.peer_surprise, families.PEER_KERNEL),
    }


def test_the_next_session_is_what_was_planted(world_and_history):
    world, history, rows = world_and_history
    made = family_expectation(history, world, rows=rows, horizon=1)
    np.testing.assert_array_equal(made, history.family[rows])


def test_five_sessions_are_the_sum_of_the_forecasts(world_and_history):
    world, history, rows = world_and_history
    made = family_expectation(history, world, rows=rows, horizon=5)
    wanted = ahead_by_hand(world, history, rows, horizon=5)
    for name, values in wanted.items():
        assert np.abs(values).max() > 1e-5
        np.testing.assert_allclose(made[:, FAMILIES.index(name)], values, atol=1e-12)
    level = FAMILIES.index("level")
    phi = families.LEVEL_PHI
    np.testing.assert_allclose(
        made[:, level], history.family[rows][:, level] * (1 + phi + phi**2 + phi**3 + phi**4)
    )


def test_a_gate_that_stays_gives_the_no_news_forecast(world_and_history):
    world, history, rows = world_and_history
    frozen = family_expectation(history, world, rows=rows, horizon=10).sum(axis=1)
    gates = np.repeat(history.gate[rows][:, np.newaxis], 20, axis=1)
    made = branched_expectation(history, world, rows=rows, expected_gate=gates, horizon=10)
    np.testing.assert_allclose(made, frozen, atol=1e-12)
    closed = gates * np.r_[1.0, np.zeros(19)]
    trend = family_expectation(history, world, rows=rows, horizon=10)[:, FAMILIES.index("gated")]
    one = history.family[rows][:, FAMILIES.index("gated")]
    made = branched_expectation(history, world, rows=rows, expected_gate=closed, horizon=10)
    np.testing.assert_allclose(made, frozen - trend + one, atol=1e-12)


def test_the_expected_gate_begins_today_and_forgets(world_and_history):
    world, history, rows = world_and_history

    def gates(seed):
        return expected_gates(history, world, rows=rows, rng=np.random.default_rng(seed))

    made = gates(1)
    np.testing.assert_array_equal(made, gates(1))
    assert made.shape == (20, max(HORIZONS))
    np.testing.assert_array_equal(made[:, 0], history.gate[rows])
    assert (np.abs(made) <= 1.0).all()
    assert np.abs(made - gates(2)).max() < 0.25, "branches enough to agree"
    assert made[:, -1].std() < made[:, 0].std(), "in the end days look alike"


def test_level_fade_and_chunks():
    phi = families.LEVEL_PHI
    assert level_fade(1) == pytest.approx(1.0)
    assert level_fade(3) == pytest.approx(1 + phi + phi**2)
    for first, last in ((0, 0), (3, 4), (10, 266), (10, 267), (0, 1000)):
        found = chunks(first, last)
        assert [n for one in found for n in range(one.start, one.stop)] == list(range(first, last))
        assert all(one.stop - one.start <= 256 for one in found)
