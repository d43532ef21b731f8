"""Checks of LightGBM and of ridge: where what was selected lies within what was allowed."""

from __future__ import annotations

import statistics
from typing import Final

from gogooku.learn.models.lightgbm.config import LightGBMConfig
from gogooku.learn.models.ridge.config import RidgeConfig
from gogooku.runs.diagnose.facts import Facts, Fit
from gogooku.runs.diagnose.findings import Fault, Finding

MANY_TIMES: Final = 8.0
"""RankIC on train dates over that of validation. Trees always know their own rows better: three to
five times is usual."""


def rounds(facts: Facts, fit: Fit) -> Finding | None:
    """Whether trees were cut off by their number while they got better."""
    if not isinstance(fit.config, LightGBMConfig) or fit.again:
        return None
    capped = {int(one["horizon"]): int(one["trees"]) for one in fit.all("boosting")
              if one.get("at_cap")}  # fmt: skip
    if not capped:
        return None
    shown = ", ".join(f"{trees} at horizon {h}" for h, trees in capped.items())
    return Finding(
        fault=Fault.CAP,
        what=(
            f"the trees end at their number: of {fit.config.rounds} rounds the best were {shown}, "
            f"within the patience of {fit.config.patience} of the end"
        ),
        evidence={
            "rounds": fit.config.rounds,
            "patience": fit.config.patience,
            "trees": {str(h): trees for h, trees in capped.items()},
        },
        next_step=facts.command(fit, rounds=3 * max(fit.config.rounds, fit.config.patience)),
    )


def trees_by_heart(facts: Facts, fit: Fit) -> Finding | None:
    """Whether trees know their own rows and next to nothing of validation."""
    if not isinstance(fit.config, LightGBMConfig) or fit.again:
        return None
    config, reported = fit.config, [one for one in fit.all("boosting") if "train_rank_ic" in one]
    if not reported:
        return None
    train = {str(one["horizon"]): float(one["train_rank_ic"]) for one in reported}
    valid = {str(one["horizon"]): float(one["rank_ic"]) for one in reported}
    seen, found = statistics.mean(train.values()), statistics.mean(valid.values())
    if seen < MANY_TIMES * max(found, 0.0):
        return None
    rows = 0 if fit.facts is None else min(fit.facts.train_rows, config.max_rows)
    leaf = max(1.0, config.min_leaf_share * rows)
    size = f", leaves of {leaf:,.0f} rows at least" if rows else ""
    return Finding(
        fault=Fault.OVERFIT,
        what=(
            f"overfit: the trees have a mean RankIC of {seen:.3f} on train dates and of "
            f"{found:.3f} on validation dates, with {config.leaves} leaves and a shrinkage of "
            f"{config.learning_rate:g}{size}"
        ),
        evidence={
            "train_rank_ic": train,
            "validation_rank_ic": valid,
            "trees": {str(one["horizon"]): int(one["trees"]) for one in reported},
            "leaves": config.leaves,
            "learning_rate": config.learning_rate,
            "fewest_rows_of_a_leaf": leaf,
        },
        next_step=facts.command(
            fit,
            leaves=min(config.leaves, 15),
            learning_rate=min(config.learning_rate / 3, 0.03),
            min_leaf_share=max(config.min_leaf_share, 0.002),
        ),
    )


def penalties(facts: Facts, fit: Fit) -> Finding | None:
    """Whether the largest penalty of the grid was picked at most horizons."""
    if not isinstance(fit.config, RidgeConfig) or fit.again:
        return None
    reported, largest = fit.all("penalty"), max(fit.config.penalties)
    picked = {int(one["horizon"]): float(one["penalty"]) for one in reported}
    at_edge = [horizon for horizon, one in picked.items() if one >= largest]
    if 2 * len(at_edge) <= len(picked):
        return None
    grid = [*fit.config.penalties, 3 * largest, 10 * largest, 30 * largest]
    return Finding(
        fault=Fault.CAP,
        what=(
            f"the largest penalty tried, {largest:g}, is the best at {len(at_edge)} of "
            f"{len(picked)} horizons: a larger one may be better"
        ),
        evidence={"penalties": {str(h): one for h, one in picked.items()}, "largest": largest},
        next_step=facts.command(fit, penalties=sorted(set(grid))),
    )
