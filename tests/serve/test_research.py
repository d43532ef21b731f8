"""A run that is served by its name: the served score is the predicted and the evaluated one."""

import shutil

import numpy as np
import polars as pl
import pytest

from gogooku import pipeline
from gogooku.core.errors import ContractError, DataError, NotFoundError, UsageError
from gogooku.dataset.home import current_dataset
from gogooku.runs.find import open_run
from gogooku.serve.fresh import Fresh
from gogooku.serve.keys import KEY_HEADER, hash_key
from gogooku.serve.research import Research
from support.asking import KEY, Asking, ask_run
from support.cli import done, leftovers, run_cli, sets, visible
from support.serving import Server

HORIZONS = (1, 5, 10, 20)


@pytest.fixture(scope="module", params=["ridge", "atft-gat-fan"])
def served(request, tour_home, tmp_path_factory):
    home = tmp_path_factory.mktemp("served") / "home"
    shutil.copytree(tour_home, home)
    server = Server(home, "--run", request.param, log=home.parent / "log.txt")
    assert server.get("/version").status_code == 200  # wrong keys make no right one wait
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
        refused = (401, 429) if key else (401,)
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
            assert answer.status_code in refused, (path, key)
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
    assert said[0].code == 2, said[0]
    assert all(KEY not in one.out + one.err for one in said)
    for path in home.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes()


def test_serving_writes_nothing(served):
    _, home, server = served
    before = visible(home)
    server.get("/ranking")
    assert visible(home) == before
    assert leftovers(home) == []


def test_server_does_not_start_without_keys(tour_home):
    for keys in ("", KEY):
        result = run_cli(tour_home, "serve", "--run", "ridge", GOGOOKU_API_KEYS=keys)
        assert result.code == 2
        assert result.err.startswith("error: serve: ")


def test_command_serves_what_was_asked_for(tour_home, monkeypatch):
    called = []
    monkeypatch.setattr(
        "gogooku.serve.server.Server.run",
        lambda server: called.append(server._listener.getsockname()),
    )
    said = done(tour_home, "serve", "--run", "ridge", "--port", 0, GOGOOKU_API_KEYS=hash_key(KEY))
    ((host, port),) = called
    assert host == "127.0.0.1"
    first, last = said.out.splitlines()
    assert first.startswith("Serving ridge-")
    assert first.endswith(f"at http://127.0.0.1:{port}. Ctrl-C stops.")
    assert last == "Stopped."


def test_a_run_and_a_source_are_not_served_together(tour_home):
    argv = ("serve", "--run", "ridge", "--source", "tiny")
    refused = run_cli(tour_home, *argv, GOGOOKU_API_KEYS=hash_key(KEY))
    assert refused.code == 2
    assert "not with --run" in refused.err


def test_what_may_change_is_said(predictor):
    ask = Asking(Research(Fresh.fixed(predictor), follows=["dataset"]).pages())
    assert ask("/version").json()["follows"] == ["dataset"]


@pytest.fixture
def predictor(tour_home):
    return pipeline.predictor(open_run(tour_home, "ridge"), current_dataset(tour_home))


def test_application_in_process(predictor):
    ask = ask_run(predictor)
    assert ask("/health", key=None).json() == {"status": "ok"}
    assert ask("/ranking", key=None).status_code == 401
    body = ask("/ranking", top=2).json()
    assert len(body["ranking"]) == 2
    assert ask("/version").json()["run"] == predictor.run.run_id
    assert ask("/nothing").status_code == 404
    assert ask("/ranking", horizon=7).status_code == 404


def test_problem_codes(predictor, monkeypatch):
    ask = ask_run(predictor)
    for fault, status in (
        (ContractError("other features"), 409),
        (NotFoundError("no such session"), 404),
        (DataError("a damaged file"), 503),
        (UsageError("usage"), 500),
    ):

        def fail(*_, fault=fault, **__):
            raise fault

        monkeypatch.setattr(type(predictor), "ranking", fail)
        answer = ask("/ranking")
        assert answer.status_code == status
        assert answer.json()["detail"] == str(fault)
