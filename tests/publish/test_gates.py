"""Gates of an evening: a healthy session passes, each planted case is refused by its own gate."""

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from gogooku.core.errors import ContractError, DataError
from gogooku.publish.gates import (
    GATES,
    Promise,
    PublishLimits,
    Session,
    contract,
    freshness,
    judge_session,
    promise_of,
)
from gogooku.publish.publication import RANKING, TARGET, Content, publish
from gogooku.releases.verdicts import refusals
from support.bundles import CARD, bundle_of

AT = datetime(2026, 11, 27, 11, 30, tzinfo=UTC)
CODES = [f"{n}0" for n in range(1301, 1401)]
PROMISE = Promise(names=100, deviation=1.0, autocorrelation=0.8, scatter=0.05, turnover=0.1)


def ranking(scores, codes=CODES):
    made = pl.DataFrame({"code": codes[: len(scores)], "score_5": scores, "score_1": scores})
    return made.with_columns(pl.col("score_5").cast(pl.Float32))


@pytest.fixture
def scores():
    return np.random.default_rng(1).normal(size=100)


@pytest.fixture
def near(scores):
    """Those of the session before."""
    return 0.8 * scores + 0.6 * np.random.default_rng(2).normal(size=100)


@pytest.fixture
def judged(tmp_path, near):
    """The gates that refuse a session after one with other scores."""

    def judge(scores, *, codes=CODES, weights=None, old=None, first=False, **limits):
        frames = {RANKING: ranking(scores, codes)}
        before = {RANKING: ranking(near)}
        if weights is not None:
            frames[TARGET] = pl.DataFrame(weights, schema=["code", "weight"], orient="row")
            before[TARGET] = pl.DataFrame(old, schema=["code", "weight"], orient="row")
        made = publish(
            tmp_path, "tse", date(2026, 11, 26), "b-1", Content(frames=before), inputs={}, at=AT
        )
        session = Session(
            frames=frames,
            horizon=5,
            before=None if first else made,
            promise=PROMISE,
            limits=PublishLimits(**limits),
        )
        return {one.gate: one.said for one in refusals(judge_session(session))}

    return judge


def test_a_healthy_session_passes_every_gate(judged, scores):
    assert judged(scores) == {}
    assert judged(scores, first=True) == {}
    weights = [(code, 0.05) for code in CODES[:20]]
    assert judged(scores, weights=weights, old=weights) == {}
    assert next(iter(GATES)) == "finite"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_no_number(judged, scores, bad):
    scores[7] = bad
    found = judged(scores)
    assert list(found) == ["finite"]
    assert f"1 of 100 names have a score that is no number (first {CODES[7]})" in found["finite"]


def test_a_delivery_that_is_not_whole(judged, scores):
    found = judged(scores[:85])
    assert list(found) == ["coverage_before"]
    assert (
        "85 names are ranked, 100 in the session before; at least 90%" in found["coverage_before"]
    )
    assert list(judged(scores[:65], first=True)) == ["coverage_tested"]
    assert judged(scores[:85], least_of_before=0.8) == {}


@pytest.mark.parametrize("times", [50.0, 0.02])
def test_scores_of_another_size(judged, scores, times):
    found = judged(scores * times)
    assert list(found) == ["spread"]
    assert "more than 10 times off" in found["spread"]


def test_scores_that_are_all_equal(judged):
    found = judged(np.full(100, 0.3))
    assert list(found) == ["spread"]
    assert "all 100 scores are equal" in found["spread"]


def test_a_plateau_of_ties(judged, scores):
    scores[np.argsort(scores)[40:65]] = np.sort(scores)[50]
    found = judged(scores)
    assert list(found) == ["ties"]
    assert "25.0% of 100 names share a score" in found["ties"]
    assert judged(scores, most_tied=0.3) == {}


def test_a_jump(judged, scores):
    found = judged(-scores)
    assert list(found) == ["jump"]
    assert "below +0.50 it is a jump" in found["jump"]
    assert "with 2026-11-26, +0.80 in the test part" in found["jump"]


def test_a_target_that_trades_everything(judged, scores):
    old = [(code, 0.05) for code in CODES[:20]]
    new = [(code, 0.05) for code in CODES[50:70]]
    found = judged(scores, weights=new, old=old)
    assert list(found) == ["turnover"]
    assert "replaces 100.0% of the equity of 2026-11-26; at most 40.0%" in found["turnover"]
    assert judged(scores, weights=old[:16] + new[:4], old=old) == {}


TIED = np.repeat(np.random.default_rng(5).normal(size=75), [26, *[1] * 74])
"""Scores of which 26 in 100 are alike."""
HELD = [(code, 0.05) for code in CODES[:20]]
OTHERS = [(code, 0.05) for code in CODES[10:30]]
DECIDES = {
    "least_of_before": (lambda scores: {"scores": scores[:85]}, 0.8),
    "least_of_tested": (lambda scores: {"scores": scores[:65], "first": True}, 0.6),
    "spread_times": (lambda scores: {"scores": scores * 20.0}, 30.0),
    "most_tied": (lambda scores: {"scores": TIED, "first": True}, 0.3),
    "jump_deviations": (lambda scores: {"scores": -scores}, 60.0),
    "turnover_times": (lambda scores: {"scores": scores, "weights": OTHERS, "old": HELD}, 6.0),
    "least_turnover": (lambda scores: {"scores": scores, "weights": OTHERS, "old": HELD}, 0.6),
}
"""Of each limit a session that is refused by its default, and a value by which it is not."""


OF_DATA = {"least_universe", "least_scored", "least_quoted"}
"""Tried in test_gates_of_data.py."""


@pytest.mark.parametrize("limit", [one for one in PublishLimits.model_fields if one not in OF_DATA])
def test_every_limit_decides(judged, scores, limit):
    planted, value = DECIDES[limit]
    case = planted(scores)
    assert len(judged(**case)) == 1
    assert judged(**case, **{limit: value}) == {}


def test_a_session_that_did_not_come():
    dataset = SimpleNamespace(sessions=np.array(["2026-11-26"], dtype="datetime64[D]"))
    assert not freshness(date(2026, 11, 26), dataset).refused
    late = freshness(date(2026, 11, 27), dataset)
    assert late.refused
    assert "the newest session is 2026-11-26" in late.said


def test_another_contract():
    def refuse(dataset):
        raise ContractError("bundle b does not fit dataset d: clock is 'evening'")

    dataset = SimpleNamespace(features=("a",))
    assert not contract(SimpleNamespace(require=lambda dataset: None), dataset).refused
    assert "clock is" in contract(SimpleNamespace(require=refuse), dataset).said


def test_a_promise_is_read_from_the_test_part(tour_home, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(tour_home, home)
    bundle = bundle_of(home, "ridge", card=CARD)
    made = promise_of(bundle)
    days = bundle.run.predictions("test").filter(horizon=5).partition_by("date")
    assert made.names == 38
    assert made.deviation == pytest.approx(
        np.median([day.get_column("score").to_numpy().std() for day in days])
    )
    assert 0.5 < made.autocorrelation < 0.8
    assert 0.05 < made.scatter < 0.2
    assert made.turnover == pytest.approx(20.0 * 5 / 245)
    predictions = bundle.folder / "run" / "predictions.parquet"
    predictions.chmod(0o600)
    predictions.write_bytes(predictions.read_bytes()[:-1])
    with pytest.raises(DataError, match="damaged"):
        promise_of(replace(bundle))
