"""Quantiles against labels, and weights of channels against the network of the right fold."""

import shutil
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from gogooku.core.ranks import gaussian_ranks
from gogooku.core.types import Labels
from gogooku.evaluate.split import make_folds
from gogooku.learn.checkpoint import load_checkpoint
from gogooku.learn.targets import fold_labels
from gogooku.runs import network_pictures
from gogooku.runs.find import open_run
from gogooku.runs.folder import OUTPUTS_FILE
from gogooku.runs.labels import labelled, run_labels
from gogooku.runs.network_pictures import (
    calibration,
    channel_weights,
    has_quantiles,
    realised,
    selects_channels,
)
from gogooku.runs.report import write_report
from support.cli import NETWORK, done, sets
from support.pages import read

FUSION = (
    "learner.temporal=fusion",
    "learner.fusion.select=true",
    "learner.fusion.width=4",
    "learner.fan=none",
    "learner.training.max_epochs=1",
    "learner.raw_channels=['log_return','log_value']",
)
QUANTILES = (
    "learner.training.loss.kind=combined",
    'learner.training.loss.parts=[{}, {loss={kind="pinball"}}]',
    "learner.quantiles=[0.1, 0.5, 0.9]",
)
FOLDS = ("split={kind='walk_forward', num_folds=2, test=0.3}", "warmup_sessions=60")
MEMBER = (
    'kind="atft_gat_fan", hidden=8, heads=2, lookback=8, temporal="fusion", fan="none", '
    'context_features=["uni_vol_20"], fusion={select=true, width=4}, '
    "training={max_epochs=1, days_per_batch=16}"
)
BLEND = (f'learner.members=[{{kind="ridge"}}, {{{MEMBER}}}]', "learner.seeds=2")


@pytest.fixture(scope="module")
def home(tour_home, tmp_path_factory):
    """A home with a network of two folds that selects channels, and a blend of two such ones."""
    place = tmp_path_factory.mktemp("pictures") / "home"
    shutil.copytree(tour_home, place)
    network = sets(*NETWORK, *FUSION, *QUANTILES, *FOLDS)
    done(place, "train", "atft-gat-fan", *network, "--threads", 1, "--json")
    done(place, "train", "blend", *sets(*BLEND), "--threads", 1, "--json")
    return place


@pytest.fixture(scope="module")
def run(home):
    return open_run(home, "atft-gat-fan")


@pytest.fixture(scope="module")
def dataset(home, run):
    return run.dataset(home)


def test_what_came_is_what_is_trained_on(run, dataset, monkeypatch):
    labels, config = run_labels(dataset, run.config), labelled(run.config)
    there = np.random.default_rng(0).random((2, *labels.tradable_TN.shape)) > 0.1
    labels = replace(labels, tradable_TN=labels.tradable_TN & there[0])
    dataset = replace(dataset, valid_TN=np.asarray(dataset.valid_TN) & there[1])
    monkeypatch.setattr(network_pictures, "run_labels", lambda *_: labels)
    fold = make_folds(run.config.split, dataset.sessions, first=60)[0]
    known = fold_labels(dataset, labels, fold, config=config).train
    settled = known.indices < fold.indices("valid")[0] - 22 - labels.late_TNH.max()
    assert settled.sum() > 20
    mine = realised(run, dataset, known.indices[settled])
    np.testing.assert_array_equal(mine, known.values_TNH[settled])


def test_shares_are_those_of_the_test_part_counted_by_hand(run, dataset):
    labels: Labels = run_labels(dataset, run.config)
    kept = run.files.parquet(OUTPUTS_FILE).filter(part="test", horizon=5)
    shares = {0.1: [], 0.9: []}
    for day in kept.get_column("date").unique().sort():
        t = dataset.index_of(day)
        label = labels.residual_TNH[t, :, 1].astype(np.float64)
        label[~(dataset.valid_TN[t] & labels.tradable_TN[t])] = np.nan
        if np.isfinite(label).sum() >= 10:
            came = dict(zip(dataset.codes, gaussian_ranks(label[None])[0], strict=True))
            rows = kept.filter(date=day)
            for level, found in shares.items():
                pairs = rows.select("code", f"q{level}").iter_rows()
                below = [came[code] < q for code, q in pairs if np.isfinite(came[code])]
                found.append(np.mean(below))
    found = {row.level: row for row in calibration(run, dataset) if row.horizon == 5}
    assert set(found) == {0.1, 0.5, 0.9}
    for level, wanted in shares.items():
        assert found[level].sessions == len(wanted) > 20
        assert found[level].share == pytest.approx(np.mean(wanted), abs=1e-6)


def test_weights_are_those_of_the_fold_that_has_scored_the_session(run, dataset):
    weights = channel_weights(run, dataset)
    scored = run.predictions("test").select("date", "fold").unique().sort("date")
    assert weights.get_column("date").unique().sort().equals(scored.get_column("date"))
    names = ["ret_1d_sec_z", "volume_z_20", "log_return", "log_value"]
    assert weights.get_column("channel").unique(maintain_order=True).to_list() == names
    folds = [load_checkpoint(folder) for folder in run.checkpoints()]
    for day, fold in (scored.row(0), scored.row(-1)):
        mine = weights.filter(date=day).get_column("weight").to_numpy()
        whole = [one.weighed(dataset, dataset.index_of(day))["fusion.select"] for one in folds]
        np.testing.assert_allclose(mine, whole[fold], rtol=1e-6)
        assert mine.sum() == pytest.approx(1.0)
        assert np.abs(whole[0] - whole[1]).max() > 1e-4
    assert scored.row(0)[1] != scored.row(-1)[1]


def test_of_many_sessions_some_evenly_spread(run, dataset, monkeypatch):
    every = channel_weights(run, dataset)
    monkeypatch.setattr(network_pictures, "SESSIONS", 5)
    some = channel_weights(run, dataset)
    days, all_days = (f.get_column("date").unique().sort().to_list() for f in (some, every))
    assert len(days) == 5
    assert (days[0], days[-1]) == (all_days[0], all_days[-1])
    assert some.equals(every.filter(pl.col("date").is_in(days)))


def test_of_a_blend_the_mean_over_its_networks(home):
    run = open_run(home, "blend")
    dataset = run.dataset(home)
    weights = channel_weights(run, dataset)
    day = weights.get_column("date")[0]
    (folder,) = run.checkpoints()
    t, networks = dataset.index_of(day), load_checkpoint(folder).members[2:]
    seeds = [one.weighed(dataset, t)["fusion.select"] for one in networks]
    found = weights.filter(date=day).get_column("weight").to_numpy()
    assert np.abs(seeds[0] - seeds[1]).max() > 1e-4
    np.testing.assert_allclose(found, np.mean(seeds, axis=0), rtol=1e-6)


def test_only_runs_that_have_some_are_asked(home, run, tour_home):
    blend, plain = open_run(home, "blend"), open_run(tour_home, "atft-gat-fan")
    assert [has_quantiles(one) for one in (run, blend, plain)] == [True, False, False]
    selecting = [selects_channels(one.config.learner) for one in (run, blend, plain)]
    assert selecting == [True, True, False]


def test_the_page_shows_them(home, run, tour_home):
    reader = read(write_report(home, run).read_text(encoding="utf-8"))
    assert {"calibration", "channels"} <= set(reader.ids)
    lines = reader.figures["figure-calibration"]["series"]
    horizons = ["1 session", "5 sessions", "10 sessions", "20 sessions"]
    assert [line["name"]["en"].split(":")[0] for line in lines] == ["as stated", *horizons]
    names = [line["name"]["en"] for line in reader.figures["figure-channels"]["series"]]
    assert names == ["ret_1d_sec_z", "volume_z_20", "log_return", "log_value", "equal weights"]
    plain = write_report(home, open_run(tour_home, "ridge")).read_text(encoding="utf-8")
    assert not {"calibration", "channels"} & set(read(plain).ids)
