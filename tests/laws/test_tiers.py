"""Law 1: modules import downwards only, and nothing heavy for ``--help``."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.sources import PACKAGE, ROOT, trees

HEAVY = ("torch", "lightgbm", "fastapi", "uvicorn", "plotly", "sklearn", "scipy", "pyarrow")
LIBRARIES = (*HEAVY, "numpy", "polars", "pydantic", "rich", "httpx")


# ------------------------------------------------------------------------- the import contract


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the package with its contract."""
    shutil.copytree(PACKAGE, tmp_path / "gogooku", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def contract(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contract of the package that lies in a folder."""
    code = (
        "import sys; from importlinter.cli import lint_imports\n"
        "sys.exit(lint_imports(no_cache=True))"
    )
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_tiers_hold(copied: Path):
    done = contract(copied)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "KEPT" in done.stdout


@pytest.mark.parametrize(
    ("place", "statement"),
    [
        ("core/progress.py", "import gogooku.learn.config"),
        ("ingest/source.py", "from gogooku.features import catalogue"),
        ("features/peers/neighbours.py", "def f():\n    import torch"),
        ("features/bars/price.py", "import gogooku.features.trading.margin"),
        ("dataset/home.py", "import gogooku.learn.config"),
        ("learn/names.py", "import gogooku.dataset.home"),
        ("evaluate/split.py", "import gogooku.ingest.source"),
        ("sandbox/market/config.py", "import gogooku.ingest.source"),
        ("unheard_of.py", "import gogooku.core.errors"),
        ("learn/names.py", "import gogooku.serve.site"),
        ("evaluate/split.py", "import gogooku.runs.named"),
        ("runs/named.py", "import fastapi"),
        ("predict/output.py", "import fastapi"),
        ("commands/train.py", "import uvicorn"),
        ("runs/find.py", "import gogooku.core.environment"),
        ("cli/data.py", "def f():\n    import gogooku.serve.service"),
        ("commands/sync.py", "import gogooku.sandbox.exchange.server"),
        ("commands/serve.py", "import uvicorn"),
        ("serve/site.py", "import h11"),
        ("commands/sync.py", "import httpx"),
        ("ingest/jquants/plan.py", "import httpx"),
    ],
)
def test_an_upward_import_breaks_the_contract(copied: Path, place: str, statement: str):
    path = copied / "gogooku" / place
    before = path.read_text() if path.exists() else ""
    path.write_text(f"{before}\n{statement}\n")
    done = contract(copied)
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr[-3000:]
    assert "BROKEN" in done.stdout


# ------------------------------------------------------------------------------------- --help


def loaded_by(*arguments: str, before: str = "") -> set[str]:
    """Top-level modules that a command leaves imported."""
    code = (
        f"{before}\nimport sys\nfrom gogooku import cli\n"
        f"try:\n    cli.main({list(arguments)!r})\nexcept SystemExit:\n    pass\n"
        "sys.stderr.write(' '.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stderr.split()}


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["keys", "add", "--help"]])
def test_help_imports_no_library(arguments: list[str]):
    """But pydantic, by which typer itself reads the options of a command."""
    allowed = set() if arguments == ["--help"] else {"pydantic"}
    assert loaded_by(*arguments) & {*LIBRARIES} <= allowed


def test_a_command_imports_what_it_needs_alone():
    assert loaded_by("version").isdisjoint(HEAVY)


def test_a_heavy_import_is_noticed():
    assert "plotly" in loaded_by("--help", before="import plotly")


def test_help_is_quick():
    """In processor time, and against Python's own start: a busy machine is no slow program."""

    def seconds(code: str) -> float:
        begun = time_of_children()
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        return time_of_children() - begun

    bare = min(seconds("import email.message, inspect") for _ in range(3))
    ask = "import contextlib; from gogooku import cli\nwith contextlib.suppress(SystemExit):\n    "
    helped = min(seconds(f"{ask}cli.main(['--help'])") for _ in range(3))
    assert helped < 8 * bare, f"{helped:.2f} s; Python itself starts in {bare:.2f} s"
    assert helped < 0.5


def time_of_children() -> float:
    """Processor seconds of the processes that were waited for."""
    spent = os.times()
    return spent.children_user + spent.children_system


# ------------------------------------------------------------------------- what sources may do

Rule = Callable[[ast.AST], bool]


def reads_environment(node: ast.AST) -> bool:
    names = ("environ", "environb", "getenv", "putenv")
    if isinstance(node, ast.Attribute):
        return node.attr in names
    return isinstance(node, ast.ImportFrom) and any(a.name in names for a in node.names)


def prints(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in ("print", "pprint")
    return isinstance(node, ast.Attribute) and node.attr == "stdout"


def imports_pandas(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name.split(".")[0] == "pandas" for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").split(".")[0] == "pandas"
    return isinstance(node, ast.Attribute) and node.attr in ("to_pandas", "from_pandas")


def swallows(node: ast.AST) -> bool:
    """A broad except that does not raise again."""
    if not isinstance(node, ast.ExceptHandler):
        return False
    broad = node.type is None or (
        isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")
    )
    last = node.body[-1]
    return broad and not (isinstance(last, ast.Raise) and last.exc is None)


def breaches(tree: ast.AST, rule: Rule) -> list[int]:
    return [getattr(node, "lineno", 0) for node in ast.walk(tree) if rule(node)]


ALLOWED = {
    reads_environment: {"core/environment.py"},
    prints: {"cli/output.py", "cli/program.py", "execute/local.py"},
    imports_pandas: {"api/dataset.py"},
    swallows: {"cli/program.py", "serve/faults.py", "execute/answers.py"},
}
"""Where a rule does not hold: the outermost handler gives every fault an exit code, those of the
server and of a worker process hand it on as a value; the standard output of a worker process is
what its answers are read from."""


@pytest.mark.parametrize("rule", ALLOWED, ids=lambda rule: rule.__name__)
def test_sources_keep_the_rule(rule: Rule):
    found = {
        name: breaches(tree, rule) for name, tree in trees().items() if name not in ALLOWED[rule]
    }
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (reads_environment, "import os\nhome = os.environ['HOME']"),
        (reads_environment, "from os import getenv"),
        (prints, "print('x')"),
        (prints, "import sys\nsys.stdout.write('x')"),
        (imports_pandas, "import pandas as pd"),
        (imports_pandas, "from pandas.core import frame"),
        (imports_pandas, "made = table.to_pandas()"),
        (swallows, "try:\n    f()\nexcept Exception:\n    pass"),
        (swallows, "try:\n    f()\nexcept:\n    pass"),
    ],
)
def test_a_breach_is_found(rule: Rule, text: str):
    assert len(breaches(ast.parse(text), rule)) == 1


def test_the_environment_has_four_names_and_no_other():
    """DESIGN.md section 6."""
    known = {"JQUANTS_API_KEY", "JQUANTS_BASE_URL", "GOGOOKU_HOME", "GOGOOKU_API_KEYS"}
    tree = trees()["core/environment.py"]
    texts = {
        argument.value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and any(reads_environment(n) for n in ast.walk(call.func))
        for argument in call.args[:1]
        if isinstance(argument, ast.Constant)
    }
    assert texts
    assert texts <= known
