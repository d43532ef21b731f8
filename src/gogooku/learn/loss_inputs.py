"""What a step gives to a loss that needs more than scores and labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from gogooku.learn.batches import DayBatch, DayReader, Names, packed_labels
from gogooku.learn.losses.inputs import LossInputs
from gogooku.learn.targets import FoldLabels


def loss_inputs(
    reader: DayReader,
    labels: FoldLabels,
    rows: Sequence[int],
    names: Sequence[Names],
    batch: DayBatch,
    quantiles: Tensor | None,
    *,
    levels: Sequence[float],
) -> LossInputs:
    """Inputs of the train sessions ``rows``, on the device of their batch.

    Parameters
    ----------
    rows : sequence of int
        Rows of the train labels, ascending.
    names : sequence of Names
        Those that were packed of each.
    batch : DayBatch
        The same sessions and names.
    quantiles : float32 [B, N, H, Q], optional
        What the network gave beside its scores.
    levels : sequence of float
        Of the quantiles.
    """
    device, width = batch.valid_BN.device, batch.valid_BN.shape[1]
    place = np.full((len(rows), width), -1, dtype=np.int64)
    for row, chosen in enumerate(names):
        place[row, : len(chosen)] = chosen
    returns = None
    if labels.returns_TNH is not None:
        packed = packed_labels(labels.returns_TNH, rows, names, width=width)
        returns = torch.from_numpy(np.nan_to_num(packed)).to(device)
    return LossInputs(
        index_B=torch.from_numpy(labels.train.indices[list(rows)]).to(device),
        place_BN=torch.from_numpy(place).to(device),
        horizons=labels.horizons,
        returns_BNH=returns,
        features_BNF=batch.last_BNF,
        features=reader.dataset.features,
        quantiles_BNHQ=quantiles,
        levels=levels,
    )
