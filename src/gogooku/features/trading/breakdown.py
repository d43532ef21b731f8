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
from gogooku.features.engine.inputs import InputTable, Made, Tables
from gogooku.features.engine.kernels import RETURN, Values, chain
from gogooku.features.engine.own_session import OwnSession
from gogooku.features.engine.timeline import Timeline
from gogooku.features.market.breadth import member_mean

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

_stock = partial(Feature, group="breakdown", max_null_share=0.5)
"""Breakdowns are delivered from 2015-04-01 on."""
_market = partial(_stock, role=Role.MARKET, axis=Axis.ACROSS)


def make_breakdown(tables: Tables, timeline: Timeline) -> Made:
    """Traded values by kind on their own session, null without a row known that evening."""
    wire = {f"bd_{kind}": f"{kind}_yen" for kind in _KINDS}
    return OwnSession(tables, timeline, "breakdown", wire)


BREAKDOWN_INPUTS: Final = (
    InputTable(
        tables=("breakdown",),
        stock={f"bd_{kind}": f"yen, {words}" for kind, words in _KINDS.items()},
        market={},
        make=make_breakdown,
    ),
)


def _sum(x: Values, *, of: tuple[str, ...]) -> FloatArray:
    return np.asarray(np.sum([x[name] for name in of], axis=0))


def _share(x: Values, *, plus: tuple[str, ...], of: str) -> FloatArray:
    return k.ratio(_sum(x, of=plus), x[of])


def _net(x: Values, *, plus: str, minus: str) -> FloatArray:
    return k.ratio(x[plus] - x[minus], x["_bd_total"])


def _mix(x: Values) -> FloatArray:
    return k.ratio(x["bd_margin_sell_new"], x["bd_margin_sell_new"] + x["bd_short_sell"])


def _margin_share(x: Values) -> FloatArray:
    return k.ratio(0.5 * _sum(x, of=_MARGIN), x["_bd_total"])


def _flow(x: Values, *, plus: str, minus: str, window: int) -> FloatArray:
    flow = k.rolling_mean(x[plus] - x[minus], window)
    return k.ratio(flow, k.rolling_mean(x["_bd_total"], window))


def _change(x: Values, *, of: str) -> FloatArray:
    return x[of] - k.shift(x[of], 1)


def _mean(x: Values, *, of: str, window: int) -> FloatArray:
    return k.rolling_mean(x[of], window)


def _z(x: Values, *, of: str, window: int) -> FloatArray:
    return np.clip(m.zscore(x[of], window), -10.0, 10.0)


def _margin_activity(x: Values) -> FloatArray:
    traded = _sum(x, of=_MARGIN)
    return k.log_positive(k.ratio(traded, k.rolling_mean(traded, 20)))


def _turn_up(x: Values) -> FloatArray:
    net = x["bd_net_ratio"]
    now = k.rolling_mean(net, 5) - k.rolling_mean(net, 60)
    before = k.shift(now, 5)
    turned = (now > 0.0) & (before <= 0.0)
    return np.where(np.isnan(now) | np.isnan(before), np.nan, turned.astype(np.float64))


def _net_to_adv(x: Values) -> FloatArray:
    net = k.rolling_mean(x["bd_margin_sell_close"] - x["bd_margin_buy_close"], 5)
    return k.ratio(net, k.rolling_mean(x["turnover"], 60))


def _corr(x: Values) -> FloatArray:
    return m.rolling_corr(x["bd_short_share"], x["ret_prev_1d"], 60)


def _market_mean(x: Values, *, of: str) -> FloatArray:
    return member_mean(x[of], x["universe"])


def _valid(x: Values) -> FloatArray:
    filled = k.rolling_count(~np.isnan(x["_bd_total"]), 20) >= k.fewest(20)
    return np.where(np.isnan(x["listed"]), np.nan, filled.astype(np.float64))


_SHORT: Final = ("bd_short_sell", "bd_margin_sell_new")

_DAY = (
    _stock(
        name="_bd_total",
        concept="total",
        inputs=_SALES,
        compute=partial(_sum, of=_SALES),
        lookback=1,
        unit="ratio",
        max_null_share=1.0,
        meaning="Auction trades of the session in yen.",
    ),
    *(
        _stock(
            name=name,
            concept=concept,
            inputs=(*plus, "_bd_total"),
            compute=partial(_share, plus=plus, of="_bd_total"),
            lookback=1,
            unit="share",
            meaning=meaning,
        )
        for name, concept, plus, meaning in (
            ("bd_short_share", "short", _SHORT, "Short sales, on margin or not, over all sales."),
            (
                "bd_margin_buy_share",
                "margin",
                ("bd_margin_buy_new",),
                "New purchases on margin over all purchases.",
            ),
        )
    ),
    _stock(
        name="bd_margin_short_mix",
        concept="short",
        inputs=_SHORT,
        compute=_mix,
        lookback=1,
        unit="share",
        meaning="Short sales on margin, mostly private, over all short sales.",
    ),
    _stock(
        name="bd_margin_share",
        concept="margin",
        inputs=(*_MARGIN, "_bd_total"),
        compute=_margin_share,
        lookback=1,
        unit="share",
        meaning="Trades on margin, opened or closed, over all trades.",
    ),
    *(
        _stock(
            name=name,
            concept="net",
            inputs=(plus, minus, "_bd_total"),
            compute=partial(_net, plus=plus, minus=minus),
            lookback=1,
            unit="ratio",
            meaning=meaning,
        )
        for name, plus, minus, meaning in (
            (
                "bd_net_ratio",
                "bd_margin_sell_close",
                "bd_margin_buy_close",
                "Purchases less sales with cash and of new positions, over all trades; equal to "
                "sales less purchases that close positions.",
            ),
            (
                "bd_credit_new_net",
                "bd_margin_buy_new",
                "bd_margin_sell_new",
                "New purchases less new short sales on margin, over all trades.",
            ),
        )
    ),
)

_TIME = (
    *(
        _stock(
            name=f"{of}_chg_1d",
            concept="change",
            inputs=(of,),
            compute=partial(_change, of=of),
            lookback=2,
            unit="ratio",
            meaning=f"Change of {of} from the session before; null if either is.",
        )
        for of in ("bd_net_ratio", "bd_short_share")
    ),
    *(
        _stock(
            name=name,
            concept="level",
            inputs=(of,),
            compute=partial(_z, of=of, window=window),
            lookback=window,
            unit="z",
            meaning=f"{of} against its mean and spread of {window} sessions.",
        )
        for name, of, window in (
            ("bd_net_z20", "bd_net_ratio", 20),
            ("bd_net_z260", "bd_net_ratio", 260),
            ("bd_short_z20", "bd_short_share", 20),
            ("bd_short_z260", "bd_short_share", 260),
        )
    ),
    *(
        _stock(
            name=f"{of}_20",
            concept="level",
            inputs=(of,),
            compute=partial(_mean, of=of, window=20),
            lookback=20,
            unit="share",
            meaning=f"Mean of {of} over 20 sessions.",
        )
        for of in ("bd_short_share", "bd_margin_share")
    ),
    *(
        _stock(
            name=f"bd_{side}_flow_{window}",
            concept="margin balance",
            inputs=(plus, minus, "_bd_total"),
            compute=partial(_flow, plus=plus, minus=minus, window=window),
            lookback=window,
            unit="ratio",
            meaning=f"Margin {side} positions opened less closed in {window} sessions, over all "
            "trades.",
        )
        for side, plus, minus in (
            ("long", "bd_margin_buy_new", "bd_margin_sell_close"),
            ("short", "bd_margin_sell_new", "bd_margin_buy_close"),
        )
        for window in (5, 20)
    ),
    _stock(
        name="bd_margin_activity_20",
        concept="activity",
        inputs=_MARGIN,
        compute=_margin_activity,
        lookback=20,
        unit="log",
        meaning="Log of trades on margin over their mean of 20 sessions.",
    ),
    _stock(
        name="bd_turn_up",
        concept="change",
        inputs=("bd_net_ratio",),
        compute=_turn_up,
        lookback=chain(60, 6),
        unit="flag",
        meaning="The mean of bd_net_ratio over 5 sessions is above that over 60, and was not 5 "
        "sessions before.",
    ),
    _stock(
        name="bd_net_adv60",
        concept="net",
        inputs=("bd_margin_sell_close", "bd_margin_buy_close", "turnover"),
        compute=_net_to_adv,
        lookback=60,
        unit="ratio",
        meaning="Mean net trades of 5 sessions (bd_net_ratio) over the mean traded value of 60.",
    ),
    _stock(
        name="bd_short_ret_corr_60",
        concept="short",
        inputs=("bd_short_share", "ret_prev_1d"),
        compute=_corr,
        lookback=chain(60, RETURN),
        unit="ratio",
        meaning="Correlation of bd_short_share with the return, 60 sessions.",
    ),
)

_WHOLE = (
    *(
        _market(
            name=name,
            concept="market",
            inputs=(of, "universe"),
            compute=partial(_market_mean, of=of),
            lookback=1,
            unit="share",
            meaning=f"Mean of {of} over the universe.",
        )
        for name, of in (
            ("bd_mkt_margin_share", "bd_margin_share"),
            ("bd_mkt_net_ratio", "bd_net_ratio"),
        )
    ),
    _stock(
        name="is_bd_valid",
        concept="validity",
        inputs=("_bd_total", "listed"),
        compute=_valid,
        lookback=20,
        unit="flag",
        role=Role.MASK,
        meaning=f"The name has a breakdown of at least {k.fewest(20)} of 20 sessions: windows of "
        "that length are filled (that of the session itself is missing where it did not trade).",
    ),
)

BREAKDOWN: Final[tuple[Feature, ...]] = (*_DAY, *_TIME, *_WHOLE)
