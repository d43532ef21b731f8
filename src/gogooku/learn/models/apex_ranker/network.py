"""APEX-Ranker: each name scored from its own history and its own last session."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gogooku.learn.batches import RANK_SCALE, DayBatch, missing
from gogooku.learn.layers.dropout import ByteDropout
from gogooku.learn.layers.patches import PatchEmbedding
from gogooku.learn.layers.perceptron import NormedLayers, beside
from gogooku.learn.layers.revin import ReversibleNorm
from gogooku.learn.layers.temporal import FlattenEncoder, LinearSkip
from gogooku.learn.layers.transformer import TransformerBlock
from gogooku.learn.models.apex_ranker.config import ApexRankerConfig, LevelKind, ReadoutKind


class DeepLevel(nn.Module):
    """Layers on the last session's features, the market context and the history's hidden state.

    Parameters
    ----------
    config : ApexRankerConfig
    features, context : int
        Inputs of a name, and columns M of the market context.
    """

    def __init__(self, config: ApexRankerConfig, *, features: int, context: int) -> None:
        super().__init__()
        self.embed = nn.Linear(features, config.hidden)
        self.context = beside(context, of=features, hidden=config.hidden)
        self.fuse = NormedLayers(config.hidden, depth=config.depth, dropout=config.dropout)

    def forward(self, h_BND: Tensor, x_BNF: Tensor, market_BM: Tensor) -> Tensor:
        """Map the hidden state [B, N, D] to the same shape."""
        out: Tensor = self.fuse(h_BND + self.embed(x_BNF) + self.context(market_BM).unsqueeze(1))
        return out


class ApexRanker(nn.Module):
    """The ranker, after PatchTST (Nie et al., ICLR 2023), without any mixing of names.

    The windows of all channels are cut into patches, each a token; transformer blocks relate the
    tokens of a name, and the readout makes one hidden state of them. The level adds what the last
    session's features say. As no name sees another, it is the control of a network with a graph.

    Parameters
    ----------
    config : ApexRankerConfig
    num_features, num_context, num_horizons : int
        Features F of the last session, columns M of the market context, and horizons H.
    """

    def __init__(
        self,
        config: ApexRankerConfig,
        *,
        num_features: int,
        num_context: int,
        num_horizons: int,
    ) -> None:
        super().__init__()
        self.config = config
        hidden, channels = config.hidden, len(config.dynamic_features) + len(config.raw_channels)
        self.revin = ReversibleNorm(channels) if config.revin else None
        self.patches = PatchEmbedding(
            count=config.patches,
            patch=config.patch,
            stride=config.stride,
            channels=channels,
            hidden=hidden,
        )
        self.blocks = nn.ModuleList(
            TransformerBlock(hidden, heads=config.heads, dropout=config.dropout)
            for _ in range(config.blocks)
        )
        self.norm = nn.LayerNorm(hidden)
        self.flatten = (
            FlattenEncoder(lookback=config.patches, channels=hidden, hidden=hidden)
            if config.readout is ReadoutKind.FLATTEN
            else None
        )
        width = num_features * (2 if config.missing_flags else 1)
        width += ReversibleNorm.summary_width(channels) if config.revin else 0
        self.level = (
            DeepLevel(config, features=width, context=num_context)
            if config.level is LevelKind.MLP
            else None
        )
        self.skip = (
            LinearSkip(
                features=width,
                lags=config.lookback * channels,
                context=num_context,
                gates=config.gates,
                horizons=num_horizons,
            )
            if config.level is not LevelKind.NONE
            else None
        )
        self.head = nn.Linear(hidden, num_horizons)
        self.dropout = ByteDropout(config.dropout)
        self.feature_dropout = nn.Dropout(config.feature_dropout)

    def forward(self, batch: DayBatch) -> Tensor:
        """Scores [B, N, H]; those of padding names mean nothing."""
        history = torch.cat([batch.history_BNLC * RANK_SCALE, batch.raw_BNLR], dim=-1)
        level = batch.last_BNF * RANK_SCALE
        if self.config.missing_flags:
            level = torch.cat([level, missing(batch.last_BNF)], dim=-1)
        if self.revin is not None:
            history, summary = self.revin(history)
            level = torch.cat([level, summary], dim=-1)
        level = self.feature_dropout(level)
        h = self._read(history)
        if self.level is not None:
            h = self.level(h, level, self._noisy(batch.market_BM))
        score: Tensor = self.head(self.dropout(h))
        if self.skip is not None:
            score = score + self.skip(level, history, self._noisy(batch.market_BM))
        return score

    def _read(self, history_BNLC: Tensor) -> Tensor:
        """The hidden state [B, N, D] of each name's own history."""
        tokens = self.patches(history_BNLC)
        days, names = tokens.shape[:2]
        tokens = tokens.flatten(0, 1)
        for block in self.blocks:
            tokens = block(tokens)
        tokens = self.norm(tokens).unflatten(0, (days, names))
        read: Tensor
        if self.flatten is not None:
            read = self.flatten(tokens)
        elif self.config.readout is ReadoutKind.LAST:
            read = tokens[:, :, -1]
        else:
            read = tokens.mean(dim=2)
        return read

    def _noisy(self, market_BM: Tensor) -> Tensor:
        if not self.training:
            return market_BM
        return market_BM + self.config.context_noise * torch.randn_like(market_BM)
