"""The line: every arrow is there, and commands go along the arrows alone."""

import ast
import inspect
from pathlib import Path

import pytest

import gogooku
from gogooku import pipeline

ARROWS = (
    *("import_prices", "sandbox", "sync", "tables_source", "build", "search", "train", "bring"),
    *("evaluate", "backtest", "compare", "report", "importance", "predictor", "ranking"),
)
STAGES = {
    "gogooku.dataset.build": {"build"},
    "gogooku.ingest.imports.files": {"import_files"},
    "gogooku.ingest.jquants.sync": {"sync"},
    "gogooku.ingest.source": {"write_source", "publish_source"},
    "gogooku.runs.comparison": {"compare"},
    "gogooku.runs.given": {"bring"},
    "gogooku.runs.importance": {"importance"},
    "gogooku.runs.judge": {"evaluate"},
    "gogooku.runs.report": {"write_report"},
    "gogooku.runs.trade": {"backtest"},
    "gogooku.runs.train": {"train"},
    "gogooku.sandbox.market.market": {"generate"},
    "gogooku.predict.predictor": {"Predictor"},
    "gogooku.search.search": {"search"},
    "gogooku.tables.delivery": {"deliver"},
    "gogooku.tables.parts": {"derive"},
}
"""What an arrow calls, by module."""


def functions():
    return {
        name: one
        for name, one in inspect.getmembers(pipeline, inspect.isfunction)
        if one.__module__ == pipeline.__name__
    }


def test_the_arrows_of_the_picture_are_the_functions():
    assert set(functions()) == set(ARROWS)
    for name in ARROWS:
        assert f"-- {name} -" in pipeline.__doc__, name


@pytest.mark.parametrize("name", ARROWS)
def test_an_arrow_is_typed_and_says_where_it_leads(name):
    arrow = functions()[name]
    parameters = inspect.signature(arrow).parameters.values()
    assert all(one.annotation is not inspect.Parameter.empty for one in parameters)
    assert arrow.__annotations__["return"] != "None"
    assert " -> " in arrow.__doc__


def around(text):
    """Stages that a module calls itself instead of going along the line."""
    tree, names, called = ast.parse(text), {}, set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            head, _, rest = ast.unparse(node.func).partition(".")
            called.add(f"{names.get(head, head)}.{rest}".rstrip("."))
    return sorted(called & {f"{module}.{name}" for module in STAGES for name in STAGES[module]})


def test_the_pipeline_calls_every_stage_and_neither_commands_nor_the_api_do():
    package = Path(gogooku.__file__).parent
    called = around((package / "pipeline.py").read_text())
    named = {f"{module}.{name}" for module, names in STAGES.items() for name in names}
    assert named - set(called) == {"gogooku.ingest.source.publish_source"}
    commands = [*(package / "cli").glob("*.py"), *(package / "commands").glob("*.py")]
    assert len(commands) > 20
    commands += (package / "api").glob("*.py")
    found = {str(path.relative_to(package)): around(path.read_text()) for path in commands}
    assert {name: stages for name, stages in found.items() if stages} == {}


def test_a_way_around_the_line_is_found():
    for text, stage in (
        ("from gogooku.runs.train import train as fit\nfit(1)", "gogooku.runs.train.train"),
        ("from gogooku.runs import judge as j\nj.evaluate(1)", "gogooku.runs.judge.evaluate"),
        (
            "def f():\n    from gogooku.runs.train import train\n    train()",
            "gogooku.runs.train.train",
        ),
    ):
        assert around(text) == [stage]
    named = "from gogooku.dataset.build import build\ncode_hash((build.__module__,))"
    assert around(named) == [], "a name for a key is no call"


def test_an_arrow_loads_its_own_stage_only():
    """`gogooku import` must not wait for what trains or draws."""
    tree = ast.parse(Path(pipeline.__file__).read_text())
    loaded = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not [ast.unparse(one) for one in loaded if "gogooku" in ast.unparse(one)]
