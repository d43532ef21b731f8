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
from gogooku.features.engine.combinators import (
    change,
    col,
    declared,
    highest,
    log,
    mean,
    over,
    positive,
    ratio,
    total,
    z,
)
from gogooku.features.engine.inputs import InputTable, published
from gogooku.features.engine.kernels import CLOSE, chain
from gogooku.features.market.breadth import mean_of_members
from gogooku.features.market.sector import excess
from gogooku.features.trading.short_state import STATE, make_positions

_ADV: Final = 20
_SPARSE: Final = "; null without an open position, which is most names."

_SUM: Final = col("ssp_ratio_sum")
_SELLERS: Final = col("sp_sellers")
_SHARES: Final = col("sp_shares")

_stock = partial(declared, group="shorts", max_null_share=0.4)
"""Reports are delivered from 2013-11-07 on."""
_rare = partial(_stock, max_null_share=0.9)
_market = partial(_stock, role=Role.MARKET, axis=Axis.ACROSS)
_shown = partial(published, group="shorts")


def _where_open(sellers: FloatArray, values: FloatArray) -> FloatArray:
    return np.where(sellers > 0.0, values, np.nan)


def _is_open(sellers: FloatArray) -> FloatArray:
    return np.where(np.isnan(sellers), np.nan, (sellers > 0.0).astype(np.float64))


_LEVEL = (
    _shown(
        "ssp_ratio_sum",
        "share",
        "Open large short positions over shares outstanding, newest report of each holder.",
        max_null_share=0.4,
    ),
    _rare("ssp_reporters", log(_SELLERS), "log", f"Log of the number of holders{_SPARSE}"),
    _rare(
        "ssp_top_ratio",
        over(_where_open, _SELLERS, col("sp_top_ratio")),
        "share",
        f"Largest open position over shares outstanding{_SPARSE}",
    ),
    _rare(
        "ssp_hhi",
        ratio(col("sp_square_sum"), _SUM * _SUM),
        "share",
        f"Sum of squared shares of each holder in the open positions{_SPARSE}",
    ),
    _stock(
        "ssp_ratio_sec_excess",
        excess(_SUM),
        "share",
        "ssp_ratio_sum less its mean in the sector.",
        axis=Axis.ACROSS,
    ),
    _rare(
        "ssp_ratio_sum_z60",
        z(_SUM, 60),
        "z",
        "ssp_ratio_sum against its mean and spread of 60 sessions; null where it stood still.",
    ),
    _rare(
        "ssp_to_peak_252",
        ratio(_SUM, highest(_SUM, 252)),
        "share",
        "ssp_ratio_sum over its highest of 252 sessions; null where there was none.",
    ),
    _stock(
        "ssp_days_to_cover",
        ratio(_SHARES, mean(col("volume"), _ADV)),
        "sessions",
        "Shares of the open positions over the mean volume of 20 sessions.",
    ),
    _stock(
        "ssp_d_shares_to_adv20",
        ratio(change(_SHARES, _ADV), total(col("volume"), _ADV)),
        "ratio",
        "Change of the shares of the open positions over 20 sessions, share of their volume.",
    ),
    _stock(
        "ssp_squeeze_pressure",
        col("ssp_days_to_cover", _ADV) * positive(col("ret_prev_5d", chain(6, CLOSE))),
        "ratio",
        "ssp_days_to_cover times a positive ret_prev_5d, else 0.",
    ),
)

_CHANGE = (
    *(
        _stock(
            f"ssp_delta_sum_{h}d",
            change(_SUM, h),
            "share",
            f"Change of ssp_ratio_sum over {h} sessions.",
        )
        for h in (5, 20)
    ),
    *(
        _stock(
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
            name,
            over(np.log1p, total(col(column), window)),
            "log",
            f"Log of 1 + number of {word} that became known in {window} sessions.",
        )
        for name, column, window, word in (
            ("ssp_new_20", "sp_opened", 20, "new positions"),
            ("ssp_closed_20", "sp_closed", 20, "positions fallen below 0.5 %"),
            ("ssp_reports_60", "sp_reports", 60, "reports"),
        )
    ),
    _shown(
        "ssp_days_since",
        "sessions",
        "Sessions since the newest report of the name became known; null without one in two years.",
        max_null_share=0.9,
    ),
)

_WHOLE = (
    _market(
        "ssp_mkt_ratio_mean",
        mean_of_members(_SUM),
        "share",
        "Mean of ssp_ratio_sum over the universe.",
    ),
    _market(
        "ssp_mkt_shorted_share",
        mean_of_members(over(_is_open, _SELLERS)),
        "share",
        "Share of the universe with an open large short position.",
    ),
    _market(
        "ssp_mkt_net_added_20",
        total(mean_of_members(col("sp_added") - col("sp_reduced")), 20),
        "share",
        "Mean reported increase less decrease over the universe, summed over 20 sessions.",
    ),
)

SHORT_POSITION_FEATURES: Final[tuple[Feature, ...]] = (*_LEVEL, *_CHANGE, *_WHOLE)
POSITIONS_INPUT: Final[InputTable] = InputTable(
    tables=("short_positions",),
    stock=STATE,
    market={},
    make=make_positions,
    features=SHORT_POSITION_FEATURES,
)
