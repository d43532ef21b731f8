"""Settings of the squared error; imports no torch."""

from __future__ import annotations

from typing import Literal

from gogooku.core.registry import VariantConfig


class MseConfig(VariantConfig):
    """Mean squared error of a session's scores to the normal scores of its returns."""

    kind: Literal["mse"] = "mse"
