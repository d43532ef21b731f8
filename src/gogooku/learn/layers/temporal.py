"""Reading the history of a name without losing the order of its sessions."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class FlattenEncoder(nn.Module):
    """One linear map over all sessions and channels.

    Each (session, channel) has a weight of its own, so order patterns can be read. Pooling over
    sessions (last token, attention) lost them in the calibration of the sandbox market.
    """

    def __init__(self, *, lookback: int, channels: int, hidden: int) -> None:
        super().__init__()
        self.project = nn.Linear(lookback * channels, hidden)

    def forward(self, x_BNLC: Tensor) -> Tensor:
        """Map [B, N, L, C] to [B, N, hidden]."""
        out: Tensor = self.project(x_BNLC.flatten(2))
        return out

    def left_out(self, x_BNLC: Tensor) -> Tensor:
        """What stands in its place: no history."""
        return x_BNLC.new_zeros(*x_BNLC.shape[:2], self.project.out_features)


class GatedResidual(nn.Module):
    """Gated residual network: ``x + sigmoid(g) * v`` with g and v from one hidden layer.

    Source: Lim et al., Temporal Fusion Transformers (2021), without the normalisation of scalars.
    """

    def __init__(self, hidden: int, *, dropout: float) -> None:
        super().__init__()
        self.inner = nn.Linear(hidden, hidden)
        self.outer = nn.Linear(hidden, 2 * hidden)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x_BND: Tensor) -> Tensor:
        """Map [B, N, D] to the same shape."""
        inner = self.dropout(functional.gelu(self.inner(x_BND)))
        return x_BND + functional.glu(self.outer(inner), dim=-1)

    def left_out(self, x_BND: Tensor) -> Tensor:
        """What stands in its place: its input."""
        return x_BND

    def opened(self, x_BND: Tensor) -> Tensor:
        """Share of its own part that the gate lets through, [B, N, D]."""
        inner = self.dropout(functional.gelu(self.inner(x_BND)))
        return torch.sigmoid(self.outer(inner).chunk(2, dim=-1)[1])


class LinearSkip(nn.Module):
    """Scores that are linear in the inputs, with coefficients that the market context moves.

    ``score = x W + history U + sum_g tanh(gate_g(context)) (x V_g)``: the linear baseline stays
    inside the network, its signs may turn with the market's regime, and each past session has a
    coefficient of its own. The gates begin with unit weight, so that they already move with the
    context when the first gradients come.

    Parameters
    ----------
    features, lags, context, gates, horizons : int
        Widths of ``x``, of the flattened history (0 for none), of the context; gates; scores.
    """

    def __init__(
        self, *, features: int, lags: int, context: int, gates: int, horizons: int
    ) -> None:
        super().__init__()
        self.gates = gates
        self.plain = _small(features, horizons)
        self.gated = _small(features, gates * horizons)
        self.gate = nn.Linear(context, gates)
        with torch.no_grad():
            self.gate.weight.copy_(self.gate.weight.sign() / math.sqrt(context))
            self.gate.bias.zero_()
        self.lagged = _small(lags, horizons) if lags else None

    def forward(self, x_BNF: Tensor, history_BNLC: Tensor, market_BM: Tensor) -> Tensor:
        """Scores [B, N, H] from features, history [B, N, L, C] and context [B, M]."""
        gate_BG = torch.tanh(self.gate(market_BM))
        gated_BNGH = self.gated(x_BNF).unflatten(-1, (self.gates, -1))
        score: Tensor = self.plain(x_BNF) + torch.einsum("bg,bngh->bnh", gate_BG, gated_BNGH)
        if self.lagged is not None:
            score = score + self.lagged(history_BNLC.flatten(2))
        return score

    def left_out(self, x_BNF: Tensor, history_BNLC: Tensor, market_BM: Tensor) -> Tensor:
        """What stands in its place: no linear scores."""
        del history_BNLC, market_BM
        return x_BNF.new_zeros(*x_BNF.shape[:2], self.plain.out_features)

    def opened(self, x_BNF: Tensor, history_BNLC: Tensor, market_BM: Tensor) -> Tensor:
        """Size of its gates, [B, G] in 0 to 1: how far the market moves the coefficients."""
        del x_BNF, history_BNLC
        return torch.tanh(self.gate(market_BM)).abs()


def _small(width: int, horizons: int) -> nn.Linear:
    layer = nn.Linear(width, horizons, bias=False)
    nn.init.normal_(layer.weight, std=0.02)
    return layer
