from typing import Annotated, Literal

import pytest
from pydantic import Field

from gogooku.core.config import (
    Config,
    Execution,
    assignments_for,
    parse_assignment,
    resolve,
    tree_of,
    validated,
)
from gogooku.core.errors import ConfigError


class Small(Config):
    kind: Literal["small"] = "small"
    learning_rate: float = 0.1


class Large(Config):
    kind: Literal["large"] = "large"
    hidden: int = Field(8, ge=1)


class Root(Config):
    seed: int = 1
    names: tuple[str, ...] = ("a",)
    learner: Annotated[Small | Large, Field(discriminator="kind")] = Small()


def test_every_leaf_has_a_value_and_an_origin(tmp_path):
    file = tmp_path / "my.toml"
    file.write_text("seed = 3\n[learner]\nlearning_rate = 0.5\n")
    base = Root(names=("x", "y"))
    resolved = resolve(base, base_name="demo", file=file, assignments=["learner.learning_rate=2"])
    assert resolved.config.seed == 3
    assert resolved.config.learner.learning_rate == 2.0
    assert resolved.to_json() == {
        "seed": {"value": 3, "from": "file my.toml"},
        "names": {"value": ["x", "y"], "from": "run demo"},
        "learner.kind": {"value": "small", "from": "default"},
        "learner.learning_rate": {"value": 2.0, "from": "--set"},
    }


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("seed=2", "seed", 2),
        ("a.b=word", "a.b", "word"),
        ('n=["x"]', "n", ["x"]),
        ("d=2014-01-01x", "d", "2014-01-01x"),
    ],
)
def test_assignments_are_toml_or_words(text, path, value):
    assert parse_assignment(text) == (path, value)


def test_unknown_key_names_the_nearest():
    with pytest.raises(ConfigError, match=r"unknown setting 'learner.learning_rat'.*learning_rate"):
        resolve(Root(), base_name="demo", assignments=["learner.learning_rat=1"])
    with pytest.raises(ConfigError, match="expected path=value"):
        parse_assignment("seed")


def test_a_knob_of_another_variant_does_not_exist():
    with pytest.raises(ConfigError, match="learner.hidden"):
        resolve(Root(), base_name="demo", assignments=["learner.hidden=4"])


def test_bad_values_say_what_was_given():
    with pytest.raises(ConfigError, match=r"seed: .*got 'x'"):
        resolve(Root(), base_name="demo", assignments=["seed=x"])
    with pytest.raises(ConfigError, match="there is no such setting; nearest: seed"):
        validated(Root, {"sed": 1})


def test_missing_and_broken_files_are_config_errors(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        resolve(Root(), base_name="demo", file=tmp_path / "no.toml")
    bad = tmp_path / "bad.toml"
    bad.write_text("seed = ")
    with pytest.raises(ConfigError, match="not valid TOML"):
        resolve(Root(), base_name="demo", file=bad)


def test_hash_follows_values_only():
    assert Root().content_hash == Root(seed=1).content_hash
    assert Root().content_hash != Root(seed=2).content_hash


def test_execution_refuses_nonsense():
    with pytest.raises(ConfigError, match="at least 1"):
        validated(Execution, {"threads": 0})


@pytest.mark.parametrize(
    "texts",
    [
        ["learner.kind=large", "learner.hidden=4"],
        ["learner.hidden=4", "learner.kind=large"],
        ['learner={kind="large", hidden=4}'],
    ],
)
def test_another_variant_is_chosen_with_its_own_settings(texts):
    resolved = resolve(Root(), base_name="demo", assignments=texts)
    assert resolved.config.learner == Large(hidden=4)
    assert resolved.origins["learner.hidden"] == "--set"
    with pytest.raises(ConfigError, match="learner.size: there is no such setting"):
        resolve(Root(), base_name="demo", assignments=["learner.kind=large", "learner.size=1"])


def test_a_file_can_choose_another_variant(tmp_path):
    file = tmp_path / "my.toml"
    file.write_text('[learner]\nhidden = 16\nkind = "large"\n')
    resolved = resolve(Root(), base_name="demo", file=file, assignments=["learner.hidden=4"])
    assert resolved.config.learner == Large(hidden=4)


class Half(Config):
    names: tuple[str, ...] = ("a",)
    learner: Annotated[Small | Large, Field(discriminator="kind")] = Small()


def test_a_part_keeps_values_and_origins():
    both = resolve(Root(), base_name="demo", assignments=["learner.kind=large", "seed=4"])
    part = both.part(Half)
    assert part.config == Half(learner=Large())
    assert part.to_json() == {k: v for k, v in both.to_json().items() if k != "seed"}
    alone = resolve(Half(), base_name="demo", assignments=["learner.kind=large"])
    assert part.config.content_hash == alone.config.content_hash


def test_a_written_config_is_read_back_and_told_as_assignments():
    made = resolve(Root(), base_name="demo", assignments=["learner.kind=large", 'names=["x y"]'])
    written = made.to_json()
    assert validated(Root, tree_of(written)) == made.config
    texts = assignments_for({**written, "gone.long": {"value": 1, "from": "--set"}}, Root())
    assert resolve(Root(), base_name="demo", assignments=texts).config == made.config
    assert assignments_for(written, made.config) == []


def test_an_empty_table_is_refused_where_there_is_no_such_setting():
    with pytest.raises(ConfigError, match="learner"):
        resolve(Execution(), base_name="x", assignments=["learner={}"])
