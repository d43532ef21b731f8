"""What nothing reads is deleted: each function, class, field and constant of the source is used.

A name counts as read where source code loads it, as a name, as an attribute or by its place in a
table; an import alone, a test or a word in a text does not.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import gogooku
from gogooku.api.plots import BacktestPlots, RunPlots
from support.sources import PACKAGE, trees

ELSEWHERE = {
    "Config.model_config": "pydantic",
    "_KeyHeader.auth_flow": "httpx",
    "PipeConsole.on_broken_pipe": "rich",
    "Connection.connection_made": "asyncio",
    "Connection.connection_lost": "asyncio",
    "Connection.data_received": "asyncio",
    "Connection.eof_received": "asyncio",
    "Connection.pause_writing": "asyncio",
    "Connection.resume_writing": "asyncio",
    "Inline": "tests: answers without a thread",
    "Bar.value_yen": "`_PANEL` of sandbox/market/market.py, by name",
    "restore": "users: docs/data.md",
    "produced": "tests/test_alerts.py: names that rules may use",
    "TableState.late_sessions": "watch/checks.py, by name",
    "sharpe_ratio": "users: docs/evaluation.md",
    "Overfitting.logits_C": "users: docs/evaluation.md",
    "Overfitting.chosen_C": "users: docs/evaluation.md",
    "Overfitting.seen_C": "users: docs/evaluation.md",
    "Overfitting.unseen_C": "users: docs/evaluation.md",
    "Estimate.t_stat": "benchmarks/train_demo.py",
    "Exchange.render_files": "benchmarks/sync_full.py",
    "serve_in_thread": "benchmarks and tests: the exchange over loopback",
    "Table.registered": "tests: a row for a while",
    "UNLIMITED": "tests: an exchange without limits",
    "VirtualClock": "tests: time that they move",
    "VirtualClock.move_to": "tests",
    "VirtualClock.slept_seconds": "tests",
    "Schedule.frozen_at": "tests: the planted expectation, simulated",
    "TRAPS": "tests: each trap of the exchange is there, and caught",
    "Trap.wrong_date": "tests",
    "Trap.right_date": "readers of the traps",
    "Trap.caught_by": "tests",
    "Outcome.defect": "`ImportResult.to_json`, with all fields",
    "dense_views": "tests: the laws of features",
    "check_no_look_ahead": "tests: the laws of features",
    "check_lookback": "tests: the laws of features",
    "overstated_lookbacks": "tests: the laws of features",
    "check_blocks": "tests: the laws of features",
}
"""What others than the source read, and who they are."""
_IMPORTED = re.compile(r"gogooku\.[\w.]+:[\w.]+")
_CALLED_BY_FRAMEWORKS = ("validator", "serializer", "app.", "command", "callback")


def declared(body: list[ast.stmt], owner: str = "") -> Iterator[str]:
    """Functions, classes, fields and constants of a module or a class, and of the classes in it."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            marks = " ".join(map(ast.unparse, node.decorator_list))
            if not any(mark in marks for mark in _CALLED_BY_FRAMEWORKS):
                yield owner + node.name
            bases = [ast.unparse(base) for base in getattr(node, "bases", ())]
            if isinstance(node, ast.ClassDef) and not any("Enum" in base for base in bases):
                yield from declared(node.body, f"{node.name}.")
        elif isinstance(node, ast.AnnAssign):
            yield owner + ast.unparse(node.target)
        elif isinstance(node, ast.Assign):
            yield from (
                owner + ast.unparse(one) for one in node.targets if isinstance(one, ast.Name)
            )


def read(tree: ast.AST) -> Iterator[str]:
    """Names and attributes that are loaded, also by a row of a table: ``package.module:Name``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield node.attr
        elif isinstance(node, ast.Constant) and _IMPORTED.fullmatch(str(node.value)):
            yield from re.split("[:.]", node.value)


def unread(folder: Path) -> dict[str, str]:
    """What is declared under a folder and read nowhere in it, with its file."""
    there = trees(folder)
    known = {name for tree in there.values() for name in read(tree)}
    return {
        name: path
        for path, tree in there.items()
        for name in declared(tree.body)
        if not (last := name.rpartition(".")[2]).startswith("__") and last not in known
    }


@pytest.fixture(scope="module")
def unread_here():
    return unread(PACKAGE)


def public():
    """Members of what ``import gogooku`` offers: users read them, and doctests try each."""
    offered = {name: getattr(gogooku, name) for name in gogooku.__all__}
    plots = {kind.__name__: kind for kind in (RunPlots, BacktestPlots)}
    members = {
        f"{name}.{member}" for name, one in {**offered, **plots}.items() for member in dir(one)
    }
    return members | set(offered)


def test_what_is_declared_is_read(unread_here):
    found = {
        name: path
        for name, path in unread_here.items()
        if name not in ELSEWHERE and not (path.startswith("api/") and name in public())
    }
    assert found == {}, "read by nothing: delete it, or say in ELSEWHERE who reads it"


def test_every_exception_is_still_needed(unread_here):
    assert set(ELSEWHERE) - set(unread_here) == set()


def test_what_nothing_reads_is_caught(tmp_path):
    text = [
        "USED, SPARE = 1, 2",
        "LONE = USED",
        "def helper(): return 1",
        "class Thing:",
        "    width: int",
        "    height: int",
        "    def area(self): return self.width",
        "    def volume(self): return self.area()",
        "print(Thing)",
    ]
    (tmp_path / "module.py").write_text("\n".join(text))
    assert set(unread(tmp_path)) == {"LONE", "helper", "Thing.height", "Thing.volume"}
