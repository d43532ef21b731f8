"""What a run gives beside its scores: of a ranking, the bits that its test part has."""

import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import numpy as np
import polars as pl
import pytest

from gogooku import pipeline
from gogooku.core.errors import DataError
from gogooku.dataset.home import current_dataset
from gogooku.predict.output import write_ranking
from gogooku.predict.predictor import Predictor
from gogooku.runs.find import open_run
from gogooku.runs.folder import OUTPUTS_FILE
from support.asking import ask_run
from support.cli import FEATURES, NETWORK, done, run_cli, sets

HORIZONS = (1, 5, 10, 20)
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
    body = ask_run(pipeline.predictor(run, run.dataset(home)))("/ranking", horizon=5).json()
    assert body["ranking"] == whole
    assert whole[0]["q0.1_5"] < whole[0]["q0.9_5"]


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


@pytest.fixture
def plain(tour_home):
    """A run that gives scores alone."""
    return pipeline.predictor(open_run(tour_home, "ridge"), current_dataset(tour_home))


def test_predictor_never_uses_a_checkpoint_that_saw_the_date(tour_home, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(tour_home, home)
    split = sets("split={kind='walk_forward', num_folds=2, test=0.3}", "warmup_sessions=60")
    made = done(home, "train", "ridge", *split, "--json").json
    predictor = pipeline.predictor(open_run(home, made["run"]), current_dataset(home))
    assert len(predictor.checkpoints) == 2
    evaluated = predictor.run.predictions("test")
    for fold in (0, 1):
        days = evaluated.filter(fold=fold).get_column("date").unique().sort()
        for day in (days[0], days[-1]):
            ranking = predictor.ranking(day)
            one = evaluated.filter((pl.col("date") == day) & (pl.col("horizon") == 5))
            wanted = dict(one.select("code", "score").iter_rows())
            assert dict(ranking.frame.select("code", "score_5").iter_rows()) == wanted
    first = min(max(c.trained_through.values()) for c in predictor.checkpoints)
    with pytest.raises(DataError, match="in-sample"):
        predictor.ranking(first)


def test_session_without_a_universe_says_so(tour_home, monkeypatch):
    predictor = pipeline.predictor(open_run(tour_home, "reversal"), current_dataset(tour_home))
    nothing = np.zeros_like(predictor.dataset.valid_TN)
    object.__setattr__(predictor.dataset, "valid_TN", nothing)
    with pytest.raises(DataError, match="universe"):
        predictor.ranking()


def test_newest_session_ranks_by_default(plain):
    ranking = plain.ranking()
    assert ranking.date == plain.newest
    assert isinstance(ranking.date, date)
    assert json.loads(json.dumps(ranking.to_json()))["num_names"] == ranking.frame.height


def test_a_sector_that_is_not_known_is_null(plain, tmp_path):
    known = plain.ranking()
    code = known.frame.get_column("code")[1]
    sectors = np.array(plain.dataset.sector_TN)
    sectors[-1, plain.dataset.codes.index(code)] = -1
    object.__setattr__(plain.dataset, "sector_TN", sectors)
    ranking = plain.ranking()
    assert ranking.frame.get_column("sector").null_count() == 1
    assert ranking.frame.drop("sector").equals(known.frame.drop("sector"))
    assert ranking.to_json()["ranking"][1]["sector"] is None
    for suffix, read in (
        ("csv", lambda p: pl.read_csv(p, schema_overrides={"sector": pl.String})),
        ("parquet", pl.read_parquet),
        ("json", lambda p: pl.DataFrame(json.loads(p.read_text())["ranking"])),
    ):
        path = tmp_path / f"ranking.{suffix}"
        write_ranking(path, ranking)
        assert read(path).get_column("sector").to_list() == ranking.frame["sector"].to_list()


def test_a_dataset_without_sectors_ranks_all_the_same(plain):
    unknown = np.full_like(plain.dataset.sector_TN, -1)
    object.__setattr__(plain.dataset, "sector_TN", unknown)
    manifest = {**plain.dataset.manifest, "sectors": []}
    object.__setattr__(plain.dataset, "manifest", manifest)
    frame = plain.ranking().frame
    assert frame.schema["sector"] == pl.String
    assert frame.get_column("sector").null_count() == frame.height > 0


def test_ranking_file_is_whole_or_untouched(plain, tmp_path, monkeypatch):
    ranking = plain.ranking()
    path = tmp_path / "ranking.csv"
    write_ranking(path, ranking)
    before = path.read_bytes()

    def crash(*_, **__):
        raise RuntimeError("crash")

    monkeypatch.setattr("gogooku.predict.output.os.replace", crash)
    with pytest.raises(RuntimeError):
        write_ranking(path, ranking)
    assert path.read_bytes() == before


def test_run_on_a_dataset_built_again_with_the_same_features_still_serves(tour_home, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(tour_home, home)
    other = sets("universe.lookback=50", f"features={FEATURES}")
    done(home, "build", "--source", "tiny", *other, "--json")
    assert run_cli(home, "predict", "--run", "ridge", "--json").code == 0
