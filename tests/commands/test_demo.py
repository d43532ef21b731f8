import numpy as np
import polars as pl

from gogooku.commands.demo import DemoResult, _null_findings, _null_metrics
from gogooku.core.types import HORIZONS
from support.cli import run_cli


def test_demo_at_the_smallest_size(tmp_path):
    result = run_cli(tmp_path / "home", "demo", "--size", "tiny", "--threads", 1, "--json")
    assert result.code in (0, 1), result.err
    assert isinstance(result.json, dict)


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
