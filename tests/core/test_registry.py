"""Tables of variants: rows by reference, errors that name them, modules of what is chosen."""

from typing import Annotated, Literal

import pytest

from gogooku.core.config import Config, OneOf, VariantConfig
from gogooku.core.errors import ConfigError
from gogooku.core.registry import Row, Table, chosen_modules, load


class Plain(VariantConfig):
    kind: Literal["plain"] = "plain"


class Other(VariantConfig):
    kind: Literal["other"] = "other"


NOT_A_CONFIG = 3
HERE = __name__
ROWS = (
    Row(kind="plain", meaning="the one: there is", config=f"{HERE}:Plain"),
    Row(kind="wrong", meaning="another kind", config=f"{HERE}:Other"),
    Row(kind="number", meaning="no class", config=f"{HERE}:NOT_A_CONFIG"),
)
TABLE = Table("thing", f"{HERE}:ROWS")
OTHER = Row(kind="other", meaning="one more", config=f"{HERE}:Other")


class Inner(Config):
    choice: Annotated[VariantConfig, OneOf(TABLE)] = Plain()
    size: int = 1


class Outer(Config):
    first: Inner = Inner()
    second: Inner = Inner()


@pytest.fixture
def table():
    return Table("thing", f"{HERE}:ROWS")


def test_a_reference_may_have_dots():
    assert load("pathlib:Path.home.__name__") == "home"


@pytest.mark.parametrize(
    "reference", ["no.such.module:x", "pathlib:Nothing", "pathlib:Path.nothing", "pathlib"]
)
def test_what_cannot_be_imported_is_named(reference):
    with pytest.raises(ConfigError, match=f"'{reference}'.*expected module:attribute"):
        load(reference)


def test_rows_are_listed_and_found_by_kind(table):
    assert table.kinds() == ("plain", "wrong", "number")
    assert table.row("plain").meaning == "the one: there is"
    assert table.config("plain") is Plain
    with pytest.raises(ConfigError, match="thing 'none' does not exist; there are: plain, wrong"):
        table.row("none")


@pytest.mark.parametrize(
    ("kind", "words"),
    [("wrong", "has the kind 'other'; give it kind: Literal"), ("number", "no VariantConfig")],
)
def test_a_row_must_name_a_config_of_its_kind(table, kind, words):
    with pytest.raises(ConfigError, match=words):
        table.config(kind)


def test_a_row_is_there_for_a_while(table):
    with table.registered(OTHER):
        assert table.config("other") is Other
        with pytest.raises(ConfigError, match="thing 'other' exists already"):
            table.register(OTHER)
    assert "other" not in table.kinds()
    with pytest.raises(ConfigError, match="does not exist"):
        table.remove("other")


def test_a_row_that_is_wrong_is_not_kept(table):
    bad = Row(kind="bad", meaning="", config=f"{HERE}:Other")
    with pytest.raises(ConfigError, match="has the kind 'other'"):
        table.register(bad)
    assert "bad" not in table.kinds()


def test_modules_are_those_of_references_and_not_of_words(table):
    assert table.modules("plain") == (HERE,)


def test_chosen_modules_are_found_at_any_depth():
    assert chosen_modules(Outer()) == (HERE,)
    assert chosen_modules(Plain()) == ()
