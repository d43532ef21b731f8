"""From one decision to target weights: signal, seats, weights, limits."""

from __future__ import annotations

import numpy as np

from gogooku.core.metrics import FloatArray
from gogooku.core.registry import load
from gogooku.core.types import IntArray, Portfolio
from gogooku.portfolio.choice import Choice, Weighed
from gogooku.portfolio.config import PortfolioConfig as PortfolioConfig
from gogooku.portfolio.config import Stance
from gogooku.portfolio.costs import CostConfig
from gogooku.portfolio.decide import Decision
from gogooku.portfolio.limits import within_limits
from gogooku.portfolio.seats import both_sides, seated
from gogooku.portfolio.seats import ranked_names as ranked_names
from gogooku.portfolio.signal import signal_of
from gogooku.portfolio.turnover import within_turnover
from gogooku.portfolio.weightings import WEIGHTINGS

_MEASURED = ("hrp", "mean_risk")
"""Ways of weighting that need the volatility of a name."""


def build_portfolio(decision: Decision, *, config: PortfolioConfig, costs: CostConfig) -> Portfolio:
    """Target portfolio of one decision, in the order of rank, best first.

    Raises
    ------
    DataError
        The market lacks what the settings need, or an optimisation has no solution; both name the
        session.
    """
    signal, left_out = _measured(decision, config)
    long, short = _seats(decision, signal, config)
    choice = Choice(decision, signal, long, short, config, costs)
    row = WEIGHTINGS.row(config.weighting.kind)
    function = load(row.function)
    weighed: Weighed = function(choice) if row.limited else within_limits(choice, function)
    weighed = within_turnover(choice, weighed)
    weights = weighed.weights_N
    codes = decision.codes
    chosen = np.concatenate([long, short]) if len(short) else long
    named = [codes[n] for n in chosen.tolist()]
    wanted = weights[chosen]
    target = dict(zip(named, wanted.tolist(), strict=True))
    if np.count_nonzero(wanted) < len(wanted):
        target = {code: weight for code, weight in target.items() if weight}
    if row.limited or config.limits.turnover:
        unseated = weights != 0.0
        unseated[chosen] = False
        target.update({codes[n]: float(weights[n]) for n in np.flatnonzero(unseated)})
    seats = dict.fromkeys(named[: len(long)], 1) | dict.fromkeys(named[len(long) :], -1)
    return Portfolio(
        decided_at=decision.decided_at,
        filled_at=decision.filled_at,
        weights=target,
        max_weight=config.max_weight,
        max_short=config.exposure if config.stance.shorts else 0.0,
        max_long=config.exposure,
        seats=seats,
        notes=(*left_out, *weighed.notes),
    )


def _measured(decision: Decision, config: PortfolioConfig) -> tuple[FloatArray, tuple[str, ...]]:
    """The signal of the names whose risk is known as far as the settings need it, and a note."""
    signal = signal_of(decision, config)
    needs: dict[str, FloatArray] = {}
    if config.stance is Stance.BETA_NEUTRAL or config.limits.beta > 0.0:
        needs["beta"] = decision.past.beta
    if config.weighting.kind in _MEASURED:
        spread = decision.past.volatility
        needs["volatility"] = np.where(spread > 0.0, spread, np.nan)
    notes = []
    if config.neutral.size and not decision.past.has_market_cap:
        notes.append("no market capitalisations: size is the mean traded value")
    for what, values in needs.items():
        lost = int((np.isfinite(signal) & ~np.isfinite(values)).sum())
        if lost:
            notes.append(f"{lost} names have no trailing {what} and are left out")
        signal = np.where(np.isfinite(values), signal, np.nan)
    return signal, tuple(notes)


def _seats(
    decision: Decision, signal_N: FloatArray, config: PortfolioConfig
) -> tuple[IntArray, IntArray]:
    seats: dict[int, int] = {}
    if config.exit_margin and decision.previous is not None:
        seats = {decision.place[code]: side for code, side in decision.previous.seats.items()}
    if config.stance.shorts:
        return both_sides(
            signal_N,
            decision.past.lendable,
            seats,
            top_k=config.top_k,
            exit_margin=config.exit_margin,
        )
    held = np.array(list(seats), dtype=np.int64)
    long = seated(signal_N, held, top_k=config.top_k, exit_margin=config.exit_margin)
    return long, np.empty(0, dtype=np.int64)
