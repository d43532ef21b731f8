"""Checks of a fold: its scores as they are stored, its labels, and how much there is of both."""

from __future__ import annotations

from typing import Final

from gogooku.runs.diagnose.facts import Facts, FoldFacts
from gogooku.runs.diagnose.findings import Fault, Finding

LEAST_OWN_SCORES: Final = 0.1
"""Share of names with a score of their own; below it a ranking is mostly ties."""
FEWEST_TRAIN: Final = 60
"""Train sessions, a quarter of a year: less is one mood of the market."""
FEWEST_VALID: Final = 20
"""Validation sessions: with fewer there is not one label of the longest horizon without overlap."""
FEWEST_NAMES: Final = 30
"""Names of a session: with fewer its RankIC has a standard error above 0.18."""
SKILL_ERRORS: Final = 2.0
"""Standard errors within which a RankIC is none."""


def mismatch(facts: Facts, fold: FoldFacts) -> Finding | None:
    """Whether what was stored is what the checkpoint gives today."""
    if not fold.differing:
        return None
    return Finding(
        fault=Fault.MISMATCH,
        what=(
            f"predict gives other scores today than the training stored: {fold.differing:,} of "
            f"{fold.rescored:,} differ, by up to {fold.largest:.2g} of their spread"
        ),
        evidence={
            "scores_made_again": fold.rescored,
            "differing": fold.differing,
            "largest_difference_in_spreads": fold.largest,
        },
        next_step=(
            f"the program or the files changed since: gogooku doctor --verify, then train again: "
            f"{facts.command(None)}"
        ),
    )


def flat(facts: Facts, fold: FoldFacts) -> Finding | None:
    """Whether names have scores of their own."""
    low = {h: share for h, share in fold.own_scores.items() if share < LEAST_OWN_SCORES}
    if not low:
        return None
    worst = min(low, key=lambda h: low[h])
    return Finding(
        fault=Fault.FLAT,
        what=(
            f"scores have no spread at {_horizons(low)}: on validation dates {low[worst]:.1%} of "
            f"names have a score of their own, the standard deviation is {fold.spread[worst]:.2g}"
        ),
        evidence={
            "share_of_own_scores": {str(h): share for h, share in fold.own_scores.items()},
            "spread": {str(h): spread for h, spread in fold.spread.items()},
        },
        next_step=(
            "see which weights the loss reaches and how far steps move them (events.jsonl), and "
            f"begin again from the usual settings: {_usual(facts)}"
        ),
        where=_horizons(low),
    )


def no_signal(facts: Facts, fold: FoldFacts) -> Finding | None:
    """Whether anything at all goes with the labels."""
    found = fold.related
    if found.is_there or any(abs(one.t) > SKILL_ERRORS for one in fold.valid.values()):
        return None
    shown = ", ".join(f"{h}: {m.value:.3f} ±{m.error:.3f}" for h, m in fold.valid.items())
    return Finding(
        fault=Fault.NO_SIGNAL,
        what=(
            f"labels without signal: RankIC on validation dates is within {SKILL_ERRORS:.0f} "
            f"errors of zero at every horizon ({shown}), and of {found.tried:,} pairs of a feature "
            f"and a horizon none is related on train dates: {found.feature} at {found.horizon} "
            f"comes closest with {found.measure.value:.3f}, {abs(found.measure.t):.1f} errors "
            f"where chance gives up to {found.limit:.1f}"
        ),
        evidence={
            "validation_rank_ic": {str(h): m.value for h, m in fold.valid.items()},
            "validation_error": {str(h): m.error for h, m in fold.valid.items()},
            "closest_feature": found.feature,
            "closest_horizon": found.horizon,
            "closest_rank_ic": found.measure.value,
            "closest_errors": abs(found.measure.t),
            "chance_errors": found.limit,
        },
        next_step=_why_no_signal(facts),
    )


def _why_no_signal(facts: Facts) -> str:
    if facts.run.config.label_order.value == "shuffled":
        tried = facts.command(None, label_order="true")
        return f"the labels are permuted on purpose (label_order=shuffled); with true ones: {tried}"
    return (
        "no learner finds what is not there: check the prices and the labels (gogooku audit "
        f"{facts.run.dataset_name}), or add features and sessions; gogooku train ridge says "
        "within seconds whether that helped"
    )


def starved(facts: Facts, fold: FoldFacts) -> Finding | None:
    """Whether there is enough to learn from and to select on."""
    short = []
    if fold.train_sessions < FEWEST_TRAIN:
        short.append(f"{fold.train_sessions} train sessions (at least {FEWEST_TRAIN})")
    if fold.valid_sessions < FEWEST_VALID:
        errors = [m.error for m in fold.valid.values() if m.error > 0]
        shown = f", which leave RankIC an error of {max(errors):.3f}" if errors else ""
        short.append(f"{fold.valid_sessions} validation sessions (at least {FEWEST_VALID}){shown}")
    if fold.names < FEWEST_NAMES:
        short.append(f"{fold.names:.0f} names a session (at least {FEWEST_NAMES})")
    if not short:
        return None
    return Finding(
        fault=Fault.STARVED_OF_DATA,
        what=f"starved of data: {'; '.join(short)}",
        evidence={
            "train_sessions": fold.train_sessions,
            "valid_sessions": fold.valid_sessions,
            "names": fold.names,
            "train_rows": fold.train_rows,
            "validation_error": {str(h): m.error for h, m in fold.valid.items()},
        },
        next_step=(
            "import or sync more sessions, widen the parts (split.train, split.valid), or build "
            f"with more names: gogooku build --source {facts.run.manifest['source']} --set "
            "universe.min_traded_value=0"
        ),
    )


def _horizons(found: dict[int, float]) -> str:
    noun = "horizon" if len(found) == 1 else "horizons"
    return f"{noun} {', '.join(str(h) for h in found)}"


def _usual(facts: Facts) -> str:
    return f"gogooku train {facts.run.manifest['name']} --dataset {facts.run.dataset_name}"
