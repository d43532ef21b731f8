"""After an evening: once, resumable at each step, and of the sources that are meant."""

import pytest

from gogooku.core import files
from gogooku.core.files import read_json
from gogooku.dataset.home import current_dataset
from gogooku.watch.after import after_evening, after_publication, evening_failed
from gogooku.watch.live import live_path, read_live
from gogooku.watch.metrics import metrics_path
from gogooku.watch.status import status_folder
from gogooku.watch.summary import evening_path
from support.evenings import clock_at, do_evening


def test_a_second_time_does_nothing(home, bundle):
    assert after_publication(home, bundle, current_dataset(home), in_service=True) == (
        "0 measured, 0 matured"
    )


def test_what_others_publish_is_judged_and_not_measured(watched_home, bundle, shadow):
    measured = {
        path.stem.partition("--")[2] for path in status_folder(watched_home, "tiny").glob("2*")
    }
    assert measured == {bundle.bundle_id}
    assert read_live(watched_home, "tiny", shadow.bundle_id).height > 50


class KilledError(BaseException):
    """As a process that ends there."""


@pytest.mark.parametrize("point", ["live.added", "metrics.written"])
def test_an_evening_that_is_killed_in_the_watch_goes_on(home, bundle, point, monkeypatch):
    dataset = current_dataset(home)
    path = live_path(home, "tiny", bundle.bundle_id)
    wanted = path.read_bytes()
    path.unlink()
    lost = sorted(status_folder(home, "tiny").glob("2*"))[-1]
    kept = lost.read_bytes()
    lost.unlink()
    metrics_path(home).unlink()

    def kill(name):
        if name == point:
            raise KilledError

    monkeypatch.setattr(files, "WATCHERS", [kill])
    with pytest.raises(KilledError):
        do_evening(home, dataset.sessions[-1].item())
    monkeypatch.setattr(files, "WATCHERS", [])
    do_evening(home, dataset.sessions[-1].item())
    assert path.read_bytes() == wanted
    assert lost.read_bytes() == kept
    assert "gogooku_live_rank_ic" in metrics_path(home).read_text()


def test_a_dry_run_leaves_the_watch_alone(home, dataset):
    before = evening_path(home, "tiny").read_bytes()
    do_evening(home, dataset.sessions[-1].item(), dry_run=True)
    assert evening_path(home, "tiny").read_bytes() == before


def test_a_refusal_is_kept_and_the_last_good_evening_remembered(home, dataset):
    last = read_json(evening_path(home, "tiny"))["succeeded_at"]
    later = clock_at(dataset.sessions[-1].item()).now()
    after_evening(home, "tiny", at=later, steps={}, refused=["freshness"])
    found = read_json(evening_path(home, "tiny"))
    assert (found["succeeded_at"], found["refused"]) == (last, ["freshness"])
    assert 'gogooku_evening_refused_checks{source="tiny"} 1\n' in metrics_path(home).read_text()


def test_a_failure_is_kept_and_shown(home, dataset):
    evening_failed(home, "tiny", "no key", at=clock_at(dataset.sessions[-1].item()).now())
    assert read_json(evening_path(home, "tiny"))["failed"] == "no key"
    assert 'gogooku_evening_failed{source="tiny"} 1\n' in metrics_path(home).read_text()


def test_nothing_is_kept_of_a_source_that_is_misspelt(home, dataset):
    evening_failed(home, "tinny", "no bundle", at=clock_at(dataset.sessions[-1].item()).now())
    assert not status_folder(home, "tinny").exists()
