"""Contributions to the score of a network: integrated gradients (Sundararajan et al., 2017).

The gradient of the score with respect to each input is averaged on the way from a baseline to what
it is, and multiplied by that way. The baseline is the middle of every rank, which is 0, and no
history. Features of the session have their contributions; those of history are in the rest, with
the score of the baseline. Names that see one another have no contributions of their own, and a
score that is a mean of places at several horizons is no sum.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gogooku.core.types import Checkpoint, Dataset, IntArray
from gogooku.learn.batches import DayBatch
from gogooku.learn.forward import Forward
from gogooku.learn.networks import NetworkCheckpoint
from gogooku.learn.numerics import numeric_threads
from gogooku.learn.why.contributions import Contributions, WhyNot

STEPS = 64
"""Points on the way, at the middles of equal parts; see the test of completeness."""
_SAME = 1e-4
"""Standard deviations of a session's scores that a name's score alone may be from the one given."""
METHOD = f"integrated gradients, {STEPS} steps from the middle of every rank"


def contributions(
    checkpoint: Checkpoint, dataset: Dataset, t: int, names: IntArray, h: int
) -> Contributions | WhyNot:
    """Integrated gradients of the names' scores; why not where one is not of its name alone."""
    assert isinstance(checkpoint, NetworkCheckpoint), type(checkpoint).__name__
    if _is_blended(checkpoint, checkpoint.horizons[h]):
        return WhyNot.HEADS
    forward = checkpoint.forward_of(dataset)
    score_N = checkpoint.scores(dataset, np.array([t]))[0, :, h].astype(np.float64)
    checkpoint.model.eval()
    with numeric_threads(1):
        batch = forward.batch([t], only=[names])
        places = torch.arange(len(names))
        with torch.inference_mode():
            alone = forward.scores(batch)[0, places, h].double().cpu().numpy()
        if np.abs(alone - score_N[names]).max() > _SAME * np.nanstd(score_N):
            return WhyNot.PEERS
        if _mixes(forward, forward.batch([t])):
            return WhyNot.PEERS
        added = _integrated(forward, batch, places, h)
    return Contributions(METHOD, checkpoint.features, added, score_N[names] - added.sum(axis=1))


def _is_blended(checkpoint: NetworkCheckpoint, horizon: int) -> bool:
    """Whether the score of a horizon is a mean of places at several."""
    settings = checkpoint.header.config
    return bool(settings.get("blend_weights")) and settings["blended_horizon"] == horizon


def _integrated(
    forward: Forward, whole: DayBatch, places: Tensor, h: int
) -> npt.NDArray[np.float64]:
    """Way times mean gradient of the session's features, [n, F]."""
    inputs = (whole.last_BNF, whole.history_BNLC, whole.raw_BNLR)
    total = torch.zeros_like(inputs[0])
    for step in range(STEPS):
        share = (step + 0.5) / STEPS
        last, history, raw = ((one * share).detach() for one in inputs)
        last.requires_grad_(True)  # noqa: FBT003  # torch's own form
        batch = replace(whole, last_BNF=last, history_BNLC=history, raw_BNLR=raw)
        (gradient,) = torch.autograd.grad(forward.scores(batch)[0, places, h].sum(), last)
        total += gradient / STEPS
    return np.asarray((total * inputs[0])[0, places].double().cpu().numpy())


def _mixes(forward: Forward, whole: DayBatch) -> bool:
    """Whether the score of a name changes with what others are: every second one is moved.

    One moved name would not do: it may be nobody's peer.
    """
    with torch.inference_mode():
        first = forward.scores(whole)[0]
        for odd in (0, 1):
            last, history, raw = (
                one.clone() for one in (whole.last_BNF, whole.history_BNLC, whole.raw_BNLR)
            )
            last[0, odd::2] = 0.25 - last[0, odd::2]
            history[0, odd::2] += 0.1
            raw[0, odd::2] += 0.1
            moved = replace(whole, last_BNF=last, history_BNLC=history, raw_BNLR=raw)
            if not torch.equal(first[1 - odd :: 2], forward.scores(moved)[0, 1 - odd :: 2]):
                return True
    return False
