"""Gates on scores themselves: that they separate names, and how much they make one trade."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gogooku.core.metrics import has_dispersion
from gogooku.releases.candidacy import Candidacy
from gogooku.releases.verdicts import Verdict, passed, refused


def tied_share(scores: npt.NDArray[np.floating]) -> float:
    """Share of values that another one equals."""
    if not len(scores):
        return 0.0
    counts = np.unique(scores, return_counts=True)[1]
    return float(counts[counts > 1].sum() / len(scores))


def spread(candidacy: Candidacy, gate: str) -> Verdict:
    """On every session of the test part the scores at the traded horizon differ."""
    days = candidacy.test_scores
    flat = sum(not has_dispersion(day.astype(np.float64)) for day in days)
    if flat:
        return refused(
            gate,
            f"on {flat} of {len(days)} test sessions all scores at horizon {candidacy.horizon} are "
            "equal, so they rank nothing. Look at the training: gogooku doctor "
            f"{candidacy.bundle.run_id}",
            flat=flat,
            sessions=len(days),
        )
    median = float(np.median([day.std() for day in days]))
    return passed(
        gate,
        f"scores differ on all of {len(days)} test sessions (median deviation {median:.4g})",
        sessions=len(days),
        median_deviation=median,
    )


def ties(candidacy: Candidacy, gate: str) -> Verdict:
    """Few names share a score with another; flat sessions are those of `spread`."""
    days = [day for day in candidacy.test_scores if has_dispersion(day.astype(np.float64))]
    share = float(np.mean([tied_share(day) for day in days])) if days else 0.0
    most = candidacy.limits.most_tied
    figures = {"share": share, "most": most, "sessions": len(days)}
    measured = (
        f"{share:.1%} of names share a score with another, on average over {len(days)} test "
        "sessions"
    )
    if share > most:
        return refused(
            gate,
            f"{measured}; at most {most:.0%} may, since codes decide ranks within ties. Use a "
            "learner with finer scores (more rounds or leaves)",
            **figures,
        )
    return passed(gate, measured, **figures)


def turnover(candidacy: Candidacy, gate: str) -> Verdict:
    """The backtest does not trade more than costs allow, nor many times what is traded now."""
    limits, name = candidacy.limits, "portfolio.turnover"
    value = float(candidacy.bundle.scorecard["money"][name]["value"])
    figures = {"a_year": value, "most": limits.turnover}
    allowed, why = limits.turnover, "the most that is allowed"
    if candidacy.serving is not None:
        now = float(candidacy.serving.scorecard["money"][name]["value"])
        times = limits.turnover_times * now
        figures |= {"serving": now, "most_times": limits.turnover_times}
        if now > 0 and times < allowed:
            allowed, why = times, f"{limits.turnover_times:g} times that of the one in service"
    if value > allowed:
        return refused(
            gate,
            f"the backtest replaces its equity {value:.1f} times a year; {allowed:.1f} is {why}. "
            "Trade more slowly: --set portfolio.rebalance_every, portfolio.exit_margin or "
            "portfolio.smoothing",
            **figures,
        )
    return passed(gate, f"equity is replaced {value:.1f} times a year", **figures)
