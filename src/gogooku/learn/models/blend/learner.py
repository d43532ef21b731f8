"""A blend: each member fitted as it would be alone, scored by the weighted mean of their ranks.

Ranks, not scores, are averaged: members score on scales of their own. Every member's score becomes
its place within the session, from -0.5 to 0.5.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gogooku.core.errors import ContractError
from gogooku.core.forecast import Scores
from gogooku.core.types import Checkpoint, Dataset, FitExecution, Fold, IntArray, Labels
from gogooku.learn.checkpoint import SPREAD, Headed, Header, keep_checkpoint, load_checkpoint
from gogooku.learn.models.blend.config import BlendConfig
from gogooku.learn.nested import below
from gogooku.learn.places import place_spread, places
from gogooku.learn.registry import make_learner

_PARTS = "parts"
"""Name, in a header, of the folders of the members' checkpoints and their weights."""


@dataclass(frozen=True)
class BlendCheckpoint(Headed):
    """Fitted members, in the order of the header's parts."""

    members: tuple[Checkpoint, ...]

    @property
    def parts(self) -> Mapping[str, float]:
        """Weight by folder of each member."""
        found: Mapping[str, float] = self.header.more[_PARTS]
        return found

    def scores(self, dataset: Dataset, indices: IntArray) -> npt.NDArray[np.float32]:
        """Mean ranks [t, N, H], within +-0.5; NaN where a member has no score."""
        self.header.check(dataset)
        shape = (len(indices), len(dataset.codes), len(self.horizons))
        total = np.zeros(shape)
        weights = np.array(list(self.parts.values()))
        for member, weight in zip(self.members, weights / weights.sum(), strict=True):
            total += weight * places(member.scores(dataset, indices))
        return total.astype(np.float32)

    def more_outputs(self, dataset: Dataset, indices: IntArray) -> dict[str, Scores]:
        """How far the members' places are apart, if it is asked for."""
        if not BlendConfig.model_validate(self.header.config).member_spread:
            return {}
        return {SPREAD: place_spread([one.scores(dataset, indices) for one in self.members])}

    def save(self, folder: Path) -> None:
        """Write every member into a folder of its own, then the header."""
        for name, member in zip(self.parts, self.members, strict=True):
            (folder / name).mkdir()
            member.save(folder / name)
        self.header.write(folder)

    @classmethod
    def load(cls, folder: Path, header: Header, *, device: str) -> BlendCheckpoint:
        """Read what `save` wrote."""
        names = header.more[_PARTS]
        members = tuple(load_checkpoint(folder / name, device=device) for name in names)
        return cls(header=header, members=members)


@dataclass(frozen=True)
class BlendLearner:
    """Fits every member, as often as there are seeds."""

    config: BlendConfig

    def fit(
        self,
        dataset: Dataset,
        labels: Labels,
        fold: Fold,
        *,
        rng: np.random.Generator,
        execution: FitExecution,
        chosen: Checkpoint | None = None,
    ) -> BlendCheckpoint:
        """Fit the members one after the other; those of an interrupted fit are read, not fitted."""
        base = int(rng.integers(2**62))
        before = dict(self._members_of(chosen))
        parts, members = {}, []
        for number, seed in self._all():
            name = f"{number}-{seed}"
            member = self.config.members[number]
            place = None if execution.work is None else execution.work / name
            made = _kept(place)
            if made is None:
                fitted = make_learner(member).fit(
                    dataset,
                    labels,
                    fold,
                    rng=np.random.default_rng([base, number, seed]),
                    execution=below(
                        execution,
                        name,
                        "work",
                        member=member.kind,
                        member_number=number,
                        member_seed=seed,
                    ),
                    chosen=before.get(name),
                )
                made = _keep(place, fitted)
            parts[name] = self.config.weights[number] if self.config.weights else 1.0
            members.append(made)
        header = Header.of(
            self.config, dataset, trained_through=_through(members), more={_PARTS: parts}
        )
        return BlendCheckpoint(header=header, members=tuple(members))

    def _all(self) -> Iterator[tuple[int, int]]:
        """Member and seed, of every fit."""
        for number in range(len(self.config.members)):
            for seed in range(self.config.seeds):
                yield number, seed

    def _members_of(self, chosen: Checkpoint | None) -> Iterator[tuple[str, Checkpoint]]:
        if chosen is not None:
            assert isinstance(chosen, BlendCheckpoint), type(chosen).__name__
            yield from zip(chosen.parts, chosen.members, strict=True)


def _kept(place: Path | None) -> Checkpoint | None:
    done = None if place is None else place / "checkpoint"
    return load_checkpoint(done) if done is not None and done.exists() else None


def _keep(place: Path | None, fitted: Checkpoint) -> Checkpoint:
    """Keep a fitted member beside the work, whole or not at all."""
    if place is None:
        return fitted
    keep_checkpoint(fitted, place / "checkpoint")
    shutil.rmtree(place / "work", ignore_errors=True)
    return load_checkpoint(place / "checkpoint")


def _through(members: list[Checkpoint]) -> dict[int, Any]:
    """Per horizon, the last date at which a label of any member resolved."""
    horizons = members[0].horizons
    if any(one.horizons != horizons for one in members):
        raise ContractError("blend: its members score other horizons; fit them with one config")
    return {h: max(one.trained_through[h] for one in members) for h in horizons}
