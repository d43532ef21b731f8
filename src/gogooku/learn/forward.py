"""The one way through a network: when it is trained, when it is validated and when it scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from gogooku.learn.batches import DayBatch, DayReader, Names, sent
from gogooku.learn.losses.batch import batch_loss
from gogooku.learn.losses.inputs import LossInputs
from gogooku.learn.network_config import Precision, TrainingConfig
from gogooku.learn.numerics import numeric_threads


@dataclass(frozen=True)
class Forward:
    """A network, where its sessions are read from and where it runs.

    Attributes
    ----------
    model : nn.Module
        In training or in evaluation mode, as the caller put it.
    reader : DayReader
    device : str
    precision : Precision
        Of the products in the network; what comes out is float32.
    compiled : callable, optional
        What is called in the place of the model: the model, compiled.
    """

    model: nn.Module
    reader: DayReader
    device: str
    precision: Precision = Precision.FLOAT32
    compiled: Callable[[DayBatch], Tensor] | None = None

    def batch(self, indices: Sequence[int], *, only: Sequence[Names] | None = None) -> DayBatch:
        """Sessions, packed, on the device; of each the names ``only``, all by default."""
        return self.reader.batch(indices, only=only).to(self.device)

    def scores(self, batch: DayBatch) -> Tensor:
        """Scores [B, N, H] in float32; those of padding names mean nothing."""
        walk: Callable[[DayBatch], Tensor] = self.model if self.compiled is None else self.compiled
        with self._cast():
            score = walk(batch)
        return score.float()

    def with_quantiles(self, batch: DayBatch) -> tuple[Tensor, Tensor | None]:
        """Scores [B, N, H], and quantiles [B, N, H, Q] if the network gives some."""
        if getattr(self.model, "quantiles", None) is None:
            return self.scores(batch), None
        with self._cast():
            score, quantiles = self.model.with_quantiles(batch)  # type: ignore[operator]
        return score.float(), quantiles.float()

    def _cast(self) -> AbstractContextManager[Any]:
        low = self.precision is Precision.BFLOAT16
        kind = torch.device(self.device).type
        return torch.autocast(kind, dtype=torch.bfloat16) if low else nullcontext()

    def loss(
        self,
        batch: DayBatch,
        label_BNH: npt.NDArray[np.float32],
        config: TrainingConfig,
        *,
        inputs: Callable[[Tensor | None], LossInputs] | None = None,
    ) -> Tensor:
        """The loss of some packed sessions.

        Parameters
        ----------
        batch : DayBatch
        label_BNH : float32 [B, N, H]
            NaN where not known.
        config : TrainingConfig
            Says which loss, and the weights of the horizons.
        inputs : callable, optional
            Makes, from the quantiles, what the loss needs beside scores and labels.
        """
        if inputs is None:
            score, given = self.scores(batch), None
        else:
            score, quantiles = self.with_quantiles(batch)
            given = inputs(quantiles)
        known = np.isfinite(label_BNH)
        return batch_loss(
            score,
            sent(np.where(known, label_BNH, np.float32(0.0)), self.device),
            sent(known, self.device),
            horizon_weights=config.horizon_weights,
            config=config.loss,
            inputs=given,
            fewest=int(known.sum(axis=1).min()),
        )


def score_sessions(
    model: nn.Module, reader: DayReader, indices: Sequence[int], *, device: str
) -> npt.NDArray[np.float32]:
    """Scores [t, N, H] in evaluation mode, NaN outside the universe.

    Each session is a batch of its own on one thread, so its bits do not depend on the others.
    """
    forward = Forward(model, reader, device)
    rows: list[npt.NDArray[np.float32]] = []
    model.eval()
    with torch.inference_mode(), numeric_threads(1):
        for index in indices:
            score_NH = forward.scores(forward.batch([index]))[0].cpu().numpy()
            names = reader.names(index)
            row = np.full((reader.num_names, score_NH.shape[1]), np.nan, dtype=np.float32)
            row[names] = score_NH[: len(names)]
            rows.append(row)
    return np.stack(rows)
