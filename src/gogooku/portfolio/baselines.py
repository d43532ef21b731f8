"""What always stands beside a result: the whole universe, momentum, low volatility, the index.

They are traded by the same broker at the same costs, so that what is compared is the choice of
names and nothing else. An equal-weighted portfolio is compared with the equal-weighted universe.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gogooku.core.errors import DataError
from gogooku.core.metrics import FloatArray
from gogooku.core.types import IntArray
from gogooku.portfolio.config import PortfolioConfig, Stance
from gogooku.portfolio.decide import History

MOMENTUM_SESSIONS = 250
"""A year."""
_SKIPPED = 20
"""The last month, which tends to be given back (Jegadeesh 1990)."""


@dataclass(frozen=True)
class Baseline:
    """A rule that needs no learning, ready to be traded.

    Attributes
    ----------
    name, meaning : str
    scores_tN : float64 [t, N]
        As a backtest takes them: one row a decision, NaN where the rule knows nothing of a name.
    config : PortfolioConfig
    whole_lots : bool
        Whether it is traded in the lots of its market; the universe is not, as a fund is not.
    """

    name: str
    meaning: str
    scores_tN: FloatArray
    config: PortfolioConfig
    whole_lots: bool = True


def momentum(returns_LN: FloatArray) -> FloatArray:
    """Log return [N] of a window without its last month; NaN where under half of it is known.

    References
    ----------
    N. Jegadeesh, S. Titman, "Returns to buying winners and selling losers", Journal of Finance,
    1993.
    """
    used = returns_LN[: max(len(returns_LN) - _SKIPPED, 0)]
    known = np.isfinite(used)
    total = np.log1p(np.where(known, used, 0.0)).sum(axis=0)
    enough = known.sum(axis=0) >= (MOMENTUM_SESSIONS - _SKIPPED) / 2
    return np.where(enough, total, np.nan)


def baselines(
    history: History, decisions: IntArray, *, config: PortfolioConfig
) -> tuple[Baseline, ...]:
    """The rules to be traded beside a result, with what it may hold and how often it may trade.

    Each uses what is known at its decision only. Rules that rank hold as many names, on the same
    sides, equally weighted; limits, smoothing and seats are those of the result's own settings and
    are left out.

    Parameters
    ----------
    history : History
    decisions : int64 [t]
        Sessions of the history after which scores are.
    config : PortfolioConfig
        Of the result.

    Raises
    ------
    DataError
        A decision lies outside the history.
    """
    sessions, names = history.close.shape
    if len(decisions) and not (decisions.min() >= 0 and decisions.max() < sessions):
        raise DataError(
            f"baselines: decisions {int(decisions.min())} to {int(decisions.max())}, and the "
            f"history has {sessions} sessions"
        )
    shape = (len(decisions), names)
    rising, calm = np.empty(shape), np.empty(shape)
    for row, t in enumerate(decisions.tolist()):
        past = history.until(t)
        rising[row] = momentum(past.returns(MOMENTUM_SESSIONS))
        calm[row] = -past.volatility
    ranked = PortfolioConfig(
        top_k=config.top_k,
        rebalance_every=config.rebalance_every,
        horizon=config.horizon,
        max_weight=config.max_weight,
        stance=config.stance,
        exposure=config.exposure,
    )
    whole = ranked.model_copy(
        update={"top_k": max(names, 1), "max_weight": 1.0, "stance": Stance.LONG}
    )
    return (
        Baseline(
            "universe", "every name of the universe alike", np.ones(shape), whole, whole_lots=False
        ),
        Baseline("momentum", "the best of a year without its last month", rising, ranked),
        Baseline("low_volatility", "the calmest over 60 sessions", calm, ranked),
    )


def index_growth(history: History, rows: IntArray) -> FloatArray:
    """Level of the market's index over sessions, the first of them 1.

    Raises
    ------
    DataError
        The market has no index, or the index has no level on a session.
    """
    if history.index_close is None:
        raise DataError("baselines: the dataset has no index; leave it out of the comparison")
    level = history.index_close[rows]
    bad = ~(np.isfinite(level) & (level > 0.0))
    if bad.any():
        raise DataError(
            f"baselines: the index has no level on {int(bad.sum())} of {len(rows)} sessions, "
            f"first at session {int(rows[bad][0])} of the history"
        )
    return np.asarray(level / level[0])
