"""Reversible instance normalisation: each series by its own mean and spread.

Source: Kim et al., Reversible Instance Normalization for Accurate Time-Series Forecasting against
Distribution Shift (ICLR 2022): per instance and channel, mean and standard deviation over the
lookback, then one learned scale and shift a channel.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

SPREAD_FLOOR: Final = 1e-3
"""Smallest standard deviation that a series is divided by, in units of its channel."""


class ReversibleNorm(nn.Module):
    """RevIN for a ranking: what is taken out goes to the embedding of the last session.

    ``x == (out - shift) / scale * spread + mean``, with the mean and the spread of the summary.

    Parameters
    ----------
    channels : int
        Channels C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale_C = nn.Parameter(torch.ones(channels))
        self.shift_C = nn.Parameter(torch.zeros(channels))

    @staticmethod
    def summary_width(channels: int) -> int:
        """Columns of the summary."""
        return 2 * channels

    def forward(self, x_BNLC: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised series [B, N, L, C], and summary [B, N, 2C]: means, spreads."""
        mean = x_BNLC.mean(dim=2, keepdim=True)
        spread = (x_BNLC.var(dim=2, keepdim=True, unbiased=False) + SPREAD_FLOOR**2).sqrt()
        out = (x_BNLC - mean) / spread * self.scale_C + self.shift_C
        return out, torch.cat([mean, spread], dim=-1).squeeze(2)
