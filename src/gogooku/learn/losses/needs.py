"""What the chosen losses need, and whether a training can give it; imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gogooku.core.errors import ConfigError, DataError
from gogooku.core.registry import VariantConfig
from gogooku.learn.losses.combined.config import CombinedConfig
from gogooku.learn.losses.decorrelation.config import DecorrelationConfig
from gogooku.learn.losses.strip_config import StripConfig
from gogooku.learn.names import positions
from gogooku.learn.registry import LOSSES, Need

_SETTING = "training.loss"


@dataclass(frozen=True)
class Training:
    """What a training gives to its loss.

    Attributes
    ----------
    horizons : tuple of int
    horizon_weights : tuple of float
        One a horizon.
    days_per_batch : int
        Sessions of a step.
    row_share : float
        Share of the names of a session.
    features : sequence of str
        Of the dataset.
    levels : tuple of float
        Of the quantiles that the network gives; none without.
    """

    horizons: tuple[int, ...]
    horizon_weights: tuple[float, ...]
    days_per_batch: int
    row_share: float
    features: Sequence[str]
    levels: tuple[float, ...] = ()


def chosen_losses(config: VariantConfig) -> tuple[VariantConfig, ...]:
    """The losses that a training adds up: the one that is set, or its parts."""
    if isinstance(config, CombinedConfig):
        return tuple(part.loss for part in config.parts)
    return (config,)


def needs_of(config: VariantConfig) -> frozenset[Need]:
    """What the chosen losses need together."""
    return frozenset(need for one in chosen_losses(config) for need in LOSSES.row(one.kind).needs)


def splittable(config: VariantConfig) -> bool:
    """Whether the sessions of a step may come in parts, and in any order."""
    return all(LOSSES.row(one.kind).splittable for one in chosen_losses(config))


def check_loss(config: VariantConfig, given: Training) -> None:
    """Refuse, before anything is trained, a loss that cannot have what it needs.

    Raises
    ------
    ConfigError
        It needs something that the settings do not give; the message says which to change.
    """
    for horizons, one in _weighted(config, given):
        if Need.STRIP in LOSSES.row(one.kind).needs:
            _check_strip(one, given, horizons)
        if isinstance(one, DecorrelationConfig):
            positions(given.features, one.features, setting=f"{_SETTING}.features")
    if (Need.QUANTILES in needs_of(config)) != bool(given.levels):
        raise ConfigError(
            f"{_SETTING}: pinball trains the quantiles of a network, so both are set or none; "
            "set quantiles=[0.1, 0.5, 0.9] and pinball as a part of kind=combined"
        )
    alone = [one.kind for one in chosen_losses(config)]
    if all(Need.PARTNER in LOSSES.row(kind).needs for kind in alone):
        raise ConfigError(
            f"{_SETTING}: {' and '.join(alone)} alone teaches no scores; give it as a part of "
            f"kind=combined, beside another such as correlation"
        )


def check_sessions(config: VariantConfig, given: Training, *, sessions: int) -> None:
    """Refuse a train part that is too short for a loss over sessions in a row.

    Parameters
    ----------
    sessions : int
        Those of the train part that have labels.

    Raises
    ------
    DataError
    """
    for horizons, one in _weighted(config, given):
        least = one.least_sessions(horizons) if isinstance(one, StripConfig) else 0
        if sessions < least:
            raise DataError(
                f"train: {sessions} sessions have labels, and the loss {one.kind} needs {least} in "
                "a row; widen the train part"
            )


def _weighted(config: VariantConfig, given: Training) -> Iterator[tuple[list[int], VariantConfig]]:
    """Each chosen loss with the horizons that have a weight in it."""

    def active(weights: Sequence[float]) -> list[int]:
        return [h for h, weight in zip(given.horizons, weights, strict=True) if weight]

    if not isinstance(config, CombinedConfig):
        yield active(given.horizon_weights), config
        return
    for number, part in enumerate(config.parts, start=1):
        weights = part.horizon_weights or given.horizon_weights
        if len(weights) != len(given.horizons):
            raise ConfigError(
                f"{_SETTING}.parts: part {number} ({part.loss.kind}) has {len(weights)} "
                f"horizon_weights for the horizons {', '.join(map(str, given.horizons))}"
            )
        yield active(weights), part.loss


def _check_strip(config: VariantConfig, given: Training, horizons: Sequence[int]) -> None:
    if given.row_share < 1.0:
        raise ConfigError(
            f"{_SETTING}: {config.kind} compares names over sessions, and training.row_share="
            f"{given.row_share:g} draws others for each; set training.row_share=1"
        )
    assert isinstance(config, StripConfig), config.kind
    least = config.least_sessions(horizons)
    if given.days_per_batch < least:
        raise ConfigError(
            f"{_SETTING}: {config.kind} needs {least} sessions in a row at the horizons "
            f"{', '.join(map(str, horizons))}, and training.days_per_batch is "
            f"{given.days_per_batch}; raise it, or give long horizons the weight 0"
        )
