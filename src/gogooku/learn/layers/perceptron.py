"""Layers of one width on the features of a session."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from gogooku.learn.layers.dropout import ByteDropout


class ContextMap(nn.Linear):
    """A linear map of the market context that a network can do without."""

    def left_out(self, market_BM: Tensor) -> Tensor:
        """What stands in its place: no context."""
        return market_BM.new_zeros(len(market_BM), self.out_features)


def beside(num_context: int, *, of: int, hidden: int) -> ContextMap:
    """The columns of the market context in a linear map whose other ``of`` inputs lie elsewhere.

    The context is that of the session, so its part of the map is worked out once a session and not
    once a name; it begins as it would in one map of all inputs.
    """
    layer = ContextMap(num_context, hidden, bias=False)
    bound = (of + num_context) ** -0.5
    nn.init.uniform_(layer.weight, -bound, bound)
    return layer


class NormedLayers(nn.Module):
    """What follows the first linear map of a multi-layer perceptron.

    ``gelu(norm(x))``, then ``depth - 1`` times dropout, a linear map and ``gelu(norm(.))``. The
    dropout after the last layer is the caller's.

    Source: the MLP of Gorishniy et al., Revisiting Deep Learning Models for Tabular Data (NeurIPS
    2021), with the layer normalisation of Ba et al. (2016) and GELU (Hendrycks & Gimpel, 2016).

    Parameters
    ----------
    hidden, depth : int
        Width D, and layers with that of the caller.
    dropout : float
        Share of units dropped between two layers, in training only.
    """

    def __init__(self, hidden: int, *, depth: int, dropout: float) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(depth))
        self.maps = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(depth - 1))
        self.dropout = ByteDropout(dropout)

    def forward(self, x_BND: Tensor) -> Tensor:
        """Map [B, N, D], what a linear map gave, to the same shape."""
        out: Tensor = functional.gelu(self.norms[0](x_BND))
        for linear, norm in zip(self.maps, self.norms[1:], strict=True):
            out = functional.gelu(norm(linear(self.dropout(out))))
        return out
