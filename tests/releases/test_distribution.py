"""What features looked like in training, against the values themselves."""

import numpy as np
import polars as pl
import pytest

from gogooku.audit.sample import declared
from gogooku.core.drift import population_stability, shares_of
from gogooku.core.errors import DataError
from gogooku.dataset.home import current_dataset, read_values
from gogooku.releases import distribution as module
from gogooku.releases.distribution import (
    LEAST_GROUPS,
    LEAST_LOOKS,
    LONG_TRAINING,
    MARKET,
    SCHEMA,
    STOCK,
    described,
    feature_distribution,
)
from gogooku.runs.find import open_run


@pytest.fixture(scope="module")
def run(tour_home):
    return open_run(tour_home, "ridge")


@pytest.fixture(scope="module")
def dataset(tour_home):
    return current_dataset(tour_home)


def trained(run, dataset):
    first, last = run.windows("train")[-1]
    days = dataset.sessions
    inside = (days >= np.datetime64(first)) & (days <= np.datetime64(last))
    return np.flatnonzero(inside & dataset.valid_TN.any(axis=1))


def test_a_row_for_every_feature_in_its_order(run, dataset):
    made = feature_distribution(run, dataset)
    assert dict(made.schema) == dict(SCHEMA)
    assert made.get_column("feature").to_list() == [*dataset.features, *dataset.market_features]
    assert made.filter(role=MARKET).height == len(dataset.market_features)


def test_it_is_the_last_train_part_and_the_universe(run, dataset):
    """Every session sampled: shares and nulls are those of the raw values themselves."""
    sessions = trained(run, dataset)
    made = feature_distribution(run, dataset, sessions=len(sessions))
    values = read_values(dataset, dataset.features)
    for f, row in enumerate(made.filter(role=STOCK).iter_rows(named=True)):
        whole = np.concatenate([values[f, t, dataset.valid_TN[t]] for t in sessions])
        known = whole[np.isfinite(whole)]
        assert row["n"] == len(known)
        assert row["null_share"] == pytest.approx(1 - len(known) / len(whole))
        edges = np.array(row["edges"], dtype=np.float32)
        assert row["shares"] == pytest.approx(shares_of(known, edges).tolist())
        each = [shares_of(one[np.isfinite(one)], edges)
                for one in (values[f, t, dataset.valid_TN[t]] for t in sessions)
                if np.isfinite(one).any()]  # fmt: skip
        counts = [int(np.isfinite(values[f, t, dataset.valid_TN[t]]).sum()) for t in sessions]
        most = population_stability(
            np.array(row["shares"]), np.array(each), count=[one for one in counts if one]
        ).max()
        lookback = declared(dataset)[row["feature"]].lookback
        if len(sessions) < min(LONG_TRAINING, LEAST_LOOKS * lookback):
            assert row["usual"] is None
        else:
            assert row["usual"] == pytest.approx(most)
    assert made.filter(role=STOCK)["usual"].null_count() < len(dataset.features)


def test_of_several_folds_it_is_the_last(run, dataset, monkeypatch):
    whole = feature_distribution(run, dataset)
    (last,) = run.windows("train")
    earlier = (last[0], dataset.sessions[trained(run, dataset)[len(trained(run, dataset)) // 2]])
    monkeypatch.setattr(type(run), "windows", lambda *_: ((earlier[0], earlier[1].item()), last))
    assert feature_distribution(run, dataset).equals(whole)


def test_some_features_at_a_time_give_the_same(run, dataset, monkeypatch):
    whole = feature_distribution(run, dataset)
    monkeypatch.setattr(module, "_FEATURES_AT_ONCE", 2)
    assert feature_distribution(run, dataset).equals(whole)


def test_shares_add_up_and_percentiles_are_finer():
    rng = np.random.default_rng(1)
    groups = [rng.normal(size=500).astype(np.float32) for _ in range(8)]
    groups[3][:100] = np.nan
    row = described("f", STOCK, groups)
    assert len(row["edges"]) == 9
    assert len(row["fine_edges"]) == 99
    assert sum(row["shares"]) == pytest.approx(1.0)
    assert row["shares"] == pytest.approx([0.1] * 10, abs=1e-3)
    assert row["null_most"] == pytest.approx(0.2)
    assert row["n"] == 3_900
    assert 0.0 < row["usual"] < 0.2


def test_a_feature_without_values_and_one_with_few_sessions():
    empty = described("f", STOCK, [np.full(10, np.nan, np.float32)] * 8)
    assert (empty["n"], empty["edges"], empty["usual"]) == (0, [], None)
    assert empty["null_share"] == 1.0
    few = described("f", STOCK, [np.arange(50, dtype=np.float32)] * (LEAST_GROUPS - 1))
    assert few["usual"] is None
    frame = pl.DataFrame([empty, few], schema=dict(SCHEMA))
    assert frame.get_column("usual").null_count() == 2


def test_a_train_part_that_the_dataset_has_nothing_of_is_refused(run, dataset, monkeypatch):
    monkeypatch.setattr(type(run), "windows", lambda *_: ((dataset.sessions[0].item(),) * 2,))
    with pytest.raises(DataError, match="no session with a universe"):
        feature_distribution(run, dataset)


def test_a_short_training_does_not_judge_what_looks_back_over_half_of_it():
    rng = np.random.default_rng(2)
    groups = [rng.normal(size=50).astype(np.float32) for _ in range(45)]

    def usual(span, lookback):
        return described("f", STOCK, groups, span=span, lookback=lookback)["usual"]

    assert usual(45, 23) is None
    assert usual(45, 22) == usual(LONG_TRAINING, 500) > 0.0
    assert usual(LONG_TRAINING - 1, 126) is None
    assert described("f", STOCK, groups)["looks"] == pytest.approx(45.0, rel=0.5)
