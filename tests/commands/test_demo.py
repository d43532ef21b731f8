import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl

from gogooku import pipeline
from gogooku.commands import demo as module
from gogooku.commands.demo import LEARNERS, DemoResult, _null_findings, _null_metrics
from gogooku.core.types import HORIZONS
from gogooku.runs.find import open_run
from support.cli import done, run_cli, visible


def test_demo_at_the_smallest_size(tmp_path):
    """Every learner is fitted and judged, and what is said is what lies in the demo's home."""
    home = tmp_path / "home"
    result = done(home, "demo", "--size", "tiny", "--threads", 1, "--json")
    said = result.json
    assert (said["size"], said["shuffled"], said["findings"]) == ("tiny", False, [])
    assert [*said["runs"]] == [*said["metrics"]] == [*LEARNERS]
    assert {"market", "dataset", *LEARNERS} <= said["seconds"].keys()
    for name, run in said["runs"].items():
        metrics = pipeline.evaluate(home / "demo", open_run(home / "demo", run)).metrics
        assert metrics == said["metrics"][name]
        assert all(metrics[f"h{horizon}.rank_ic"]["n"] > 10 for horizon in HORIZONS)
    best = said["runs"]["atft-gat-fan"]
    traded = pipeline.backtest(home / "demo", open_run(home / "demo", best))
    assert said["portfolio"] == traded.metrics
    assert "portfolio.sharpe" in said["portfolio"]
    page = Path(said["report"])
    assert page.is_relative_to(home / "demo" / "runs" / best)
    assert "atft-gat-fan" in page.read_text(encoding="utf-8")
    written = visible(home)
    again = done(home, "demo", "--size", "tiny", "--threads", 1)
    assert visible(home) == written, "what an earlier demo has finished is not done again"
    assert "sandbox market, size tiny, seed 1" in again.out
    assert "already played, nothing to do" in again.out
    assert f"report: {page}" in "".join(again.out.split("\n"))


def test_what_the_demo_finds_is_its_failure(tmp_path, monkeypatch):
    found = DemoResult(size="tiny", seed=1, shuffled=True, findings=["ridge: one", "ridge: two"])
    monkeypatch.setattr(module, "run_demo", lambda home, **settings: found)
    result = run_cli(tmp_path / "home", "demo", "--size", "tiny", "--shuffle-labels", "--json")
    assert result.code == 1
    assert result.json["findings"] == found.findings
    assert result.error["message"].endswith("ridge: one; ridge: two")


# ------------------------------------------------------------------------------ shuffled labels


def null_metrics(shift, *, sessions=120):
    """RankIC of so many independent sessions whose mean lies so many errors from zero."""
    values = np.random.default_rng(5).normal(size=sessions)
    values = (values - values.mean()) / values.std() * 0.1
    values = values + shift * 0.1 / np.sqrt(sessions)
    rows = [pl.DataFrame({"horizon": horizon, "rank_ic": values}) for horizon in HORIZONS]
    return _null_metrics(pl.concat(rows))


def test_no_skill_within_three_errors_and_a_finding_beyond_on_either_side():
    assert _null_findings(null_metrics(2.8)) == []
    for shift in (3.3, -3.3):
        found = _null_findings(null_metrics(shift))
        assert len(found) == len(HORIZONS)
        assert found[0].startswith("horizon 1: RankIC ")
        assert found[0].endswith("something knows the labels")


def test_the_error_on_shuffled_labels_has_the_lags_of_one_session():
    by_horizon = null_metrics(0.0)
    errors = {one["error"] for one in by_horizon.values()}
    assert len(by_horizon) == len(HORIZONS)
    assert len(errors) == 1, "shuffled labels do not overlap, whatever their horizon"


def test_people_see_findings_and_times():
    result = DemoResult(
        size="tiny",
        seed=3,
        shuffled=True,
        metrics={"ridge": null_metrics(0.0)},
        seconds={"market": 1.0, "ridge": 2.5},
        findings=["ridge: horizon 1"],
    )
    heading, table, *closing = result.parts()
    assert "size tiny, seed 3, labels shuffled within the day" in heading
    assert table.row_count == 1
    assert closing == ["finding: ridge: horizon 1", "time: market 1.0 s, ridge 2.5 s; in all 3.5 s"]


def test_the_demo_ends_with_commands_that_work_as_they_are_printed(tmp_path):
    """By a shell, in another folder, without `GOGOOKU_HOME`."""
    home = tmp_path / "my home"
    said = done(home, "demo", "--size", "tiny", "--threads", 1).out.splitlines()
    begin = said.index("next:")
    assert said[begin - 1].startswith(f"made in {home / 'demo'}: a market, a dataset and 5 runs")
    calls = [line.strip() for line in said[begin + 1 :]]
    assert [call.split()[1] for call in calls] == ["predict", "explain", "compare"]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for call in calls:
        words = shlex.split(call)
        program = [sys.executable, "-m", "gogooku"] if words[0] == "gogooku" else words[:1]
        assert words[-1] == str(home / "demo")
        ended = subprocess.run(
            [*program, *words[1:]], cwd=elsewhere, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
    assert len(pl.read_csv(elsewhere / "ranking.csv")) > 20
