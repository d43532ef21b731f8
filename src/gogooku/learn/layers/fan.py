"""Frequency-adaptive normalisation: the strongest frequencies of each series, taken out exactly.

Source: Ye et al., Frequency Adaptive Normalization for Non-stationary Time Series Forecasting
(NeurIPS 2024, arXiv 2409.20371). Per instance and channel, the K frequency bins of largest
amplitude over the lookback are the main part; what is left is the residual. The mean is a bin like
any other. The inverse transform states its length, so odd lookbacks are exact too.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def split_main(x_BNLC: Tensor, *, bins: int) -> tuple[Tensor, Tensor]:
    """Split series into main part and residual, ``main + residual == x``.

    Parameters
    ----------
    x_BNLC : float32 [B, N, L, C]
        No NaN.
    bins : int
        Frequencies taken out per name and channel; 0 takes none, L//2 + 1 or more takes all.

    Returns
    -------
    (main, residual) : float32 [B, N, L, C] each
    """
    length = x_BNLC.shape[2]
    if bins == 0:
        return torch.zeros_like(x_BNLC), x_BNLC
    if bins >= length // 2 + 1:
        return x_BNLC, torch.zeros_like(x_BNLC)
    spectrum = torch.fft.rfft(x_BNLC.float(), dim=2)
    amplitude = spectrum.real.square() + spectrum.imag.square()
    kept = torch.zeros_like(amplitude).scatter_(2, amplitude.topk(bins, dim=2).indices, 1.0)
    main = torch.fft.irfft(spectrum * kept, n=length, dim=2).to(x_BNLC.dtype)
    return main, x_BNLC - main


class FrequencyAdaptiveNorm(nn.Module):
    """FAN with a way back: nothing that is taken out is lost to the ranking.

    The encoder reads ``residual + share * main`` with one learned share per channel, and the mean
    level and the last value of the main part go to the embedding of the last session.

    Parameters
    ----------
    channels, bins : int
        Channels C, and bins taken out.
    share : float
        Where the learned shares begin.
    """

    def __init__(self, channels: int, *, bins: int, share: float = 0.5) -> None:
        super().__init__()
        self.bins = bins
        self.share_C = nn.Parameter(torch.full((channels,), share))

    def forward(self, x_BNLC: Tensor) -> tuple[Tensor, Tensor]:
        """Encoder input [B, N, L, C] and level summary [B, N, 2C]."""
        main, residual = split_main(x_BNLC, bins=self.bins)
        level_BNC2 = torch.cat([main.mean(dim=2), main[:, :, -1]], dim=-1)
        return residual + self.share_C * main, level_BNC2

    def left_out(self, x_BNLC: Tensor) -> tuple[Tensor, Tensor]:
        """What stands in its place: the history as it is, and no summary."""
        return x_BNLC, x_BNLC.new_zeros(*x_BNLC.shape[:2], 2 * x_BNLC.shape[3])
