"""The one training loop of every network.

On the CPU a fit is a pure function of (data, config, seed, threads). All randomness of an epoch is
derived from the seed and the epoch's number. The state is written whole after every epoch, and
within one after some seconds, with that of the generators: a run that is killed at any step and
started again ends with the weights and the events of an undisturbed one. On a GPU the same holds
but for the last bits, as sums over peers are added there in no fixed order.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from gogooku.core.errors import DataError
from gogooku.core.files import write_point
from gogooku.core.types import FitExecution
from gogooku.learn.batches import DayBatch, DayReader, Names, packed_labels
from gogooku.learn.diagnostics import gradient_norms, score_spread, unreached
from gogooku.learn.losses.batch import batch_loss
from gogooku.learn.network_config import TrainingConfig
from gogooku.learn.targets import FoldLabels
from gogooku.learn.thinning import drawn
from gogooku.learn.train_sample import TrainSample
from gogooku.learn.train_state import TrainState, read_state, write_state

MANY_PRODUCTS: Final = 400_000_000
"""Rows (names times sessions) times weights of a step from which more than one thread is used."""


@contextmanager
def numeric_threads(threads: int) -> Iterator[None]:
    """Run torch with a number of threads, and put the old number back."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def seeded(*words: int, device: str = "cpu") -> Iterator[None]:
    """Make torch's generators a function of some integers, and put the old state back.

    Those of the CPU and of the device that is used; others are left alone.
    """
    seed = int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> 1)
    used = [torch.device(device)] if torch.device(device).type == "cuda" else []
    with torch.random.fork_rng(devices=used):
        torch.default_generator.manual_seed(seed)
        for one in used:
            with torch.cuda.device(one):
                torch.cuda.manual_seed(seed)
        yield


def generators(device: str) -> dict[str, Tensor]:
    """State of torch's generators that a fit on a device draws from, by device."""
    found = {"cpu": torch.get_rng_state()}
    if torch.device(device).type == "cuda":
        found[device] = torch.cuda.get_rng_state(device)
    return found


def put_generators(states: Mapping[str, Tensor]) -> None:
    """Put torch's generators where `generators` found them."""
    for device, state in states.items():
        if device == "cpu":
            torch.set_rng_state(state)
        else:
            torch.cuda.set_rng_state(state, device)


def score_sessions(
    model: nn.Module, reader: DayReader, indices: Sequence[int], *, device: str
) -> npt.NDArray[np.float32]:
    """Scores [t, N, H] in evaluation mode, NaN outside the universe.

    Each session is a batch of its own on one thread, so its bits do not depend on the others.
    """
    rows: list[npt.NDArray[np.float32]] = []
    model.eval()
    with torch.inference_mode(), numeric_threads(1):
        for index in indices:
            batch = reader.batch([index]).to(device)
            score_NH = model(batch)[0].cpu().numpy()
            names = reader.names(index)
            row = np.full((reader.num_names, score_NH.shape[1]), np.nan, dtype=np.float32)
            row[names] = score_NH[: len(names)]
            rows.append(row)
    return np.stack(rows)


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups of the optimiser: matrices decay, vectors do not; every weight is in one."""
    matrices = [weight for weight in model.parameters() if weight.ndim >= 2]
    vectors = [weight for weight in model.parameters() if weight.ndim < 2]
    return [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]


@dataclass
class NetworkFit:
    """One network, its inputs and its labels.

    Attributes
    ----------
    model : nn.Module
        Maps a `DayBatch` to scores [B, N, H]; holds the kept weights after `run`.
    config : TrainingConfig
    reader : DayReader
    labels : FoldLabels
    seed : int
    key : str
        Identity of this fit; saved state of another one is not taken up.
    execution : FitExecution
    epochs : int, optional
        Train exactly so many and keep the last averaged weights; nothing is selected.
    """

    model: nn.Module
    config: TrainingConfig
    reader: DayReader
    labels: FoldLabels
    seed: int
    key: str
    execution: FitExecution
    epochs: int | None = None
    _saved: float = field(default_factory=time.monotonic, init=False)

    def run(self) -> int:
        """Train until validation stops improving, and leave the best averaged weights.

        Returns
        -------
        int
            Epochs after which the weights that are left were kept.
        """
        config, execution = self.config, self.execution
        self.model.to(execution.device)
        optimizer = torch.optim.AdamW(
            decay_groups(self.model, config.weight_decay), lr=config.learning_rate
        )
        state = self._taken_up(optimizer)
        with (
            numeric_threads(self._threads()),
            execution.reporter.step("train", total=self._most_epochs()) as step,
        ):
            step.advance(state.epoch)
            while not self._is_done(state):
                self._epoch(state, optimizer)
                self._save(state, optimizer)
                write_point("train.epoch")
                step.advance()
                if state.measures:
                    step.note(f"validation RankIC {state.measures[-1]:.4f}")
        self.model.load_state_dict(state.best)
        self.model.eval()
        return state.best_epoch

    def _taken_up(self, optimizer: torch.optim.Optimizer) -> TrainState:
        """Where an interrupted fit of the same key stood, or the beginning."""
        execution = self.execution
        execution.begin()
        saved = None
        if execution.work is not None:
            saved = read_state(execution.work, self.key, device=execution.device)
        if saved is None:
            count = sum(weight.numel() for weight in self.model.parameters())
            execution.events({"event": "model", "parameters": count})
            return TrainState.fresh(self.model)
        if execution.journal is not None:
            execution.journal.rewind(saved.state.mark)
        saved.put(self.model, optimizer)
        return saved.state

    def _save(self, state: TrainState, optimizer: torch.optim.Optimizer) -> None:
        self._saved = time.monotonic()
        if self.execution.work is None:
            return
        if self.execution.journal is not None:
            state.mark = self.execution.journal.mark()
        write_state(self.execution.work, self.key, self.model, optimizer, state)

    def _most_epochs(self) -> int:
        return self.config.max_epochs if self.epochs is None else self.epochs

    def _is_done(self, state: TrainState) -> bool:
        return state.is_done(self.config) if self.epochs is None else state.epoch >= self.epochs

    @cached_property
    def _sample(self) -> TrainSample:
        """What RankIC on train dates is measured on."""
        return TrainSample.chosen(
            self.reader, self.labels.train, row_share=self.config.row_share, seed=self.seed
        )

    def _threads(self) -> int:
        """Threads of a step: one when it is small.

        Threads that wait for each other spin; on a machine whose cores are also wanted by others
        two threads then take 3 to 15 times as long as one (measured at 1,280 rows of 50,000
        weights), and gain little when the cores are free.
        """
        rows = self.reader.dataset.valid_TN[self.labels.train.indices].sum(axis=1).mean()
        weights = sum(weight.numel() for weight in self.model.parameters())
        step = rows * self.config.row_share * self.config.days_per_batch * weights
        return self.execution.threads if step >= MANY_PRODUCTS else 1

    def _epoch(self, state: TrainState, optimizer: torch.optim.Optimizer) -> None:
        """Train one epoch, or what is left of it, and look at validation."""
        days = len(self.labels.train.indices)
        order = np.random.default_rng([self.seed, state.epoch]).permutation(days)
        so_far, device = state.so_far, self.execution.device
        self.model.train()
        with seeded(self.seed, state.epoch, device=device):
            put_generators(state.generators)
            while so_far.sessions < days:
                begun = time.perf_counter()
                first = so_far.sessions
                rows = np.sort(order[first : first + self.config.days_per_batch]).tolist()
                names = [self._names(state.epoch, row) for row in rows]
                loss, norm = self._step(state, optimizer, rows, names)
                so_far.sessions += len(rows)
                so_far.rows += sum(map(len, names))
                so_far.losses.append(loss)
                so_far.norms.append(norm)
                so_far.seconds += time.perf_counter() - begun
                if time.monotonic() - self._saved >= self.execution.save_seconds:
                    state.generators = generators(device)
                    self._save(state, optimizer)
        event = {
            "rows": so_far.rows,
            "loss": float(np.mean(so_far.losses)),
            "grad_norm": float(np.mean(so_far.norms)),
            "train_seconds": so_far.seconds,
        }
        if self.epochs is None:
            self._validate(state, event)
        else:
            state.keep()
            self.execution.events({"event": "epoch", "epoch": state.epoch, **event, "kept": True})

    def _names(self, epoch: int, row: int) -> Names:
        """Names of a train session that an epoch trains on: a function of the seed."""
        train = self.labels.train
        return drawn(
            self.reader.names(int(train.indices[row])),
            np.isfinite(train.values_TNH[row]),
            share=self.config.row_share,
            rng=np.random.default_rng([self.seed, epoch, 1 + row]),
        )

    def _step(
        self,
        state: TrainState,
        optimizer: torch.optim.Optimizer,
        rows: list[int],
        names: list[Names],
    ) -> tuple[float, float]:
        config, train = self.config, self.labels.train
        batch = self.reader.batch(train.indices[rows].tolist(), only=names)
        loss = self._loss(batch, self._labels(rows, names, width=batch.valid_BN.shape[1]))
        value = float(loss.detach())
        if not np.isfinite(value):
            days = ", ".join(str(d) for d in self.reader.dataset.sessions[train.indices[rows]])
            raise DataError(f"train: the loss is {value} at step {state.step} ({days})")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if state.step == 0:
            found = gradient_norms(self.model)
            self.execution.events(
                {"event": "gradients", "norms": found, "unreached": unreached(found)}
            )
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), config.clip_norm)
        for group in optimizer.param_groups:
            group["lr"] = self._rate(state.step)
        optimizer.step()
        state.step += 1
        state.average(self.model, decay=config.ema_decay)
        return value, float(norm)

    def _rate(self, step: int) -> float:
        """Learning rate of a step: linear warm-up, then a cosine to its final share."""
        config = self.config
        per_epoch = -(-len(self.labels.train.indices) // config.days_per_batch)
        progress = min(1.0, step / (per_epoch * config.max_epochs))
        cosine = 0.5 * (1.0 + math.cos(math.pi * progress))
        share = config.final_rate_share + (1.0 - config.final_rate_share) * cosine
        return config.learning_rate * share * min(1.0, (step + 1) / max(config.warmup_steps, 1))

    def _labels(self, rows: list[int], names: list[Names], *, width: int) -> Tensor:
        values_TNH = self.labels.train.values_TNH
        return torch.from_numpy(packed_labels(values_TNH, rows, names, width=width))

    def _loss(self, batch: DayBatch, label_BNH: Tensor) -> Tensor:
        device = self.execution.device
        known = label_BNH.isfinite()
        return batch_loss(
            self.model(batch.to(device)).float(),
            torch.where(known, label_BNH, 0.0).to(device),
            known.to(device),
            horizon_weights=self.config.horizon_weights,
            config=self.config.loss,
        )

    def _validate(self, state: TrainState, event: Mapping[str, Any]) -> None:
        valid = self.labels.valid
        live = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.model.load_state_dict(state.averaged)
        score = score_sessions(
            self.model, self.reader, valid.indices.tolist(), device=self.execution.device
        )
        seen = self._sample.rank_ic(self.model, self.reader, device=self.execution.device)
        self.model.load_state_dict(live)
        rank_ic = valid.rank_ic(score)
        measure = float(np.average(rank_ic, weights=self.config.horizon_weights))
        kept = state.record(measure, self.config)
        horizons = [str(h) for h in self.labels.horizons]
        self.execution.events(
            {
                "event": "epoch",
                "epoch": state.epoch,
                **event,
                "rank_ic": dict(zip(horizons, rank_ic, strict=True)),
                "train_rank_ic": dict(zip(horizons, seen, strict=True)),
                "score_spread": dict(zip(horizons, score_spread(score), strict=True)),
                "measure": measure,
                "kept": kept,
            }
        )
