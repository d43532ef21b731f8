"""Weights that know risk: hierarchical risk parity and mean-risk, solved by skfolio.

Everything is in one unit: expected returns, costs and risk are those of ``portfolio.horizon``
sessions. A return that is missing because a name did not trade counts as zero.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import numpy as np

from gogooku.core.errors import DataError
from gogooku.core.metrics import FloatArray
from gogooku.core.types import IntArray
from gogooku.portfolio.choice import Choice, Weighed
from gogooku.portfolio.config import HrpConfig, MeanRiskConfig, Measure, OnFailure, Stance
from gogooku.portfolio.limits import betas, room_of, start_of, within_sectors
from gogooku.portfolio.signal import expected_returns

CVAR_LEVEL = 0.95
"""Share of the outcomes that lie above the mean of the worst."""
_ZERO = 1e-7
"""Weights that a solver leaves instead of none."""
_SLACK = 1e-6
"""What a smallest sum of weights gives way, so that rounding makes no problem unsolvable."""


def risk_parity(choice: Choice, places: IntArray, side: int) -> FloatArray:
    """Hierarchical risk parity of one side; one name has all of it.

    References
    ----------
    M. Lopez de Prado, "Building diversified portfolios that outperform out of sample", Journal of
    Portfolio Management, 2016.
    """
    del side
    config = choice.config.weighting
    assert isinstance(config, HrpConfig)
    if len(places) < 2:
        return np.ones(len(places))
    from skfolio.moments import LedoitWolf
    from skfolio.optimization.hierarchical import HierarchicalRiskParity
    from skfolio.prior import EmpiricalPrior

    prior = EmpiricalPrior(covariance_estimator=LedoitWolf())
    model = HierarchicalRiskParity(prior_estimator=prior)
    model.fit(_returns(choice, places, config.lookback))
    return np.asarray(model.weights_, dtype=np.float64)


def _returns(choice: Choice, places: IntArray, lookback: int) -> FloatArray:
    returns = choice.decision.past.returns(lookback)[:, places]
    return np.nan_to_num(returns[1:] if len(returns) < lookback else returns, nan=0.0)


@dataclass(frozen=True)
class Problem:
    """A mean-risk problem over the names that may have a weight, its limits by name.

    Attributes
    ----------
    places : int64 [C]
        Positions on the axis of names.
    mean : float64 [C]
        Expected returns over the horizon.
    returns : float64 [L, C]
        Session returns behind the risk.
    start, low, high : float64 [C]
        Weights to move from and the bounds of each.
    most : float
        Largest sum of a side.
    least : float
        Smallest sum of all weights.
    limits : mapping of str to function
        Name of a limit to a function of the weights' variable that gives its constraints.
    """

    places: IntArray
    mean: FloatArray
    returns: FloatArray
    start: FloatArray
    low: FloatArray
    high: FloatArray
    most: float
    least: float
    limits: dict[str, Callable[[Any], list[Any]]]


def mean_risk(choice: Choice) -> Weighed:
    """The largest expected return less costs less risk, within all limits.

    Variance is that of the weights; CVaR is that of what is left after costs.

    Names with a seat may have a weight on their side; names that are held and have none may only be
    made smaller. A long portfolio is invested as far as the limits of names, of sectors and of
    turnover let it.

    Raises
    ------
    DataError
        There is no solution: names the session, and the limit without which there would be one.
    """
    config = choice.config.weighting
    assert isinstance(config, MeanRiskConfig)
    start = start_of(choice)
    problem = _problem(choice, config, start)
    out = np.zeros(len(start))
    if not len(problem.places):
        return Weighed(out)
    found = _solve(problem, choice, config)
    if found is not None:
        out[problem.places] = found.weights_N
        return Weighed(out, found.notes)
    complaint = (
        f"construction at {choice.decision.session}: {len(problem.places)} names, no weights keep "
        f"all limits; {_culprit(problem, choice, config)}"
    )
    if config.on_failure is OnFailure.ERROR:
        raise DataError(
            f"{complaint}. Loosen it, or set portfolio.weighting.on_failure=keep to hold on"
        )
    return Weighed(start, (complaint,))


def _problem(choice: Choice, config: MeanRiskConfig, start_N: FloatArray) -> Problem:
    decision, caps = choice.decision, choice.name_caps / choice.after_costs
    known = np.nan_to_num(decision.past.volatility, nan=0.0) > 0.0
    held = np.flatnonzero((start_N != 0.0) & known)
    places = np.union1d(np.concatenate([choice.long, choice.short]), held).astype(np.int64)
    low, high = np.minimum(start_N, 0.0), np.maximum(start_N, 0.0)
    low[choice.long], high[choice.long] = 0.0, caps[choice.long]
    low[choice.short], high[choice.short] = -caps[choice.short], 0.0
    start = np.zeros_like(start_N)
    start[places] = np.clip(start_N, low, high)[places]
    mean = expected_returns(
        choice.signal_N, decision.past.volatility, ic=config.ic, horizon=choice.config.horizon
    )
    most, room = choice.config.exposure / choice.after_costs, room_of(choice, start)
    roof = float(within_sectors(choice, high * choice.after_costs)[places].sum())
    least = min(most, roof / choice.after_costs, float(start.sum()) + 2.0 * room)
    return Problem(
        places=places,
        mean=np.nan_to_num(mean[places], nan=0.0),
        returns=_returns(choice, places, config.lookback),
        start=start[places],
        low=low[places],
        high=high[places],
        most=most,
        least=least - _SLACK,
        limits=_limits(choice, places, start[places], room),
    )


def _limits(
    choice: Choice, places: IntArray, start_C: FloatArray, room: float
) -> dict[str, Callable[[Any], list[Any]]]:
    """The limits of the whole by name, as constraints of cvxpy."""
    cp: Any = import_module("cvxpy")  # its types do not export what it exports
    limits, config = choice.config.limits, choice.config
    found: dict[str, Callable[[Any], list[Any]]] = {}
    if math.isfinite(room):
        found["limits.turnover"] = lambda w: [cp.norm1(w - start_C) <= 2.0 * room + _ZERO]
    if limits.sector > 0.0:
        sector = choice.decision.past.sector[places]
        most = limits.sector / choice.after_costs
        groups = [np.flatnonzero(sector == group) for group in np.unique(sector)]
        found["limits.sector"] = lambda w: [
            part <= most
            for inside in groups
            for part in (cp.sum(cp.pos(w[inside])), cp.sum(cp.neg(w[inside])))
        ]
    beta = betas(choice)[places]
    if limits.beta > 0.0:
        found["limits.beta"] = lambda w: [beta @ w <= limits.beta, -beta @ w <= limits.beta]
    if config.stance is Stance.BETA_NEUTRAL:
        found["stance"] = lambda w: [beta @ w == 0.0]
    if config.stance is Stance.DOLLAR_NEUTRAL:
        found["stance"] = lambda w: [cp.sum(w) == 0.0]
    if config.stance is Stance.LONG:
        found["exposure"] = lambda _: []
    return found


def _solve(problem: Problem, choice: Choice, config: MeanRiskConfig) -> Weighed | None:
    """Weights [C] and what the solver says of them, or None where there are none."""
    from skfolio import RiskMeasure
    from skfolio.exceptions import OptimizationError
    from skfolio.optimization import MeanRisk, ObjectiveFunction

    def constraints(w: Any) -> list[Any]:
        return [one for make in problem.limits.values() for one in make(w)]

    invested = "exposure" in problem.limits
    model = MeanRisk(
        objective_function=ObjectiveFunction.MAXIMIZE_UTILITY,
        risk_measure=RiskMeasure.CVAR if config.measure is Measure.CVAR else RiskMeasure.VARIANCE,
        risk_aversion=config.risk_aversion,
        prior_estimator=_prior(problem, choice.config.horizon),
        min_weights=problem.low,
        max_weights=problem.high,
        budget=None,
        min_budget=problem.least if invested else None,
        max_budget=problem.most if invested else None,
        max_long=problem.most,
        max_short=problem.most,
        transaction_costs=choice.costs.rate,
        previous_weights=problem.start,
        cvar_beta=CVAR_LEVEL,
        add_constraints=constraints,
    )
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            model.fit(problem.returns)
        except OptimizationError:
            return None
    weights = np.clip(np.asarray(model.weights_, dtype=np.float64), problem.low, problem.high)
    notes = dict.fromkeys(f"the solver says: {one.message}" for one in said)
    return Weighed(np.where(np.abs(weights) < _ZERO, 0.0, weights), tuple(notes))


def _prior(problem: Problem, horizon: int) -> Any:
    """Expected returns, shrunk covariance and outcomes, all over the horizon."""
    from skfolio.moments import LedoitWolf
    from skfolio.prior import BasePrior, ReturnDistribution

    class Given(BasePrior):  # type: ignore[misc,unused-ignore]
        """A distribution that is not estimated from what it is fitted to."""

        def __init__(self) -> None:
            pass

        def fit(self, X: FloatArray, y: None = None, **_: Any) -> Given:
            """Take the moments of the problem."""
            del y
            centred = X - X.mean(axis=0)
            self.return_distribution_ = ReturnDistribution(
                mu=problem.mean,
                covariance=horizon * np.asarray(LedoitWolf().fit(X).covariance_),
                returns=math.sqrt(horizon) * centred + problem.mean,
            )
            return self

    return Given()


def _culprit(problem: Problem, choice: Choice, config: MeanRiskConfig) -> str:
    """The limits without one of which there would be a solution, for people."""
    guilty: Sequence[str] = [
        f"portfolio.{name}"
        for name in problem.limits
        if _solve(
            replace(problem, limits={k: v for k, v in problem.limits.items() if k != name}),
            choice,
            config,
        )
        is not None
    ]
    if guilty:
        return f"there are some without {' or without '.join(guilty)}"
    return f"no single one of {', '.join(problem.limits)} is the reason"
