"""ATFT-GAT-FAN: history, peers and a market-gated linear skip, scored for all horizons at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from gogooku.learn.batches import RANK_SCALE, DayBatch, missing
from gogooku.learn.layers.dropout import ByteDropout
from gogooku.learn.layers.fan import FrequencyAdaptiveNorm, MainForecast
from gogooku.learn.layers.graph_attention import (
    EDGE_FEATURES,
    GraphAttention,
    edge_features,
)
from gogooku.learn.layers.heads import QuantileHead
from gogooku.learn.layers.perceptron import NormedLayers, beside
from gogooku.learn.layers.revin import ReversibleNorm
from gogooku.learn.layers.temporal import FlattenEncoder, GatedResidual, LinearSkip
from gogooku.learn.models.atft_gat_fan.config import (
    AtftGatFanConfig,
    FanKind,
    GraphKind,
    RawNorm,
    TemporalKind,
    TrunkKind,
)
from gogooku.learn.models.atft_gat_fan.temporal_fusion import TemporalFusion


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

    off: Final = {
        "fan": "fan=none",
        "encoder": "temporal=none",
        "fusion": "temporal=none",
        "raw_norm": "raw_norm=none",
        "context": "context_in_trunk=false",
        "graph": "graph=none",
    }
    """By part that can be left out, the setting that does so."""

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
        reads_history = config.temporal is not TemporalKind.NONE
        self.fan = _fan(config)
        self.raw_norm = _raw_norm(config)
        self.encoder = (
            FlattenEncoder(lookback=config.lookback, channels=channels + raw, hidden=hidden)
            if config.temporal is TemporalKind.FLATTEN
            else None
        )
        width = num_features * (2 if config.missing_flags else 1)
        width += 2 * channels if self.fan is not None else 0
        width += self.raw_norm.summary_width(raw) if self.raw_norm is not None else 0
        self.fusion = (
            TemporalFusion(config, channels=channels + raw, context=num_context, level=width)
            if config.temporal is TemporalKind.FUSION
            else None
        )
        self.embed = nn.Linear(width, hidden)
        self.context = (
            beside(num_context, of=width, hidden=hidden) if config.context_in_trunk else None
        )
        self.fuse: nn.Module = (
            NormedLayers(hidden, depth=config.depth, dropout=config.dropout)
            if config.trunk is TrunkKind.MLP
            else GatedResidual(hidden, dropout=config.dropout)
        )
        self.graph = _graph(config)
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
        self.quantiles = _quantiles(config, num_horizons)

    def forward(self, batch: DayBatch) -> Tensor:
        """Scores [B, N, H]; those of padding names mean nothing."""
        return self.with_quantiles(batch)[0]

    def with_quantiles(self, batch: DayBatch) -> tuple[Tensor, Tensor | None]:
        """Scores [B, N, H], and quantiles [B, N, H, Q] where there are some."""
        level, history = self._read(batch)
        level = self.feature_dropout(level)
        h = self.embed(level)
        if self.context is not None:
            h = h + self.context(self._noisy(batch.market_BM)).unsqueeze(1)
        if self.encoder is not None:
            h = h + self.encoder(history)
        if self.fusion is not None:
            h = h + self.fusion(history, self._noisy(batch.market_BM), level, batch.sector_BN)
        if self.config.trunk is TrunkKind.GATED:
            h = self.dropout(functional.gelu(h))
        h = self.fuse(h)
        if self.graph is not None:
            h = self.graph(h, *self._edges(batch))
        context = self._noisy(batch.market_BM)
        h = self.dropout(h)
        score: Tensor = self.head(h) + self.skip(level, history, context)
        return score, None if self.quantiles is None else self.quantiles(h)

    def _read(self, batch: DayBatch) -> tuple[Tensor, Tensor]:
        """Level [B, N, F] and history [B, N, L, C], each normalised as it is set."""
        level = batch.last_BNF * RANK_SCALE
        if self.config.missing_flags:
            level = torch.cat([level, missing(batch.last_BNF)], dim=-1)
        history = batch.history_BNLC * RANK_SCALE
        if self.fan is not None:
            history, summary = self.fan(history)
            level = torch.cat([level, summary], dim=-1)
        if self.config.raw_channels:
            raw = batch.raw_BNLR
            if self.raw_norm is not None:
                raw, summary = self.raw_norm(raw)
                level = torch.cat([level, summary], dim=-1)
            history = torch.cat([history, raw], dim=-1)
        return level, history

    def crop_steps(self) -> int:
        """Steps of a window: patches of the temporal fusion."""
        assert self.fusion is not None, "the config refuses pre-training without it"
        return self.fusion.patches.count

    def crop_weights(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Weights that crops are read with, by name."""
        assert self.fusion is not None, "the config refuses pre-training without it"
        return self.fusion.crop_weights()

    def read_crop(self, batch: DayBatch, crop: slice, masked_BNP: Tensor) -> Tensor:
        """What the steps of a crop say, [B, N, P, W]; the normalisation before it stands still."""
        assert self.fusion is not None, "the config refuses pre-training without it"
        with torch.no_grad():
            _, history = self._read(batch)
        return self.fusion.read_crop(history, crop, masked_BNP)

    def _edges(self, batch: DayBatch) -> tuple[Tensor, ...]:
        """Neighbours of each name, and what is known of each where that is read."""
        neighbours = batch.neighbour_BNK
        if not self.config.edge_features:
            return (neighbours,)
        return neighbours, edge_features(neighbours, batch.sector_BN)

    def _noisy(self, market_BM: Tensor) -> Tensor:
        if not self.training:
            return market_BM
        return market_BM + self.config.context_noise * torch.randn_like(market_BM)


def _fan(config: AtftGatFanConfig) -> FrequencyAdaptiveNorm | None:
    if config.fan is FanKind.NONE:
        return None
    return FrequencyAdaptiveNorm(len(config.dynamic_features), bins=config.fan_bins)


def _quantiles(config: AtftGatFanConfig, num_horizons: int) -> QuantileHead | None:
    if not config.quantiles:
        return None
    levels = len(config.quantiles)
    return QuantileHead(config.hidden, horizons=num_horizons, levels=levels)


def _graph(config: AtftGatFanConfig) -> GraphAttention | None:
    if config.graph is GraphKind.NONE:
        return None
    edges = EDGE_FEATURES if config.edge_features else 0
    return GraphAttention(config.hidden, heads=config.heads, dropout=0.0, edges=edges)


def _raw_norm(config: AtftGatFanConfig) -> ReversibleNorm | MainForecast | None:
    if config.raw_norm is RawNorm.REVIN:
        return ReversibleNorm(len(config.raw_channels))
    if config.raw_norm is RawNorm.FAN:
        return MainForecast(lookback=config.lookback, bins=config.raw_bins)
    return None
