"""The wheel: it holds everything, and the quick start runs from it in an empty environment."""

import os
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.sources import PACKAGE

ROOT = PACKAGE.parents[1]
DATA = (
    ("sandbox", "market", "--size", "tiny", "--set", "num_sessions=300"),
    ("build",),
    ("audit",),
)
"""What an install without extras does."""
QUICK = (
    ("train", "ridge"),
    ("evaluate", "ridge"),
    ("predict", "--run", "ridge", "--output", "ranking.csv"),
)
"""The quick start goes on so with the extra for linear runs."""
WITHOUT_EXTRAS = [
    "annotated-doc",
    "annotated-types",
    "anyio",
    "backports-zstd",
    "certifi",
    "h11",
    "httpcore",
    "httpx",
    "idna",
    "jpholiday",
    "markdown-it-py",
    "mdurl",
    "numpy",
    "polars",
    "polars-runtime-32",
    "pydantic",
    "pydantic-core",
    "pygments",
    "rich",
    "safetensors",
    "shellingham",
    "threadpoolctl",
    "typer",
    "typing-extensions",
    "typing-inspection",
]
"""Distributions that an install without extras brings."""


def pip(python, *words, where=None):
    """Call pip; a skip where no package index answers, a failure for any other fault."""
    call = [python, "-m", "pip", "--disable-pip-version-check", "-q", *map(str, words)]
    done = subprocess.run(call, cwd=where, capture_output=True, text=True, check=False)
    lost = ("No matching distribution found", "Could not find a version", "connection")
    if done.returncode and any(text in done.stderr for text in lost):
        pytest.skip(f"no package index answers: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy of the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder)
    left_out = shutil.ignore_patterns("*.egg-info", "__pycache__")
    shutil.copytree(PACKAGE.parent, folder / "src", ignore=left_out)
    pip(sys.executable, "wheel", "--no-deps", "-w", folder / "made", folder, where=folder)
    (made,) = (folder / "made").glob("*.whl")
    return made


def test_the_wheel_holds_every_module_and_the_mark_of_types(wheel):
    held = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("gogooku/")}
    there = {
        path.relative_to(PACKAGE.parent).as_posix()
        for path in [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyi"), PACKAGE / "py.typed"]
    }
    assert held == there


def environment(folder):
    """The Python of an empty environment."""
    venv.create(folder, with_pip=True)
    return folder / "bin" / "python"


def megabytes(folder):
    """What a folder takes on disk."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_blocks * 512 for path in files) / 1e6


@pytest.mark.soak
def test_the_quick_start_runs_from_the_wheel_in_an_empty_environment(wheel, tmp_path):
    """Two minutes, and 0.3 GB from the package index."""
    python = environment(tmp_path / "env")
    pip(python, "install", "--no-compile", "-c", ROOT / "constraints.txt", wheel)
    program, variables = tmp_path / "env" / "bin" / "gogooku", {"HOME": str(tmp_path)}
    said = subprocess.run(
        [program, "--version"], env=variables, capture_output=True, text=True, check=True
    )
    assert said.stdout.startswith("gogooku ")
    site = next((tmp_path / "env" / "lib").glob("python*")) / "site-packages"
    assert not [
        name
        for name in ("torch", "lightgbm", "scipy", "pandas", "pyarrow")
        if (site / name).exists()
    ]
    play(program, DATA, tmp_path)
    tools = sum(megabytes(site / name) for name in ("pip", "setuptools", "pkg_resources"))
    assert megabytes(site) - tools < 300, "with the bytecode of what has run"
    lacking = subprocess.run(
        [program, "train", "ridge"], env=variables, capture_output=True, text=True, check=False
    )
    assert (lacking.returncode, "gogooku[linear]" in lacking.stderr) == (3, True)
    pip(python, "install", "-c", ROOT / "constraints.txt", f"{wheel}[linear]")
    play(program, QUICK, tmp_path)
    assert len(Path(tmp_path / "ranking.csv").read_text().splitlines()) > 20
    lacking = subprocess.run(
        [program, "train", "lightgbm"], env=variables, capture_output=True, text=True, check=False
    )
    assert (lacking.returncode, "gogooku[trees]" in lacking.stderr) == (3, True)


def play(program, steps, folder):
    """Run commands in order; an audit may find something."""
    for words in steps:
        done = subprocess.run(
            [program, *words],
            cwd=folder,
            env={"HOME": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        good = (0, 1) if words == ("audit",) else (0,)
        assert done.returncode in good, f"{words}: {done.stderr[-2000:]}"


def pulled(requirements):
    """Distributions that requirements bring here, by the metadata of what is installed."""
    found, waiting = set(), [Requirement(one) for one in requirements]
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        if name in found or (one.marker and not one.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        more = [Requirement(text) for text in metadata.requires(name) or ()]
        waiting += [each for each in more if not each.marker or each.marker.evaluate({"extra": ""})]
    return found


def test_an_install_without_extras_brings_these_and_nothing_else():
    """A package more is some megabytes on every machine that only makes data: decide it here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert sorted(pulled(project["dependencies"])) == WITHOUT_EXTRAS
    heavy = {"scipy", "torch", "lightgbm", "pandas", "pyarrow", "plotly"}
    assert not heavy & set(WITHOUT_EXTRAS)
    assert "scipy" in pulled([*project["dependencies"], "scipy>=1.14"])


def test_the_program_is_called_by_its_name_once_the_wheel_is_installed(wheel, tmp_path):
    """The libraries are those of this environment: nothing is fetched."""
    python = environment(tmp_path / "env")
    pip(python, "install", "--no-deps", "--no-index", wheel)
    site = next((tmp_path / "env" / "lib").glob("python*")) / "site-packages"
    theirs = Path(pytest.__file__).parents[1]
    variables = {key: text for key, text in os.environ.items() if key != "PYTHONPATH"}  # noqa: TID251
    variables |= {"PYTHONPATH": f"{site}:{theirs}", "GOGOOKU_HOME": str(tmp_path / "home")}
    for call in ([tmp_path / "env/bin/gogooku"], [python, "-m", "gogooku"]):
        done = subprocess.run(
            [*call, "features", "ret_prev_5d"],
            env=variables,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "ret_prev_5d" in done.stdout
