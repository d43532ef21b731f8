"""The skill over the paths of a cross-validation: means by session, never more evidence."""

import numpy as np
import polars as pl
import pytest

from gogooku.core.metrics import mean_estimate
from gogooku.core.types import Report
from gogooku.evaluate.paths import over_paths
from gogooku.evaluate.skill import Skill


def made(rng, shift):
    days = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 3, 30), eager=True)
    daily = pl.DataFrame(
        {
            "date": days,
            "horizon": pl.Series([5] * len(days), dtype=pl.Int32),
            "num_names": pl.Series([30] * len(days), dtype=pl.Int64),
            "rank_ic": rng.normal(shift, 0.1, len(days)),
        }
    )
    deciles = pl.DataFrame(
        {
            "horizon": [5, 5],
            "decile": [1, 2],
            "value": [shift, 2.0],
            "n": [9, 9],
            "error": [0.1, 0.3],
        }
    )
    facts = {"variant": "raw", "findings": ["horizon 5: too good"] if shift > 0.5 else []}
    decay = deciles.rename({"decile": "step"}).with_columns(kind=pl.lit("lag"))
    return Skill(Report({}, facts), daily, deciles, decay)


def test_paths_are_averaged_by_session():
    rng = np.random.default_rng(1)
    paths = [made(rng, shift) for shift in (0.0, 1.0)]
    whole = over_paths(paths, kind="combinatorial")
    mean = (paths[0].daily["rank_ic"] + paths[1].daily["rank_ic"]).to_numpy() / 2
    np.testing.assert_allclose(whole.daily["rank_ic"].to_numpy(), mean)
    expected = mean_estimate(mean, horizon=5)
    assert whole.report.values["h5.rank_ic"].value == pytest.approx(expected.value)
    assert whole.report.values["h5.rank_ic"].error == pytest.approx(expected.error)
    assert whole.report.values["h5.rank_ic"].n == len(mean)
    assert whole.deciles["value"].to_list() == [0.5, 2.0]
    assert whole.decay["value"].to_list() == [0.5, 2.0]
    assert whole.decay["error"].to_list() == pytest.approx([0.1, 0.3])
    assert whole.daily.schema == paths[0].daily.schema
    assert whole.findings == ["path 1: horizon 5: too good"]
    assert whole.report.facts["cross_validation"] == {
        "split": "combinatorial",
        "paths": 2,
        "out_of_time": False,
    }


def test_one_path_is_what_it_is():
    one = made(np.random.default_rng(1), 0.0)
    whole = over_paths([one], kind="purged_kfold")
    assert whole.daily.equals(one.daily)
    assert whole.report.facts["cross_validation"]["paths"] == 1
