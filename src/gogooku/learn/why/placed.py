"""Contributions to a weighted mean of places: those to the scores behind it, carried over.

The place of a name, the scores of all others as they are, is a function of its own score alone, and
it never falls when that rises. On the way from the score without the features (the rest of its
contributions) to the one that is given, the place rises by so much for each unit of score; what a
feature adds to the score it adds to the place in that measure. So signs stay, and contributions and
the rest, which is the place that the rest alone would have, add up to the mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gogooku.core.types import IntArray
from gogooku.learn.places import Scores, places
from gogooku.learn.why.contributions import Contributions, Matrix, WhyNot

_GAP = 1e-6
"""How far, in places, contributions and the rest may be from the score: its rounding to 32 bits."""


@dataclass(frozen=True)
class Part:
    """One score whose places enter a mean.

    Attributes
    ----------
    weight : float
        Of any sum.
    found : Contributions
        To the score.
    score_N : float32 [N]
        Of all names of the session, NaN outside the universe.
    """

    weight: float
    found: Contributions
    score_N: Scores


def of_mean(
    parts: Sequence[Part], names: IntArray, score_n: Matrix, *, made_of: str
) -> Contributions | WhyNot:
    """Contributions to the mean of places; `WhyNot.GAP` where they do not add up to it.

    Parameters
    ----------
    names : int64 [n]
        Whose contributions they are.
    score_n : float64 [n]
        The mean, as it was given out.
    made_of : str
        What the parts are, for the method.
    """
    weights = np.array([one.weight for one in parts])
    total: dict[str, Matrix] = {}
    rest_n = np.zeros(len(names))
    for part, weight in zip(parts, weights / weights.sum(), strict=True):
        added_nF, base_n = _as_places(part.found, part.score_N, names)
        rest_n += weight * base_n
        for name, column in zip(part.found.features, added_nF.T, strict=True):
            total[name] = total.get(name, np.zeros(len(names))) + weight * column
    added_nF = np.stack(list(total.values()), axis=1)
    if np.abs(added_nF.sum(axis=1) + rest_n - score_n).max() > _GAP:
        return WhyNot.GAP
    methods = ", by ".join(dict.fromkeys(one.found.method for one in parts))
    said = f"mean of places; {made_of} by {methods}"
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
