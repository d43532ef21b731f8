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
from gogooku.features.engine import kernels as k
from gogooku.features.engine import moments as m
from gogooku.features.engine.combinators import col, declared, log, ratio
from gogooku.features.engine.kernels import RETURN, Values, chain

_YEAR: Final = math.sqrt(SESSIONS_PER_YEAR)
_LN2: Final = math.log(2.0)

_volatility = partial(Feature, group="volatility")
_volatility_of = partial(declared, group="volatility")


def _log_of(x: Values, *, column: str) -> FloatArray:
    return k.log_positive(k.ratio(x[column], x["open"]))


def _close_vol(x: Values, *, window: int) -> FloatArray:
    return m.rolling_sd(x["ret_prev_1d"], window) * _YEAR


def _parkinson_day(x: Values) -> FloatArray:
    return (x["_log_high"] - x["_log_low"]) ** 2 / (4.0 * _LN2)


def _rogers_satchell_day(x: Values) -> FloatArray:
    high, low, close = x["_log_high"], x["_log_low"], x["_log_close"]
    return high * (high - close) + low * (low - close)


def _range_vol(x: Values, *, day: str, window: int) -> FloatArray:
    return k.root(k.rolling_mean(x[day], window)) * _YEAR


def _yang_zhang(x: Values, *, window: int) -> FloatArray:
    weight = 0.34 / (1.34 + (window + 1.0) / (window - 1.0))
    variance = m.rolling_var(np.log1p(x["ret_overnight"]), window)
    variance += weight * m.rolling_var(x["_log_close"], window)
    variance += (1.0 - weight) * k.rolling_mean(x["_rs_day"], window)
    return k.root(variance) * _YEAR


def _vol_of_vol(x: Values) -> FloatArray:
    mean, variance = m.rolling_mean_var(x["yz_vol_20"], 20)
    return k.ratio(k.root(variance), mean, floor=k.FLAT)


def _vol_z(x: Values) -> FloatArray:
    return k.ratio(*_from_mean_and_spread(k.log_positive(x["volatility_20d"]), 252), floor=1e-6)


def _from_mean_and_spread(values: FloatArray, window: int) -> tuple[FloatArray, FloatArray]:
    mean, variance = m.rolling_mean_var(values, window)
    return values - mean, k.root(variance)


def _downside_share(x: Values, *, window: int) -> FloatArray:
    squares = x["ret_prev_1d"] ** 2
    down = k.rolling_mean(np.where(x["ret_prev_1d"] > 0.0, 0.0, squares), window)
    return k.ratio(down, k.rolling_mean(squares, window), floor=k.FLAT**2)


def _overnight_share(x: Values, *, window: int) -> FloatArray:
    night = m.rolling_var(x["ret_overnight"], window)
    return k.ratio(night, night + m.rolling_var(x["ret_intraday"], window), floor=k.FLAT**2)


def _ewma_vol(x: Values) -> FloatArray:
    return k.root(k.ewm_mean(x["ret_prev_1d"] ** 2, decay=0.94, length=120)) * _YEAR


def _jump_share(x: Values, *, window: int) -> FloatArray:
    size = np.abs(x["ret_prev_1d"])
    bipower = k.rolling_mean(size * k.shift(size, 1), window) * (math.pi / 2.0)
    return 1.0 - k.ratio(bipower, k.rolling_mean(size * size, window), floor=k.FLAT**2)


def _largest_move(x: Values) -> FloatArray:
    returns = x["ret_prev_1d"]
    largest = k.rolling_extreme(np.abs(returns), 60, kind="max")
    return k.ratio(largest, m.rolling_sd(returns, 60), floor=k.FLAT)


def _leverage(x: Values) -> FloatArray:
    returns = x["ret_prev_1d"]
    return m.rolling_corr(np.abs(returns), k.shift(returns, 1), 60)


_DAYS = (
    *(
        _volatility(
            name=f"_log_{column}",
            inputs=("open", column),
            compute=partial(_log_of, column=column),
            lookback=1,
            unit="log",
            max_null_share=1.0,
            meaning=f"Log of {column} over open.",
        )
        for column in ("high", "low", "close")
    ),
    _volatility(
        name="_pk_day",
        inputs=("_log_high", "_log_low"),
        compute=_parkinson_day,
        lookback=1,
        unit="ratio",
        max_null_share=1.0,
        meaning="Parkinson's variance of one session.",
    ),
    _volatility(
        name="_rs_day",
        inputs=("_log_high", "_log_low", "_log_close"),
        compute=_rogers_satchell_day,
        lookback=1,
        unit="ratio",
        max_null_share=1.0,
        meaning="Rogers and Satchell's variance of one session.",
    ),
)

_LEVELS = (
    *(
        _volatility(
            name=f"volatility_{w}d",
            inputs=("ret_prev_1d",),
            compute=partial(_close_vol, window=w),
            lookback=chain(w, RETURN),
            unit="return",
            meaning=f"Annualised standard deviation of {w} one-session returns.",
        )
        for w in (5, 10, 20, 60, 120)
    ),
    *(
        _volatility(
            name=f"{short}_vol_{w}",
            inputs=(f"_{short}_day",),
            compute=partial(_range_vol, day=f"_{short}_day", window=w),
            lookback=w,
            unit="return",
            meaning=f"Annualised {who} volatility of {w} sessions.",
        )
        for short, who, windows in (
            ("pk", "Parkinson (1980)", (20, 60)),
            ("rs", "Rogers-Satchell (1991)", (20, 60)),
        )
        for w in windows
    ),
    *(
        _volatility(
            name=f"yz_vol_{w}",
            inputs=("ret_overnight", "_log_close", "_rs_day"),
            compute=partial(_yang_zhang, window=w),
            lookback=chain(w, RETURN),
            unit="return",
            meaning=f"Annualised Yang-Zhang (2000) volatility of {w} sessions.",
        )
        for w in (20, 60)
    ),
    _volatility(
        name="ewma_vol",
        inputs=("ret_prev_1d",),
        compute=_ewma_vol,
        lookback=chain(120, RETURN),
        unit="return",
        meaning="Annualised root of the exponential mean of squared returns, decay .94 "
        "(RiskMetrics 1996), cut at 120 sessions.",
    ),
)

_CHANGES = (
    _volatility(
        name="vov_20",
        inputs=("yz_vol_20",),
        compute=_vol_of_vol,
        lookback=chain(20, 20, RETURN),
        unit="ratio",
        meaning="Standard deviation over mean of 20 values of yz_vol_20.",
    ),
    *(
        _volatility_of(
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
        name="vol_z_252",
        inputs=("volatility_20d",),
        compute=_vol_z,
        lookback=chain(252, 20, RETURN),
        unit="z",
        meaning="Log volatility_20d against its mean and spread of 252 sessions.",
    ),
)

_FORM = (
    *(
        _volatility(
            name=f"downside_share_{w}",
            inputs=("ret_prev_1d",),
            compute=partial(_downside_share, window=w),
            lookback=chain(w, RETURN),
            unit="share",
            meaning=f"Share of {w} squared returns that came from falls.",
        )
        for w in (20, 60)
    ),
    _volatility(
        name="overnight_vol_share_20",
        inputs=("ret_overnight", "ret_intraday"),
        compute=partial(_overnight_share, window=20),
        lookback=chain(20, RETURN),
        unit="share",
        meaning="Overnight variance over overnight plus intraday variance of 20 sessions.",
    ),
    _volatility(
        name="jump_share_60",
        inputs=("ret_prev_1d",),
        compute=partial(_jump_share, window=60),
        lookback=chain(61, RETURN),
        unit="share",
        meaning="Share of squared returns beyond bipower variation, 60 sessions "
        "(Barndorff-Nielsen & Shephard 2004); can be negative.",
    ),
    _volatility(
        name="largest_move_60",
        inputs=("ret_prev_1d",),
        compute=_largest_move,
        lookback=chain(60, RETURN),
        unit="ratio",
        meaning="Largest absolute return of 60 over their standard deviation.",
    ),
    _volatility(
        name="leverage_corr_60",
        inputs=("ret_prev_1d",),
        compute=_leverage,
        lookback=chain(61, RETURN),
        unit="ratio",
        meaning="Correlation of a return's size with the return before it, 60 sessions.",
    ),
)

VOLATILITY: Final[tuple[Feature, ...]] = (*_DAYS, *_LEVELS, *_CHANGES, *_FORM)
