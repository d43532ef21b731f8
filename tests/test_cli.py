"""The command line itself: it declares, prints and fails; what commands do is in tests/commands."""

import ast
import importlib
import json
import re
import subprocess
import sys
import typing
from pathlib import Path

import pytest
import typer

from gogooku import __version__, cli
from gogooku.cli import data, output, program, runs, service, shared, use
from gogooku.commands.answer import Answer
from gogooku.core import environment
from gogooku.core.errors import DataError, FindingError
from support.cli import run_cli


def command_paths(group, prefix=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from command_paths(command, (*prefix, name))
        else:
            yield (*prefix, name)


COMMANDS = tuple(command_paths(typer.main.get_command(cli.app)))
UNTIL_STOPPED = {("serve",), ("sandbox", "serve")}
"""Commands that serve: they have no answer at their end."""


def function_of(path):
    """The function that does a command's work; ``import`` is no name of a module."""
    name = {"import": "import_prices", "list": "listed"}.get(path[-1], path[-1])
    module = path[0] if len(path) > 1 else name
    return getattr(importlib.import_module(f"gogooku.commands.{module}"), name)


# -------------------------------------------------------------------------------- declarations


def test_every_documented_command_is_there():
    documented = {
        *("demo", "import", "build", "audit", "features", "train", "evaluate", "compare"),
        *("backtest", "report", "predict", "serve", "doctor", "explain", "version"),
    }
    assert documented <= {path[0] for path in COMMANDS}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_command_has_a_module_and_says_what_it_has_to_say_as_an_answer(path):
    made = typing.get_type_hints(function_of(path))["return"]
    assert made is (type(None) if path in UNTIL_STOPPED else Answer)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_of_every_command(path, tmp_path):
    result = run_cli(tmp_path, *path, "--help", COLUMNS="80")
    assert result.code == 0
    assert " ".join(path) in result.out
    options = set(re.findall(r"--[a-z-]+", result.out))
    assert {"--json", "--home", "--quiet", "--log-file"} <= options
    assert not re.search(r"(?<!})\.\.\.(?! +<)", result.out), "a text is cut"
    assert max(map(len, result.out.splitlines())) <= 80


@pytest.mark.parametrize("group", [(), ("holdout",), ("keys",), ("sandbox",)], ids=" ".join)
def test_help_that_lists_commands_is_whole_at_80_columns(group, tmp_path):
    result = run_cli(tmp_path, *group, "--help", COLUMNS="80")
    assert "..." not in result.out.replace("[ARGS]...", "")
    assert max(map(len, result.out.splitlines())) <= 80
    words = " ".join(result.out.split())
    for path in COMMANDS:
        if path[:-1] == group:
            assert first_line(path) in words


def first_line(path):
    """The first line of a command's help, from its declaration."""
    command = typer.main.get_command(cli.app)
    for word in path:
        command = command.commands[word]
    return " ".join(command.help.partition("\n")[0].split())


def test_the_options_of_every_command_are_declared_in_one_place():
    """A command that is declared without `Commands` lacks them."""
    bare = typer.Typer()
    bare.command()(lambda: None)
    options = {one for parameter in typer.main.get_command(bare).params for one in parameter.opts}
    assert "--home" not in options
    texts = [path.read_text() for path in Path(cli.__file__).parent.glob("*.py")]
    for name in shared.OPTIONS:
        assert sum(text.count(f'"--{name.replace("_", "-")}"') for text in texts) == 1


def test_version_by_option_and_as_a_module(tmp_path):
    assert run_cli(tmp_path, "--version").out == f"gogooku {__version__}\n"
    call = [sys.executable, "-m", "gogooku", "--version"]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    assert done.stdout == f"gogooku {__version__}\n"


def test_a_shell_may_ask_what_comes_next(tmp_path, monkeypatch):
    monkeypatch.setattr("shellingham.detect_shell", lambda *_: ("bash", "/bin/bash"))
    asked = {"_GOGOOKU_COMPLETE": "complete_bash", "COMP_WORDS": "gogooku ev", "COMP_CWORD": "1"}
    assert run_cli(tmp_path, **asked).out.split() == ["evaluate", "evening", "evenings"]
    assert "_GOGOOKU_COMPLETE" in run_cli(tmp_path, "--show-completion", "bash").out


# ------------------------------------------------------------------- options of every command


def test_home_is_where_everything_is_kept(tmp_path):
    """It comes before the variable, and what follows is said with it."""
    home = tmp_path / "other home"
    market = ["sandbox", "market", "--size", "tiny", "--set", "num_sessions=60"]
    result = run_cli(tmp_path / "home", *market, "--home", home)
    assert result.code == 0, result.err
    assert (home / "sources").is_dir()
    assert not (tmp_path / "home").exists()
    said = f"next: gogooku build --source sandbox-tiny-1 --home '{home}'"
    assert said in result.err.splitlines()
    assert run_cli(tmp_path / "home", "doctor", "--json").json["home"] == str(tmp_path / "home")


def test_quiet_is_the_answer_and_errors_alone(tmp_path):
    market = ["sandbox", "market", "--size", "tiny", "--set", "num_sessions=60"]
    loud = run_cli(tmp_path / "a", *market)
    quiet = run_cli(tmp_path / "b", *market, "--quiet")
    assert (quiet.out, quiet.err) == (loud.out, "")
    assert "market: " in loud.err
    assert "next: gogooku build" in loud.err
    assert "next" not in run_cli(tmp_path / "c", *market, "--json").err
    assert "error: " in run_cli(tmp_path / "b", "build", "--source", "none", "--quiet").err


def test_a_log_holds_how_a_command_went(tmp_path):
    log = tmp_path / "log"
    market = ["sandbox", "market", "--size", "tiny", "--set", "num_sessions=60"]
    run_cli(tmp_path / "a", *market, "--quiet", "--log-file", log)
    run_cli(tmp_path / "a", "build", "--source", "none", "--json", "--log-file", log)
    lines = [line.partition(" ")[2] for line in log.read_text().splitlines()]
    assert lines[0] == "begun: gogooku sandbox market"
    assert lines[1].startswith("market: ")
    assert lines[2] == "done: gogooku sandbox market"
    assert lines[3] == "begun: gogooku build"
    assert lines[4].startswith("stopped: No source 'none'")
    missing = run_cli(tmp_path / "a", *market, "--log-file", tmp_path / "no" / "log")
    assert missing.code == 3
    assert "--log-file" in missing.err


STATEMENTS = (ast.If, ast.For, ast.While, ast.Try, ast.With, ast.Raise, ast.FunctionDef)


def logic(text):
    """Commands of a module that hold more than a declaration, with what they hold."""
    found = []
    for function in ast.parse(text).body:
        if isinstance(function, ast.FunctionDef) and function.decorator_list:
            inner = [node for one in function.body for node in ast.walk(one)]
            kinds = {type(node).__name__ for node in inner if isinstance(node, STATEMENTS)}
            if kinds:
                found.append((function.name, sorted(kinds)))
    return found


def test_commands_are_declared_here_and_nothing_else():
    texts = [path.read_text() for path in Path(cli.__file__).parent.glob("*.py")]
    declared = sum(len(re.findall(r"^@\w*app\.command\(", text, re.MULTILINE)) for text in texts)
    assert declared == len(COMMANDS)
    assert [found for text in texts for found in logic(text)] == []


def test_commands_are_listed_by_subject():
    assert [path[0] for path in COMMANDS] == [
        name
        for subject in (data, runs, service, use)
        for name, *_ in command_paths(typer.main.get_command(subject.app))
    ]
    assert cli.main is program.main


def test_the_environment_gives_what_is_set(monkeypatch, tmp_path):
    monkeypatch.setenv("GOGOOKU_HOME", str(tmp_path))
    monkeypatch.setenv("GOGOOKU_API_KEYS", "one,two")
    assert environment.home_folder() == tmp_path
    assert environment.api_keys() == "one,two"
    monkeypatch.delenv("GOGOOKU_API_KEYS")
    assert environment.api_keys() == ""
    assert environment.chosen(["GOGOOKU_HOME", "GOGOOKU_API_KEYS"]) == {
        "GOGOOKU_HOME": str(tmp_path)
    }


@pytest.mark.parametrize(
    ("called", "found", "said"),
    [
        ("env/bin/gogooku", None, "'{here}/my env/bin/gogooku'"),
        ("env/bin/gogooku", "env/bin/gogooku", "gogooku"),
        ("env/bin/gogooku", "other/gogooku", "'{here}/my env/bin/gogooku'"),
        ("lib/gogooku/__main__.py", None, f"{sys.executable} -m gogooku"),
        ("lib/pytest/__main__.py", None, "gogooku"),
    ],
)
def test_how_the_program_is_called_from_here(called, found, said, tmp_path, monkeypatch):
    for one in (called, "other/gogooku"):
        place = tmp_path / f"my {one}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    monkeypatch.setattr(sys, "argv", [str(tmp_path / f"my {called}")])
    there = None if found is None else str(tmp_path / f"my {found}")
    monkeypatch.setattr(shared.shutil, "which", lambda name: there)
    assert shared.program_call() == said.format(here=tmp_path)


def test_logic_in_a_command_is_found():
    text = "@app.command()\ndef build(x):\n    for one in x:\n        emit(one)\n"
    assert logic(text) == [("build", ["For"])]


# ------------------------------------------------------------------------------------- printing


def printed(answer, capsys, *, as_json):
    """What an answer prints, and what it raises."""
    try:
        output.emit(answer, as_json=as_json)
        fault = None
    except (FindingError, DataError) as raised:
        fault = raised
    return capsys.readouterr().out, fault


def test_programs_get_the_facts_and_people_the_parts(capsys):
    answer = Answer(facts={"名": "値", "place": Path("a")}, parts=["one line", "another"])
    text, fault = printed(answer, capsys, as_json=True)
    assert (json.loads(text), fault) == ({"名": "値", "place": "a"}, None)
    assert "値" in text
    assert printed(answer, capsys, as_json=False) == ("one line\nanother\n", None)


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("failure", [FindingError("found"), DataError("missing")])
def test_what_failed_is_raised_after_the_answer_is_printed(failure, as_json, capsys):
    answer = Answer(facts=["said"], parts=["said"], failure=failure)
    text, fault = printed(answer, capsys, as_json=as_json)
    assert "said" in text
    assert fault is failure


def test_a_line_is_printed_as_it_is(capsys):
    line = f"report: /home/me/[draft]/:smile:/{'long/' * 60}report.html"
    assert printed(Answer(facts=None, parts=[line]), capsys, as_json=False) == (f"{line}\n", None)


# -------------------------------------------------------------------------------- failing calls


def test_no_command_shows_help(tmp_path):
    result = run_cli(tmp_path)
    assert result.code == 2
    assert "Usage" in result.out + result.err


def test_wrong_call_is_json_when_json_was_asked_for(tmp_path):
    for argv in (["nothing", "--json"], ["train", "--json"], ["build", "--nothing", "--json"]):
        result = run_cli(tmp_path, *argv)
        assert result.code == 2
        assert result.out == ""
        assert result.error["error"] == "UsageError"
