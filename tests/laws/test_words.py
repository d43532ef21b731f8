"""Law: what a user reads is plain: no jargon of the tools, no private dialect, nothing empty."""

import enum
import importlib
import pkgutil
import re
from datetime import date
from pathlib import Path

import pytest

import gogooku
from gogooku.core.config import Config, resolve, validated
from gogooku.core.errors import ConfigError
from gogooku.core.findings import field_paths, models_in
from gogooku.runs.named import RUNS, run_named

PACKAGE = Path(gogooku.__file__).parent
ROOT = PACKAGE.parents[1]

JARGON = re.compile(
    r"Input should|[Pp]ydantic|type=|function-|[Vv]alidat|unable to parse|\bstr(ing)?\b"
    r"|\bint(eger)?\b|\bdict|\btuple\b|\bfloat\b|\bNone\b|[<>{}\n]"
)
"""Words of pydantic, of Python, and marks of a whole object."""
LONGEST = 400

WRONG = {
    "a word": "?",
    "nothing": None,
    "not a number": float("nan"),
    "infinite": float("inf"),
    "far below": -(10**9),
    "far above": 10**30,
    "a fraction": 0.123,
    "a list": [object(), {"a": 1}],
    "an empty list": [],
    "settings": {"a": {"b": "c" * 1_000}},
    "an object": date,
    "bytes": b"\xff",
    "a long text": "long " * 1_000,
}


def modules():
    """Every module of the package but the entry point of a process."""
    for found in pkgutil.walk_packages(gogooku.__path__, "gogooku."):
        yield importlib.import_module(found.name)


def kinds_of(base):
    for one in base.__subclasses__():
        yield one
        yield from kinds_of(one)


def configs():
    """Every config model of the project, by name."""
    list(modules())
    found = {one for one in kinds_of(Config) if one.__module__.startswith("gogooku.")}
    return sorted(found, key=lambda one: one.__qualname__)


CONFIGS = configs()
NAMES = {one.__name__ for one in CONFIGS} | {
    member.__name__
    for module in modules()
    for member in vars(module).values()
    if isinstance(member, type) and issubclass(member, enum.Enum)
}


def assert_plain(message, path):
    assert path in message
    assert len(message) <= LONGEST, message
    found = JARGON.search(message.replace(path, ""))
    assert found is None, f"{found!r} in {message}"
    words = set(re.findall(r"\w+", message))
    assert not words & NAMES, f"{words & NAMES} in {message}"


def complaint(model, tree):
    """What is said of a tree; None where it is a config."""
    try:
        validated(model, tree)
    except ConfigError as fault:
        return str(fault)
    return None


def needed(model):
    """Settings without a default, at values that do."""
    size = {"num_stocks": 60, "num_sessions": 2, "seed": 1}
    days = dict.fromkeys(("train", "valid", "test"), ("2020-01-01", "2020-02-01"))
    known = {**size, **days, "learner": {"kind": "ridge"}}
    return {n: known[n] for n, field in model.model_fields.items() if field.is_required()}


@pytest.mark.parametrize("model", CONFIGS, ids=lambda one: one.__name__)
def test_every_wrong_setting_is_said_in_plain_words(model):
    """Each field of each config, given each wrong value: named, in one plain paragraph."""
    assert complaint(model, needed(model)) is None
    for name in model.model_fields:
        said = {}
        for what, value in WRONG.items():
            message = complaint(model, needed(model) | {name: value})
            if message is not None:
                said[what] = message
                assert_plain(message, name)
        assert {"nothing", "settings", "an object"} <= set(said), f"{name}: accepted"
    assert_plain(complaint(model, needed(model) | {"setting": 1}), "setting: there is no")


@pytest.mark.parametrize("run", RUNS)
def test_paths_are_those_that_a_user_writes(run):
    """Through the unions of a run: no variant and no step of pydantic's stands in a path."""
    base = run_named(run)
    paths = set(field_paths(type(base)))
    for name, part in base:
        for model in models_in(type(part)):
            for leaf in field_paths(model, f"{name}."):
                assert leaf in paths
                with pytest.raises(ConfigError) as caught:
                    resolve(base, base_name=run, assignments=[f"{leaf}={{}}", f"{leaf}.x=1"])
                assert leaf in str(caught.value)
                with pytest.raises(ConfigError) as caught:
                    resolve(base, base_name=run, assignments=[f"{leaf}=[[1]]"])
                assert_plain(str(caught.value), f"{leaf}: got [")
