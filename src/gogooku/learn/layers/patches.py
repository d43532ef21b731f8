"""Windows cut into patches of a few sessions, all channels of a patch mixed into one token.

Source: Nie et al., A Time Series is Worth 64 Words: Long-term Forecasting with Transformers (ICLR
2023). There each channel has tokens of its own; here the channels of a name are mixed at once, as
they are few and say different things of the same sessions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PatchEmbedding(nn.Module):
    """One token a patch: a linear map of its sessions and channels, and a learned position.

    Parameters
    ----------
    count, patch, stride : int
        Patches P, sessions of each, and sessions between the beginnings of two.
    channels, hidden : int
        Channels C, width D.
    """

    def __init__(self, *, count: int, patch: int, stride: int, channels: int, hidden: int) -> None:
        super().__init__()
        self.patch, self.stride = patch, stride
        self.project = nn.Linear(patch * channels, hidden)
        self.position_PD = nn.Parameter(torch.empty(count, hidden))
        nn.init.normal_(self.position_PD, std=0.02)

    def forward(self, x_BNLC: Tensor) -> Tensor:
        """Map [B, N, L, C] to tokens [B, N, P, D], oldest first."""
        patches = x_BNLC.unfold(2, self.patch, self.stride)
        tokens: Tensor = self.project(patches.flatten(-2))
        return tokens + self.position_PD
