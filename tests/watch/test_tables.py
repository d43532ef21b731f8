"""Freshness and coverage of tables against what was planted in them."""

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from gogooku.core.calendar import TOKYO, Clock, next_tokyo_sessions
from gogooku.ingest.source import read_source
from gogooku.watch import tables as module
from gogooku.watch.tables import PAST_SESSIONS, TableState, state_of, table_states

DAYS = next_tokyo_sessions(date(2026, 5, 1), 60)
DECISIONS = TOKYO.decision(DAYS, Clock.EVENING)
SCHEMA = {"event_date": pl.Date(), "available_at": pl.Datetime("us")}


def arrivals(rows, *, lag=0, at=lambda t: True):
    """A table that brings some rows of the session ``lag`` before, on the sessions of ``at``."""
    found = []
    for t in range(lag, len(DAYS)):
        if at(t):
            known = DECISIONS[t].item() - timedelta(hours=1)
            found += [(DAYS[t - lag].item(), known)] * rows(t)
    return pl.DataFrame(found, schema=SCHEMA, orient="row")


def state(frame):
    return state_of("x", frame, DAYS, DECISIONS)


def test_a_daily_table_that_came_is_fresh_and_whole():
    found = state(arrivals(lambda t: 100 + t % 3))
    assert found.newest == found.expected == DAYS[-1].item()
    assert (found.late_sessions, found.rows, found.rows_least) == (0, 102, 100)
    assert found.coverage == pytest.approx(1.02)


def test_one_that_did_not_come_is_late_and_empty():
    found = state(arrivals(lambda _: 100, at=lambda t: t < len(DAYS) - 2))
    # it was late the session before already, so one session is usual by now
    assert (found.newest, found.expected) == (DAYS[-3].item(), DAYS[-2].item())
    assert (found.late_sessions, found.rows) == (1, 0)


def test_half_of_the_rows_is_half_of_the_coverage():
    found = state(arrivals(lambda t: 50 if t == len(DAYS) - 1 else 100))
    assert found.coverage == 0.5


def test_what_always_comes_a_session_later_is_not_late():
    found = state(arrivals(lambda _: 100, lag=1))
    assert (found.newest, found.late_sessions) == (DAYS[-2].item(), 0)


def test_a_weekly_table_is_late_after_more_than_its_week():
    on_time = arrivals(lambda _: 100, at=lambda t: t % 5 == 0)
    assert state(on_time).late_sessions == 0
    stopped = arrivals(lambda _: 100, at=lambda t: t % 5 == 0 and t < len(DAYS) - 10)
    assert state(stopped).late_sessions >= 1
    assert state(on_time).rows_least is None


def test_dates_ahead_of_their_session_lag_nothing():
    frame = arrivals(lambda _: 100).with_columns(pl.col("event_date") + pl.duration(days=30))
    assert state(frame).late_sessions == 0


def test_what_became_known_later_does_not_count():
    frame = arrivals(lambda _: 100)
    later = frame.with_columns(available_at=pl.lit(datetime(2030, 1, 1)).cast(pl.Datetime("us")))
    assert state(pl.concat([frame, later])) == state(frame)


def test_a_table_without_rows_and_one_of_few_rows_are_not_judged():
    found = state(pl.DataFrame(schema=SCHEMA))
    assert found == TableState("x", None, None, 0, 0, None)
    assert found.to_json()["coverage"] is None
    assert state(arrivals(lambda _: 3)).rows_least is None


def test_the_bars_of_a_source_without_instants(watched_home, dataset):
    source = read_source(watched_home, "tiny")
    t = len(dataset.sessions) - 5
    (found,) = table_states(source, dataset, t)
    assert (found.table, found.newest) == ("quotes", dataset.sessions[t].item())
    counts = source.quotes().group_by("date").agg(pl.len()).collect()
    days = dataset.sessions[t - PAST_SESSIONS : t].tolist()
    assert found.rows_least == counts.filter(pl.col("date").is_in(days))["len"].min()


def test_the_tables_of_a_synced_source_are_all_there(synced):
    home, _ = synced
    (name,) = [path.name for path in (home / "sources").iterdir() if path.is_dir()]
    source = read_source(home, name)
    quotes = source.quotes().select("date").unique().sort("date").collect()["date"]

    class Dataset:
        sessions = quotes.to_numpy().astype("datetime64[D]")
        clock = Clock.EVENING

    found = {one.table: one for one in table_states(source, Dataset, len(quotes) - 1)}
    assert set(found) == {path.parent.name for path in source.paths("tables")}
    assert found["quotes"].newest == quotes[-1]
    assert found["quotes"].late_sessions == 0
    assert found["quotes"].coverage > 0.8


def test_files_of_years_and_months_gone_by_are_not_read(monkeypatch, tmp_path):
    days = np.array(["2026-02-05"], "datetime64[D]")
    names = ["2024.parquet", "2026-01.parquet", "2026-02.parquet", "all.parquet"]
    read = []
    monkeypatch.setattr(module, "_recent", lambda paths, since: read.extend(paths))

    class Held:
        def paths(self, place):
            return [tmp_path / place / "quotes" / name for name in names]

        def checked(self, paths):
            return paths

    list(module._arrivals(Held(), days, days.astype("datetime64[us]")))
    assert [path.name for path in read] == ["2026-02.parquet", "all.parquet"]
