"""The gates of an evening: what a session must pass before its ranking is published.

They compare a session with two things: what the same bundle published the session before, and what
its test part looked like (`Promise`). A session that is refused publishes nothing, and what was
published before stays up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl
from pydantic import Field

from gogooku.core.calendar import SESSIONS_PER_YEAR
from gogooku.core.config import Config
from gogooku.core.errors import ContractError
from gogooku.core.metrics import has_dispersion
from gogooku.core.types import Dataset
from gogooku.publish.publication import RANKING, TARGET, Publication
from gogooku.releases.bundle import Bundle
from gogooku.releases.gates_of_scores import tied_share
from gogooku.releases.limits import GateLimits
from gogooku.releases.verdicts import Verdict, passed, refused

_PROMISED_SESSIONS: Final = 60
"""Last sessions of the test part that a session is compared with; more of them say no more."""
_LEAST_DEVIATION: Final = 0.05
"""Of the rank autocorrelation of a test part, so that a steady one does not refuse trifles."""
_LEAST_SHARED: Final = 10
"""Names on both of two sessions, below which their autocorrelation says nothing."""


class PublishLimits(Config):
    """From where on a session is not published.

    Attributes
    ----------
    least_universe : float
        Smallest universe, as a share of that of the session before.
    least_scored, least_quoted : float
        Smallest share of the universe that must have a score, and a price of the session.
    least_of_before : float
        Smallest number of ranked names, as a share of what was published the session before.
        Listings, delistings and halts move a share of a percent a day; a tenth is a delivery that
        is not whole.
    least_of_tested : float
        The same as a share of the median of the test part; a universe may shrink over the years.
    spread_times : float
        How many times wider or narrower than in the test part scores may be. A damaged input makes
        orders of magnitude; a change of regime does not.
    most_tied : float
        Share of names that have the score of another, as for a release.
    jump_deviations : float
        How far the rank autocorrelation with the session before may fall below that of the test
        part, in standard deviations of it.
    turnover_times : float
        How many times the mean of the backtest one decision may trade.
    least_turnover : float
        Share of equity that a decision may always trade, both sides together, halved.
    """

    least_universe: float = Field(default=0.8, ge=0.0, le=1.0)
    least_scored: float = Field(default=0.5, ge=0.0, le=1.0)
    least_quoted: float = Field(default=0.5, ge=0.0, le=1.0)
    least_of_before: float = Field(default=0.9, ge=0.0, le=1.0)
    least_of_tested: float = Field(default=0.7, ge=0.0, le=1.0)
    spread_times: float = Field(default=10.0, ge=1.0)
    most_tied: float = Field(default=GateLimits().most_tied, ge=0.0, le=1.0)
    jump_deviations: float = Field(default=6.0, gt=0.0)
    turnover_times: float = Field(default=4.0, ge=1.0)
    least_turnover: float = Field(default=0.25, ge=0.0, le=1.0)


@dataclass(frozen=True)
class Promise:
    """What the sessions of a test part looked like at the traded horizon.

    Attributes
    ----------
    names : float
        Median of the names with a score.
    deviation : float
        Median standard deviation of the scores of a session.
    autocorrelation, scatter : float
        Mean and standard deviation of the rank correlation of two sessions that follow each other;
        NaN for fewer than two sessions.
    turnover : float
        Mean share of equity that a decision of the backtest replaces.
    """

    names: float
    deviation: float
    autocorrelation: float
    scatter: float
    turnover: float


def promise_of(bundle: Bundle) -> Promise:
    """Read what a bundle's test part looked like.

    Raises
    ------
    DataError
        A file of the bundle is damaged.
    """
    portfolio = bundle.trade.config.portfolio
    frame = bundle.run.predictions("test").filter(horizon=portfolio.horizon)
    last = frame.get_column("date").unique().sort().tail(_PROMISED_SESSIONS)
    days = (
        frame.filter(pl.col("date").is_in(last.implode()))
        .sort("date", "code")
        .partition_by("date", maintain_order=True)
    )
    found = [_autocorrelation(new, old) for old, new in pairwise(days)]
    steady = np.array([one for one in found if one is not None])
    a_year = float(bundle.scorecard["money"]["portfolio.turnover"]["value"])
    return Promise(
        names=float(np.median([day.height for day in days])),
        deviation=float(np.median([day.get_column("score").to_numpy().std() for day in days])),
        autocorrelation=float(steady.mean()) if len(steady) > 1 else float("nan"),
        scatter=float(steady.std()) if len(steady) > 1 else float("nan"),
        turnover=a_year * portfolio.rebalance_every / SESSIONS_PER_YEAR,
    )


@dataclass(frozen=True)
class Session:
    """A session that is to be published.

    Attributes
    ----------
    frames : mapping of str to polars.DataFrame
        `gogooku.publish.publication.Content.frames`.
    horizon : int
        Whose score ranks.
    before : Publication or None
        What the bundle published the session before.
    promise : Promise
    limits : PublishLimits
    """

    frames: Mapping[str, pl.DataFrame]
    horizon: int
    before: Publication | None
    promise: Promise
    limits: PublishLimits

    @property
    def scores(self) -> pl.DataFrame:
        """(code, score) at the horizon that ranks."""
        return _scores(self.frames[RANKING], self.horizon)


def _scores(ranking: pl.DataFrame, horizon: int) -> pl.DataFrame:
    return ranking.select("code", pl.col(f"score_{horizon}").alias("score"))


def _autocorrelation(new: pl.DataFrame, old: pl.DataFrame) -> float | None:
    """Spearman's correlation of the scores of two sessions; None with too few shared names."""
    both = new.select("code", "score").join(old.select("code", was="score"), on="code")
    ranks = both.select(pl.col("score", "was").rank())
    if both.height < _LEAST_SHARED or any(
        ranks.get_column(c).n_unique() < 2 for c in ranks.columns
    ):
        return None
    return float(ranks.select(pl.corr("score", "was")).item())


def freshness(expected: date, dataset: Dataset) -> Verdict:
    """The session that should be there by now is in the dataset."""
    if np.datetime64(expected) not in dataset.sessions:
        return refused(
            "freshness",
            f"the newest session is {dataset.sessions[-1]}; the vendor has not sent it yet. Run it "
            "again later",
            expected=str(expected),
            newest=str(dataset.sessions[-1]),
        )
    newest = str(dataset.sessions[-1])
    return passed("freshness", f"{expected} is there", expected=str(expected), newest=newest)


def contract(bundle: Bundle, dataset: Dataset) -> Verdict:
    """The dataset has the features and the clock that the bundle was fitted on."""
    try:
        bundle.require(dataset)
    except ContractError as fault:
        return refused("contract", str(fault))
    count = len(dataset.features)
    return passed("contract", f"{count:,} features and the clock fit", features=count)


def _finite(session: Session, gate: str) -> Verdict:
    """Every score of every name is a number."""
    ranking = session.frames[RANKING]
    columns = [name for name in ranking.columns if name.startswith("score_")]
    bad = ranking.filter(~pl.all_horizontal(pl.col(columns).is_finite().fill_null(value=False)))
    if bad.height:
        return refused(
            gate,
            f"{bad.height:,} of {ranking.height:,} names have a score that is no number (first "
            f"{bad.get_column('code')[0]}); see the dataset: gogooku audit",
            names=ranking.height,
            bad=bad.height,
        )
    said = f"{len(columns)} scores of {ranking.height:,} names are numbers"
    return passed(gate, said, names=ranking.height, bad=0)


def _coverage_before(session: Session, gate: str) -> Verdict:
    """About as many names as the session before."""
    if session.before is None:
        return passed(gate, "nothing was published before")
    wanted = session.before.frame(RANKING).height
    return _covered(session, gate, wanted, session.limits.least_of_before, "the session before")


def _coverage_tested(session: Session, gate: str) -> Verdict:
    """About as many names as in the test part."""
    limits, wanted = session.limits, session.promise.names
    return _covered(session, gate, wanted, limits.least_of_tested, "the test part (median)")


def _covered(session: Session, gate: str, wanted: float, least: float, of: str) -> Verdict:
    names = session.frames[RANKING].height
    figures = {"names": names, "wanted": wanted, "least": least}
    if names < least * wanted:
        return refused(
            gate,
            f"{names:,} names are ranked, {wanted:,.0f} in {of}; at least {least:.0%} must be. The "
            "delivery may not be whole: run it again later, and see gogooku audit",
            **figures,
        )
    return passed(gate, f"{names:,} names, {wanted:,.0f} in {of}", **figures)


def _spread(session: Session, gate: str) -> Verdict:
    """Scores differ, by about as much as in the test part."""
    values = session.scores.get_column("score").to_numpy().astype(np.float64)
    now, usual, times = float(values.std()), session.promise.deviation, session.limits.spread_times
    figures = {"deviation": now, "tested": usual, "times": times}
    if not has_dispersion(values):
        return refused(
            gate, f"all {len(values):,} scores are equal, so they rank nothing", **figures
        )
    if not usual / times <= now <= usual * times:
        return refused(
            gate,
            f"the scores have a standard deviation of {now:.4g}, {usual:.4g} in the test part: "
            f"more than {times:g} times off. An input is damaged, or has another unit: see gogooku "
            "audit",
            **figures,
        )
    return passed(gate, f"standard deviation {now:.4g}, {usual:.4g} in the test part", **figures)


def _ties(session: Session, gate: str) -> Verdict:
    """Few names share a score; scores that are all equal are those of `spread`."""
    values = session.scores.get_column("score").to_numpy().astype(np.float64)
    share, most = tied_share(values) if has_dispersion(values) else 0.0, session.limits.most_tied
    if share > most:
        return refused(
            gate,
            f"{share:.1%} of {len(values):,} names share a score with another; at most {most:.0%} "
            "may. Features may be null for them: see gogooku audit",
            share=share,
            most=most,
        )
    return passed(gate, f"{share:.1%} of names share a score", share=share, most=most)


def _jump(session: Session, gate: str) -> Verdict:
    """Ranks follow those of the session before as they did in the test part."""
    promise = session.promise
    if session.before is None or not np.isfinite(promise.autocorrelation):
        return passed(gate, "nothing to compare with")
    now = _autocorrelation(session.scores, _scores(session.before.frame(RANKING), session.horizon))
    if now is None:
        return passed(gate, "too few shared names, or no spread")
    deviation = max(promise.scatter, _LEAST_DEVIATION)
    least = promise.autocorrelation - session.limits.jump_deviations * deviation
    figures = {"autocorrelation": now, "tested": promise.autocorrelation, "least": least}
    said = (
        f"rank correlation {now:+.2f} with {session.before.session}, {promise.autocorrelation:+.2f}"
        " in the test part"
    )
    if now < least:
        return refused(
            gate,
            f"{said}; below {least:+.2f} it is a jump. An input has changed: see gogooku audit",
            **figures,
        )
    return passed(gate, said, **figures)


def _turnover(session: Session, gate: str) -> Verdict:
    """The target trades no more than decisions of the backtest did, by a wide margin."""
    target = session.frames.get(TARGET)
    if target is None or session.before is None or not session.before.has(TARGET):
        return passed(gate, "no two targets to compare")
    old = session.before.frame(TARGET).select("code", was="weight")
    both = target.select("code", "weight").join(old, on="code", how="full", coalesce=True)
    traded = both.select((pl.col("weight").fill_null(0.0) - pl.col("was").fill_null(0.0)).abs())
    share = float(traded.to_series().sum()) / 2.0
    limits = session.limits
    most = max(limits.turnover_times * session.promise.turnover, limits.least_turnover)
    figures = {"share": share, "most": most}
    if share > most:
        return refused(
            gate,
            f"the target replaces {share:.1%} of the equity of {session.before.session}; at most "
            f"{most:.1%} may be, {limits.turnover_times:g} times the backtest's mean",
            **figures,
        )
    return passed(gate, f"the target replaces {share:.1%} of the equity", **figures)


GATES: Final[Mapping[str, Callable[[Session, str], Verdict]]] = {
    "finite": _finite,
    "coverage_before": _coverage_before,
    "coverage_tested": _coverage_tested,
    "spread": _spread,
    "ties": _ties,
    "jump": _jump,
    "turnover": _turnover,
}
"""Every gate of a ranked session by its name; `freshness`, `contract` and those of the data
(`gogooku.publish.gates_of_data`) come before."""


def judge_session(session: Session) -> Sequence[Verdict]:
    """Try every gate; where scores are no numbers no other is tried."""
    found = []
    for name, check in GATES.items():
        found.append(check(session, name))
        if name == "finite" and found[-1].refused:
            break
    return found
