"""Parts: from batches to typed rows by table and period. Nothing fetched is lost on the way."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from gogooku.core.errors import DataError
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.ingest.jquants.ledger import BatchKind
from gogooku.ingest.jquants.raw import open_store
from gogooku.tables.answers import by_period
from gogooku.tables.parts import (
    REVISED,
    SUPERSEDED_FILE,
    UNTIL,
    Basis,
    Known,
    prune_parts,
)
from gogooku.tables.publication import Later
from support.quarantine import quarantined_rows
from support.raw import DAY, EVENING, bar, commit, tables, with_calendar


@pytest.fixture
def home(tmp_path):
    return with_calendar(tmp_path)


def report(shares, ratio, seller="個人"):
    return {
        "DiscDate": str(DAY),
        "CalcDate": "2026-10-28",
        "Code": "72030",
        "SSName": seller,
        "ShrtPosToSO": ratio,
        "ShrtPosShares": shares,
        "ShrtPosUnits": shares / 100,
    }


def test_two_sellers_of_the_same_name_in_one_report_are_two_rows(home):
    two = [report(60_000, 0.006), report(90_000, 0.009), report(90_000, 0.009)]
    commit(home, "short_positions", two)
    commit(home, "short_positions", two, at=EVENING + timedelta(hours=5))
    rows = tables(home).scan("short_positions").collect()
    assert rows["position_ratio"].sort().to_list() == [0.006, 0.009]


def test_differing_rows_of_one_bar_are_quarantined_and_counted_not_dropped(home):
    commit(home, "quotes", [bar(DAY, 10.0), bar(DAY, 11.0)])
    made = tables(home)
    rows = made.scan("quotes").collect()
    put_aside = quarantined_rows(made, "quotes")
    assert (rows.height, put_aside.height) == (1, 1)
    assert "repeated" in put_aside["reason"][0]


def test_the_newest_version_of_a_row_wins_and_the_change_is_told(home):
    commit(home, "quotes", [bar(DAY, 10.0), bar(DAY, 10.0, code="13010")])
    again = [bar(DAY, 11.0), bar(DAY, 10.0, code="13010", AdjC=5.0)]
    commit(home, "quotes", again, at=EVENING + timedelta(days=4))
    made = tables(home)
    assert made.scan("quotes").collect().sort("code")["close"].to_list() == [10.0, 11.0]
    (part,) = [part for part in made.parts if part.table == "quotes"]
    assert part.notes == {REVISED[Later.REPLACES]: 1}, "rewritten adjusted prices do not count"
    (old,) = pl.read_parquet(part.folder / SUPERSEDED_FILE).to_dicts()
    assert (old["code"], old["close"]) == ("72030", 10.0)
    assert old[UNTIL] == (EVENING + timedelta(days=4)).replace(tzinfo=None)


def test_a_later_version_of_a_standing_state_counts_from_its_fetch(home):
    commit(home, "short_positions", [report(60_000, 0.006)])
    for later, shares in ((3, 60_000), (5, 70_000), (9, 60_000)):
        when = EVENING + timedelta(days=later)
        commit(home, "short_positions", [report(shares, shares / 1e7)], at=when)
    rows = tables(home).scan("short_positions").sort("available_at").collect()
    assert rows["position_shares"].to_list() == [60_000, 70_000, 60_000]
    told = [EVENING.replace(tzinfo=None) + timedelta(days=later) for later in (5, 9)]
    assert rows["available_at"].to_list()[1:] == told
    assert rows["available_at"][0] < told[0]


def test_a_row_that_a_later_answer_lacks_stays(home):
    commit(home, "quotes", [bar(DAY, 10.0), bar(DAY, 11.0, code="13010")])
    commit(home, "quotes", [bar(DAY, 10.0)], at=EVENING + timedelta(days=4))
    assert tables(home).scan("quotes").collect().height == 2


def test_a_part_is_made_again_only_when_its_batches_change(home):
    before_year = date(2025, 10, 30)
    commit(home, "quotes", [bar(before_year, 10.0)], first=before_year)
    commit(home, "quotes", [bar(DAY, 10.0)])
    first = {part.period: part.folder for part in tables(home).parts if part.table == "quotes"}
    commit(home, "quotes", [bar(DAY, 12.0)], at=EVENING + timedelta(days=4))
    made = tables(home)
    second = {part.period: part.folder for part in made.parts if part.table == "quotes"}
    assert first["2025"] == second["2025"]
    assert first["2026-10"] != second["2026-10"]
    assert prune_parts(home, "jq", [made]) == 1
    assert not first["2026-10"].exists()
    assert second["2026-10"].exists()


def test_a_month_that_is_over_is_not_made_again_when_the_next_grows(home):
    commit(home, "quotes", [bar(date(2026, 9, 30), 10.0)], first=date(2026, 9, 30))
    commit(home, "quotes", [bar(DAY, 10.0)])
    first = {part.period: part.folder for part in tables(home).parts if part.table == "quotes"}
    commit(home, "quotes", [bar(DAY, 12.0)], at=EVENING + timedelta(days=1))
    second = {part.period: part.folder for part in tables(home).parts if part.table == "quotes"}
    assert list(first) == list(second) == ["2026-09", "2026-10"]
    assert first["2026-09"] == second["2026-09"]


def test_months_hold_together_what_the_year_holds_once_it_is_over(home):
    days = [date(2026, month, 3) for month in (2, 3, 6)] + [DAY]
    for day in days:
        commit(home, "quotes", [bar(day, 10.0), bar(day, 20.0, code="13010")], first=day)
    commit(home, "quotes", [bar(days[1], 11.0)], first=days[1], at=EVENING + timedelta(days=2))
    months = tables(home)
    assert len(months.paths("quotes")) == 4
    newer = date(2027, 1, 4)
    at = EVENING + timedelta(days=70)
    commit(home, "quotes", [bar(newer, 9.0)], first=newer, at=at)
    commit(home, "calendar", [{"Date": str(newer), "HolDiv": "1"}], first=None, at=at)
    whole = tables(home)
    assert [part.period for part in whole.parts if part.table == "quotes"] == ["2026", "2027-01"]
    of_year = whole.scan("quotes").filter(pl.col("event_date") < newer)
    assert of_year.collect().equals(months.scan("quotes").collect())


def test_what_has_no_date_in_its_key_stays_in_one_piece(home):
    """Versions of a disclosure may bear dates of two months; they are versions of one row."""
    endpoint = ENDPOINTS["statements"]
    assert endpoint.axis not in endpoint.key
    batches = [replace(one, first=date(2026, 9, 1), last=DAY) for one in _batches(home)]
    assert list(by_period(endpoint, batches, growing={2026})) == ["2026"]
    assert list(by_period(ENDPOINTS["quotes"], batches, growing={2026})) == ["2026-09", "2026-10"]


def _batches(home):
    commit(home, "quotes", [bar(DAY, 10.0)])
    return open_store(home, "jq").batches("quotes")


def test_a_row_without_a_readable_date_is_quarantined_in_the_month_of_its_answer(home):
    commit(home, "quotes", [bar(DAY, 10.0), bar(DAY, 11.0, code="13010", Date="30 Oct")])
    made = tables(home)
    assert quarantined_rows(made, "quotes")["Code"].to_list() == ["13010"]


def test_a_session_after_the_held_calendar_is_a_session(home):
    # the Free plan's calendar ends weeks before the bars that come later
    monday = date(2026, 11, 9)
    commit(home, "quotes", [bar(monday, 10.0)], first=monday, at=EVENING + timedelta(days=90))
    made = tables(home)
    assert made.scan("quotes").collect()["event_date"].to_list() == [monday]
    assert made.sessions[-1] > np.datetime64("2026-12-29")


def test_without_a_calendar_nothing_is_derived(tmp_path):
    commit(tmp_path, "quotes", [bar(DAY, 10.0)])
    with pytest.raises(DataError, match="calendar: nothing fetched; run: gogooku sync"):
        tables(tmp_path)


def test_a_snapshot_row_keeps_the_time_of_its_first_fetch(home):
    row = {"Date": "2026-11-02", "Code": "72030", "CoName": "x", "FY": "3月31日",
           "SectorNm": "y", "FQ": "第２四半期", "Section": "z"}  # fmt: skip
    kind = BatchKind.SNAPSHOT
    commit(home, "earnings_calendar", [row], kind=kind)
    commit(home, "earnings_calendar", [row], kind=kind, at=EVENING + timedelta(days=3))
    (known,) = tables(home).scan("earnings_calendar").collect()["available_at"].to_list()
    assert known == EVENING.replace(tzinfo=None)


def test_what_was_known_on_a_date(home):
    commit(home, "quotes", [bar(DAY, 10.0)])
    then = tables(home)
    later = EVENING + timedelta(days=10)
    commit(home, "quotes", [bar(DAY, 11.0)], at=later)
    commit(home, "quotes", [bar(date(2026, 11, 9), 9.0)], first=date(2026, 11, 9), at=later)
    assert tables(home).content() != then.content()
    assert tables(home, Known(on=DAY)).content() == then.content()
    by_rule = tables(home, Known(on=DAY, basis=Basis.RULE)).scan("quotes").collect()
    assert by_rule["close"].to_list() == [11.0], "the newest version of what was public by then"
    with pytest.raises(DataError, match="2026-10-30"):
        tables(home, Known(on=date(2026, 10, 29)))


def test_a_cell_that_cannot_be_read_sends_its_row_to_quarantine(home):
    commit(home, "quotes", [bar(DAY, 10.0), bar(DAY, 11.0, code="13010", Va="n/a")])
    made = tables(home)
    assert made.scan("quotes").collect()["code"].to_list() == ["72030"]
    assert quarantined_rows(made, "quotes")["reason"].to_list() == ["a cell is no number"]
