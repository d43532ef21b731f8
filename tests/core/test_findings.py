from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

import pytest
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from gogooku.core.config import Config, resolve, validated
from gogooku.core.errors import ConfigError
from gogooku.core.findings import Unit, explain_value, short
from gogooku.learn.models.blend.config import BlendConfig


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Small(Config):
    kind: Literal["small"] = "small"
    rate: float = 0.1


class Inner(Config):
    depth: Annotated[int, Unit("layers")] = Field(1, ge=1, le=9)


class Large(Config):
    kind: Literal["large"] = "large"
    width: int = Field(8, ge=1)
    heads: int = 2
    inner: Inner = Inner()

    @model_validator(mode="after")
    def _check(self):
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        return self


class Root(Config):
    need: date
    share: float = Field(0.5, gt=0.0, lt=1.0)
    colour: Colour = Colour.RED
    only: Literal[Colour.BLUE] = Colour.BLUE
    names: str | tuple[str, ...] = "all"
    days: tuple[date, date] = (date(2020, 1, 1), date(2020, 1, 2))
    weights: tuple[float, ...] = Field((1.0,), min_length=1)
    code: str = Field("a", pattern="^[a-z]$", description="one small letter")
    texts: dict[str, str] = Field(default_factory=dict)
    part: Annotated[Small | Large, Field(discriminator="kind")] = Small()


BASE = Root(need=date(2020, 1, 1))

SAID = {
    "share=2": "share: got 2 (--set), expected a number, above 0 and below 1",
    "share=nan": "share: got nan (--set), expected a number, above 0 and below 1",
    "need=soon": "need: got 'soon' (--set), expected a date, YYYY-MM-DD",
    "colour=pink": "colour: got 'pink' (--set), expected one of red, blue",
    "only=red": "only: got 'red' (--set), expected blue",
    "names=[1]": "names: got [1] (--set), expected a text or a list of texts",
    "names=3": "names: got 3 (--set), expected a text or a list of texts",
    "days=['2020-01-01', 'x']": "days: got 'x' as item 2 (--set), expected a list of 2 dates, "
    "YYYY-MM-DD",
    "weights=[]": "weights: got [] (--set), expected a list of numbers, at least 1 of them",
    "code=B": "code: got 'B' (--set), expected one small letter",
    "texts=3": "texts: got 3 (--set), expected texts by name, each given as texts.NAME=TEXT",
    "texts.a=3": "texts.a: got 3 (--set), expected a text",
    "part=3": "part: got 3 (--set), expected the settings of part, for example part.kind=small",
    "part.kind=huge": "part.kind: got 'huge' (--set), expected one of small, large",
    "part={kind='large', width=9}": "part: width 9 is not a multiple of heads 2",
    "part={kind='large', inner=3}": "part.inner: got 3 (--set), expected the settings of "
    "part.inner: depth",
    "part={kind='large', inner={depth=0}}": "part.inner.depth: got 0 (--set), expected a whole "
    "number of layers, at least 1 and at most 9",
    "part={kind='large', inner={deep=0}}": "part.inner.deep: there is no such setting; nearest: "
    "part.inner.depth",
}


@pytest.mark.parametrize("text", SAID)
def test_a_wrong_value_is_said_in_plain_words(text):
    with pytest.raises(ConfigError) as caught:
        resolve(BASE, base_name="base", assignments=[text])
    assert str(caught.value) == f"config: 1 setting is wrong: {SAID[text]}"


def test_what_is_missing_and_what_is_unknown():
    with pytest.raises(ConfigError) as caught:
        validated(Root, {"nedd": "2020-01-01", "part": {}})
    assert str(caught.value) == (
        "config: 3 settings are wrong: need: nothing was given, expected a date, YYYY-MM-DD; "
        "part.kind: nothing was given, expected one of small, large; "
        "nedd: there is no such setting; nearest: need"
    )


def test_of_many_wrong_settings_the_first_are_named():
    with pytest.raises(ConfigError, match=r"config: 11 settings are wrong: .*; and 3 more$"):
        validated(Root, dict.fromkeys(Root.model_fields, 7) | {"more": 1})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nothing"),
        (True, "true"),
        ({"a": 1}, "a group of 1 settings"),
        ({}, "an empty group of settings"),
        (BASE, "a group of settings"),
        ([1, "x", None], "[1, 'x', nothing]"),
        (date(2020, 1, 1), "2020-01-01"),
        (Colour.RED, "'red'"),
        ("x" * 500, "'" + "x" * 56 + "..."),
    ],
)
def test_values_are_shown_short(value, text):
    assert short(value) == text


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (int, "abc", "got 'abc', expected a whole number"),
        (float, "abc", "got 'abc', expected a number"),
        (date, "abc", "got 'abc', expected a date, YYYY-MM-DD"),
        (bool, "abc", "got 'abc', expected true or false"),
        (Annotated[int, Field(ge=1)], 0, "got 0, expected a number, at least 1"),
        (Annotated[int, Field(lt=1)], 2, "got 2, expected a number, below 1"),
    ],
)
def test_a_single_value_is_said_in_plain_words(kind, value, text):
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    assert explain_value(caught.value.errors()[0]) == text


def test_settings_of_another_variant_can_be_set_at_any_depth():
    texts = ["part.inner.depth=3", "part.kind=large", "texts.a=b"]
    resolved = resolve(BASE, base_name="base", assignments=texts)
    assert resolved.config.part == Large(inner=Inner(depth=3))
    assert resolved.config.texts == {"a": "b"}
    assert resolved.origins["texts.a"] == resolved.origins["part.inner.depth"] == "--set"


def test_a_wrong_setting_of_a_member_of_a_list_is_named_where_it_is():
    wrong = {"kind": "lightgbm", "rounds": "many"}
    with pytest.raises(ConfigError) as caught:
        validated(BlendConfig, {"members": [{"kind": "ridge"}, wrong]})
    assert "members[1].rounds: got 'many', expected a whole number, at least 1" in str(caught.value)
    assert str(caught.value).startswith("config: 1 setting is wrong: ")
    with pytest.raises(ConfigError, match=r"members\[0\]\.round: there is no such setting"):
        validated(BlendConfig, {"members": [{"kind": "lightgbm", "round": 5}]})
