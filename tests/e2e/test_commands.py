"""Every command on a tiny market, for people and for programs."""

import json
import shutil

import polars as pl
import pytest
import typer

from gogooku import __version__
from gogooku.cli import app
from support.cli import FEATURES, NETWORK, done, is_one_paragraph, run_cli, sets


def command_paths(group, prefix=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from command_paths(command, (*prefix, name))
        else:
            yield (*prefix, name)


COMMANDS = tuple(command_paths(typer.main.get_command(app)))


@pytest.fixture
def home(tour_home, tmp_path):
    place = tmp_path / "home"
    shutil.copytree(tour_home, place)
    return place


def test_every_documented_command_is_there():
    documented = {
        *("demo", "import", "build", "audit", "features", "train", "evaluate", "compare"),
        *("backtest", "report", "predict", "serve", "doctor", "explain", "version"),
    }
    assert documented <= {path[0] for path in COMMANDS}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_of_every_command(path, tmp_path):
    result = run_cli(tmp_path, *path, "--help")
    assert result.code == 0
    assert " ".join(path) in result.out
    assert "--json" in result.out or path[-1] in ("serve", "version")


def test_no_command_shows_help(tmp_path):
    result = run_cli(tmp_path)
    assert result.code == 2
    assert "Usage" in result.out + result.err


def test_version(tmp_path):
    assert done(tmp_path, "version").out == f"gogooku {__version__}\n"


def test_wrong_call_is_json_when_json_was_asked_for(tmp_path):
    for argv in (["nothing", "--json"], ["train", "--json"], ["build", "--nothing", "--json"]):
        result = run_cli(tmp_path, *argv)
        assert result.code == 2
        assert result.out == ""
        assert result.error["error"] == "UsageError"


def test_sandbox_market_for_people_and_programs(tmp_path):
    home = tmp_path / "home"
    size = sets("num_stocks=24", "num_sessions=70", "num_branches=0", "num_sectors=2")
    said = done(home, "sandbox", "market", "--size", "tiny", "--seed", 4, *size)
    assert said.out.startswith("source sandbox-tiny-4: ")
    again = done(home, "sandbox", "market", "--size", "tiny", "--seed", 4, *size, "--json").json
    assert again["source"] == "sandbox-tiny-4"
    assert f"{again['rows']:,} rows" in said.out


def test_import_shows_what_it_took(tiny_prices, tmp_path):
    said = done(tmp_path, "import", tiny_prices, "--set", "name=mine")
    assert "close" in said.out
    as_json = done(tmp_path, "import", tiny_prices, "--set", "name=mine", "--json").json
    assert as_json["source"] == "mine"
    assert as_json["codes"] == 24
    assert as_json["sessions"] == 200


def test_import_with_a_mapping(tiny_prices, tmp_path):
    odd = tmp_path / "odd.parquet"
    pl.read_parquet(tiny_prices).rename({"close": "what_it_ended_at"}).write_parquet(odd)
    assert run_cli(tmp_path / "home", "import", odd, "--json").code == 3
    made = done(tmp_path / "home", "import", odd, "--map", "close=what_it_ended_at", "--json").json
    assert made["mapping"]["close"] == "what_it_ended_at"


def test_build_for_people_and_programs(home):
    command = ["build", "--source", "tiny", *sets(f"features={FEATURES}")]
    said = done(home, *command).out
    made = done(home, *command, "--json").json
    assert made["dataset"] in said
    assert made["num_codes"] == 40
    assert "codes" not in made


def test_build_from_a_toml_file(home, tmp_path):
    config = tmp_path / "my.toml"
    config.write_text(f"source = 'tiny'\nfeatures = {FEATURES}\n[universe]\nlookback = 40\n")
    made = done(home, "build", "--config", config, "--json").json
    explained = done(home, "explain", made["dataset"], "--json").json
    assert explained["config"]["universe.lookback"] == {"value": 40, "from": "file my.toml"}


def test_features_lists_the_catalogue(tmp_path):
    listed = done(tmp_path, "features", "--json").json
    assert len(listed) > 100
    assert all(one["meaning"] and one["unit"] for one in listed)
    said = done(tmp_path, "features").out
    assert all(one["name"] in said for one in listed[:20])


def test_audit_finds_nothing_then_a_changed_tensor(home):
    said = done(home, "audit", "--dates", 1).out
    assert "effective rank" in said
    assert "page: " in said
    made = done(home, "audit", "--dates", 1, "--json").json
    assert made["findings"] == []
    assert len(made["facts"]["look_ahead_sessions"]) == 1
    (page,) = home.glob("audits/*/audit.html")
    assert str(page) == made["page"]
    assert json.loads(page.with_name("audit.json").read_text())["findings"] == []
    (path,) = home.glob("datasets/*/x.bin")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4096] = b"\x00\x38" * 2048
    path.write_bytes(content)
    result = run_cli(home, "audit", "--dates", 0, "--json")
    assert result.code == 1
    assert any(one["text"].startswith("x: ") for one in result.json["findings"])
    assert result.error["error"] == "FindingError"
    assert is_one_paragraph(run_cli(home, "audit", "--dates", 0).err)


@pytest.mark.parametrize(("name", "at"), [("raw.bin", 40 * 4 * 4 * 100), ("raw.open.npy", 128)])
def test_audit_finds_a_changed_label(name, at, home):
    (path,) = home.glob(f"datasets/*/labels/{name}")
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    result = run_cli(home, "audit", "--dates", 0, "--json")
    assert result.code == 1
    assert any(one["text"].startswith("labels: ") for one in result.json["findings"])


def test_audit_says_when_the_source_is_gone(home):
    for place in home.glob("sources/*/*/manifest.json"):
        shutil.rmtree(place.parent)
    result = run_cli(home, "audit", "--json")
    assert result.code == 1
    assert [one["check"] for one in result.json["findings"]] == ["look-ahead"]
    assert run_cli(home, "audit", "--dates", 0).code == 0
    assert run_cli(home, "audit", "--dates", -1).code == 2


def test_train_says_where_the_run_is(home):
    said = done(home, "train", "reversal").out
    made = done(home, "train", "reversal", "--json").json
    assert made["run"] in said
    assert made["folder"].endswith(made["run"])


def test_train_on_a_named_dataset_with_a_config_file(home, tmp_path):
    (dataset,) = [p.parent.name for p in home.glob("datasets/*/manifest.json")]
    config = tmp_path / "run.toml"
    config.write_text("seed = 7\n[learner]\npenalties = [0.1]\n")
    made = done(home, "train", "ridge", "--dataset", dataset, "--config", config, "--json").json
    explained = done(home, "explain", made["run"], "--json").json
    assert explained["seed"] == 7
    assert explained["config"]["learner.penalties"]["from"] == "file run.toml"


def test_evaluate_for_people_and_programs(home):
    result = run_cli(home, "evaluate", "ridge", "reversal", "--json")
    assert result.code in (0, 1)
    assert len(result.json) == 2
    for metrics in result.json.values():
        one = metrics["metrics"]["h5.rank_ic"]
        assert one["n"] > 0
        assert "error" in one
    assert "RankIC" in run_cli(home, "evaluate", "ridge").out


def test_compare_for_people_and_programs(home):
    rows = done(home, "compare", "ridge", "reversal", "--json").json
    assert rows
    said = done(home, "compare", "ridge", "reversal").out
    assert "rank_ic" in said


def test_backtest_for_people_and_programs(home):
    facts = done(home, "backtest", "ridge", "--json").json
    assert facts["metrics"]
    assert "backtest of ridge-" in done(home, "backtest", "ridge").out


def test_backtest_at_a_horizon_that_was_not_scored_is_refused(home):
    made = done(home, "train", "reversal", *sets("backtest.portfolio.horizon=7"), "--json").json
    result = run_cli(home, "backtest", made["run"])
    assert result.code == 3
    assert "horizon 7" in result.err


@pytest.mark.parametrize("run", ["ridge", "atft-gat-fan", "reversal"])
def test_report_is_one_page(run, home):
    place = done(home, "report", run, "--json").json["report"]
    with open(place, encoding="utf-8") as handle:
        page = handle.read()
    assert page.lstrip().lower().startswith("<!doctype html")
    assert "report: " in done(home, "report", run).out


def test_predict_table_json_and_files(home, tmp_path):
    whole = done(home, "predict", "--run", "ridge", "--json").json
    assert whole["num_names"] == len(whole["ranking"])
    assert [row["rank"] for row in whole["ranking"]] == list(range(1, whole["num_names"] + 1))
    said = done(home, "predict", "--run", "ridge", "--top", 3).out
    assert whole["ranking"][0]["code"] in said
    assert whole["ranking"][-1]["code"] not in said
    for suffix, read in (
        ("csv", lambda p: pl.read_csv(p, schema_overrides={"code": pl.String}).to_dicts()),
        ("parquet", lambda p: pl.read_parquet(p).to_dicts()),
        ("json", lambda p: json.loads(p.read_text())["ranking"]),
    ):
        path = tmp_path / f"ranking.{suffix}"
        done(home, "predict", "--run", "ridge", "--output", path)
        rows = read(path)
        assert [row["code"] for row in rows] == [row["code"] for row in whole["ranking"]]
        score = pl.Series([row["score_5"] for row in rows]).cast(pl.Float32)
        assert score.equals(pl.Series([r["score_5"] for r in whole["ranking"]]).cast(pl.Float32))


def test_predict_ranks_by_the_horizon_asked_for(home):
    rows = done(home, "predict", "--run", "ridge", "--horizon", 20, "--json").json["ranking"]
    scores = [row["score_20"] for row in rows]
    assert scores == sorted(scores, reverse=True)


def test_predict_names_the_newest_run_by_default(home):
    newest = max(home.glob("runs/*/manifest.json"), key=lambda p: p.stat().st_mtime_ns).parent.name
    assert done(home, "predict", "--json").json["run"] == newest


REFUSED = {
    "in-sample date": (["--date", "2021-04-20"], 3, "in-sample"),
    "not a session": (["--date", "2021-05-02"], 3, "2021-05-02"),
    "unknown horizon": (["--horizon", "7"], 3, "horizon 7"),
    "unknown suffix": (["--output", "ranking.xlsx"], 2, ".csv"),
    "no such folder": (["--output", "nowhere/at/all.csv"], 2, "does not exist"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_predict_refuses(case, home):
    more, code, mentions = REFUSED[case]
    result = run_cli(home, "predict", "--run", "ridge", *more)
    assert result.code == code, result.err
    assert is_one_paragraph(result.err)
    assert mentions in result.err


def test_doctor_for_people_and_programs(home):
    facts = done(home, "doctor", "--json").json
    assert facts["unfinished"] == []
    assert len(facts["runs"]) == 5
    assert "source tiny" in done(home, "doctor").out


def test_doctor_says_why_a_run_stopped(home):
    assert run_cli(home, "train", "momentum").code == 2
    (unfinished,) = done(home, "doctor", "--json").json["unfinished"]
    assert unfinished.startswith("momentum-")
    assert "mom_252_21" in unfinished


def test_doctor_on_an_empty_home(tmp_path):
    assert done(tmp_path / "nothing" / "yet", "doctor", "--json").json["runs"] == []


def test_demo_at_the_smallest_size(tmp_path):
    pytest.importorskip("gogooku.commands.demo")
    result = run_cli(tmp_path / "home", "demo", "--size", "tiny", "--threads", 1, "--json")
    assert result.code in (0, 1), result.err
    assert isinstance(result.json, dict)


def test_threads_do_not_change_what_is_built_but_are_stamped_in_a_run(home):
    command = ["train", "atft-gat-fan", *sets(*NETWORK)]
    one = done(home, *command, "--threads", 1, "--json").json
    two = done(home, *command, "--threads", 2, "--json").json
    assert one["run"] != two["run"]
    assert done(home, "explain", two["run"], "--json").json["threads"] == 2
