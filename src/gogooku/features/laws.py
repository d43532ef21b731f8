"""Executable laws over declared features: no look-ahead, exact lookback.

The checkers know nothing of panels. They are given a function that makes the base columns under a
`View` of the world, so that the same check runs on dense arrays (`dense_views`) and from raw rows
through every join.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from gogooku.core.types import Axis, Feature, FloatArray

TOLERANCE = 1e-9
"""Largest difference allowed, as a share of the feature's spread."""


class Ending(StrEnum):
    """What a view of the world shows after its session."""

    WHOLE = "whole"
    CUT = "cut"
    GARBAGE = "garbage"


@dataclass(frozen=True)
class View:
    """The data as it is, as it was known at a session, or with that session's future replaced."""

    ending: Ending
    session: int = -1


MakeInputs = Callable[[View], Mapping[str, FloatArray]]


@dataclass(frozen=True)
class Finding:
    """One feature that breaks a law at one session.

    Attributes
    ----------
    feature, law : str
    session : int
    names : int
        Values that differ (1 for a market feature).
    worst : float
        Largest difference as a share of the spread; infinite where one side is null.
    """

    feature: str
    law: str
    session: int
    names: int
    worst: float

    def __str__(self) -> str:
        """One line for people."""
        return (
            f"{self.feature}: {self.law} at session {self.session}: {self.names} values differ, "
            f"worst {self.worst:.3g} of the spread"
        )


def evaluate_dense(
    features: Sequence[Feature], inputs: Mapping[str, FloatArray]
) -> dict[str, FloatArray]:
    """Evaluate features in the given order, in full arrays; inputs must come first."""
    known = dict(inputs)
    with np.errstate(divide="ignore", invalid="ignore"):
        for feature in features:
            given = {name: known[name] for name in feature.inputs}
            known[feature.name] = feature.compute(given)
    return {feature.name: known[feature.name] for feature in features}


def dense_views(inputs: Mapping[str, FloatArray], *, rng: np.random.Generator) -> MakeInputs:
    """Views of dense base columns; garbage is other names' rows at another scale."""
    num_sessions, num_names = inputs["close"].shape
    order = rng.permutation(num_names)
    days = rng.permutation(num_sessions)
    scale = np.exp(rng.normal(0.0, 1.0, num_names))

    def make(view: View) -> Mapping[str, FloatArray]:
        if view.ending is Ending.WHOLE:
            return inputs
        stop = view.session + 1
        if view.ending is Ending.CUT:
            return {name: values[:stop] for name, values in inputs.items()}
        return {name: spoiled(name, values, stop) for name, values in inputs.items()}

    def spoiled(name: str, values: FloatArray, stop: int) -> FloatArray:
        out = values.copy()
        picked = values[days[stop:]]
        out[stop:] = picked if values.ndim == 1 else picked[:, order]
        if name in ("open", "high", "low", "close", "volume", "turnover"):
            out[stop:] *= scale
        return out

    return make


def check_no_look_ahead(
    features: Sequence[Feature], make_inputs: MakeInputs, *, sessions: Sequence[int]
) -> list[Finding]:
    """Compare each session's values with those from data cut there, and with its future replaced.

    Parameters
    ----------
    features : sequence of Feature
        In evaluation order.
    make_inputs : callable
        Base columns under a view; rows 0 to the session must be there in every view.
    """
    whole = evaluate_dense(features, make_inputs(View(Ending.WHOLE)))
    spreads = {name: _spread(values) for name, values in whole.items()}
    found: list[Finding] = []
    for session in sessions:
        for ending in (Ending.CUT, Ending.GARBAGE):
            other = evaluate_dense(features, make_inputs(View(ending, session)))
            for name, values in whole.items():
                count, worst = _difference(values[session], other[name][session], spreads[name])
                if count:
                    law = f"look-ahead ({ending})"
                    found.append(Finding(name, law, session, count, worst))
    return found


def check_lookback(
    features: Sequence[Feature], inputs: Mapping[str, FloatArray], *, sessions: Sequence[int]
) -> list[Finding]:
    """Recompute each feature from exactly its last ``lookback`` sessions and compare.

    A session earlier than a feature's lookback is skipped for it.
    """
    whole = evaluate_dense(features, inputs)
    spreads = {name: _spread(values) for name, values in whole.items()}
    found: list[Finding] = []
    for lookback in sorted({feature.lookback for feature in features}):
        judged = [feature for feature in features if feature.lookback == lookback]
        needed = _with_inputs(features, judged)
        for session in (s for s in sessions if s + 1 >= lookback):
            last = _last_rows(needed, inputs, session, lookback)
            for feature in judged:
                name = feature.name
                count, worst = _difference(whole[name][session], last[name], spreads[name])
                if count:
                    law = f"lookback {lookback} is too short"
                    found.append(Finding(name, law, session, count, worst))
    return found


def overstated_lookbacks(
    features: Sequence[Feature],
    inputs: Mapping[str, FloatArray],
    *,
    sessions: Sequence[int],
    share: float = 0.5,
) -> list[str]:
    """Features whose values do not change when only ``share`` of their lookback is given."""
    whole = evaluate_dense(features, inputs)
    unmoved: list[str] = []
    for feature in features:
        short = int(feature.lookback * share)
        if short < 1:
            continue
        needed = _with_inputs(features, [feature])
        spread = _spread(whole[feature.name])
        moved = any(
            _difference(
                whole[feature.name][session],
                _last_rows(needed, inputs, session, short)[feature.name],
                spread,
            )[0]
            for session in sessions
        )
        if not moved:
            unmoved.append(feature.name)
    return unmoved


def check_blocks(
    features: Sequence[Feature], inputs: Mapping[str, FloatArray], *, block_names: int
) -> list[Finding]:
    """Check that features along time see one name only: in blocks of names they are the same."""
    whole = evaluate_dense(features, inputs)
    known = {**inputs, **whole}
    found: list[Finding] = []
    for feature in (f for f in features if f.axis is Axis.ALONG):
        parts = []
        for first in range(0, inputs["close"].shape[1], block_names):
            block = slice(first, first + block_names)
            given = {
                n: known[n] if known[n].ndim == 1 else known[n][:, block].copy()
                for n in feature.inputs
            }
            with np.errstate(divide="ignore", invalid="ignore"):
                parts.append(feature.compute(given))
        joined = np.concatenate(parts, axis=1)
        count, worst = _difference(whole[feature.name], joined, _spread(whole[feature.name]))
        if count:
            found.append(Finding(feature.name, "depends on other names", -1, count, worst))
    return found


def _last_rows(
    features: Sequence[Feature], inputs: Mapping[str, FloatArray], session: int, lookback: int
) -> dict[str, FloatArray]:
    slab = {n: v[max(session + 1 - lookback, 0) : session + 1] for n, v in inputs.items()}
    return {name: values[-1] for name, values in evaluate_dense(features, slab).items()}


def _with_inputs(features: Sequence[Feature], judged: Sequence[Feature]) -> list[Feature]:
    needed = {feature.name for feature in judged}
    for feature in reversed(features):
        if feature.name in needed:
            needed |= set(feature.inputs)
    return [feature for feature in features if feature.name in needed]


def _spread(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(known.std()) if len(known) else 0.0


def _difference(a: FloatArray, b: FloatArray, spread: float) -> tuple[int, float]:
    """Number of values that differ, and the largest difference as a share of the spread."""
    a, b = np.atleast_1d(a), np.atleast_1d(b)
    one_sided = np.isnan(a) != np.isnan(b)
    gap = np.where(np.isnan(a) | np.isnan(b), 0.0, np.abs(a - b))
    share = gap / max(spread, 1e-300) if spread > 0 else np.where(gap > 0, np.inf, 0.0)
    share = np.where(one_sided, np.inf, share)
    return int((share > TOLERANCE).sum()), float(share.max(initial=0.0))
