"""Columns that many features of one name's bars are made of, each with how far back it looks."""

from __future__ import annotations

from typing import Final

from gogooku.features.engine.combinators import col
from gogooku.features.engine.kernels import CLOSE, RETURN

HIGHS: Final = col("high")
LOWS: Final = col("low")
CLOSES: Final = col("close")
LAST_CLOSES: Final = col("_close", CLOSE)
"""Last known close, also on a session without a trade."""
RETURNS: Final = col("ret_prev_1d", RETURN)
OVERNIGHT: Final = col("ret_overnight", RETURN)
INTRADAY: Final = col("ret_intraday")
