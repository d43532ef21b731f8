"""The page of settings is what the code says, and every command that takes settings is on it."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from gogooku.cli import app
from gogooku.commands.settings import CONFIGS
from gogooku.commands.settings_page import COMMAND, settings_page
from gogooku.core.config import resolve
from gogooku.core.findings import field_paths
from gogooku.core.settings import Choice, settings_of

ROOT = Path(__file__).resolve().parents[2]
SAME_AS = {"compare": "evaluate", "judge": "evaluate"}


def taking_settings() -> set[str]:
    """Commands with ``--set``."""
    found: set[str] = set()

    def below(name, command):
        for word, one in getattr(command, "commands", {}).items():
            below(f"{name} {word}", one)
        if any("--set" in parameter.opts for parameter in command.params):
            found.add(name)

    below("gogooku", typer.main.get_command(app))
    return found


def test_the_page_is_what_the_code_says():
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert page == settings_page(), f"write it again: {COMMAND}"


def test_every_command_that_takes_settings_is_there():
    assert taking_settings() == {f"gogooku {one}" for one in CONFIGS}
    said = " ".join(settings_page().split())
    for command, other in SAME_AS.items():
        assert f"`gogooku {command}` takes those of `{other}`" in said


def test_every_path_that_a_config_knows_is_there():
    said = set(re.findall(r"^\| `([\w.]+)` \|", settings_page(), re.MULTILINE))
    for model in CONFIGS.values():
        assert set(field_paths(model)) - {"learner.members", *said} <= {"learner.kind"}


def test_every_default_is_legal():
    tried = 0
    for model in (one for name, one in CONFIGS.items() if "train" not in name):
        if any(declared.is_required() for declared in model.model_fields.values()):
            continue
        resolved = resolve(model(), base_name="page").config
        for one in settings_of(model):
            value = resolved
            for step in one.path.split("."):
                value = getattr(value, step)
            if isinstance(one, Choice):
                assert value.kind == one.default
            tried += 1
    assert tried > 60


def test_most_settings_have_a_meaning():
    rows = re.findall(r"^\| `[\w.]+` \|.*\| ([^|]*) \|$", settings_page(), re.MULTILINE)
    assert len(rows) > 300
    assert sum(bool(meaning.strip()) for meaning in rows) > 0.8 * len(rows)
