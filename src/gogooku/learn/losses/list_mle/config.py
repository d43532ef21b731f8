"""Settings of ListMLE; imports no torch."""

from __future__ import annotations

from typing import Literal

from gogooku.core.registry import VariantConfig


class ListMleConfig(VariantConfig):
    """How unlikely the order of the labels is when names are drawn one by one by their scores."""

    kind: Literal["list_mle"] = "list_mle"
