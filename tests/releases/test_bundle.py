"""Bundles: whole by themselves, never changed, and true to what they were fitted for."""

import json
import shutil

import pytest

from gogooku import pipeline
from gogooku.core.artefact import copy_artefact
from gogooku.core.config import resolve
from gogooku.core.errors import ContractError, DataError
from gogooku.core.terms import at_exchange
from gogooku.dataset.home import current_dataset
from gogooku.releases import bundle as bundles
from gogooku.releases.bundle import contract_of, make_bundle, open_bundle
from gogooku.releases.limits import ReleaseConfig
from gogooku.runs.find import open_run

CARD = {"skill": {"h5.rank_ic": {"value": 0.05}}, "tries": 3}


@pytest.fixture
def home(tour_home, tmp_path):
    """A copy of the home with every run, of its own."""
    place = tmp_path / "home"
    shutil.copytree(tour_home, place)
    return place


def made(home, name="ridge", *assignments, card=CARD):
    run = open_run(home, name)
    settings = resolve(ReleaseConfig(), base_name="backtest", assignments=assignments)
    settings = at_exchange(settings, run.exchange(home))
    return make_bundle(home, run, run.dataset(home), settings=settings, scorecard=card)


@pytest.mark.parametrize("name", ["ridge", "lightgbm", "atft-gat-fan"])
def test_it_ranks_as_the_run_does_when_the_run_is_gone(home, name):
    dataset = current_dataset(home)
    wanted = pipeline.ranking(open_run(home, name), dataset).frame
    bundle = made(home, name, "portfolio.top_k=7")
    shutil.rmtree(home / "runs")
    bundle = open_bundle(home, bundle.bundle_id)
    assert pipeline.ranking(bundle.run, dataset).frame.equals(wanted)
    assert bundle.trade.config.portfolio.top_k == 7
    assert bundle.trade.origins["portfolio.top_k"] == "--set"
    assert bundle.build.config.source == "tiny"
    assert bundle.scorecard == CARD


def test_it_keeps_what_features_and_scores_looked_like(home):
    bundle, dataset = made(home), current_dataset(home)
    features = bundle.trained_on.get_column("feature").to_list()
    assert features == [*dataset.features, *dataset.market_features]
    assert set(bundle.tested_scores["horizons"]) == {"1", "5", "10", "20"}


def test_nothing_that_was_written_beside_the_run_is_in_it(home):
    bundle = made(home)
    inside = {path.name for path in (bundle.folder / "run").iterdir()}
    assert not {name for name in inside if name.startswith(("evaluation", "backtest", "."))}
    assert "predictions.parquet" in inside


def test_the_same_is_found_again_and_another_setting_is_another_one(home):
    first = made(home)
    assert made(home).folder == first.folder
    assert made(home, "ridge", "portfolio.top_k=7").folder != first.folder
    assert made(home, card={**CARD, "tries": 4}).folder != first.folder


def test_it_is_found_by_its_id_and_by_its_name(home):
    first, second = made(home), made(home, "ridge", "portfolio.top_k=7")
    assert open_bundle(home, first.bundle_id).folder == first.folder
    assert open_bundle(home, "ridge").folder == second.folder
    with pytest.raises(DataError, match="No bundle .rigde.*There are: ridge-"):
        open_bundle(home, "rigde")


def test_a_home_without_one_says_how_one_is_made(tmp_path):
    with pytest.raises(DataError, match="gogooku release RUN"):
        open_bundle(tmp_path, "ridge")


@pytest.mark.parametrize(
    "file", ["run/predictions.parquet", "trade.json", "run/manifest.json", "contract.json"]
)
def test_a_changed_file_is_noticed(home, file):
    bundle = made(home)
    path = bundle.folder / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        for name in bundle.files.files:
            bundle.files.path(name)
        bundle.run.predictions("test")


def test_another_run_in_its_place_is_noticed(home):
    bundle = made(home)
    shutil.rmtree(bundle.folder / "run")
    copy_artefact(open_run(home, "lightgbm").folder, bundle.folder / "run")
    with pytest.raises(DataError, match="not the run that was released"):
        _ = open_bundle(home, bundle.bundle_id).run


def test_a_damaged_file_of_the_run_makes_no_bundle(home):
    run = open_run(home, "ridge")
    weights = next((run.folder / "folds").rglob("*.safetensors"))
    weights.chmod(0o600)
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(DataError, match="damaged"):
        made(home)
    assert not list(bundles.bundles_folder(home).glob("[!.]*"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"features": ["rsi_14"]}, "features: .*missing"),
        ({"market_features": []}, "market_features: .*missing"),
        ({"clock": "premarket"}, "clock is 'premarket', fitted on 'evening'"),
        ({"exchange": "new_york"}, "exchange is 'new_york'"),
        ({"source": "other"}, "source is 'other', fitted on 'tiny'"),
    ],
)
def test_a_dataset_that_does_not_fit_is_refused(home, monkeypatch, change, said):
    bundle, dataset = made(home), current_dataset(home)
    bundle.require(dataset)
    there = {**contract_of(dataset), **change}
    monkeypatch.setattr(bundles, "contract_of", lambda _: there)
    with pytest.raises(ContractError, match=said):
        bundle.require(dataset)


def test_another_order_of_features_is_refused(home, monkeypatch):
    bundle, dataset = made(home), current_dataset(home)
    there = {**contract_of(dataset), "features": list(dataset.features)[::-1]}
    monkeypatch.setattr(bundles, "contract_of", lambda _: there)
    with pytest.raises(ContractError, match="features are in another order"):
        bundle.require(dataset)


def test_a_copy_of_an_artefact_is_the_artefact(home, tmp_path):
    run = open_run(home, "ridge")
    copy_artefact(run.folder, tmp_path / "copy")
    files = sorted(
        p.relative_to(tmp_path / "copy").as_posix()
        for p in (tmp_path / "copy").rglob("*")
        if p.is_file()
    )
    for name in files:
        assert (tmp_path / "copy" / name).read_bytes() == (run.folder / name).read_bytes()
    assert set(json.loads((run.folder / "manifest.json").read_text())["files"]) < set(files)
