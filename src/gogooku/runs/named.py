"""The runs by name. A variant is another function."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gogooku.core.errors import ConfigError
from gogooku.learn.baselines_config import (
    LightGBMConfig,
    MomentumConfig,
    ReversalConfig,
    RidgeConfig,
)
from gogooku.learn.models.atft_gat_fan_config import AtftGatFanConfig
from gogooku.runs.config import RunConfig


def ridge() -> RunConfig:
    """Linear on the last session's ranks: the first floor."""
    return RunConfig(learner=RidgeConfig())


def lightgbm() -> RunConfig:
    """Gradient-boosted trees: the floor every network must beat."""
    return RunConfig(learner=LightGBMConfig())


def momentum() -> RunConfig:
    """One past return, as it is."""
    return RunConfig(learner=MomentumConfig())


def reversal() -> RunConfig:
    """One recent return, with the sign turned."""
    return RunConfig(learner=ReversalConfig())


def atft_gat_fan() -> RunConfig:
    """The network: frequency-adaptive normalisation, position-keeping encoder, peers, gate."""
    return RunConfig(learner=AtftGatFanConfig())


RUNS: Mapping[str, Callable[[], RunConfig]] = {
    function.__name__.replace("_", "-"): function
    for function in (ridge, lightgbm, momentum, reversal, atft_gat_fan)
}


def run_named(name: str) -> RunConfig:
    """The configuration of a named run.

    Raises
    ------
    ConfigError
        No such run; the message lists those that exist.
    """
    if name not in RUNS:
        raise ConfigError(f"run {name!r} does not exist; there are: {', '.join(RUNS)}")
    return RUNS[name]()
