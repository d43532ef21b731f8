import json
import shutil

import polars as pl
import pytest

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
