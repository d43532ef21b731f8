"""Every option and argument of every command, with values that nobody means.

Whatever is given: one paragraph or the usage, never a traceback, and no exit code of a finding or
of a defect. The home is empty, so that values that pass are followed by "there is nothing yet".
"""

import os

import pytest
import typer

from gogooku import cli
from support.cli import is_one_paragraph, run_cli, visible
from support.soak import some

DAYS = ("9999-12-31", "0001-01-01")
LONG, ESCAPES = "x" * 5_000, "\x01\x1b[31mred"
WRONG = {
    "whole number": ("", "nan", "-1", "0", "1e400", "1" + "0" * 26, "1" + "0" * 5_000, ESCAPES),
    "text": (
        "",
        " ",
        LONG,
        ESCAPES,
        "日本",
        "\udce3\udc81",
        "../../etc",
        "9999-12-31",
        "0001-01-01",
    ),
    "path": ("", LONG, ESCAPES, "\udce3\udc81", "[" * 3_000, "../../etc", "/dev/zero", "/dev/full"),
}
"""Values by the type of a parameter."""
SETTINGS = ("", "a=b", "=", "learner=1", "learner={}", "seed=" + "[" * 3_000, "seed=1" + "0" * 30)


def wrong_values(parameter):
    """What nobody means by a parameter."""
    if parameter.name == "assignments":
        return SETTINGS
    declared = str(parameter.type_descriptor.annotation)
    return WRONG["path" if "Path" in declared else "whole number" if "int" in declared else "text"]


NEEDED = {
    "demo": ("--size", "nowhere"),
    "sandbox market": ("--size", "nowhere"),
    "sandbox serve": ("--size", "nowhere"),
    "import": ("prices.csv",),
    "train": ("ridge",),
    "evaluate": ("ridge",),
    "compare": ("ridge", "lightgbm"),
    "backtest": ("ridge",),
    "report": ("ridge",),
    "export": ("out", "--to", "qlib"),
    "explain": ("ridge",),
}
"""What each command needs besides; the sizes see to it that nothing long is begun."""


def options(group, prefix=""):
    """Command, its parameter, for every one that takes a value."""
    for name, command in group.commands.items():
        path = f"{prefix}{name}"
        if hasattr(command, "commands"):
            yield from options(command, f"{path} ")
            continue
        for parameter in command.params:
            if parameter.name != "help" and not getattr(parameter, "is_flag", False):
                yield path, parameter


HARMLESS = ("features", "doctor", "version", "sync", "settings")
"""What may end well on an empty home; where things and lines are kept may be called anything."""
PARAMETERS = tuple(options(typer.main.get_command(cli.app)))


def call(path, parameter, value):
    """The words of a call with one wrong value."""
    needed = list(NEEDED.get(path, ()))
    if parameter.param_type_name == "argument":
        where = 1 if parameter.name == "other" else 0
        return [*path.split(), *needed[:where], value, *needed[where + 1 :]]
    name = parameter.opts[0]
    if name in needed:
        del needed[needed.index(name) : needed.index(name) + 2]
    return [*path.split(), *needed, f"{name}={value}"]


@pytest.mark.parametrize(
    ("path", "parameter"),
    some(PARAMETERS, keep=len(PARAMETERS) // 3),
    ids=[f"{path} {one.name}" for path, one in PARAMETERS],
)
def test_a_wrong_value_is_one_paragraph(path, parameter, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home"
    for value in wrong_values(parameter):
        words = call(path, parameter, value)
        result = run_cli(home, *words)
        shown = [word[:40] for word in words]
        harmless = result.code == 0 and (path in HARMLESS or parameter.name in ("home", "log_file"))
        assert harmless or result.code in (2, 3), (shown, result.code, result.err[-2_000:])
        assert "Traceback" not in result.err, (shown, result.err)
        assert "\x1b" not in result.err + result.out, shown
        assert len(result.err) < 4_000, shown
        said = result.err.strip().splitlines()[-1:]
        assert harmless or is_one_paragraph(f"{said[0]}\n") or said[0].startswith("Error: "), shown
    assert not home.exists() or visible(home) == {}


def file_of(content):
    return lambda path: path.write_bytes(content)


CONFIGS = {
    "missing": lambda path: None,
    "folder": lambda path: path.mkdir(),
    "pipe": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "binary": file_of(bytes(range(256))),
    "deep": file_of(b"a = " + b"[" * 5_000),
    "large": file_of(b"# comment\n" * 200_000),
    "digits": file_of(b"seed = 1" + b"0" * 5_000),
    "utf-16": file_of("seed = 1".encode("utf-16")),
    "table for a value": file_of(b"[seed]\nx = 1"),
    "value for a table": file_of(b"learner = 1"),
    "empty key": file_of(b'"" = 1'),
    "date": file_of(b"seed = 2024-01-01"),
}


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_config_file_of_any_kind_is_refused_in_words(kind, tmp_path):
    path = tmp_path / "a.toml"
    CONFIGS[kind](path)
    result = run_cli(tmp_path / "home", "train", "ridge", "--config", path)
    assert result.code == 2, result.err
    assert is_one_paragraph(result.err), result.err
    assert "a.toml" in result.err


def test_a_config_file_with_a_byte_order_mark_is_read(tmp_path):
    path = tmp_path / "a.toml"
    path.write_bytes("seed = 2\n".encode("utf-8-sig"))
    result = run_cli(tmp_path / "home", "train", "ridge", "--config", path)
    assert "No dataset" in result.err


@pytest.mark.parametrize("below", ["", "x", "x/y"])
def test_a_home_that_is_a_file_is_named(below, tmp_path):
    file = tmp_path / "file"
    file.write_text("content")
    for command in (["doctor"], ["train", "ridge"], ["sandbox", "market", "--size", "tiny"]):
        result = run_cli(file / below, *command)
        assert result.code == 2, result.err
        assert is_one_paragraph(result.err), result.err
        assert f"{file} is no folder" in result.err
        assert "GOGOOKU_HOME" in result.err
    assert file.read_text() == "content"


@pytest.mark.parametrize("home", ["x" * 300, "/dev/null/x", "~nobody-of-this-name/x"])
def test_a_home_that_cannot_be_is_named(home):
    result = run_cli(home, "doctor")
    assert result.code == 2, result.err
    assert is_one_paragraph(result.err), result.err
    assert "cannot be the home" in result.err
