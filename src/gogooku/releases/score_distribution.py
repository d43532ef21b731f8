"""How a model's scores behave from session to session, and how they did before its release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gogooku.core.cross_section import Picks
from gogooku.core.metrics import FloatArray, number_or_none
from gogooku.core.persistence import Places, autocorrelation, overlap
from gogooku.core.ranks import middle_ranks
from gogooku.core.types import BoolArray, Dataset
from gogooku.evaluate.cautions import NAMES_PER_PICK
from gogooku.runs.folder import Run

SCORES_FILE: Final = "score_distribution.json"
MEASURES: Final[Mapping[str, str]] = {
    "names": "Names with a score",
    "mean": "Mean score",
    "spread": "Standard deviation of the scores",
    "tied": "Share of the names whose score another name has too",
    "autocorrelation": "Rank correlation with the session before",
    "overlap": "Share of the top K that was in the top K the session before",
}
"""What is measured of a session's scores."""


def score_measures(score_TN: npt.NDArray[Any], *, top_k: int) -> dict[str, FloatArray]:
    """`MEASURES` of sessions that follow each other, [T] each; NaN where one is not known.

    Parameters
    ----------
    score_TN : float [T, N]
        NaN where a name has none.
    """
    known = np.isfinite(score_TN)
    count = np.count_nonzero(known, axis=1)
    values = np.where(known, score_TN, np.nan).astype(np.float64)
    some = np.maximum(count, 1)
    mean = np.where(count > 0, np.nansum(values, axis=1) / some, np.nan)
    square = np.nansum((values - mean[:, None]) ** 2, axis=1) / some
    places = middle_ranks(np.where(known, score_TN, np.nan))[0].astype(np.float32)
    picked = Picks.of(score_TN, known, top_k).inside
    return {
        "names": count.astype(np.float64),
        "mean": mean,
        "spread": np.where(count > 0, np.sqrt(square), np.nan),
        "tied": _tied(score_TN, known),
        "autocorrelation": autocorrelation(Places.of(places, known)),
        "overlap": overlap(score_TN, picked, 1, top_k=top_k),
    }


def _tied(score_TN: npt.NDArray[Any], known_TN: BoolArray) -> FloatArray:
    """Share of the scores of each session that occur more than once."""
    out = np.full(len(score_TN), np.nan)
    for t, known in enumerate(known_TN):
        if known.any():
            _, counts = np.unique(score_TN[t, known], return_counts=True)
            out[t] = counts[counts > 1].sum() / known.sum()
    return out


def usual_top_k(names_T: npt.NDArray[Any], asked: int) -> int:
    """K of the top: what was asked, or a share of the names of the median session if that is less.

    The same share as for the measures of skill, `gogooku.evaluate.cautions.NAMES_PER_PICK`.
    """
    some = names_T[names_T > 0]
    return max(1, min(asked, int(np.median(some)) // NAMES_PER_PICK)) if len(some) else asked


def score_distribution(run: Run, dataset: Dataset, *, top_k: int) -> dict[str, Any]:
    """Mean, lowest and highest value of `MEASURES` over the test part of a run, by horizon.

    Measures of two sessions are taken where both were tested, and not across a gap.

    Parameters
    ----------
    top_k : int
        Seats of the portfolio; the K that is used is stated.
    """
    indices, scores = run.scores("test", dataset)
    names = np.isfinite(scores[:, :, 0]).sum(axis=1)
    chosen = usual_top_k(names, top_k)
    gaps = np.concatenate([[True], np.diff(indices) != 1])
    found: dict[str, Any] = {}
    for place, horizon in enumerate(run.horizons):
        daily = score_measures(scores[:, :, place], top_k=chosen)
        for name in ("autocorrelation", "overlap"):
            daily[name] = np.where(gaps, np.nan, daily[name])
        found[str(horizon)] = {name: _range(daily[name]) for name in MEASURES}
    return {"top_k": chosen, "sessions": len(indices), "horizons": found}


def _range(daily: FloatArray) -> dict[str, float | int | None]:
    known = daily[np.isfinite(daily)]
    if not len(known):
        return {"mean": None, "low": None, "high": None, "n": 0}
    marks: Sequence[float] = (float(known.mean()), float(known.min()), float(known.max()))
    mean, low, high = map(number_or_none, marks)
    return {"mean": mean, "low": low, "high": high, "n": len(known)}
