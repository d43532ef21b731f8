"""Peers by what happened to both: results on the same session, a large short seller in common.

Results that become known on one session are read one after the other, and not all on that session:
what the others did since says something of a name that has not moved yet. A reporter of large short
positions who buys back, or sells more, does so in several names at once; a name belongs to the
reporter of its largest open position.

A mean is over the other names of the universe with the value, at least two; null without them, for
a name whose results are older than `READ` sessions, and for one without an open position, which is
most names.
"""

from __future__ import annotations

from functools import partial
from typing import Final, NamedTuple

import numpy as np

from gogooku.core.types import Axis, Feature, FloatArray
from gogooku.features.engine.combinators import Expression, col, declared, over
from gogooku.features.engine.groups import numbered, others_mean
from gogooku.features.engine.kernels import CLOSE, RETURN, chain

READ: Final = 60
"""Sessions after which results that came out together tie names no more: about a quarter."""


class _Tie(NamedTuple):
    """What ties names: the base column, the groups that it makes, and how it is said."""

    name: str
    label: Expression
    said: str


def _while_read(age_TN: FloatArray) -> FloatArray:
    return np.where(age_TN <= READ, age_TN, np.nan)


_TIES: Final = (
    _Tie(
        "reported",
        over(_while_read, col("st_age")),
        "the other names whose results became known on the same session, at most "
        f"{READ} sessions ago",
    ),
    _Tie(
        "shorted",
        over(numbered, col("sp_top_seller")),
        "the other names whose largest open short position is of the same reporter",
    ),
)
_VALUES: Final = {
    "ret_1d": (col("ret_prev_1d", RETURN), "return", "return of one session"),
    "ret_5d": (col("ret_prev_5d", chain(6, CLOSE)), "return", "return over 5 sessions"),
    "ret_20d": (col("ret_prev_20d", chain(21, CLOSE)), "return", "return over 20 sessions"),
    "volume_z": (col("volume_z_20", 20), "z", "volume_z_20"),
    "surprise": (col("st_op_surprise"), "ratio", "stmt_surprise_op"),
}

_tied = partial(declared, group="peer", axis=Axis.ACROSS, max_null_share=1.0)


def _others(value: Expression, tie: _Tie) -> Expression:
    return over(others_mean, value, tie.label, col("universe"))


def _less_others(own_TN: FloatArray, group_TN: FloatArray, universe: FloatArray) -> FloatArray:
    return own_TN - others_mean(own_TN, group_TN, universe)


SHARED: Final[tuple[Feature, ...]] = tuple(
    feature
    for tie in _TIES
    for feature in (
        *(
            _tied(f"peer_{tie.name}_{name}", _others(of, tie), unit, f"Mean {what} of {tie.said}.")
            for name, (of, unit, what) in _VALUES.items()
        ),
        _tied(
            f"peer_{tie.name}_gap_5d",
            over(_less_others, _VALUES["ret_5d"][0], tie.label, col("universe")),
            "return",
            f"Own return over 5 sessions less the mean of {tie.said}.",
        ),
    )
)
"""All features of the group."""
