"""Law 3 on a built dataset: a session's stored values follow from what was known at its decision.

The values of some sessions are computed again from a source cut at the decision, and from one in
which everything known later is made up; both must be what the dataset stores.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.audit.findings import Check, Checked, Finding, Limits
from gogooku.audit.sample import Floats, day_values, declared, filled_sessions
from gogooku.audit.views import Views, moment_of
from gogooku.core.progress import Step
from gogooku.core.types import BoolArray, Dataset, FloatArray, IntArray
from gogooku.features.laws import Ending
from gogooku.ingest.source import Source

_ENDINGS = (Ending.CUT, Ending.GARBAGE)
_ROUNDING = 4.0 * float(np.finfo(np.float32).eps)
"""What storing a value in single precision may change of it, as a share."""


@dataclass(frozen=True)
class DayValues:
    """What a source gives for one session.

    Attributes
    ----------
    codes : tuple of str [N]
    listed_N, universe_N : bool [N]
    stock : mapping of str to float32 [N]
        Raw values; NaN null. A feature that the source cannot support may be missing.
    market : mapping of str to float
        NaN unknown.
    """

    codes: tuple[str, ...]
    listed_N: BoolArray
    universe_N: BoolArray
    stock: Mapping[str, Floats]
    market: Mapping[str, float]


Rebuild = Callable[[Source, int, Path], DayValues]
"""From a source, the position of a session in it and an empty folder for scratch files to the
values of that session. Sessions up to it are in every view, so positions are those of the dataset;
later ones may be there or not."""


def sample_dates(dataset: Dataset, count: int, *, rng: np.random.Generator) -> IntArray:
    """Positions of up to ``count`` sessions: one drawn from each of as many equal stretches.

    They lie beyond the longest lookback where the history is long enough (else in its second
    half), and a few sessions before its end, so that there is a future to remove.
    """
    filled = filled_sessions(dataset)
    filled = filled[filled < len(dataset.sessions) - 1]
    longest = max((f.lookback for f in declared(dataset).values()), default=1)
    late = filled[filled >= min(longest, len(dataset.sessions) // 2)]
    late = late if len(late) else filled
    if not len(late) or count < 1:
        return np.empty(0, dtype=np.int64)
    pieces = np.array_split(late, min(count, len(late)))
    return np.array([int(rng.choice(piece)) for piece in pieces], dtype=np.int64)


def check_look_ahead(
    dataset: Dataset,
    views: Views,
    rebuild: Rebuild,
    *,
    sessions: Sequence[int],
    limits: Limits,
    step: Step,
) -> Checked:
    """Compare the stored values of sessions with those of both views of the source.

    One finding per feature and view, with the sessions and the number of names that differ.
    """
    stored = dict(day_values(dataset, dataset.features, np.array(sorted(sessions), dtype=np.int64)))
    spread_M = np.array([_spread(series_T) for series_T in dataset.market_TM.T])
    broken: dict[tuple[str, Ending], list[_Gap]] = {}
    for t in sorted(sessions):
        moment = moment_of(views.source, dataset.sessions[t].item(), clock=dataset.clock)
        for ending in _ENDINGS:
            with views.written(moment, ending) as (source, scratch):
                made = rebuild(source, t, scratch)
            for gap in _gaps(dataset, t, stored[t], made, spread_M, limits):
                broken.setdefault((gap.feature, ending), []).append(gap)
            step.advance(1)
    findings = [_finding(name, ending, gaps, limits) for (name, ending), gaps in broken.items()]
    days = [str(dataset.sessions[t]) for t in sorted(sessions)]
    table = pl.DataFrame(
        [
            (gap.feature, str(ending), gap.session, gap.names, gap.worst)
            for (_, ending), gaps in broken.items()
            for gap in gaps
        ],
        schema={
            "feature": pl.String,
            "view": pl.String,
            "session": pl.String,
            "names": pl.Int64,
            "worst": pl.Float64,
        },
        orient="row",
    )
    return Checked(findings, {"look_ahead_sessions": days}, {"look_ahead": table})


@dataclass(frozen=True)
class _Gap:
    """One feature that differs on one session: on how many names, and by how much of the spread."""

    feature: str
    session: str
    names: int
    worst: float


def _finding(name: str, ending: Ending, gaps: list[_Gap], limits: Limits) -> Finding:
    how = "is cut at" if ending is Ending.CUT else "has other values after"
    names = sum(gap.names for gap in gaps)
    return Finding(
        check=Check.LOOK_AHEAD,
        features=(name,),
        what=f"{names} values differ when the source {how} the decision ({len(gaps)} sessions, "
        f"first {gaps[0].session}): the feature uses values from the future",
        value=max(gap.worst for gap in gaps),
        limit=limits.tolerance,
        sessions=tuple(gap.session for gap in gaps),
    )


def _gaps(
    dataset: Dataset,
    t: int,
    stored_FN: Floats,
    made: DayValues,
    spread_M: FloatArray,
    limits: Limits,
) -> list[_Gap]:
    """Features, stock and market, whose rebuilt values are not the stored ones."""
    day = str(dataset.sessions[t])
    place = {code: n for n, code in enumerate(made.codes)}
    at = np.array([place.get(code, -1) for code in dataset.codes], dtype=np.int64)
    # a name that the view has never heard of is not listed yet: null on both sides, or a finding
    found = []
    member = np.append(made.universe_N, False)[at]
    differs = member != dataset.valid_TN[t]
    if differs.any():
        found.append(_Gap("universe", day, int(differs.sum()), float("inf")))
    nothing = np.full(len(made.codes), np.nan)
    for f, name in enumerate(dataset.features):
        now = np.append(np.where(made.listed_N, made.stock.get(name, nothing), np.nan), np.nan)[at]
        then = stored_FN[f].astype(np.float64)
        count, worst = difference(then, now.astype(np.float64), _spread(then), limits.tolerance)
        if count:
            found.append(_Gap(name, day, count, worst))
    for m, name in enumerate(dataset.market_features):
        then = dataset.market_TM[t : t + 1, m].astype(np.float64)
        now = np.array([made.market.get(name, np.nan)], dtype=np.float64)
        count, worst = difference(then, now, float(spread_M[m]), limits.tolerance)
        if count:
            found.append(_Gap(name, day, count, worst))
    return found


def _spread(values: npt.NDArray[np.floating[Any]]) -> float:
    known = values[np.isfinite(values)].astype(np.float64)
    return float(known.std()) if len(known) else 0.0


def difference(a: FloatArray, b: FloatArray, spread: float, tolerance: float) -> tuple[int, float]:
    """Values that differ by more than a share of the spread (and rounding), and the largest share.

    A null on one side only is an infinite difference.
    """
    one_sided = np.isnan(a) != np.isnan(b)
    gap = np.abs(np.nan_to_num(a) - np.nan_to_num(b))
    allowed = tolerance * spread + _ROUNDING * np.abs(np.nan_to_num(a))
    wrong = one_sided | (gap > allowed)
    if not wrong.any():
        return 0, 0.0
    with np.errstate(divide="ignore"):
        share = np.where(one_sided, np.inf, gap / spread if spread > 0 else np.inf)
    return int(wrong.sum()), float(share[wrong].max())
