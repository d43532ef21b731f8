"""The shape of one name's recent returns: tails, persistence, reward for risk."""

from __future__ import annotations

from functools import partial
from typing import Final

from gogooku.core.types import Feature, FloatArray
from gogooku.features.bars.columns import RETURNS
from gogooku.features.engine import kernels as k
from gogooku.features.engine import moments as m
from gogooku.features.engine.combinators import (
    before,
    declared,
    highest,
    lowest,
    mean,
    ratio,
    rolling,
    sd,
    sign,
    size,
    total,
)

_price = partial(declared, group="price")


def _skew(returns: FloatArray, window: int) -> FloatArray:
    return m.rolling_moments(returns, window)[0]


def _kurtosis(returns: FloatArray, window: int) -> FloatArray:
    return m.rolling_moments(returns, window)[1]


SHAPE: Final[tuple[Feature, ...]] = (
    *(
        _price(
            f"{kind}_ret_20",
            extreme(RETURNS, 20),
            "return",
            f"{kind.capitalize()}imum one-session return of 20 (Bali, Cakici & Whitelaw 2011).",
        )
        for kind, extreme in (("max", highest), ("min", lowest))
    ),
    *(
        _price(
            f"skew_{w}",
            rolling(_skew, RETURNS, window=w),
            "ratio",
            f"Skewness of {w} one-session returns.",
        )
        for w in (20, 60)
    ),
    _price(
        "kurt_60",
        rolling(_kurtosis, RETURNS, window=60),
        "ratio",
        "Excess kurtosis of 60 one-session returns.",
    ),
    *(
        _price(
            f"autocorr_{w}",
            rolling(m.rolling_corr, RETURNS, before(RETURNS, 1), window=w),
            "ratio",
            f"Lag-1 autocorrelation of {w} one-session returns.",
        )
        for w in (20, 60)
    ),
    *(
        _price(
            f"up_share_{w}",
            mean(sign(RETURNS), w),
            "share",
            f"Share of up sessions less share of down sessions, of {w}.",
        )
        for w in (20, 60)
    ),
    _price(
        "streak",
        rolling(k.run_length, sign(RETURNS), window=10),
        "sessions",
        "Length of the current run of up (+) or down (-) sessions, at most 10.",
    ),
    *(
        _price(
            f"efficiency_{w}",
            ratio(size(total(RETURNS, w)), total(size(RETURNS), w), floor=k.FLAT),
            "ratio",
            f"Sum of {w} returns (size) over the sum of their sizes (Kaufman 1995).",
        )
        for w in (20, 60)
    ),
    *(
        _price(
            f"sharpe_{w}",
            ratio(mean(RETURNS, w), sd(RETURNS, w), floor=k.FLAT),
            "ratio",
            f"Mean over standard deviation of {w} one-session returns.",
        )
        for w in (20, 60, 120)
    ),
)
