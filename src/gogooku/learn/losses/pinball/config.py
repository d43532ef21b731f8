"""Settings of the pinball loss; imports no torch."""

from __future__ import annotations

from typing import Literal

from gogooku.core.registry import VariantConfig


class PinballConfig(VariantConfig):
    """How far the quantiles are from the labels, each side weighed by its share.

    The levels are those of the network (``quantiles``).
    """

    kind: Literal["pinball"] = "pinball"
