"""Processes that fit one network together: each takes some sessions of a step.

All hold the whole network and do the same steps with the same gradient, which is the sum over all
of them. The first one, the leader, is the only one that writes. Processes of a team are started by
torchrun, which ends all of them when one ends.

What a fit learns does not depend on their number, but for the last bits of sums and for dropout,
whose masks are drawn for each process anew in every step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
import torch.distributed as dist
from torch import Tensor, nn

from gogooku.core.errors import ConfigError, TransientError, UsageError
from gogooku.core.registry import VariantConfig
from gogooku.learn.losses.needs import splittable
from gogooku.learn.network_config import NetworkConfig, PruneKind
from gogooku.learn.numerics import seeded
from gogooku.learn.phases import schedule

_PATIENCE: Final = timedelta(days=7)
"""How long one waits for the others: a lost one ends all at once, so this is not how it shows."""
_DRAWS: Final = 11
"""Last word of the seeds of dropout in a team."""


@dataclass(frozen=True)
class Team:
    """Processes that fit together.

    Attributes
    ----------
    size : int
    place : int
        Of this process; 0 leads.
    """

    size: int = 1
    place: int = 0

    @property
    def leads(self) -> bool:
        """Whether this process writes and says what the team does."""
        return self.place == 0

    def part(self, count: int) -> slice:
        """Those of some sessions that this process takes."""
        ends = [count * place // self.size for place in range(self.size + 1)]
        return slice(ends[self.place], ends[self.place + 1])

    def drawing(self, *words: int, device: str) -> AbstractContextManager[None]:
        """Random numbers of this process, a function of some integers; as they are, where alone.

        So what is drawn does not depend on what was drawn before, and nothing of it has to be kept
        for a fit that goes on.
        """
        if self.size == 1:
            return nullcontext()
        return seeded(*words, self.place, _DRAWS, device=device)

    def add_up(self, model: nn.Module, loss: Tensor) -> Tensor:
        """Give each process the sum of all gradients; the sum of the losses.

        A weight that no process has a gradient of is left without one.
        """
        if self.size == 1:
            return loss
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        has = torch.tensor([weight.grad is not None for weight in weights]).to(loss)
        parts = [torch.zeros_like(w) if w.grad is None else w.grad for w in weights]
        flat = torch.cat([loss.reshape(1), has, *(part.reshape(-1).to(loss) for part in parts)])
        with _loss_is_said():
            dist.all_reduce(flat)
        sizes = [weight.numel() for weight in weights]
        found = flat[1 : 1 + len(weights)].tolist()
        sums = torch.split(flat[1 + len(weights) :], sizes)
        for weight, count, part in zip(weights, found, sums, strict=True):
            weight.grad = part.view_as(weight).to(weight) if count else None
        return flat[0]

    def same_weights(self, *states: dict[str, Tensor]) -> None:
        """Give each process the tensors of the leader: weights of its model, or averaged ones."""
        if self.size == 1:
            return
        for state in states:
            for tensor in state.values():
                with _loss_is_said():
                    dist.broadcast(tensor.data, src=0)

    def shared(self, what: Any = None) -> Any:
        """What the leader says, to each process; a few plain values."""
        said = [what]
        if self.size > 1:
            with _loss_is_said():
                dist.broadcast_object_list(said, src=0)
        return said[0]

    def wait(self) -> None:
        """Go on when all have come here."""
        if self.size > 1:
            with _loss_is_said():
                dist.barrier()

    def together(
        self,
        indices: Sequence[int],
        score: Callable[[Sequence[int]], npt.NDArray[np.float32]],
        *,
        device: str,
    ) -> npt.NDArray[np.float32]:
        """Scores of sessions, each scored by one process and known to all."""
        if self.size == 1 or len(indices) < self.size:
            return score(indices)
        own = torch.from_numpy(score(indices[self.part(len(indices))])).to(device)
        found = []
        for place in range(self.size):
            length = _part_length(len(indices), place, self.size)
            part = own if place == self.place else own.new_empty((length, *own.shape[1:]))
            with _loss_is_said():
                dist.broadcast(part, src=place)
            found.append(part.cpu().numpy())
        return np.concatenate(found)


ALONE: Final = Team()


def check_together(config: VariantConfig, *, processes: int, device: str) -> None:
    """Refuse a fit that several processes cannot share.

    Raises
    ------
    ConfigError
        The learner is no network, prunes features, has steps of fewer sessions than there are
        processes, or a loss that needs all sessions of a step; or one GPU is named for all.
    """
    if processes == 1:
        return
    said = f"--processes {processes}:"
    if not isinstance(config, NetworkConfig):
        raise ConfigError(f"{said} only a network is fitted by several, {config.kind} is none")
    if config.pruning.by is not PruneKind.NONE:
        raise ConfigError(
            f"{said} features are pruned in one process; set learner.pruning.by=none, or leave "
            "--processes out"
        )
    if device not in ("cpu", "cuda"):
        raise ConfigError(f"{said} each takes a GPU of its own; give --device cuda, not {device}")
    for phase in schedule(config.training):
        if phase.config.days_per_batch < processes:
            raise ConfigError(
                f"{said} a step has {phase.config.days_per_batch} sessions "
                "(learner.training.days_per_batch), so some would have none; give fewer processes"
            )
        if not splittable(phase.config.loss):
            raise ConfigError(
                f"{said} the loss {phase.config.loss.kind} needs all sessions of a step together, "
                "and several processes would part them; leave --processes out"
            )


@contextmanager
def _loss_is_said() -> Iterator[None]:
    """Name what it means when nothing can be exchanged any more."""
    try:
        yield
    except RuntimeError as fault:
        first = str(fault).strip().partition("\n")[0]
        raise TransientError(
            f"train: another of the processes that fit together has ended ({first}); what was "
            "finished is kept, and the same command goes on from there"
        ) from fault


def _part_length(count: int, place: int, size: int) -> int:
    return len(range(count)[Team(size, place).part(count)])


def team_of(processes: int) -> Team:
    """The team that this process is one of.

    Raises
    ------
    UsageError
        A fit of several processes, and this is not one of so many.
    """
    if processes == 1:
        return ALONE
    size = dist.get_world_size() if dist.is_initialized() else 1
    if size != processes:
        raise UsageError(
            f"a fit by {processes} processes together, and this is one of {size}; give "
            f"--processes {processes}, which starts them"
        )
    return Team(size, dist.get_rank())


@contextmanager
def joined(processes: int, *, device: str) -> Iterator[Team]:
    """Be one of a team that torchrun has started, as long as the context lasts.

    Raises
    ------
    UsageError
        torchrun did not start this process, or not so many.
    """
    if processes == 1:
        yield ALONE
        return
    if not dist.is_torchelastic_launched():
        raise UsageError(
            f"a fit by {processes} processes together has to be begun by torchrun; give "
            f"--processes {processes}, which starts them"
        )
    on_gpu = torch.device(device).type == "cuda"
    if on_gpu:
        torch.cuda.set_device(dist.get_node_local_rank())
    dist.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo", timeout=_PATIENCE)
    try:
        yield team_of(processes)
    finally:
        dist.destroy_process_group()
