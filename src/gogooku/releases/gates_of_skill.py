"""Gates on skill: too good to be true, worse than what is in service, too short to say, luck."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import polars as pl

from gogooku.core.forecast import Places
from gogooku.core.metrics import daily_rank_ic
from gogooku.core.types import FloatArray
from gogooku.dataset.home import labels_of
from gogooku.evaluate.report_luck import SURE
from gogooku.evaluate.significance import paired_difference
from gogooku.releases.bundle import Bundle
from gogooku.releases.candidacy import Candidacy
from gogooku.releases.verdicts import Verdict, passed, refused, warned


def horizons(candidacy: Candidacy, gate: str) -> Verdict:
    """The traded horizon has a score."""
    scored, horizon = candidacy.bundle.run.horizons, candidacy.horizon
    there = ", ".join(map(str, scored))
    if horizon not in scored:
        return refused(
            gate,
            f"horizon {horizon} is traded and has no score; there are {there}. Release with one of "
            f"them: --set portfolio.horizon={scored[0]}",
            traded=horizon,
            scored=list(scored),
        )
    return passed(gate, f"horizon {horizon} is traded; scored are {there}", traded=horizon)


def leak(candidacy: Candidacy, gate: str) -> Verdict:
    """The evaluation found no skill that is too good to be true."""
    found = [str(one) for one in candidacy.bundle.scorecard["leaks"]]
    if found:
        return refused(
            gate,
            f"{len(found)} finding(s) of the evaluation; the first: {found[0]}. See all: gogooku "
            f"evaluate {candidacy.bundle.run_id}",
            findings=found,
        )
    return passed(gate, "no finding of the evaluation")


def tested(candidacy: Candidacy, gate: str) -> Verdict:
    """The test part is long enough for its figures to mean something."""
    name = f"h{candidacy.horizon}.rank_ic"
    count = int(candidacy.bundle.scorecard["skill"][name]["n"])
    least = candidacy.limits.least_sessions
    if count < least:
        return warned(
            gate,
            f"{count} sessions were tested at horizon {candidacy.horizon}; below {least} skill "
            "and luck look alike. A longer test part: gogooku train --set split.test=...",
            sessions=count,
            least=least,
        )
    return passed(gate, f"{count} sessions were tested", sessions=count, least=least)


def deflated(candidacy: Candidacy, gate: str) -> Verdict:
    """How probable the skill is after all tries on the same sessions; it only warns."""
    card = candidacy.bundle.scorecard
    value, tries = card.get("deflated"), int(card["tries"])
    if value is None:
        return warned(gate, f"not known after {tries} tries on the same sessions", tries=tries)
    said = f"probability {value:.2f} that skill is real, after {tries} tries on the same sessions"
    made = warned if value < SURE else passed
    return made(gate, said, probability=float(value), tries=tries)


def paired(candidacy: Candidacy, gate: str) -> Verdict:
    """On the sessions that both were tested on, it is not worse than the bundle in service.

    Worse is a mean difference of RankIC below the margin whose interval of 95 % lies below zero:
    a loss that is small, or that chance gives, stops nobody. With too few sessions in common the
    test would let anything through, so it refuses and says so; `--accept` is then an assertion.
    """
    serving, limits = candidacy.serving, candidacy.limits
    if serving is None:
        return passed(gate, "nothing else is in service")
    if serving.run.content_hash == candidacy.bundle.run.content_hash:
        return passed(gate, f"the same scores as {serving.bundle_id}")
    if candidacy.horizon not in serving.run.horizons:
        return refused(gate, _cannot(candidacy, serving, 0), sessions=0)
    mine, theirs = (_daily(candidacy, one) for one in (candidacy.bundle, serving))
    shared = sorted(mine.keys() & theirs.keys())
    if len(shared) < limits.least_sessions:
        return refused(gate, _cannot(candidacy, serving, len(shared)), sessions=len(shared))
    ours, others = (np.array([one[day] for day in shared]) for one in (mine, theirs))
    made = paired_difference(ours, others, horizon=candidacy.horizon).row()
    figures = {
        "against": serving.bundle_id,
        "margin": limits.margin,
        **{name: None if math.isnan(value) else value for name, value in made.items()},
    }
    measured = (
        f"RankIC at horizon {candidacy.horizon} is {made['difference']:+.4f} (95 % "
        f"{made['low']:+.4f} to {made['high']:+.4f}) against {serving.bundle_id} on "
        f"{len(shared)} shared test sessions"
    )
    if made["difference"] < -limits.margin and not made["high"] >= 0.0:
        return refused(
            gate,
            f"{measured}: worse by more than {limits.margin}. Keep the one in service, or run this "
            f"one beside it: gogooku release {candidacy.bundle.bundle_id} --shadow",
            **figures,
        )
    return passed(gate, measured, **figures)


def _cannot(candidacy: Candidacy, serving: Bundle, shared: int) -> str:
    return (
        f"cannot be known: {shared} test sessions at horizon {candidacy.horizon} are shared with "
        f"{serving.bundle_id}, and {candidacy.limits.least_sessions} are needed. Train both with "
        "test parts that overlap, or say that you know: --accept paired --why REASON"
    )


def _daily(candidacy: Candidacy, bundle: Bundle) -> dict[date, float]:
    """Daily RankIC of a bundle by date, on the labels of the candidate's dataset."""
    dataset, horizon = candidacy.dataset, candidacy.horizon
    frame = bundle.run.predictions("test").filter(
        (pl.col("horizon") == horizon)
        & pl.col("date").is_in(dataset.sessions.tolist())
        & pl.col("code").is_in(list(dataset.codes))
    )
    if frame.is_empty():
        return {}
    places = Places.of(frame, dataset.sessions, dataset.codes, horizons=(horizon,))
    scores: FloatArray = places.dense(frame.get_column("score"), np.float64)[:, :, 0]
    labels = labels_of(dataset)
    label = labels.raw_TNH[places.indices, :, labels.horizons.index(horizon)].astype(np.float64)
    daily = daily_rank_ic(scores, label)
    days = dataset.sessions[places.indices].tolist()
    return {day: float(ic) for day, ic in zip(days, daily, strict=True) if math.isfinite(ic)}
