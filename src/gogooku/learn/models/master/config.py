"""Configuration of MASTER; imports no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from gogooku.learn.network_config import NetworkConfig


class MasterConfig(NetworkConfig):
    """MASTER, beside what every network chooses.

    Attributes
    ----------
    dynamic_features : tuple of str
        All that it reads of a name: what the market gates, over the last ``lookback`` sessions.
    hidden : int
        Width.
    heads, peer_heads : int
        Attention heads along a name's sessions, and among the names of a session; divisors of the
        width.
    gate_softness : float
        Temperature of the market's gate: high gives every feature about the same weight.
    dropout : float
        Share of hidden units, and of attention weights along a name's sessions, dropped in training
        only.
    """

    kind: Literal["master"] = "master"
    dynamic_features: tuple[str, ...] = Field(
        default=(
            "ret_1d_sec_z|ret_1d_uni_z",
            "ret_prev_5d",
            "ret_prev_20d",
            "ret_prev_60d",
            "ret_overnight",
            "ret_intraday",
            "day_range",
            "close_location",
            "price_to_sma20",
            "max_ret_20",
            "min_ret_20",
            "rsi_14",
            "volatility_20d",
            "vol_ratio_20_60",
            "volume_z_20",
            "turnover_5_60",
            "amihud_20",
            "price_volume_corr_60",
            "beta_uni_60d",
            "adv60_log",
        ),
        min_length=1,
    )
    lookback: int = Field(default=8, ge=4)
    hidden: int = Field(default=64, ge=4)
    heads: int = Field(default=4, ge=1)
    peer_heads: int = Field(default=2, ge=1)
    gate_softness: float = Field(default=5.0, gt=0.0)
    dropout: float = Field(default=0.5, ge=0.0, lt=1.0)

    @model_validator(mode="after")
    def _check(self) -> MasterConfig:
        for name in ("heads", "peer_heads"):
            if self.hidden % getattr(self, name):
                raise ValueError(
                    f"hidden {self.hidden} is not a multiple of {name} {getattr(self, name)}"
                )
        return self
