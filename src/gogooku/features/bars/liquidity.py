"""How much one name trades, at what price impact, and whether volume goes with direction.

Volumes are adjusted shares, traded values raw currency: neither depends on the scale of prices
times shares. A session without a trade has no volume (null), it does not count as zero, except in
`zero_trade_share_*`.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from gogooku.core.types import Feature, FloatArray
from gogooku.features.bars.impact import IMPACT
from gogooku.features.engine import kernels as k
from gogooku.features.engine import moments as m
from gogooku.features.engine.kernels import RETURN, Values, chain

_liquidity = partial(Feature, group="liquidity")


def _log(x: Values, *, column: str) -> FloatArray:
    return k.log_positive(x[column])


def _volume_ratio(x: Values, *, window: int) -> FloatArray:
    return k.log_positive(k.ratio(x["volume"], k.rolling_mean(x["volume"], window)))


def _mean(x: Values, *, of: str, window: int) -> FloatArray:
    return k.rolling_mean(x[of], window)


def _mean_gap(x: Values, *, of: str, short: int, long: int) -> FloatArray:
    return k.rolling_mean(x[of], short) - k.rolling_mean(x[of], long)


def _z(x: Values, *, of: str, window: int) -> FloatArray:
    return np.clip(m.zscore(x[of], window), -10.0, 10.0)


def _untraded(x: Values, *, window: int) -> FloatArray:
    return 1.0 - k.rolling_mean(x["traded"], window)


def _unchanged(x: Values) -> FloatArray:
    returns = x["ret_prev_1d"]
    flat = (k.sign(returns) == 0.0).astype(np.float64)
    flat[np.isnan(returns)] = np.nan
    return k.rolling_mean(flat, 60)


def _variation(x: Values, *, window: int) -> FloatArray:
    mean, variance = m.rolling_mean_var(x["volume"], window)
    return k.ratio(k.root(variance), mean)


def _volume_change(x: Values) -> FloatArray:
    return x["_log_volume"] - k.shift(k.forward_fill(x["_log_volume"]), 1)


def _volume_corr(x: Values, *, of: str, window: int) -> FloatArray:
    return m.rolling_corr(x[of], x["_volume_change"], window)


def _signed_share(x: Values, *, direction: FloatArray, weight: str, window: int) -> FloatArray:
    weights = np.where(np.isnan(direction), np.nan, x[weight])
    flow = k.rolling_mean(direction * weights, window)
    return k.ratio(flow, k.rolling_mean(weights, window))


def _obv(x: Values) -> FloatArray:
    sign = k.sign(x["ret_prev_1d"])
    return _signed_share(x, direction=sign, weight="volume", window=20)


def _chaikin(x: Values) -> FloatArray:
    where = 2.0 * x["close_location"] - 1.0
    return _signed_share(x, direction=where, weight="volume", window=20)


def _money_flow(x: Values) -> FloatArray:
    typical = (x["high"] + x["low"] + x["close"]) / 3.0
    change = k.ratio(typical, k.shift(k.forward_fill(typical), 1)) - 1.0
    return _signed_share(x, direction=k.sign(change), weight="turnover", window=14)


def _limit_net(x: Values) -> FloatArray:
    return k.rolling_mean(x["limit_up"] - x["limit_down"], 5)


_HIDDEN = (
    *(
        _liquidity(
            name=f"_log_{column}",
            concept="level",
            inputs=(column,),
            compute=partial(_log, column=column),
            lookback=1,
            unit="log",
            max_null_share=1.0,
            meaning=f"Log of {column}.",
        )
        for column in ("volume", "turnover")
    ),
    _liquidity(
        name="_volume_change",
        concept="activity",
        inputs=("_log_volume",),
        compute=_volume_change,
        lookback=RETURN,
        unit="log",
        max_null_share=1.0,
        meaning="Log volume less the last known one before.",
    ),
)

_ACTIVITY = (
    *(
        _liquidity(
            name=f"volume_ratio_{w}",
            concept="activity",
            inputs=("volume",),
            compute=partial(_volume_ratio, window=w),
            lookback=w,
            unit="log",
            meaning=f"Log of volume over its mean of {w} sessions.",
        )
        for w in (5, 20)
    ),
    *(
        _liquidity(
            name=f"volume_z_{w}",
            concept="activity",
            inputs=("_log_volume",),
            compute=partial(_z, of="_log_volume", window=w),
            lookback=w,
            unit="z",
            meaning=f"Log volume against its mean and spread of {w} sessions, within +-10.",
        )
        for w in (20, 60)
    ),
    *(
        _liquidity(
            name=f"turnover_{a}_{b}",
            concept="activity change",
            inputs=("_log_turnover",),
            compute=partial(_mean_gap, of="_log_turnover", short=a, long=b),
            lookback=b,
            unit="log",
            meaning=f"Mean log traded value of {a} sessions less that of {b}.",
        )
        for a, b in ((5, 20), (5, 60), (20, 120), (60, 250))
    ),
    *(
        _liquidity(
            name=f"adv{w}_log",
            concept="size",
            inputs=("_log_turnover",),
            compute=partial(_mean, of="_log_turnover", window=w),
            lookback=w,
            unit="log",
            meaning=f"Mean log traded value of {w} sessions (the currency drops out in ranks).",
        )
        for w in (20, 60)
    ),
    *(
        _liquidity(
            name=f"volume_cv_{w}",
            concept="activity",
            inputs=("volume",),
            compute=partial(_variation, window=w),
            lookback=w,
            unit="ratio",
            meaning=f"Standard deviation over mean of {w} volumes.",
        )
        for w in (20, 60)
    ),
    _liquidity(
        name="zero_trade_share_60",
        concept="trading",
        inputs=("traded",),
        compute=partial(_untraded, window=60),
        lookback=60,
        unit="share",
        meaning="Share of 60 listed sessions without a trade.",
    ),
    _liquidity(
        name="zero_return_share_60",
        concept="trading",
        inputs=("ret_prev_1d",),
        compute=_unchanged,
        lookback=chain(60, RETURN),
        unit="share",
        meaning="Share of 60 sessions that closed unchanged (Lesmond, Ogden & Trzcinka 1999).",
    ),
)

_DIRECTION = (
    *(
        _liquidity(
            name=f"price_volume_corr_{w}",
            concept="direction",
            inputs=("ret_prev_1d", "_volume_change"),
            compute=partial(_volume_corr, of="ret_prev_1d", window=w),
            lookback=chain(w, RETURN),
            unit="ratio",
            meaning=f"Correlation of return and change of log volume, {w} sessions.",
        )
        for w in (20, 60)
    ),
    _liquidity(
        name="move_volume_corr_60",
        concept="direction",
        inputs=("day_range", "_volume_change"),
        compute=partial(_volume_corr, of="day_range", window=60),
        lookback=chain(60, RETURN),
        unit="ratio",
        meaning="Correlation of day_range and change of log volume, 60 sessions.",
    ),
    _liquidity(
        name="obv_share_20",
        concept="direction",
        inputs=("ret_prev_1d", "volume"),
        compute=_obv,
        lookback=chain(20, RETURN),
        unit="share",
        meaning="On-balance volume of 20 sessions over their volume (Granville 1963).",
    ),
    _liquidity(
        name="cmf_20",
        concept="direction",
        inputs=("close_location", "volume"),
        compute=_chaikin,
        lookback=20,
        unit="share",
        meaning="Chaikin money flow of 20 sessions, -1 to 1.",
    ),
    _liquidity(
        name="money_flow_14",
        concept="direction",
        inputs=("high", "low", "close", "turnover"),
        compute=_money_flow,
        lookback=chain(14, RETURN),
        unit="share",
        meaning="Traded value with a rising less a falling typical price, share of 14 sessions "
        "(money flow index, -1 to 1).",
    ),
    _liquidity(
        name="limit_net_5",
        concept="limits",
        inputs=("limit_up", "limit_down"),
        compute=_limit_net,
        lookback=5,
        unit="share",
        max_null_share=1.0,
        meaning="Share of 5 sessions closed at the upper limit less at the lower; null where the "
        "source has no limits.",
    ),
)

LIQUIDITY: Final[tuple[Feature, ...]] = (*_HIDDEN, *_ACTIVITY, *IMPACT, *_DIRECTION)
