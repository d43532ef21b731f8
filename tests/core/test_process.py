"""How a command ends: every fault has words and an exit code, whatever happens to its streams."""

import errno
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time

import pytest

from gogooku.core.errors import DataError, InternalError, ResourceError, StoppedError, StorageError
from gogooku.core.process import StopSignal, meaning, signals_raise, until_stopped
from support.cli import done, leftovers, run_cli, sets
from support.soak import some

PROGRAM = "import sys; from gogooku.cli import main; main(sys.argv[1:])"
QUICK = ("features", "ret_prev_5d", "--json")
"""A command that answers within a second and needs no home."""


def shell(home, redirect, *argv):
    """A command as a shell runs it, with its streams led elsewhere; code, output and errors."""
    words = " ".join([f"'{sys.executable}'", "-c", f"'{PROGRAM}'", *argv, redirect])
    done = subprocess.run(
        ["bash", "-c", f"{words}; exit ${{PIPESTATUS[0]}}"],
        env={**os.environ, "GOGOOKU_HOME": str(home)},  # noqa: TID251
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("fault", "kind", "code", "said"),
    [
        (DataError("bad"), DataError, 3, "bad"),
        (KeyboardInterrupt(), StoppedError, 130, "Go on with: the same command"),
        (StopSignal(signal.SIGTERM), StoppedError, 143, "nothing half-written"),
        (MemoryError(), ResourceError, 3, "not enough memory"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "/x"), StorageError, 3, "/x: cannot"),
        (OSError(errno.EBADF, "Bad file descriptor"), InternalError, 70, "OSError"),
        (TypeError("a \x1b[31mred text"), InternalError, 70, "TypeError: a red text"),
    ],
)
def test_every_fault_has_words_and_an_exit_code(fault, kind, code, said):
    error = meaning(fault)
    assert type(error) is kind
    assert error.exit_code == code
    assert said in str(error)


def test_a_signal_to_stop_is_an_exception_and_one_that_is_ignored_stays_ignored():
    with pytest.raises(StopSignal) as raised, signals_raise():
        os.kill(os.getpid(), signal.SIGTERM)
    assert raised.value.number == signal.SIGTERM
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_raise():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_server_that_is_asked_to_stop_has_come_to_its_end():
    with signals_raise(), until_stopped():
        os.kill(os.getpid(), signal.SIGTERM)
    with until_stopped():
        raise KeyboardInterrupt
    with pytest.raises(ValueError, match="else"), until_stopped():
        raise ValueError("something else")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_stopped_says_so_and_leaves_nothing(number, tmp_path):
    home = tmp_path / "home"
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "sandbox", "market", "--size", "full"],
        env={**os.environ, "GOGOOKU_HOME": str(home)},  # noqa: TID251
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=4)  # a full market takes a minute
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert out == ""
    assert err.splitlines()[-1] == (
        "Stopped. All that is finished is safe, and nothing half-written is visible. Go on with: "
        "gogooku sandbox market --size full"
    )
    assert "Traceback" not in err
    assert not home.exists() or leftovers(home) == []


def test_what_is_said_goes_on_where_a_training_was_stopped(tour_home, tmp_path):
    """Ctrl-C after the first of several fits: it stays, and the command that is said fits on."""
    home = tmp_path / "my home"
    shutil.copytree(tour_home, home)
    shutil.rmtree(home / "jobs")
    words = ["train", "lightgbm", "--few-names", "--home", str(home)]
    words += sets("learner.rounds=100", "learner.patience=100", "warmup_sessions=20")
    words += sets("split.kind=purged_kfold", "split.num_folds=6")
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words], stderr=subprocess.PIPE, text=True
    )
    while not (fitted := list(home.glob("jobs/[!.]*/manifest.json"))):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    said = err.splitlines()[-1].partition("Go on with: ")[2]
    program, *goes_on = shlex.split(said)
    assert (program, goes_on) == ("gogooku", words)
    before = {path: path.stat().st_mtime_ns for path in fitted}
    assert "run lightgbm-" in done(tmp_path, *goes_on).out
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(list(home.glob("jobs/[!.]*/manifest.json"))) > len(before)


@pytest.mark.parametrize(
    ("redirect", "code", "said"),
    some(
        [
            (">&-", 3, "it is closed"),
            (">/dev/full", 3, "No space left on device"),
            ("2>/dev/full", 0, ""),
            ("2>&-", 0, ""),
            ("<&-", 0, ""),
            ("| true", 141, ""),
            (">&- 2>&-", 3, ""),
        ],
        keep=5,
    ),
)
def test_whatever_happens_to_the_streams(redirect, code, said, tmp_path):
    argv = ("features", "--json") if "true" in redirect else QUICK  # more than a pipe holds
    found, _, err = shell(tmp_path, redirect, *argv)
    assert found == code, err
    assert said in err
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    assert len(err.splitlines()) <= 1


def test_a_defect_has_its_own_exit_code_and_asks_for_a_report(tmp_path, monkeypatch):
    def broken(name):
        raise ZeroDivisionError(f"planted with {name}")

    monkeypatch.setattr("gogooku.commands.features.features", broken)
    people = run_cli(tmp_path, "features")
    assert people.code == 70
    *trace, last = people.err.splitlines()
    assert last.startswith("error: a defect of gogooku")
    assert "planted with None" in last
    assert "report" in last
    assert trace[0].startswith("Traceback")
    programs = run_cli(tmp_path, "features", "--json")
    assert programs.code == 70
    assert programs.error["error"] == "InternalError"
    assert "planted" in "".join(programs.error["trace"])


def test_what_cannot_be_encoded_is_escaped(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "train", "日本"],
        env={**os.environ, "GOGOOKU_HOME": str(tmp_path), "PYTHONIOENCODING": "ascii"},  # noqa: TID251
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert rb"'\u65e5\u672c'" in done.stderr
