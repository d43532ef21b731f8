"""The two halves of a session, from its morning and afternoon bars. Premium only.

Tokyo trades in the morning, stops for lunch and trades again. Both halves of a session are known on
its evening, so nothing is shifted. Prices are on the forward basis of all other prices, shares
likewise. Null where the half had no trade.

Left out on purpose: ``am_gap`` to the open (that of `ret_overnight`), limit flags of a half (those
of the day are `limit_net_5`), yen and share levels.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from gogooku.core.frames import BAR_PRICES
from gogooku.core.types import Feature, FloatArray, Role
from gogooku.features.engine import kernels as k
from gogooku.features.engine import moments as m
from gogooku.features.engine.combinators import col, declared, gain, known, mean, z
from gogooku.features.engine.inputs import InputTable, Made, Tables
from gogooku.features.engine.kernels import RETURN, Values
from gogooku.features.engine.own_session import OwnSession
from gogooku.features.engine.timeline import Timeline
from gogooku.ingest.jquants.plans import Plan

_HALVES: Final = {"mq_am": "morning", "mq_pm": "afternoon"}

_stock = partial(Feature, group="morning")
_stock_of = partial(declared, group="morning")


def make_halves(tables: Tables, timeline: Timeline) -> Made:
    """Bars of both halves on their own session, null without a trade or a row by that evening."""
    wire = {
        f"{prefix}_{part.split('_')[0]}": f"{half}_{part}"
        for prefix, half in _HALVES.items()
        for part in (*BAR_PRICES, "volume_shares", "turnover_yen")
        if (prefix, part) != ("mq_pm", "turnover_yen")
    }
    growth = timeline.growth_TN

    def on_forward_basis(name: str, values: FloatArray) -> FloatArray:
        part = name.rsplit("_", 1)[1]
        if part in BAR_PRICES:
            values /= growth
        elif part == "volume":
            values *= growth
        return values

    return OwnSession(tables, timeline, "quotes", wire, on_forward_basis)


MORNING_INPUTS: Final = (
    InputTable(
        tables=("quotes",),
        columns_from=Plan.PREMIUM,
        stock={
            **{
                f"{prefix}_{part}": f"yen per share of the {half}, forward basis"
                for prefix, half in _HALVES.items()
                for part in BAR_PRICES
            },
            **{
                f"{prefix}_volume": f"shares traded in the {half}, forward basis"
                for prefix, half in _HALVES.items()
            },
            "mq_am_turnover": "yen traded in the morning",
        },
        market={},
        make=make_halves,
    ),
)


def _from_close(x: Values) -> FloatArray:
    return k.ratio(x["mq_am_close"], k.shift(x["_close"], 1)) - 1.0


def _position(x: Values) -> FloatArray:
    return k.ratio(x["mq_am_close"] - x["mq_am_low"], x["mq_am_high"] - x["mq_am_low"])


def _range_share(x: Values) -> FloatArray:
    return k.ratio(x["mq_am_high"] - x["mq_am_low"], x["high"] - x["low"])


def _volume_share(x: Values) -> FloatArray:
    return k.ratio(x["mq_am_volume"], x["mq_am_volume"] + x["mq_pm_volume"])


def _morning_volume_ratio(x: Values) -> FloatArray:
    return k.log_positive(k.ratio(x["mq_am_volume"], k.rolling_mean(x["mq_am_volume"], 20)))


def _halves_corr(x: Values) -> FloatArray:
    return m.rolling_corr(x["am_body"], x["pm_body"], 60)


def _average_price(x: Values) -> FloatArray:
    return k.ratio(x["mq_am_close"], k.ratio(x["mq_am_turnover"], x["mq_am_volume"])) - 1.0


def _morning_high(x: Values) -> FloatArray:
    unknown = np.isnan(x["mq_am_high"]) | np.isnan(x["mq_pm_high"])
    top = x["mq_am_high"] >= x["mq_pm_high"] * (1.0 - k.TIE)
    bottom = x["mq_am_low"] <= x["mq_pm_low"] * (1.0 + k.TIE)
    side = np.where(unknown, np.nan, top.astype(np.float64) - bottom.astype(np.float64))
    return k.rolling_mean(side, 20)


_MORNING = (
    _stock(
        name="am_gap_prev_close",
        inputs=("mq_am_close", "_close"),
        compute=_from_close,
        lookback=RETURN,
        unit="return",
        meaning="Close of the morning over the last known close before the session, less 1.",
    ),
    _stock_of(
        "am_body",
        gain(col("mq_am_close"), col("mq_am_open")),
        "return",
        "Return of the morning from its open to its close.",
    ),
    _stock_of(
        "am_range",
        gain(col("mq_am_high"), col("mq_am_low")),
        "ratio",
        "High over low of the morning, less 1.",
    ),
    _stock(
        name="am_pos_in_am_range",
        inputs=("mq_am_close", "mq_am_low", "mq_am_high"),
        compute=_position,
        lookback=1,
        unit="share",
        max_null_share=0.3,
        meaning="Place of the morning's close between its low and its high.",
    ),
    _stock(
        name="am_to_full_range",
        inputs=("mq_am_high", "mq_am_low", "high", "low"),
        compute=_range_share,
        lookback=1,
        unit="share",
        max_null_share=0.3,
        meaning="Range of the morning over that of the session.",
    ),
    _stock(
        name="am_vwap_gap",
        inputs=("mq_am_close", "mq_am_turnover", "mq_am_volume"),
        compute=_average_price,
        lookback=1,
        unit="return",
        meaning="Close of the morning over its average price, less 1.",
    ),
    _stock(
        name="am_vol_ratio_20",
        inputs=("mq_am_volume",),
        compute=_morning_volume_ratio,
        lookback=20,
        unit="log",
        meaning="Log of the morning's volume over its mean of 20 sessions.",
    ),
    _stock(
        name="am_vol_share",
        inputs=("mq_am_volume", "mq_pm_volume"),
        compute=_volume_share,
        lookback=1,
        unit="share",
        meaning="Volume of the morning over that of the session.",
    ),
    _stock_of(
        "am_vol_share_z20",
        z(col("am_vol_share"), 20),
        "z",
        "am_vol_share against its mean and spread of 20 sessions.",
    ),
)

_AFTERNOON = (
    _stock_of(
        "pm_gap_am_close",
        gain(col("mq_pm_open"), col("mq_am_close")),
        "return",
        "Open of the afternoon over the close of the morning, less 1.",
    ),
    _stock_of(
        "pm_body",
        gain(col("mq_pm_close"), col("mq_pm_open")),
        "return",
        "Return of the afternoon from its open to its close.",
    ),
    _stock_of(
        "pm_range",
        gain(col("mq_pm_high"), col("mq_pm_low")),
        "ratio",
        "High over low of the afternoon, less 1.",
    ),
)

_BOTH = (
    *(
        _stock_of(
            f"{half}_body_20",
            mean(col(f"{half}_body"), 20),
            "return",
            f"Mean of {half}_body over 20 sessions.",
        )
        for half in ("am", "pm")
    ),
    _stock(
        name="am_pm_corr_60",
        inputs=("am_body", "pm_body"),
        compute=_halves_corr,
        lookback=60,
        unit="ratio",
        meaning="Correlation of am_body and pm_body, 60 sessions: reversal below 0.",
    ),
    _stock(
        name="am_high_less_low_20",
        inputs=("mq_am_high", "mq_pm_high", "mq_am_low", "mq_pm_low"),
        compute=_morning_high,
        lookback=20,
        unit="share",
        meaning="Share of 20 sessions with the high made in the morning less that with the low.",
    ),
    _stock_of(
        "is_am_valid",
        known(col("mq_am_close")),
        "flag",
        "The name traded in the morning.",
        role=Role.MASK,
    ),
)

MORNING: Final[tuple[Feature, ...]] = (*_MORNING, *_AFTERNOON, *_BOTH)
