import shlex
from pathlib import Path

import pytest
import typer

from gogooku.cli import app
from gogooku.commands.following import FOLLOWING, _filled, next_lines

GIVEN = {
    "run": "my run", "runs": ["my run", "other"], "source": "mine", "name": "mine", "size": "tiny",
    "seed": 1, "horizon": 20, "fitted": "my run",
}  # fmt: skip


def command_of(words):
    """The command that some words call, with how many of them name it."""
    command = typer.main.get_command(app)
    for count, word in enumerate(words):
        inner = getattr(command, "commands", {})
        if word not in inner:
            return command, count
        command = inner[word]
    return command, len(words)


def wrong(table):
    """What in a table of what follows is no command of the program, or would not be taken."""
    found = []
    for key, texts in table.items():
        named, count = command_of(key.split())
        options = [word for word in key.split()[count:] if word.startswith("--")]
        known = {option for one in named.params for option in one.opts}
        if hasattr(named, "commands") or not {*options} <= known or count + len(options) < 1:
            found.append(key)
        for text in texts:
            words = shlex.split(_filled(text, GIVEN))
            command, count = command_of(words)
            try:
                if hasattr(command, "commands"):
                    raise ValueError(f"{text}: no command")
                command.make_context(text, words[count:], resilient_parsing=False).close()
            except Exception as fault:  # noqa: BLE001 - whatever it is, the line is wrong
                found.append(f"{key} -> {text}: {fault}")
    return found


def test_what_follows_exists_and_is_taken_as_it_is_written():
    assert wrong(FOLLOWING) == []
    assert len(FOLLOWING) > 20


@pytest.mark.parametrize(
    "table",
    [
        {"train": ("evaluat {run}",)},
        {"train": ("evaluate {run} --loud",)},
        {"train --loud": ()},
        {"nothing": ()},
        {"holdout": ()},
        {"train": ("predict --horizon five",)},
    ],
)
def test_a_line_that_is_no_call_is_caught(table):
    assert len(wrong(table)) == 1


def test_places_are_filled_as_words_of_a_shell():
    given = {"run": "my run", "as_json": False}
    assert next_lines("train", given, home="/a b") == [
        "next: gogooku evaluate 'my run' --home '/a b'",
        "next: gogooku backtest 'my run' --home '/a b'",
        "next: gogooku report 'my run' --home '/a b'",
    ]
    given = {"runs": [Path("runs/a b"), "other"]}
    assert next_lines("evaluate", given, home=None)[0] == "next: gogooku backtest 'runs/a b'"


def test_an_option_may_change_what_follows():
    given = {"source": "sandbox", "dry_run": False}
    assert next_lines("sync", given, home=None) == ["next: gogooku build --source sandbox"]
    given["dry_run"] = True
    assert next_lines("sync", given, home=None) == ["next: gogooku sync --source sandbox"]
    market = {"size": "tiny", "seed": 3, "name": None}
    (line,) = next_lines("sandbox market", market, home=None)
    assert line == "next: gogooku build --source sandbox-tiny-3"
    (line,) = next_lines("sandbox market", {**market, "name": "tour"}, home=None)
    assert line == "next: gogooku build --source tour"


def test_settings_of_a_command_go_on_to_what_is_about_the_same():
    given = {"run": "mine", "fitted": "mine", "config": None, "assignments": None}
    assert next_lines("backtest", given, home=None)[0] == "next: gogooku report mine"
    given |= {"config": Path("a b.toml"), "assignments": ["portfolio.top_k=30", "costs.x=[1, 2]"]}
    (report, predict) = next_lines("backtest", given, home="h")
    assert report == (
        "next: gogooku report mine --config 'a b.toml' --set portfolio.top_k=30 "
        "--set 'costs.x=[1, 2]' --home h"
    )
    assert predict == "next: gogooku predict --run mine --home h"


def test_nothing_follows_what_only_reads_or_was_not_given():
    assert next_lines("features", {}, home=None) == []
    assert next_lines("predict", {"run": None}, home=None) == []
