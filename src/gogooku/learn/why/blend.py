"""Contributions to the score of a blend: those to its members' scores, carried over to places.

A blend's score is the weighted mean of its members' places within the session. The place of a name,
the scores of all others as they are, is a function of its own score alone, and it never falls when
that rises. On the way from the score that its member would give without the features (the rest of
the member) to the one that it gives, the place rises by so much for each unit of score; what a
feature adds to the score it adds to the place in that measure. So signs stay, and contributions and
the rest, which is the place that the member's rest alone would have, add up to the score.
"""

from __future__ import annotations

import numpy as np

from gogooku.core.types import Checkpoint, Dataset, IntArray
from gogooku.learn.models.blend.learner import BlendCheckpoint
from gogooku.learn.places import Scores, places
from gogooku.learn.why.contributions import Contributions, Matrix, WhyNot, contributions_at

_GAP = 1e-6
"""How far, in places, contributions and the rest may be from the score: its rounding to 32 bits."""


def contributions(
    checkpoint: Checkpoint, dataset: Dataset, t: int, names: IntArray, h: int
) -> Contributions | WhyNot:
    """Sums over the members by their weights; why not where a member's score is no sum."""
    assert isinstance(checkpoint, BlendCheckpoint), type(checkpoint).__name__
    weights = np.array(list(checkpoint.parts.values()))
    total: dict[str, Matrix] = {}
    rest_n, methods = np.zeros(len(names)), []
    for member, weight in zip(checkpoint.members, weights / weights.sum(), strict=True):
        place = member.horizons.index(checkpoint.horizons[h])
        found = contributions_at(member, dataset, t, names, place)
        if isinstance(found, WhyNot):
            return found
        score_N = member.scores(dataset, np.array([t]))[0, :, place]
        added_nF, base_n = _as_places(found, score_N, names)
        methods.append(found.method)
        rest_n += weight * base_n
        for name, column in zip(found.features, added_nF.T, strict=True):
            total[name] = total.get(name, np.zeros(len(names))) + weight * column
    added_nF = np.stack(list(total.values()), axis=1)
    score_n = checkpoint.scores(dataset, np.array([t]))[0, names, h].astype(np.float64)
    if np.abs(added_nF.sum(axis=1) + rest_n - score_n).max() > _GAP:
        return WhyNot.GAP
    said = f"mean of places; members by {', by '.join(dict.fromkeys(methods))}"
    return Contributions(said, tuple(total), added_nF, score_n - added_nF.sum(axis=1))


def _as_places(found: Contributions, score_N: Scores, names: IntArray) -> tuple[Matrix, Matrix]:
    """Contributions [n, F] to the places of names, and the places [n] of the rest alone."""
    to_n = places(score_N[None, :, None])[0, names, 0]
    end_n = score_N[names].astype(np.float64)
    way_n = found.added_nF.sum(axis=1)
    base_n = np.array([
        _place_of(float(base), n, score_N)
        for base, n in zip(end_n - way_n, names.tolist(), strict=True)
    ])  # fmt: skip
    measure = np.divide(to_n - base_n, way_n, out=np.zeros_like(way_n), where=way_n != 0.0)
    return found.added_nF * measure[:, None], np.where(way_n != 0.0, base_n, to_n)


def _place_of(score: float, n: int, score_N: Scores) -> float:
    """The place that a name would have with another score, as `places` gives it."""
    moved_N = score_N.copy()
    moved_N[n] = score
    return float(places(moved_N[None, :, None])[0, n, 0])
