"""Large short positions of each name: how much, by how many, and how they change.

The state is that of `gogooku.features.trading.short_state`. A name of which no report is known has
no large position: 0. What describes the positions themselves (their number, the largest, how few
hold them) is null without one. In the first months of the source positions are missing that were
reported before it begins and have not changed.

Left out on purpose: ``ssp_is_recent`` (a threshold of `ssp_days_since`), ``ssp_new_position_flag``
(its count is `ssp_new_20`), ``ssp_ratio_sum_ema10`` (nearly `ssp_ratio_sum`).
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from gogooku.core.types import Axis, Feature, FloatArray, Role
from gogooku.features.engine import kernels as k
from gogooku.features.engine.combinators import change, col, declared, total, z
from gogooku.features.engine.inputs import InputTable, published
from gogooku.features.engine.kernels import CLOSE, Values, chain
from gogooku.features.market.breadth import mean_of_members, member_mean
from gogooku.features.market.sector import sector_mean
from gogooku.features.trading.short_state import STATE, make_positions

_ADV: Final = 20
_SPARSE: Final = "; null without an open position, which is most names."

_stock = partial(Feature, group="shorts", max_null_share=0.4)
_stock_of = partial(declared, group="shorts", max_null_share=0.4)
"""Reports are delivered from 2013-11-07 on."""
_market = partial(_stock, role=Role.MARKET, axis=Axis.ACROSS)
_market_of = partial(_stock_of, role=Role.MARKET, axis=Axis.ACROSS)


def _sellers(x: Values) -> FloatArray:
    return k.log_positive(x["sp_sellers"])


def _where_open(x: Values, *, of: str) -> FloatArray:
    return np.where(x["sp_sellers"] > 0.0, x[of], np.nan)


def _hhi(x: Values) -> FloatArray:
    return k.ratio(x["sp_square_sum"], x["ssp_ratio_sum"] ** 2)


def _log_count(x: Values, *, of: str, window: int) -> FloatArray:
    return np.log1p(k.rolling_sum(x[of], window))


def _cover(x: Values) -> FloatArray:
    return k.ratio(x["sp_shares"], k.rolling_mean(x["volume"], _ADV))


def _bought_back(x: Values) -> FloatArray:
    change = x["sp_shares"] - k.shift(x["sp_shares"], _ADV)
    return k.ratio(change, k.rolling_sum(x["volume"], _ADV))


def _to_peak(x: Values) -> FloatArray:
    return k.ratio(x["ssp_ratio_sum"], k.rolling_extreme(x["ssp_ratio_sum"], 252, kind="max"))


def _cover_squeeze(x: Values) -> FloatArray:
    return x["ssp_days_to_cover"] * np.maximum(x["ret_prev_5d"], 0.0)


def _sector_excess(x: Values) -> FloatArray:
    return x["ssp_ratio_sum"] - sector_mean(x["ssp_ratio_sum"], x["sector"], x["universe"])


def _shorted_share(x: Values) -> FloatArray:
    held = np.where(np.isnan(x["sp_sellers"]), np.nan, (x["sp_sellers"] > 0.0).astype(np.float64))
    return member_mean(held, x["universe"])


def _net_market_delta(x: Values) -> FloatArray:
    mean = member_mean(x["sp_added"] - x["sp_reduced"], x["universe"])
    return k.rolling_sum(mean, 20)


_LEVEL = (
    published(
        "ssp_ratio_sum",
        "share",
        "Open large short positions over shares outstanding, newest report of each holder.",
        group="shorts",
        max_null_share=0.4,
    ),
    _stock(
        name="ssp_reporters",
        inputs=("sp_sellers",),
        compute=_sellers,
        lookback=1,
        unit="log",
        max_null_share=0.9,
        meaning=f"Log of the number of holders{_SPARSE}",
    ),
    _stock(
        name="ssp_top_ratio",
        inputs=("sp_sellers", "sp_top_ratio"),
        compute=partial(_where_open, of="sp_top_ratio"),
        lookback=1,
        unit="share",
        max_null_share=0.9,
        meaning=f"Largest open position over shares outstanding{_SPARSE}",
    ),
    _stock(
        name="ssp_hhi",
        inputs=("sp_square_sum", "ssp_ratio_sum"),
        compute=_hhi,
        lookback=1,
        unit="share",
        max_null_share=0.9,
        meaning=f"Sum of squared shares of each holder in the open positions{_SPARSE}",
    ),
    _stock(
        name="ssp_ratio_sec_excess",
        inputs=("ssp_ratio_sum", "universe", "sector"),
        compute=_sector_excess,
        lookback=1,
        unit="share",
        axis=Axis.ACROSS,
        meaning="ssp_ratio_sum less its mean in the sector.",
    ),
    _stock_of(
        "ssp_ratio_sum_z60",
        z(col("ssp_ratio_sum"), 60),
        "z",
        "ssp_ratio_sum against its mean and spread of 60 sessions; null where it stood still.",
        max_null_share=0.9,
    ),
    _stock(
        name="ssp_to_peak_252",
        inputs=("ssp_ratio_sum",),
        compute=_to_peak,
        lookback=252,
        unit="share",
        max_null_share=0.9,
        meaning="ssp_ratio_sum over its highest of 252 sessions; null where there was none.",
    ),
    _stock(
        name="ssp_days_to_cover",
        inputs=("sp_shares", "volume"),
        compute=_cover,
        lookback=_ADV,
        unit="sessions",
        meaning="Shares of the open positions over the mean volume of 20 sessions.",
    ),
    _stock(
        name="ssp_d_shares_to_adv20",
        inputs=("sp_shares", "volume"),
        compute=_bought_back,
        lookback=_ADV + 1,
        unit="ratio",
        meaning="Change of the shares of the open positions over 20 sessions, share of their "
        "volume.",
    ),
    _stock(
        name="ssp_squeeze_pressure",
        inputs=("ssp_days_to_cover", "ret_prev_5d"),
        compute=_cover_squeeze,
        lookback=max(_ADV, chain(6, CLOSE)),
        unit="ratio",
        meaning="ssp_days_to_cover times a positive ret_prev_5d, else 0.",
    ),
)

_CHANGE = (
    *(
        _stock_of(
            f"ssp_delta_sum_{h}d",
            change(col("ssp_ratio_sum"), h),
            "share",
            f"Change of ssp_ratio_sum over {h} sessions.",
        )
        for h in (5, 20)
    ),
    *(
        _stock_of(
            f"ssp_delta_{side}_20",
            total(col(column), 20),
            "share",
            f"Reported {word} of single positions that became known in 20 sessions, over "
            "shares outstanding.",
        )
        for side, column, word in (
            ("pos", "sp_added", "increases"),
            ("neg", "sp_reduced", "decreases"),
        )
    ),
    *(
        _stock(
            name=name,
            inputs=(column,),
            compute=partial(_log_count, of=column, window=window),
            lookback=window,
            unit="log",
            meaning=f"Log of 1 + number of {word} that became known in {window} sessions.",
        )
        for name, column, window, word in (
            ("ssp_new_20", "sp_opened", 20, "new positions"),
            ("ssp_closed_20", "sp_closed", 20, "positions fallen below 0.5 %"),
            ("ssp_reports_60", "sp_reports", 60, "reports"),
        )
    ),
    published(
        "ssp_days_since",
        "sessions",
        "Sessions since the newest report of the name became known; null without one in two years.",
        group="shorts",
        max_null_share=0.9,
    ),
)

_WHOLE = (
    _market_of(
        "ssp_mkt_ratio_mean",
        mean_of_members(col("ssp_ratio_sum")),
        "share",
        "Mean of ssp_ratio_sum over the universe.",
    ),
    _market(
        name="ssp_mkt_shorted_share",
        inputs=("sp_sellers", "universe"),
        compute=_shorted_share,
        lookback=1,
        unit="share",
        meaning="Share of the universe with an open large short position.",
    ),
    _market(
        name="ssp_mkt_net_added_20",
        inputs=("sp_added", "sp_reduced", "universe"),
        compute=_net_market_delta,
        lookback=20,
        unit="share",
        meaning="Mean reported increase less decrease over the universe, summed over 20 sessions.",
    ),
)

SHORT_POSITION_FEATURES: Final[tuple[Feature, ...]] = (*_LEVEL, *_CHANGE, *_WHOLE)
POSITIONS_INPUT: Final = InputTable(
    tables=("short_positions",),
    stock=STATE,
    market={},
    make=make_positions,
    features=SHORT_POSITION_FEATURES,
)
