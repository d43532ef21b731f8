"""What `gogooku judge` answers: a file of scores is judged as the run that they came from."""

import polars as pl
import pytest

from gogooku.commands.evaluate import evaluate
from gogooku.commands.judge import Brought, judge, read_scores
from gogooku.core.errors import ConfigError, DataError, FindingError
from gogooku.dataset.home import current_dataset, labels_of
from gogooku.runs.find import open_run
from gogooku.runs.folder import finished_runs
from support.cli import done, run_cli, sets


@pytest.fixture
def file(home, tmp_path):
    """The scores of ridge at one horizon, as a table of another program."""
    made = open_run(home, "ridge").predictions("test").filter(horizon=5)
    path = tmp_path / "mine.csv"
    made.select("date", pl.col("code").str.slice(0, 4), "score").write_csv(path)
    return path


def test_it_answers_as_evaluate_does(home, file):
    answer = judge(home, Brought(file, "mine"), config=None, assignments=[])
    run = open_run(home, "mine")
    (facts,) = evaluate(home, ["mine"], config=None, assignments=[]).facts.values()
    assert answer.facts == {
        "run": run.run_id,
        "folder": str(run.folder),
        "horizons": [5],
        "tested": [str(day) for day in open_run(home, "ridge").tested],
        "left_out": {"dates_outside": 0, "unknown_codes": 0, "outside_universe": 0},
        "judged": facts,
    }
    assert answer.parts[:2] == [f"run {run.run_id}", f"  {run.folder}"]
    (its,) = evaluate(home, ["ridge"], config=None, assignments=[]).facts.values()
    here = {name: one for name, one in its["metrics"].items() if name.startswith("h5.")}
    assert facts["metrics"] == here


def test_for_people_and_programs_and_what_follows(home, file):
    told = done(home, "judge", file)
    assert "cannot say that the" in told.out
    assert "RankIC" in told.out
    assert "next: gogooku backtest scores" in told.err
    made = done(home, "judge", file, "--name", "mine", "--json").json
    assert made["run"].startswith("mine-")
    assert done(home, "backtest", "mine", "--json").json["run"] == made["run"]
    other = done(home, "judge", file, "--name", "far", "--horizon", "20")
    assert "next: gogooku backtest far --set portfolio.horizon=20" in other.err
    assert done(home, "backtest", "far", *sets("portfolio.horizon=20"), "--json").json
    traded = run_cli(home, "backtest", "far", *sets("portfolio.horizon=20"))
    said = [line for line in traded.err.splitlines() if line.startswith("next: ")]
    assert said == ["next: gogooku report far --set portfolio.horizon=20"]
    assert "next:" not in run_cli(home, "report", "far", *sets("portfolio.horizon=20")).err
    result = run_cli(home, "backtest", "far")
    assert result.code == 3
    assert "has no score at horizon 5; set portfolio.horizon to one of 20" in result.err


def test_a_file_however_it_is_written_is_the_same_run(home, file, tmp_path):
    first = done(home, "judge", file, "--json").json
    scores = read_scores(file)
    typed = tmp_path / "typed.parquet"
    scores.with_columns(pl.col("score").cast(pl.Float64)).write_parquet(typed)
    japanese = tmp_path / "japanese.csv"
    text = scores.rename({"date": "日付", "code": "銘柄コード"}).write_csv(separator="\t")
    japanese.write_bytes(text.encode("cp932"))
    for path in (typed, japanese):
        assert done(home, "judge", path, "--json").json == first


def test_the_leak_gate_is_a_failure(home, tmp_path):
    dataset = current_dataset(home)
    labels = labels_of(dataset)
    known = labels.raw_TNH[-60:-25, :, 1]
    rows = [
        {"date": day.item(), "code": code, "score": float(known[t, n])}
        for t, day in enumerate(dataset.sessions[-60:-25])
        for n, code in enumerate(dataset.codes)
        if known[t, n] == known[t, n]
    ]
    path = tmp_path / "leak.parquet"
    pl.DataFrame(rows).write_parquet(path)
    answer = judge(home, Brought(path, "leak"), config=None, assignments=[])
    assert isinstance(answer.failure, FindingError)
    assert run_cli(home, "judge", path, "--name", "leak").code == 1


def test_what_is_wrong_is_said_and_nothing_is_kept(home, file, tmp_path):
    before = finished_runs(home)
    with pytest.raises(ConfigError, match="judge_label"):
        judge(home, Brought(file, "mine"), config=None, assignments=["judge_label=rwa"])
    with pytest.raises(DataError, match="no column score"):
        broken = tmp_path / "broken.csv"
        read_scores(file).rename({"score": "value"}).write_csv(broken)
        judge(home, Brought(broken, "mine"), config=None, assignments=[])
    result = run_cli(home, "judge", tmp_path / "none.csv")
    assert result.code == 3
    assert "none.csv" in result.err
    assert run_cli(home, "judge", file, "--horizon", "3").code == 2
    assert run_cli(home, "judge", file, "--name", "ridge").code == 2
    assert finished_runs(home) == before


@pytest.mark.parametrize(
    "command", [("predict", "--run", "mine"), ("release", "mine", "--why", "x"), ("doctor", "mine"),
                ("explain", "mine", "--code", "14330"), ("report", "mine", "--importance")]
)  # fmt: skip
def test_commands_that_ask_for_a_model_refuse_it(home, file, command):
    done(home, "judge", file, "--name", "mine")
    result = run_cli(home, *command)
    assert result.code == 2
    assert "made elsewhere, without a model" in result.err
    assert not list(home.glob("releases/mine-*"))


@pytest.mark.parametrize("name", ["mine", "given"])
@pytest.mark.parametrize("command", ["train", "tune"])
def test_it_is_no_run_that_can_be_fitted(home, file, command, name):
    done(home, "judge", file, "--name", name)
    result = run_cli(home, command, name)
    assert result.code == 2
    assert f"no run is named '{name}'" in result.err
    chosen = run_cli(home, command, "ridge", *sets("learner.kind=given"))
    assert chosen.code == 2
    assert "learner.kind" in chosen.err


def test_what_follows_trades_a_horizon_that_the_file_has(home, file, tmp_path):
    both = pl.read_csv(file, schema_overrides={"code": pl.String})
    parts = [both.with_columns(horizon=pl.lit(h)) for h in (10, 20)]
    pl.concat(parts).write_csv(tmp_path / "two.csv")
    said = run_cli(home, "judge", tmp_path / "two.csv", "--name", "two").err
    assert "next: gogooku backtest two --set portfolio.horizon=10" in said
    assert "compare" not in said
