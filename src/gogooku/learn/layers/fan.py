"""Frequency-adaptive normalisation: the strongest frequencies of each series, taken out exactly.

Source: Ye et al., Frequency Adaptive Normalization for Non-stationary Time Series Forecasting
(NeurIPS 2024, arXiv 2409.20371). Per instance and channel, the K frequency bins of largest
amplitude over the lookback are the main part; what is left is the residual. The mean is a bin like
any other. The inverse transform states its length, so odd lookbacks are exact too.

`FrequencyAdaptiveNorm` gives the encoder a share of the main part back. `MainForecast` is the
published form: the encoder reads the residual alone, and a small network of its own forecasts the
main part.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

FORECAST: Final = 4
"""Numbers that the forecast of a main part has."""
_INNER: Final = 32


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


class MainForecast(nn.Module):
    """FAN of level series, for a ranking.

    The encoder reads the residual. Of the main part, its mean level, its last value and a forecast
    by a perceptron go to the embedding of the last session. As published, the perceptron reads the
    main part and the whole series of one channel, with the same weights for all of them. What it
    forecasts there is the main part of the sessions to come; here it is what the scores need of it.

    Parameters
    ----------
    lookback : int
        Sessions L.
    bins : int
        Taken out per name and channel.
    """

    def __init__(self, *, lookback: int, bins: int) -> None:
        super().__init__()
        self.bins = bins
        self.inner = nn.Linear(2 * lookback, _INNER)
        self.outer = nn.Linear(_INNER, FORECAST)

    @staticmethod
    def summary_width(channels: int) -> int:
        """Columns of the summary."""
        return (2 + FORECAST) * channels

    def forward(self, x_BNLC: Tensor) -> tuple[Tensor, Tensor]:
        """Residual [B, N, L, C], and summary [B, N, 6C]: levels, last values, forecasts."""
        main, residual = split_main(x_BNLC, bins=self.bins)
        series = torch.cat([main, x_BNLC], dim=2).transpose(2, 3)
        forecast: Tensor = self.outer(functional.gelu(self.inner(series)))
        parts = [main.mean(dim=2), main[:, :, -1], forecast.flatten(2)]
        return residual, torch.cat(parts, dim=-1)

    def left_out(self, x_BNLC: Tensor) -> tuple[Tensor, Tensor]:
        """What stands in its place: the series as they are, and no summary."""
        return x_BNLC, x_BNLC.new_zeros(*x_BNLC.shape[:2], self.summary_width(x_BNLC.shape[3]))
