from datetime import date, datetime

import polars as pl
import pytest

from gogooku.core.calendar import NEW_YORK, TOKYO, tokyo_sessions
from gogooku.core.errors import DataError
from gogooku.tables.publication import (
    PUBLICATIONS,
    available_at,
    with_clocks,
)

SESSIONS = tokyo_sessions(date(2026, 1, 1), date(2026, 12, 31))


def rows(**columns):
    types = {
        "event_date": pl.Date(),
        "published_date": pl.Date(),
        "disclosed_at": pl.Datetime("us"),
    }
    return pl.DataFrame(columns, schema={name: types[name] for name in columns})


def test_eras_begin_at_the_beginning_and_ascend():
    for rule in PUBLICATIONS.values():
        firsts = [era.first for era in rule.eras]
        assert firsts[0] == date.min
        assert firsts == sorted(set(firsts))


def test_bars_of_tokyo_have_one_time_in_both_tables():
    frame = rows(event_date=[date(2026, 6, 5)])
    known = with_clocks(frame.rename({"event_date": "date"}), "quotes", exchange=TOKYO)
    ours = available_at("quotes", frame, sessions=SESSIONS)
    assert ours.to_list() == known["available_at"].to_list() == [datetime(2026, 6, 5, 7, 30)]


def test_sources_of_tokyo_alone_have_no_clock_elsewhere():
    with pytest.raises(DataError, match="use available_at"):
        with_clocks(pl.DataFrame({"date": [date(2026, 6, 5)]}), "statements", exchange=NEW_YORK)


def test_a_clock_that_cannot_be_told_is_refused():
    day = date(2026, 6, 5)
    with pytest.raises(DataError, match="no publication rule"):
        available_at("gossip", rows(event_date=[day]), sessions=SESSIONS)
    with pytest.raises(DataError, match=r"needs the columns \['disclosed_at'\]"):
        available_at("statements", rows(event_date=[day]), sessions=SESSIONS)
    with pytest.raises(DataError, match="1 rows have no publication time, first at row 1"):
        frame = rows(event_date=[day, day], published_date=[day, None])
        available_at("investor_types", frame, sessions=SESSIONS)
    with pytest.raises(DataError, match="extend the calendar by at least 15 sessions"):
        available_at("valuation", rows(event_date=[date(2026, 12, 30)]), sessions=SESSIONS)


def test_only_rows_of_an_era_need_its_sessions():
    # the weekly rule would need sessions of 2027 for this row, the daily one does not
    frame = rows(event_date=[date(2026, 12, 29)], published_date=[date(2026, 12, 30)])
    found = available_at("margin_interest", frame, sessions=SESSIONS)
    assert found.to_list() == [datetime(2026, 12, 30, 7, 30)]


def test_no_rows_have_no_clocks():
    for name in ("margin_interest", "statements", "valuation", "quotes"):
        frame = pl.DataFrame(
            schema={
                "event_date": pl.Date(),
                "published_date": pl.Date(),
                "disclosed_at": pl.Datetime("us"),
            }
        )
        found = available_at(name, frame, sessions=SESSIONS)
        assert (found.dtype, found.len()) == (pl.Datetime("us"), 0)


def test_the_order_of_the_rows_is_kept():
    days = [date(2026, 6, 8), date(2026, 6, 5), date(2026, 6, 8)]
    found = available_at("valuation", rows(event_date=days), sessions=SESSIONS)
    assert [moment.date() for moment in found] == [
        date(2026, 6, 9),
        date(2026, 6, 8),
        date(2026, 6, 9),
    ]
