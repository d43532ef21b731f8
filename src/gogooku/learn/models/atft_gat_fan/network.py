"""ATFT-GAT-FAN: history, peers and a market-gated linear skip, scored for all horizons at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from gogooku.learn.batches import RANK_SCALE, DayBatch, missing
from gogooku.learn.layers.dropout import ByteDropout
from gogooku.learn.layers.fan import FrequencyAdaptiveNorm
from gogooku.learn.layers.graph_attention import GraphAttention
from gogooku.learn.layers.perceptron import NormedLayers, beside
from gogooku.learn.layers.temporal import FlattenEncoder, GatedResidual, LinearSkip
from gogooku.learn.models.atft_gat_fan.config import (
    AtftGatFanConfig,
    FanKind,
    GraphKind,
    TemporalKind,
    TrunkKind,
)


class AtftGatFan(nn.Module):
    """The network.

    The last session's features (and the market context, and flags for what is null) are embedded
    linearly; the history of the dynamic channels passes frequency-adaptive normalisation and a
    readout that keeps position; their sum goes through the trunk, is mixed with the peers, and
    mapped to one score per horizon, to which a linear skip is added whose coefficients the market
    context moves.

    Parameters
    ----------
    config : AtftGatFanConfig
    num_features, num_context, num_horizons : int
        Features F of the last session, columns M of the market context, and horizons H.
    """

    def __init__(
        self,
        config: AtftGatFanConfig,
        *,
        num_features: int,
        num_context: int,
        num_horizons: int,
    ) -> None:
        super().__init__()
        self.config = config
        channels, hidden = len(config.dynamic_features), config.hidden
        raw = len(config.raw_channels)
        reads_history = config.temporal is TemporalKind.FLATTEN
        self.fan = (
            FrequencyAdaptiveNorm(channels, bins=config.fan_bins)
            if config.fan is FanKind.FAN
            else None
        )
        self.encoder = (
            FlattenEncoder(lookback=config.lookback, channels=channels + raw, hidden=hidden)
            if reads_history
            else None
        )
        width = num_features * (2 if config.missing_flags else 1)
        width += 2 * channels if self.fan is not None else 0
        self.embed = nn.Linear(width, hidden)
        self.context = (
            beside(num_context, of=width, hidden=hidden) if config.context_in_trunk else None
        )
        self.fuse: nn.Module = (
            NormedLayers(hidden, depth=config.depth, dropout=config.dropout)
            if config.trunk is TrunkKind.MLP
            else GatedResidual(hidden, dropout=config.dropout)
        )
        self.graph = (
            GraphAttention(hidden, heads=config.heads, dropout=0.0)
            if config.graph is GraphKind.KNN
            else None
        )
        self.skip = LinearSkip(
            features=width,
            lags=config.lookback * (channels + raw) if reads_history else 0,
            context=num_context,
            gates=config.gates,
            horizons=num_horizons,
        )
        self.head = nn.Linear(hidden, num_horizons)
        self.dropout: nn.Module = (
            ByteDropout(config.dropout)
            if config.trunk is TrunkKind.MLP
            else nn.Dropout(config.dropout)
        )
        self.feature_dropout = nn.Dropout(config.feature_dropout)

    def forward(self, batch: DayBatch) -> Tensor:
        """Scores [B, N, H]; those of padding names mean nothing."""
        level = batch.last_BNF * RANK_SCALE
        if self.config.missing_flags:
            level = torch.cat([level, missing(batch.last_BNF)], dim=-1)
        history = batch.history_BNLC * RANK_SCALE
        if self.fan is not None:
            history, summary = self.fan(history)
            level = torch.cat([level, summary], dim=-1)
        if self.config.raw_channels:
            history = torch.cat([history, batch.raw_BNLR], dim=-1)
        level = self.feature_dropout(level)
        h = self.embed(level)
        if self.context is not None:
            h = h + self.context(self._noisy(batch.market_BM)).unsqueeze(1)
        if self.encoder is not None:
            h = h + self.encoder(history)
        if self.config.trunk is TrunkKind.GATED:
            h = self.dropout(functional.gelu(h))
        h = self.fuse(h)
        if self.graph is not None:
            h = self.graph(h, batch.neighbour_BNK)
        context = self._noisy(batch.market_BM)
        score: Tensor = self.head(self.dropout(h)) + self.skip(level, history, context)
        return score

    def _noisy(self, market_BM: Tensor) -> Tensor:
        if not self.training:
            return market_BM
        return market_BM + self.config.context_noise * torch.randn_like(market_BM)
