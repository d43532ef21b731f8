"""What is said where a package is not installed; extras are what pyproject.toml declares."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest

from gogooku.core.errors import ConfigError, EnvironmentalError, MissingPackageError
from gogooku.core.extras import EXTRAS, extra_needed, missing_package
from gogooku.core.process import meaning
from gogooku.core.registry import load
from support.sources import PACKAGE, trees

PROJECT = tomllib.loads((PACKAGE.parents[1] / "pyproject.toml").read_text())["project"]
STANDARD = {*sys.stdlib_module_names, "compression"}
"""Modules of Python itself, ``compression`` since 3.14."""
DISTRIBUTIONS = {
    "backports": "backports.zstd",
    "cvxpy": "skfolio",
    "pydantic_core": "pydantic",
    "sqlalchemy": "optuna",
    "starlette": "fastapi",
}
"""Of modules that another package brings."""


def declared(extra):
    """Packages of an extra, without versions."""
    return {re.split(r"[<>=\[]", one)[0] for one in PROJECT["optional-dependencies"][extra]}


def imported(tree):
    """Top-level modules that a source file imports, wherever."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {one.name.partition(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.partition(".")[0])
    return found


def undeclared(modules, required, extras):
    """Modules that neither the required set nor an extra brings."""
    known = {one for one in modules if DISTRIBUTIONS.get(one) in required}
    return modules - known - required - set(extras) - STANDARD - {"gogooku"}


REQUIRED = {re.split(r"[<>=\[]", one)[0] for one in PROJECT["dependencies"]}


def test_every_module_that_is_imported_is_required_or_of_an_extra():
    used = set().union(*(imported(tree) for tree in trees(PACKAGE).values()))
    assert undeclared(used, REQUIRED, EXTRAS) == set()
    assert {*EXTRAS} <= used | {"cvxpy"}, "a module that nothing imports needs no extra"


def test_a_module_that_nothing_brings_is_caught():
    used = imported(ast.parse("import os, polars\nfrom torch import nn\nimport requests.api"))
    assert undeclared(used, REQUIRED, EXTRAS) == {"requests"}


@pytest.mark.parametrize("module", EXTRAS)
def test_an_extra_brings_its_module(module):
    assert DISTRIBUTIONS.get(module, module) in declared(EXTRAS[module])


def test_all_is_every_extra_but_clusters_and_dev_has_all():
    (everything,) = PROJECT["optional-dependencies"]["all"]
    named = set(re.fullmatch(r"gogooku\[(.*)\]", everything)[1].split(","))
    assert named == {*EXTRAS.values()} - {"ray", "slurm"}
    assert "gogooku[all]" in PROJECT["optional-dependencies"]["dev"]


def test_what_is_required_brings_nothing_of_an_extra():
    assert not REQUIRED & {*EXTRAS}


# ---------------------------------------------------------------------------------- what is said


def test_what_to_install_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    said = r"needs torch.*pip install 'gogooku\[network\]'"
    with pytest.raises(MissingPackageError, match=said), extra_needed():
        import torch.nn  # noqa: F401
    assert issubclass(MissingPackageError, EnvironmentalError)


def test_a_module_of_no_extra_is_a_defect_as_before():
    fault = ModuleNotFoundError("No module named 'gogooku.nowhere'", name="gogooku.nowhere")
    assert missing_package(fault) is None
    assert missing_package(ValueError("torch")) is None
    assert meaning(fault).exit_code == 70
    with pytest.raises(ModuleNotFoundError, match="nowhere"), extra_needed():
        raise fault
    with pytest.raises(ConfigError, match="expected module:attribute"):
        load("gogooku.nowhere:Thing")


@pytest.mark.parametrize(
    ("module", "extra", "argv"),
    [
        ("lightgbm", "trees", ["train", "lightgbm", "--set", "seed=77"]),
        ("torch", "network", ["train", "atft-gat-fan", "--set", "seed=77"]),
        ("fastapi", "sandbox", ["sandbox", "serve"]),
        ("arch", "research", ["backtest", "ridge", "--set", "costs.slippage_bps=77"]),
    ],
)
def test_a_command_without_its_package_ends_with_the_call_of_pip(
    module, extra, argv, tour_home, tmp_path
):
    """Whatever imports it, at the top of a module or where it is used."""
    home = shutil.copytree(tour_home, tmp_path / "home")
    code, said = without(module, home, *argv)
    assert code == MissingPackageError.exit_code, said
    assert said["error"] == "MissingPackageError"
    assert f"pip install 'gogooku[{extra}]'" in said["message"]


def test_every_command_can_be_imported_without_any_extra():
    """So each says what it lacks when it is called, and only if what was asked for needs it."""
    files = sorted((PACKAGE / "commands").glob("*.py"))
    names = [f"gogooku.commands.{path.stem}" for path in files if path.stem != "__init__"]
    assert len(names) > 30
    assert lacking(names) == ""
    assert "No module named 'torch'" in lacking(["gogooku.learn.networks"])


def lacking(modules):
    """What an import of modules without the packages of all extras ends with; empty: nothing."""
    program = (
        "import sys\nclass Nothing:\n    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] in {set(EXTRAS)!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        f"sys.meta_path.insert(0, Nothing())\nimport importlib\nfor one in {modules!r}:\n"
        "    importlib.import_module(one)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    return done.stderr


def without(module, home, *argv):
    """A command where a package is not installed: its exit code, and its error."""
    program = (
        f"import sys; sys.modules[{module!r}] = None\n"
        f"from gogooku.cli import main; main({[*argv, '--json']!r})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "GOGOOKU_HOME": str(home)},  # noqa: TID251
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, json.loads(done.stderr.strip().splitlines()[-1])
