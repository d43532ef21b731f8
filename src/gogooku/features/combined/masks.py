"""What of a name can be known at all: 1 where a kind of value stands on data, else 0.

In the training tensor a null counts as 0, which is also the rank of the middle name (only the sign
of the zero differs); a mask keeps the two apart for every learner. Groups whose null is decided by
the same table have their mask there (`is_stmt_valid`, `is_margin_valid`, `is_ss_valid`,
`is_bd_valid`, `is_am_valid`, `is_div_valid`, `dmi_on_alert`, `is_earnings_sched_valid`); these are
the others. Null where the name is not listed.

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
from gogooku.features.engine.combinators import col, declared, over, rolling
from gogooku.features.engine.groups import FEWEST_MEMBERS
from gogooku.features.engine.inputs import InputTable, Made, Tables
from gogooku.features.engine.kernels import CLOSE
from gogooku.features.engine.timeline import Timeline

HALTED: Final = np.datetime64("2020-10-01")
"""The exchange's system failed before the open: no share traded (Tokyo Stock Exchange)."""

_mask = partial(declared, unit="flag", group="masks", role=Role.MASK)
_TRADED = col("traded")


def _make_halts(tables: Tables, timeline: Timeline) -> Made:
    del tables  # they only say that the source is of this exchange
    return {"cal_halted": (timeline.sessions == HALTED).astype(np.float64)}


MASKS_INPUTS: Final[tuple[InputTable, ...]] = (
    InputTable(
        tables=("calendar",),
        stock={},
        market={"cal_halted": "1 on the session on which the exchange did not open, else 0"},
        make=_make_halts,
    ),
)


def _among_listed(flags: FloatArray, traded: FloatArray) -> FloatArray:
    """Flags of listed names, null for the others."""
    return np.where(np.isnan(traded), np.nan, flags)


def _has_history(traded: FloatArray, window: int) -> FloatArray:
    held = k.rolling_count(traded == 1.0, window) >= k.fewest(window)
    return _among_listed(held.astype(np.float64), traded)


def _sector_known(sector: FloatArray, universe: FloatArray, traded: FloatArray) -> FloatArray:
    """Members of the universe in the name's sector are at least `FEWEST_MEMBERS`."""
    out, member = np.zeros(sector.shape), universe == 1.0
    for kind in np.unique(sector[~np.isnan(sector)]):
        inside = sector == kind
        enough = (inside & member).sum(axis=1) >= FEWEST_MEMBERS
        out += inside & enough[:, None]
    return _among_listed(out, traded)


def _known(values: FloatArray, traded: FloatArray) -> FloatArray:
    return _among_listed((~np.isnan(values)).astype(np.float64), traded)


def _halted(halted: FloatArray, traded: FloatArray) -> FloatArray:
    return _among_listed(np.broadcast_to(halted[:, None], traded.shape), traded)


MASKS: Final[tuple[Feature, ...]] = (
    *(
        _mask(
            f"is_history_{w}",
            rolling(_has_history, _TRADED, window=w),
            meaning=f"The name traded on at least {k.fewest(w)} of {w} sessions: windows of that "
            "length are filled.",
        )
        for w in (5, 60, 252)
    ),
    _mask(
        "is_sec_valid",
        over(_sector_known, col("sector"), col("universe"), _TRADED),
        meaning=f"The name's sector has at least {FEWEST_MEMBERS} members in the universe: it is "
        "compared with them, not with the universe.",
        axis=Axis.ACROSS,
    ),
    *(
        _mask(name, over(_known, of, _TRADED), meaning=meaning)
        for name, of, meaning in (
            ("is_fs_valid", col("fs_net_margin"), "Four quarters in a row are known."),
            (
                "is_forecast_valid",
                col("val_forward_earnings_yield", CLOSE),
                "The company forecasts its profit per share.",
            ),
            (
                "is_ssp_open",
                col("ssp_reporters"),
                "At least one large short position in the name is open.",
            ),
        )
    ),
    _mask(
        "is_halt_20201001",
        over(_halted, col("cal_halted"), _TRADED),
        meaning="2020-10-01, on which the exchange's system failed and no share traded.",
    ),
)
"""Every mask of this module."""
