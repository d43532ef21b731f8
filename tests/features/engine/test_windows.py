"""A window of the history sees what the whole history sees: base columns agree bit for bit.

What is made for the newest sessions alone must equal the last rows of what is made for all of them,
for every input table, wherever the window begins: else a dataset that grows by a session would not
be the one that is built at once.
"""

from datetime import date, datetime, time, timedelta
from functools import lru_cache

import numpy as np
import polars as pl
import pytest

from gogooku.core.errors import DataError
from gogooku.features.catalogue import INPUT_TABLES
from gogooku.features.engine.chains import OLDEST_DAYS
from gogooku.features.engine.inputs import Tables
from gogooku.features.trading.short_state import FORGOTTEN_DAYS
from gogooku.ingest.source import Source
from support.soak import in_turn
from support.source_world import FrameTables, source_world

TABLE = pytest.mark.parametrize("table", INPUT_TABLES, ids=lambda one: "-".join(one.tables))


@lru_cache(maxsize=1)
def world():
    """Three and a half years of 24 names, eight splits; both margin eras."""
    return source_world(first=date(2023, 6, 1), num_sessions=840, num_stocks=24, seed=3)


def corrected(frame):
    """A table with rows that come late: some weeks, some more than two years after."""
    figures = [name for name, kind in frame.schema.items() if kind == pl.Float64]
    late = [
        frame.filter(pl.int_range(pl.len()) % 11 == start).with_columns(
            pl.col("available_at") + timedelta(days=days), *(pl.col(figures) * scale,)
        )
        for start, days, scale in ((1, 9, 1.25), (5, 47, 0.8), (8, 760, 1.1))
    ]
    return pl.concat([frame, *late]).sort("event_date", maintain_order=True)


@lru_cache(maxsize=40)
def rows_of(name, kind):
    frame = world().typed(name)
    return corrected(frame) if kind == "late" else frame


def frames_of(table, kind):
    return {name: rows_of(name, kind) for name in table.tables}


def firsts():
    """Where windows begin: both ends, splits, publications, every day of the week."""
    timeline = world().timeline
    last = timeline.shape[0] - 1
    split = int(np.nonzero(timeline.growth_TN[1:] != timeline.growth_TN[:-1])[0][3]) + 1
    documents = timeline.place(world().typed("statements"))
    published = int(documents.t[np.searchsorted(documents.t, 500)])
    return sorted(
        {1, 2, 99, 250, split - 1, split, split + 1, published, published + 1}
        | {*range(611, 616), last - 340, last - 100, last - 21, last - 5, last - 1, last}
    )


def columns_of(table, tables, timeline):
    return dict(table.make(tables, timeline))


@pytest.mark.parametrize(
    ("table", "kind"),
    in_turn(INPUT_TABLES, ["plain", "late"]),
    ids=lambda one: one if isinstance(one, str) else "-".join(one.tables),
)
def test_a_window_equals_the_end_of_the_whole(table, kind):
    tables = FrameTables(frames_of(table, kind))
    timeline = world().timeline
    whole = columns_of(table, tables, timeline)
    assert set(whole) == set(table.columns)
    for first in firsts():
        made = columns_of(table, tables, timeline.tail(first))
        assert set(made) == set(whole)
        for name, values in whole.items():
            np.testing.assert_array_equal(made[name], values[first:], err_msg=f"{name} {first}")


@TABLE
def test_a_window_that_ends_early_equals_the_whole(table):
    """A build in pieces makes windows that end before the tables do."""
    tables = FrameTables(frames_of(table, "late"))
    timeline = world().timeline
    whole = columns_of(table, tables, timeline)
    for first, stop in ((0, 200), (430, 431), (430, 500), (700, 839)):
        made = columns_of(table, tables, timeline.head(stop).tail(first))
        for name, values in whole.items():
            np.testing.assert_array_equal(made[name], values[first:stop], err_msg=name)


# ------------------------------------------------------- how far back a window has to look


def reports(code, days):
    """Reports of one holder about some days, known in the evening of the next session but one."""
    return pl.DataFrame(
        {
            "event_date": days,
            "available_at": [datetime.combine(day + timedelta(days=3), time(9)) for day in days],
            "code": code,
            "seller_name": "A",
            "contractor_name": "",
            "fund_name": "",
            "position_ratio": 0.01,
            "position_shares": 1000.0,
            "previous_date": None,
            "previous_ratio": 0.006,
        },
        schema_overrides={"available_at": pl.Datetime("us"), "previous_date": pl.Date},
    )


def test_a_report_nobody_confirms_is_forgotten_after_two_years():
    timeline = world().timeline
    old, busy = np.flatnonzero(timeline.listed_TN.all(axis=0))[:2]
    first = date(2023, 7, 3)
    others = [first + timedelta(days=days) for days in range(0, 1200, 60)]
    frame = pl.concat(
        [reports(timeline.codes[old], [first]), reports(timeline.codes[busy], others)]
    )
    table = next(one for one in INPUT_TABLES if one.tables == ("short_positions",))
    made = columns_of(table, FrameTables({"short_positions": frame}), timeline)
    begins = int(np.searchsorted(timeline.sessions, np.datetime64("2023-07-06")))
    last = np.datetime64(first) + np.timedelta64(FORGOTTEN_DAYS, "D")
    stands = (timeline.sessions <= last)[begins:]
    assert stands.any()
    assert not stands.all()
    np.testing.assert_array_equal(made["sp_sellers"][begins:, old], stands.astype(float))
    np.testing.assert_array_equal(made["sp_sellers"][begins:, busy], 1.0)
    assert np.isnan(made["ssp_days_since"][:, old][begins:][~stands]).sum() >= (~stands).sum() - 3
    # the report before is the one sixty days ago, so nothing changed after the first
    np.testing.assert_array_equal(made["sp_added"][begins + 1 :, busy], 0.0)
    assert made["sp_added"][begins, busy] == pytest.approx(0.004)


@pytest.mark.parametrize(("lag", "stands"), [(80, True), (100, False)])
def test_a_balance_of_long_ago_is_no_state(lag, stands):
    timeline = world().timeline
    rows = world().typed("margin_interest")
    code = rows.get_column("code")[0]
    mine = rows.filter(pl.col("code") == code).slice(20, 1)
    late = mine.with_columns(pl.col("event_date").cast(pl.Datetime("us")) + timedelta(days=lag))
    mine = mine.with_columns(available_at=late.get_column("event_date"))
    table = next(one for one in INPUT_TABLES if one.tables == ("margin_interest",))
    made = columns_of(table, FrameTables({"margin_interest": mine}), timeline)
    shown = np.flatnonzero(np.isfinite(made["mi_long_shares"][:, timeline.codes.index(code)]))
    assert bool(len(shown)) == stands
    oldest = mine.get_column("event_date")[0] + timedelta(days=OLDEST_DAYS)
    assert all(timeline.sessions[shown] <= np.datetime64(oldest))


def test_only_rows_that_can_matter_are_read(tmp_path):
    rows = world().typed("short_positions").sort("event_date", "available_at")
    folder = tmp_path / "tables" / "short_positions"
    folder.mkdir(parents=True)
    for (year,), part in rows.group_by(pl.col("event_date").dt.year(), maintain_order=True):
        part.write_parquet(folder / f"{year}.parquet")
    source = Source(name="rows", folder=tmp_path, manifest={"facts": {}})
    columns = ("code", "position_ratio")
    whole = rows.select("event_date", "available_at", *columns)
    assert Tables(source).read("short_positions", columns).equals(whole)
    since, known_by = date(2025, 2, 3), datetime(2026, 3, 2, 9)
    found = Tables(source, known_by=known_by).read("short_positions", columns, since=since)
    kept = (pl.col("event_date") >= since) & (pl.col("available_at") <= known_by)
    assert 0 < len(found) < len(whole)
    assert found.equals(whole.filter(kept))
    assert Tables(source).read("short_positions", columns, since=date(2030, 1, 1)).is_empty()
    damaged = folder / "2025.parquet"
    damaged.write_bytes(damaged.read_bytes()[:1000])
    with pytest.raises(DataError):
        Tables(source).read("short_positions", columns, since=since)


def test_columns_of_corrected_bars_are_those_first_known(tmp_path):
    """Each column alone, in one order of rows, though a correction moved one of them."""
    rows = world().typed("quotes").head(400)
    old = rows.slice(17, 1).with_columns(
        morning_close=pl.lit(7.0), close=pl.lit(9.0), until=pl.col("available_at")
    )
    for folder, frame in (("tables/quotes", rows), ("superseded", old)):
        (tmp_path / folder).mkdir(parents=True)
        frame.write_parquet(tmp_path / folder / "2024.parquet")
    tables = Tables(Source(name="bars", folder=tmp_path, manifest={"facts": {}}))
    both = tables.read("quotes", ["code", "close"])
    assert both.height == 400
    key = (pl.col("event_date") == old["event_date"][0]) & (pl.col("code") == old["code"][0])
    assert both.filter(key)["close"].to_list() == [9.0]
    assert tables.read("quotes", ["close"])["close"].equals(both["close"])
    assert tables.read("quotes", ["code"])["code"].equals(both["code"])
