"""The metrics of a home: every name that is declared, values as measured, one file."""

import re
import shutil
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gogooku.watch import checks
from gogooku.watch.metrics import CHECKS, HELP, SERVER, metrics_of, metrics_path, produced
from gogooku.watch.summary import summary
from support.evenings import clock_at


@pytest.fixture(scope="module")
def text(watched_home):
    return metrics_path(watched_home).read_text()


@pytest.fixture
def found(watched_home, dataset):
    now = clock_at(dataset.sessions[-1].item()).now() + timedelta(hours=1)
    return summary(watched_home, "tiny", now=now)


def names(text):
    return set(re.findall(r"^(gogooku_\w+)", text, re.MULTILINE))


UNSEEN = {
    # ridge promises less than nothing on the tiny market, so it has no chart
    "gogooku_live_cusum",
    "gogooku_live_cusum_limit",
}


def test_evenings_give_every_metric_that_is_declared(text):
    assert names(text) == produced() - set(SERVER) - UNSEEN


def test_a_chart_gives_the_others(found):
    found["live"][0]["cusum"] = {"value": 1.5, "threshold": 4.0, "first_alarm": None}
    families = metrics_of([found])
    labels = (("horizon", "1"), ("source", "tiny"))
    assert families["gogooku_live_cusum"].samples == {labels: 1.5}
    assert families["gogooku_live_cusum_limit"].samples == {labels: 4.0}


def test_every_check_has_a_metric(found):
    assert {one["name"] for one in found["status"]["checks"]} <= set(CHECKS)
    named = re.findall(r'Check\(\s*"(\w+)"', Path(checks.__file__).read_text())
    assert set(named) == set(CHECKS)


def test_values_are_those_of_the_summary(text, found):
    made, status = found["publication"], found["status"]
    session = datetime.fromisoformat(f"{made['session']}T00:00:00+00:00").timestamp()
    line = f'gogooku_publication_session_timestamp_seconds{{source="tiny"}} {session:.0f}\n'
    assert line in text
    names = status["scores"]["5"]["names"]
    assert f'gogooku_scored_names{{horizon="5",source="tiny"}} {names:.0f}\n' in text
    assert 'gogooku_evening_failed{source="tiny"} 0\n' in text
    assert f'gogooku_bundle_info{{bundle="{found["bundle"]}"' in text


def test_names_have_units_and_helps():
    assert all(name.startswith("gogooku_") and text.endswith(".") for name, text in HELP.items())
    instants = [name for name in HELP if "timestamp" in name]
    assert all(name.endswith("_timestamp_seconds") for name in instants)
    assert len(instants) == 7


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool (Debian: prometheus)")
def test_prometheus_has_nothing_to_say_against_them(text):
    read = subprocess.run(
        ["promtool", "check", "metrics"], input=text, text=True, capture_output=True, check=False
    )
    assert (read.returncode, read.stdout + read.stderr) == (0, "")
