"""A search space: which settings a search may change, and within which bounds.

A knob is one setting with its range, or a name for several settings that only make sense together.
A knob with a condition exists only where an earlier knob has one of the stated values, so that
pairs of settings that contradict each other are not in the space at all.

>>> space = Space(
...     knobs=(
...         ChoiceKnob(path="learner.loss", options=("mse", "huber")),
...         NumberKnob(path="learner.delta", low=0.1, high=10.0, log=True,
...                    when={"learner.loss": ("huber",)}),
...     )
... )
>>> [knob.name for knob in space.existing({"learner.loss": "mse"})]
['learner.loss']
>>> space.knobs[1].beside(1.0)
(0.5623413251903491, 1.7782794100381228)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from gogooku.core.config import Config

Value = bool | int | float | str
"""Of a knob: the value itself, or the name of an option that sets several settings."""
_STEPS: Final = 8
"""A step of a number without one of its own is this part of its range."""


class Knob(Config):
    """What the kinds of knob share.

    Attributes
    ----------
    when : mapping of str to values
        Names of earlier knobs and the values at which this one exists; empty: it always does.
    """

    when: dict[str, tuple[Value, ...]] = Field(default_factory=dict)

    @property
    def name(self) -> str:
        """What it is called; for one setting that is its path."""
        return str(getattr(self, "path", ""))

    def settings(self, value: Value) -> dict[str, Any]:
        """Settings that a value of the knob stands for, by path."""
        return {self.name: value}


class _Range(Knob):
    """A knob between two bounds, both included."""

    path: str
    low: float
    high: float
    log: bool = False

    @model_validator(mode="after")
    def _check(self) -> _Range:
        if not self.low < self.high:
            raise ValueError(f"{self.path}: low {self.low} is not below high {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"{self.path}: a logarithmic range begins above 0, not at {self.low}")
        return self

    def place(self, value: Value) -> float:
        """Where a value lies in the range, from 0 to 1; on a logarithmic one by its ratio."""
        number, low, high = float(value), self.low, self.high
        if self.log:
            number, low, high = math.log(number), math.log(low), math.log(high)
        return (number - low) / (high - low)

    def _at(self, place: float) -> float:
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return math.exp(low + place * (high - low))
        return self.low + place * (self.high - self.low)


class NumberKnob(_Range):
    """A number.

    Attributes
    ----------
    path : str
        Dotted path of the setting.
    low, high : float
        Both included.
    log : bool
        Whether equal ratios are equally far apart.
    """

    kind: Literal["number"] = "number"

    def beside(self, value: Value) -> tuple[Value, ...]:
        """An eighth of the range to either side; a side at a bound is left out."""
        here = self.place(value)
        found = [self._at(min(max(here + step / _STEPS, 0.0), 1.0)) for step in (-1, 1)]
        return tuple(one for one in found if not math.isclose(one, float(value), rel_tol=1e-9))


class WholeKnob(_Range):
    """A whole number; attributes as `NumberKnob`."""

    kind: Literal["whole"] = "whole"
    low: int
    high: int

    def beside(self, value: Value) -> tuple[Value, ...]:
        """An eighth of the range to either side, at least 1."""
        here, number = self.place(value), int(value)
        down = min(round(self._at(max(here - 1 / _STEPS, 0.0))), number - 1)
        up = max(round(self._at(min(here + 1 / _STEPS, 1.0))), number + 1)
        return tuple(one for one in (down, up) if self.low <= one <= self.high)


class ChoiceKnob(Knob):
    """One of several values, the order of which is that of their steps.

    Attributes
    ----------
    path : str
        Dotted path of the setting.
    options : tuple of values
    """

    kind: Literal["choice"] = "choice"
    path: str
    options: tuple[Value, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _check(self) -> ChoiceKnob:
        if len({repr(one) for one in self.options}) < len(self.options):
            raise ValueError(f"{self.path}: an option is there twice in {list(self.options)}")
        return self

    def beside(self, value: Value) -> tuple[Value, ...]:
        """The options before and after."""
        return _beside(self.options, value)

    def place(self, value: Value) -> float:
        """Where an option stands in their order, from 0 to 1."""
        return self.options.index(value) / (len(self.options) - 1)


class TogetherKnob(Knob):
    """Settings that change together, under one name.

    Attributes
    ----------
    called : str
        Name of the knob.
    options : mapping of str to settings
        By the name of the option, values by path.
    """

    kind: Literal["together"] = "together"
    called: str
    options: dict[str, dict[str, Any]] = Field(min_length=2)

    @property
    def name(self) -> str:
        """What it is called."""
        return self.called

    def settings(self, value: Value) -> dict[str, Any]:
        """As `Knob.settings`."""
        return dict(self.options[str(value)])

    def beside(self, value: Value) -> tuple[Value, ...]:
        """The options before and after."""
        return _beside(tuple(self.options), value)

    def place(self, value: Value) -> float:
        """Where an option stands in their order, from 0 to 1."""
        return list(self.options).index(str(value)) / (len(self.options) - 1)


def _beside(options: tuple[Value, ...], value: Value) -> tuple[Value, ...]:
    here = options.index(value)
    return options[max(here - 1, 0) : here] + options[here + 1 : here + 2]


AnyKnob = Annotated[NumberKnob | WholeKnob | ChoiceKnob | TogetherKnob, Field(discriminator="kind")]


class Space(Config):
    """Knobs in order: a condition is about earlier ones.

    Attributes
    ----------
    knobs : tuple of knobs
    """

    knobs: tuple[AnyKnob, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Space:
        earlier: dict[str, Knob] = {}
        for knob in self.knobs:
            if not knob.name:
                raise ValueError("a knob without a name")
            if knob.name in earlier:
                raise ValueError(f"knob {knob.name} is there twice")
            for other, values in knob.when.items():
                if other not in earlier:
                    raise ValueError(
                        f"knob {knob.name}: its condition is about {other}, which is no knob "
                        f"before it (those are: {', '.join(earlier) or 'none'})"
                    )
                _check_condition(knob.name, earlier[other], values)
            earlier[knob.name] = knob
        return self

    def existing(self, values: Mapping[str, Value]) -> list[AnyKnob]:
        """Knobs that exist at these values of the others, in order."""
        found: list[AnyKnob] = []
        for knob in self.knobs:
            names = {one.name for one in found}
            if all(
                other in names and values.get(other) in wanted
                for other, wanted in knob.when.items()
            ):
                found.append(knob)
        return found

    def settings(self, values: Mapping[str, Value]) -> dict[str, Any]:
        """Settings by path that values of knobs stand for; a later knob has the last word."""
        out: dict[str, Any] = {}
        for knob in self.existing(values):
            if knob.name in values:
                out |= knob.settings(values[knob.name])
        return out


def _check_condition(name: str, other: Knob, values: tuple[Value, ...]) -> None:
    if not isinstance(other, ChoiceKnob | TogetherKnob):
        raise ValueError(f"knob {name}: a condition is about a choice, {other.name} is a range")
    unknown = [one for one in values if one not in tuple(other.options)]
    if unknown or not values:
        raise ValueError(
            f"knob {name}: {other.name} is never {unknown or 'one of no values'}; it has "
            f"{', '.join(map(str, other.options))}"
        )
