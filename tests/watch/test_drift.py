"""Planted faults among features are named; the training itself has none."""

import numpy as np
import polars as pl
import pytest
from scipy import stats

from gogooku.releases.distribution import MARKET, STOCK, described
from gogooku.releases.distribution import SCHEMA as TRAINED
from gogooku.watch import drift as module
from gogooku.watch.drift import SCHEMA, WORST, drift_summary, feature_drift, moved, null_summary


@pytest.fixture(scope="module")
def trained():
    rng = np.random.default_rng(1)
    groups = [rng.normal(size=400).astype(np.float32) for _ in range(60)]
    (row,) = pl.DataFrame([described("f", STOCK, groups)], schema=dict(TRAINED)).iter_rows(
        named=True
    )
    return row


def session(seed, shift=0.0, *, nulls=0.0):
    rng = np.random.default_rng(seed)
    values = rng.normal(shift, size=400).astype(np.float32)
    values[: int(nulls * 400)] = np.nan
    return values


def test_a_session_like_those_of_the_training_has_not_drifted(trained):
    found = [moved(trained, session(seed)) for seed in range(100, 300)]
    assert not any(one["drifted"] or one["more_nulls"] for one in found)


def test_a_shift_of_three_deviations_has_drifted(trained):
    found = moved(trained, session(7, 3.0))
    assert found["drifted"]
    assert found["times"] > 5.0
    wanted = stats.norm.cdf(1.5) - stats.norm.cdf(-1.5)
    assert found["ks"] == pytest.approx(wanted, abs=0.05)


def test_more_nulls_than_any_session_of_the_training(trained):
    assert moved(trained, session(7, nulls=0.2))["more_nulls"]
    assert not moved(trained, session(7, nulls=0.04))["more_nulls"]


def test_no_values_at_all_are_more_nulls_and_no_drift(trained):
    found = moved(trained, np.full(400, np.nan, np.float32))
    assert (found["more_nulls"], found["drifted"], found["n"]) == (True, False, 0)


def test_a_feature_that_training_never_had_is_not_judged():
    row = described("f", STOCK, [np.full(9, np.nan, np.float32)] * 8)
    found = moved(row, session(1))
    assert (found["more_nulls"], found["drifted"]) == (False, False)


def test_a_market_feature_without_its_newest_value_has_more_nulls():
    row = described("m", MARKET, [np.arange(60, dtype=np.float32)] * 8)
    values = np.arange(60, dtype=np.float32)
    assert not moved(row, values)["more_nulls"]
    values[-1] = np.nan
    assert moved(row, values)["more_nulls"]


def test_a_feature_that_is_shifted_in_the_data_is_named_first(dataset, bundle, monkeypatch):
    t = len(dataset.sessions) - 1
    real = module.read_values

    def shifted(of, names, *, first, last):
        values = real(of, names, first=first, last=last)
        place = names.index("ret_prev_5d")
        values[place] += 3.0 * np.nanstd(values[place])
        return values

    clean = drift_summary(feature_drift(dataset, t, bundle.trained_on))
    monkeypatch.setattr(module, "read_values", shifted)
    found = feature_drift(dataset, t, bundle.trained_on)
    assert dict(found.schema) == dict(SCHEMA)
    summary = drift_summary(found)
    assert summary["worst"][0]["feature"] == "ret_prev_5d"
    assert summary["drifted"] == clean["drifted"] + 1
    assert summary["most_times"] == pytest.approx(summary["worst"][0]["times"], abs=1e-6)


def test_nulls_in_the_data_are_named(dataset, bundle, monkeypatch):
    t = len(dataset.sessions) - 1
    real = module.read_values

    def emptied(of, names, *, first, last):
        values = real(of, names, first=first, last=last)
        values[names.index("ret_prev_5d"), :, ::2] = np.nan
        return values

    assert null_summary(feature_drift(dataset, t, bundle.trained_on))["grown"] == 0
    monkeypatch.setattr(module, "read_values", emptied)
    found = null_summary(feature_drift(dataset, t, bundle.trained_on))
    assert (found["grown"], found["worst"][0]["feature"]) == (1, "ret_prev_5d")
    assert 0.3 < found["worst"][0]["null_share"] < 0.7


def test_the_worst_are_named_and_no_more(trained):
    rows = [{**moved(trained, session(n, n / 10)), "feature": f"f{n}"} for n in range(WORST + 5)]
    named = drift_summary(pl.DataFrame(rows, schema=dict(SCHEMA)))["worst"]
    assert len(named) == WORST
    assert named[0]["feature"] == f"f{WORST + 4}"


def values_over(rng, sessions, names, lookback):
    """A feature that looks back: its own and the market's moves over so many sessions."""

    def moving(width):
        moves = rng.normal(size=(sessions + lookback - 1, width))
        sums = np.cumsum(np.vstack([np.zeros(width), moves]), axis=0)
        return (sums[lookback:] - sums[:-lookback]) / np.sqrt(lookback)

    return (moving(names) + 0.3 * moving(1)).astype(np.float32)


@pytest.mark.parametrize(
    ("names", "sessions", "lookback"), [(58, 45, 1), (58, 45, 20), (13, 45, 5), (400, 250, 60)]
)
def test_a_short_training_calls_nothing_drift_and_a_fault_is_found(names, sessions, lookback):
    """Without drift fewer than a tenth of the features, from where on the check fails; a shift of
    three deviations, or another unit, is found all the same."""
    rng = np.random.default_rng([names, lookback])
    none, shifted, scaled, most = 0, 0, 0, 0.0
    for _ in range(60):
        values = values_over(rng, sessions + 40, names, lookback)
        places = np.round(np.linspace(0, sessions - 1, min(120, sessions))).astype(int)
        row = described("f", STOCK, [values[t] for t in places], span=sessions, lookback=lookback)
        found = moved(row, values[-1])
        none += found["drifted"]
        most = max(most, found["times"])
        shifted += moved(row, values[-1] + 3.0)["drifted"]
        scaled += moved(row, values[-1] * 100.0)["drifted"]
    assert none < 6
    assert most < 5.0
    assert shifted >= 57
    assert scaled >= 50


def test_too_few_values_are_not_judged(trained):
    values = session(7, 3.0)
    values[9:] = np.nan
    found = moved(trained, values)
    assert (found["n"], found["drifted"]) == (9, False)
    assert "times" not in found


def test_a_bundle_that_does_not_say_how_many_looks_it_had_is_judged_by_its_sessions(trained):
    old = {name: value for name, value in trained.items() if name != "looks"}
    old["usual"] = 0.3
    few, many = (moved({**old, "looks": looks}, session(7)) for looks in (2.0, 60.0))
    assert moved(old, session(7)) == many
    assert few["times"] < many["times"] < 1.0
