"""Settings of a network and of a loss that are no part of the package; imports no torch."""

from __future__ import annotations

from typing import Literal

from gogooku.core.registry import VariantConfig
from gogooku.learn.network_config import NetworkConfig


class ToyConfig(NetworkConfig):
    """A linear map of the last session."""

    kind: Literal["toy_linear"] = "toy_linear"
    width: int = 8


class SquaredConfig(VariantConfig):
    """Squared error and nothing else."""

    kind: Literal["toy_squared"] = "toy_squared"
    scale: float = 1.0
