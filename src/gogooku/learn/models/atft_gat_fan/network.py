"""ATFT-GAT-FAN: history, peers and a market-gated linear skip, scored for all horizons at once."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from gogooku.learn.batches import DayBatch
from gogooku.learn.layers.fan import FrequencyAdaptiveNorm
from gogooku.learn.layers.graph_attention import GraphAttention
from gogooku.learn.layers.temporal import FlattenEncoder, GatedResidual, LinearSkip
from gogooku.learn.models.atft_gat_fan.config import (
    AtftGatFanConfig,
    FanKind,
    GraphKind,
    TemporalKind,
)

RANK_SCALE: Final = 12.0**0.5
"""Ranks in +-0.5 have standard deviation 1/sqrt(12); inputs are scaled to about one."""


class AtftGatFan(nn.Module):
    """The network.

    The last session's features are embedded linearly; the history of the dynamic channels passes
    frequency-adaptive normalisation and a readout that keeps position; their sum is gated, mixed
    with the peers, and mapped to one score per horizon, to which a linear skip is added whose
    coefficients the market context moves.

    Parameters
    ----------
    config : AtftGatFanConfig
    num_features, num_horizons : int
        Features F of the last session, and horizons H.
    """

    def __init__(self, config: AtftGatFanConfig, *, num_features: int, num_horizons: int) -> None:
        super().__init__()
        self.config = config
        channels, hidden = len(config.dynamic_features), config.hidden
        reads_history = config.temporal is TemporalKind.FLATTEN
        self.fan = (
            FrequencyAdaptiveNorm(channels, bins=config.fan_bins)
            if config.fan is FanKind.FAN
            else None
        )
        self.encoder = (
            FlattenEncoder(lookback=config.lookback, channels=channels, hidden=hidden)
            if reads_history
            else None
        )
        width = num_features + (2 * channels if self.fan is not None else 0)
        self.embed = nn.Linear(width, hidden)
        self.fuse = GatedResidual(hidden, dropout=config.dropout)
        self.graph = (
            GraphAttention(hidden, heads=config.heads, dropout=0.0)
            if config.graph is GraphKind.KNN
            else None
        )
        self.skip = LinearSkip(
            features=width,
            lags=config.lookback * channels if reads_history else 0,
            context=len(config.context_features),
            gates=config.gates,
            horizons=num_horizons,
        )
        self.head = nn.Linear(hidden, num_horizons)
        self.dropout = nn.Dropout(config.dropout)
        self.feature_dropout = nn.Dropout(config.feature_dropout)

    def forward(self, batch: DayBatch) -> Tensor:
        """Scores [B, N, H]; those of padding names mean nothing."""
        level = batch.last_BNF * RANK_SCALE
        history = batch.history_BNLC * RANK_SCALE
        if self.fan is not None:
            history, summary = self.fan(history)
            level = torch.cat([level, summary], dim=-1)
        level = self.feature_dropout(level)
        h = self.embed(level)
        if self.encoder is not None:
            h = h + self.encoder(history)
        h = self.dropout(functional.gelu(h))
        h = self.fuse(h)
        if self.graph is not None:
            h = self.graph(h, batch.neighbour_BNK)
        context = batch.market_BM
        if self.training:
            context = context + self.config.context_noise * torch.randn_like(context)
        score: Tensor = self.head(self.dropout(h)) + self.skip(level, history, context)
        return score
