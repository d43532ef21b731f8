"""The market as its own members make it: what the universe did, and each name against that.

Needs no index. Every ``uni_*`` series is an equal-weight statistic over the names that are in the
universe and have the value on that session; null below `FEWEST_MEMBERS` of them.

Left out on purpose: returns relative to the universe (same ranks within a session as the returns);
net advances of one session (as `uni_ret_1d`: with many names the two go together) and that return
over its spread of a year (its rank); the level of the average correlation, which follows
`uni_vol_20` wherever the names' own risk is steady: its change is here.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Final

import numpy as np

from gogooku.core.calendar import SESSIONS_PER_YEAR
from gogooku.core.types import Axis, Feature, FloatArray, Role
from gogooku.features.bars.pairs import against, residuals
from gogooku.features.engine import kernels as k
from gogooku.features.engine import moments as m
from gogooku.features.engine.combinators import Expression, col, declared, joined, log, z
from gogooku.features.engine.kernels import RETURN, Values, chain

FEWEST_MEMBERS: Final = 5
SURPRISE_DECAY: Final = 0.98
SURPRISE_LENGTH: Final = 240
SURPRISE_LIMIT: Final = 4.0

_universe = partial(Feature, group="breadth", role=Role.MARKET, axis=Axis.ACROSS)
_universe_of = partial(declared, group="breadth", role=Role.MARKET, axis=Axis.ACROSS)
_stock = partial(Feature, group="breadth")


def member_mean(values_TN: FloatArray, universe_TN: FloatArray) -> FloatArray:
    """Mean over universe members with a value, [T]; null below `FEWEST_MEMBERS`."""
    member = (universe_TN == 1.0) & ~np.isnan(values_TN)
    count = member.sum(axis=1).astype(np.float64)
    total = np.where(member, values_TN, 0.0).sum(axis=1)
    return k.ratio(total, count, floor=FEWEST_MEMBERS - 0.5)


def mean_of_members(of: Expression) -> Expression:
    """`member_mean` of an expression, [T]."""
    return joined(of, col("universe"), member_mean)


def compound(returns: FloatArray, window: int) -> FloatArray:
    """Compounded return over the window."""
    return np.asarray(np.expm1(k.rolling_sum(np.log1p(returns), window)))


def annualised_vol(returns: FloatArray, window: int) -> FloatArray:
    """Annualised standard deviation over the window."""
    return m.rolling_sd(returns, window) * math.sqrt(SESSIONS_PER_YEAR)


def log_z(values: FloatArray, window: int) -> FloatArray:
    """Log of a positive series against its mean and spread over the window, within +-10."""
    return np.clip(m.zscore(k.log_positive(values), window), -10.0, 10.0)


def drawdown(returns: FloatArray, window: int) -> FloatArray:
    """Fall from the highest level of the window to the current one, at most 0."""
    steps, _ = k.masked(np.log1p(returns))
    climb, worst = np.zeros_like(steps), np.zeros_like(steps)
    for back in range(window - 1):
        climb[back:] += steps[: max(len(steps) - back, 0)]
        np.minimum(worst, climb, out=worst)
    worst += 0.0 * k.counted(~np.isnan(returns), window)
    return np.asarray(np.expm1(worst))


def surprise(excess: FloatArray) -> FloatArray:
    """Excess return over its trailing exponential standard deviation up to the session before."""
    squares = k.shift(excess * excess, 1)
    variance = k.ewm_mean(squares, decay=SURPRISE_DECAY, length=SURPRISE_LENGTH)
    scaled = k.ratio(excess, k.root(variance), floor=k.FLAT)
    return np.clip(scaled, -SURPRISE_LIMIT, SURPRISE_LIMIT)


def _mean_of(x: Values, *, of: str) -> FloatArray:
    return member_mean(x[of], x["universe"])


def _compound(x: Values, *, window: int) -> FloatArray:
    return compound(x["uni_ret_1d"], window)


def _universe_vol(x: Values) -> FloatArray:
    return annualised_vol(x["uni_ret_1d"], 20)


def _net_advances(x: Values) -> FloatArray:
    return member_mean(k.sign(x["ret_prev_1d"]), x["universe"])


def _average(x: Values, *, of: str, window: int) -> FloatArray:
    return k.rolling_mean(x[of], window)


def _share_above(x: Values, *, of: str) -> FloatArray:
    return 0.5 + 0.5 * member_mean(k.sign(x[of]), x["universe"])


def _near_extremes(x: Values) -> FloatArray:
    where = x["donchian_pos_60"]
    side = np.where(where > 0.9 + k.TIE, 1.0, np.where(where < 0.1 - k.TIE, -1.0, 0.0))
    side[np.isnan(where)] = np.nan
    return member_mean(side, x["universe"])


def _return_dispersion(x: Values) -> FloatArray:
    excess = x["ret_prev_1d"] - x["uni_ret_1d"][:, None]
    return k.root(member_mean(excess * excess, x["universe"]))


def _dispersion_change(x: Values) -> FloatArray:
    short, long = (k.rolling_mean(x["uni_dispersion"], w) for w in (5, 60))
    return k.log_positive(k.ratio(short, long, floor=k.FLAT))


def _correlation_change(x: Values) -> FloatArray:
    short, long = (
        k.ratio(
            annualised_vol(x["uni_ret_1d"], w) ** 2,
            member_mean(x[f"volatility_{w}d"] ** 2, x["universe"]),
        )
        for w in (20, 60)
    )
    return k.log_positive(k.ratio(short, long))


def _universe_drawdown(x: Values) -> FloatArray:
    return drawdown(x["uni_ret_1d"], 252)


def _turnover_z(x: Values) -> FloatArray:
    return np.clip(m.zscore(member_mean(x["_log_turnover"], x["universe"]), 60), -10.0, 10.0)


def _universe_surprise(x: Values) -> FloatArray:
    return surprise(x["ret_prev_1d"] - x["uni_ret_1d"][:, None])


_RETURN_SERIES = (
    _universe(
        name="uni_ret_1d",
        inputs=("ret_prev_1d", "universe"),
        compute=partial(_mean_of, of="ret_prev_1d"),
        lookback=RETURN,
        window=1,
        unit="return",
        meaning="Equal-weight one-session return of the universe.",
    ),
    *(
        _universe(
            name=f"uni_ret_{w}d",
            inputs=("uni_ret_1d",),
            compute=partial(_compound, window=w),
            lookback=chain(w, RETURN),
            unit="return",
            meaning=f"Compounded equal-weight return of the universe over {w} sessions.",
        )
        for w in (5, 20, 60)
    ),
    _universe(
        name="uni_vol_20",
        inputs=("uni_ret_1d",),
        compute=_universe_vol,
        lookback=chain(20, RETURN),
        unit="return",
        meaning="Annualised standard deviation of 20 values of uni_ret_1d.",
    ),
    _universe_of(
        "uni_vol_20_z",
        z(log(col("uni_vol_20", chain(20, RETURN))), 252),
        "z",
        "Log uni_vol_20 against its mean and spread of 252 sessions.",
    ),
    _universe(
        name="uni_drawdown_252",
        inputs=("uni_ret_1d",),
        compute=_universe_drawdown,
        lookback=chain(252, RETURN),
        unit="return",
        meaning="Fall of the equal-weight level from its highest of 252 sessions.",
    ),
)

_CROSS_SECTIONS = (
    _universe(
        name="_uni_net_advances",
        inputs=("ret_prev_1d", "universe"),
        compute=_net_advances,
        lookback=RETURN,
        window=1,
        unit="share",
        meaning="Share of names up less share of names down.",
    ),
    _universe(
        name="uni_net_advances_10",
        inputs=("_uni_net_advances",),
        compute=partial(_average, of="_uni_net_advances", window=10),
        lookback=chain(10, RETURN),
        unit="share",
        meaning="Share of names up less share of names down, mean of 10 sessions.",
    ),
    *(
        _universe(
            name=f"uni_above_sma{w}",
            inputs=(f"price_to_sma{w}", "universe"),
            compute=partial(_share_above, of=f"price_to_sma{w}"),
            lookback=w,
            window=1,
            unit="share",
            meaning=f"Share of names above their mean of {w} closes.",
        )
        for w in (20, 60, 200)
    ),
    _universe(
        name="uni_net_highs_60",
        inputs=("donchian_pos_60", "universe"),
        compute=_near_extremes,
        lookback=60,
        window=1,
        unit="share",
        meaning="Share of names in the top tenth of their 60-session range less the bottom tenth.",
    ),
    _universe(
        name="uni_dispersion",
        inputs=("ret_prev_1d", "uni_ret_1d", "universe"),
        compute=_return_dispersion,
        lookback=RETURN,
        window=1,
        unit="return",
        meaning="Cross-sectional standard deviation of one-session returns.",
    ),
    _universe(
        name="uni_dispersion_20",
        inputs=("uni_dispersion",),
        compute=partial(_average, of="uni_dispersion", window=20),
        lookback=chain(20, RETURN),
        unit="return",
        meaning="Mean of uni_dispersion over 20 sessions.",
    ),
    _universe(
        name="uni_dispersion_5_60",
        inputs=("uni_dispersion",),
        compute=_dispersion_change,
        lookback=chain(60, RETURN),
        unit="log",
        meaning="Log of the mean of uni_dispersion over 5 sessions over that of 60.",
    ),
    _universe(
        name="uni_corr_20_60",
        inputs=("uni_ret_1d", "volatility_20d", "volatility_60d", "universe"),
        compute=_correlation_change,
        lookback=chain(60, RETURN),
        unit="log",
        meaning="Log of the names' average correlation (variance of uni_ret_1d over their mean "
        "variance) over 20 sessions over that of 60.",
    ),
    _universe(
        name="uni_turnover_z",
        inputs=("_log_turnover", "universe"),
        compute=_turnover_z,
        lookback=60,
        unit="z",
        meaning="The names' mean log traded value against its mean and spread of 60 sessions.",
    ),
)


BREADTH: Final[tuple[Feature, ...]] = (
    *_RETURN_SERIES,
    *_CROSS_SECTIONS,
    *against("breadth", series="uni_ret_1d", suffix="_uni", lookback=RETURN),
    *residuals("breadth", series="uni_ret_1d", suffix="_uni", lookback=RETURN),
    _stock(
        name="ret_1d_uni_z",
        inputs=("ret_prev_1d", "uni_ret_1d"),
        compute=_universe_surprise,
        lookback=chain(1 + SURPRISE_LENGTH, RETURN),
        unit="z",
        meaning="Return less uni_ret_1d, over its exponential standard deviation (decay .98) up "
        "to the session before, within +-4.",
    ),
)
