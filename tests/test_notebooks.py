"""Every notebook in ``notebooks/`` runs as it stands, and is kept without outputs."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support import notebooks as notes

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def execute(notebook: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a notebook's code in a process of its own, in a folder of its own."""
    environment = {**os.environ, "GOGOOKU_HOME": str(folder / "home")}  # noqa: TID251
    return subprocess.run(
        [sys.executable, "-P", "-W", "error", notes.__file__, str(notebook)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def written(folder: Path, *codes: str) -> Path:
    """A notebook of these code cells."""
    cells = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"cell-{number}",
            "metadata": {},
            "outputs": [],
            "source": code.splitlines(keepends=True),
        }
        for number, code in enumerate(codes)
    ]
    metadata = {"kernelspec": {"name": "python3"}}
    whole = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    path = folder / "some.ipynb"
    path.write_text(json.dumps(whole))
    return path


def test_there_are_notebooks():
    assert {"first_look.ipynb", "own_feature_and_learner.ipynb"} <= {one.name for one in NOTEBOOKS}


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda one: one.name)
def test_a_notebook_is_kept_in_order(notebook: Path):
    assert notes.faults_of(notebook) == []
    first = notes.cells_of(notebook)[:3]
    assert any("日本語" in notes.source_of(cell) for cell in first), "no summary in Japanese"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda one: one.name)
def test_a_notebook_runs_as_it_stands(notebook: Path, tmp_path: Path):
    pytest.importorskip("plotly", reason="plotly is not installed: pip install 'gogooku[plots]'")
    done = execute(notebook, tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_cell_that_raises_fails_its_notebook(tmp_path: Path):
    notebook = written(tmp_path, "one = 1", "two = one + 1\ntwo", "assert two == 3, 'not three'")
    done = execute(notebook, tmp_path)
    assert done.returncode == 1
    assert "some.ipynb, cell 2: 1 characters shown" in done.stdout
    for said in ("some.ipynb, cell 3 raised", "assert two == 3, 'not three'", "AssertionError"):
        assert said in done.stderr


@pytest.mark.parametrize(
    "code", ["import warnings\nwarnings.warn('old')", "raise SystemExit(0)", "1 +"]
)
def test_a_warning_an_exit_and_a_slip_fail_a_notebook(code: str, tmp_path: Path):
    done = execute(written(tmp_path, code), tmp_path)
    assert done.returncode == 1
    assert "some.ipynb, cell 1 raised" in done.stderr


@pytest.mark.parametrize(
    ("fault", "change"),
    [
        ("outputs: clear", {"outputs": [{"output_type": "stream", "name": "stdout", "text": "1"}]}),
        ("execution count", {"execution_count": 1}),
        ("a magic", {"source": ["%matplotlib inline"]}),
        ("kind 'raw'", {"cell_type": "raw"}),
        ("no text", {"source": []}),
        ("without an id", {"id": None}),
    ],
)
def test_a_fault_of_form_is_found(fault: str, change: dict[str, object], tmp_path: Path):
    notebook = written(tmp_path, "1 + 1")
    assert notes.faults_of(notebook) == []
    whole = json.loads(notebook.read_text())
    whole["cells"][0] |= copy.deepcopy(change)
    notebook.write_text(json.dumps(whole))
    assert any(fault in one for one in notes.faults_of(notebook))
