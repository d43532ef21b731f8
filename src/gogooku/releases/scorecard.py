"""Scorecards: what a run showed before it was released, to be held against what it does later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gogooku.releases.limits import GateLimits, looser
from gogooku.runs.folder import Run
from gogooku.runs.judge import Evaluation
from gogooku.runs.trade import Traded


def scorecard_of(
    run: Run,
    judged: Evaluation,
    traded: Traded,
    *,
    tries: int,
    deflated: float | None,
    limits: GateLimits,
) -> dict[str, Any]:
    """What a bundle promises.

    Parameters
    ----------
    tries : int
        Different settings that were judged on the same sessions, see `gogooku.runs.judge.tries_on`.
    deflated : float or None
        Probability that its RankIC at the traded horizon is real after so many tries, see
        `gogooku.runs.luck.luck_of`; None where it is not known.
    limits : GateLimits
        Those of its gates; which of them let more through than usual is said.
    """
    windows = run.windows("test")
    return {
        "tested": {
            "first": str(min(low for low, _ in windows)),
            "last": str(max(high for _, high in windows)),
            "folds": len(windows),
        },
        "tries": tries,
        "deflated": deflated,
        "skill": dict(judged.metrics),
        "leaks": judged.findings,
        "warnings": judged.warnings,
        "money": dict(traded.metrics),
        "account": _account(traded.facts),
        "looser_limits": looser(limits),
    }


def _account(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Of the facts of a backtest, the account and what it assumes."""
    names = ("currency", "initial_cash", "lot_size", "top_k", "assumptions", "known_bias")
    return {name: facts[name] for name in names if name in facts}
