"""Reversible instance normalisation: each series without its own level and size, which are kept.

Source: Kim et al., Reversible Instance Normalization for Accurate Time-Series Forecasting against
Distribution Shift (ICLR 2022). Per name and channel, mean and standard deviation over the lookback
are taken out, and a learned scale and shift of each channel follow. A ranking has no series to put
them back into, so they are given apart: nothing that names differ by is lost.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

_SMALLEST: Final = 1e-5
"""Added to the variance: a constant series becomes zero, not infinite."""


class ReversibleNorm(nn.Module):
    """RevIN over the sessions of a window.

    Parameters
    ----------
    channels : int
        Channels C, each with a learned scale and shift.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale_C = nn.Parameter(torch.ones(channels))
        self.shift_C = nn.Parameter(torch.zeros(channels))

    def forward(self, x_BNLC: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised windows [B, N, L, C], and mean and standard deviation [B, N, 2C]."""
        mean = x_BNLC.mean(dim=2, keepdim=True)
        centred = x_BNLC - mean
        spread = (centred.square().mean(dim=2, keepdim=True) + _SMALLEST).sqrt()
        out = centred / spread * self.scale_C + self.shift_C
        return out, torch.cat([mean, spread], dim=-1).squeeze(2)
