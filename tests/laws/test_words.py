"""Law: what a user reads is plain: no jargon of the tools, no private dialect, nothing empty."""

import ast
import enum
import importlib
import pkgutil
import re
from datetime import date

import pytest

import gogooku
from gogooku.core import errors
from gogooku.core.config import Config, resolve, validated
from gogooku.core.errors import ConfigError
from gogooku.core.findings import field_paths, models_in
from gogooku.learn.registry import LOSSES
from gogooku.runs.named import run_named, run_names
from support.sources import ROOT, trees

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
    known = {
        **size,
        **days,
        "learner": {"kind": "ridge"},
        "kind": "any",
        "feature": "any",
        "name": "a",
    }
    if model.__name__ == "GivenConfig":
        known["learner"] = {"kind": "given", "content": "0a1b"}
    known["content"] = "0a1b"
    known["start"] = "2020-01-01"
    known |= {"path": "learner.seed", "called": "a", "low": 1, "high": 2}
    known["options"] = [1, 2] if model.__name__ == "ChoiceKnob" else {"a": {"x": 1}, "b": {"x": 2}}
    known["knobs"] = [{"kind": "whole", "path": "learner.seed", "low": 1, "high": 2}]
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


def loss_with(leaf):
    """What chooses the loss that has a setting."""
    holder, _, name = leaf.rpartition(".")
    if not holder.endswith(".loss") or name == "kind":
        return []
    kinds = [kind for kind in LOSSES.kinds() if name in LOSSES.config(kind).model_fields]
    return [f"{holder}.kind={kinds[0]}"]


@pytest.mark.parametrize("run", run_names())
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
                chosen = [*loss_with(leaf), f"{leaf}=[[1]]"]
                with pytest.raises(ConfigError) as caught:
                    resolve(base, base_name=run, assignments=chosen)
                assert_plain(str(caught.value), f"{leaf}: got [")


DIALECT = re.compile(r"(?i)\b(tell|tells|telling|told|says otherwise|said otherwise)\b")
"""Words that the project once used of data. Data differ, report, know or say; a test, a mark or a
name distinguishes."""


def text_of(node):
    """The text of a string or an f-string; what is put into it is a mark."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or "{}" for part in node.values)
    return None


def own_dialect(path, tree):
    """Lines of a file of code whose words or names are of the private dialect."""
    for node in ast.walk(tree):
        named = [getattr(node, name, None) for name in ("id", "name", "arg", "attr")]
        texts = [one.replace("_", " ") for one in named if isinstance(one, str)]
        for text in [*texts, text_of(node) or ""]:
            for found in DIALECT.finditer(text):
                yield f"{path}:{node.lineno}: {found[0]!r}"


OF_LIBRARIES = {("search/study.py", "tell")}
"""Names of another library's that a file calls: Optuna's ``Study.tell``."""


def test_no_private_dialect_in_code():
    found = [
        line
        for path, tree in trees().items()
        for line in own_dialect(path, tree)
        if (line.partition(":")[0], line.split("'")[1]) not in OF_LIBRARIES
    ]
    assert found == []


def test_no_private_dialect_in_the_docs():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if DIALECT.search(line)
    ]
    assert found == []


ERRORS = {
    one.__name__: one
    for one in vars(errors).values()
    if isinstance(one, type) and issubclass(one, Exception)
}
FEWEST_WORDS = 3


def raised_texts():
    """Place and text of every literal message of an error of the project."""
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            if node.func.id in {*ERRORS, "ValueError"} and node.args:
                text = text_of(node.args[0])
                if text is not None:
                    yield f"{path}:{node.lineno}", text, node.args[0]


WHOLE = {"self", "config", "resolved", "base", "tree", "manifest", "header", "options", "given"}
"""Names of objects of which a message shows a part, never the whole."""


def test_every_error_says_something_concrete():
    """No empty message, no line break, and no object that is printed whole."""
    wrong, raised = [], list(raised_texts())
    for place, text, node in raised:
        whole = [
            one.value.id
            for one in getattr(node, "values", ())
            if isinstance(one, ast.FormattedValue) and isinstance(one.value, ast.Name)
        ]
        if len(text.split()) < FEWEST_WORDS or text != text.strip() or "\n" in text:
            wrong.append(f"{place}: {text!r}")
        wrong += [f"{place}: the whole of {name}" for name in whole if name in WHOLE]
    assert wrong == []
    assert len(raised) > 150
