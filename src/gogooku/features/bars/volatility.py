"""How much one name moves: range and return estimators of volatility, and their changes.

Annualised with `SESSIONS_PER_YEAR`. Range estimators use the session's own open, high, low and
close; Parkinson 1980, Rogers & Satchell 1991, Yang & Zhang 2000 (overnight + k open-to-close +
(1 - k) Rogers-Satchell, the textbook third term).

Left out on purpose: Garman & Klass 1980, whose ranks are those of Rogers & Satchell (.996).
"""

from __future__ import annotations

import math
from functools import partial
from typing import Final

import numpy as np

from gogooku.core.calendar import SESSIONS_PER_YEAR
from gogooku.core.types import Feature, FloatArray
from gogooku.features.bars.columns import INTRADAY, OVERNIGHT, RETURNS
from gogooku.features.engine import kernels as k
from gogooku.features.engine import moments as m
from gogooku.features.engine.combinators import (
    before,
    col,
    declared,
    highest,
    log,
    mean,
    over,
    ratio,
    rolling,
    sd,
    size,
)
from gogooku.features.engine.kernels import RETURN, chain

_YEAR: Final = math.sqrt(SESSIONS_PER_YEAR)
_LN2: Final = math.log(2.0)

_volatility = partial(declared, group="volatility")

_SIZE = size(RETURNS)
_LOG_HIGH, _LOG_LOW, _LOG_CLOSE = col("_log_high"), col("_log_low"), col("_log_close")


def _parkinson_day(high: FloatArray, low: FloatArray) -> FloatArray:
    return (high - low) ** 2 / (4.0 * _LN2)


def _rogers_satchell_day(high: FloatArray, low: FloatArray, close: FloatArray) -> FloatArray:
    return high * (high - close) + low * (low - close)


def _yang_zhang(
    night: FloatArray, close: FloatArray, rs_day: FloatArray, window: int
) -> FloatArray:
    weight = 0.34 / (1.34 + (window + 1.0) / (window - 1.0))
    variance = m.rolling_var(np.log1p(night), window)
    variance += weight * m.rolling_var(close, window)
    variance += (1.0 - weight) * k.rolling_mean(rs_day, window)
    return k.root(variance) * _YEAR


def _ewma_vol(returns: FloatArray, window: int) -> FloatArray:
    return k.root(k.ewm_mean(returns**2, decay=0.94, length=window)) * _YEAR


def _vol_of_vol(vol: FloatArray, window: int) -> FloatArray:
    mean, variance = m.rolling_mean_var(vol, window)
    return k.ratio(k.root(variance), mean, floor=k.FLAT)


def _vol_z(vol: FloatArray, window: int) -> FloatArray:
    mean, variance = m.rolling_mean_var(vol, window)
    return k.ratio(vol - mean, k.root(variance), floor=1e-6)


def _downside_share(returns: FloatArray, window: int) -> FloatArray:
    squares = returns**2
    down = k.rolling_mean(np.where(returns > 0.0, 0.0, squares), window)
    return k.ratio(down, k.rolling_mean(squares, window), floor=k.FLAT**2)


def _overnight_share(night: FloatArray, day: FloatArray, window: int) -> FloatArray:
    variance = m.rolling_var(night, window)
    return k.ratio(variance, variance + m.rolling_var(day, window), floor=k.FLAT**2)


def _jump_share(size: FloatArray, before: FloatArray, window: int) -> FloatArray:
    bipower = k.rolling_mean(size * before, window) * (math.pi / 2.0)
    return 1.0 - k.ratio(bipower, k.rolling_mean(size * size, window), floor=k.FLAT**2)


_DAYS = (
    *(
        _volatility(
            f"_log_{column}",
            log(ratio(col(column), col("open"))),
            "log",
            f"Log of {column} over open.",
            max_null_share=1.0,
        )
        for column in ("high", "low", "close")
    ),
    _volatility(
        "_pk_day",
        over(_parkinson_day, _LOG_HIGH, _LOG_LOW),
        "ratio",
        "Parkinson's variance of one session.",
        max_null_share=1.0,
    ),
    _volatility(
        "_rs_day",
        over(_rogers_satchell_day, _LOG_HIGH, _LOG_LOW, _LOG_CLOSE),
        "ratio",
        "Rogers and Satchell's variance of one session.",
        max_null_share=1.0,
    ),
)

_LEVELS = (
    *(
        _volatility(
            f"volatility_{w}d",
            _YEAR * sd(RETURNS, w),
            "return",
            f"Annualised standard deviation of {w} one-session returns.",
        )
        for w in (5, 10, 20, 60, 120)
    ),
    *(
        _volatility(
            f"{short}_vol_{w}",
            _YEAR * over(k.root, mean(col(f"_{short}_day"), w)),
            "return",
            f"Annualised {who} volatility of {w} sessions.",
        )
        for short, who in (("pk", "Parkinson (1980)"), ("rs", "Rogers-Satchell (1991)"))
        for w in (20, 60)
    ),
    *(
        _volatility(
            f"yz_vol_{w}",
            rolling(_yang_zhang, OVERNIGHT, _LOG_CLOSE, col("_rs_day"), window=w),
            "return",
            f"Annualised Yang-Zhang (2000) volatility of {w} sessions.",
        )
        for w in (20, 60)
    ),
    _volatility(
        "ewma_vol",
        rolling(_ewma_vol, RETURNS, window=120),
        "return",
        "Annualised root of the exponential mean of squared returns, decay .94 "
        "(RiskMetrics 1996), cut at 120 sessions.",
    ),
)

_CHANGES = (
    _volatility(
        "vov_20",
        rolling(_vol_of_vol, col("yz_vol_20", chain(20, RETURN)), window=20),
        "ratio",
        "Standard deviation over mean of 20 values of yz_vol_20.",
    ),
    *(
        _volatility(
            name,
            log(ratio(col(of, chain(w, RETURN)), col(to, chain(w, RETURN)), floor=k.FLAT)),
            "log",
            f"Log of {of} over {to}.",
        )
        for name, of, to, w in (
            ("vol_ratio_5_20", "volatility_5d", "volatility_20d", 20),
            ("vol_ratio_20_60", "volatility_20d", "volatility_60d", 60),
            ("vol_ratio_60_120", "volatility_60d", "volatility_120d", 120),
            ("pk_to_close_vol_20", "pk_vol_20", "volatility_20d", 20),
        )
    ),
    _volatility(
        "vol_z_252",
        rolling(_vol_z, log(col("volatility_20d", chain(20, RETURN))), window=252),
        "z",
        "Log volatility_20d against its mean and spread of 252 sessions.",
    ),
)

_FORM = (
    *(
        _volatility(
            f"downside_share_{w}",
            rolling(_downside_share, RETURNS, window=w),
            "share",
            f"Share of {w} squared returns that came from falls.",
        )
        for w in (20, 60)
    ),
    _volatility(
        "overnight_vol_share_20",
        rolling(_overnight_share, OVERNIGHT, INTRADAY, window=20),
        "share",
        "Overnight variance over overnight plus intraday variance of 20 sessions.",
    ),
    _volatility(
        "jump_share_60",
        rolling(_jump_share, _SIZE, before(_SIZE, 1), window=60),
        "share",
        "Share of squared returns beyond bipower variation, 60 sessions "
        "(Barndorff-Nielsen & Shephard 2004); can be negative.",
    ),
    _volatility(
        "largest_move_60",
        ratio(highest(_SIZE, 60), sd(RETURNS, 60), floor=k.FLAT),
        "ratio",
        "Largest absolute return of 60 over their standard deviation.",
    ),
    _volatility(
        "leverage_corr_60",
        rolling(m.rolling_corr, _SIZE, before(RETURNS, 1), window=60),
        "ratio",
        "Correlation of a return's size with the return before it, 60 sessions.",
    ),
)

VOLATILITY: Final[tuple[Feature, ...]] = (*_DAYS, *_LEVELS, *_CHANGES, *_FORM)
