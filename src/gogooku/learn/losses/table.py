"""The losses: one row each. A new one is a folder here beside, and a row."""

from __future__ import annotations

from typing import Final

from gogooku.learn.registry import LossRow

ROWS: Final = (
    LossRow(
        kind="correlation",
        meaning="One minus the session's correlation, and a squared-error anchor.",
        config="gogooku.learn.losses.correlation.config:CorrelationConfig",
        function="gogooku.learn.losses.correlation.loss:correlation_loss",
    ),
)
