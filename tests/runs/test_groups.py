"""The cuts of a dataset: every name of a session in one group, by what was known then."""

import numpy as np
import polars as pl
import pytest

from gogooku.dataset.home import labels_of, read_bars
from gogooku.evaluate.breakdown import UNKNOWN
from gogooku.evaluate.skill import evaluate_scores
from gogooku.runs import groups
from gogooku.runs.groups import ILLIQUID, LOOKBACK, breakdown, groupings, traded_value
from gogooku.runs.judge import evaluate


@pytest.fixture
def cut(home, ridge):
    dataset = ridge.dataset(home)
    labels, judged = labels_of(dataset), ridge.scores("test", dataset)
    skill = evaluate_scores(judged[1], judged[0], labels, variant="raw")
    where = breakdown(dataset, labels, (judged[0], [judged[1]]), skill)
    return dataset, labels, judged, skill, where


def test_every_cut_is_there_and_every_name_in_one_group_of_it(cut):
    dataset, _, judged, skill, frame = cut
    cuts = {"year", "month", "volatility", "trend", "sector", "segment", "size", "liquidity"}
    assert set(frame["cut"]) == cuts
    whole = skill.daily.group_by("horizon").agg(pl.col("num_names").cast(pl.Float64).mean())
    for name in ("segment", "size", "liquidity"):
        rows = frame.filter(cut=name, measure="hit_rate", horizon=1)
        # small groups count in fewer sessions, so their mean number is of those
        total = (rows["names"] * rows["n"]).sum() / len(judged[0])
        usual = whole.filter(horizon=1)["num_names"][0]
        assert total <= usual + 1e-9
        assert total > 0.7 * usual
    assert dataset.manifest["sectors"][0] in frame.filter(cut="sector")["value"].to_list()


def test_what_the_dataset_does_not_know_is_a_group_named_so(cut):
    _, _, _, _, frame = cut
    assert set(frame.filter(cut="segment")["value"]) == {UNKNOWN}
    assert UNKNOWN not in frame.filter(cut="size")["value"].to_list()


def test_thirds_of_liquidity_are_of_the_universe_and_of_that_session(cut):
    dataset, _, (indices, _), _, _ = cut
    grouping = {one.cut: one for one in groupings(dataset, indices)}["liquidity"]
    inside = dataset.valid_TN[indices]
    assert grouping.values[0] == ILLIQUID
    assert (grouping.group_tN[~inside] == len(grouping.values) - 1).all()
    for group, valid in zip(grouping.group_tN, inside, strict=True):
        sizes = np.bincount(group[valid], minlength=4)[:3]
        assert sizes.max() - sizes.min() <= 2


def test_traded_value_is_the_trailing_mean_with_sessions_without_a_trade_as_zero(cut):
    dataset = cut[0]
    bars = read_bars(dataset)
    value = np.nan_to_num(bars["close"] * bars["volume_shares"])
    found = traded_value(dataset, first=70, last=75)
    for place, t in enumerate(range(70, 75)):
        wanted = value[t - LOOKBACK + 1 : t + 1].mean(axis=0)
        np.testing.assert_allclose(np.nan_to_num(found[place]), wanted, rtol=1e-9)
    early = traded_value(dataset, first=0, last=3)
    np.testing.assert_allclose(np.nan_to_num(early[2]), value[:3].mean(axis=0), rtol=1e-9)


def test_a_source_without_volume_knows_no_size(cut, monkeypatch):
    dataset, _, (indices, _), _, _ = cut
    bars = dict(read_bars(dataset))
    bars["volume_shares"] = np.full_like(bars["volume_shares"], np.nan)
    monkeypatch.setattr(groups, "read_bars", lambda _: bars)
    for one in groupings(dataset, indices):
        if one.cut in ("size", "liquidity"):
            assert (one.group_tN == len(one.values) - 1).all()


def test_years_hold_all_sessions(cut):
    _, _, _, skill, frame = cut
    years = frame.filter(cut="year", measure="rank_ic", horizon=5)
    assert years["n"].sum() == skill.daily.filter(horizon=5)["rank_ic"].drop_nulls().len()


def test_an_evaluation_keeps_them(home, ridge, cut):
    judged = evaluate(home, ridge)
    assert set(judged.breakdown["cut"]) == set(cut[-1]["cut"])
    assert judged.rolling.columns == ["date", "horizon", "window", "value", "low", "high"]
    kinds = judged.decay.filter(horizon=5)
    assert kinds.filter(kind="lag")["step"].to_list() == [0, 1, 5, 10, 20]
    assert kinds.filter(kind="horizon")["step"].to_list() == [1, 5, 10, 20]
