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
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from gogooku.core.errors import ResourceError
from gogooku.core.files import write_point
from gogooku.core.progress import Step
from gogooku.core.types import FitExecution
from gogooku.learn.batches import DayBatch, DayReader, Names, packed_labels
from gogooku.learn.diagnostics import StepWatch, gradient_norms, score_spread, unreached
from gogooku.learn.forward import Forward, score_sessions
from gogooku.learn.heartbeat import Heartbeat
from gogooku.learn.loss_inputs import loss_inputs
from gogooku.learn.losses.inputs import LossInputs
from gogooku.learn.losses.needs import needs_of, splittable
from gogooku.learn.memory import HELP, LACKS, first_line, lacks_memory, memory_errors, release
from gogooku.learn.network_config import TrainingConfig
from gogooku.learn.numerics import generators, numeric_threads, put_generators, seeded
from gogooku.learn.parts import PROBED, examined, gates
from gogooku.learn.phases import Phase, check_phases, in_phase, schedule
from gogooku.learn.resident import placed
from gogooku.learn.session_order import session_order
from gogooku.learn.step_values import StepValues
from gogooku.learn.targets import FoldLabels, spread_over
from gogooku.learn.team import Team, team_of
from gogooku.learn.thinning import drawn
from gogooku.learn.train_sample import TrainSample
from gogooku.learn.train_state import Saved, TrainState, read_state, write_state

MANY_PRODUCTS: Final = 400_000_000
"""Rows (names times sessions) times weights of a step from which more than one thread is used."""


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups of the optimiser: matrices decay, vectors do not.

    Every weight that is trained is in one.
    """
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    groups = [
        {"params": [w for w in trained if w.ndim >= 2], "weight_decay": weight_decay},
        {"params": [w for w in trained if w.ndim < 2], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


@dataclass(frozen=True)
class _Stepping:
    """What the steps of a phase are made with."""

    optimizer: torch.optim.Optimizer
    forward: Forward
    watch: StepWatch
    values: StepValues


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
    epochs : tuple of int, optional
        Train each phase exactly so many and keep the last averaged weights; nothing is selected.
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
    epochs: tuple[int, ...] | None = None
    levels: tuple[float, ...] = ()
    _phase: Phase = field(init=False)
    _beat: Heartbeat = field(init=False)
    _saved: float = field(default_factory=time.monotonic, init=False)

    def __post_init__(self) -> None:
        """Stand before the first phase."""
        self._phase = schedule(self.config)[0]
        self._beat = Heartbeat(self.execution)

    @cached_property
    def _team(self) -> Team:
        """The processes that fit together."""
        return team_of(self.execution.processes)

    def run(self) -> tuple[int, ...]:
        """Train every phase until validation stops improving; leave the best averaged weights.

        Returns
        -------
        tuple of int
            Of each phase, the epochs after which the weights that are left were kept.
        """
        phases = schedule(self.config)
        check_phases(phases, self.model)
        total = sum(phase.config.max_epochs for phase in phases)
        with (
            memory_errors(lambda: f"train, {self._beat.stage}"),
            self._beat.beating(),
            numeric_threads(self._threads()),
            self.execution.reporter.step(
                "train", total=total if self.epochs is None else sum(self.epochs)
            ) as step,
        ):
            self.model.to(self.execution.device)
            saved = self._taken_up()
            state = TrainState.fresh(self.model) if saved is None else saved.state
            step.advance(state.epoch)
            self._train(phases[state.phase], state, step, saved=saved)
            for phase in phases[state.phase + 1 :]:
                state.next_phase(self.model)
                self._train(phase, state, step)
            self.model.eval()
            if self.epochs is None and self._team.leads:
                self._examine()
        return state.kept

    def _taken_up(self) -> Saved | None:
        """Where an interrupted fit of the same key stood; None at the beginning."""
        execution = self.execution
        execution.begin()
        self._beat.at("put the training tensor in its place")
        facts = self._placed[1]
        work = self._team.shared(execution.work)
        if work is not None:
            saved = read_state(work, self.key, device=execution.device)
            self._team.wait()  # all have read it before it is written again
            if saved is not None:
                if execution.journal is not None:
                    execution.journal.rewind(saved.state.mark)
                return saved
        self._team.same_weights(self.model.state_dict())
        count = sum(weight.numel() for weight in self.model.parameters())
        execution.events({"event": "model", "parameters": count})
        execution.events(
            {
                "event": "execution",
                "device": execution.device,
                "precision": self.config.precision,
                "compiled": execution.compiled,
                **facts,
            }
        )
        return None

    def _train(
        self, phase: Phase, state: TrainState, step: Step, *, saved: Saved | None = None
    ) -> None:
        """Train one phase, or what is left of it, and leave its best averaged weights."""
        self._phase, config = phase, phase.config
        with in_phase(self.model, phase):
            device = self.execution.device
            optimizer = torch.optim.AdamW(
                decay_groups(self.model, config.weight_decay),
                lr=config.learning_rate,
                fused=True if torch.device(device).type == "cuda" else None,
            )
            watch, values = StepWatch(self.model, optimizer), StepValues(device, self._dates)
            means = _Stepping(optimizer, self._forward(), watch, values)
            if saved is not None:
                saved.put(self.model, optimizer)
                means.watch.put(state.watched)
            elif phase.name:
                self.execution.events(
                    {"event": "phase", "number": state.phase, **phase.described()}
                )
            while not self._is_done(state):
                self._epoch(state, means)
                self._save(state, optimizer)
                write_point("train.epoch")
                step.advance()
                if state.measures:
                    step.note(f"validation RankIC {state.measures[-1]:.4f}")
        self.model.load_state_dict(state.best)

    def _save(self, state: TrainState, optimizer: torch.optim.Optimizer) -> None:
        self._saved = time.monotonic()
        if self.execution.work is None:
            return
        self._beat.at("write the state", epoch=state.epoch, step=state.step)
        if self.execution.journal is not None:
            state.mark = self.execution.journal.mark()
        write_state(self.execution.work, self.key, self.model, optimizer, state)

    def _is_done(self, state: TrainState) -> bool:
        if self.epochs is None:
            return state.is_done(self._phase.config)
        return state.epoch - state.phase_epoch >= self.epochs[state.phase]

    @cached_property
    def _placed(self) -> tuple[DayReader, dict[str, Any]]:
        """What sessions are read from, and what is to be said of it."""
        return placed(
            self.reader,
            [*self.labels.train.indices.tolist(), *self.labels.valid.indices.tolist()],
            device=self.execution.device,
            residence=self.execution.residence,
        )

    def _forward(self) -> Forward:
        """The way through the network in training, as it is in a phase."""
        return Forward(
            self.model,
            self._placed[0],
            self.execution.device,
            precision=self.config.precision,
            compiled=torch.compile(self.model, dynamic=True) if self.execution.compiled else None,
        )

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

    def _epoch(self, state: TrainState, means: _Stepping) -> None:
        """Train one epoch, or what is left of it, and look at validation."""
        order = session_order(
            len(self.labels.train.indices),
            self.config.days_per_batch,
            in_strips=not splittable(self._phase.config.loss),
            rng=np.random.default_rng([self.seed, state.epoch]),
        )
        days = len(order)
        so_far, device = state.so_far, self.execution.device
        self.model.train()
        self._team.same_weights(self.model.state_dict(), state.averaged)
        with seeded(self.seed, state.epoch, device=device):
            put_generators(state.generators)
            while so_far.sessions < days:
                begun = time.perf_counter()
                first = so_far.sessions
                rows = np.sort(order[first : first + self.config.days_per_batch]).tolist()
                names = [self._names(state.epoch, row) for row in rows]
                self._step(state, means, rows, names)
                so_far.sessions += len(rows)
                so_far.rows += sum(map(len, names))
                if so_far.sessions >= days:
                    means.values.read(so_far)
                so_far.seconds += time.perf_counter() - begun
                if time.monotonic() - self._saved >= self.execution.save_seconds:
                    means.values.read(so_far)
                    state.generators = generators(device)
                    state.watched = means.watch.sums()
                    self._save(state, means.optimizer)
        event = {
            **({"phase": self._phase.name} if self._phase.name else {}),
            "rows": so_far.rows,
            "loss": float(np.mean(so_far.losses)),
            "grad_norm": float(np.mean(so_far.norms)),
            "train_seconds": so_far.seconds,
            "loss_max": float(np.max(so_far.losses)),
            **means.watch.epoch(),
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
        means: _Stepping,
        rows: list[int],
        names: list[Names],
    ) -> None:
        config, optimizer = self._phase.config, means.optimizer
        loss = self._gradient(state, means.forward, rows, names)
        means.values.loss(state.step, rows, loss, state.so_far)
        if state.step == state.phase_step:
            means.values.read(state.so_far)
            norms = gradient_norms(self.model)
            found = {name: norm for name, norm in norms.items() if self._phase.trains(name)}
            self.execution.events(
                {"event": "gradients", "norms": found, "unreached": unreached(found)}
            )
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), config.clip_norm)
        for group in optimizer.param_groups:
            group["lr"] = self._rate(state.step - state.phase_step)
        optimizer.step()
        state.step += 1
        state.average(self.model, decay=config.ema_decay)
        means.values.norm(norm)

    def _gradient(
        self, state: TrainState, forward: Forward, rows: list[int], names: list[Names]
    ) -> Tensor:
        """Leave the gradient of a step on the weights; its loss.

        A step that finds no memory is tried again from its beginning, in smaller parts.
        """
        device, mine = self.execution.device, self._team.part(len(rows))
        before = generators(device)
        while True:
            self.model.zero_grad(set_to_none=True)
            try:
                with self._team.drawing(self.seed, state.step, device=device):
                    loss = self._in_parts(state, forward, rows[mine], names[mine], of=len(rows))
                return self._team.add_up(self.model, loss)
            except LACKS as fault:
                if not lacks_memory(fault):
                    raise
                said = first_line(fault)
            self._divide(state, rows, names, said)  # here nothing of the failed pass is held
            put_generators(before)

    def _in_parts(
        self, state: TrainState, forward: Forward, rows: list[int], names: list[Names], *, of: int
    ) -> Tensor:
        """Add up the gradients of parts of a step, each by its share ``of`` the sessions."""
        train, total = self.labels.train, torch.zeros((), device=self.execution.device)
        place = {"epoch": state.epoch + 1, "step": state.step}
        together = state.together or max(1, len(rows))
        for first in range(0, len(rows), together):
            part, drawn_names = rows[first : first + together], names[first : first + together]
            self._beat.at(f"read {self._dates(part)}", **place)
            batch = forward.batch(train.indices[part].tolist(), only=drawn_names)
            width = batch.valid_BN.shape[1]
            label = packed_labels(train.values_TNH, part, drawn_names, width=width)
            self._beat.at(f"step on {self._dates(part)}", **place)
            loss = forward.loss(
                batch, label, self._phase.config, inputs=self._inputs(batch, part, drawn_names)
            )
            share = len(part) / of
            (share * loss).backward()  # type: ignore[no-untyped-call]
            total = total + share * loss.detach()
            self._beat.at("step", **place, rows=sum(map(len, drawn_names)))
        return total

    def _inputs(
        self, batch: DayBatch, rows: list[int], names: list[Names]
    ) -> Callable[[Tensor | None], LossInputs] | None:
        """What makes, from the quantiles, all that a loss needs beside scores and labels."""
        if not needs_of(self._phase.config.loss):
            return None
        return partial(
            loss_inputs, self.reader, self.labels, rows, names, batch, levels=self.levels
        )

    def _divide(self, state: TrainState, rows: list[int], names: list[Names], said: str) -> None:
        """Take fewer sessions of a step together, from here to the end of the fit."""
        release()
        together = min(state.together or len(rows), len(rows))
        whole = not splittable(self._phase.config.loss)
        if together == 1 or whole:
            most = max(map(len, names))
            what = (
                f"{len(rows)} sessions, which its loss needs together," if whole else "one session"
            )
            raise ResourceError(
                f"train: not enough memory for {what} of {most:,} names at step {state.step} "
                f"({self._dates(rows)}: {said}). {HELP}"
            )
        state.together = -(-together // 2)
        self.execution.events(
            {
                "event": "memory",
                "epoch": state.epoch + 1,
                "step": state.step,
                "sessions": len(rows),
                "together": state.together,
                "said": said,
            }
        )

    def _dates(self, rows: list[int]) -> str:
        indices = self.labels.train.indices[rows]
        return ", ".join(str(day) for day in self.reader.dataset.sessions[indices])

    def _rate(self, step: int) -> float:
        """Learning rate of a step of the phase: linear warm-up, then a cosine to its share."""
        config = self._phase.config
        per_epoch = -(-len(self.labels.train.indices) // config.days_per_batch)
        progress = min(1.0, step / (per_epoch * config.max_epochs))
        cosine = 0.5 * (1.0 + math.cos(math.pi * progress))
        share = config.final_rate_share + (1.0 - config.final_rate_share) * cosine
        return config.learning_rate * share * min(1.0, (step + 1) / max(config.warmup_steps, 1))

    def _validate(self, state: TrainState, event: Mapping[str, Any]) -> None:
        valid, config = self.labels.valid, self._phase.config
        place = {"epoch": state.epoch + 1, "step": state.step}
        self._beat.at("validate", **place)
        live = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.model.load_state_dict(state.averaged)
        reader, device = self._placed[0], self.execution.device
        score = self._team.together(
            valid.indices.tolist(),
            partial(score_sessions, self.model, reader, device=device),
            device=device,
        )
        more = self._looked_at(reader, place) if self._team.leads else {}
        self.model.load_state_dict(live)
        rank_ic = valid.rank_ic(score)
        measure = float(np.average(rank_ic, weights=config.horizon_weights))
        kept = state.record(measure, config)
        horizons = [str(h) for h in self.labels.horizons]
        self.execution.events(
            {
                "event": "epoch",
                "epoch": state.epoch,
                **event,
                "rank_ic": dict(zip(horizons, rank_ic, strict=True)),
                "score_spread": dict(zip(horizons, score_spread(score), strict=True)),
                **more,
                "measure": measure,
                "kept": kept,
            }
        )

    def _looked_at(self, reader: DayReader, place: Mapping[str, int]) -> dict[str, Any]:
        """What is only said of averaged weights after an epoch: nothing is decided by it."""
        self._beat.at("RankIC on train dates", **place)
        device = self.execution.device
        seen = self._sample.rank_ic(self.model, reader, device=device)
        probed = spread_over(PROBED, self.labels.valid.indices.tolist())
        return {
            "train_rank_ic": dict(zip(map(str, self.labels.horizons), seen, strict=True)),
            "gates": gates(self.model, reader, probed, device=device),
        }

    def _examine(self) -> None:
        """Say what each part of the kept network does on a few validation sessions."""
        self._beat.at("leave parts out")
        reader, device = self._placed[0], self.execution.device
        with seeded(self.seed, device=device), numeric_threads(1):
            found = examined(self.model, reader, self.labels.valid, device=device)
        self.execution.events({"event": "examined", **found})
