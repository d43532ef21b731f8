"""What the machine does not give is said within seconds, and nothing is left half-written."""

import errno
import os
import resource
import subprocess
import sys

import pytest

from gogooku.core.errors import ResourceError
from gogooku.core.resources import resource_error
from support.cli import is_one_paragraph, leftovers, visible
from support.soak import in_turn, some

COMMAND = "import sys; from gogooku.cli import main; main(sys.argv[1:])"


def limited(home, *argv, before="", **limits):
    """A command in a process with limits of ``resource``; ``before`` is code that runs first."""

    def set_limits():
        for name, value in limits.items():
            resource.setrlimit(getattr(resource, name), (value, value))

    return subprocess.run(
        [sys.executable, "-c", f"{before}\n{COMMAND}", *map(str, argv)],
        env={**os.environ, "GOGOOKU_HOME": str(home)},  # noqa: TID251
        preexec_fn=set_limits,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "too few open files"),
        (OSError("IO error: Too many open files (os error 24)"), "too few open files"),
        (MemoryError(), "not enough memory"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "not enough memory"),
        (ImportError("x.so: failed to map segment from shared object"), "not enough memory"),
        (RuntimeError("can't start new thread"), "no more threads"),
    ],
)
def test_what_lacks_is_told_by_number_or_words(fault, said):
    assert said in str(resource_error(fault))


def test_other_faults_are_none():
    assert resource_error(ValueError("no")) is None
    assert resource_error(FileNotFoundError(errno.ENOENT, "x")) is None


@pytest.mark.parametrize(
    ("command", "count"), in_turn(["predict", "build --source tiny", "doctor"], [12, 16, 24])
)
def test_too_few_open_files(command, count, tour_home):
    before = visible(tour_home)
    result = limited(tour_home, *command.split(), RLIMIT_NOFILE=count)
    assert result.returncode == ResourceError.exit_code
    assert f"too few open files are allowed ({count})" in result.stderr
    assert "ulimit -n 256" in result.stderr
    assert is_one_paragraph(result.stderr)
    assert visible(tour_home) == before


def test_a_soft_limit_is_raised(tour_home):
    soft = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (16, 256))"
    result = limited(tour_home, "predict", "--run", "ridge", before=soft)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("mebibytes", some([256, 1024], keep=1))
def test_too_little_address_space(mebibytes, tour_home):
    limit = mebibytes << 20
    before = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}))"
    result = limited(tour_home, "predict", before=f"from gogooku.cli import main\n{before}")
    assert result.returncode == ResourceError.exit_code
    assert f"the address space is limited to {mebibytes:,} MiB" in result.stderr
    assert is_one_paragraph(result.stderr)


@pytest.mark.parametrize(
    "fault",
    some(
        [
            "raise MemoryError",
            "import os; os.abort()",
            "import os, signal; os.kill(os.getpid(), signal.SIGBUS)",
            "import numpy as np; np.ones(1 << 40)",
            "import polars as pl; pl.int_range(1 << 36, eager=True).sort()",
        ],
        keep=3,
    ),
)
def test_no_memory_while_a_command_runs(fault, tour_home):
    """Whether it is an exception or the end of the process, it is said."""
    spoil = (
        "import gogooku.commands.predict as command\n"
        f"def spoiled(*a, **k):\n    {fault}\n"
        "command.predict = spoiled"
    )
    result = limited(tour_home, "predict", before=spoil, RLIMIT_AS=6 << 30)
    assert result.returncode == ResourceError.exit_code, result.stderr
    assert "not enough memory (the address space is limited to 6,144 MiB)" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_exit_code_of_a_command_under_a_limit_is_its_own(tour_home):
    assert limited(tour_home, "predict", "--run", "ridge", RLIMIT_AS=8 << 30).returncode == 0
    assert limited(tour_home, "predict", "--run", "none", RLIMIT_AS=8 << 30).returncode == 3
    assert limited(tour_home, "predict", "--nothing", RLIMIT_AS=8 << 30).returncode == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="the number of threads of root is not limited")
def test_no_threads(tour_home):
    result = limited(tour_home, "predict", RLIMIT_NPROC=1)
    assert result.returncode == ResourceError.exit_code
    assert "ulimit -u" in result.stderr


def test_no_thread_can_be_started(tour_home):
    spoil = (
        "import threading\n"
        'def start(self):\n    raise RuntimeError("can\'t start new thread")\n'
        "threading.Thread.start = start"
    )
    result = limited(tour_home, "predict", before=spoil)
    assert result.returncode == ResourceError.exit_code
    assert "no more threads can be started" in result.stderr
    assert is_one_paragraph(result.stderr)


def test_a_limit_of_the_size_of_files(home_copy):
    result = limited(home_copy, "build", "--source", "tiny", "--set", "features=basic",
                     RLIMIT_FSIZE=20_000)  # fmt: skip
    assert result.returncode == 3
    assert "File too large" in result.stderr
    assert is_one_paragraph(result.stderr)
    assert len(list(home_copy.glob("datasets/*/manifest.json"))) == 1
    assert all(".building" in left for left in leftovers(home_copy))


@pytest.fixture
def home_copy(tour_home, tmp_path):
    import shutil

    shutil.copytree(tour_home, tmp_path / "home")
    return tmp_path / "home"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_cannot_be_written(home_copy):
    (home_copy / "datasets").chmod(0o500)
    result = limited(home_copy, "build", "--source", "tiny", "--set", "features=basic")
    assert result.returncode == 3
    assert "Permission denied" in result.stderr
    assert "Free some space" not in result.stderr


def test_files_are_private_whatever_the_umask(tmp_path):
    home = tmp_path / "home"
    argv = ("sandbox", "market", "--size", "tiny", "--set", "num_sessions=100", "--set",
            "num_stocks=24", "--set", "num_sectors=2", "--set", "num_branches=0")  # fmt: skip
    result = limited(home, *argv, before="import os; os.umask(0)")
    assert result.returncode == 0, result.stderr
    places = list(home.rglob("*"))
    assert any(path.is_file() for path in places)
    assert all(path.stat().st_mode & 0o077 == 0 for path in places)
