"""From planted expectation per session to expectation per horizon.

The label of horizon h starts at the next open, and the expectation known at close t is paid over
exactly one open-to-open return, so its expectation is the sum of the forecasts of the planted
expectation at closes t to t + h - 1.

Horizons 1 and 5 use the no-news forecast of recipe v2: unseen surprises are zero, the gate stays
as it is, the volume term fades at the speed of the volume shock, the characteristic at its own.
Horizons 10 and 20 let the gate move: its expectation comes from Monte Carlo branches of the market
regime. Only the regime is branched, because given the gate everything else is linear in the
surprises, whose expectation is zero: averaging branches of the whole market gives the same numbers
with far more noise (a test compares the two).

The source families need none of this: their kernels fade at known rates, at every horizon.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from gogooku.core.types import HORIZONS
from gogooku.sandbox.market import families
from gogooku.sandbox.market.config import FAMILIES, SOURCE_FAMILIES
from gogooku.sandbox.market.drivers import horizon_fades
from gogooku.sandbox.market.families import LOOKBACK, RMS_SESSIONS, FloatArray
from gogooku.sandbox.market.process import (
    MARKET_SD,
    PEER_SHARE,
    REGIME_PHI,
    REGIME_SD,
    SECTOR_SD,
    STOCK_SD,
    History,
    World,
)

FROZEN_HORIZONS: Final = (1, 5)
"""Horizons with the no-news forecast; they carry the families apart."""
_CHUNK: Final = 256
_TREND_FROM: Final = int(np.flatnonzero(families.TREND_KERNEL)[0])
_TREND_TO: Final = len(families.TREND_KERNEL)


def family_expectation(history: History, world: World, *, rows: slice, horizon: int) -> FloatArray:
    """No-news expectation of each family over a horizon.

    Parameters
    ----------
    rows : slice
        Rows of ``history``, with `LOOKBACK` rows before them.
    horizon : int
        Sessions from the next open.

    Returns
    -------
    float64 [rows, F, N]
        Expected simple return, decimal, for all names whether listed or not; families as in
        `MarketConfig.families`. That of the source families is exact: their kernels fade at known
        rates.
    """
    prices = _price_families(history, world, rows=rows, horizon=horizon)
    if world.drivers is None:
        return prices
    first = LOOKBACK + world.config.burn_in_sessions
    planted = np.stack(
        [world.planted_sources(number - first) for number in range(rows.start, rows.stop)]
    )
    names = world.config.families[len(FAMILIES) :]
    places = [SOURCE_FAMILIES.index(name) for name in names]
    faded = planted * horizon_fades(horizon)[np.newaxis, :, np.newaxis]
    return np.concatenate([prices, faded[:, places]], axis=1)


def _price_families(history: History, world: World, *, rows: slice, horizon: int) -> FloatArray:
    planted = history.family[rows]
    if horizon == 1:
        return planted.copy()
    out = np.empty_like(planted)
    fade = (1 - families.SHOCK_PHI**horizon) / (1 - families.SHOCK_PHI)
    linear_now = _apply(history.surprise, families.LINEAR_KERNEL, rows)
    active, scale = _units(world, rows)
    linear = _apply(history.surprise, families.ahead(families.LINEAR_KERNEL, horizon), rows)
    out[:, 0] = fade * planted[:, 0] + scale[0] * active * (linear - fade * linear_now)
    gate = history.gate[rows, np.newaxis]
    trend = _apply(history.surprise, families.ahead(families.TREND_KERNEL, horizon), rows)
    out[:, 1] = scale[1] * active * gate * trend
    order = _apply(history.surprise, families.ahead(families.ORDER_KERNEL, horizon), rows)
    out[:, 2] = scale[2] * active * order
    peers = _apply(history.peer_surprise, families.ahead(families.PEER_KERNEL, horizon), rows)
    out[:, 3] = scale[3] * active * peers
    out[:, 4] = planted[:, 4] * level_fade(horizon)
    return out


def level_fade(horizon: int) -> float:
    """Sum of the characteristic's forecasts over a horizon, per unit of today's value."""
    return float((1 - families.LEVEL_PHI**horizon) / (1 - families.LEVEL_PHI))


def branched_expectation(
    history: History,
    world: World,
    *,
    rows: slice,
    expected_gate: FloatArray,
    horizon: int,
) -> FloatArray:
    """Total expectation over a horizon with the gate's expected path; [rows, N].

    ``expected_gate`` is [rows, sessions ahead], its first column the gate of today.
    """
    frozen = family_expectation(history, world, rows=rows, horizon=horizon)
    active, scale = _units(world, rows)
    trend = np.zeros_like(active)
    for ahead in range(horizon):
        kernel = np.zeros(_TREND_TO)
        kernel[max(_TREND_FROM - ahead, 0) : _TREND_TO - ahead] = families.TREND_KERNEL[-1]
        trend += expected_gate[:, ahead, np.newaxis] * _window(history, kernel, rows)
    total: FloatArray = frozen.sum(axis=1) - frozen[:, 1] + scale[1] * active * trend
    return total


def expected_gates(
    history: History, world: World, *, rows: slice, rng: np.random.Generator
) -> FloatArray:
    """Return the expected regime gate today and in the following sessions, [rows, longest horizon].

    Branches of the market index: the regime follows its AR(1) in antithetic pairs, the cycle is
    known, and index returns are normal with the variance that factors and diversified stock
    shocks leave. All dates share the same shocks, so differences between dates are not noise.
    """
    config, steps, pairs = world.config, max(HORIZONS), world.config.num_branches // 2
    regime_shock = rng.standard_normal((steps, pairs))
    regime_shock = np.concatenate([regime_shock, -regime_shock], axis=1)
    return_shock = np.tile(rng.standard_normal((steps, pairs)), 2)
    diversified = SECTOR_SD**2 / config.num_sectors
    groups = int(world.peer_group.max()) + 1
    mean_variance = STOCK_SD**2 * float(np.exp(2 * 0.3**2))
    diversified += mean_variance * (PEER_SHARE / groups + (1 - PEER_SHARE) / config.num_stocks)
    number = np.arange(rows.start, rows.stop) - LOOKBACK - config.burn_in_sessions
    regime = np.repeat(history.regime[rows, np.newaxis], 2 * pairs, axis=1)
    squares = np.lib.stride_tricks.sliding_window_view(history.index_return**2, RMS_SESSIONS)
    recent = squares[rows.start - RMS_SESSIONS + 1 : rows.stop - RMS_SESSIONS + 1]
    total = np.repeat(recent.sum(axis=1)[:, np.newaxis], 2 * pairs, axis=1)
    out = np.empty((len(number), steps))
    out[:, 0] = history.gate[rows]
    step_sd = REGIME_SD * np.sqrt(1 - REGIME_PHI**2)
    for ahead in range(1, steps):
        regime = REGIME_PHI * regime + step_sd * regime_shock[ahead]
        wave = world.cycle((number + ahead).astype(np.float64))[:, np.newaxis]
        variance = MARKET_SD**2 * np.exp(0.7 * regime + 2 * wave) + diversified
        total = total - recent[:, ahead - 1, np.newaxis] + variance * return_shock[ahead] ** 2
        rms = np.sqrt(np.maximum(total, 1e-12) / RMS_SESSIONS)
        out[:, ahead] = np.tanh(-2 * np.log(rms / families.RMS_CENTRE)).mean(axis=1)
    return out


def chunks(first: int, last: int) -> list[slice]:
    """Slices of at most 256 rows that cover ``first`` to ``last`` (exclusive), to bound memory."""
    return [slice(start, min(start + _CHUNK, last)) for start in range(first, last, _CHUNK)]


def _units(world: World, rows: slice) -> tuple[FloatArray, FloatArray]:
    """1 where a name's expectation is planted (0 once its end is announced); size of a unit."""
    number = np.arange(rows.start, rows.stop) - LOOKBACK - world.config.burn_in_sessions
    active = (world.schedule.event_row[np.newaxis, :] > number[:, np.newaxis]).astype(np.float64)
    return active, world.config.strength * np.asarray(world.config.scales.values())


def _apply(values: FloatArray, kernel: FloatArray, rows: slice) -> FloatArray:
    """Apply a lag kernel (lag 0 first) at every row; [rows, N]."""
    out = np.zeros((rows.stop - rows.start, values.shape[1]))
    for lag in np.flatnonzero(kernel):
        out += kernel[lag] * values[rows.start - lag : rows.stop - lag]
    return out


def _window(history: History, kernel: FloatArray, rows: slice) -> FloatArray:
    """Apply a kernel that is one constant over one run of lags, by cumulative sums; [rows, N]."""
    lags = np.flatnonzero(kernel)
    first, last = rows.start - int(lags[-1]), rows.stop - int(lags[0])
    sums = np.cumsum(history.surprise[first - 1 : last], axis=0)
    width = len(lags)
    out: FloatArray = kernel[lags[0]] * (sums[width:] - sums[:-width])
    return out
