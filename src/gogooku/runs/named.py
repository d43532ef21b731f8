"""The runs by name: each learner of the table with its own settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gogooku.core.config import Resolved, resolve
from gogooku.core.errors import ConfigError
from gogooku.core.findings import did_you_mean, short
from gogooku.learn.few_names import few_names_config
from gogooku.learn.registry import LEARNERS
from gogooku.runs.config import TrainConfig


def run_names() -> dict[str, str]:
    """Kinds of learner by the name of their run: ``atft-gat-fan`` for ``atft_gat_fan``."""
    return {kind.replace("_", "-"): kind for kind in LEARNERS.kinds()}


def run_named(name: str, *, few_names: bool = False) -> TrainConfig:
    """The configuration of a named run.

    Parameters
    ----------
    few_names : bool
        For a market of some hundred names (`gogooku.learn.few_names`); a learner that has one set
        of settings for any number of names is the same.

    Raises
    ------
    ConfigError
        No such run; the message lists those that exist.
    """
    names = run_names()
    if name not in names:
        raise ConfigError(f"no run is named {short(name)}{did_you_mean(name, list(names))}")
    if few_names:
        return TrainConfig(learner=few_names_config(names[name]))
    return TrainConfig(learner=LEARNERS.config(names[name]).model_validate({}))


def settings_named(
    name: str,
    *,
    few_names: bool = False,
    file: Path | None = None,
    assignments: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
) -> Resolved[TrainConfig]:
    """What a named run is fitted with: its own settings, then a file's, then what is stated.

    Raises
    ------
    ConfigError
        There is no run of that name, or a setting is wrong.
    """
    return resolve(
        run_named(name, few_names=few_names),
        base_name=f"{name}, few names" if few_names else name,
        file=file,
        assignments=assignments,
        settings=settings,
    )
