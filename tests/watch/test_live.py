"""Live skill: from what was published, once, and as its labels come due."""

import shutil
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from gogooku.core.config import resolve
from gogooku.core.errors import BusyError
from gogooku.core.files import locked
from gogooku.core.metrics import daily_rank_ic
from gogooku.core.terms import at_exchange
from gogooku.dataset.home import current_dataset, labels_of
from gogooku.publish.publication import RANKING, Content, open_publication, publish
from gogooku.releases.bundle import make_bundle
from gogooku.releases.limits import ReleaseConfig
from gogooku.runs.find import open_run
from gogooku.watch.live import (
    SCHEMA,
    against,
    judge_matured,
    live_path,
    live_skill,
    read_live,
    skill_of,
)

HORIZONS = (1, 5, 10, 20)


def test_what_is_due_is_judged_and_no_more(watched_home, dataset, bundle):
    live = read_live(watched_home, "tiny", bundle.bundle_id)
    assert dict(live.schema) == dict(SCHEMA)
    days = dataset.sessions.tolist()
    for horizon in HORIZONS:
        judged = live.filter(horizon=horizon).get_column("session").to_list()
        assert judged == days[-30 : -1 - horizon]


def test_it_is_the_skill_of_the_published_scores(watched_home, dataset, bundle):
    live = read_live(watched_home, "tiny", bundle.bundle_id)
    labels = labels_of(dataset)
    for row in live.filter(pl.col("horizon") == 5).iter_rows(named=True):
        t = dataset.index_of(row["session"])
        made = open_publication(watched_home, "tiny", row["session"], bundle.bundle_id)
        frame = made.frame(RANKING)
        scores = dict(frame.select("code", "score_5").rows())
        score = np.array([scores.get(code, np.nan) for code in dataset.codes])
        label = np.where(labels.late_TNH[t, :, 1] == 0, labels.raw_TNH[t, :, 1], np.nan)
        wanted = daily_rank_ic(score[None], label[None].astype(float))[0]
        assert row["rank_ic"] == pytest.approx(wanted)
        assert row["publication"] == made.content_hash
        top = frame.sort("score_5", descending=True).head(row["top_k"]).get_column("code")
        known = np.isfinite(score + label)
        inside = np.isin(np.array(dataset.codes), top.to_list()) & known
        assert row["top_excess"] == pytest.approx(label[inside].mean() - label[known].mean())
        assert row["names"] == known.sum()


def test_a_second_time_adds_nothing_and_what_is_lost_comes_again(home, bundle):
    dataset = current_dataset(home)
    path = live_path(home, "tiny", bundle.bundle_id)
    before = path.read_bytes()
    assert judge_matured(home, bundle, dataset) == 0
    assert path.read_bytes() == before
    whole = read_live(home, "tiny", bundle.bundle_id)
    whole.head(10).write_parquet(path)
    assert judge_matured(home, bundle, dataset) == whole.height - 10
    assert read_live(home, "tiny", bundle.bundle_id).equals(whole)


def test_what_is_there_stays_whatever_the_publication_says_now(home, bundle):
    live = read_live(home, "tiny", bundle.bundle_id)
    shutil.rmtree(home / "publications")
    assert judge_matured(home, bundle, current_dataset(home)) == 0
    assert read_live(home, "tiny", bundle.bundle_id).equals(live)


def test_two_writers_are_kept_apart(home, bundle):
    with locked(live_path(home, "tiny", bundle.bundle_id)), pytest.raises(BusyError):
        judge_matured(home, bundle, current_dataset(home))


def test_a_late_exit_is_left_out_and_few_names_do_not_count():
    score, label = np.arange(20.0), np.arange(20.0)
    found = skill_of(score, label, top_k=5)
    assert (found["names"], found["rank_ic"]) == (20, pytest.approx(1.0))
    assert found["top_excess"] == pytest.approx(17.0 - 9.5)
    label[3:] = np.nan
    assert skill_of(score, label, top_k=5) == {
        "names": 3, "top_k": 5, "rank_ic": None, "top_excess": None,
    }  # fmt: skip


# ------------------------------------------------------------------- skill that turns negative

SESSIONS = 60
PROMISE = {"h1.rank_ic": {"value": 0.35, "error": 0.016, "n": 100, "low": 0.32, "high": 0.38}}


@pytest.fixture
def promising(home):
    """A bundle that promises much, of which nothing is published."""
    run = open_run(home, "ridge")
    settings = at_exchange(resolve(ReleaseConfig(), base_name="backtest"), run.exchange(home))
    return make_bundle(
        home, run, run.dataset(home), settings=settings, scorecard={"skill": PROMISE}
    )


def publish_planted(home, bundle, dataset, *, turns_at):
    """Scores that know the label of a session, and from some session on its opposite."""
    labels, rng = labels_of(dataset).raw_TNH[:, :, 0], np.random.default_rng(5)
    first = len(dataset.sessions) - SESSIONS - 2
    for number in range(SESSIONS):
        t = first + number
        members = np.flatnonzero(dataset.valid_TN[t] & np.isfinite(labels[t]))
        label = labels[t, members].astype(float)
        z = (label - label.mean()) / label.std()
        sign = 1.0 if number < turns_at else -1.0
        scores = sign * 0.42 * z + rng.normal(size=len(z))
        frame = pl.DataFrame({"code": [dataset.codes[n] for n in members], "score_1": scores}).sort(
            "score_1", descending=True
        )
        publish(
            home,
            "tiny",
            dataset.sessions[t].item(),
            bundle.bundle_id,
            Content(frames={RANKING: frame.with_row_index("rank", offset=1)}),
            inputs={},
            at=datetime(2026, 11, 27, tzinfo=UTC),
        )
    assert judge_matured(home, bundle, dataset) == SESSIONS


def test_skill_that_is_as_promised_does_not_trip_the_chart(home, promising):
    dataset = current_dataset(home)
    publish_planted(home, promising, dataset, turns_at=SESSIONS)
    (found,) = live_skill(read_live(home, "tiny", promising.bundle_id), PROMISE)
    assert found["rank_ic"]["value"] == pytest.approx(0.35, abs=0.06)
    assert found["cusum"]["first_alarm"] is None
    assert found["cusum"]["value"] < found["cusum"]["threshold"]


def test_skill_that_turns_negative_trips_the_chart_within_ten_sessions(home, promising):
    dataset = current_dataset(home)
    publish_planted(home, promising, dataset, turns_at=SESSIONS // 2)
    (found,) = live_skill(read_live(home, "tiny", promising.bundle_id), PROMISE)
    days = dataset.sessions.tolist()
    turned = len(days) - SESSIONS - 2 + SESSIONS // 2
    alarm = days.index(datetime.fromisoformat(found["cusum"]["first_alarm"]).date())
    assert turned <= alarm < turned + 10
    assert found["cusum"]["value"] > found["cusum"]["threshold"]


# --------------------------------------------------------------------------------- comparisons


def planted(values, horizon=1):
    days = np.datetime64("2026-01-01", "D") + np.arange(len(values))
    return pl.DataFrame(
        {
            "session": pl.Series(days).cast(pl.Date),
            "horizon": pl.Series([horizon] * len(values), dtype=pl.Int32),
            "rank_ic": values,
            "top_excess": values,
        }
    )


def test_another_bundle_is_compared_on_the_sessions_of_both():
    rng = np.random.default_rng(6)
    released = rng.normal(0.02, 0.1, size=200)
    better = released[50:] + rng.normal(0.05, 0.02, size=150)
    live = planted(released)
    (row,) = against(planted(better).with_columns(live["session"][50:]), live)
    assert (row["horizon"], row["n"]) == (1, 150)
    assert row["difference"] == pytest.approx(0.05, abs=0.01)
    assert row["low"] > 0.04
    assert against(planted(better).head(0), live) == []


def test_one_that_is_as_good_has_zero_in_its_interval(watched_home, bundle, shadow):
    released = read_live(watched_home, "tiny", bundle.bundle_id)
    rows = against(read_live(watched_home, "tiny", shadow.bundle_id), released)
    assert [row["horizon"] for row in rows] == list(HORIZONS)
    (same, *_) = against(released, released)
    assert same["difference"] == 0.0
    assert same["p_value"] is None


def test_nothing_promised_has_no_chart():
    (found,) = live_skill(planted(np.full(30, 0.1)), {})
    assert (found["promised"], found["cusum"]) == (None, None)
    assert found["rank_ic"]["n"] == 30
