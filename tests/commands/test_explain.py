"""Every artefact says what it was made from; two artefacts say how they differ."""

import shutil

import pytest

from gogooku.commands.explain import difference, explanation_of, find_artefact
from support.cli import FEATURES, done, run_cli, sets

PLACES = {
    "source": ("sources/tiny/*/manifest.json", "sandbox"),
    "dataset": ("datasets/*/manifest.json", "build"),
    "run": ("runs/ridge-*/manifest.json", "train"),
    "evaluation": ("runs/ridge-*/evaluation-*/metrics.json", "evaluation"),
    "backtest": ("runs/ridge-*/backtest-*/metrics.json", "backtest"),
    "checkpoint": ("runs/ridge-*/folds/0/checkpoint/checkpoint.json", "train"),
}


def place_of(home, name):
    (path,) = home.glob(PLACES[name][0])
    return path.parent


@pytest.mark.parametrize("name", PLACES)
def test_explain_gives_config_with_origins_inputs_and_code(name, tour_home):
    place = place_of(tour_home, name)
    facts = done(tour_home, "explain", place, "--json").json
    assert facts["kind"] == PLACES[name][1]
    assert facts["config"]
    assert all(set(entry) == {"value", "from"} for entry in facts["config"].values())
    assert {entry["from"] for entry in facts["config"].values()} & {"default", "run ridge", "--set"}
    assert len(facts["code_hash"]) == 16
    assert facts["versions"]["gogooku"]
    assert facts["made_at"]
    assert bool(facts["inputs"]) is (name != "source")
    said = done(tour_home, "explain", place).out
    for text in ("config", "inputs", "from", facts["code_hash"], *facts["inputs"].values()):
        assert text in said


def test_explain_tells_where_each_value_came_from(tour_home):
    config = done(tour_home, "explain", place_of(tour_home, "source"), "--json").json["config"]
    assert config["num_stocks"] == {"value": 40, "from": "--set"}
    assert config["seed"]["from"] == "run tiny"
    assert config["burn_in_sessions"]["from"] == "default"


@pytest.mark.parametrize("name", ["source", "dataset", "run", "evaluation", "backtest"])
def test_explain_finds_an_artefact_by_its_id(name, tour_home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place = place_of(tour_home, name)
    by_id = done(tour_home, "explain", place.name, "--json").json
    assert by_id == done(tour_home, "explain", place, "--json").json


def test_explain_two_runs_shows_their_difference(tour_home):
    one, two = place_of(tour_home, "run"), next(tour_home.glob("runs/reversal-*"))
    rows = done(tour_home, "explain", one, two, "--json").json
    named = {row["what"]: row for row in rows}
    assert "config learner.kind" in named
    assert "'ridge'" in named["config learner.kind"]["left"]
    assert "'reversal'" in named["config learner.kind"]["right"]
    assert named["config learner.feature"]["left"] is None
    assert not any(row["what"].startswith("version ") for row in rows)
    said = done(tour_home, "explain", one, two).out
    assert f"{len(rows)} differences" in said


def test_explain_finds_what_is_beside_a_run_by_both_names(tour_home):
    run, backtest = place_of(tour_home, "run"), place_of(tour_home, "backtest")
    told = done(tour_home, "explain", f"{run.name}/{backtest.name}", "--json").json
    assert told["place"] == backtest.name


def test_a_run_is_not_taken_for_what_is_beside_it(tour_home):
    run = place_of(tour_home, "run")
    for named in (run.name, "ridge"):
        assert done(tour_home, "explain", named, "--json").json["kind"] == "train"


def test_explain_two_backtests_shows_the_setting_and_what_came_of_it(tour_home, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(tour_home, home)
    one = place_of(home, "backtest")
    two = done(home, "backtest", "ridge", *sets("portfolio.top_k=7"), "--json").json["folder"]
    rows = done(home, "explain", one.name, two, "--json").json
    named = {row["what"]: (row["left"], row["right"]) for row in rows}
    assert named.keys() == {"config portfolio.top_k", "content"}
    assert named["config portfolio.top_k"] == (
        "50 (from default of exchange tokyo)",
        "7 (from --set)",
    )


def test_explain_an_artefact_against_itself_shows_nothing(tour_home):
    one = place_of(tour_home, "dataset")
    assert done(tour_home, "explain", one, one, "--json").json == []


def test_explain_two_datasets_shows_the_setting_and_the_content(tour_home, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(tour_home, home)
    changed = ("universe.lookback=50", f"features={FEATURES}")
    made = done(home, "build", "--source", "tiny", *sets(*changed), "--json").json
    rows = difference(
        explanation_of(place_of(tour_home, "dataset")),
        explanation_of(find_artefact(home, home / "datasets" / made["dataset"])),
    )
    assert {row.what for row in rows} == {"config universe.lookback", "content"}


def test_explain_refuses_what_is_no_artefact(tour_home, tmp_path):
    for place in (tmp_path, "nothing-of-this-name"):
        result = run_cli(tour_home, "explain", place)
        assert result.code == 3
        assert "artefact" in result.err


def test_explain_draws_whom_a_network_listens_to(tour_home):
    ranked = done(tour_home, "predict", "--run", "atft-gat-fan", "--json").json["ranking"]
    code = ranked[0]["code"]
    told = done(tour_home, "explain", "atft-gat-fan", "--code", code, "--json").json
    assert told["code"] == code
    assert told["own_weight"] + sum(one["weight"] for one in told["peers"]) == pytest.approx(1.0)
    shown = done(tour_home, "explain", "atft-gat-fan", "--code", code).out
    assert "whom atft-gat-fan-" in shown
    assert "#" * 40 in shown
    assert all(one["code"] in shown for one in told["peers"])
    day = told["date"]
    dated = done(tour_home, "explain", "atft-gat-fan", "--code", code, "--date", day, "--json")
    assert dated.json == told


def test_explain_refuses_a_date_without_a_code_and_a_code_with_two_artefacts(tour_home):
    for words in (["--date", "2021-11-01"], ["ridge", "--code", "10000"]):
        result = run_cli(tour_home, "explain", "atft-gat-fan", *words)
        assert result.code == 2
        assert "--date needs --code" in result.err
