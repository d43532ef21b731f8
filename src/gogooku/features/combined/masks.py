"""What of a name can be known at all: 1 where a kind of value stands on data, else 0.

In the training tensor a null is 0, which is also the rank of the middle name; a mask keeps the two
apart. Groups whose null is decided by the same table have their mask there (`is_stmt_valid`,
`is_margin_valid`, `is_ss_valid`, `is_bd_valid`, `is_am_valid`, `is_div_valid`, `dmi_on_alert`,
`is_earnings_sched_valid`); these are the others. Null where the name is not listed.

Left out on purpose: validity of series of the whole market (context keeps its null as null); one
mask per window (``is_ema5_valid`` and the like): a window is filled or not, and three lengths say
which; ``is_flow_valid``, which is 1 wherever the name has a segment, as `is_ss_valid` is; whether
the name traded this session, which `is_am_valid` says.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from gogooku.core.types import Axis, Feature, FloatArray, Role
from gogooku.features.engine import kernels as k
from gogooku.features.engine.inputs import InputTable, Made, Tables
from gogooku.features.engine.kernels import CLOSE, Values
from gogooku.features.engine.timeline import Timeline
from gogooku.features.market.sector import FEWEST_MEMBERS

HALTED: Final = np.datetime64("2020-10-01")
"""The exchange's system failed before the open: no share traded (Tokyo Stock Exchange)."""

_mask = partial(Feature, group="masks", role=Role.MASK, unit="flag")


def _make(tables: Tables, timeline: Timeline) -> Made:
    del tables  # they only say that the source is of this exchange
    return {"cal_halted": (timeline.sessions == HALTED).astype(np.float64)}


MASKS_INPUTS: Final[tuple[InputTable, ...]] = (
    InputTable(
        tables=("calendar",),
        stock={},
        market={"cal_halted": "1 on the session on which the exchange did not open, else 0"},
        make=_make,
    ),
)


def _among_listed(flags: FloatArray, x: Values) -> FloatArray:
    """Flags of listed names, null for the others."""
    return np.where(np.isnan(x["traded"]), np.nan, flags)


def _history(x: Values, *, window: int) -> FloatArray:
    held = k.rolling_count(x["traded"] == 1.0, window) >= k.fewest(window)
    return _among_listed(held.astype(np.float64), x)


def _sector_known(x: Values) -> FloatArray:
    """Members of the universe in the name's sector are at least `FEWEST_MEMBERS`."""
    sector, out = x["sector"], np.zeros(x["sector"].shape)
    member = x["universe"] == 1.0
    for kind in np.unique(sector[~np.isnan(sector)]):
        inside = sector == kind
        enough = (inside & member).sum(axis=1) >= FEWEST_MEMBERS
        out += inside & enough[:, None]
    return _among_listed(out, x)


def _known(x: Values, *, of: str) -> FloatArray:
    return _among_listed((~np.isnan(x[of])).astype(np.float64), x)


def _halted(x: Values) -> FloatArray:
    return _among_listed(np.broadcast_to(x["cal_halted"][:, None], x["traded"].shape), x)


MASKS: Final[tuple[Feature, ...]] = (
    *(
        _mask(
            name=f"is_history_{w}",
            concept="history",
            inputs=("traded",),
            compute=partial(_history, window=w),
            lookback=w,
            meaning=f"The name traded on at least {k.fewest(w)} of {w} sessions: windows of that "
            "length are filled.",
        )
        for w in (5, 60, 252)
    ),
    _mask(
        name="is_sec_valid",
        concept="sector",
        inputs=("sector", "universe", "traded"),
        compute=_sector_known,
        lookback=1,
        axis=Axis.ACROSS,
        meaning=f"The name's sector has at least {FEWEST_MEMBERS} members in the universe: it is "
        "compared with them, not with the universe.",
    ),
    _mask(
        name="is_fs_valid",
        concept="coverage",
        inputs=("fs_net_margin", "traded"),
        compute=partial(_known, of="fs_net_margin"),
        lookback=1,
        meaning="Four quarters in a row are known.",
    ),
    _mask(
        name="is_forecast_valid",
        concept="coverage",
        inputs=("val_forward_earnings_yield", "traded"),
        compute=partial(_known, of="val_forward_earnings_yield"),
        lookback=CLOSE,
        meaning="The company forecasts its profit per share.",
    ),
    _mask(
        name="is_ssp_open",
        concept="coverage",
        inputs=("ssp_reporters", "traded"),
        compute=partial(_known, of="ssp_reporters"),
        lookback=1,
        meaning="At least one large short position in the name is open.",
    ),
    _mask(
        name="is_halt_20201001",
        concept="trading",
        inputs=("cal_halted", "traded"),
        compute=_halted,
        lookback=1,
        meaning="2020-10-01, on which the exchange's system failed and no share traded.",
    ),
)
"""Every mask of this module."""
