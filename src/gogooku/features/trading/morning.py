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
from gogooku.features.engine.combinators import (
    before,
    col,
    declared,
    gain,
    known,
    log,
    mean,
    over,
    ratio,
    rolling,
    z,
)
from gogooku.features.engine.inputs import InputTable, Made, Tables
from gogooku.features.engine.kernels import CLOSE
from gogooku.features.engine.own_session import OwnSession
from gogooku.features.engine.timeline import Timeline
from gogooku.ingest.jquants.plans import Plan

_HALVES: Final = {"mq_am": "morning", "mq_pm": "afternoon"}

_stock = partial(declared, group="morning")


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


MORNING_INPUTS: Final[tuple[InputTable, ...]] = (
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


_OPEN, _HIGH, _LOW, _CLOSE, _VOLUME = (
    col(f"mq_am_{part}") for part in ("open", "high", "low", "close", "volume")
)


def _high_less_low(
    am_high: FloatArray, pm_high: FloatArray, am_low: FloatArray, pm_low: FloatArray
) -> FloatArray:
    unknown = np.isnan(am_high) | np.isnan(pm_high)
    top = am_high >= pm_high * (1.0 - k.TIE)
    bottom = am_low <= pm_low * (1.0 + k.TIE)
    return np.where(unknown, np.nan, top.astype(np.float64) - bottom.astype(np.float64))


_MORNING = (
    _stock(
        "am_gap_prev_close",
        gain(_CLOSE, before(col("_close", CLOSE), 1)),
        "return",
        "Close of the morning over the last known close before the session, less 1.",
    ),
    _stock(
        "am_body",
        gain(_CLOSE, _OPEN),
        "return",
        "Return of the morning from its open to its close.",
    ),
    _stock("am_range", gain(_HIGH, _LOW), "ratio", "High over low of the morning, less 1."),
    _stock(
        "am_pos_in_am_range",
        ratio(_CLOSE - _LOW, _HIGH - _LOW),
        "share",
        "Place of the morning's close between its low and its high.",
        max_null_share=0.3,
    ),
    _stock(
        "am_to_full_range",
        ratio(_HIGH - _LOW, col("high") - col("low")),
        "share",
        "Range of the morning over that of the session.",
        max_null_share=0.3,
    ),
    _stock(
        "am_vwap_gap",
        gain(_CLOSE, ratio(col("mq_am_turnover"), _VOLUME)),
        "return",
        "Close of the morning over its average price, less 1.",
    ),
    _stock(
        "am_vol_ratio_20",
        log(ratio(_VOLUME, mean(_VOLUME, 20))),
        "log",
        "Log of the morning's volume over its mean of 20 sessions.",
    ),
    _stock(
        "am_vol_share",
        ratio(_VOLUME, _VOLUME + col("mq_pm_volume")),
        "share",
        "Volume of the morning over that of the session.",
    ),
    _stock(
        "am_vol_share_z20",
        z(col("am_vol_share"), 20),
        "z",
        "am_vol_share against its mean and spread of 20 sessions.",
    ),
)

_AFTERNOON = (
    _stock(
        "pm_gap_am_close",
        gain(col("mq_pm_open"), _CLOSE),
        "return",
        "Open of the afternoon over the close of the morning, less 1.",
    ),
    _stock(
        "pm_body",
        gain(col("mq_pm_close"), col("mq_pm_open")),
        "return",
        "Return of the afternoon from its open to its close.",
    ),
    _stock(
        "pm_range",
        gain(col("mq_pm_high"), col("mq_pm_low")),
        "ratio",
        "High over low of the afternoon, less 1.",
    ),
)

_BOTH = (
    *(
        _stock(
            f"{half}_body_20",
            mean(col(f"{half}_body"), 20),
            "return",
            f"Mean of {half}_body over 20 sessions.",
        )
        for half in ("am", "pm")
    ),
    _stock(
        "am_pm_corr_60",
        rolling(m.rolling_corr, col("am_body"), col("pm_body"), window=60),
        "ratio",
        "Correlation of am_body and pm_body, 60 sessions: reversal below 0.",
    ),
    _stock(
        "am_high_less_low_20",
        mean(over(_high_less_low, _HIGH, col("mq_pm_high"), _LOW, col("mq_pm_low")), 20),
        "share",
        "Share of 20 sessions with the high made in the morning less that with the low.",
    ),
    _stock("is_am_valid", known(_CLOSE), "flag", "The name traded in the morning.", role=Role.MASK),
)

MORNING: Final[tuple[Feature, ...]] = (*_MORNING, *_AFTERNOON, *_BOTH)
