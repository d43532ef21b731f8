"""The settings of a config: every one, its default, what it takes, and what the code says of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

import pytest
from pydantic import Field

from gogooku.core.config import Config
from gogooku.core.findings import Unit
from gogooku.core.registry import VariantConfig
from gogooku.core.settings import Choice, Setting, meanings, settings_of


class Side(StrEnum):
    """On which side a name is held."""

    LONG = "long"
    SHORT = "short"


class Inner(Config):
    """A group.

    Attributes
    ----------
    depth, width : int
        How far it
        reaches.
    """

    depth: Annotated[int, Unit("sessions")] = Field(default=3, ge=1)
    width: int = 2


class Circle(VariantConfig):
    """Round."""

    kind: Literal["circle"] = "circle"
    radius: float = 1.0
    """From the middle to the edge."""


class Square(VariantConfig):
    """Not round."""

    kind: Literal["square"] = "square"


class Outer(Config):
    """Everything."""

    name: str
    """What it
    is called."""
    side: Side = Side.LONG
    most: int | None = None
    inner: Inner = Inner(depth=5)
    shape: Annotated[Circle | Square, Field(discriminator="kind")] = Circle()


class Derived(Inner):
    """A group that comes from another.

    Attributes
    ----------
    height : float
        How tall it is.

    Notes
    -----
    width : no entry
        This is not about a setting.
    """

    height: float = 0.5


def test_every_setting_is_listed_in_its_order():
    found = list(settings_of(Outer))
    assert [one.path for one in found] == [
        *("name", "side", "most", "inner.depth", "inner.width", "shape"),
    ]
    assert found[0] == Setting("name", "a text", "", "What it is called.")
    assert found[1] == Setting(
        "side", "one of long, short", "'long'", "On which side a name is held."
    )
    assert found[2].default == "not stated"  # type: ignore[union-attr]


def test_a_group_says_what_its_fields_take_and_mean():
    depth, width = list(settings_of(Inner, "inner."))
    assert depth == Setting(
        "inner.depth", "a whole number of sessions, at least 1", "3", "How far it reaches."
    )
    assert width.meaning == "How far it reaches."  # type: ignore[union-attr]


def test_a_default_that_a_group_is_given_where_it_stands_counts():
    found = {one.path: one for one in settings_of(Outer)}
    assert found["inner.depth"].default == "5"  # type: ignore[union-attr]


def test_a_choice_has_its_kinds_and_their_settings():
    (choice,) = [one for one in settings_of(Outer) if isinstance(one, Choice)]
    assert (choice.path, choice.default) == ("shape", "circle")
    assert choice.kinds == {"circle": Circle, "square": Square}
    (radius,) = settings_of(choice.kinds["circle"], "shape.")
    assert radius.meaning == "From the middle to the edge."  # type: ignore[union-attr]
    assert list(settings_of(Square)) == []


def test_what_a_class_comes_from_says_its_part_and_other_sections_say_nothing():
    assert meanings(Derived) == {
        "depth": "How far it reaches.",
        "width": "How far it reaches.",
        "height": "How tall it is.",
    }


@pytest.mark.parametrize("model", [Square, Config])
def test_what_has_no_text_has_no_meaning(model):
    assert meanings(model) == {}
