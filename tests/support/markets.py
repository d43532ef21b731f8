"""A small dense random market with everything that goes wrong: the input of the feature tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from gogooku.core.types import Feature

FloatArray = npt.NDArray[np.float64]


def dense_market(
    num_sessions: int = 480, num_names: int = 40, *, seed: int = 0
) -> dict[str, FloatArray]:
    """Base columns of a market with holes, halts, late listings, delistings, splits and sectors.

    Prices are adjusted with a scale of their own per name and lie on a tick, so ties happen.
    """
    rng = np.random.default_rng(seed)
    shape = (num_sessions, num_names)
    common = 0.008 * rng.standard_normal((num_sessions, 1))
    own = rng.uniform(0.01, 0.03, num_names) * rng.standard_t(5, shape)
    log_close = np.log(1000.0) + np.cumsum(0.3 * common + own, axis=0)
    log_open = log_close - 0.7 * own + 0.004 * rng.standard_normal(shape)
    top = np.maximum(log_open, log_close) + np.abs(0.006 * rng.standard_normal(shape))
    bottom = np.minimum(log_open, log_close) - np.abs(0.006 * rng.standard_normal(shape))
    prices = {"open": log_open, "high": top, "low": bottom, "close": log_close}
    out = {name: np.round(np.exp(log)) for name, log in prices.items()}
    level = 15.0 + rng.normal(0, 1, num_names) + 0.4 * rng.standard_normal(shape)
    out["turnover"] = np.round(np.exp(level))
    out["volume"] = out["turnover"] / (0.5 * (out["high"] + out["low"]))
    _split(out, rng)
    listed, traded = _gaps(shape, rng)
    for name in ("open", "high", "low", "close", "volume", "turnover"):
        out[name] = np.where(traded, out[name], np.nan)
    out["listed"] = np.where(listed, 1.0, np.nan)
    out["traded"] = np.where(listed, traded.astype(float), np.nan)
    move = rng.random(shape)
    out["limit_up_flag"] = np.where(traded, (move > 0.97).astype(float), np.nan)
    out["limit_down_flag"] = np.where(traded, (move < 0.03).astype(float), np.nan)
    streak = slice(num_sessions - 44, num_sessions - 40)
    out["limit_up_flag"][streak, :2], out["limit_down_flag"][streak, :2] = 1.0, 0.0
    for name in ("open", "high", "low"):
        out[name][streak.start, 0] = out["close"][streak.start, 0]
    member = listed & (rng.random(num_names) < 0.9)
    out["universe"] = np.where(member, 1.0, np.nan)
    sector = np.tile(rng.integers(0, 5, num_names).astype(float), (num_sessions, 1))
    sector[num_sessions // 2 :, 3] = (sector[0, 3] + 1) % 5
    sector[:, 5] = np.nan
    sector[:, 6] = 5.0
    out["sector"] = sector
    out["week_start"] = (np.arange(num_sessions) % 5 == 0).astype(float)
    return out | _index(common[:, 0], rng)


def _split(out: dict[str, FloatArray], rng: np.random.Generator) -> None:
    """Prices quoted before and after splits, then adjusted forward: another scale, same ratios."""
    num_sessions, num_names = out["close"].shape
    out["split"] = np.zeros((num_sessions, num_names))
    scale = np.exp(rng.normal(0, 1, num_names))
    for name in ("open", "high", "low", "close"):
        out[name] = out[name] * scale
    out["volume"] = out["volume"] / scale
    out["split"][num_sessions // 3, :4] = 1.0


def _gaps(
    shape: tuple[int, int], rng: np.random.Generator
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    num_sessions, num_names = shape
    row = np.arange(num_sessions)[:, None]
    first = np.where(rng.random(num_names) < 0.2, rng.integers(0, num_sessions, num_names), 0)
    last = np.where(rng.random(num_names) < 0.1, rng.integers(0, num_sessions, num_names), 10**6)
    first[:10], last[:10] = 0, 10**6
    listed = (row >= first) & (row <= last)
    traded = listed & (rng.random(shape) > 0.02)
    traded[-60:-20, 7] = False
    traded[-80:-40, 8] = True
    traded[-70:-50, 8] = False
    traded[-5:, 9] = False
    return listed, traded


def _index(common: FloatArray, rng: np.random.Generator) -> dict[str, FloatArray]:
    close = 2000.0 * np.exp(np.cumsum(common))
    open_ = close * np.exp(0.003 * rng.standard_normal(len(close)))
    spread = np.exp(np.abs(0.004 * rng.standard_normal(len(close))))
    return {
        "mkt_open": open_,
        "mkt_high": np.maximum(open_, close) * spread,
        "mkt_low": np.minimum(open_, close) / spread,
        "mkt_close": close,
    }


def stock_feature(
    name: str,
    compute: Callable[..., FloatArray],
    *,
    inputs: tuple[str, ...] = ("close",),
    lookback: int = 1,
) -> Feature:
    """A planted feature for the tests of the checkers."""
    return Feature(
        name=name,
        group="price",
        inputs=inputs,
        compute=compute,
        lookback=lookback,
        unit="ratio",
        meaning="Planted.",
    )
