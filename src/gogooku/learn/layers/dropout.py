"""Dropout at a byte of chance a unit."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ByteDropout(nn.Module):
    """Dropout (Srivastava et al., 2014) in steps of 1/256.

    Eight units share one random word. On a processor that draws one number after the other, masks
    of one number a unit take a third of the time of a wide network's step.

    Parameters
    ----------
    share : float
        Of units set to 0 in training, rounded to 1/256; the others grow, so that the mean stays.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.dropped = min(round(256 * share), 255)

    def forward(self, x: Tensor) -> Tensor:
        """The same shape; in evaluation, and where nothing is dropped, the input itself."""
        if not self.training or not self.dropped:
            return x
        words = torch.empty(-(-x.numel() // 8), dtype=torch.int64, device=x.device)
        chance = words.random_(-(2**63), None).view(torch.uint8)[: x.numel()].view(x.shape)
        kept = (chance >= self.dropped).to(x.dtype)
        return x * kept.mul_(256 / (256 - self.dropped))
