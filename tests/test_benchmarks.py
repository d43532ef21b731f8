"""Benchmarks: what they import is there. None is run here; what they measure takes minutes."""

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
