"""Contributions to the score of a network: integrated gradients (Sundararajan et al., 2017).

The gradient of the score with respect to each input is averaged on the way from a baseline to what
it is, and multiplied by that way. The baseline is the middle of every rank, which is 0, and no
history, of a name and of its peers. Features of the session have their contributions; those of
history are in the rest, with the score of the baseline. What the features of a name's peers add
stands together under `PEERS`. A score that is a mean of places at several horizons is split as that
of a blend is, by its heads.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from gogooku.core.types import Checkpoint, Dataset, IntArray
from gogooku.learn.batches import DayBatch
from gogooku.learn.forward import Forward, score_sessions
from gogooku.learn.networks import NetworkCheckpoint
from gogooku.learn.numerics import numeric_threads
from gogooku.learn.places import Scores
from gogooku.learn.why.contributions import PEERS, Contributions, WhyNot
from gogooku.learn.why.placed import Part, of_mean

STEPS = 64
"""Points on the way, at the middles of equal parts; see the test of completeness."""
_SAME = 1e-4
"""Standard deviations of a session's scores that a name's score, made of what is said to make it,
may be from the one given."""
METHOD = f"integrated gradients, {STEPS} steps from the middle of every rank"


def contributions(
    checkpoint: Checkpoint, dataset: Dataset, t: int, names: IntArray, h: int
) -> Contributions | WhyNot:
    """Integrated gradients of the names' scores; why not where all names of a session make one."""
    assert isinstance(checkpoint, NetworkCheckpoint), type(checkpoint).__name__
    forward = checkpoint.forward_of(dataset)
    head_NH = score_sessions(forward.model, forward.reader, [t], device=forward.device)[0]
    weights = _weights(checkpoint, h)
    with numeric_threads(1):
        apart = _apart(forward, t, names, head_NH)
        if apart is None:
            return WhyNot.PEERS
        parts = [
            Part(weight, _of_head(checkpoint, forward, apart, head_NH[names, k], k), head_NH[:, k])
            for k, weight in enumerate(weights)
            if weight
        ]
    if not _is_blended(checkpoint, h):
        return parts[0].found
    score_n = checkpoint.scores(dataset, np.array([t]))[0, names, h].astype(np.float64)
    return of_mean(parts, names, score_n, made_of="heads")


def _is_blended(checkpoint: NetworkCheckpoint, h: int) -> bool:
    """Whether the score of a horizon is a mean of places at several."""
    settings = checkpoint.header.config
    blended = settings.get("blended_horizon") == checkpoint.horizons[h]
    return blended and bool(settings.get("blend_weights"))


def _weights(checkpoint: NetworkCheckpoint, h: int) -> list[float]:
    """Of each head in the score of a horizon."""
    if _is_blended(checkpoint, h):
        return [float(one) for one in checkpoint.header.config["blend_weights"]]
    return [float(k == h) for k in range(len(checkpoint.horizons))]


def _apart(forward: Forward, t: int, names: IntArray, head_NH: Scores) -> DayBatch | None:
    """Names as sessions of their own, each alone or with its peers, whose scores are the same.

    None where neither makes the scores of the whole session.
    """
    for with_peers in (False, True):
        found = _cut(forward, t, names, with_peers=with_peers)
        with torch.inference_mode():
            made_nH = forward.scores(found)[:, 0].cpu().numpy()
        near = _SAME * np.nanstd(head_NH, axis=0)
        if (np.abs(made_nH - head_NH[names]).max(axis=0) <= near).all():
            return found
    return None


def _cut(forward: Forward, t: int, names: IntArray, *, with_peers: bool) -> DayBatch:
    """A batch [n, 1 + K] of each name, first, and its peers, which have no peers here."""
    reader = forward.reader
    inside = np.isin(np.arange(reader.num_names), reader.names(t))
    block = int(reader.dataset.neighbour_block_T[t])
    peers_nK = np.asarray(reader.dataset.neighbour_BNK[block][names])
    if not with_peers:
        peers_nK = peers_nK[:, :0]
    peers_nK = np.where((peers_nK >= 0) & inside[peers_nK.clip(0)], peers_nK, -1)
    packed = np.unique(np.concatenate([names, peers_nK[peers_nK >= 0]]))
    whole = forward.batch([t], only=[packed])
    member = np.concatenate([np.asarray(names)[:, None], peers_nK], axis=1)
    valid = torch.from_numpy(member >= 0).to(forward.device)
    place = torch.from_numpy(np.searchsorted(packed, member.clip(packed[0]))).to(forward.device)
    peers = torch.full(
        (*member.shape, whole.neighbour_BNK.shape[2]), -1, dtype=torch.int64, device=forward.device
    )
    if with_peers:
        ahead = torch.arange(1, member.shape[1], device=forward.device)
        peers[:, 0] = torch.where(valid[:, 1:], ahead, -1)
    return DayBatch(
        last_BNF=_rows(whole.last_BNF, place, valid),
        history_BNLC=_rows(whole.history_BNLC, place, valid),
        raw_BNLR=_rows(whole.raw_BNLR, place, valid),
        market_BM=whole.market_BM.expand(len(names), -1),
        neighbour_BNK=peers,
        sector_BN=whole.sector_BN[0][place].masked_fill(~valid, -1),
        valid_BN=valid,
    )


def _rows(values: torch.Tensor, place: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Values of the only session at some places, 0 where there is none."""
    picked = values[0][place]
    return picked.masked_fill(~valid.view(*valid.shape, *(1,) * (picked.ndim - 2)), 0.0)


def _of_head(
    checkpoint: NetworkCheckpoint, forward: Forward, apart: DayBatch, score_n: Scores, k: int
) -> Contributions:
    """Contributions to the scores of one head."""
    added_nMF = _integrated(forward, apart, k)
    added = added_nMF[:, 0]
    features = [*checkpoint.features]
    if added_nMF.shape[1] > 1:
        features.append(PEERS)
        added = np.column_stack([added, added_nMF[:, 1:].sum(axis=(1, 2))])
    return Contributions(
        METHOD, tuple(features), added, score_n.astype(np.float64) - added.sum(axis=1)
    )


def _integrated(forward: Forward, apart: DayBatch, k: int) -> npt.NDArray[np.float64]:
    """Way times mean gradient of the session's features, [n, 1 + K, F]; the name itself first."""
    inputs = (apart.last_BNF, apart.history_BNLC, apart.raw_BNLR)
    total = torch.zeros_like(inputs[0])
    for step in range(STEPS):
        share = (step + 0.5) / STEPS
        last, history, raw = ((one * share).detach() for one in inputs)
        last.requires_grad_(True)  # noqa: FBT003  # torch's own form
        batch = replace(apart, last_BNF=last, history_BNLC=history, raw_BNLR=raw)
        (gradient,) = torch.autograd.grad(forward.scores(batch)[:, 0, k].sum(), last)
        total += gradient / STEPS
    return np.asarray((total * inputs[0]).double().cpu().numpy())
