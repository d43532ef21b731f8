"""An evening on a source that is in the home: once, in order, and with the bundle in service."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from gogooku import pipeline
from gogooku.core.config import Execution
from gogooku.core.errors import DataError, EnvironmentalError
from gogooku.core.files import read_json
from gogooku.dashboard.verdict_texts import gate_said
from gogooku.dataset.home import current_dataset
from gogooku.evening.evening import Asked, evening
from gogooku.ingest.jquants.plans import Plan
from gogooku.ingest.jquants.summary import EndpointSummary, Synced, SyncSummary
from gogooku.learn.why.contributions import WhyNot
from gogooku.predict.predictor import Predictor
from gogooku.publish.gates import GATES, PublishLimits, promise_of
from gogooku.publish.gates_of_data import DATA_GATES, SessionData, data_of
from gogooku.publish.publication import RANKING, RANKING_COLUMNS, published_sessions
from gogooku.releases.bundle import open_bundle
from gogooku.releases.registry import read_registry
from gogooku.watch.summary import evening_path
from support.cli import done


@pytest.fixture
def do(home, clock, quiet):
    """Do an evening of the home."""

    def run(*, fetch=None, **asked):
        return evening(
            home,
            Asked(source="tiny", **asked),
            fetch=fetch,
            execution=Execution(threads=1),
            clock=clock,
            reporter=quiet,
        )

    return run


def at(clock, day):
    clock.move_to(datetime.combine(day, time(11, 30), tzinfo=UTC))


def test_the_first_evening_publishes_the_newest_session(do, home, sessions):
    made = do()
    (one,) = made.published
    assert (one.session, made.refused) == (sessions[-1], [])
    assert one.session == made.expected
    frame = one.frame(RANKING)
    bundle = open_bundle(home, "ridge")
    wanted = pipeline.ranking(bundle.run, current_dataset(home)).frame
    assert frame.columns[: len(RANKING_COLUMNS)] == list(RANKING_COLUMNS)
    assert frame.select(wanted.columns).equals(wanted)
    assert frame.get_column("name_ja").null_count() == 0
    assert frame.get_column("before").null_count() == frame.height
    assert one.facts["names"] == frame.height
    account = one.facts["portfolio"]
    assert (account["basis"], account["decided"]) == ("new", str(sessions[-1]))
    orders, target = one.frame("orders"), one.frame("target")
    assert set(orders.get_column("side")) == {"buy"}
    assert orders.get_column("name_ja").null_count() == 0
    assert (orders.get_column("shares") % 100 == 0).all()
    assert account["cash_after"] >= 0.0
    assert target.get_column("code").is_in(frame.get_column("code").head(target.height)).all()
    sheet = one.files.path("orders.csv").read_bytes()
    assert sheet.startswith(b"\xef\xbb\xbfside,code,")
    assert len(sheet.splitlines()) == orders.height + 1


def test_a_second_time_publishes_nothing(do, home, sessions):
    first = do().published[0]
    again = do()
    assert (again.published, again.refused) == ([], [])
    assert published_sessions(home, "tiny", first.bundle_id) == [sessions[-1]]


def test_missed_evenings_are_caught_up_in_order_with_the_ranks_before(do, clock, sessions):
    at(clock, sessions[-4])
    do()
    at(clock, sessions[-1])
    made = do().published
    assert [one.session for one in made] == sessions[-3:]
    first, second = made[0].frame(RANKING), made[1].frame(RANKING)
    old = dict(first.select("code", "rank").rows())
    assert [old[code] for code in second.get_column("code")] == second.get_column(
        "before"
    ).to_list()


def test_each_is_what_it_would_have_been_that_evening(do, clock, home, sessions, tmp_path):
    """Caught up together, or each on its own evening: the same content."""
    at(clock, sessions[-3])
    do()
    shutil.copytree(home, tmp_path / "other")
    alone = []
    for day in sessions[-2:]:
        at(clock, day)
        alone += do().published
    shutil.rmtree(home)
    (tmp_path / "other").rename(home)
    together = do().published
    assert [one.session for one in together] == sessions[-2:]
    assert [one.content_hash for one in together] == [one.content_hash for one in alone]


def test_a_session_that_did_not_come_is_refused_and_what_is_published_stays(do, clock, sessions):
    do()
    clock.move_to(clock.now() + timedelta(days=7))
    late = do()
    assert late.published == []
    (said,) = late.refused
    assert "freshness" in said
    assert str(sessions[-1]) in said


def test_a_dry_run_publishes_nothing(do, home):
    made = do(dry_run=True)
    assert (made.published, made.ready, made.outcome) == ([], [made.expected], "dry run")
    assert not (home / "publications").exists()
    assert published_sessions(home, "tiny", made.bundle) == []
    assert [step.name.partition(" ")[0] for step in made.log.steps] == ["build", "publish"]


def test_a_session_asked_for_by_its_date_needs_no_newer_one(do, clock, sessions):
    """Freshness is about the newest session; another one can be had while that is not there."""
    clock.move_to(clock.now() + timedelta(days=7))
    made = do(day=sessions[-3])
    assert made.refused == []
    assert [one.session for one in made.published] == [sessions[-3]]


def test_a_day_that_the_vendor_has_closed_is_not_waited_for(do, clock, monkeypatch, sessions):
    do()
    clock.move_to(clock.now() + timedelta(days=7))
    assert do().outcome == "refused"
    monkeypatch.setattr(
        "gogooku.evening.evening.vendor_sessions",
        lambda source, first, last: np.array(sessions, dtype="datetime64[D]"),
    )
    made = do()
    assert (made.outcome, made.expected) == ("nothing new", sessions[-1])


def test_which_dataset_it_was_made_from_is_told_and_is_no_part_of_the_content(do, home):
    (one,) = do().published
    assert one.facts["dataset"] == current_dataset(home).folder.name
    assert "dataset" not in one.files.json("facts.json")


def test_a_shadow_and_the_one_before_publish_beside_it(do, home, sessions):
    done(home, "release", "lightgbm", "--shadow", "--json")
    done(home, "release", "momentum", "--accept", "paired", "--why", "short", "--json")
    made = do()
    registry = read_registry(home)
    assert made.bundle == registry.released("tiny")
    assert made.bundle.startswith("momentum-")
    assert [one.bundle_id for one in made.published] == [made.bundle]
    for name in ("lightgbm", "ridge"):
        bundle = open_bundle(home, name).bundle_id
        assert published_sessions(home, "tiny", bundle) == [sessions[-1]]


def test_without_a_released_bundle_it_says_what_to_do(do, home):
    (home / "releases" / "registry.json").unlink()
    with pytest.raises(DataError, match="gogooku release RUN"):
        do()


def test_a_dataset_that_changed_under_the_bundle_is_refused(do, home, monkeypatch):
    monkeypatch.setattr(
        "gogooku.releases.bundle.contract_of", lambda _: {"features": [], "market_features": [],
        "feature_hash": "", "clock": "evening", "exchange": "tokyo", "source": "tiny"},
    )  # fmt: skip
    made = do()
    (said,) = made.refused
    assert ": contract: bundle ridge-" in said
    assert "does not fit dataset" in said
    assert "refused" in made.log.steps[0].said
    assert not (home / "publications").exists()


def broken(monkeypatch, on, change=lambda score: score * 1e6):
    """Let the ranking of some sessions have other scores than the bundle gives."""
    real = Predictor.ranking

    def ranking(self, day=None, *, horizon=5):
        made = real(self, day, horizon=horizon)
        if made.date not in on:
            return made
        return replace(made, frame=made.frame.with_columns(change(pl.col("score_5"))))

    monkeypatch.setattr(Predictor, "ranking", ranking)


def test_a_refused_session_publishes_nothing_and_the_day_before_stays(
    do, clock, home, sessions, monkeypatch
):
    at(clock, sessions[-2])
    first = do().published[0]
    at(clock, sessions[-1])
    broken(monkeypatch, sessions[-1:])
    late = do()
    assert late.published == []
    (said,) = late.refused
    assert said.startswith(f"{sessions[-1]}: spread: the scores have a standard deviation of ")
    assert any(said in step.said for step in late.log.steps)
    assert published_sessions(home, "tiny", first.bundle_id) == [sessions[-2]]
    (kept,) = read_json(evening_path(home, "tiny"))["refused_gates"]
    assert (kept["session"], kept["gate"]) == (str(sessions[-1]), "spread")
    assert kept["figures"]["times"] == PublishLimits().spread_times
    monkeypatch.undo()
    again = do()
    assert ([one.session for one in again.published], again.refused) == ([sessions[-1]], [])


def test_where_a_score_is_no_sum_the_facts_say_why_not(do, monkeypatch):
    monkeypatch.setattr("gogooku.evening.evening.reasons", lambda *_, **__: WhyNot.PEERS)
    (one,) = do().published
    assert one.facts["why_not"] == "peers"
    assert not one.has("why")


def test_what_every_gate_said_is_among_the_facts(do):
    (one,) = do().published
    gates = one.facts["gates"]
    assert [gate["gate"] for gate in gates] == ["contract", *DATA_GATES, *GATES]
    assert {gate["outcome"] for gate in gates} == {"passed"}
    assert gates[0]["figures"]["features"] > 1
    for gate in gates:
        text = gate_said(gate)
        assert text.en == gate["said"]
        assert text.ja != text.en


def test_the_session_after_a_refused_one_is_published(do, clock, home, sessions, monkeypatch):
    at(clock, sessions[-3])
    do()
    at(clock, sessions[-1])
    broken(monkeypatch, sessions[-2:-1])
    made = do()
    assert [one.session for one in made.published] == sessions[-1:]
    assert [said.partition(":")[0] for said in made.refused] == [str(sessions[-2])]


def test_a_limit_that_is_set_decides(do, sessions):
    made = do(limits=PublishLimits(spread_times=1.0))
    assert made.published == []
    assert "spread" in made.refused[0]


def test_a_shadow_that_is_refused_fails_nothing(do, home, sessions, monkeypatch):
    done(home, "release", "lightgbm", "--shadow", "--json")
    shadow = open_bundle(home, "lightgbm")
    monkeypatch.setattr(
        "gogooku.evening.evening.promise_of",
        lambda bundle: (
            replace(promise_of(bundle), names=1e6)
            if bundle.bundle_id == shadow.bundle_id
            else promise_of(bundle)
        ),
    )
    made = do()
    assert (len(made.published), made.refused) == (1, [])
    assert any("refused" in step.said for step in made.log.steps)
    assert published_sessions(home, "tiny", shadow.bundle_id) == []


def test_a_sync_that_failed_publishes_nothing(do, home):
    broken = EndpointSummary(name="quotes", failed=["500"])
    summary = SyncSummary(source="tiny", plan=Plan.FREE, requests=3, endpoints=(broken,))
    with pytest.raises(EnvironmentalError, match="1 endpoint.*quotes.*nothing is published"):
        do(fetch=lambda: Synced(summary=summary, source=None))
    assert not (home / "publications").exists()


def test_old_data_makes_a_ranking_and_no_orders(do, clock, sessions):
    clock.move_to(clock.now() + timedelta(days=7))
    (one,) = do().published
    assert not one.has("orders")
    assert not one.has("target")
    assert "portfolio" not in one.facts


def test_a_session_that_is_not_whole_is_not_published(do, clock, sessions, monkeypatch):
    monkeypatch.setattr(
        "gogooku.evening.evening.data_of",
        lambda desk, made: (
            SessionData(universe=9, before=9, scored=3, quoted=9)
            if made.date == sessions[-2]
            else data_of(desk, made)
        ),
    )
    at(clock, sessions[-4])
    do()
    at(clock, sessions[-1])
    made = do()
    assert [one.session for one in made.published] == [sessions[-3], sessions[-1]]
    (said,) = made.refused
    assert said.startswith(f"{sessions[-2]}: scored: 3 of 9 names of the universe are scored")


def test_an_evening_goes_on_from_the_one_before(do, clock, sessions):
    at(clock, sessions[-7])
    do()
    at(clock, sessions[-1])
    made = do().published
    decided = [one.facts["portfolio"]["decided"] for one in made]
    assert decided == [str(sessions[-7])] * 4 + [str(sessions[-2])] * 2
    for before, after in pairwise(made):
        held = {
            code: held + ordered
            for code, held, ordered in before.frame("target")
            .select("code", "held", "ordered")
            .rows()
        }
        found = after.frame("target").filter(pl.col("held") != 0).select("code", "held").rows()
        assert dict(found) == {code: count for code, count in held.items() if count}
        assert after.facts["portfolio"]["basis"] == "target"
    assert not made[4].frame("orders").is_empty()


def test_holdings_of_the_newest_session(do, clock, sessions, tmp_path):
    at(clock, sessions[-3])
    first = do().published[0]
    code = first.frame("ranking").item(-1, "code")
    path = tmp_path / "holdings.csv"
    path.write_text(f'コード,保有株数\n{code[:-1]},"1,050"\n現金,5000000\n', encoding="cp932")
    at(clock, sessions[-1])
    before, newest = do(holdings=path).published
    assert before.facts["portfolio"]["basis"] == "target"
    account = newest.facts["portfolio"]
    assert (account["basis"], account["cash"]) == ("holdings", 5e6)
    row = newest.frame("target").row(by_predicate=pl.col("code") == code, named=True)
    assert (row["held"], row["ordered"] % 100) == (1_050, 0)
    assert "odd_lot" in row["left"]
    assert account["decided"] == str(sessions[-1])
    assert account["equity"] == 5e6 + 1_050 * row["price"]
    assert set(newest.manifest["inputs"]) == {"bundle", "dataset", "holdings"}
    assert "published already" in do(holdings=path).refused[0]


def test_holdings_that_are_wrong_publish_nothing(do, home, tmp_path):
    path = tmp_path / "holdings.csv"
    path.write_text("code,shares\nXXXX,100\n")
    with pytest.raises(DataError, match="line 2: code 'XXXX' is not in the dataset"):
        do(holdings=path)
    assert not (home / "publications").exists()
