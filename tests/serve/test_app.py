"""Serving: the served score is the predicted one and the evaluated one, bit for bit."""

import json
import shutil
from datetime import date

import httpx
import numpy as np
import polars as pl
import pytest

from gogooku import pipeline
from gogooku.core.errors import ContractError, DataError, NotFoundError, UsageError
from gogooku.dataset.home import current_dataset
from gogooku.predict.output import write_ranking
from gogooku.runs.find import open_run
from gogooku.serve.app import KEY_HEADER, hash_key, make_app, parse_key_hashes
from gogooku.serve.fresh import Fresh
from support.cli import FEATURES, done, leftovers, run_cli, sets, visible
from support.serving import KEY, Server

HORIZONS = (1, 5, 10, 20)


@pytest.fixture(scope="module", params=["ridge", "atft-gat-fan"])
def served(request, tour_home, tmp_path_factory):
    home = tmp_path_factory.mktemp("served") / "home"
    shutil.copytree(tour_home, home)
    server = Server(home, "--run", request.param, log=home.parent / "log.txt")
    yield request.param, home, server
    server.close()


def test_served_scores_are_predicts_and_the_evaluations_bit_for_bit(served):
    run, home, server = served
    (folder,) = home.glob(f"runs/{run}-*")
    evaluated = pl.read_parquet(folder / "predictions.parquet").filter(part="test")
    sessions = evaluated.get_column("date").unique().sort().to_list()
    for day in (sessions[0], sessions[len(sessions) // 2], sessions[-1]):
        body = server.get("/ranking", date=str(day)).json()
        predicted = done(home, "predict", "--run", run, "--date", day, "--json").json
        assert body["ranking"] == predicted["ranking"]
        truth = evaluated.filter(pl.col("date") == day)
        for horizon in HORIZONS:
            of_horizon = truth.filter(pl.col("horizon") == horizon)
            wanted = dict(of_horizon.select("code", "score").iter_rows())
            found = {row["code"]: row[f"score_{horizon}"] for row in body["ranking"]}
            assert found.keys() == wanted.keys()
            for code, score in wanted.items():
                assert np.float32(found[code]).tobytes() == np.float32(score).tobytes()


def test_served_rows_have_the_sector_by_name(served):
    _run, home, server = served
    rows = server.get("/ranking", top=5).json()["ranking"]
    wanted = dict(pl.read_parquet(listings_of(home)).select("code", "sector").iter_rows())
    assert list(rows[0])[:4] == ["rank", "code", "sector", "close"]
    assert {row["code"]: row["sector"] for row in rows} == {
        r["code"]: wanted[r["code"]] for r in rows
    }
    assert all(row["sector"] for row in rows)


def listings_of(home):
    (path,) = home.glob("sources/tiny/*/listings.parquet")
    return path


def test_without_a_key_everything_but_health_is_refused(served):
    _, _, server = served
    assert server.get("/health", key=None).json() == {"status": "ok"}
    for key in (None, "", "wrong", hash_key(KEY), KEY + "x", KEY.upper()):
        for path in (
            "/ranking",
            "/version",
            "/",
            "/docs",
            "/openapi.json",
            "/anything",
            "/metrics",
        ):
            answer = server.get(path, key=key)
            assert answer.status_code == 401, (path, key)
            assert KEY not in answer.text
    for method in ("POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"):
        for path in ("/ranking", "/anything"):
            assert server.client.request(method, path).status_code in (401, 405)


def test_with_a_key_there_is_a_version_and_nothing_else(served):
    run, _, server = served
    told = server.get("/version").json()
    assert told["run"].startswith(f"{run}-")
    assert server.get("/nothing").status_code == 404


def test_wrong_questions_are_answered_with_a_reason(served):
    _, _, server = served
    for params, mention in (
        ({"date": "2021-04-20"}, "in-sample"),
        ({"date": "2021-05-02"}, "2021-05-02"),
        ({"horizon": "7"}, "horizon 7"),
    ):
        answer = server.get("/ranking", **params)
        assert answer.status_code == 404
        assert mention in answer.json()["detail"]
    for params in ({"date": "yesterday"}, {"horizon": "five"}, {"top": "0"}):
        assert server.get("/ranking", **params).status_code == 422
    assert len(server.get("/ranking", top=3).json()["ranking"]) == 3


def test_questions_that_would_be_misread_are_refused(served):
    _, _, server = served
    for params, mention in (
        ({"horizons": "1"}, "horizons' is no parameter of /ranking; did you mean horizon?"),
        ({"date": "1700000000"}, "expected a date, YYYY-MM-DD"),
        ({"date": "20240105"}, "expected a date, YYYY-MM-DD"),
        ({"top": "1" + "0" * 26}, "top"),
        ({"day": "2021-05-06"}, "is no parameter"),
    ):
        answer = server.get("/ranking", **params)
        assert answer.status_code == 422, params
        assert mention in answer.json()["detail"]
    headers = {KEY_HEADER: KEY}
    assert server.client.head("/ranking", headers=headers).status_code == 200
    assert server.client.head("/health").status_code == 200
    for method in ("POST", "PUT", "DELETE"):
        answer = server.client.request(method, "/ranking", headers=headers)
        assert (answer.status_code, "GET" in answer.headers["allow"]) == (405, True)


def test_the_hash_of_an_empty_key_lets_nobody_in():
    with pytest.raises(UsageError, match="hash of an empty key"):
        parse_key_hashes(hash_key(""))


def test_the_key_is_nowhere(served):
    run, home, server = served
    server.get("/ranking")
    server.get("/ranking", key="wrong")
    server.get("/ranking", date="yesterday")
    assert KEY not in server.log.read_text()
    for path in home.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes()
    said = [
        run_cli(home, *command, GOGOOKU_API_KEYS=KEY)
        for command in (
            ["serve"],
            ["doctor"],
            ["doctor", "--json"],
            ["explain", next(home.glob("runs/ridge-*"))],
            ["predict", "--run", run],
            ["train", "reversal", *sets("seed=9"), "--json"],
            ["report", "ridge"],
        )
    ]
    assert said[0].code == 2
    assert all(KEY not in one.out + one.err for one in said)
    for path in home.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes()


def test_serving_writes_nothing(served):
    _, home, server = served
    before = visible(home)
    server.get("/ranking")
    assert visible(home) == before
    assert leftovers(home) == []


def test_keys_are_hashes_and_a_key_by_mistake_is_not_repeated():
    one, two = hash_key("one"), hash_key("two")
    assert parse_key_hashes(f" {one} , {two.upper()},") == (one, two)
    with pytest.raises(UsageError, match="no keys"):
        parse_key_hashes(" , ")
    with pytest.raises(UsageError, match="1 of 2 entries") as refused:
        parse_key_hashes(f"{one},{KEY}")
    assert KEY not in str(refused.value)


def test_server_does_not_start_without_keys(tour_home):
    for keys in ("", KEY):
        result = run_cli(tour_home, "serve", "--run", "ridge", GOGOOKU_API_KEYS=keys)
        assert result.code == 2
        assert result.err.startswith("error: serve: ")


def test_command_serves_what_was_asked_for(tour_home, monkeypatch):
    called = []

    def run(server, sockets):
        called.extend(socket.getsockname() for socket in sockets)

    monkeypatch.setattr("uvicorn.Server.run", run)
    said = done(tour_home, "serve", "--run", "ridge", "--port", 0, GOGOOKU_API_KEYS=hash_key(KEY))
    ((host, port),) = called
    assert host == "127.0.0.1"
    first, last = said.out.splitlines()
    assert first.startswith("Serving ridge-")
    assert first.endswith(f"at http://127.0.0.1:{port}. Ctrl-C stops.")
    assert last == "Stopped."


@pytest.fixture
def predictor(tour_home):
    return pipeline.predictor(open_run(tour_home, "ridge"), current_dataset(tour_home))


async def ask(app, path, **headers):
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path, headers=headers)


def answers(app, path, **headers):
    import asyncio

    return asyncio.run(ask(app, path, **headers))


def test_application_in_process(predictor):
    app = make_app(Fresh.fixed(predictor), key_hashes=[hash_key(KEY), hash_key("another")])
    assert answers(app, "/health").json() == {"status": "ok"}
    assert answers(app, "/ranking").status_code == 401
    good = {KEY_HEADER: "another"}
    body = answers(app, "/ranking?top=2", **good).json()
    assert len(body["ranking"]) == 2
    assert answers(app, "/version", **good).json()["run"] == predictor.run.run_id
    assert answers(app, "/nothing", **good).status_code == 404
    assert answers(app, "/ranking?horizon=7", **good).status_code == 404
    for query, detail in (
        ("date=yesterday", "date: got 'yesterday', expected a date, YYYY-MM-DD"),
        ("horizon=five", "horizon: got 'five', expected a whole number"),
        ("top=0", "top: got '0', expected a number, at least 1"),
        (
            "top=0&horizon=x",
            "horizon: got 'x', expected a whole number; top: got '0', expected a "
            "number, at least 1",
        ),
    ):
        answer = answers(app, f"/ranking?{query}", **good)
        assert (answer.status_code, answer.json()) == (422, {"detail": detail})


def test_problem_codes(predictor, monkeypatch):
    app = make_app(Fresh.fixed(predictor), key_hashes=[hash_key(KEY)])
    for fault, status in (
        (ContractError("other features"), 409),
        (NotFoundError("no such session"), 404),
        (DataError("a damaged file"), 503),
        (UsageError("usage"), 500),
    ):

        def fail(*_, fault=fault, **__):
            raise fault

        monkeypatch.setattr(type(predictor), "ranking", fail)
        answer = answers(app, "/ranking", **{KEY_HEADER: KEY})
        assert answer.status_code == status
        assert answer.json()["detail"] == str(fault)


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


def test_newest_session_ranks_by_default(predictor):
    ranking = predictor.ranking()
    assert ranking.date == predictor.newest
    assert isinstance(ranking.date, date)
    assert json.loads(json.dumps(ranking.to_json()))["num_names"] == ranking.frame.height


def test_a_sector_that_is_not_known_is_null(predictor, tmp_path):
    known = predictor.ranking()
    code = known.frame.get_column("code")[1]
    sectors = np.array(predictor.dataset.sector_TN)
    sectors[-1, predictor.dataset.codes.index(code)] = -1
    object.__setattr__(predictor.dataset, "sector_TN", sectors)
    ranking = predictor.ranking()
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


def test_a_dataset_without_sectors_ranks_all_the_same(predictor):
    unknown = np.full_like(predictor.dataset.sector_TN, -1)
    object.__setattr__(predictor.dataset, "sector_TN", unknown)
    manifest = {**predictor.dataset.manifest, "sectors": []}
    object.__setattr__(predictor.dataset, "manifest", manifest)
    frame = predictor.ranking().frame
    assert frame.schema["sector"] == pl.String
    assert frame.get_column("sector").null_count() == frame.height > 0


def test_ranking_file_is_whole_or_untouched(predictor, tmp_path, monkeypatch):
    ranking = predictor.ranking()
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
