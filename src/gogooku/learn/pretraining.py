"""What reads the history of a name, trained on the train part without labels, before all else.

The task is that of TS2Vec (Yue et al., AAAI 2022; the loss is `gogooku.learn.contrast`). Of the
window of each name two crops are read, with some of their steps hidden at random; what they share
must be recognised: among the names of the session, and among the steps of the name. Names of
different sessions are never compared, as windows of one name a few sessions apart are nearly the
same. A network reads its history forward only, so what a crop holds after the shared steps would
change nothing of them: both crops end with these, and begin at different places.

Only windows that lie in the train part are read, with a refit too. All draws are a function of the
seed and the epoch. Once it is over, the weights are kept in the work of the fit; a fit that is
killed before that does it again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from gogooku.core.errors import ConfigError, DataError
from gogooku.core.metrics import MIN_NAMES
from gogooku.core.types import Dataset, FitExecution, Fold, IntArray
from gogooku.learn.batches import DayBatch, DayReader, Names
from gogooku.learn.contrast import hierarchical_contrast
from gogooku.learn.heartbeat import Heartbeat
from gogooku.learn.kept_tensors import read_tensors, write_tensors
from gogooku.learn.memory import memory_errors
from gogooku.learn.nested import below
from gogooku.learn.network_config import NetworkConfig, PretrainingConfig, TrainingConfig
from gogooku.learn.numerics import numeric_threads

PRETRAINED_FILE: Final = "pretrained.safetensors"
_WORK: Final = "pretraining"
"""Folder, in the work of a fit, of what it needs to go on."""
_DRAWS: Final = 7
"""Last word of the seeds drawn from here: those of the training end otherwise."""


@runtime_checkable
class ReadsCrops(Protocol):
    """A network whose reading of the history can be trained by itself."""

    def crop_steps(self) -> int:
        """Steps of a window."""

    def crop_weights(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Weights that crops are read with, by name."""

    def read_crop(self, batch: DayBatch, crop: slice, masked_BNP: Tensor) -> Tensor:
        """What the steps of a crop say, [B, N, P, W], where the content of some is hidden."""


def pretrain(
    model: nn.Module,
    config: NetworkConfig,
    reader: DayReader,
    fold: Fold,
    *,
    seed: int,
    key: str,
    execution: FitExecution,
) -> None:
    """Train what reads the history of a network, if its config wants that.

    Parameters
    ----------
    key : str
        Identity of the fit; weights of another one are not taken.

    Raises
    ------
    ConfigError
        No window of the train part can be read.
    DataError
        The loss is not finite.
    """
    wanted = config.pretrained_by
    if wanted is None:
        return
    assert isinstance(model, ReadsCrops), type(model).__name__
    own = below(execution, _WORK)
    if own.work is not None and _taken(model, own.work / PRETRAINED_FILE, key):
        return
    own.begin()
    beat = Heartbeat(execution)
    with (
        memory_errors(lambda: beat.stage),
        beat.beating(),
        numeric_threads(1),
        execution.reporter.step("pretrain", total=wanted.epochs) as step,
    ):
        model.to(execution.device)
        indices = windows_within(fold, reader.dataset, lookback=config.lookback)
        task = _Task(model, wanted, reader, indices, seed=seed, device=execution.device)
        for epoch in range(1, wanted.epochs + 1):
            begun = time.perf_counter()
            losses = task.epoch(epoch, config.training, beat)
            execution.events(
                {
                    "event": "pretraining",
                    "epoch": epoch,
                    "sessions": len(indices),
                    "loss": float(np.mean(losses)),
                    "train_seconds": time.perf_counter() - begun,
                }
            )
            step.advance()
    _keep(model, own, key)


def windows_within(fold: Fold, dataset: Dataset, *, lookback: int) -> IntArray:
    """Sessions whose whole window lies in the train part, and that have names to compare.

    Raises
    ------
    ConfigError
        There are none.
    """
    train = fold.indices("train")
    found: IntArray = train[train >= train[0] + lookback - 1]
    found = found[dataset.valid_TN[found].sum(axis=1) >= MIN_NAMES]
    if not len(found):
        raise ConfigError(
            f"pretraining: none of {len(train)} train sessions has {lookback} sessions of history "
            f"in the train part and {MIN_NAMES} names; widen the train part, lower "
            "learner.lookback, or set learner.pretraining.epochs=0"
        )
    return found


def drawn_crops(steps: int, *, shortest: int, rng: np.random.Generator) -> tuple[slice, slice]:
    """Two crops of a window that end together; the first begins not after the second.

    Parameters
    ----------
    steps, shortest : int
        Steps of the window, and fewest that both crops have.
    """
    shared = int(rng.integers(shortest, steps + 1))
    second = int(rng.integers(steps - shared + 1))
    first = int(rng.integers(second + 1))
    return slice(first, second + shared), slice(second, second + shared)


class _Task:
    """Crops of windows to recognise, drawn from a seed."""

    def __init__(
        self,
        model: ReadsCrops,
        config: PretrainingConfig,
        reader: DayReader,
        indices: IntArray,
        *,
        seed: int,
        device: str,
    ) -> None:
        self.model = model
        self.config = config
        self.reader = reader
        self.indices = indices
        self.seed = seed
        self.device = device
        self.rng = np.random.default_rng()
        self.weights = [one for _, one in model.crop_weights()]
        self.optimizer = torch.optim.Adam(self.weights, lr=config.learning_rate)

    def epoch(self, number: int, training: TrainingConfig, beat: Heartbeat) -> list[float]:
        """Train on every session once; the loss of each step."""
        self.rng = np.random.default_rng([self.seed, number, 0, 0, _DRAWS])
        order, losses = self.rng.permutation(self.indices), list[float]()
        for first in range(0, len(order), training.days_per_batch):
            beat.at("pretrain", epoch=number, step=len(losses))
            sessions = np.sort(order[first : first + training.days_per_batch]).tolist()
            losses.append(self._gradient(sessions))
            nn.utils.clip_grad_norm_(self.weights, training.clip_norm)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
        return losses

    def _gradient(self, indices: list[int]) -> float:
        """Leave the gradient of a step on the weights; its loss, the mean over its sessions."""
        names = [self._names(index) for index in indices]
        batch = self.reader.batch(indices, only=names).to(self.device)
        first, second = drawn_crops(
            self.model.crop_steps(), shortest=self.config.shortest, rng=self.rng
        )
        shared = second.stop - second.start
        one_BNPW = self._read(batch, first)[:, :, -shared:]
        other_BNPW = self._read(batch, second)
        losses = [
            hierarchical_contrast(
                one_BNPW[row, : len(own)], other_BNPW[row, : len(own)], across=self.config.across
            )
            for row, own in enumerate(names)
        ]
        loss = torch.stack(losses).mean()
        value = float(loss.detach())
        if not np.isfinite(value):
            days = ", ".join(str(day) for day in self.reader.dataset.sessions[indices])
            raise DataError(f"pretraining: the loss is {value} ({days})")
        loss.backward()  # type: ignore[no-untyped-call]
        return value

    def _names(self, index: int) -> Names:
        names = self.reader.names(index)
        return names[np.sort(self.rng.permutation(len(names))[: self.config.names])]

    def _read(self, batch: DayBatch, crop: slice) -> Tensor:
        shape = (*batch.valid_BN.shape, crop.stop - crop.start)
        masked = torch.from_numpy(self.rng.random(shape) < self.config.masked)
        return self.model.read_crop(batch, crop, masked.to(self.device))


def _taken(model: ReadsCrops, path: Path, key: str) -> bool:
    """Give a network the weights that were kept of the same fit; whether there were some."""
    kept = read_tensors(path, key)
    if kept is None:
        return False
    _, found = kept
    with torch.no_grad():
        for name, weight in model.crop_weights():
            weight.copy_(found[name])
    return True


def _keep(model: ReadsCrops, execution: FitExecution, key: str) -> None:
    """Write the weights into the work of the fit, atomically, behind the events."""
    if execution.work is None:
        return
    if execution.journal is not None:
        execution.journal.mark()
    weights: dict[str, Tensor] = dict(model.crop_weights())
    path = execution.work / PRETRAINED_FILE
    write_tensors(path, weights, key=key, facts={}, point="train.pretrained")
