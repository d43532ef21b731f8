"""The raw store: schemas, one version per key, the newest one current."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from gogooku.core.errors import BusyError, DataError
from gogooku.core.files import locked, read_json
from gogooku.core.frames import INDICES_SCHEMA, LISTINGS_SCHEMA, QUOTES_SCHEMA, SourceFrames
from gogooku.core.stamp import Stamp
from gogooku.ingest.source import read_source, source_names, write_source

STAMP = Stamp(stage="import", config_hash="c", code_hash="d", inputs={"f": "1"})


def frames() -> SourceFrames:
    keys = {"date": [date(2023, 12, 29), date(2024, 1, 4)], "code": ["A", "A"]}
    quotes = pl.DataFrame(keys).with_columns(
        pl.lit(None).cast(kind).alias(name)
        for name, kind in QUOTES_SCHEMA.items()
        if name not in keys
    )
    listings = pl.DataFrame({"code": ["A"]}).with_columns(
        pl.lit(None).cast(kind).alias(name)
        for name, kind in LISTINGS_SCHEMA.items()
        if name != "code"
    )
    return SourceFrames(
        quotes=quotes,
        listings=listings,
        indices=pl.DataFrame(schema=dict(INDICES_SCHEMA)),
        exchange="tokyo",
        extras={"note": pl.DataFrame({"x": [1]})},
        facts={"why": "test"},
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_source(tmp_path, "m", frames(), stamp=STAMP, config={"a": 1})
    source = read_source(tmp_path, "m")
    assert source_names(tmp_path) == ["m"]
    assert_frame_equal(source.quotes().collect(), frames().quotes)
    assert_frame_equal(source.listings(), frames().listings)
    assert_frame_equal(source.indices(), frames().indices)
    note = source.extra("note")
    assert note is not None
    assert note.height == 1
    assert source.extra("none") is None
    assert (source.exchange, source.manifest["facts"]) == ("tokyo", {"why": "test"})
    assert sorted(p.name for p in (source.folder / "quotes").iterdir()) == [
        "2023.parquet",
        "2024.parquet",
    ]
    assert Stamp.read(source.folder).key == STAMP.key


def test_newest_version_is_current_and_the_old_one_stays(tmp_path: Path) -> None:
    old = write_source(tmp_path, "m", frames(), stamp=STAMP, config={})
    later = replace(STAMP, inputs={"f": "2"})
    changed = replace(frames(), quotes=frames().quotes.head(1))
    new = write_source(tmp_path, "m", changed, stamp=later, config={})
    assert new.content_hash != old.content_hash
    assert read_source(tmp_path, "m").folder == new.folder
    assert (old.folder / "manifest.json").exists()
    back = write_source(tmp_path, "m", frames(), stamp=STAMP, config={})
    assert read_source(tmp_path, "m").content_hash == back.content_hash == old.content_hash


def test_content_hash_knows_no_time_or_config(tmp_path: Path) -> None:
    first = write_source(tmp_path, "a", frames(), stamp=STAMP, config={"x": 1})
    other = replace(STAMP, made_at="2030-01-01", config_hash="other")
    second = write_source(tmp_path, "b", frames(), stamp=other, config={"x": 2})
    assert first.content_hash == second.content_hash


def test_facts_are_beside_the_hash(tmp_path: Path) -> None:
    source = write_source(tmp_path, "m", frames(), stamp=STAMP, config={})
    manifest = read_json(source.folder / "manifest.json")
    assert set(manifest["parts"]) == {
        "quotes/2023",
        "quotes/2024",
        "listings",
        "indices",
        "extras/note",
    }


def test_wrong_schema_and_no_rows_are_refused() -> None:
    with pytest.raises(DataError, match="schema"):
        replace(frames(), quotes=frames().quotes.drop("open"))
    with pytest.raises(DataError, match="never stored"):
        replace(frames(), quotes=frames().quotes.clear())


def test_unknown_source_names_the_known(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No source .m. in .*, and no other"):
        read_source(tmp_path, "m")
    write_source(tmp_path, "m", frames(), stamp=STAMP, config={})
    with pytest.raises(DataError, match="There is: m"):
        read_source(tmp_path, "n")


def test_second_writer_is_refused(tmp_path: Path) -> None:
    with (
        locked(tmp_path / "sources" / "m" / STAMP.key),
        pytest.raises(BusyError, match="another process"),
    ):
        write_source(tmp_path, "m", frames(), stamp=STAMP, config={})
    assert source_names(tmp_path) == []
