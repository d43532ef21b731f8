"""A search on two processes, killed at random moments and started again, is as undisturbed."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from gogooku.runs.trials import TrialLedger
from support.cli import sets
from support.soak import and_all

CALL = "import sys; from gogooku import cli; cli.main(sys.argv[1:])"


@pytest.fixture
def homes(tour_home, tmp_path):
    """Homes of one dataset, as many as wanted."""

    def made(name):
        place = tmp_path / name
        for part in ("datasets", "sources"):
            shutil.copytree(tour_home / part, place / part)
        return place

    return made


def begun(home, trials, folds):
    command = [
        sys.executable, "-c", CALL, "tune", "lightgbm", "--few-names", "--trials", str(trials),
        "--jobs", "2",
        *sets(
            "warmup_sessions=20", f"split.num_folds={folds + 1}", f"search.folds={folds}",
            "search.final_seeds=1", "learner.rounds=8", "search.neighbourhood=false",
            "search.batch=4", "search.random_trials=6",
        ),
        "--json",
    ]  # fmt: skip
    environment = {**os.environ, "GOGOOKU_HOME": str(home), "OMP_NUM_THREADS": "1"}  # noqa: TID251
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, env=environment)


def finished(home, trials, folds):
    process = begun(home, trials, folds)
    out, err = process.communicate(timeout=1_000)
    assert process.returncode == 0, err.decode()[-2_000:]
    facts = json.loads(out)
    keys = sorted(one.key for one in TrialLedger(home).trials())
    return {name: value for name, value in facts.items() if name not in ("folder", "files")}, keys


def jobs_of(home):
    """When each finished fit was finished."""
    found = sorted((home / "jobs").glob("[!.]*/manifest.json"))
    return {path.parent.name: path.stat().st_mtime_ns for path in found}


@pytest.mark.timeout(3_000)
@pytest.mark.parametrize(("trials", "folds", "kills"), and_all([(4, 2, 1)], [(24, 3, 5)]))
def test_killed_and_started_again_it_finds_the_same(trials, folds, kills, homes):
    begun_at = time.monotonic()
    plain = homes("plain")
    wanted, entries = finished(plain, trials, folds)
    seconds = time.monotonic() - begun_at
    killed, rng = homes("killed"), random.Random(trials)
    done = {}
    for _ in range(kills):
        process = begun(killed, trials, folds)
        time.sleep(seconds * rng.uniform(0.2, 0.8))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        now = jobs_of(killed)
        assert done.items() <= now.items(), "a finished fit was done again"
        done = now
    found, counted = finished(killed, trials, folds)
    assert found == wanted
    assert counted == entries
    assert done.items() <= jobs_of(killed).items(), "a finished fit was done again"
    assert set(jobs_of(killed)) == set(jobs_of(plain))
    assert [one["number"] for one in found["every_trial"]] == list(range(trials))
