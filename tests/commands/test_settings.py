"""`gogooku settings`: every command that can be set, and nothing made."""

import pytest

from gogooku.commands.settings import CONFIGS, settings
from gogooku.core.errors import ConfigError, UsageError
from gogooku.runs.named import run_named
from support.cli import done, run_cli


def values(command, run=None, **options):
    return {row["path"]: row["default"] for row in settings(command, run, **options).facts}


@pytest.mark.parametrize("command", CONFIGS)
def test_every_command_says_its_settings(command):
    for row in settings(command, None).facts:
        assert row["takes"], row
        assert not row["path"].endswith(".")


def test_those_of_a_run_have_its_defaults():
    run = run_named("lightgbm")
    found = values("train", "lightgbm")
    assert found["learner.kind"] == "lightgbm"
    assert found["learner.leaves"] == str(run.learner.leaves)
    few = values("train", "lightgbm", few_names=True)
    assert few["learner.rounds"] == str(run_named("lightgbm", few_names=True).learner.rounds)
    assert few["learner.rounds"] != found["learner.rounds"]
    assert values("tune", "lightgbm")["search.batch"] == "6"
    assert values("tune", "lightgbm")["split.kind"] == "walk_forward"


def test_what_has_none_is_refused():
    with pytest.raises(UsageError, match="trian.*train"):
        settings("trian", None)
    with pytest.raises(UsageError, match="takes no name of a run"):
        settings("build", "lightgbm")
    with pytest.raises(ConfigError, match="lightgmb"):
        settings("train", "lightgmb")


def test_nothing_is_made(tmp_path):
    home = tmp_path / "home"
    assert "learner.leaves" in done(home, "settings", "train", "lightgbm").out
    assert done(home, "settings", "build", "--json").json
    assert run_cli(home, "settings", "serve").code == 2
    assert not home.exists()
