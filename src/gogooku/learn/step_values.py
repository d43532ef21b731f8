"""Losses and gradient norms of steps, read some steps later where reading waits for a GPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor

from gogooku.core.errors import DataError
from gogooku.learn.train_state import EpochSoFar

AHEAD: Final = 32
"""Steps that may be asked of a GPU before their losses are looked at."""


class StepValues:
    """What steps gave, in order; on the CPU each is read at once.

    Parameters
    ----------
    device : str
        Of the steps.
    dates : callable
        Says in words which sessions the rows of a step are.
    """

    def __init__(self, device: str, dates: Callable[[list[int]], str]) -> None:
        self._at_once = torch.device(device).type == "cpu"
        self._dates = dates
        self._steps: list[tuple[int, list[int], Tensor]] = []
        self._norms: list[Tensor] = []

    def loss(self, step: int, rows: list[int], value: Tensor, so_far: EpochSoFar) -> None:
        """Note the loss of a step; look at those before it when there are many."""
        self._steps.append((step, rows, value.detach()))
        if self._at_once or len(self._steps) >= AHEAD:
            self.read(so_far)

    def norm(self, value: Tensor) -> None:
        """Note the gradient norm of a step whose loss was noted."""
        self._norms.append(value.detach())

    def read(self, so_far: EpochSoFar) -> None:
        """Add what was noted to an epoch.

        Raises
        ------
        DataError
            A loss is not finite; it names the first such step and its sessions.
        """
        losses = _read([value for _, _, value in self._steps])
        for (step, rows, _), value in zip(self._steps, losses, strict=True):
            if not np.isfinite(value):
                raise DataError(f"train: the loss is {value} at step {step} ({self._dates(rows)})")
        so_far.losses += losses
        so_far.norms += _read(self._norms)
        self._steps, self._norms = [], []


def _read(values: Sequence[Tensor]) -> list[float]:
    return torch.stack([*values]).tolist() if values else []
