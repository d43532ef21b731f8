"""Old names lead to features, are none themselves, and are found where people look."""

import json

import pytest
from typer.testing import CliRunner

from gogooku.cli import app
from gogooku.core.errors import ConfigError
from gogooku.features.aliases import ALIASES, aliases_of, resolve
from gogooku.features.catalogue import BASE_INPUTS, CATALOGUE, by_name, select
from gogooku.features.reference import feature_page

FEATURES = {f.name for f in CATALOGUE}


def test_every_target_is_a_feature_of_the_dataset():
    assert set(ALIASES.values()) <= {name for name in FEATURES if not name.startswith("_")}
    assert len(ALIASES) > 100


def test_no_alias_is_a_feature_or_a_base_column():
    assert set(ALIASES) & (FEATURES | BASE_INPUTS) == set()


def test_names_resolve():
    assert resolve("log_returns_5d") == "ret_prev_5d"
    assert resolve("ret_prev_5d") == "ret_prev_5d"
    assert resolve("nothing") == "nothing"
    assert "log_returns_5d" in aliases_of("ret_prev_5d")
    assert aliases_of("x_pead_effect") == ()
    assert sum(len(aliases_of(name)) for name in FEATURES) == len(ALIASES)


def test_an_old_name_in_a_config_is_refused_with_the_new_one():
    with pytest.raises(ConfigError, match="here it is 'z_close_20'"):
        by_name("bb_position")
    with pytest.raises(ConfigError, match="old name"):
        select(["bb_position"], available=tuple(BASE_INPUTS))


def test_the_page_shows_every_old_name():
    head, _, tail = feature_page().partition("## Old names")
    assert head
    for old, new in ALIASES.items():
        (row,) = [line for line in tail.splitlines() if line.startswith(f"- `{new}`: ")]
        assert f"`{old}`" in row


def test_the_command_resolves_an_old_name():
    shown = CliRunner().invoke(app, ["features", "bb_position"])
    assert shown.exit_code == 0, shown.output
    assert "bb_position is an old name; here it is z_close_20" in shown.output
    same = CliRunner().invoke(app, ["features", "z_close_20"])
    assert same.exit_code == 0
    assert "old name" not in same.output
    assert "z_close_20" in same.output
    found = CliRunner().invoke(app, ["features", "bb_position", "--json"])
    (one,) = json.loads(found.output)
    assert one["name"] == "z_close_20"
    assert CliRunner().invoke(app, ["features", "no_such_feature"]).exit_code != 0
