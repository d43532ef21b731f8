"""Returns, gaps, trend, oscillators: what one name's prices say about its direction.

Every value is a ratio of prices of the same name, so the scale of its prices does not matter.
On a session without a trade, returns and levels are those of the last known close, at most
`STALE_LIMIT` sessions old, except what describes the session itself (`ret_prev_1d`, gaps, range):
those are null. The first close after a halt is compared with the last one before it.

Left out on purpose: exponential averages in yen; ``log_returns_*`` and ``bb_pct_b`` (same ranks as
``ret_prev_*`` and ``z_close_20``); ``ema*_slope`` (rank correlation .99 with ``ma_gap_*``);
``macd_signal`` (macd less its histogram).
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from gogooku.core.types import Feature, FloatArray
from gogooku.features.bars.columns import CLOSES, HIGHS, INTRADAY, LAST_CLOSES, LOWS, OVERNIGHT
from gogooku.features.bars.oscillators import OSCILLATORS
from gogooku.features.bars.shape import SHAPE
from gogooku.features.bars.trend import TREND
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
    sign,
    total,
)
from gogooku.features.engine.kernels import RETURN

_price = partial(declared, group="price")

_RANGE = col("day_range", RETURN)


def _gap_fill(gap: FloatArray, day: FloatArray) -> FloatArray:
    filled = -day * np.sign(gap)
    return np.clip(k.ratio(filled, np.abs(gap), floor=1e-3 + k.TIE), -3.0, 3.0)


def _gap_z(gap: FloatArray) -> FloatArray:
    size = np.abs(gap)
    earlier = k.shift(size, 1)
    excess = size - k.rolling_mean(earlier, 20)
    return np.clip(k.ratio(excess, m.rolling_sd(earlier, 20), floor=k.FLAT), -10.0, 10.0)


_RETURNS = (
    _price(
        "_close",
        filled(CLOSES),
        "ratio",
        "Last known adjusted close, at most 20 sessions old.",
        max_null_share=1.0,
    ),
    _price(
        "ret_prev_1d",
        gain(CLOSES, before(LAST_CLOSES, 1)),
        "return",
        "Return from the last known close before the session to its close.",
    ),
    *(
        _price(
            f"ret_prev_{h}d",
            gain(LAST_CLOSES, before(LAST_CLOSES, h)),
            "return",
            f"Return over the last {h} sessions, of last known closes.",
        )
        for h in (5, 10, 20, 60, 120)
    ),
    _price(
        "mom_252_21",
        gain(before(LAST_CLOSES, 21), before(LAST_CLOSES, 252)),
        "return",
        "Return from 252 to 21 sessions ago (Jegadeesh & Titman 1993).",
    ),
    _price(
        "ret_overnight",
        gain(col("open"), before(LAST_CLOSES, 1)),
        "return",
        "Open over the last known close before it.",
    ),
    _price(
        "ret_intraday",
        gain(CLOSES, col("open")),
        "return",
        "Close over open of the session.",
    ),
    _price(
        "ret_overnight_20d",
        total(OVERNIGHT, 20),
        "return",
        "Sum of 20 overnight returns (Lou, Polk & Skouras 2019).",
    ),
    _price("ret_intraday_20d", total(INTRADAY, 20), "return", "Sum of 20 intraday returns."),
    _price(
        "gap_fill_ratio",
        over(_gap_fill, OVERNIGHT, INTRADAY),
        "ratio",
        "Share of the opening gap undone by the close, within -3 to 3; null for gaps "
        "of at most 0.1 %.",
        max_null_share=0.4,
    ),
    _price(
        "gap_concord_20",
        mean(sign(OVERNIGHT) * sign(INTRADAY), 20),
        "share",
        "Mean over 20 sessions of sign(overnight) times sign(intraday).",
    ),
    _price(
        "gap_magnitude_z20",
        over(_gap_z, OVERNIGHT, window=21),
        "z",
        "Size of today's opening gap against the 20 sessions before, within +-10.",
    ),
    _price(
        "day_range",
        ratio(HIGHS - LOWS, before(LAST_CLOSES, 1)),
        "ratio",
        "High less low over the last close before.",
    ),
    _price(
        "close_location",
        ratio(CLOSES - LOWS, HIGHS - LOWS),
        "share",
        "Where the close lies between low (0) and high (1); null without a range.",
        max_null_share=0.3,
    ),
    _price(
        "close_location_5",
        mean(col("close_location"), 5),
        "share",
        "Mean of close_location over 5 sessions.",
    ),
    _price(
        "range_expansion",
        log(ratio(_RANGE, mean(before(_RANGE, 1), 20))),
        "log",
        "Log of today's range over the mean range of the 20 sessions before.",
        max_null_share=0.3,
    ),
)

PRICE: Final[tuple[Feature, ...]] = (*_RETURNS, *TREND, *SHAPE, *OSCILLATORS)
