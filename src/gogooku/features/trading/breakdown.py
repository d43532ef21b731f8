"""Who traded: sales and purchases of each name by kind of order. Premium only.

The four kinds of sales add up to the traded value, and so do the three kinds of purchases: the net
of all of them is zero. The net of some is informative. Cash and newly opened trades,
bought less sold, are what margin positions closed leave over, so `bd_net_ratio` is also the net of
closing trades (``bd_credit_close_net`` with the sign changed, an alias). New less closed trades of
a side are the change of its margin balance, days before the weekly figure. `bd_turn_up` is against
the name's own mean, because more long than short positions close on nearly every day.

Left out on purpose: ``bd_net_ratio_local_max/min`` (looked three sessions ahead),
``bd_total_value`` and ``bd_net_value`` (yen), ``bd_mkt_short_share`` (`ss_mkt_short_share` says it
for the whole market), the short share less that of the sector (the same ranks),
``bd_activity_ratio`` of all trades (that of the traded value), ``bd_net_mc``, ``bd_staleness_bd``
and ``bd_is_recent`` (the row is the session's own or there is none). Everything is in yen of the
session itself, so splits do not matter.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from gogooku.core.types import Axis, Feature, FloatArray, Role
from gogooku.features.engine import kernels as k
from gogooku.features.engine import moments as m
from gogooku.features.engine.combinators import (
    Expression,
    change,
    col,
    declared,
    log,
    mean,
    over,
    ratio,
    rolling,
    z,
)
from gogooku.features.engine.inputs import InputTable, Made, Tables
from gogooku.features.engine.kernels import RETURN
from gogooku.features.engine.own_session import OwnSession
from gogooku.features.engine.timeline import Timeline
from gogooku.features.market.breadth import mean_of_members

_KINDS: Final = {
    "long_sell": "sales of own shares",
    "short_sell": "short sales other than on margin",
    "margin_sell_new": "short sales on margin, new positions",
    "margin_sell_close": "sales on margin that close long positions",
    "long_buy": "purchases with cash",
    "margin_buy_new": "purchases on margin, new positions",
    "margin_buy_close": "purchases on margin that close short positions",
}
_SALES: Final = ("bd_long_sell", "bd_short_sell", "bd_margin_sell_new", "bd_margin_sell_close")
_MARGIN: Final = tuple(f"bd_margin_{s}_{w}" for s in ("sell", "buy") for w in ("new", "close"))

_stock = partial(declared, group="breakdown", max_null_share=0.5)
"""Breakdowns are delivered from 2015-04-01 on."""
_market = partial(_stock, role=Role.MARKET, axis=Axis.ACROSS)


def make_breakdown(tables: Tables, timeline: Timeline) -> Made:
    """Traded values by kind on their own session, null without a row known that evening."""
    wire = {f"bd_{kind}": f"{kind}_yen" for kind in _KINDS}
    return OwnSession(tables, timeline, "breakdown", wire)


BREAKDOWN_INPUTS: Final[tuple[InputTable, ...]] = (
    InputTable(
        tables=("breakdown",),
        stock={f"bd_{kind}": f"yen, {words}" for kind, words in _KINDS.items()},
        market={},
        make=make_breakdown,
    ),
)


_TOTAL: Final = col("_bd_total")


def _sum_of(*names: str) -> Expression:
    return over(lambda *values: np.asarray(np.sum(values, axis=0)), *map(col, names))


_SHORT: Final = col("bd_margin_sell_new") + col("bd_short_sell")
_ON_MARGIN: Final = _sum_of(*_MARGIN)


def _turn_up(trend: FloatArray) -> FloatArray:
    before = k.shift(trend, 5)
    turned = (trend > 0.0) & (before <= 0.0)
    return np.where(np.isnan(trend) | np.isnan(before), np.nan, turned.astype(np.float64))


def _enough_sessions(total: FloatArray, listed: FloatArray) -> FloatArray:
    filled = k.rolling_count(~np.isnan(total), 20) >= k.fewest(20)
    return np.where(np.isnan(listed), np.nan, filled.astype(np.float64))


_DAY = (
    _stock(
        "_bd_total",
        _sum_of(*_SALES),
        "ratio",
        "Auction trades of the session in yen.",
        max_null_share=1.0,
    ),
    _stock(
        "bd_short_share",
        ratio(_SHORT, _TOTAL),
        "share",
        "Short sales, on margin or not, over all sales.",
    ),
    _stock(
        "bd_margin_buy_share",
        ratio(col("bd_margin_buy_new"), _TOTAL),
        "share",
        "New purchases on margin over all purchases.",
    ),
    _stock(
        "bd_margin_short_mix",
        ratio(col("bd_margin_sell_new"), _SHORT),
        "share",
        "Short sales on margin, mostly private, over all short sales.",
    ),
    _stock(
        "bd_margin_share",
        ratio(0.5 * _ON_MARGIN, _TOTAL),
        "share",
        "Trades on margin, opened or closed, over all trades.",
    ),
    _stock(
        "bd_net_ratio",
        ratio(col("bd_margin_sell_close") - col("bd_margin_buy_close"), _TOTAL),
        "ratio",
        "Purchases less sales with cash and of new positions, over all trades; equal to "
        "sales less purchases that close positions.",
    ),
    _stock(
        "bd_credit_new_net",
        ratio(col("bd_margin_buy_new") - col("bd_margin_sell_new"), _TOTAL),
        "ratio",
        "New purchases less new short sales on margin, over all trades.",
    ),
)

_TIME = (
    *(
        _stock(
            f"{of}_chg_1d",
            change(col(of), 1),
            "ratio",
            f"Change of {of} from the session before; null if either is.",
        )
        for of in ("bd_net_ratio", "bd_short_share")
    ),
    *(
        _stock(
            name, z(col(of), window), "z", f"{of} against its mean and spread of {window} sessions."
        )
        for name, of, window in (
            ("bd_net_z20", "bd_net_ratio", 20),
            ("bd_net_z260", "bd_net_ratio", 260),
            ("bd_short_z20", "bd_short_share", 20),
            ("bd_short_z260", "bd_short_share", 260),
        )
    ),
    *(
        _stock(f"{of}_20", mean(col(of), 20), "share", f"Mean of {of} over 20 sessions.")
        for of in ("bd_short_share", "bd_margin_share")
    ),
    *(
        _stock(
            f"bd_{side}_flow_{window}",
            ratio(mean(col(plus) - col(minus), window), mean(_TOTAL, window)),
            "ratio",
            f"Margin {side} positions opened less closed in {window} sessions, over all trades.",
        )
        for side, plus, minus in (
            ("long", "bd_margin_buy_new", "bd_margin_sell_close"),
            ("short", "bd_margin_sell_new", "bd_margin_buy_close"),
        )
        for window in (5, 20)
    ),
    _stock(
        "bd_margin_activity_20",
        log(ratio(_ON_MARGIN, mean(_ON_MARGIN, 20))),
        "log",
        "Log of trades on margin over their mean of 20 sessions.",
    ),
    _stock(
        "bd_turn_up",
        over(_turn_up, mean(col("bd_net_ratio"), 5) - mean(col("bd_net_ratio"), 60), window=6),
        "flag",
        "The mean of bd_net_ratio over 5 sessions is above that over 60, and was not 5 "
        "sessions before.",
    ),
    _stock(
        "bd_net_adv60",
        ratio(
            mean(col("bd_margin_sell_close") - col("bd_margin_buy_close"), 5),
            mean(col("turnover"), 60),
        ),
        "ratio",
        "Mean net trades of 5 sessions (bd_net_ratio) over the mean traded value of 60.",
    ),
    _stock(
        "bd_short_ret_corr_60",
        rolling(m.rolling_corr, col("bd_short_share"), col("ret_prev_1d", RETURN), window=60),
        "ratio",
        "Correlation of bd_short_share with the return, 60 sessions.",
    ),
)

_WHOLE = (
    *(
        _market(name, mean_of_members(col(of)), "share", f"Mean of {of} over the universe.")
        for name, of in (
            ("bd_mkt_margin_share", "bd_margin_share"),
            ("bd_mkt_net_ratio", "bd_net_ratio"),
        )
    ),
    _stock(
        "is_bd_valid",
        over(_enough_sessions, _TOTAL, col("listed"), window=20),
        "flag",
        f"The name has a breakdown of at least {k.fewest(20)} of 20 sessions: windows of "
        "that length are filled (that of the session itself is missing where it did not trade).",
        role=Role.MASK,
    ),
)

BREAKDOWN: Final[tuple[Feature, ...]] = (*_DAY, *_TIME, *_WHOLE)
