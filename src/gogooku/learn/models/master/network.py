"""MASTER (Li et al., Market-Guided Stock Transformer for Stock Price Forecasting, AAAI 2024).

The market's state weighs the features; each name's sessions attend to each other; then, at each
session of the window, the names do; and the last session's state gathers those before. The parts
and their order are those of the paper and of its authors' code; the score of the last session's
features alone, which the other networks add, is not there. Two names may be any two of the session:
attention is dense, without a matrix of all pairs in memory. Its weights among names are therefore
not dropped, which would need that matrix; those along a name's sessions are.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from gogooku.learn.batches import RANK_SCALE, DayBatch
from gogooku.learn.models.master.config import MasterConfig


class MarketGate(nn.Module):
    """Weights of the features from the market's state; their mean is one.

    ``F softmax(W m / softness)`` for F features.
    """

    def __init__(self, *, context: int, features: int, softness: float) -> None:
        super().__init__()
        self.weigh = nn.Linear(context, features)
        self.softness = softness

    def forward(self, market_BM: Tensor) -> Tensor:
        """Weights [B, F] from the context [B, M]."""
        logits_BF = self.weigh(market_BM) / self.softness
        weight_BF: Tensor = logits_BF.softmax(dim=-1) * logits_BF.shape[-1]
        return weight_BF


class AttentionLayer(nn.Module):
    """Normalised input, attention added to it, normalised again, and a feed-forward part added.

    Parameters
    ----------
    hidden, heads : int
        Width D and heads, a divisor of it.
    scale : float
        What products of query and key are multiplied with.
    dropout, weight_dropout : float
        Share of hidden units and of attention weights dropped.
    """

    def __init__(
        self, hidden: int, *, heads: int, scale: float, dropout: float, weight_dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.heads, self.scale = heads, scale
        self.dropped = weight_dropout
        self.before, self.after = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.query_key_value = nn.Linear(hidden, 3 * hidden, bias=False)
        self.feed = nn.Sequential(
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.Dropout(dropout),
        )

    def forward(self, x_SPD: Tensor, *, seen_SP: Tensor | None = None) -> Tensor:
        """Relate the P places of each of S sequences.

        Parameters
        ----------
        x_SPD : float [S, P, D]
        seen_SP : bool [S, P], optional
            Places that others attend to; all by default.
        """
        x_SPD = self.before(x_SPD)
        parts = self.query_key_value(x_SPD).unflatten(-1, (3, self.heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = functional.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=None if seen_SP is None else seen_SP[:, None, None, :],
            dropout_p=self.dropped if self.training else 0.0,
            scale=self.scale,
        )
        x_SPD = self.after(x_SPD + mixed.transpose(1, 2).flatten(2))
        out: Tensor = x_SPD + self.feed(x_SPD)
        return out


class Master(nn.Module):
    """The network.

    Parameters
    ----------
    config : MasterConfig
    num_features : int
        Not read: the channels of the history are all that is seen of a name.
    num_context, num_horizons : int
        Columns M of the market context, and horizons H.
    """

    def __init__(
        self,
        config: MasterConfig,
        *,
        num_features: int,
        num_context: int,
        num_horizons: int,
    ) -> None:
        del num_features
        super().__init__()
        hidden, channels = config.hidden, len(config.dynamic_features) + len(config.raw_channels)
        self.gate = MarketGate(
            context=num_context, features=channels, softness=config.gate_softness
        )
        self.embed = nn.Linear(channels, hidden)
        self.register_buffer("position_LD", sinusoids(config.lookback, hidden), persistent=False)
        self.own = AttentionLayer(
            hidden,
            heads=config.heads,
            scale=1.0,
            dropout=config.dropout,
            weight_dropout=config.dropout,
        )
        self.peers = AttentionLayer(
            hidden,
            heads=config.peer_heads,
            scale=(hidden / config.peer_heads) ** -0.5,
            dropout=config.dropout,
        )
        self.gather = nn.Linear(hidden, hidden, bias=False)
        self.head = nn.Linear(hidden, num_horizons)

    def forward(self, batch: DayBatch) -> Tensor:
        """Scores [B, N, H]; those of padding names mean nothing."""
        history = torch.cat([batch.history_BNLC * RANK_SCALE, batch.raw_BNLR], dim=-1)
        days, names, sessions = history.shape[:3]
        h = self.embed(history * self.gate(batch.market_BM)[:, None, None])
        h = self.own((h + self.position_LD).flatten(0, 1)).unflatten(0, (days, names))
        by_session = h.transpose(1, 2).flatten(0, 1)
        seen = batch.valid_BN.repeat_interleave(sessions, dim=0)
        by_session = self.peers(by_session, seen_SP=seen)
        h = by_session.unflatten(0, (days, sessions)).transpose(1, 2)
        asked = self.gather(h)
        weight_BNL = torch.einsum("bnld,bnd->bnl", asked, asked[:, :, -1]).softmax(dim=-1)
        score: Tensor = self.head(torch.einsum("bnl,bnld->bnd", weight_BNL, h))
        return score


def sinusoids(places: int, width: int) -> Tensor:
    """Positions [places, width] of Vaswani et al. (2017)."""
    rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angle = torch.arange(places)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[:, :width]
