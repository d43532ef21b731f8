"""What a fitted network knows of its scores: quantiles, and how far the places of names move.

A spread of places is their standard deviation over several ways to score the same session: passes
with dropout on (Gal and Ghahramani 2016, Dropout as a Bayesian approximation), or members of a
blend, such as seeds (Lakshminarayanan et al. 2017, deep ensembles). Places go from -0.5 to 0.5.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from gogooku.learn.batches import DayReader
from gogooku.learn.forward import Forward
from gogooku.learn.numerics import numeric_threads, seeded
from gogooku.learn.places import place_spread


def quantiles_of(
    model: nn.Module, reader: DayReader, indices: Sequence[int], *, device: str
) -> npt.NDArray[np.float32]:
    """Quantiles [t, N, H, Q] of a network that gives some; NaN outside the universe."""
    rows, forward = [], Forward(model, reader, device)
    model.eval()
    with torch.inference_mode(), numeric_threads(1):
        for index in indices:
            quantiles = forward.with_quantiles(forward.batch([index]))[1]
            assert quantiles is not None, "the network has no quantiles"
            rows.append(_placed(quantiles[0].cpu().numpy(), reader, index))
    return np.stack(rows)


def dropout_spread(
    model: nn.Module,
    reader: DayReader,
    indices: Sequence[int],
    *,
    passes: int,
    device: str,
    seed: int = 0,
) -> npt.NDArray[np.float32]:
    """Spread of places over passes with dropout on, [t, N, H]; NaN outside the universe.

    A session's spread is a function of its data and the seed, whichever others are asked for.
    """
    rows, forward = [], Forward(model, reader, device)
    model.train()
    with torch.inference_mode(), numeric_threads(1):
        for index in indices:
            batch, count = forward.batch([index]), len(reader.names(index))
            with seeded(seed, index, device=device):
                scores = [forward.scores(batch)[0, :count].cpu().numpy() for _ in range(passes)]
            rows.append(_placed(place_spread([one[None] for one in scores])[0], reader, index))
    model.eval()
    return np.stack(rows)


def _placed(
    values_n: npt.NDArray[np.float32], reader: DayReader, index: int
) -> npt.NDArray[np.float32]:
    """Values of a session's packed names in their places among all names."""
    names = reader.names(index)
    out = np.full((reader.num_names, *values_n.shape[1:]), np.nan, dtype=np.float32)
    out[names] = values_n[: len(names)]
    return out
