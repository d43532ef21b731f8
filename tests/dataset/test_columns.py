"""Base columns that a source gives."""

import polars as pl

from gogooku.dataset.columns import available_columns
from gogooku.features.engine.inputs import Tables
from gogooku.ingest.source import read_source
from support.cli import done
from support.healthy import prices, with_index


def columns_of(frame, folder):
    file = folder / "prices.parquet"
    frame.write_parquet(file)
    done(folder / "home", "import", file, "--json")
    return set(available_columns(Tables(read_source(folder / "home", "prices"))))


def test_a_column_without_any_value_is_not_given(tmp_path):
    frame = prices(names=5, sessions=40)
    for name, made in (("all", with_index(frame)), ("few", frame.select("date", "code", "close"))):
        (tmp_path / name).mkdir()
        columns = columns_of(made, tmp_path / name)
        assert {"close", "traded", "universe", "week_start"} <= columns
        assert ("open" in columns) is (name == "all")
        assert ("turnover" in columns) is (name == "all")
        assert ("mkt_close" in columns) is (name == "all")
        assert columns.isdisjoint({"limit_up_flag", "mkt_open", "sector"})


def test_one_value_is_enough(tmp_path):
    frame = prices(names=5, sessions=40).with_columns(limit_up=pl.lit(value=False))
    assert "limit_up_flag" in columns_of(frame, tmp_path)
