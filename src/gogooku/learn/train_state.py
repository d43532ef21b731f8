"""The state of a fit after any step, in one file that is replaced as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gogooku.learn.kept_tensors import read_tensors, write_tensors
from gogooku.learn.network_config import TrainingConfig

STATE_FILE = "train_state.safetensors"

Weights = dict[str, Tensor]


@dataclass
class EpochSoFar:
    """What has been done of an epoch that is not over.

    Attributes
    ----------
    sessions, rows : int
        Train sessions of the epoch's order that were stepped over, and their names together.
    losses, norms : list of float
        Loss and gradient norm of each step.
    seconds : float
        Wall time of the steps.
    """

    sessions: int = 0
    rows: int = 0
    losses: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class TrainState:
    """Where a fit stands.

    Attributes
    ----------
    averaged, best : mapping of str to Tensor
        Averaged weights now, and those kept so far.
    epoch, step : int
        Epochs and optimiser steps done.
    measures : list of float
        Validation measure of each epoch of this phase.
    best_epoch : int
        The epoch (from 1) whose averaged weights are kept; 0 before the first.
    best_measure : float
        The highest smoothed measure of this phase so far.
    phase, phase_epoch, phase_step : int
        The phase that is under way, and the epochs and steps that were done before it.
    kept_epochs : list of int
        Epochs that were kept of each phase before it.
    so_far : EpochSoFar
        The epoch that is under way.
    generators : mapping of str to Tensor
        State of torch's generators within an epoch, by device; empty between epochs.
    watched : mapping of str to Tensor
        What the steps of the epoch did (`gogooku.learn.diagnostics.StepWatch`); empty between
        epochs.
    together : int
        Most sessions of a step that are passed through the network at once; 0 for all.
    mark : int
        Place in the events (see `gogooku.core.journal`) at which the state was written.
    """

    averaged: Weights
    best: Weights
    epoch: int = 0
    step: int = 0
    measures: list[float] = field(default_factory=list)
    best_epoch: int = 0
    best_measure: float = -np.inf
    so_far: EpochSoFar = field(default_factory=EpochSoFar)
    generators: Weights = field(default_factory=dict)
    watched: Weights = field(default_factory=dict)
    phase: int = 0
    phase_epoch: int = 0
    phase_step: int = 0
    kept_epochs: list[int] = field(default_factory=list)
    together: int = 0
    mark: int = 0

    @classmethod
    def fresh(cls, model: nn.Module) -> TrainState:
        """State before the first step."""
        return cls(averaged=copied(model), best=copied(model))

    def average(self, model: nn.Module, *, decay: float) -> None:
        """Move the averaged weights towards the model's; early steps forget faster."""
        steps = self.step - self.phase_step
        keep = min(decay, (1.0 + steps) / (10.0 + steps))
        now = model.state_dict()
        with torch.no_grad():
            torch._foreach_lerp_([self.averaged[name] for name in now], [*now.values()], 1.0 - keep)

    def record(self, measure: float, config: TrainingConfig) -> bool:
        """Note an epoch's validation measure; keep its averaged weights unless they are worse."""
        self._over()
        self.measures.append(measure)
        smoothed = float(np.mean(self.measures[-config.smoothing :]))
        self.best_measure = max(self.best_measure, smoothed)
        if smoothed < self.best_measure - config.tolerance:
            return False
        self._keep()
        return True

    def keep(self) -> None:
        """Note an epoch of which nothing is measured; keep its averaged weights."""
        self._over()
        self._keep()

    def _over(self) -> None:
        self.epoch += 1
        self.so_far, self.generators, self.watched = EpochSoFar(), {}, {}

    def _keep(self) -> None:
        self.best_epoch = self.epoch
        self.best = {name: value.clone() for name, value in self.averaged.items()}

    def is_done(self, config: TrainingConfig) -> bool:
        """Whether the phase is over: out of epochs, or out of patience."""
        done = self.epoch - self.phase_epoch
        late = self.epoch - self.best_epoch >= config.patience and done > 0
        return done >= config.max_epochs or late

    @property
    def kept(self) -> tuple[int, ...]:
        """Epochs that are kept of each phase so far."""
        return (*self.kept_epochs, self.best_epoch - self.phase_epoch)

    def next_phase(self, model: nn.Module) -> None:
        """Begin another phase with the kept weights, which the model has."""
        self.kept_epochs = list(self.kept)
        self.phase += 1
        self.phase_epoch = self.best_epoch = self.epoch
        self.phase_step = self.step
        self.averaged, self.best = copied(model), copied(model)
        self.measures, self.best_measure = [], -np.inf

    def facts(self) -> dict[str, Any]:
        """All that is no tensor, as JSON values."""
        held = {name: getattr(self, name) for name in self.__dataclass_fields__}
        plain = {name: value for name, value in held.items() if name not in _TENSORS}
        return {**plain, "so_far": asdict(self.so_far)}


_TENSORS = ("averaged", "best", "generators", "watched")


def copied(model: nn.Module) -> Weights:
    """The weights of a model, as they are now."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def write_state(
    folder: Path, key: str, model: nn.Module, optimizer: torch.optim.Optimizer, state: TrainState
) -> None:
    """Write everything the next step starts from, atomically."""
    parts = {"model": copied(model), **{name: getattr(state, name) for name in _TENSORS}}
    tensors = {
        f"{part}/{name}": w for part, weights in parts.items() for name, w in weights.items()
    }
    for index, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"adam/{index}/{slot}": value for slot, value in slots.items()}
    facts = state.facts()
    write_tensors(folder / STATE_FILE, tensors, key=key, facts=facts, point="train.state")


@dataclass(frozen=True)
class Saved:
    """State of an interrupted fit, read again.

    Attributes
    ----------
    state : TrainState
    model : mapping of str to Tensor
        Weights of the model.
    moments : mapping of int to mapping of str to Tensor
        Of the optimiser, by the place of the weight in it.
    """

    state: TrainState
    model: Weights
    moments: Mapping[int, Weights]

    def put(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Load the weights into the model and the moments into the optimiser."""
        model.load_state_dict(self.model)
        optimizer.load_state_dict({**optimizer.state_dict(), "state": dict(self.moments)})


def read_state(folder: Path, key: str, *, device: str) -> Saved | None:
    """The state of an interrupted fit of the same key, its weights on a device; None for none."""
    kept = read_tensors(folder / STATE_FILE, key)
    if kept is None:
        return None
    facts, tensors = kept
    parts: dict[str, Weights] = {part: {} for part in ("model", *_TENSORS)}
    moments: dict[int, Weights] = {}
    for name, value in tensors.items():
        part, rest = name.split("/", 1)
        if part == "adam":
            index, slot = rest.split("/")
            moments.setdefault(int(index), {})[slot] = value
        else:
            parts[part][rest] = value if part == "generators" else value.to(device)
    state = TrainState(
        averaged=parts["averaged"],
        best=parts["best"],
        generators=parts["generators"],
        watched=parts["watched"],
        so_far=EpochSoFar(**facts.pop("so_far")),
        **facts,
    )
    return Saved(state=state, model=parts["model"], moments=moments)
