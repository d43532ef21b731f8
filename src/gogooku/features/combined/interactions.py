"""Products of two facts about a name that mean something only together (``x_*``).

Both factors differ between names. A product with a number that is the same for all names (a state
of the index, of options or futures) or for nearly all (investor flows of the segment) has, within
a session, the ranks of its other factor or their mirror, and the learner gets such numbers as
context anyway. So ``x_trend_intensity``, ``x_trend_intensity_g``, ``x_pead_times_mkt``,
``x_opt_vol_direction``, ``x_flow_smart_rel``, ``x_foreign_relsec`` and ``x_breadth_rel`` of the
earlier system are not here; ``x_rev_gate``, ``x_bo_gate`` and ``x_tri_align`` take the state of the
name or of its sector instead of that of the index. Also left out: ``x_am_vs_fut_ret`` (in the
evening the night session before the day is not yet published).

Null propagates.
"""

from __future__ import annotations

from functools import partial
from itertools import chain as joined
from typing import Final

import numpy as np

from gogooku.core.types import Feature, FloatArray
from gogooku.features.bars.liquidity import LIQUIDITY
from gogooku.features.bars.price import PRICE
from gogooku.features.bars.volatility import VOLATILITY
from gogooku.features.company.dividend import DIVIDEND
from gogooku.features.company.statements import STATEMENTS
from gogooku.features.engine import kernels as k
from gogooku.features.engine.combinators import (
    clipped,
    col,
    columns_of,
    declared,
    over,
    positive,
    ratio,
)
from gogooku.features.market.breadth import BREADTH
from gogooku.features.market.market import MARKET
from gogooku.features.market.sector import SECTOR
from gogooku.features.trading.alert import ALERT
from gogooku.features.trading.breakdown import BREAKDOWN
from gogooku.features.trading.margin import MARGIN
from gogooku.features.trading.morning import MORNING

FADE: Final = 20.0
"""Sessions in which the news of a report fades to 1/e."""
BAND: Final = 2.0
"""Standard deviations from the mean at which Bollinger's bands lie."""
LARGEST_SHOCK: Final = 0.5
"""Log changes of volume beyond this count as this."""

_of: Final = columns_of(
    joined(
        PRICE, VOLATILITY, LIQUIDITY, BREADTH, MARKET, SECTOR, MARGIN, ALERT, BREAKDOWN, MORNING,
        STATEMENTS, DIVIDEND,
    )
)  # fmt: skip

_x = partial(declared, group="interactions")


def _less_market(returns: FloatArray, beta: FloatArray, market_T: FloatArray) -> FloatArray:
    return returns - beta * market_T[:, None]


def _lead(returns: FloatArray, universe_T: FloatArray) -> FloatArray:
    return np.maximum(returns - universe_T[:, None], 0.0)


def _direction(close: FloatArray) -> FloatArray:
    # where volume_ratio_5 is known, at most one of the four sessions before had no close
    before = k.shift(k.forward_fill(close, 3), 1)
    return k.sign(k.ratio(close, before) - 1.0)


def _beyond_band(z: FloatArray) -> FloatArray:
    return np.asarray(np.sign(z) * np.maximum(np.abs(z) - BAND, 0.0))


def _stable_reversal(alpha: FloatArray, correlation: FloatArray) -> FloatArray:
    return -alpha * correlation**2


def _aligned(gap: FloatArray, *others: FloatArray) -> FloatArray:
    short, long, sector = (k.sign(values) for values in (gap, *others))
    agreed = ((short == long) & (long == sector)).astype(np.float64)
    agreed[np.isnan(short + long + sector)] = np.nan
    return np.asarray(agreed * gap)


def _faded(log_sessions: FloatArray) -> FloatArray:
    """Weight of what is new of the year's profit, fading since the report."""
    return np.asarray(np.exp(-np.expm1(log_sessions) / FADE))


def _before_ex_date(near: FloatArray, place: FloatArray, since: FloatArray) -> FloatArray:
    return np.where(np.isfinite(since), near * (place - 0.5), np.nan)


_VOLATILITY = _of("volatility_20d")
_RISEN_VOLUME = over(np.exp, _of("volume_ratio_5"))
_FALLEN = positive(-1.0 * _of("z_close_20"))

_MOMENTUM = (
    *(
        _x(
            f"x_mom_sh_{h}",
            ratio(_of(f"ret_prev_{h}d"), _VOLATILITY, floor=k.FLAT),
            "ratio",
            f"ret_prev_{h}d over volatility_20d.",
        )
        for h in (5, 10)
    ),
    _x(
        "x_mom_sh_5_mktneu",
        ratio(
            over(_less_market, _of("ret_prev_5d"), _of("beta_60d"), _of("mkt_ret_5d")),
            _VOLATILITY,
            floor=k.FLAT,
        ),
        "ratio",
        "ret_prev_5d less beta_60d times mkt_ret_5d, over volatility_20d.",
    ),
    _x(
        "x_rel_sec_mom",
        _of("rel_to_sec_5d") * _of("sec_mom_20"),
        "return",
        "rel_to_sec_5d times sec_mom_20: ahead of a rising or behind a falling sector.",
    ),
    _x(
        "x_z_sec_gap_mom",
        _of("z_in_sec_ma_gap_5_20") * _of("sec_mom_20"),
        "ratio",
        "z_in_sec_ma_gap_5_20 times sec_mom_20: the trend of the name with its sector's.",
    ),
    _x(
        "x_tri_align",
        over(_aligned, _of("ma_gap_5_20"), _of("ma_gap_20_60"), _of("sec_mom_20")),
        "ratio",
        "ma_gap_5_20 where it has the sign of ma_gap_20_60 and of sec_mom_20, else 0.",
    ),
)

_TRADING = (
    _x(
        "x_rvol5_dir",
        _RISEN_VOLUME * over(_direction, col("close"), window=5),
        "ratio",
        "Volume over its mean of 5 sessions, signed by the return.",
    ),
    _x(
        "x_rvol5_bb",
        _RISEN_VOLUME * _of("z_close_20"),
        "ratio",
        "Volume over its mean of 5 sessions times z_close_20.",
    ),
    _x(
        "x_bbbreak_rvol5",
        _RISEN_VOLUME * over(_beyond_band, _of("z_close_20")),
        "ratio",
        f"Volume over its mean of 5 sessions times what z_close_20 is beyond +-{BAND:.0f}, "
        "0 within.",
    ),
    _x(
        "x_liquidityshock_mom",
        clipped(_of("_volume_change"), LARGEST_SHOCK) * _of("ret_prev_5d"),
        "return",
        f"Change of log volume since the session before, within +-{LARGEST_SHOCK}, times "
        "ret_prev_5d.",
    ),
    _x(
        "x_rev_gate",
        _FALLEN * positive(_of("vol_z_252")),
        "ratio",
        "Fall below the mean (-z_close_20, 0 above) times vol_z_252 (0 if negative).",
    ),
    _x(
        "x_bo_gate",
        positive(_of("z_close_60")) * positive(-1.0 * _of("vol_ratio_20_60")),
        "ratio",
        "Rise above the mean (z_close_60, 0 below) times the calm (-vol_ratio_20_60, 0 if "
        "negative).",
    ),
    _x(
        "x_alpha_meanrev_stable",
        over(_stable_reversal, _of("alpha_uni_1d"), _of("corr_uni_60d")),
        "return",
        "alpha_uni_1d reversed, times the share of variance that the universe explains.",
    ),
)

_POSITIONS = (
    _x(
        "x_squeeze_pressure",
        _of("margin_short_to_adv20") * over(_lead, _of("ret_prev_5d"), _of("uni_ret_5d")),
        "ratio",
        "margin_short_to_adv20 times the lead of ret_prev_5d over uni_ret_5d, 0 without.",
        max_null_share=0.3,
    ),
    _x(
        "x_credit_rev_bias",
        _of("margin_imbalance") * _FALLEN,
        "ratio",
        "margin_imbalance times the fall below the mean (-z_close_20, 0 above).",
        max_null_share=0.3,
    ),
    _x(
        "x_dmi_impulse_dir",
        _of("dmi_on_alert") * _of("ret_prev_1d"),
        "return",
        "ret_prev_1d of names on daily publication of margin balances, else 0.",
    ),
    _x(
        "x_am_bd_pressure",
        _of("am_body") * _of("bd_net_z20"),
        "ratio",
        "am_body times bd_net_z20: the morning moved with unusual net purchases.",
        max_null_share=0.5,
    ),
    _x(
        "x_div_am_position",
        over(_before_ex_date, _of("div_pre3"), _of("am_pos_in_am_range"), _of("div_days_since_ex")),
        "ratio",
        "am_pos_in_am_range less a half within 3 sessions before the ex-date, else 0; null "
        "where am_pos_in_am_range is, and for names of which no ex-date is known.",
        max_null_share=0.6,
    ),
)

_NEWS = (
    _x(
        "x_pead_effect",
        (_of("stmt_rev_fore_op") + _of("stmt_progress_op_vs_usual"))
        * over(_faded, _of("stmt_sessions_since_statement")),
        "ratio",
        "stmt_rev_fore_op plus stmt_progress_op_vs_usual, fading by "
        f"exp(-sessions / {FADE:.0f}) since the report (Bernard & Thomas 1989); null in the first "
        "year of documents.",
        max_null_share=0.8,
    ),
)

INTERACTIONS: Final[tuple[Feature, ...]] = (*_MOMENTUM, *_TRADING, *_POSITIONS, *_NEWS)
