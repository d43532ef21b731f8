"""Each check fails beyond its limit and holds on it."""

import pytest

from gogooku.watch import limits
from gogooku.watch.checks import (
    Check,
    drift_checks,
    exposure_checks,
    score_checks,
    table_checks,
)


def spread(low, mean, high):
    return {"low": low, "mean": mean, "high": high, "n": 100}


TESTED = {
    "names": spread(900, 1_000, 1_100),
    "mean": spread(-0.1, 0.0, 0.1),
    "spread": spread(0.8, 1.0, 1.2),
    "tied": spread(0.0, 0.01, 0.02),
    "autocorrelation": spread(0.7, 0.8, 0.9),
    "overlap": spread(0.6, 0.8, 0.9),
}
GOOD = {
    "names": 1_000.0,
    "mean": 0.0,
    "spread": 1.0,
    "tied": 0.0,
    "autocorrelation": 0.8,
    "overlap": 0.8,
}


def failed(**changed):
    return [one.name for one in score_checks("5", {**GOOD, **changed}, TESTED) if one.failed]


def test_scores_as_in_testing_pass_every_check():
    names = [one.name for one in score_checks("5", GOOD, TESTED)]
    assert names == ["names", "tied", "spread", "autocorrelation", "frozen", "turnover"]
    assert failed() == []


@pytest.mark.parametrize(
    ("changed", "check"),
    [
        ({"names": 499.0}, "names"),
        ({"tied": 0.08}, "tied"),
        ({"spread": 0.39}, "spread"),
        ({"autocorrelation": 0.49}, "autocorrelation"),
        ({"autocorrelation": 1.0}, "frozen"),
        ({"overlap": 0.45}, "turnover"),
    ],
)
def test_each_fault_of_scores_fails_its_own_check(changed, check):
    assert failed(**changed) == [check]


@pytest.mark.parametrize(
    "changed",
    [
        {"names": 500.0},
        {"tied": 0.02 + limits.MORE_TIES},
        {"spread": 0.4},
        {"autocorrelation": 0.51},
        {"overlap": 0.51},
    ],
)
def test_what_lies_on_its_limit_holds(changed):
    assert failed(**changed) == []


def test_constant_scores_fail_and_what_is_not_known_is_not_judged():
    assert failed(tied=1.0, spread=0.0, autocorrelation=None, overlap=0.8) == ["tied", "spread"]
    unknown = {key: {"low": None, "mean": None, "high": None, "n": 0} for key in TESTED}
    assert list(score_checks("5", GOOD, unknown)) == []


def test_a_check_says_what_is_seen():
    one = next(one for one in score_checks("5", {**GOOD, "tied": 0.5}, TESTED) if one.failed)
    assert one.says == "horizon 5: 50.0% of the names share their score with another"
    assert one.to_json()["failed"] is True


def table(**changed):
    whole = {
        "table": "quotes",
        "newest": "2026-11-27",
        "expected": "2026-11-27",
        "late_sessions": 0,
        "rows": 4_000,
        "rows_least": 4_000,
        "coverage": 1.0,
    }
    return {**whole, **changed}


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({}, []),
        ({"late_sessions": 1}, ["late"]),
        ({"coverage": 0.79}, ["coverage"]),
        ({"coverage": 0.8}, []),
        ({"coverage": None}, []),
    ],
)
def test_tables(changed, wanted):
    assert [one.name for one in table_checks([table(**changed)]) if one.failed] == wanted


def drift(drifted=0, times=1.0):
    worst = {"feature": "rsi_14", "stability": 0.5, "usual": 0.5, "times": times}
    return {"features": 100, "judged": 100, "drifted": drifted, "most_times": times,
            "worst": [worst]}  # fmt: skip


def nulls(grown=0):
    return {"features": 100, "grown": grown, "worst": []}


@pytest.mark.parametrize(
    ("drift", "nulls", "wanted"),
    [
        (drift(10), nulls(2), []),
        (drift(11), nulls(), ["drifted"]),
        (drift(1, 5.1), nulls(), ["drift_most"]),
        (drift(), nulls(3), ["nulls"]),
    ],
)
def test_features(drift, nulls, wanted):
    assert [one.name for one in drift_checks(drift, nulls) if one.failed] == wanted


def test_features_of_which_none_can_be_judged():
    none = {"features": 3, "judged": 0, "drifted": 0, "most_times": None, "worst": []}
    assert [one.name for one in drift_checks(none, nulls())] == ["nulls"]


@pytest.mark.parametrize(
    ("active", "beta", "wanted"),
    [(0.35, -2.0, []), (0.36, 0.0, ["sector"]), (0.0, -2.1, ["exposure"]), (0.0, None, [])],
)
def test_exposures(active, beta, wanted):
    sector = {"sector": "Banks", "top": active + 0.1, "universe": 0.1, "active": active}
    found = exposure_checks({"sectors": [sector], "traits": {"beta": beta}})
    assert [one.name for one in found if one.failed] == wanted


def test_a_value_below_or_above():
    assert Check("x", "", 0.9, 1.0, below=True, says="").failed
    assert not Check("x", "", 0.9, 1.0, below=False, says="").failed
