"""Settings of the turnover penalty; imports no torch."""

from __future__ import annotations

from typing import Literal

from gogooku.learn.losses.strip_config import StripConfig


class TurnoverConfig(StripConfig):
    """Share of the holdings that changes from one session to the next."""

    kind: Literal["turnover"] = "turnover"
