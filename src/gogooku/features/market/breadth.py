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
from gogooku.features.bars.columns import RETURNS
from gogooku.features.bars.pairs import against, residuals
from gogooku.features.engine import kernels as k
from gogooku.features.engine import moments as m
from gogooku.features.engine.combinators import (
    Expression,
    col,
    declared,
    log,
    mean,
    over,
    ratio,
    rolling,
    sign,
    z,
)
from gogooku.features.engine.kernels import RETURN, chain

FEWEST_MEMBERS: Final = 5
SURPRISE_DECAY: Final = 0.98
SURPRISE_LENGTH: Final = 240
SURPRISE_LIMIT: Final = 4.0

_stock = partial(declared, group="breadth")
_universe = partial(_stock, role=Role.MARKET, axis=Axis.ACROSS)
_MEAN_RETURN = col("uni_ret_1d", RETURN)


def member_mean(values_TN: FloatArray, universe_TN: FloatArray) -> FloatArray:
    """Mean over universe members with a value, [T]; null below `FEWEST_MEMBERS`."""
    member = (universe_TN == 1.0) & ~np.isnan(values_TN)
    count = member.sum(axis=1).astype(np.float64)
    total = np.where(member, values_TN, 0.0).sum(axis=1)
    return k.ratio(total, count, floor=FEWEST_MEMBERS - 0.5)


def mean_of_members(of: Expression) -> Expression:
    """`member_mean` of an expression, [T]."""
    return over(member_mean, of, col("universe"))


def compound(returns: FloatArray, window: int) -> FloatArray:
    """Compounded return over the window."""
    return np.asarray(np.expm1(k.rolling_sum(np.log1p(returns), window)))


def annualised_vol(returns: FloatArray, window: int) -> FloatArray:
    """Annualised standard deviation over the window."""
    return m.rolling_sd(returns, window) * math.sqrt(SESSIONS_PER_YEAR)


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


def _vol(window: int) -> Expression:
    return rolling(annualised_vol, _MEAN_RETURN, window=window)


def _near_extremes(where: FloatArray) -> FloatArray:
    side = np.where(where > 0.9 + k.TIE, 1.0, np.where(where < 0.1 - k.TIE, -1.0, 0.0))
    side[np.isnan(where)] = np.nan
    return side


def _dispersion(returns: FloatArray, mean_T: FloatArray, universe: FloatArray) -> FloatArray:
    excess = returns - mean_T[:, None]
    return k.root(member_mean(excess * excess, universe))


def _correlation_change(
    short_T: FloatArray,
    long_T: FloatArray,
    own_short: FloatArray,
    own_long: FloatArray,
    universe: FloatArray,
) -> FloatArray:
    now = k.ratio(short_T**2, member_mean(own_short**2, universe))
    return k.log_positive(k.ratio(now, k.ratio(long_T**2, member_mean(own_long**2, universe))))


_RETURN_SERIES = (
    _universe(
        "uni_ret_1d",
        mean_of_members(RETURNS),
        "return",
        "Equal-weight one-session return of the universe.",
    ),
    *(
        _universe(
            f"uni_ret_{w}d",
            rolling(compound, _MEAN_RETURN, window=w),
            "return",
            f"Compounded equal-weight return of the universe over {w} sessions.",
        )
        for w in (5, 20, 60)
    ),
    _universe(
        "uni_vol_20",
        _vol(20),
        "return",
        "Annualised standard deviation of 20 values of uni_ret_1d.",
    ),
    _universe(
        "uni_vol_20_z",
        z(log(col("uni_vol_20", chain(20, RETURN))), 252),
        "z",
        "Log uni_vol_20 against its mean and spread of 252 sessions.",
    ),
    _universe(
        "uni_drawdown_252",
        rolling(drawdown, _MEAN_RETURN, window=252),
        "return",
        "Fall of the equal-weight level from its highest of 252 sessions.",
    ),
)

_SPREAD = col("uni_dispersion", RETURN)
_CROSS_SECTIONS = (
    _universe(
        "_uni_net_advances",
        mean_of_members(sign(RETURNS)),
        "share",
        "Share of names up less share of names down.",
    ),
    _universe(
        "uni_net_advances_10",
        mean(col("_uni_net_advances", RETURN), 10),
        "share",
        "Share of names up less share of names down, mean of 10 sessions.",
    ),
    *(
        _universe(
            f"uni_above_sma{w}",
            over(lambda net: 0.5 + 0.5 * net, mean_of_members(sign(col(f"price_to_sma{w}", w)))),
            "share",
            f"Share of names above their mean of {w} closes.",
        )
        for w in (20, 60, 200)
    ),
    _universe(
        "uni_net_highs_60",
        mean_of_members(over(_near_extremes, col("donchian_pos_60", 60))),
        "share",
        "Share of names in the top tenth of their 60-session range less the bottom tenth.",
    ),
    _universe(
        "uni_dispersion",
        over(_dispersion, RETURNS, _MEAN_RETURN, col("universe")),
        "return",
        "Cross-sectional standard deviation of one-session returns.",
    ),
    _universe(
        "uni_dispersion_20", mean(_SPREAD, 20), "return", "Mean of uni_dispersion over 20 sessions."
    ),
    _universe(
        "uni_dispersion_5_60",
        log(ratio(mean(_SPREAD, 5), mean(_SPREAD, 60), floor=k.FLAT)),
        "log",
        "Log of the mean of uni_dispersion over 5 sessions over that of 60.",
    ),
    _universe(
        "uni_corr_20_60",
        over(
            _correlation_change,
            *(_vol(w) for w in (20, 60)),
            *(col(f"volatility_{w}d", chain(w, RETURN)) for w in (20, 60)),
            col("universe"),
        ),
        "log",
        "Log of the names' average correlation (variance of uni_ret_1d over their mean "
        "variance) over 20 sessions over that of 60.",
    ),
    _universe(
        "uni_turnover_z",
        z(mean_of_members(col("_log_turnover")), 60),
        "z",
        "The names' mean log traded value against its mean and spread of 60 sessions.",
    ),
)


BREADTH: Final[tuple[Feature, ...]] = (
    *_RETURN_SERIES,
    *_CROSS_SECTIONS,
    *against("breadth", series="uni_ret_1d", suffix="_uni", lookback=RETURN),
    *residuals("breadth", series="uni_ret_1d", suffix="_uni", lookback=RETURN),
    _stock(
        "ret_1d_uni_z",
        over(
            lambda returns, mean_T: surprise(returns - mean_T[:, None]),
            RETURNS,
            _MEAN_RETURN,
            window=1 + SURPRISE_LENGTH,
        ),
        "z",
        "Return less uni_ret_1d, over its exponential standard deviation (decay .98) up "
        "to the session before, within +-4.",
    ),
)
