"""What a session offers to working orders: at which price, to whom, how much.

Everything here is known at the moment of the fill. For a fill at the open that is the open itself
and what was known at the decision; for a fill over the session, or at its close, the session too.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from gogooku.core.config import Config
from gogooku.core.findings import Unit
from gogooku.core.metrics import FloatArray
from gogooku.core.price_limits import limit_prices
from gogooku.core.terms import terms_of
from gogooku.core.ticks import on_tick, tick_size
from gogooku.core.types import BoolArray, IntArray

if TYPE_CHECKING:
    from gogooku.portfolio.bars import MarketBars

_LIMIT_ROUNDING = 1e-9
"""Relative; a price this near to its limit is at it."""


class FillPrice(StrEnum):
    """Which price of the session after the decision an order gets."""

    OPEN = "open"
    VWAP_PROXY = "vwap_proxy"
    """(open + high + low + close) / 4, rounded to the tick against the trader."""
    CLOSE = "close"


class FillConfig(Config):
    """How orders are filled, always in the session after their decision or later.

    Attributes
    ----------
    price : FillPrice
    max_participation : float, optional
        Largest share of a name's traded value that an order takes in a session: of the trailing
        mean known at the decision, and for fills over the session or at its close of that session's
        own volume too. The rest is carried to the next session. None for no cap.
    lookback : int
        Trailing sessions of mean traded value and of volatility.
    price_limit : float, optional
        Share of the base price by which a price may move in a session. None for the exchange's own
        limits: the table of Tokyo, none in New York.
    """

    price: FillPrice = FillPrice.OPEN
    max_participation: float | None = Field(default=None, gt=0.0, le=1.0)
    lookback: Annotated[int, Unit("sessions")] = Field(default=20, ge=2, le=1_000)
    price_limit: float | None = Field(default=None, gt=0.0, le=10.0)


@dataclass(frozen=True)
class Offer:
    """What a session offers; [k] in the order of ``names``.

    Attributes
    ----------
    price_N : float64 [N]
        Of every name, for valuation; NaN where nobody traded.
    names : int64 [k]
        Names that have a working order.
    buy_price, sell_price : float64 [k]
        What a buyer pays and a seller gets, on the tick.
    no_buy, no_sell : bool [k]
        Locked at a limit against buyers, against sellers.
    tick : float64 [k]
    max_shares : float64 [k]
        Most shares an order may take; infinite without a cap.
    mean_value, volatility : float64 [k]
        As `gogooku.portfolio.costs.Traded` has them.
    """

    price_N: FloatArray
    names: IntArray
    buy_price: FloatArray
    sell_price: FloatArray
    no_buy: BoolArray
    no_sell: BoolArray
    tick: FloatArray
    max_shares: FloatArray
    mean_value: FloatArray
    volatility: FloatArray


def make_offer(
    bars: MarketBars,
    t: int,
    names: IntArray,
    base_N: FloatArray,
    *,
    config: FillConfig,
    with_impact: bool,
) -> Offer:
    """What session ``t`` offers to orders of some names.

    Parameters
    ----------
    base_N : float64 [N]
        Last closes before the session, in today's shares.
    with_impact : bool
        Whether costs depend on volatility and traded value.
    """
    price_N = bars.price(t, config.price)
    price, base = price_N[names], base_N[names]
    fine = None if bars.fine_ticks is None else bars.fine_ticks[t, names]
    tick = tick_size(bars.exchange.name, price, fine)
    proxy = config.price is FillPrice.VWAP_PROXY
    no_buy, no_sell = _locked(bars, t, names, base, config)
    mean_value = volatility = np.full(len(names), np.nan)
    if with_impact or config.max_participation is not None:
        mean_value = bars.traded_value(t - 1, names, sessions=config.lookback)
    if with_impact:
        volatility = bars.volatility(t - 1, names, sessions=config.lookback)
    return Offer(
        price_N=price_N,
        names=names,
        buy_price=on_tick(price, tick, up=True) if proxy else price,
        sell_price=on_tick(price, tick, up=False) if proxy else price,
        no_buy=no_buy,
        no_sell=no_sell,
        tick=tick,
        max_shares=_most(bars, t, names, base, mean_value, config),
        mean_value=mean_value,
        volatility=volatility,
    )


def _locked(
    bars: MarketBars, t: int, names: IntArray, base: FloatArray, config: FillConfig
) -> tuple[BoolArray, BoolArray]:
    """Names locked against buyers and against sellers at the moment of the fill.

    At the open: the open is at, or beyond, the limit that follows from the last close. At the
    close: the close is, or it is the session's high and the session ended at its limit. Over the
    session: nothing traded below the upper (above the lower) limit.
    """
    lower, upper = _limits(bars, base, config)
    if config.price is FillPrice.OPEN:
        return _at_limits(bars.open[t, names], bars.open[t, names], lower, upper)
    high, low = bars.high[t, names], bars.low[t, names]
    top, bottom = bars.limit_up[t, names] == 1.0, bars.limit_down[t, names] == 1.0
    if config.price is FillPrice.CLOSE:
        close = bars.close[t, names]
        no_buy, no_sell = _at_limits(close, close, lower, upper)
        return no_buy | (top & (close >= high)), no_sell | (bottom & (close <= low))
    no_buy, no_sell = _at_limits(low, high, lower, upper)
    return no_buy | (top & (low >= high)), no_sell | (bottom & (low >= high))


def _at_limits(
    cheapest: FloatArray, dearest: FloatArray, lower: FloatArray, upper: FloatArray
) -> tuple[BoolArray, BoolArray]:
    return (
        cheapest >= upper * (1.0 - _LIMIT_ROUNDING),
        dearest <= lower * (1.0 + _LIMIT_ROUNDING),
    )


def _limits(
    bars: MarketBars, base: FloatArray, config: FillConfig
) -> tuple[FloatArray, FloatArray]:
    """Lower and upper limit of a session; NaN where there is none or it is not known."""
    if config.price_limit is not None:
        return base * (1.0 - config.price_limit), base * (1.0 + config.price_limit)
    if terms_of(bars.exchange.name).price_limits:
        return limit_prices(base)
    none = np.full(len(base), np.nan)
    return none, none


def _most(
    bars: MarketBars,
    t: int,
    names: IntArray,
    base: FloatArray,
    mean_value: FloatArray,
    config: FillConfig,
) -> FloatArray:
    if config.max_participation is None:
        return np.full(len(names), np.inf)
    most = np.nan_to_num(config.max_participation * mean_value / base, nan=0.0)
    if config.price is not FillPrice.OPEN:
        most = np.minimum(most, config.max_participation * np.nan_to_num(bars.volume[t, names]))
    return np.asarray(np.floor(most))
