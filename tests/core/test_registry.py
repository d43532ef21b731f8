"""Tables of variants: rows by kind, what a row must be, and what a setting of a table takes."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import pytest

from gogooku.core.config import Config, resolve, validated
from gogooku.core.errors import ConfigError
from gogooku.core.findings import field_paths
from gogooku.core.registry import Row, Table, VariantConfig, chosen_references, load
from gogooku.core.variants import OneOf


class Small(VariantConfig):
    kind: Literal["small"] = "small"
    rate: float = 0.1


class Large(VariantConfig):
    kind: Literal["large"] = "large"
    width: int = 8


def row(kind: str) -> Row:
    return Row(kind=kind, meaning=f"It is {kind}: so.", config=f"{__name__}:{kind.capitalize()}")


ROWS = (row("small"), row("large"))
SIZES = Table[Row]("size", f"{__name__}:ROWS")


class Root(Config):
    size: Annotated[VariantConfig, OneOf(SIZES)] = Small()
    seed: int = 1


@pytest.fixture
def table() -> Table[Row]:
    return Table[Row]("size", f"{__name__}:ROWS")


def test_rows_are_found_by_kind(table: Table[Row]):
    assert table.kinds() == ("small", "large")
    assert table.config("large") is Large
    assert table.references("large") == (f"{__name__}:Large",)
    with pytest.raises(ConfigError, match="size 'huge' does not exist; there are: small, large"):
        table.row("huge")


def test_a_row_can_be_added_and_taken_out(table: Table[Row]):
    table.remove("large")
    assert table.kinds() == ("small",)
    with table.registered(row("large")):
        assert table.config("large") is Large
    assert table.kinds() == ("small",)
    with pytest.raises(ConfigError, match="size 'small' exists already"):
        table.register(row("small"))


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (f"{__name__}:Small", "has the kind 'small'"),
        (f"{__name__}:ROWS", "is no VariantConfig class"),
        (f"{__name__}:Nowhere", "has no attribute 'Nowhere'"),
        ("gogooku.nowhere:Small", "No module named 'gogooku.nowhere'"),
    ],
)
def test_a_row_without_a_config_of_its_kind_is_refused(table: Table[Row], config: str, words: str):
    with pytest.raises(ConfigError, match=words):
        table.register(replace(row("other"), config=config))
    assert table.kinds() == ("small", "large")


def test_a_reference_may_have_dots():
    assert load("gogooku.core.config:Config.model_validate") == Config.model_validate


def test_a_setting_of_a_table_takes_any_of_its_configs_and_keeps_all_fields():
    made = validated(Root, {"size": {"kind": "large", "width": 3}})
    assert made.size == Large(width=3)
    assert made.model_dump(mode="json")["size"] == {"kind": "large", "width": 3}
    assert Root(size=Large(width=3)) == made
    assert Root(size=Large(width=3)).content_hash == made.content_hash != Root().content_hash
    assert field_paths(Root) == ["size.kind", "size.rate", "size.width", "seed"]


def test_another_kind_opens_its_settings():
    made = resolve(Root(), base_name="root", assignments=["size.kind=large", "size.width=2"])
    assert made.config.size == Large(width=2)
    assert made.origins["size.width"] == "--set"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("size.kind=huge", "small.*large"),
        ("size.rate=much", "size.*rate"),
        ("size.width=2", "size.width"),
        ("size=3", "size"),
    ],
)
def test_what_no_config_of_the_table_takes_is_refused(text: str, words: str):
    with pytest.raises(ConfigError, match=words):
        resolve(Root(), base_name="root", assignments=[text])


def test_references_of_what_is_chosen_are_found_at_any_depth():
    class Outer(Config):
        root: Root = Root()

    assert chosen_references(Outer()) == (f"{__name__}:Small",)
    assert chosen_references(Small()) == ()
