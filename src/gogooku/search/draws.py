"""Drawing the values of a trial: Optuna's TPE, with random numbers that hang on the trial alone.

A draw hangs on the seed of the search, the number of the trial, and the trials of earlier batches.
It does not hang on how often a search was stopped: a sampler is made anew for each call, with a
seed of that trial and that knob, so a trial whose values were half written is given the same ones.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler

from gogooku.core.files import hash_text
from gogooku.core.space import (
    AnyKnob,
    ChoiceKnob,
    NumberKnob,
    Space,
    TogetherKnob,
    Value,
    WholeKnob,
)


class SteadySampler(BaseSampler):
    """TPE over groups of knobs that exist together, one new sampler a call.

    Parameters
    ----------
    seed : int
        Of the search.
    random_trials : int
        Trials that are drawn at random first.
    """

    def __init__(self, seed: int, *, random_trials: int) -> None:
        self._seed = seed
        self._random_trials = random_trials
        self._together: TPESampler | None = None

    def _sampler(self, number: int, what: str) -> TPESampler:
        seed = int(hash_text(f"{self._seed} {number} {what}"), 16) % 2**32
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # group
            return TPESampler(
                n_startup_trials=self._random_trials,
                seed=seed,
                multivariate=True,
                group=True,
                constant_liar=True,
            )

    def infer_relative_search_space(
        self, study: optuna.Study, trial: optuna.trial.FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """As `optuna.samplers.BaseSampler`."""
        self._together = self._sampler(trial.number, "together")
        return self._together.infer_relative_search_space(study, trial)

    def sample_relative(
        self,
        study: optuna.Study,
        trial: optuna.trial.FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """As `optuna.samplers.BaseSampler`."""
        assert self._together is not None
        return self._together.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: optuna.trial.FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """As `optuna.samplers.BaseSampler`."""
        sampler = self._sampler(trial.number, param_name)
        return sampler.sample_independent(study, trial, param_name, param_distribution)


def drawn(
    trial: optuna.Trial, space: Space, *, only: Mapping[str, Value] | None = None
) -> dict[str, Value]:
    """Values of the knobs that exist, in order; what the trial has already stays.

    Parameters
    ----------
    only : mapping of str to value, optional
        Knobs that are drawn; the others are left out (they are where the run has them).
    """
    values: dict[str, Value] = {}
    for knob in space.knobs:
        if knob not in space.existing(values) or (only is not None and knob.name not in only):
            continue
        values[knob.name] = _suggested(trial, knob)
    return values


def _suggested(trial: optuna.Trial, knob: AnyKnob) -> Value:
    if isinstance(knob, NumberKnob):
        return trial.suggest_float(knob.name, knob.low, knob.high, log=knob.log)
    if isinstance(knob, WholeKnob):
        return trial.suggest_int(knob.name, knob.low, knob.high, log=knob.log)
    found = trial.suggest_categorical(knob.name, list(knob.options))
    assert found is not None
    return found


def values_of(settings: Mapping[str, Any], space: Space) -> dict[str, Value]:
    """Values of knobs at which a run stands; knobs that cannot stand there are left out.

    Parameters
    ----------
    settings : mapping of str to value
        Every setting of the run, by path.
    """
    values: dict[str, Value] = {}
    for knob in space.knobs:
        if knob not in space.existing(values):
            continue
        found = _value_of(settings, knob)
        if found is not None:
            values[knob.name] = found
    return values


def _value_of(settings: Mapping[str, Any], knob: AnyKnob) -> Value | None:
    if isinstance(knob, TogetherKnob):
        for name, wanted in knob.options.items():
            if all(settings.get(path) == value for path, value in wanted.items()):
                return name
        return None
    value = settings.get(knob.path)
    if isinstance(knob, ChoiceKnob):
        return value if value in knob.options else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if knob.low <= value <= knob.high else None
