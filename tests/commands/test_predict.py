import json
import shutil
from datetime import UTC, date, datetime, time, timedelta

import polars as pl
import pytest

from gogooku.commands.predict import Asked, predict
from gogooku.core.wall import VirtualClock
from gogooku.dataset.home import current_dataset
from gogooku.runs.newest import names_beside
from support.cli import done, is_one_paragraph, run_cli

TEXTS = dict.fromkeys(("code", "sector", "name_ja", "name_en"), pl.String)


def rows_of_names(home):
    return dict(names_beside(home, current_dataset(home)).select("code", "name_ja").rows())


def test_names_are_null_where_the_source_has_gone(home, tmp_path):
    place = tmp_path / "other"
    shutil.copytree(home, place)
    shutil.rmtree(place / "sources")
    path = tmp_path / "ranking.parquet"
    done(place, "predict", "--run", "ridge", "--output", path)
    found = pl.read_parquet(path)
    assert found.columns[:4] == ["rank", "code", "name_ja", "name_en"]
    assert found.get_column("name_ja").null_count() == found.height


def test_predict_table_json_and_files(home, tmp_path):
    whole = done(home, "predict", "--run", "ridge", "--json").json
    assert whole["num_names"] == len(whole["ranking"])
    assert [row["rank"] for row in whole["ranking"]] == list(range(1, whole["num_names"] + 1))
    said = done(home, "predict", "--run", "ridge", "--top", 3).out
    assert whole["ranking"][0]["code"] in said
    assert rows_of_names(home)[whole["ranking"][0]["code"]] in said
    assert whole["ranking"][-1]["code"] not in said
    for suffix, read in (
        ("csv", lambda p: pl.read_csv(p, schema_overrides=TEXTS).to_dicts()),
        ("parquet", lambda p: pl.read_parquet(p).to_dicts()),
        ("json", lambda p: json.loads(p.read_text())["ranking"]),
    ):
        path = tmp_path / f"ranking.{suffix}"
        done(home, "predict", "--run", "ridge", "--output", path)
        rows = read(path)
        assert all(row["name_ja"] and row["name_en"] for row in rows)
        assert [row["code"] for row in rows] == [row["code"] for row in whole["ranking"]]
        assert [row["sector"] for row in rows] == [row["sector"] for row in whole["ranking"]]
        score = pl.Series([row["score_5"] for row in rows]).cast(pl.Float32)
        assert score.equals(pl.Series([r["score_5"] for r in whole["ranking"]]).cast(pl.Float32))


def test_predict_ranks_by_the_horizon_asked_for(home):
    rows = done(home, "predict", "--run", "ridge", "--horizon", 20, "--json").json["ranking"]
    scores = [row["score_20"] for row in rows]
    assert scores == sorted(scores, reverse=True)


def test_predict_uses_the_released_bundle_and_says_which(home):
    bundle = done(home, "release", "ridge", "--json").json
    shutil.rmtree(home / "runs")
    made = done(home, "predict", "--json").json
    assert (made["run"], made["bundle"]) == (bundle["run"], bundle["bundle"])
    assert f"bundle {bundle['bundle']}, released for tiny" in done(home, "predict").out


def test_predict_by_a_run_that_is_named_needs_no_release(home):
    done(home, "release", "ridge", "--json")
    made = done(home, "predict", "--run", "lightgbm", "--json").json
    assert made["run"].startswith("lightgbm-")
    assert made["bundle"] is None


def test_predict_without_a_release_says_what_to_do(home):
    result = run_cli(home, "predict")
    assert result.code == 3
    assert is_one_paragraph(result.err)
    assert "tiny: no bundle is released" in result.err
    assert "gogooku predict --run atft-gat-fan" in result.err
    assert "gogooku release atft-gat-fan" in result.err


def ranked_at(home, day, now):
    asked = Asked(day=day, horizon=5, top=3)
    clock = VirtualClock(now)
    return predict(home, asked, run="ridge", dataset=None, output=None, clock=clock)


def test_an_old_ranking_says_so_and_is_made_all_the_same(home):
    newest = current_dataset(home).sessions[-1].item()
    evening = datetime.combine(newest, time(11, 30), tzinfo=UTC)
    fresh = ranked_at(home, None, evening)
    assert (fresh.facts["stale"], fresh.facts["expected"]) == (False, None)
    late = ranked_at(home, None, evening + timedelta(days=7))
    assert late.facts["stale"]
    assert late.facts["date"] == str(newest)
    assert newest < date.fromisoformat(late.facts["expected"])
    assert late.failure is None
    (said,) = [part for part in late.parts if "STALE" in str(part)]
    assert late.facts["expected"] in said
    by_date = ranked_at(home, newest, evening + timedelta(days=7))
    assert not by_date.facts["stale"]


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
