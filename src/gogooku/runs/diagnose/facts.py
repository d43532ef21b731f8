"""What a run says of itself: its fits from their events, and its folds from scores and labels."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from gogooku.core.config import assignments_for, leaves
from gogooku.core.registry import VariantConfig
from gogooku.core.stamp import CONFIG_FILE
from gogooku.learn.models.blend.config import BlendConfig
from gogooku.learn.network_config import NetworkConfig
from gogooku.runs.config import TrainConfig
from gogooku.runs.folder import Run
from gogooku.runs.named import run_named
from gogooku.runs.report import events_of

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Measure:
    """A mean daily RankIC with an error that is never too small.

    Neighbouring sessions share almost all of a label of several sessions, so ``sessions`` count
    as many as fit into them without overlap.
    """

    value: float
    error: float
    sessions: int

    @classmethod
    def of(cls, daily: np.ndarray[Any, np.dtype[np.float64]], *, horizon: int) -> Measure:
        """Of a daily series; NaN days do not count."""
        known = daily[np.isfinite(daily)]
        if len(known) < 3:
            return cls(math.nan, math.nan, len(known))
        error = float(known.std(ddof=1)) * math.sqrt(horizon / len(known))
        return cls(float(known.mean()), error, len(known))

    @property
    def t(self) -> float:
        """Value over its error; 0 where unknown."""
        return self.value / self.error if self.error > 0 else 0.0


@dataclass(frozen=True)
class Related:
    """The feature that is related most to the labels on train dates.

    Attributes
    ----------
    feature : str
    horizon : int
    measure : Measure
        Its RankIC.
    limit : float
        What its `Measure.t` must exceed, so many features and horizons having been tried.
    tried : int
    """

    feature: str
    horizon: int
    measure: Measure
    limit: float
    tried: int

    @property
    def is_there(self) -> bool:
        """Whether it is more than chance."""
        return abs(self.measure.t) > self.limit


@dataclass(frozen=True)
class FoldFacts:
    """What is known of a fold where its dataset is in the home.

    Attributes
    ----------
    number : int
    train_sessions, valid_sessions, train_rows : int
        With labels; rows are names times sessions, of the shortest horizon.
    names : float
        Median number of names with a label of a train session.
    valid : mapping of int to Measure
        RankIC of the stored validation scores by horizon, on the label that selects.
    own_scores : mapping of int to float
        By horizon, mean share of a validation session's names that have a score of their own.
    spread : mapping of int to float
        By horizon, mean standard deviation of the scores across names.
    rescored, differing : int
        Scores made again, and those that are not what was stored.
    largest : float
        Largest difference of those, as a share of the spread.
    related : Related
    """

    number: int
    train_sessions: int
    valid_sessions: int
    train_rows: int
    names: float
    valid: Mapping[int, Measure]
    own_scores: Mapping[int, float]
    spread: Mapping[int, float]
    rescored: int
    differing: int
    largest: float
    related: Related

    @property
    def has_skill(self) -> bool:
        """Whether RankIC of validation is above chance at any horizon."""
        return any(one.t > 2.0 for one in self.valid.values())


@dataclass(frozen=True)
class Fit:
    """One learner fitted on one fold, as its events report it.

    Attributes
    ----------
    fold : int
    again : bool
        Fitted on train and validation together, with what another fit had selected.
    member : str
        Of a blend: its place, kind and seed; empty for none.
    path : str
        Dotted path of its settings in the run's.
    config : VariantConfig
    events : tuple of events
    facts : FoldFacts, optional
        None where the dataset is gone.
    """

    fold: int
    again: bool
    member: str
    path: str
    config: VariantConfig
    events: tuple[Event, ...]
    facts: FoldFacts | None = None

    @property
    def is_network(self) -> bool:
        """Whether it was fitted by the training loop of the networks."""
        return isinstance(self.config, NetworkConfig)

    def all(self, event: str) -> list[Event]:
        """Events of a kind, as they came."""
        return [one for one in self.events if one.get("event") == event]

    def last(self, event: str) -> Event:
        """The last event of a kind; nothing where there is none."""
        return next(reversed(self.all(event)), {})

    @cached_property
    def epochs(self) -> list[Event]:
        """Events of its epochs in order, each once: one that was cut short was done again."""
        found = {int(one["epoch"]): one for one in self.all("epoch")}
        return [found[epoch] for epoch in sorted(found)]

    @cached_property
    def weights(self) -> Mapping[str, float]:
        """Share of each horizon in what is selected on."""
        assert isinstance(self.config, NetworkConfig)
        given = self.config.training.horizon_weights
        names = next((list(one["rank_ic"]) for one in self.epochs if "rank_ic" in one), [])
        return dict(zip(names, (w / (sum(given) or 1.0) for w in given), strict=False))

    def curve(self, name: str) -> list[float]:
        """A RankIC of every epoch, horizons weighted as the selection does; empty if unknown."""
        if not self.is_network or any(name not in one for one in self.epochs):
            return []
        return [
            sum(share * one[name][horizon] for horizon, share in self.weights.items())
            for one in self.epochs
        ]

    @property
    def train_curve(self) -> list[float]:
        """RankIC on train dates by epoch."""
        return self.curve("train_rank_ic")

    @property
    def valid_curve(self) -> list[float]:
        """RankIC on validation dates by epoch."""
        return self.curve("rank_ic")

    @property
    def kept(self) -> int:
        """The epoch (from 1) whose weights were kept."""
        kept = [int(one["epoch"]) for one in self.epochs if one.get("kept")]
        return kept[-1] if kept else 0

    def settings(self, word: str) -> dict[str, Any]:
        """Its settings whose name ends in a word, by dotted path."""
        every = leaves(self.config.model_dump(mode="json"))
        return {path: v for path, v in every if path.endswith(word)}


@dataclass(frozen=True)
class Facts:
    """A run as the checks see it.

    Attributes
    ----------
    run : Run
    fits : tuple of Fit
    folds : tuple of FoldFacts
        None where the dataset is gone.
    """

    run: Run
    fits: tuple[Fit, ...]
    folds: tuple[FoldFacts, ...] = field(default=())

    def command(self, fit: Fit | None, **settings: Any) -> str:
        """What tries other settings of a fit: paths within it, dots written as ``__``."""
        given = {name.replace("__", "."): value for name, value in settings.items()}
        if fit is not None and fit.member:
            listed = ", ".join(f"{path}={toml(value)}" for path, value in given.items())
            return f"in {fit.path} ({fit.member}) set {listed}"
        prefix = "" if fit is None else f"{fit.path}."
        return again(self.run, {f"{prefix}{path}": value for path, value in given.items()})


def toml(value: Any) -> str:
    """A setting's value as it is given on the command line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml(one) for one in value)}]"
    return str(value)


def again(run: Run, settings: Mapping[str, Any]) -> str:
    """The command that trains a run anew, with some settings changed."""
    name = str(run.manifest["name"])
    words = ["gogooku", "train", name, "--dataset", run.dataset_name]
    written = {
        path: entry
        for path, entry in run.files.json(CONFIG_FILE).items()
        if path not in settings and entry["from"] != "default"
    }
    for text in assignments_for(written, run_named(name)):
        words += ["--set", text]
    for path, value in settings.items():
        words += ["--set", f"{path}={toml(value)}"]
    return shlex.join(words)


def fits_of(run: Run, folds: Sequence[FoldFacts] = ()) -> tuple[Fit, ...]:
    """The fits of a run from its events, in the order in which they began."""
    by_number = {one.number: one for one in folds}
    groups: dict[tuple[Any, ...], list[Event]] = {}
    again_on: dict[int, bool] = {}
    for event in events_of(run):
        number = int(str(event.get("fold", 0)))
        if event.get("event") == "fold":
            again_on[number] = event.get("fitted_on") == "train and valid"
            continue
        if "part" in event:  # a fit within it, such as the probe of a pruning
            continue
        member = (event.get("member_number"), event.get("member_seed"))
        key = (number, again_on.get(number, False), *member)
        groups.setdefault(key, []).append(event)
    return tuple(
        _fit(run.training(), key, tuple(events), by_number.get(key[0]))
        for key, events in groups.items()
    )


def _fit(
    config: TrainConfig, key: tuple[Any, ...], events: tuple[Event, ...], facts: FoldFacts | None
) -> Fit:
    number, is_again, place, seed = key
    learner, member, path = config.learner, "", "learner"
    if isinstance(learner, BlendConfig) and place is not None:
        learner = learner.members[place]
        member, path = f"member {place}, {learner.kind}, seed {seed}", f"learner.members[{place}]"
    return Fit(number, is_again, member, path, learner, events, facts)


def over_parts(epoch: Event, name: str) -> Iterator[float]:
    """A number of every part of a network that an epoch reported."""
    for reported in epoch.get("parts", {}).values():
        yield float(reported[name])
