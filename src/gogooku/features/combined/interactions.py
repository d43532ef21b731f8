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

from collections.abc import Callable
from functools import partial
from itertools import chain as joined
from types import MappingProxyType
from typing import Final

import numpy as np

from gogooku.core.types import Feature, FloatArray
from gogooku.features.bars.liquidity import LIQUIDITY
from gogooku.features.bars.price import PRICE
from gogooku.features.bars.volatility import VOLATILITY
from gogooku.features.company.dividend import DIVIDEND
from gogooku.features.company.statements import STATEMENTS
from gogooku.features.engine import kernels as k
from gogooku.features.engine.kernels import Values
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

_LOOKBACK: Final = MappingProxyType(
    {
        feature.name: feature.lookback
        for feature in joined(
            PRICE, VOLATILITY, LIQUIDITY, BREADTH, MARKET, SECTOR, MARGIN, ALERT, BREAKDOWN,
            MORNING, STATEMENTS, DIVIDEND,
        )
    }
    | {"close": 1}
)  # fmt: skip


def _product(x: Values, *, first: str, second: str) -> FloatArray:
    return x[first] * x[second]


def _per_volatility(x: Values, *, of: str) -> FloatArray:
    return k.ratio(x[of], x["volatility_20d"], floor=k.FLAT)


def _neutral_momentum(x: Values) -> FloatArray:
    residual = x["ret_prev_5d"] - x["beta_60d"] * x["mkt_ret_5d"][:, None]
    return k.ratio(residual, x["volatility_20d"], floor=k.FLAT)


def _volume_direction(x: Values) -> FloatArray:
    # where volume_ratio_5 is known, at most one of the four sessions before had no close
    before = k.shift(k.forward_fill(x["close"], 3), 1)
    return np.asarray(np.exp(x["volume_ratio_5"]) * k.sign(k.ratio(x["close"], before) - 1.0))


def _volume_position(x: Values) -> FloatArray:
    return np.exp(x["volume_ratio_5"]) * x["z_close_20"]


def _volume_break(x: Values) -> FloatArray:
    z = x["z_close_20"]
    beyond = np.sign(z) * np.maximum(np.abs(z) - BAND, 0.0)
    return np.asarray(np.exp(x["volume_ratio_5"]) * beyond)


def _fear(x: Values) -> FloatArray:
    return np.maximum(-x["z_close_20"], 0.0) * np.maximum(x["vol_z_252"], 0.0)


def _quiet_rise(x: Values) -> FloatArray:
    return np.asarray(np.maximum(x["z_close_60"], 0.0) * np.maximum(-x["vol_ratio_20_60"], 0.0))


def _crowded_fall(x: Values) -> FloatArray:
    return x["margin_imbalance"] * np.maximum(-x["z_close_20"], 0.0)


def _squeeze(x: Values) -> FloatArray:
    ahead = x["ret_prev_5d"] - x["uni_ret_5d"][:, None]
    return x["margin_short_to_adv20"] * np.maximum(ahead, 0.0)


def _stable_reversal(x: Values) -> FloatArray:
    return -x["alpha_uni_1d"] * x["corr_uni_60d"] ** 2


def _shock(x: Values) -> FloatArray:
    change: FloatArray = np.clip(x["_volume_change"], -LARGEST_SHOCK, LARGEST_SHOCK)
    return np.asarray(change * x["ret_prev_5d"])


def _aligned(x: Values) -> FloatArray:
    short, long, sector = (k.sign(x[n]) for n in ("ma_gap_5_20", "ma_gap_20_60", "sec_mom_20"))
    agreed = ((short == long) & (long == sector)).astype(np.float64)
    agreed[np.isnan(short + long + sector)] = np.nan
    return np.asarray(agreed * x["ma_gap_5_20"])


def _drift(x: Values) -> FloatArray:
    """What is new of the year's profit, in shares of it, fading since the report."""
    fade = np.exp(-np.expm1(x["stmt_sessions_since_statement"]) / FADE)
    news = x["stmt_rev_fore_op"] + x["stmt_progress_op_vs_usual"]
    return np.asarray(news * fade)


def _before_ex_date(x: Values) -> FloatArray:
    value = x["div_pre3"] * (x["am_pos_in_am_range"] - 0.5)
    return np.where(np.isfinite(x["div_days_since_ex"]), value, np.nan)


def _x(
    name: str,
    compute: Callable[[Values], FloatArray],
    *inputs: str,
    meaning: str,
    unit: str = "ratio",
    window: int = 1,
    max_null_share: float = 0.2,
) -> Feature:
    """Declare an interaction; it looks as far back as the factor that looks furthest."""
    return Feature(
        name=name,
        group="interactions",
        inputs=inputs,
        compute=compute,
        lookback=max(_LOOKBACK[each] for each in inputs),
        window=window,
        unit=unit,
        meaning=meaning,
        max_null_share=max_null_share,
    )


_MOMENTUM = (
    *(
        _x(
            f"x_mom_sh_{h}",
            partial(_per_volatility, of=f"ret_prev_{h}d"),
            f"ret_prev_{h}d",
            "volatility_20d",
            meaning=f"ret_prev_{h}d over volatility_20d.",
        )
        for h in (5, 10)
    ),
    _x(
        "x_mom_sh_5_mktneu",
        _neutral_momentum,
        "ret_prev_5d",
        "beta_60d",
        "mkt_ret_5d",
        "volatility_20d",
        meaning="ret_prev_5d less beta_60d times mkt_ret_5d, over volatility_20d.",
    ),
    _x(
        "x_rel_sec_mom",
        partial(_product, first="rel_to_sec_5d", second="sec_mom_20"),
        "rel_to_sec_5d",
        "sec_mom_20",
        unit="return",
        meaning="rel_to_sec_5d times sec_mom_20: ahead of a rising or behind a falling sector.",
    ),
    _x(
        "x_z_sec_gap_mom",
        partial(_product, first="z_in_sec_ma_gap_5_20", second="sec_mom_20"),
        "z_in_sec_ma_gap_5_20",
        "sec_mom_20",
        meaning="z_in_sec_ma_gap_5_20 times sec_mom_20: the trend of the name with its sector's.",
    ),
    _x(
        "x_tri_align",
        _aligned,
        "ma_gap_5_20",
        "ma_gap_20_60",
        "sec_mom_20",
        meaning="ma_gap_5_20 where it has the sign of ma_gap_20_60 and of sec_mom_20, else 0.",
    ),
)

_TRADING = (
    _x(
        "x_rvol5_dir",
        _volume_direction,
        "volume_ratio_5",
        "close",
        window=5,
        meaning="Volume over its mean of 5 sessions, signed by the return.",
    ),
    _x(
        "x_rvol5_bb",
        _volume_position,
        "volume_ratio_5",
        "z_close_20",
        meaning="Volume over its mean of 5 sessions times z_close_20.",
    ),
    _x(
        "x_bbbreak_rvol5",
        _volume_break,
        "volume_ratio_5",
        "z_close_20",
        meaning=f"Volume over its mean of 5 sessions times what z_close_20 is beyond +-{BAND:.0f}, "
        "0 within.",
    ),
    _x(
        "x_liquidityshock_mom",
        _shock,
        "_volume_change",
        "ret_prev_5d",
        unit="return",
        meaning=f"Change of log volume since the session before, within +-{LARGEST_SHOCK}, times "
        "ret_prev_5d.",
    ),
    _x(
        "x_rev_gate",
        _fear,
        "z_close_20",
        "vol_z_252",
        meaning="Fall below the mean (-z_close_20, 0 above) times vol_z_252 (0 if negative).",
    ),
    _x(
        "x_bo_gate",
        _quiet_rise,
        "z_close_60",
        "vol_ratio_20_60",
        meaning="Rise above the mean (z_close_60, 0 below) times the calm (-vol_ratio_20_60, 0 if "
        "negative).",
    ),
    _x(
        "x_alpha_meanrev_stable",
        _stable_reversal,
        "alpha_uni_1d",
        "corr_uni_60d",
        unit="return",
        meaning="alpha_uni_1d reversed, times the share of variance that the universe explains.",
    ),
)

_POSITIONS = (
    _x(
        "x_squeeze_pressure",
        _squeeze,
        "margin_short_to_adv20",
        "ret_prev_5d",
        "uni_ret_5d",
        max_null_share=0.3,
        meaning="margin_short_to_adv20 times the lead of ret_prev_5d over uni_ret_5d, 0 without.",
    ),
    _x(
        "x_credit_rev_bias",
        _crowded_fall,
        "margin_imbalance",
        "z_close_20",
        max_null_share=0.3,
        meaning="margin_imbalance times the fall below the mean (-z_close_20, 0 above).",
    ),
    _x(
        "x_dmi_impulse_dir",
        partial(_product, first="dmi_on_alert", second="ret_prev_1d"),
        "dmi_on_alert",
        "ret_prev_1d",
        unit="return",
        meaning="ret_prev_1d of names on daily publication of margin balances, else 0.",
    ),
    _x(
        "x_am_bd_pressure",
        partial(_product, first="am_body", second="bd_net_z20"),
        "am_body",
        "bd_net_z20",
        max_null_share=0.5,
        meaning="am_body times bd_net_z20: the morning moved with unusual net purchases.",
    ),
    _x(
        "x_div_am_position",
        _before_ex_date,
        "div_pre3",
        "am_pos_in_am_range",
        "div_days_since_ex",
        max_null_share=0.6,
        meaning="am_pos_in_am_range less a half within 3 sessions before the ex-date, else 0; null "
        "where am_pos_in_am_range is, and for names of which no ex-date is known.",
    ),
)

_NEWS = (
    _x(
        "x_pead_effect",
        _drift,
        "stmt_rev_fore_op",
        "stmt_progress_op_vs_usual",
        "stmt_sessions_since_statement",
        max_null_share=0.8,
        meaning="stmt_rev_fore_op plus stmt_progress_op_vs_usual, fading by "
        f"exp(-sessions / {FADE:.0f}) since the report (Bernard & Thomas 1989); null in the first "
        "year of documents.",
    ),
)

INTERACTIONS: Final[tuple[Feature, ...]] = (*_MOMENTUM, *_TRADING, *_POSITIONS, *_NEWS)
