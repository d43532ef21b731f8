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
from gogooku.features.bars.columns import CLOSES, HIGHS, LOWS, RETURNS
from gogooku.features.bars.impact import IMPACT
from gogooku.features.engine import kernels as k
from gogooku.features.engine import moments as m
from gogooku.features.engine.combinators import (
    before,
    col,
    declared,
    filled,
    gain,
    log,
    mean,
    over,
    ratio,
    rolling,
    sign,
    z,
)
from gogooku.features.engine.kernels import RETURN

_liquidity = partial(declared, group="liquidity")

_VOLUME = col("volume")
_LOG_VOLUME, _LOG_TURNOVER = col("_log_volume"), col("_log_turnover")
_VOLUME_CHANGE = col("_volume_change", RETURN)


def _unchanged(returns: FloatArray) -> FloatArray:
    return np.where(np.isnan(returns), np.nan, k.sign(returns) == 0.0)


def _variation(volume: FloatArray, window: int) -> FloatArray:
    mean, variance = m.rolling_mean_var(volume, window)
    return k.ratio(k.root(variance), mean)


def _typical(high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
    return (high + low + close) / 3.0


def _signed_share(direction: FloatArray, weight: FloatArray, window: int) -> FloatArray:
    weights = np.where(np.isnan(direction), np.nan, weight)
    flow = k.rolling_mean(direction * weights, window)
    return k.ratio(flow, k.rolling_mean(weights, window))


_TYPICAL = over(_typical, HIGHS, LOWS, CLOSES)

_HIDDEN = (
    *(
        _liquidity(
            f"_log_{column}", log(col(column)), "log", f"Log of {column}.", max_null_share=1.0
        )
        for column in ("volume", "turnover")
    ),
    _liquidity(
        "_volume_change",
        _LOG_VOLUME - before(filled(_LOG_VOLUME), 1),
        "log",
        "Log volume less the last known one before.",
        max_null_share=1.0,
    ),
)

_ACTIVITY = (
    *(
        _liquidity(
            f"volume_ratio_{w}",
            log(ratio(_VOLUME, mean(_VOLUME, w))),
            "log",
            f"Log of volume over its mean of {w} sessions.",
        )
        for w in (5, 20)
    ),
    *(
        _liquidity(
            f"volume_z_{w}",
            z(_LOG_VOLUME, w),
            "z",
            f"Log volume against its mean and spread of {w} sessions, within +-10.",
        )
        for w in (20, 60)
    ),
    *(
        _liquidity(
            f"turnover_{a}_{b}",
            mean(_LOG_TURNOVER, a) - mean(_LOG_TURNOVER, b),
            "log",
            f"Mean log traded value of {a} sessions less that of {b}.",
        )
        for a, b in ((5, 20), (5, 60), (20, 120), (60, 250))
    ),
    *(
        _liquidity(
            f"adv{w}_log",
            mean(_LOG_TURNOVER, w),
            "log",
            f"Mean log traded value of {w} sessions (the currency drops out in ranks).",
        )
        for w in (20, 60)
    ),
    *(
        _liquidity(
            f"volume_cv_{w}",
            rolling(_variation, _VOLUME, window=w),
            "ratio",
            f"Standard deviation over mean of {w} volumes.",
        )
        for w in (20, 60)
    ),
    _liquidity(
        "zero_trade_share_60",
        over(lambda share: 1.0 - share, mean(col("traded"), 60)),
        "share",
        "Share of 60 listed sessions without a trade.",
    ),
    _liquidity(
        "zero_return_share_60",
        mean(over(_unchanged, RETURNS), 60),
        "share",
        "Share of 60 sessions that closed unchanged (Lesmond, Ogden & Trzcinka 1999).",
    ),
)

_DIRECTION = (
    *(
        _liquidity(
            f"price_volume_corr_{w}",
            rolling(m.rolling_corr, RETURNS, _VOLUME_CHANGE, window=w),
            "ratio",
            f"Correlation of return and change of log volume, {w} sessions.",
        )
        for w in (20, 60)
    ),
    _liquidity(
        "move_volume_corr_60",
        rolling(m.rolling_corr, col("day_range", RETURN), _VOLUME_CHANGE, window=60),
        "ratio",
        "Correlation of day_range and change of log volume, 60 sessions.",
    ),
    _liquidity(
        "obv_share_20",
        rolling(_signed_share, sign(RETURNS), _VOLUME, window=20),
        "share",
        "On-balance volume of 20 sessions over their volume (Granville 1963).",
    ),
    _liquidity(
        "cmf_20",
        rolling(
            _signed_share,
            over(lambda where: 2.0 * where - 1.0, col("close_location")),
            _VOLUME,
            window=20,
        ),
        "share",
        "Chaikin money flow of 20 sessions, -1 to 1.",
    ),
    _liquidity(
        "money_flow_14",
        rolling(
            _signed_share,
            sign(gain(_TYPICAL, before(filled(_TYPICAL), 1))),
            col("turnover"),
            window=14,
        ),
        "share",
        "Traded value with a rising less a falling typical price, share of 14 sessions "
        "(money flow index, -1 to 1).",
    ),
    _liquidity(
        "limit_net_5",
        mean(col("limit_up_flag") - col("limit_down_flag"), 5),
        "share",
        "Share of 5 sessions closed at the upper limit less at the lower; null where the "
        "source has no limits.",
        max_null_share=1.0,
    ),
)

LIQUIDITY: Final[tuple[Feature, ...]] = (*_HIDDEN, *_ACTIVITY, *IMPACT, *_DIRECTION)
