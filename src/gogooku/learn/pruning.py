"""Which features a network is fitted on: all, or those that a first fit made use of.

Everything happens within the train part of a fold. Its tail is held back, a probe is fitted on what
comes before, and the tail shows what the probe loses without each group of features. So neither
the validation part, which decides on epochs and would flatter what it has decided twice, nor the
test part has a say. Measured where the probe was fitted, a feature learned by heart would seem to
be worth something.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gogooku.core.errors import ConfigError
from gogooku.core.metrics import FloatArray, mean_estimate
from gogooku.core.types import Checkpoint, Dataset, FitExecution, Fold, Labels
from gogooku.learn.feature_groups import correlated_groups, rank_correlation
from gogooku.learn.importance import evenly_spaced, rank_ic_lost
from gogooku.learn.names import positions
from gogooku.learn.network_config import NetworkConfig, PruneKind
from gogooku.learn.targets import fold_labels

FEWEST_SESSIONS: Final = 10
"""A probe is fitted on at least so many."""

Groups = list[npt.NDArray[np.intp]]


@dataclass(frozen=True)
class Worth:
    """What a group of features is worth: RankIC lost without it, and its standard error."""

    columns: npt.NDArray[np.intp]
    lost: float
    error: float

    def upper(self, errors: float) -> float:
        """The most that it may be worth."""
        return self.lost + errors * self.error


def probe_fold(fold: Fold, *, tail: float, lookback: int) -> Fold:
    """The train part alone as a fold: what comes before its tail, and the tail to judge on.

    Raises
    ------
    ConfigError
        The train part is too short, or lies on both sides of the test part.
    """
    if not fold.out_of_time:
        raise ConfigError(
            "pruning: its probe needs a train part in one piece, which a cross-validation has not; "
            "set learner.pruning.by=none, or split.kind=walk_forward"
        )
    train = fold.indices("train")
    held = max(1, round(tail * len(train)))
    first = max(int(train[0]), lookback - 1)
    end = int(train[-1]) - held - fold.purge
    if end - first + 1 < FEWEST_SESSIONS:
        raise ConfigError(
            f"pruning: of {len(train)} train sessions the tail takes {held} and the purge "
            f"{fold.purge}, which leaves {max(0, end - first + 1)} with {lookback} of history to "
            f"fit a probe on, fewer than {FEWEST_SESSIONS}; widen the train part, lower "
            "pruning.tail, or set pruning.by=none"
        )
    day = fold.sessions.tolist()
    return Fold(
        sessions=fold.sessions,
        train=(fold.train[0], day[end]),
        valid=(day[int(train[-1]) - held + 1], day[int(train[-1])]),
        test=fold.valid,
        purge=fold.purge,
    )


def kept_features(
    config: NetworkConfig,
    dataset: Dataset,
    labels: Labels,
    fold: Fold,
    *,
    fit: Callable[[Fold], Checkpoint],
    rng: np.random.Generator,
    execution: FitExecution,
) -> tuple[str, ...]:
    """Names of the features that a network is fitted on, in the order of the dataset.

    Parameters
    ----------
    fit : callable
        Fits the network on all features of a fold.
    rng : np.random.Generator
        For names, permutations and what is dropped at random.
    """
    pruning = config.pruning
    if pruning.by is PruneKind.NONE:
        return dataset.features
    probe = probe_fold(fold, tail=pruning.tail, lookback=config.lookback)
    correlation = rank_correlation(dataset, probe.indices("train"), rng=rng)
    groups = correlated_groups(correlation, above=pruning.correlation)
    worth = _worth(config, dataset, labels, probe, groups, checkpoint=fit(probe), rng=rng)
    channels = positions(dataset.features, config.dynamic_features, setting="dynamic_features")
    kept = worthy(worth, errors=pruning.errors, channels=channels)
    if pruning.by is PruneKind.RANDOM:
        kept = as_many_at_random(groups, count=len(kept), channels=channels, rng=rng)
    for one in worth:
        execution.events(_event(one, dataset.features, kept, errors=pruning.errors))
    total = len(dataset.features)
    execution.events(
        {"event": "pruned", "by": pruning.by.value, "features": len(kept), "of": total}
    )
    return tuple(dataset.features[column] for column in kept)


def _worth(
    config: NetworkConfig,
    dataset: Dataset,
    labels: Labels,
    probe: Fold,
    groups: Groups,
    *,
    checkpoint: Checkpoint,
    rng: np.random.Generator,
) -> list[Worth]:
    """What each group is worth to a probe on the tail that it was not fitted on."""
    tail = fold_labels(
        dataset, labels, probe, config=config, first_history=config.lookback - 1
    ).valid
    judged = evenly_spaced(tail, sessions=config.pruning.sessions)
    _, lost = rank_ic_lost(
        checkpoint,
        dataset,
        judged,
        groups,
        names=config.pruning.names,
        lookback=config.lookback,
        rng=rng,
    )
    overlap = max(1, -(-max(labels.horizons) * len(judged.indices) // len(tail.indices)))
    found = [mean_estimate(one, horizon=overlap) for one in _over_horizons(lost).T]
    return [
        Worth(columns=group, lost=one.value, error=one.error)
        for group, one in zip(groups, found, strict=True)
    ]


def _over_horizons(lost_TGH: FloatArray) -> FloatArray:
    """Mean over the horizons that are known, [sessions, groups]; NaN where none is."""
    known = np.isfinite(lost_TGH)
    count = known.sum(axis=2)
    total = np.where(known, lost_TGH, 0.0).sum(axis=2)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def worthy(
    worth: Sequence[Worth], *, errors: float, channels: npt.NDArray[np.intp]
) -> npt.NDArray[np.intp]:
    """Columns of the groups that may be worth something, ascending.

    A network reads the history of one channel at least: where none of ``channels`` is among them,
    the best group with one is kept too.
    """
    kept = [one for one in worth if not one.upper(errors) <= 0.0]
    if not any(np.isin(one.columns, channels).any() for one in kept):
        with_channel = [one for one in worth if np.isin(one.columns, channels).any()]
        kept.append(max(with_channel, key=lambda one: one.upper(errors)))
    return np.sort(np.concatenate([one.columns for one in kept]))


def as_many_at_random(
    groups: Groups, *, count: int, channels: npt.NDArray[np.intp], rng: np.random.Generator
) -> npt.NDArray[np.intp]:
    """So many columns of whole groups in random order (the last may be cut), ascending.

    The first of them is the group of one of ``channels``, as a network needs one.
    """
    first = int(rng.permutation(channels)[0])
    order = [groups[place] for place in rng.permutation(len(groups))]
    order.sort(key=lambda group: first not in group)
    columns = np.concatenate(order)
    columns = np.concatenate([[first], columns[columns != first]])
    return np.sort(columns[:count])


def with_channels(config: NetworkConfig, dataset: Dataset, kept: Sequence[str]) -> NetworkConfig:
    """The config with the channels of the history that are kept, each by its own name."""
    places = positions(dataset.features, config.dynamic_features, setting="dynamic_features")
    names = [dataset.features[place] for place in places]
    return config.model_copy(
        update={"dynamic_features": tuple(name for name in names if name in kept)}
    )


def _event(
    one: Worth, features: Sequence[str], kept: npt.NDArray[np.intp], *, errors: float
) -> dict[str, Any]:
    """What is known of a group, and what of it is dropped."""
    dropped = [features[column] for column in one.columns if column not in kept]
    return {
        "event": "feature_group",
        "features": [features[column] for column in one.columns],
        "rank_ic_lost": one.lost,
        "error": one.error,
        "upper": one.upper(errors),
        "dropped": dropped,
    }
