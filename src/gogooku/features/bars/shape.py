"""The shape of one name's recent returns: tails, persistence, reward for risk."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from gogooku.core.types import Feature, FloatArray
from gogooku.features.engine import kernels as k
from gogooku.features.engine import moments as m
from gogooku.features.engine.kernels import RETURN, Values, chain

_price = partial(Feature, group="price")


def _extreme_return(x: Values, *, kind: str) -> FloatArray:
    return k.rolling_extreme(x["ret_prev_1d"], 20, kind="max" if kind == "max" else "min")


def _skew(x: Values, *, window: int) -> FloatArray:
    return m.rolling_moments(x["ret_prev_1d"], window)[0]


def _kurtosis(x: Values) -> FloatArray:
    return m.rolling_moments(x["ret_prev_1d"], 60)[1]


def _autocorrelation(x: Values, *, window: int) -> FloatArray:
    returns = x["ret_prev_1d"]
    return m.rolling_corr(returns, k.shift(returns, 1), window)


def _up_share(x: Values, *, window: int) -> FloatArray:
    return k.rolling_mean(k.sign(x["ret_prev_1d"]), window)


def _streak(x: Values) -> FloatArray:
    return k.run_length(k.sign(x["ret_prev_1d"]), 10)


def _efficiency(x: Values, *, window: int) -> FloatArray:
    returns = x["ret_prev_1d"]
    path = k.rolling_sum(np.abs(returns), window)
    return k.ratio(np.abs(k.rolling_sum(returns, window)), path, floor=k.FLAT)


def _sharpe(x: Values, *, window: int) -> FloatArray:
    returns = x["ret_prev_1d"]
    return k.ratio(k.rolling_mean(returns, window), m.rolling_sd(returns, window), floor=k.FLAT)


SHAPE: Final[tuple[Feature, ...]] = (
    *(
        _price(
            name=f"{kind}_ret_20",
            inputs=("ret_prev_1d",),
            compute=partial(_extreme_return, kind=kind),
            lookback=chain(20, RETURN),
            unit="return",
            meaning=f"{kind.capitalize()}imum one-session return of 20 "
            "(Bali, Cakici & Whitelaw 2011).",
        )
        for kind in ("max", "min")
    ),
    *(
        _price(
            name=f"skew_{w}",
            inputs=("ret_prev_1d",),
            compute=partial(_skew, window=w),
            lookback=chain(w, RETURN),
            unit="ratio",
            meaning=f"Skewness of {w} one-session returns.",
        )
        for w in (20, 60)
    ),
    _price(
        name="kurt_60",
        inputs=("ret_prev_1d",),
        compute=_kurtosis,
        lookback=chain(60, RETURN),
        unit="ratio",
        meaning="Excess kurtosis of 60 one-session returns.",
    ),
    *(
        _price(
            name=f"autocorr_{w}",
            inputs=("ret_prev_1d",),
            compute=partial(_autocorrelation, window=w),
            lookback=chain(w + 1, RETURN),
            unit="ratio",
            meaning=f"Lag-1 autocorrelation of {w} one-session returns.",
        )
        for w in (20, 60)
    ),
    *(
        _price(
            name=f"up_share_{w}",
            inputs=("ret_prev_1d",),
            compute=partial(_up_share, window=w),
            lookback=chain(w, RETURN),
            unit="share",
            meaning=f"Share of up sessions less share of down sessions, of {w}.",
        )
        for w in (20, 60)
    ),
    _price(
        name="streak",
        inputs=("ret_prev_1d",),
        compute=_streak,
        lookback=chain(10, RETURN),
        unit="sessions",
        meaning="Length of the current run of up (+) or down (-) sessions, at most 10.",
    ),
    *(
        _price(
            name=f"efficiency_{w}",
            inputs=("ret_prev_1d",),
            compute=partial(_efficiency, window=w),
            lookback=chain(w, RETURN),
            unit="ratio",
            meaning=f"Sum of {w} returns (size) over the sum of their sizes (Kaufman 1995).",
        )
        for w in (20, 60)
    ),
    *(
        _price(
            name=f"sharpe_{w}",
            inputs=("ret_prev_1d",),
            compute=partial(_sharpe, window=w),
            lookback=chain(w, RETURN),
            unit="ratio",
            meaning=f"Mean over standard deviation of {w} one-session returns.",
        )
        for w in (20, 60, 120)
    ),
)
