"""Contributions to the score of a blend, which is the mean of its members' places."""

from __future__ import annotations

import numpy as np

from gogooku.core.types import Checkpoint, Dataset, IntArray
from gogooku.learn.models.blend.learner import BlendCheckpoint
from gogooku.learn.why.contributions import Contributions, WhyNot, contributions_at
from gogooku.learn.why.placed import Part, of_mean


def contributions(
    checkpoint: Checkpoint, dataset: Dataset, t: int, names: IntArray, h: int
) -> Contributions | WhyNot:
    """Sums over the members by their weights; why not where a member's score is no sum."""
    assert isinstance(checkpoint, BlendCheckpoint), type(checkpoint).__name__
    parts = []
    for member, weight in zip(checkpoint.members, checkpoint.parts.values(), strict=True):
        place = member.horizons.index(checkpoint.horizons[h])
        found = contributions_at(member, dataset, t, names, place)
        if isinstance(found, WhyNot):
            return found
        score_N = member.scores(dataset, np.array([t]))[0, :, place]
        parts.append(Part(weight, found, score_N))
    score_n = checkpoint.scores(dataset, np.array([t]))[0, names, h].astype(np.float64)
    return of_mean(parts, names, score_n, made_of="members")
