"""Settings of the broken networks; imports no torch."""

from __future__ import annotations

from typing import Literal

from gogooku.learn.network_config import NetworkConfig


class BrokenConfig(NetworkConfig):
    """A hidden layer on the last session."""

    hidden: int = 8


class ModeConfig(BrokenConfig):
    kind: Literal["broken_mode"] = "broken_mode"


class FlatConfig(BrokenConfig):
    kind: Literal["broken_flat"] = "broken_flat"


class SpareConfig(BrokenConfig):
    kind: Literal["broken_spare"] = "broken_spare"
