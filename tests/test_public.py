"""What ``import gogooku`` offers: these names and no other, typed, and at no cost."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gogooku as gg

PUBLIC = [
    "Backtest",
    "Comparison",
    "Dataset",
    "GogookuError",
    "Home",
    "Run",
    "__version__",
    "judge",
]
SCRIPT = """
import polars as pl

import gogooku as gg

home = gg.Home()
data: gg.Dataset = home.dataset()
frame: pl.DataFrame = data.frame(["ret_prev_5d"], since="2024-01-01")
run: gg.Run = home.train("lightgbm", data, settings={"learner.leaves": 7})
scores: pl.DataFrame = run.scores()
traded: gg.Backtest = home.backtest(run)
run.plot.rank_ic()
traded.plot.equity()
ranking: pl.DataFrame = home.predict(run).head()
said: str = home.compare("ridge", run).sentence()
mine: gg.Run = gg.judge(scores, home, name="mine")
"""


def test_these_names_and_no_other():
    assert sorted(gg.__all__) == dir(gg) == PUBLIC
    assert all(getattr(gg, name).__doc__ for name in PUBLIC)
    with pytest.raises(AttributeError, match="no attribute 'Hone'"):
        gg.Hone  # noqa: B018


def test_the_stub_says_the_same():
    tree = ast.parse(Path(gg.__file__).with_suffix(".pyi").read_text())
    imported = {
        alias.asname for node in tree.body if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }  # fmt: skip
    assert imported | {"__version__"} == set(PUBLIC)


def test_every_public_member_is_explained_with_an_example():
    classes = [gg.Backtest, gg.Comparison, gg.Dataset, gg.Home, gg.Run]
    assert ">>> " in gg.judge.__doc__
    assert [one for kind in classes for one in unexplained(kind)] == []


def unexplained(kind):
    members = {name: one for name, one in vars(kind).items() if not name.startswith("_")}
    return [
        f"{kind.__name__}.{name}"
        for name, one in {"": kind, **members}.items()
        if ">>> " not in (one.__doc__ or "")
    ]


def test_a_member_without_an_example_is_found():
    class Bare:
        def said(self):
            """Say it."""

    assert unexplained(Bare) == ["Bare.", "Bare.said"]


def test_the_import_loads_nothing():
    code = "import sys; import gogooku; print(*sorted(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"polars", "numpy", "torch", "pydantic"} & set(done.stdout.split()) == set()


def test_a_users_script_is_typed_and_what_is_wrong_in_it_is_found(tmp_path):
    (tmp_path / "script.py").write_text(f"{SCRIPT}\nrun.scors()\n")
    source = Path(gg.__file__).parents[1]
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "script.py"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"MYPYPATH": str(source), "PATH": ""},
    )  # fmt: skip
    wrong = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert len(wrong) == 1, done.stdout
    assert '"Run" has no attribute "scors"' in wrong[0]
