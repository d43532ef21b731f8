"""The status of a publication: what was published, measured; planted faults are named."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from gogooku.core.errors import DataError
from gogooku.dataset.home import current_dataset
from gogooku.publish.publication import RANKING, Content, open_publication, publish
from gogooku.watch.status import (
    failed_checks,
    read_status,
    status_of,
    status_path,
    write_status,
)


@pytest.fixture(scope="module")
def newest(watched_home, dataset, bundle):
    day = dataset.sessions[-1].item()
    return open_publication(watched_home, "tiny", day, bundle.bundle_id)


@pytest.fixture(scope="module")
def status(watched_home, dataset, bundle):
    return read_status(watched_home, "tiny", dataset.sessions[-1].item(), bundle.bundle_id)


def test_every_evening_has_one(watched_home, dataset, bundle):
    days = dataset.sessions.tolist()
    found = [read_status(watched_home, "tiny", day, bundle.bundle_id) for day in days[-31:]]
    assert found[0] is None
    assert [one["session"] for one in found[1:]] == [str(day) for day in days[-30:]]


def test_it_is_of_the_scores_as_published(status, newest, watched_home, dataset, bundle):
    frame = newest.frame(RANKING)
    five = status["scores"]["5"]
    assert five["names"] == frame.height
    assert five["spread"] == pytest.approx(np.std(frame["score_5"].to_numpy().astype(float)))
    before = open_publication(watched_home, "tiny", dataset.sessions[-2].item(), bundle.bundle_id)
    both = frame.join(before.frame(RANKING), on="code", suffix="_old")
    wanted = both.select(pl.corr("score_5", "score_5_old", method="spearman")).item()
    assert five["autocorrelation"] == pytest.approx(wanted, abs=0.02)
    top = [
        set(one.sort("score_5", descending=True).head(status["top_k"])["code"])
        for one in (frame, before.frame(RANKING))
    ]
    assert five["overlap"] == pytest.approx(len(top[0] & top[1]) / status["top_k"])
    assert status["publication"] == newest.content_hash


def test_the_first_publication_has_no_session_before(watched_home, dataset, bundle):
    first = read_status(watched_home, "tiny", dataset.sessions[-30].item(), bundle.bundle_id)
    assert first["scores"]["5"]["autocorrelation"] is None
    assert not {"autocorrelation", "frozen", "turnover"} & {one["name"] for one in first["checks"]}


def test_it_holds_no_time_and_is_the_same_when_it_is_made_again(home, bundle, newest):
    path = status_path(home, "tiny", newest.session, bundle.bundle_id)
    before = path.read_bytes()
    path.unlink()
    write_status(home, bundle, current_dataset(home), newest)
    assert path.read_bytes() == before


def test_nothing_of_it_is_in_the_publication(newest):
    assert sorted(newest.facts) == ["dataset", "gates", "horizon", "names", "portfolio", "run"]


def republished(home, bundle, dataset, change):
    """The newest publication once more, changed, as that of a session that had none."""
    day = dataset.sessions[-31].item()
    frame = open_publication(home, "tiny", dataset.sessions[-30].item(), bundle.bundle_id).frame(
        RANKING
    )
    content = Content(frames={RANKING: change(frame)})
    at = datetime(2026, 11, 27, tzinfo=UTC)
    made = publish(home, "tiny", day, bundle.bundle_id, content, inputs={}, at=at)
    return failed_checks(status_of(home, bundle, dataset, made))


def test_a_constant_score_is_named(home, bundle):
    dataset = current_dataset(home)
    found = republished(
        home, bundle, dataset, lambda frame: frame.with_columns(score_5=pl.lit(0.5))
    )
    named = {(one["name"], one["of"]) for one in found}
    assert {("tied", "5"), ("spread", "5")} <= named
    assert not {of for name, of in named if name in ("tied", "spread")} - {"5"}
    assert "100.0% of the names share their score" in str(found)


def test_half_of_the_names_are_named(home, bundle):
    dataset = current_dataset(home)
    found = republished(home, bundle, dataset, lambda frame: frame.head(frame.height // 3))
    assert {"1", "5", "10", "20"} == {one["of"] for one in found if one["name"] == "names"}


def test_a_ranking_that_stands_still_is_named(home, bundle):
    dataset = current_dataset(home)
    days = dataset.sessions
    frame = open_publication(home, "tiny", days[-30].item(), bundle.bundle_id).frame(RANKING)
    at = datetime(2026, 11, 27, tzinfo=UTC)
    for day in (days[-32].item(), days[-31].item()):
        content = Content(frames={RANKING: frame})
        made = publish(home, "tiny", day, bundle.bundle_id, content, inputs={}, at=at)
    found = failed_checks(status_of(home, bundle, dataset, made))
    assert {one["of"] for one in found if one["name"] == "frozen"} == {"1", "5", "10", "20"}


def test_a_damaged_one_is_refused(home, bundle, newest):
    status_path(home, "tiny", newest.session, bundle.bundle_id).write_text("[")
    with pytest.raises(DataError, match="not readable as JSON"):
        read_status(home, "tiny", newest.session, bundle.bundle_id)
