"""The newcomer who follows the pages: what is played is what the pages say, by itself and apart."""

import importlib.util
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "benchmarks" / "newcomer.py"


@pytest.fixture(scope="module")
def newcomer():
    """The benchmark, as a module."""
    spec = importlib.util.spec_from_file_location("newcomer", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["newcomer"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["newcomer"]


def played(newcomer, folder, clone):
    """What would be run, without running it: the demo ends as the real one does."""
    calls = []

    class Reader(newcomer.Newcomer):
        def run(self, name, code, *, user="user", where=None):
            calls.append((name, code, user))
            (self.folder / user).mkdir(exist_ok=True)
            said = self.folder / f"{len(self.steps):02d}.txt"
            said.write_text(
                "made in X\nnext:\n  gogooku explain a --home X\n  gogooku compare a b\n"
            )
            self.steps.append(newcomer.Step(name, 0, 0.0, 0.0, ()))
            return True

    newcomer.play(Reader(folder, clone), list(newcomer.PLAY))
    return calls


def test_the_pages_have_all_that_is_followed(newcomer, tmp_path):
    calls = played(newcomer, tmp_path, ROOT)
    codes = [code for _, code, _ in calls]
    assert codes[0] == "make demo"
    assert [code.strip() for code in codes[1:3]] == [
        "gogooku explain a --home X",
        "gogooku compare a b",
    ]
    everything = "\n".join(codes)
    for words in ("pip install '.[all]'", "sandbox market", "gogooku sync", "gogooku evening"):
        assert words in everything
    shapes = [code.splitlines() for name, code, _ in calls if name.endswith("a ranking")]
    assert [lines[0].split()[-1] for lines in shapes] == [
        "prices.parquet",
        "prices.csv",
        "prices/",
        "wide.csv",
    ]
    assert all("gogooku predict" in lines[-1] for lines in shapes)
    users = [user for name, _, user in calls if name.endswith("a ranking")]
    assert len(set(users)) == len(users)


@pytest.mark.parametrize(
    ("page", "gone"),
    [
        ("README.md", "make demo"),
        ("README.md", "gogooku sandbox serve"),
        ("docs/start.md", "gogooku sandbox market"),
        ("docs/own_data.md", "gogooku import wide.csv"),
        ("docs/python.md", "import gogooku as gg"),
    ],
)
def test_a_block_that_is_gone_ends_the_play(newcomer, tmp_path, page, gone):
    clone = tmp_path / "clone"
    clone.mkdir()
    shutil.copy(ROOT / "README.md", clone)
    shutil.copytree(ROOT / "docs", clone / "docs")
    played(newcomer, tmp_path, clone)
    text = (clone / page).read_text("utf-8")
    (clone / page).write_text(text.replace(gone, "gogooku version"), "utf-8")
    (tmp_path / "again").mkdir()
    with pytest.raises(newcomer.GoneError, match=gone):
        played(newcomer, tmp_path / "again", clone)


def test_a_step_is_a_shell_of_its_own_whose_end_is_told(newcomer, tmp_path, monkeypatch):
    monkeypatch.setenv("GOGOOKU_HOME", "/elsewhere")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    new = newcomer.Newcomer(tmp_path, ROOT)
    code = 'env | cut -d= -f1 | sort > names; echo "$HOME"; pwd; echo one; echo; echo two >&2'
    assert new.run("good", code)
    assert not new.run("bad", "false | true; echo never")
    good, bad = new.steps
    assert (good.exit_code, bad.exit_code) == (0, 1)
    assert good.last_lines == (str(tmp_path / "user"), "one", "two")
    assert bad.last_lines == ()
    names = set((tmp_path / "user" / "names").read_text().split())
    assert {"HOME", "PATH"} <= names
    assert not {"GOGOOKU_HOME", "PYTHONPATH", "VIRTUAL_ENV"} & names


def test_the_last_command_of_a_step_has_a_shell_above_it(newcomer, tmp_path):
    """By that a program knows which shell it is to complete names for."""
    new = newcomer.Newcomer(tmp_path, ROOT)
    assert new.run(
        "asks", "true\npython3 -c 'import os; print(open(f\"/proc/{os.getppid()}/comm\").read())'"
    )
    assert "bash" in new.steps[-1].last_lines


def test_servers_that_a_step_leaves_behind_are_stopped(newcomer, tmp_path):
    new = newcomer.Newcomer(tmp_path, ROOT)
    assert new.run("server", "sleep 60 & echo $! > pid")
    number = (tmp_path / "user" / "pid").read_text().strip()
    state = Path(f"/proc/{number}/stat")
    for _ in range(100):
        if not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return
        time.sleep(0.05)
    pytest.fail(f"process {number} goes on")


def test_the_seconds_of_the_processor_are_those_of_the_step(newcomer, tmp_path):
    new = newcomer.Newcomer(tmp_path, ROOT)
    new.run("waits", "sleep 0.4")
    new.run("works", "python3 -c 'sum(range(20_000_000))'")
    waits, works = new.steps
    assert waits.wall_seconds >= 0.4
    assert waits.cpu_seconds < works.cpu_seconds


@pytest.mark.soak
@pytest.mark.timeout(3_600)
def test_the_newcomer_arrives(tmp_path):
    """Everything, from the clone to the notebooks: twenty minutes, and a package index."""
    kept = tmp_path / "steps.json"
    done = subprocess.run(
        [sys.executable, SCRIPT, "--folder", tmp_path / "machine", "--output", kept],
        capture_output=True,
        text=True,
        check=False,
    )
    lost = ("No matching distribution found", "Could not find a version")
    if done.returncode and any(text in done.stdout for text in lost):
        pytest.skip(f"no package index answers: {done.stdout[-300:]}")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    steps = json.loads(kept.read_text())
    assert [step["name"] for step in steps if step["exit_code"]] == []
    assert len(steps) > 12
