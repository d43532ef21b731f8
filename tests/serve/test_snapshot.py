"""Publications in memory: the bytes that are answered are those that were published."""

import json
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from gogooku.core.calendar import Clock
from gogooku.core.errors import NotFoundError
from gogooku.publish.publication import RANKING
from gogooku.serve.answers import Later, prepared
from gogooku.serve.snapshot import Kept, Snapshot, read_published, with_meaning
from support.published import SESSIONS, make_bundle, put, ranking_of

NAME = "ridge-1"


def snapshot(home, days, **more):
    made = [put(home, NAME, day, **more) for day in days]
    history = [read_published(one, whole=one is made[-1]) for one in made]
    return Snapshot(
        source="tse",
        exchange="tokyo",
        clock=Clock.EVENING,
        history=history,
        registry={"served": NAME},
        loaded_at=datetime(2026, 11, 27, tzinfo=UTC),
    ).prepare()


def answer(made):
    return made.make() if isinstance(made, Later) else made


def body(made):
    return json.loads(answer(made).body)


@pytest.fixture
def held(tmp_path):
    make_bundle(tmp_path, NAME)
    return snapshot(tmp_path, SESSIONS[:4])


def test_the_newest_ranking_is_ready_and_is_what_was_published(held):
    made = held.ranking(None, None, None)
    assert not isinstance(made, Later)
    found = body(made)
    wanted = ranking_of(NAME, SESSIONS[3])
    scores = {f"score_{horizon}" for horizon in (1, 5)}
    plain = [{k: v for k, v in row.items() if k not in scores} for row in found["ranking"]]
    assert plain == wanted.drop(scores).to_dicts()
    for name in scores:
        served = np.float32([row[name] for row in found["ranking"]])
        assert served.tobytes() == wanted.get_column(name).to_numpy().tobytes()
    assert (found["date"], found["bundle"], found["num_names"]) == (str(SESSIONS[3]), NAME, 30)
    assert (found["horizon"], found["run"]) == (5, f"{NAME}-run")


def test_the_best_first_are_the_first_of_all(held):
    whole = body(held.ranking(None, None, None))["ranking"]
    assert body(held.ranking(None, None, 7))["ranking"] == whole[:7]
    assert held.ranking(None, None, 10_000) is held.ranking(None, None, None)


def test_another_horizon_has_an_order_and_ranks_before_of_its_own(held):
    found = body(held.ranking(None, 1, None))
    scores = [row["score_1"] for row in found["ranking"]]
    assert scores == sorted(scores, reverse=True)
    assert [row["rank"] for row in found["ranking"]] == list(range(1, 31))
    old = {row["code"]: row["rank"] for row in body(held.ranking(SESSIONS[2], 1, None))["ranking"]}
    assert [row["before"] for row in found["ranking"]] == [old[r["code"]] for r in found["ranking"]]
    first = body(held.ranking(SESSIONS[0], 1, None))["ranking"]
    assert {row["before"] for row in first} == {None}


def test_what_was_made_once_is_not_made_again(held):
    made = held.ranking(None, 1, 5)
    assert isinstance(made, Later)
    ready = made.make()
    assert held.ranking(None, 1, 5) is ready
    assert made.make() is ready


def test_what_is_not_there_is_named(held):
    with pytest.raises(NotFoundError, match="horizon 7 is not published; ask for one of 1, 5"):
        answer(held.ranking(None, 7, None))
    with pytest.raises(NotFoundError, match=f"{SESSIONS[9]}: is not among the 4 sessions served"):
        held.ranking(SESSIONS[9], None, None)
    with pytest.raises(NotFoundError, match="99990: is in none of the 4 rankings"):
        held.name("99990").make()


def test_tables_of_the_newest_and_a_word_where_there_are_none(held, tmp_path):
    assert [row["code"] for row in body(held.portfolio)["target"]] == [
        row["code"] for row in body(held.ranking(None, None, 3))["ranking"]
    ]
    assert body(held.orders)["orders"][0]["side"] == "buy"
    bare = snapshot(tmp_path, [SESSIONS[8]], more={})
    with pytest.raises(NotFoundError, match=f"orders: the publication of {NAME} after"):
        _ = bare.orders
    with pytest.raises(NotFoundError, match="portfolio: the publication"):
        _ = bare.portfolio


def test_a_name_has_its_history_and_its_rows_of_what_is_by_name(tmp_path):
    make_bundle(tmp_path, NAME)
    values = pl.DataFrame(
        {"code": ["13010"] * 2, "feature": ["rsi_14", "x"], "value": [0.5, float("nan")]}
    )
    held = snapshot(tmp_path, SESSIONS[:3], more={"features": values})
    found = body(held.name("13010"))
    assert (found["name_ja"], found["name_en"]) == ("会社13010", "Company 13010")
    assert [row["date"] for row in found["history"]] == [str(day) for day in SESSIONS[:3]]
    for row, day in zip(found["history"], SESSIONS[:3], strict=True):
        there = ranking_of(NAME, day).row(by_predicate=pl.col("code") == "13010", named=True)
        assert (row["rank"], row["of"]) == (there["rank"], 30)
        assert row["score_5"] == pytest.approx(there["score_5"], rel=1e-6)
    known, unknown = found["features"]
    assert (known["feature"], known["value"], known["unit"]) == ("rsi_14", 0.5, "share")
    assert "14" in known["meaning"]
    assert unknown == {"feature": "x", "value": None, "meaning": None, "unit": None}


def test_rows_that_say_what_they_mean_keep_it():
    said = pl.DataFrame({"feature": ["rsi_14"], "meaning": ["mine"]})
    assert with_meaning(said).equals(said)
    other = pl.DataFrame({"side": ["buy"]})
    assert with_meaning(other).equals(other)


def test_every_session_is_answered_by_its_own_publication(held):
    for day in SESSIONS[:4]:
        found = body(held.ranking(day, None, None))
        assert (found["date"], found["dataset"]) == (str(day), f"data-{day}")
        wanted = ranking_of(NAME, day).get_column("code").to_list()
        assert [row["code"] for row in found["ranking"]] == wanted


def test_of_older_publications_the_ranking_alone_is_kept(held):
    assert [sorted(one.frames) for one in held.history[:-1]] == [[RANKING]] * 3
    assert len(held.newest.frames) == 3


def test_answers_are_kept_within_bounds():
    kept = Kept(most_bytes=10_000)
    for n in range(100):
        made = kept.of(("x", n), lambda n=n: prepared(bytes([n]) * 900))
        assert kept.get(("x", n)) is made
        assert kept.num_bytes <= 10_000
    assert kept.get(("x", 0)) is None
    assert len(kept._answers) == 11
    assert kept.num_bytes == sum(one.num_bytes for one in kept._answers.values())
    whole = kept.of(("big",), lambda: prepared(np.random.default_rng(0).bytes(50_000)))
    assert kept.get(("big",)) is whole
    assert len(kept._answers) == 1
