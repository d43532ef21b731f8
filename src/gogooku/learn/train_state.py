"""The state of a fit between epochs, in one file that is replaced as a whole."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from gogooku.core.files import readable, storage_errors, write_point
from gogooku.learn.network_config import TrainingConfig

STATE_FILE = "train_state.safetensors"

Weights = dict[str, Tensor]


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
        Validation measure of each epoch.
    best_epoch : int
        The epoch (from 1) whose averaged weights are kept; 0 before the first.
    best_measure : float
        The highest smoothed measure so far.
    """

    averaged: Weights
    best: Weights
    epoch: int = 0
    step: int = 0
    measures: list[float] = field(default_factory=list)
    best_epoch: int = 0
    best_measure: float = -np.inf

    @classmethod
    def fresh(cls, model: nn.Module) -> TrainState:
        """State before the first step."""
        return cls(averaged=_copied(model), best=_copied(model))

    def average(self, model: nn.Module, *, decay: float) -> None:
        """Move the averaged weights towards the model's; early steps forget faster."""
        keep = min(decay, (1.0 + self.step) / (10.0 + self.step))
        with torch.no_grad():
            for name, value in model.state_dict().items():
                self.averaged[name].lerp_(value, 1.0 - keep)

    def record(self, measure: float, config: TrainingConfig) -> bool:
        """Note an epoch's validation measure; keep its averaged weights unless they are worse."""
        self.epoch += 1
        self.measures.append(measure)
        smoothed = float(np.mean(self.measures[-config.smoothing :]))
        self.best_measure = max(self.best_measure, smoothed)
        if smoothed < self.best_measure - config.tolerance:
            return False
        self.best_epoch = self.epoch
        self.best = {name: value.clone() for name, value in self.averaged.items()}
        return True

    def keep(self) -> None:
        """Note an epoch of which nothing is measured; keep its averaged weights."""
        self.epoch += 1
        self.best_epoch = self.epoch
        self.best = {name: value.clone() for name, value in self.averaged.items()}

    def is_done(self, config: TrainingConfig) -> bool:
        """Whether the fit is over: out of epochs, or out of patience."""
        late = self.epoch - self.best_epoch >= config.patience and self.epoch > 0
        return self.epoch >= config.max_epochs or late


def _copied(model: nn.Module) -> Weights:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def write_state(
    folder: Path, key: str, model: nn.Module, optimizer: torch.optim.Optimizer, state: TrainState
) -> None:
    """Write everything the next epoch starts from, atomically."""
    parts = {"model": _copied(model), "averaged": state.averaged, "best": state.best}
    tensors = {
        f"{part}/{name}": w for part, weights in parts.items() for name, w in weights.items()
    }
    for index, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"adam/{index}/{slot}": value for slot, value in slots.items()}
    facts = {
        "key": key,
        "epoch": state.epoch,
        "step": state.step,
        "measures": state.measures,
        "best_epoch": state.best_epoch,
        "best_measure": state.best_measure,
    }
    temporary = folder / f".{STATE_FILE}.tmp"
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        plain = {name: value.contiguous().cpu() for name, value in tensors.items()}
        save_file(plain, temporary, metadata={"state": json.dumps(facts)})
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        write_point("train.state")
        os.replace(temporary, folder / STATE_FILE)


def read_state(
    folder: Path, key: str, model: nn.Module, optimizer: torch.optim.Optimizer
) -> TrainState | None:
    """Take up the state of an interrupted fit of the same key; None when there is none.

    Loads the weights into the model and the moments into the optimiser.
    """
    path = folder / STATE_FILE
    if not path.exists():
        return None
    with readable(path), safe_open(path, framework="pt") as handle:
        facts = json.loads(handle.metadata()["state"])
        if facts["key"] != key:
            return None
        tensors = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118
    device = next(model.parameters()).device
    parts: dict[str, Weights] = {"model": {}, "averaged": {}, "best": {}}
    moments: dict[int, Weights] = {}
    for name, value in tensors.items():
        part, rest = name.split("/", 1)
        if part == "adam":
            index, slot = rest.split("/")
            moments.setdefault(int(index), {})[slot] = value
        else:
            parts[part][rest] = value.to(device)
    model.load_state_dict(parts["model"])
    optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
    return TrainState(
        averaged=parts["averaged"],
        best=parts["best"],
        epoch=facts["epoch"],
        step=facts["step"],
        measures=facts["measures"],
        best_epoch=facts["best_epoch"],
        best_measure=facts["best_measure"],
    )
