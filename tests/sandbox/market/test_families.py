"""The families of the other sources: planted where asked for, attainable, and nowhere else."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from gogooku.core.calendar import next_tokyo_sessions
from gogooku.core.metrics import daily_rank_ic, mean_estimate
from gogooku.core.types import HORIZONS
from gogooku.sandbox.market.config import FAMILIES, SOURCE_FAMILIES, FamilyScales
from gogooku.sandbox.market.drivers import REVISION_JUMP, horizon_fades
from gogooku.sandbox.market.market import (
    Market,
    exchange_config,
    generate,
    market_config,
    truth_frame,
)


@pytest.fixture(scope="module")
def market() -> Market:
    size = {"num_stocks": 200, "num_sessions": 500, "num_branches": 2}
    return generate(exchange_config("demo", seed=3).model_copy(update=size))


def adjusted(market: Market, raw: np.ndarray) -> np.ndarray:
    return raw / np.nan_to_num(market.adjustment_factor, nan=1.0).cumprod(axis=0)


def labels(market: Market, horizon: int) -> np.ndarray:
    opens = adjusted(market, market.open_)
    out = np.full_like(opens, np.nan)
    out[: -1 - horizon] = opens[1 + horizon :] / opens[1:-horizon] - 1.0
    return out


def planted(market: Market, name: str, place: int = 0) -> np.ndarray:
    number = market.config.families.index(name)
    return market.family_expectation[:, :, number, place].astype(np.float64)


def test_only_an_exchange_has_the_source_families():
    assert market_config("tiny", seed=1).families == FAMILIES
    assert exchange_config("tiny", seed=1).families == FAMILIES + SOURCE_FAMILIES
    scales = FamilyScales(covering=2.0)
    assert scales.source_values() == (0.0, 0.0, 2.0, 0.0)
    one = market_config("tiny", seed=1).model_copy(update={"scales": scales, "num_sessions": 90})
    truth = truth_frame(generate(one), horizons=(1, 5))
    assert truth.columns[4:] == [*FAMILIES, "covering"]


@pytest.mark.parametrize("horizon", [1, 5])
def test_attainable_rank_ic_rises_clearly(market, horizon):
    place = HORIZONS.index(horizon)
    known = market.family_expectation[:, :, : len(FAMILIES), place].astype(np.float64).sum(axis=2)
    label = labels(market, horizon)
    whole = daily_rank_ic(market.expectation[:, :, place], label)
    gain = mean_estimate(whole - daily_rank_ic(known, label), horizon=horizon)
    assert gain.value > 0.008
    assert gain.value > 3 * gain.error


@pytest.mark.parametrize("name", SOURCE_FAMILIES)
def test_every_source_family_pays_and_has_its_size(market, name):
    part = planted(market, name)
    estimate = mean_estimate(daily_rank_ic(part, labels(market, 1)), horizon=1)
    assert estimate.value > 2.5 * estimate.error
    assert 0.008 < estimate.value < 0.045
    size = np.nanstd(part[60:]) / market.config.strength
    assert size == pytest.approx(1.0, abs=0.3)


def test_the_expectation_is_the_mean_return(market):
    expected = market.expectation[:-2, :, 0]
    realised = np.clip(labels(market, 1)[:-2], -0.15, 0.15)
    both = np.isfinite(expected) & np.isfinite(realised)
    x = np.where(both, expected, np.nan)
    x = np.where(both, x - np.nanmean(x, axis=1, keepdims=True), 0.0)
    slope = (x * np.where(both, realised, 0.0)).sum(axis=1) / (x**2).sum(axis=1)
    assert abs(slope.mean() - 1) < 4 * slope.std() / np.sqrt(len(slope))


def test_horizons_add_up_forecasts_and_families_add_up(market):
    for place, horizon in ((0, 1), (1, 5)):
        parts = market.family_expectation[:, :, :, place].astype(np.float64).sum(axis=2)
        total = market.expectation[:, :, place]
        np.testing.assert_allclose(parts[market.listed], total[market.listed], atol=1e-8)
        for number, name in enumerate(SOURCE_FAMILIES):
            one = planted(market, name)[market.listed]
            many = planted(market, name, place)[market.listed]
            np.testing.assert_allclose(many, one * horizon_fades(horizon)[number], atol=1e-9)


def test_long_horizons_contain_the_source_families(market):
    """At 20 sessions they are a large part of what is known."""
    frozen = market.expectation[:, :, HORIZONS.index(20)]
    fades = horizon_fades(20)
    sources = sum(planted(market, n) * f for n, f in zip(SOURCE_FAMILIES, fades, strict=True))
    both = market.listed
    slope = np.cov(sources[both], frozen[both])[0, 1] / np.var(sources[both])
    assert slope == pytest.approx(1.0, abs=0.15)


def test_nothing_is_planted_in_a_name_whose_end_is_announced():
    config = exchange_config("tiny", seed=8).model_copy(
        update={"quirk_rate": 5.0, "num_branches": 0}
    )
    market = generate(config)
    leaving = np.nanmax(np.abs(market.expectation[:, :, 0]), axis=1, initial=0.0) > 0
    assert leaving.all()
    zero = (market.expectation[:, :, 0] == 0.0) & market.listed
    assert zero.any()
    assert (market.family_expectation[zero] == 0.0).all()


def test_news_moves_prices_when_it_is_known(market):
    """Slope of the next session's two halves on the size of a revision."""
    events = market.drivers.revisions
    opens, closes = adjusted(market, market.open_), adjusted(market, market.close)
    night = opens[1:] / closes[:-1] - 1.0
    day = (closes / opens - 1.0)[1:]
    kept = events.row < len(night)
    row, stock, size = events.row[kept], events.stock[kept], events.size[kept]
    late = events.late[kept]
    for moves, chosen, other in ((day, late, ~late), (night, ~late, late)):
        seen = moves[row, stock]
        for mask, expected in ((chosen, REVISION_JUMP), (other, 0.0)):
            both = mask & np.isfinite(seen)
            slope = (seen[both] * size[both]).sum() / (size[both] ** 2).sum()
            assert slope == pytest.approx(expected, abs=0.006)


def test_the_full_market_spans_the_era_changes():
    config = exchange_config("full", seed=0)
    sessions = next_tokyo_sessions(config.first_session, config.num_sessions)
    for day in ("2020-10-01", "2022-04-04", "2026-09-25"):
        assert np.datetime64(day) in sessions
    assert sessions[-1] == np.datetime64("2026-11-06")


HALT = date(2020, 10, 1)


def halted(*, halts: tuple[date, ...]) -> Market:
    config = exchange_config("tiny", seed=2)
    extent = {"first_session": date(2020, 9, 1), "num_sessions": 60, "num_branches": 0}
    return generate(config.model_copy(update={**extent, "halts": halts}))


def test_on_the_lost_session_nothing_trades_and_the_index_stands_still():
    market = halted(halts=(HALT,))
    row = int(np.searchsorted(market.sessions, np.datetime64(HALT)))
    assert np.isnan(market.close[row]).all()
    assert np.isnan(market.volume_shares[row]).all()
    assert market.listed[row].any()
    np.testing.assert_allclose(market.index[row], market.index[row - 1, 3], rtol=1e-12)
    assert np.isfinite(market.close[[row - 1, row + 1]]).any(axis=1).all()
    assert market.index[row + 1, 3] != market.index[row, 3]
    assert np.isfinite(market.expectation[:, :, 0][market.listed]).all()
    usual = halted(halts=())
    assert np.isfinite(usual.close[row]).any()
    np.testing.assert_array_equal(usual.close[:row], market.close[:row])
    assert exchange_config("tiny", seed=1).halts == (HALT,)
    assert market_config("tiny", seed=1).halts == ()
