"""A training in several phases: what each trains, what it leaves out, and by which settings.

Which layers a network can do without is said in `gogooku.learn.parts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from torch import nn

from gogooku.core.errors import ConfigError
from gogooku.core.findings import nearest
from gogooku.learn.network_config import PhaseSettings, TrainingConfig
from gogooku.learn.parts import LEFT_OUT, layers_with, left_out


@dataclass(frozen=True)
class Phase:
    """One phase.

    Attributes
    ----------
    name : str
        Empty for a training in one.
    config : TrainingConfig
        With the settings of this phase.
    train, off : tuple of str
        See `PhaseConfig`.
    """

    name: str
    config: TrainingConfig
    train: tuple[str, ...] = ()
    off: tuple[str, ...] = ()

    def trains(self, weight: str) -> bool:
        """Whether a weight of this name is trained."""
        return not self.train or any(_within(weight, part) for part in self.train)

    def described(self) -> dict[str, Any]:
        """What the events say of the phase; nothing of a training in one."""
        if not self.name:
            return {}
        settings = self.config.model_dump(mode="json", include=set(PhaseSettings.model_fields))
        return {"phase": self.name, "train": list(self.train), "off": list(self.off), **settings}


def schedule(config: TrainingConfig) -> tuple[Phase, ...]:
    """The phases of a training, in order; one if none is stated."""
    if not config.phases:
        return (Phase("", config),)
    found = []
    for one in config.phases:
        own = {name: getattr(one, name) for name in PhaseSettings.model_fields}
        settings = config.model_copy(update={**own, "phases": ()})
        found.append(Phase(one.name, settings, one.train, one.off))
    return tuple(found)


def check_phases(phases: Sequence[Phase], model: nn.Module) -> None:
    """Refuse phases that name what a network does not have.

    Raises
    ------
    ConfigError
        It has no such part, cannot do without it, or a phase has nothing to train.
    """
    weights = [name for name, _ in model.named_parameters()]
    parts = list(dict.fromkeys(name.partition(".")[0] for name in weights))
    without = list(layers_with(model, LEFT_OUT))
    for phase in phases:
        for part in phase.train:
            if not any(_within(name, part) for name in weights):
                raise ConfigError(_unknown(phase, "trains", part, parts))
        for part in phase.off:
            if part not in without:
                raise ConfigError(_unknown(phase, "leaves out", part, without))
        left = [name for name in weights if not any(_within(name, part) for part in phase.off)]
        if not any(phase.trains(name) for name in left):
            raise ConfigError(
                f"training.phases: {phase.name!r} has nothing to train: all of "
                f"{', '.join(phase.train)} is left out"
            )


def _unknown(phase: Phase, does: str, part: str, known: Sequence[str]) -> str:
    there = ", ".join(known) or "nothing"
    close = nearest(part, known) if known else "none"
    of = "the parts are" if does == "trains" else "it can do without"
    return (
        f"training.phases: {phase.name!r} {does} {part!r}, which the network as it is set does not "
        f"offer; nearest: {close}; {of}: {there}"
    )


@contextmanager
def in_phase(model: nn.Module, phase: Phase) -> Iterator[None]:
    """Let the weights of a phase be trained, and leave out what it leaves out."""
    with ExitStack() as stack:
        stack.callback(model.requires_grad_, requires_grad=True)
        for name, weight in model.named_parameters():
            weight.requires_grad_(phase.trains(name))
        for name in phase.off:
            stack.enter_context(left_out(model.get_submodule(name)))
        yield


def _within(name: str, part: str) -> bool:
    return f"{name}.".startswith(f"{part}.")
