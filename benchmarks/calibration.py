"""How often each test rejects where nothing is there, each interval covers, and what is found.

Markets are generated whose truth is known: sessions that are independent and have fat tails, whose
volatility switches between two states, that depend on the session before, or whose values overlap
over 5 or 20 sessions. On each of them every test of the project is made at 5 % and every interval
at 95 %; a test at its nominal rate rejects 5 % of true nulls. One JSON line a statistic::

    python benchmarks/calibration.py [--markets 1000] [--sessions 500] [--family means]

``rate`` is the share of markets in which the test rejected (or the interval left the truth out),
``error`` its binomial standard error, ``nominal`` what it should be; a row with ``power`` is the
share of planted edges that were found.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from gogooku.core.metrics import FloatArray, information_ratio, mean_estimate, ratio_estimate
from gogooku.evaluate.bootstrap import bootstrap_interval
from gogooku.evaluate.many_tests import (
    model_confidence_set,
    stepwise_superior,
    superior_ability,
)
from gogooku.evaluate.overfitting import backtest_overfitting
from gogooku.evaluate.sharpe import deflated_sharpe, probabilistic_sharpe, sharpe_difference
from gogooku.evaluate.significance import mean_test, paired_difference
from gogooku.portfolio.risk import historical_path
from gogooku.portfolio.risk_tests import (
    conditional_coverage,
    independence,
    shortfall_test,
    unconditional_coverage,
)

KINDS: Mapping[str, int] = {
    "independent": 1,
    "volatile": 1,
    "autocorrelated": 1,
    "overlap 5": 5,
    "overlap 20": 20,
}
"""Markets and the sessions over which their values overlap."""
_WARM = 40
_MEMORY = 0.3
_DEGREES = 5
LEVEL = 0.05
EDGE = 0.15
"""Planted Sharpe ratio per session: 2.4 a year."""
TRIALS = 20

Rows = dict[str, list[float]]


def series(rng: np.random.Generator, sessions: int, kind: str, columns: int = 1) -> FloatArray:
    """Values [sessions, columns] of mean 0 and variance 1 of one kind of market."""
    wide = sessions + _WARM
    raw = rng.standard_t(_DEGREES, size=(wide, columns)) / math.sqrt(_DEGREES / (_DEGREES - 2))
    if kind == "volatile":
        calm = np.cumsum(rng.random(wide) < 0.02) % 2 == rng.integers(2)
        return raw[:sessions] * np.where(calm, 0.6, math.sqrt(2.0 - 0.36))[:sessions, None]
    if kind == "autocorrelated":
        for t in range(1, wide):
            raw[t] = _MEMORY * raw[t - 1] + math.sqrt(1.0 - _MEMORY**2) * raw[t]
        return raw[_WARM:]
    horizon = KINDS[kind]
    running = np.cumsum(np.concatenate([np.zeros((1, columns)), raw]), axis=0)
    return ((running[horizon:] - running[:-horizon]) / math.sqrt(horizon))[:sessions]


def means(rng: np.random.Generator, sessions: int, kind: str, rows: Rows) -> None:
    """Tests and intervals of one series, and of two in pairs."""
    from statsmodels.tsa.stattools import diebold_mariano_test

    horizon, seed = KINDS[kind], int(rng.integers(1 << 31))
    table = series(rng, sessions, kind, 3)
    one, common = table[:, 0], table[:, 2]
    a, b = common + 0.3 * table[:, 1], common + 0.3 * one
    rows["mean_test"].append(mean_test(one, horizon=horizon).p_value <= LEVEL)
    rows["paired_difference"].append(paired_difference(a, b, horizon=horizon).p_value <= LEVEL)
    for name, lags in (("", None), (" lags=horizon-1", horizon - 1)):
        found = diebold_mariano_test(
            np.zeros(sessions),
            a,
            b,
            criterion=lambda _, f: f,
            harvey_adj=True,
            horizon=horizon,
            lags=lags,
        )
        rows[f"diebold_mariano{name}"].append(not found.pvalue > LEVEL)
    truth = {"mean": 0.02, "ratio": 0.02}
    for name, make in (("mean", mean_estimate), ("ratio", ratio_estimate)):
        moved = one + truth[name]
        estimate = make(moved, horizon=horizon)
        rows[f"interval {name}"].append(not estimate.low <= truth[name] <= estimate.high)
        made = bootstrap_interval(moved, statistic=name, horizon=horizon, seed=seed, draws=399)
        rows[f"bootstrap interval {name}"].append(not made.low <= truth[name] <= made.high)
    planted = one + EDGE
    rows["power mean_test"].append(mean_test(planted, horizon=horizon).p_value <= LEVEL)
    made = bootstrap_interval(planted, horizon=horizon, seed=seed, draws=399)
    rows["power bootstrap"].append(made.p_value <= LEVEL)
    rows["probabilistic_sharpe"].append(
        probabilistic_sharpe(one + 0.05, threshold=0.05).probability > 1.0 - LEVEL
    )


def sharpes(rng: np.random.Generator, sessions: int, kind: str, rows: Rows) -> None:
    """Two series with one Sharpe ratio and different volatility, which move together."""
    table = series(rng, sessions, kind, 3)
    a, b = (table[:, 2] + table[:, side] for side in (0, 1))
    scale = math.sqrt(2.0)
    seed = int(rng.integers(1 << 31))
    for method in ("hac", "bootstrap"):
        made = sharpe_difference(
            a + 0.05 * scale,
            3.0 * (b + 0.05 * scale),
            horizon=KINDS[kind],
            seed=seed,
            method=method,
            draws=399,
        )
        rows[f"sharpe_difference {method}"].append(made.p_value <= LEVEL)
        rows[f"sharpe_difference interval {method}"].append(not made.low <= 0.0 <= made.high)
        better = sharpe_difference(
            a + EDGE * scale, b, horizon=KINDS[kind], seed=seed, method=method, draws=399
        )
        rows[f"power sharpe_difference {method}"].append(better.p_value <= LEVEL)


def trials(rng: np.random.Generator, sessions: int, kind: str, rows: Rows) -> None:
    """Many trials of which none is worth anything; then one of them is."""
    table = series(rng, sessions, kind, TRIALS)
    for name, edge in (("", 0.0), ("power ", EDGE)):
        table[:, 3] += edge
        ratios = np.array([information_ratio(column) for column in table.T])
        best = table[:, int(np.argmax(ratios))]
        variance = float(ratios.var(ddof=1))
        made = deflated_sharpe(best, trials=TRIALS, variance=variance)
        rows[f"{name}deflated_sharpe"].append(made.probability > 1.0 - LEVEL)
        rows[f"{name}best without deflation"].append(
            probabilistic_sharpe(best).probability > 1.0 - LEVEL
        )
        rows[f"{name}overfitting probability"].append(
            backtest_overfitting(table, blocks=10).probability
        )


def many(rng: np.random.Generator, sessions: int, kind: str, rows: Rows) -> None:
    """Ten runs and a benchmark, all equal; then one is better."""
    table, seed = series(rng, sessions, kind, 12), int(rng.integers(1 << 31))
    benchmark, runs = table[:, 11] + 0.5 * table[:, 10], table[:, 11:] + 0.5 * table[:, :10]
    given = {"horizon": KINDS[kind], "seed": seed, "draws": 199}
    made = superior_ability(benchmark, runs, **given)
    rows["superior_ability"].append(made.p_value <= LEVEL)
    rows["reality check"].append(made.upper <= LEVEL)
    rows["stepwise_superior"].append(bool(stepwise_superior(benchmark, runs, **given)))
    rows["model_confidence_set leaves the best out"].append(
        0 not in model_confidence_set(runs, **given).best
    )
    runs[:, 3] += EDGE * math.sqrt(0.5)
    made = superior_ability(benchmark, runs, **given)
    rows["power superior_ability"].append(made.p_value <= LEVEL)
    rows["power stepwise_superior"].append(3 in stepwise_superior(benchmark, runs, **given))


def risks(rng: np.random.Generator, sessions: int, kind: str, rows: Rows) -> None:
    """Forecasts of the tail that are right, and some that are not."""
    from scipy import stats

    returns = 0.01 * series(rng, sessions, kind)[:, 0]
    seed = int(rng.integers(1 << 31))
    share, scale = 0.05, 0.01 / math.sqrt(_DEGREES / (_DEGREES - 2))
    quantile = float(stats.t.ppf(share, _DEGREES))
    var = -quantile * scale
    tail = (_DEGREES + quantile**2) / (_DEGREES - 1) * float(stats.t.pdf(quantile, _DEGREES))
    cvar = tail / share * scale
    forecasts = {"": 1.0, "power ": 0.75}
    for name, factor in forecasts.items():
        var_T, cvar_T = (np.full(sessions, factor * one) for one in (var, cvar))
        level = 1.0 - share
        hits = {
            "unconditional_coverage": unconditional_coverage(returns, var_T, level=level),
            "independence": independence(returns, var_T),
            "conditional_coverage": conditional_coverage(returns, var_T, level=level),
            "shortfall_test": shortfall_test(returns, var_T, cvar_T, level=level, seed=seed),
        }
        for test, made in hits.items():
            rows[f"{name}{test}"].append(made.p_value <= LEVEL)
    var_T, _ = historical_path(returns, level=0.95, window=100)
    rows["share of sessions beyond the rolling VaR"].append(
        float(np.mean(returns[100:] < -var_T[100:]))
    )


Family = Callable[[np.random.Generator, int, str, Rows], None]

FAMILIES: Mapping[str, tuple[Family, tuple[str, ...]]] = {
    "means": (means, tuple(KINDS)),
    "sharpes": (sharpes, tuple(KINDS)),
    "trials": (trials, ("independent", "volatile", "autocorrelated", "overlap 5")),
    "many": (many, tuple(KINDS)),
    "risks": (risks, ("independent",)),
}
"""What is measured and on which markets."""

NOMINAL = {"overfitting probability": 0.5}


def measured(
    family: str, kind: str, *, markets: int, sessions: int
) -> Iterator[dict[str, str | float]]:
    """One row for each statistic of a family on one kind of market."""
    rows: Rows = defaultdict(list)
    for market in range(markets):
        rng = np.random.default_rng([market, list(KINDS).index(kind), list(FAMILIES).index(family)])
        FAMILIES[family][0](rng, sessions, kind, rows)
    for name, found in rows.items():
        rate = float(np.mean(found))
        row: dict[str, str | float] = {
            "statistic": name,
            "market": kind,
            "rate": round(rate, 4),
            "error": round(float(np.std(found, ddof=1)) / math.sqrt(markets), 4),
            "markets": markets,
            "sessions": sessions,
        }
        if "power" not in name:
            row["nominal"] = NOMINAL.get(name, LEVEL)
        yield row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markets", type=int, default=1000)
    parser.add_argument("--sessions", type=int, default=500)
    parser.add_argument("--family", choices=list(FAMILIES), action="append")
    parser.add_argument("--market", choices=list(KINDS), action="append")
    options = parser.parse_args()
    for family in options.family or FAMILIES:
        for kind in FAMILIES[family][1]:
            if kind in (options.market or KINDS):
                for row in measured(
                    family, kind, markets=options.markets, sessions=options.sessions
                ):
                    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
