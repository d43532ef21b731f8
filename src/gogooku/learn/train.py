"""The one training loop of every network.

On the CPU a fit is a pure function of (data, config, seed, threads). All randomness of an epoch is
derived from the seed and the epoch's number, and the state is written whole after every epoch, so a
run that is killed and started again ends with the weights of an undisturbed one. On a GPU the same
holds but for the last bits, as sums over peers are added there in no fixed order.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
from gogooku.learn.diagnostics import StepWatch, gradient_norms, score_spread, unreached
from gogooku.learn.loss_inputs import loss_inputs
from gogooku.learn.losses.batch import batch_loss
from gogooku.learn.losses.needs import needs_of, splittable
from gogooku.learn.network_config import TrainingConfig
from gogooku.learn.parts import PROBED, examined, gates
from gogooku.learn.session_order import session_order
from gogooku.learn.targets import FoldLabels, spread_over
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


def with_quantiles(model: nn.Module, batch: DayBatch) -> tuple[Tensor, Tensor | None]:
    """Scores [B, N, H] of a network, and its quantiles [B, N, H, Q] if it gives some."""
    if getattr(model, "quantiles", None) is None:
        return model(batch), None
    score, quantiles = model.with_quantiles(batch)  # type: ignore[operator]
    return score, quantiles.float()


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
    levels : tuple of float
        Of the quantiles that the model gives.
    """

    model: nn.Module
    config: TrainingConfig
    reader: DayReader
    labels: FoldLabels
    seed: int
    key: str
    execution: FitExecution
    epochs: int | None = None
    levels: tuple[float, ...] = ()

    def run(self) -> int:
        """Train until validation stops improving, and leave the best averaged weights.

        Returns
        -------
        int
            Epochs after which the weights that are left were kept.
        """
        config = self.config
        self.model.to(self.execution.device)
        optimizer = torch.optim.AdamW(
            decay_groups(self.model, config.weight_decay), lr=config.learning_rate
        )
        watch = StepWatch(self.model, optimizer)
        state = TrainState.fresh(self.model)
        if self.execution.work is not None:
            state = read_state(self.execution.work, self.key, self.model, optimizer) or state
        with (
            numeric_threads(self._threads()),
            self.execution.reporter.step("train", total=self._most_epochs()) as step,
        ):
            step.advance(state.epoch)
            while not self._is_done(state):
                self._epoch(state, optimizer, watch)
                if self.execution.work is not None:
                    write_state(self.execution.work, self.key, self.model, optimizer, state)
                write_point("train.epoch")
                step.advance()
                if state.measures:
                    step.note(f"validation RankIC {state.measures[-1]:.4f}")
        self.model.load_state_dict(state.best)
        self.model.eval()
        if self.epochs is None:
            self._examine()
        return state.best_epoch

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

    def _epoch(self, state: TrainState, optimizer: torch.optim.Optimizer, watch: StepWatch) -> None:
        begun = time.perf_counter()
        order = session_order(
            len(self.labels.train.indices),
            self.config.days_per_batch,
            in_strips=not splittable(self.config.loss),
            rng=np.random.default_rng([self.seed, state.epoch]),
        )
        days = len(order)
        taken, losses, norms = 0, [], []
        self.model.train()
        with seeded(self.seed, state.epoch, device=self.execution.device):
            for first in range(0, days, self.config.days_per_batch):
                rows = np.sort(order[first : first + self.config.days_per_batch]).tolist()
                names = [self._names(state.epoch, row) for row in rows]
                loss, norm = self._step(state, optimizer, rows, names)
                taken += sum(map(len, names))
                losses.append(loss)
                norms.append(norm)
        event = {
            "rows": taken,
            "loss": float(np.mean(losses)),
            "grad_norm": float(np.mean(norms)),
            "train_seconds": time.perf_counter() - begun,
            "loss_max": float(np.max(losses)),
            **watch.epoch(),
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
        loss = self._loss(batch, rows, names)
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

    def _loss(self, batch: DayBatch, rows: list[int], names: list[Names]) -> Tensor:
        config, labels, device = self.config, self.labels, self.execution.device
        packed = packed_labels(labels.train.values_TNH, rows, names, width=batch.valid_BN.shape[1])
        label_BNH = torch.from_numpy(packed)
        known = label_BNH.isfinite()
        batch = batch.to(device)
        inputs = None
        if needs_of(config.loss):
            score, quantiles = with_quantiles(self.model, batch)
            inputs = loss_inputs(
                self.reader,
                labels,
                rows,
                names,
                batch,
                quantiles=quantiles,
                levels=self.levels,
            )
        else:
            score = self.model(batch)
        return batch_loss(
            score.float(),
            torch.where(known, label_BNH, 0.0).to(device),
            known.to(device),
            horizon_weights=config.horizon_weights,
            config=config.loss,
            inputs=inputs,
        )

    def _validate(self, state: TrainState, event: Mapping[str, Any]) -> None:
        valid = self.labels.valid
        live = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.model.load_state_dict(state.averaged)
        score = score_sessions(
            self.model, self.reader, valid.indices.tolist(), device=self.execution.device
        )
        seen = self._sample.rank_ic(self.model, self.reader, device=self.execution.device)
        probed = spread_over(PROBED, valid.indices.tolist())
        opened = gates(self.model, self.reader, probed, device=self.execution.device)
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
                "gates": opened,
                "measure": measure,
                "kept": kept,
            }
        )

    def _examine(self) -> None:
        """Say what each part of the kept network does on a few validation sessions."""
        device = self.execution.device
        with seeded(self.seed, device=device), numeric_threads(1):
            found = examined(self.model, self.reader, self.labels.valid, device=device)
        self.execution.events({"event": "examined", **found})
