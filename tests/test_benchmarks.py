"""Benchmarks: what they import is there. What they measure takes minutes; few are run here."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.soak import some

FOLDER = Path(__file__).parents[1] / "benchmarks"
MODULES = sorted(path.stem for path in FOLDER.glob("*.py"))


def imported(*modules):
    code = f"import sys; sys.path.insert(0, {str(FOLDER)!r}); import {', '.join(modules)}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_every_benchmark_can_be_imported():
    assert len(MODULES) > 15
    done = imported(*MODULES)
    assert done.returncode == 0, done.stderr


def test_a_benchmark_that_imports_what_is_gone_is_caught(tmp_path):
    (tmp_path / "gone.py").write_text("from gogooku.learn.places import nowhere\n")
    done = subprocess.run(
        [sys.executable, "-c", "import gone"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert "cannot import name 'nowhere'" in done.stderr


@pytest.mark.parametrize("name", some(["real_prices", "rsr_nasdaq", "cycles", "training"], keep=1))
def test_its_options_are_told(name):
    done = subprocess.run(
        [sys.executable, str(FOLDER / f"{name}.py"), "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "--home" in done.stdout or "--seeds" in done.stdout


def test_fits_by_worker_processes_are_held_against_those_in_sequence(built_home, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(built_home, home)
    small = ["--home", home, "--run", "ridge", "--folds", "2", "--seeds", "1,2"]
    done = subprocess.run(
        [sys.executable, str(FOLDER / "jobs.py"), *small],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    one, several, both = done.stdout.splitlines()
    assert one.startswith("one process, in sequence: 4 fits, ")
    assert several.startswith("2 worker processes: 4 fits, ")
    assert both.endswith("fits equal")
    gib = float(one.split("CPU, ")[1].split(" GiB")[0])
    assert 0.1 < gib < 8
