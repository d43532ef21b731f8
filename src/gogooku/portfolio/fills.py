"""What a session offers to working orders: at which price, to whom, how much.

Everything here is known at the moment of the fill. For a fill at the open that is the open itself
and what was known at the decision; for a fill over the session, or at its close, the session too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gogooku.core.metrics import FloatArray
from gogooku.core.price_limits import NARROWEST, limit_prices
from gogooku.core.terms import terms_of
from gogooku.core.ticks import on_tick, tick_size
from gogooku.core.types import BoolArray, IntArray
from gogooku.portfolio.bars import MarketBars
from gogooku.portfolio.costs import CostConfig
from gogooku.portfolio.fill_config import FillConfig, FillPrice

_LIMIT_ROUNDING = 1e-9
"""Relative; a price this near to its limit is at it."""


PriceOf = Callable[[IntArray], FloatArray]
"""Prices of a session for some names, [k]; NaN where nobody traded."""


class Offer(NamedTuple):
    """What a session offers to the names that have a working order, each [k].

    Attributes
    ----------
    price_of : function
        Prices of any names, for valuation; NaN where nobody traded.
    price : float64
        The same of the names with an order.
    buy_price, sell_price : float64
        What a buyer pays and a seller gets; the same where orders get a price that was traded.
    no_buy, no_sell : bool
        Locked at a limit against buyers, against sellers.
    tick : float64
        NaN where costs do not depend on it.
    max_shares : float64, optional
        Most shares an order may take; None without a cap.
    mean_value, volatility : float64
        As `gogooku.portfolio.costs.Traded` has them; NaN where costs do not depend on them.
    """

    price_of: PriceOf
    price: FloatArray
    buy_price: FloatArray
    sell_price: FloatArray
    no_buy: BoolArray
    no_sell: BoolArray
    tick: FloatArray
    max_shares: FloatArray | None
    mean_value: FloatArray
    volatility: FloatArray


def make_offer(
    bars: MarketBars,
    t: int,
    names: IntArray,
    base: FloatArray,
    *,
    config: FillConfig,
    costs: CostConfig,
) -> Offer:
    """What session ``t`` offers to orders of some names.

    Parameters
    ----------
    base : float64 [k]
        Last closes of the names before the session, in today's shares.
    costs : CostConfig
        Whether ticks, volatility and traded value are asked for.
    """

    def price_of(some: IntArray) -> FloatArray:
        return bars.price(t, config.price, some)

    price = price_of(names)
    proxy = config.price is FillPrice.VWAP_PROXY
    unknown = np.full(len(names), np.nan)
    tick = mean_value = volatility = unknown
    if proxy or costs.spread_ticks:
        fine = None if bars.fine_ticks is None else bars.fine_ticks[t, names]
        tick = tick_size(bars.exchange.name, price, fine)
    if costs.impact or config.max_participation:
        mean_value = bars.traded_value(t - 1, names, sessions=config.lookback)
    if costs.impact:
        volatility = bars.volatility(t - 1, names, sessions=config.lookback)
    no_buy, no_sell = _locked(bars, t, names, base, config)
    return Offer(
        price_of=price_of,
        price=price,
        buy_price=np.fmin(on_tick(price, tick, up=True), bars.high[t, names]) if proxy else price,
        sell_price=np.fmax(on_tick(price, tick, up=False), bars.low[t, names]) if proxy else price,
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
    if config.price is FillPrice.OPEN:
        opened = bars.open[t][names]
        return _at_limits(opened, opened, _limits(bars, base, opened, opened, config))
    high, low = bars.high[t][names], bars.low[t][names]
    top, bottom = bars.limit_up[t][names] == 1.0, bars.limit_down[t][names] == 1.0
    if config.price is FillPrice.CLOSE:
        close = bars.close[t][names]
        no_buy, no_sell = _at_limits(close, close, _limits(bars, base, close, close, config))
        return no_buy | (top & (close >= high)), no_sell | (bottom & (close <= low))
    no_buy, no_sell = _at_limits(low, high, _limits(bars, base, low, high, config))
    return no_buy | (top & (low >= high)), no_sell | (bottom & (low >= high))


def _at_limits(
    cheapest: FloatArray, dearest: FloatArray, limits: tuple[FloatArray, FloatArray] | None
) -> tuple[BoolArray, BoolArray]:
    if limits is None:
        none = np.zeros(len(cheapest), dtype=np.bool_)
        return none, none
    lower, upper = limits
    return (
        cheapest >= upper * (1.0 - _LIMIT_ROUNDING),
        dearest <= lower * (1.0 + _LIMIT_ROUNDING),
    )


def _limits(
    bars: MarketBars, base: FloatArray, low: FloatArray, high: FloatArray, config: FillConfig
) -> tuple[FloatArray, FloatArray] | None:
    """Lower and upper limit of a session; None where there is none, or none is near the prices."""
    if config.price_limit:
        return base * (1.0 - config.price_limit), base * (1.0 + config.price_limit)
    if not terms_of(bars.exchange.name).price_limits:
        return None
    far = (low < base * (1.0 - NARROWEST)) | (high > base * (1.0 + NARROWEST))
    return limit_prices(base) if np.count_nonzero(far) else None


def _most(
    bars: MarketBars,
    t: int,
    names: IntArray,
    base: FloatArray,
    mean_value: FloatArray,
    config: FillConfig,
) -> FloatArray | None:
    if not config.max_participation:
        return None
    most = np.nan_to_num(config.max_participation * mean_value / base, nan=0.0)
    if config.price is not FillPrice.OPEN:
        most = np.minimum(most, config.max_participation * np.nan_to_num(bars.volume[t, names]))
    return np.asarray(np.floor(most))
