"""The reasons of a publication: the largest features of the names that are shown."""

import numpy as np
import polars as pl
import pytest

from gogooku.features.catalogue import CATALOGUE
from gogooku.learn.why.contributions import WhyNot
from gogooku.predict.predictor import Predictor
from gogooku.publish import reasons as module
from gogooku.publish.reasons import (
    CONSTANT,
    GROUPS_SCHEMA,
    LARGEST,
    REST,
    UNKNOWN_GROUP,
    WHY,
    WHY_GROUPS,
    WHY_SCHEMA,
    reasons,
)
from gogooku.runs.find import open_run


@pytest.fixture(scope="module")
def opened(tour_home):
    run = open_run(tour_home, "ridge")
    predictor = Predictor(run, run.dataset(tour_home))
    return predictor, predictor.ranking(horizon=5)


def test_of_each_name_they_add_up_to_its_score(opened):
    frame = reasons(*opened)[WHY]
    assert dict(frame.schema) == WHY_SCHEMA
    ranked = opened[1].frame.select("code", "score_5")
    sums = frame.group_by("code").agg(pl.col("contribution").sum()).join(ranked, on="code")
    assert np.allclose(sums["contribution"], sums["score_5"], atol=1e-6)
    assert frame.group_by("code").len()["len"].max() == 1 + min(
        LARGEST, len(opened[0].dataset.features)
    )
    assert (frame["feature"] == REST).sum() == sums.height


def test_they_are_of_the_first_names_and_those_that_are_traded(opened, monkeypatch):
    monkeypatch.setattr(module, "EXPLAINED", 3)
    codes = opened[1].frame["code"].to_list()
    monkeypatch.setattr(module, "LOWEST", 2)
    frame = reasons(*opened, also=[codes[5], "99999"])[WHY]
    assert set(frame["code"]) == {*codes[:3], codes[5], *codes[-2:]}


def test_groups_of_features_add_up_to_the_score_too(opened):
    found = reasons(*opened)
    groups = found[WHY_GROUPS]
    assert dict(groups.schema) == GROUPS_SCHEMA
    ranked = opened[1].frame.select("code", "score_5")
    sums = groups.group_by("code").agg(pl.col("contribution").sum()).join(ranked, on="code")
    assert sums.height == found[WHY]["code"].n_unique()
    assert np.allclose(sums["contribution"], sums["score_5"], atol=1e-6)
    group_of = {one.name: one.group for one in CATALOGUE}
    known = {group_of.get(name, UNKNOWN_GROUP) for name in opened[0].dataset.features}
    assert set(groups["group"]) <= {*known, CONSTANT}
    assert len(known) > 1


def test_the_largest_come_first_and_each_has_its_meaning_and_value(opened):
    frame = reasons(*opened)[WHY]
    for _, rows in frame.filter(pl.col("feature") != REST).group_by("code"):
        sizes = rows["contribution"].abs().to_list()
        assert sizes == sorted(sizes, reverse=True)
    assert (frame["meaning"].str.len_chars() > 5).all()
    values = frame.filter(pl.col("feature") != REST)["value"]
    assert values.abs().max() <= 1.0


def test_where_a_score_is_no_sum_there_are_none(opened, monkeypatch):
    monkeypatch.setattr(module, "contributions", lambda *_, **__: WhyNot.LEARNER)
    assert reasons(*opened) is WhyNot.LEARNER
