"""What a run gives beside its scores: of a ranking, the bits that its test part has."""

import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
import pytest

from gogooku import pipeline
from gogooku.predict.output import write_ranking
from gogooku.predict.predictor import Predictor
from gogooku.runs.find import open_run
from gogooku.runs.folder import OUTPUTS_FILE
from gogooku.serve.app import KEY_HEADER, hash_key, make_app
from gogooku.serve.fresh import Fresh
from support.cli import NETWORK, done, sets

HORIZONS = (1, 5, 10, 20)
KEY = "a key of the test"
HEADS = (
    "learner.training.loss.kind=combined",
    'learner.training.loss.parts=[{}, {loss={kind="pinball"}}]',
    "learner.quantiles=[0.1, 0.9]",
    "learner.dropout_passes=3",
    "learner.dropout=0.2",
    "learner.training.max_epochs=1",
)
SEEDS = (
    'learner.members=[{kind="ridge"}, {kind="lightgbm", rounds=10}]',
    "learner.member_spread=true",
)
GIVEN = {"atft-gat-fan": ("q0.1", "q0.9", "place_spread"), "blend": ("place_spread",)}


@pytest.fixture(scope="module")
def home(tour_home, tmp_path_factory):
    """A home with two more runs, which give something beside their scores."""
    place = tmp_path_factory.mktemp("beside") / "home"
    shutil.copytree(tour_home, place)
    done(place, "train", "atft-gat-fan", *sets(*NETWORK, *HEADS), "--threads", 1, "--json")
    done(place, "train", "blend", *sets(*SEEDS), "--threads", 1, "--json")
    return place


@pytest.fixture(scope="module", params=GIVEN)
def predictor(request, home):
    run = open_run(home, request.param)
    return Predictor(run, run.dataset(home))


def expected(predictor):
    return GIVEN[predictor.run.manifest["name"]]


def test_they_are_the_bits_of_the_test_part(predictor):
    kept = predictor.run.files.parquet(OUTPUTS_FILE).filter(part="test")
    names = expected(predictor)
    days = kept.get_column("date").unique().sort().to_list()
    for day in (days[0], days[-1]):
        ranking = predictor.ranking(day)
        assert ranking.beside == tuple(f"{name}_{h}" for name in names for h in HORIZONS)
        assert ranking.frame.columns[-len(ranking.beside) :] == list(ranking.beside)
        for horizon in HORIZONS:
            truth = kept.filter(date=day, horizon=horizon).sort("code")
            found = ranking.frame.sort("code")
            assert found.get_column("code").equals(truth.get_column("code"))
            for name in names:
                mine = found.get_column(f"{name}_{horizon}")
                assert mine.dtype == pl.Float32
                assert mine.to_numpy().tobytes() == truth.get_column(name).to_numpy().tobytes()


def test_scores_and_order_are_those_without_them(predictor, monkeypatch):
    whole = predictor.ranking()
    checkpoint = predictor.checkpoint_for(predictor.newest)
    monkeypatch.setattr(type(checkpoint), "more_outputs", lambda *_: {})
    bare = predictor.ranking()
    assert bare.beside == ()
    assert whole.frame.drop(whole.beside).equals(bare.frame)
    assert whole.forecast.frame.equals(bare.forecast.frame)


def test_a_run_without_them_has_the_columns_that_it_had(home):
    run = open_run(home, "ridge")
    ranking = Predictor(run, run.dataset(home)).ranking()
    assert ranking.beside == ()
    scores = [f"score_{h}" for h in HORIZONS]
    assert ranking.frame.columns == ["rank", "code", "sector", "close", *scores]


def test_one_that_is_not_known_is_null_in_every_file(predictor, monkeypatch, tmp_path):
    checkpoint = predictor.checkpoint_for(predictor.newest)
    honest = type(checkpoint).more_outputs

    def holed(self, dataset, indices):
        made = honest(self, dataset, indices)
        made["place_spread"][:, :, 1] = np.nan
        return made

    monkeypatch.setattr(type(checkpoint), "more_outputs", holed)
    ranking = predictor.ranking()
    json.dumps(ranking.to_json(), allow_nan=False)
    for suffix, read in (("csv", pl.read_csv), ("parquet", pl.read_parquet)):
        write_ranking(tmp_path / f"ranking.{suffix}", ranking)
        frame = read(tmp_path / f"ranking.{suffix}")
        assert frame.columns == ranking.frame.columns
        assert frame.get_column("place_spread_5").null_count() == frame.height > 0
        assert frame.get_column("place_spread_10").null_count() == 0


def test_predict_and_the_server_say_the_same(home):
    whole = done(home, "predict", "--run", "atft-gat-fan", "--json").json["ranking"]
    run = open_run(home, "atft-gat-fan")
    fresh = Fresh.fixed(pipeline.predictor(run, run.dataset(home)))
    body = asked(make_app(fresh, key_hashes=[hash_key(KEY)]), "/ranking?horizon=5").json()
    assert body["ranking"] == whole
    assert whole[0]["q0.1_5"] < whole[0]["q0.9_5"]


def asked(app, path):
    import anyio
    import httpx

    async def ask():
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get(path, headers={KEY_HEADER: KEY})

    return anyio.run(ask)


def test_people_are_shown_those_of_the_horizon_that_ranks(home):
    said = done(home, "predict", "--run", "atft-gat-fan", "--horizon", 10, "--top", 3).out
    assert "q0.1_10" in said
    assert "place_spread_10" in said
    assert "q0.1_5" not in said
    assert "score_5" in said


def test_nothing_is_scored_while_a_network_is_in_training_mode(home, monkeypatch):
    run = open_run(home, "atft-gat-fan")
    predictor = Predictor(run, run.dataset(home))
    alone = predictor.ranking().frame
    kind = type(predictor.checkpoint_for(predictor.newest))
    honest, scored, inside = kind.more_outputs, kind.scores, threading.Event()
    overlaps = []

    def slow(self, dataset, indices):
        inside.set()
        time.sleep(0.2)
        made = honest(self, dataset, indices)
        inside.clear()
        return made

    def watched(self, dataset, indices):
        overlaps.append(inside.is_set())
        return scored(self, dataset, indices)

    monkeypatch.setattr(kind, "more_outputs", slow)
    monkeypatch.setattr(kind, "scores", watched)
    with ThreadPoolExecutor(3) as pool:
        frames = [one.frame for one in pool.map(lambda _: predictor.ranking(), range(3))]
    assert overlaps == [False] * 3
    assert all(frame.equals(alone) for frame in frames)
