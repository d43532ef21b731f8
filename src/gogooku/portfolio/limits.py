"""Limits of a whole portfolio, applied to weights that were made without them.

In this order: name and traded value, sector, neutrality, beta. Each makes weights smaller, so none
breaks an earlier one; what it frees stays in cash. The limit of turnover comes after them, for all
ways of weighting alike: `gogooku.portfolio.turnover`.
"""

from __future__ import annotations

import numpy as np

from gogooku.core.metrics import FloatArray
from gogooku.portfolio.choice import Choice, Leg, Weighed
from gogooku.portfolio.config import Stance

NOTHING_HELD = "nothing is held"
"""How a note begins that says why a neutral portfolio has no weights."""


def within_limits(choice: Choice, leg: Leg) -> Weighed:
    """Weights of a way of weighting, each side filled up to ``exposure``, within these limits."""
    weights = np.zeros(len(choice.signal_N))
    for side, places in ((1, choice.long), (-1, choice.short)):
        if len(places):
            wanted = leg(choice, places, side) * choice.config.exposure
            weights[places] = side * np.minimum(wanted, choice.name_caps[places])
    weights = within_sectors(choice, weights)
    weights, notes = _neutral(choice, weights)
    return Weighed(_within_beta(choice, weights) / choice.after_costs, notes)


def within_sectors(choice: Choice, weights_N: FloatArray) -> FloatArray:
    """Each side of a sector made smaller where it is above the limit, its names alike."""
    limit = choice.config.limits.sector
    if limit == 0.0:
        return weights_N
    group = choice.decision.past.sector + 1
    out = weights_N
    for sign in (1.0, -1.0):
        on_side = sign * weights_N > 0.0
        total = np.bincount(group, weights=np.where(on_side, np.abs(weights_N), 0.0))
        factor = np.where(total > limit, limit / np.maximum(total, limit), 1.0)
        out = np.where(on_side, out * factor[group], out)
    return out


def betas(choice: Choice) -> FloatArray:
    """Trailing betas [N], 0 where not known: such a name is not chosen, only perhaps still held."""
    return np.nan_to_num(choice.decision.past.beta, nan=0.0)


def _neutral(choice: Choice, weights_N: FloatArray) -> tuple[FloatArray, tuple[str, ...]]:
    """The larger side made smaller until both are the same, in money or in beta; and a note.

    Where there are no such sizes nothing is held, and the note says why.
    """
    stance = choice.config.stance
    if stance not in (Stance.DOLLAR_NEUTRAL, Stance.BETA_NEUTRAL):
        return weights_N, ()
    of_beta = stance is Stance.BETA_NEUTRAL
    unit = betas(choice) if of_beta else np.ones(len(weights_N))
    long = float((np.maximum(weights_N, 0.0) * unit).sum())
    short = float((np.maximum(-weights_N, 0.0) * unit).sum())
    for size, sign, what in ((long, 1.0, "buy"), (short, -1.0, "sell short")):
        if size > 0.0:
            continue
        if (sign * weights_N > 0.0).any():
            why = f"the beta of the names to {what} is not above zero"
        else:
            why = f"there is no name to {what}{' that has a beta' if of_beta else ''}"
        return np.zeros_like(weights_N), (f"{NOTHING_HELD}: {why}",)
    least = min(long, short)
    scaled = np.where(weights_N > 0.0, weights_N * (least / long), weights_N * (least / short))
    return scaled, ()


def _within_beta(choice: Choice, weights_N: FloatArray) -> FloatArray:
    """All weights made smaller alike until the beta of the whole is within its limit."""
    limit = choice.config.limits.beta
    size = abs(float(weights_N @ betas(choice))) if limit > 0.0 else 0.0
    return weights_N * (limit / size) if size > limit else weights_N


def start_of(choice: Choice) -> FloatArray:
    """What is held, cut down to the limits of names, sectors and sides: from here one moves."""
    caps = choice.name_caps / choice.after_costs
    least = -caps if choice.config.stance.shorts else np.zeros_like(caps)
    start = within_sectors(choice, np.clip(choice.decision.weights, least, caps))
    most = choice.config.exposure / choice.after_costs
    for sign in (1.0, -1.0):
        total = float(np.maximum(sign * start, 0.0).sum())
        if total > most:
            start = np.where(sign * start > 0.0, start * (most / total), start)
    return start


def room_of(choice: Choice, start_N: FloatArray) -> float:
    """Turnover that is left after what is held has been cut down to ``start_N``; infinite if free.

    In the unit of ``limits.turnover``: bought and sold together, halved.
    """
    limit = choice.config.limits.turnover
    if limit == 0.0:
        return np.inf
    return max(limit - float(np.abs(choice.decision.weights - start_N).sum()) / 2.0, 0.0)
