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
    chosen = np.concatenate([long, short])
    unseated = weights != 0.0
    unseated[chosen] = False
    places = np.concatenate([chosen[weights[chosen] != 0.0], np.flatnonzero(unseated)])
    codes = [decision.codes[n] for n in places.tolist()]
    return Portfolio(
        decided_at=decision.decided_at,
        filled_at=decision.filled_at,
        weights=dict(zip(codes, weights[places].tolist(), strict=True)),
        max_weight=config.max_weight,
        max_short=config.exposure if config.stance.shorts else 0.0,
        max_long=config.exposure,
        seats={
            **{decision.codes[n]: 1 for n in long.tolist()},
            **{decision.codes[n]: -1 for n in short.tolist()},
        },
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
    before = decision.previous.seats if decision.previous is not None else {}
    seats = {decision.place[code]: side for code, side in before.items()}
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
