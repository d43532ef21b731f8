"""What a network says of each name beside its score."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class QuantileHead(nn.Module):
    """Quantiles of the normal score of a name's return, by horizon, that never cross.

    One linear map of the hidden state gives the lowest quantile and the steps to the next, each
    positive: a base and the running sum of softplus steps (Gasthaus et al. 2019, Probabilistic
    forecasting with spline quantile function RNNs, build monotone quantiles alike). No gradient
    goes back into the hidden state: the scores are trained as if there were no quantiles, but for
    the limit on the norm of all gradients together.

    Parameters
    ----------
    hidden, horizons, levels : int
        Width of the hidden state, horizons H and quantiles Q.
    """

    def __init__(self, hidden: int, *, horizons: int, levels: int) -> None:
        super().__init__()
        self.shape = (horizons, levels)
        self.linear = nn.Linear(hidden, horizons * levels)

    def forward(self, hidden_BND: Tensor) -> Tensor:
        """Quantiles [B, N, H, Q], ascending along Q."""
        raw = self.linear(hidden_BND.detach()).unflatten(-1, self.shape)
        base, steps = raw[..., :1], functional.softplus(raw[..., 1:])
        return torch.cat([base, base + steps.cumsum(dim=-1)], dim=-1)
