"""Typed rows on the axes of a panel: the same as the one as-of join, and nothing known later."""

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from gogooku.core.calendar import TOKYO, Clock, tokyo_sessions
from gogooku.core.errors import DataError
from gogooku.features.engine.inputs import InputTable, source_columns
from gogooku.features.engine.timeline import Timeline, timeline_of
from gogooku.ingest.jquants.plans import Plan
from gogooku.tables.panel import as_of
from gogooku.tables.publication import decisions

SESSIONS = tokyo_sessions(date(2026, 9, 1), date(2026, 10, 30))
CODES = ("13010", "130A0", "72030", "72035")


@pytest.fixture(scope="module")
def timeline():
    growth = np.ones((len(SESSIONS), len(CODES)))
    growth[10:, 2] = 0.5
    return timeline_of(
        SESSIONS,
        CODES,
        exchange=TOKYO,
        clock=Clock.EVENING,
        growth_TN=growth,
        listed_TN=np.ones(growth.shape, dtype=bool),
    )


def random_rows(seed, count=120):
    """Rows at random instants, some of names and dates that are not on the axes."""
    rng = np.random.default_rng(seed)
    start = datetime(2026, 8, 20)
    known = [start + timedelta(hours=float(h)) for h in rng.uniform(0, 24 * 80, count)]
    return pl.DataFrame(
        {
            "code": rng.choice([*CODES, "99990"], count),
            "event_date": [(moment - timedelta(days=int(rng.integers(0, 9)))).date()
                           for moment in known],
            "available_at": known,
            "value": np.where(rng.random(count) < 0.1, np.nan, rng.standard_normal(count)),
        },
        schema_overrides={"available_at": pl.Datetime("us")},
    ).with_columns(pl.col("value").fill_nan(None))  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_the_latest_known_value_is_that_of_the_one_join(timeline, seed):
    rows = random_rows(seed)
    placed = timeline.place(rows)
    mine = timeline.latest(placed, placed.values("value"))
    when = decisions(SESSIONS, exchange=TOKYO, clock="evening")
    backbone = when.join(pl.DataFrame({"code": CODES}), how="cross").sort("date", "code")
    joined = as_of(backbone, rows, source="statements", by=["code"], columns=["value"]).frame
    theirs = joined["value"].cast(pl.Float64).fill_null(np.nan).to_numpy().reshape(mine.shape)
    np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("cut", [5, 17, 30])
def test_rows_known_later_change_nothing_before(timeline, cut):
    rows = random_rows(7)
    later = pl.col("available_at") > timeline.decisions[cut]
    garbage = rows.with_columns(pl.when(later).then(999.0).otherwise("value").alias("value"))
    for method in (timeline.latest, timeline.on_session):
        first, second = (
            method(placed, placed.values("value"))
            for placed in (timeline.place(rows), timeline.place(garbage))
        )
        np.testing.assert_array_equal(first[: cut + 1], second[: cut + 1])
    assert (second[cut + 1 :] == 999.0).any()


def test_age_counts_sessions_since_the_row_became_known(timeline):
    rows = random_rows(3)
    age = timeline.age(timeline.place(rows))
    when = timeline.decisions
    for n, code in enumerate(CODES):
        known = rows.filter(pl.col("code") == code)["available_at"].to_numpy()
        for t in range(len(SESSIONS)):
            visible = [int(np.searchsorted(when, k)) for k in known if k <= when[t]]
            expected = t - max(visible) if visible else np.nan
            np.testing.assert_equal(age[t, n], expected)


def test_a_correction_of_an_old_period_is_not_the_newest_state(timeline):
    rows = pl.DataFrame(
        {
            "code": ["72030"] * 4,
            "event_date": [date(2026, 9, 4), date(2026, 9, 11), date(2026, 9, 4),
                           date(2026, 9, 11)],
            "available_at": [datetime(2026, 9, 8), datetime(2026, 9, 15), datetime(2026, 9, 16),
                             datetime(2026, 9, 17)],
            "value": [1.0, 2.0, 3.0, 4.0],
        },
        schema_overrides={"available_at": pl.Datetime("us")},
    )  # fmt: skip
    placed = timeline.place(rows)
    assert placed.standing().values("value").tolist() == [1.0, 2.0, 4.0]
    assert timeline.latest(placed.standing(), placed.standing().values("value"))[-1, 2] == 4.0


def test_shares_come_to_the_forward_basis_of_their_event_date(timeline):
    days = [SESSIONS[5].item(), SESSIONS[12].item()]
    rows = pl.DataFrame(
        {
            "code": ["72030", "72030"],
            "event_date": days,
            "available_at": [datetime(2026, 10, 1), datetime(2026, 10, 2)],
        },
        schema_overrides={"available_at": pl.Datetime("us")},
    )
    assert timeline.share_basis(timeline.place(rows)).tolist() == [1.0, 0.5]


def test_rows_of_the_whole_market(timeline):
    rows = random_rows(4).drop("code")
    placed = timeline.place(rows, code=None)
    series = timeline.market_latest(placed, placed.values("value"))
    known = rows.filter(pl.col("available_at") <= timeline.decisions[20])
    newest = known.sort("available_at")["value"].cast(pl.Float64).fill_null(np.nan)[-1]
    np.testing.assert_equal(series[20], newest)


class Tables:
    def __init__(self, plan):
        self.plan = plan

    def has(self, *names):
        return set(names) <= {"quotes", "breakdown"}


def table(make, *, name="quotes", columns_from=None):
    return InputTable(
        tables=(name,),
        stock={"a": "ratio"},
        market={"b": "ratio"},
        make=make,
        columns_from=columns_from,
    )


def good(tables, timeline):
    return {"a": np.ones(timeline.shape), "b": np.arange(float(timeline.shape[0]))}


def test_base_columns_are_made_kept_as_float32_and_checked(timeline, tmp_path):
    made = source_columns([table(good)], Tables(Plan.FREE), timeline, scratch=tmp_path)
    assert made["a"].dtype == np.float32
    assert (tmp_path / "a.npy").exists()
    assert made["b"].tolist() == list(range(len(SESSIONS)))
    for wrong, message in (
        (lambda t, line: {"a": np.ones(line.shape)}, r"base columns \['b'\]"),
        (lambda t, line: good(t, line) | {"c": np.ones(3)}, "base column c is not as declared"),
        (lambda t, line: good(t, line) | {"a": np.ones(3)}, "base column a: shape"),
    ):
        with pytest.raises(DataError, match=message):
            source_columns([table(wrong)], Tables(Plan.FREE), timeline, scratch=tmp_path)


def test_a_table_or_plan_that_the_source_lacks_gives_no_columns(timeline, tmp_path):
    def columns(one, plan):
        return set(source_columns([one], Tables(plan), timeline, scratch=tmp_path))

    assert columns(table(good, name="options"), Plan.PREMIUM) == set()
    assert columns(table(good, name="breakdown"), Plan.STANDARD) == set()
    assert columns(table(good, name="breakdown"), Plan.PREMIUM) == {"a", "b"}
    mornings = table(good, columns_from=Plan.PREMIUM)
    assert columns(mornings, Plan.STANDARD) == set()
    assert columns(mornings, None) == {"a", "b"}


def test_a_window_sees_the_history_before_it():
    rng = np.random.default_rng(3)
    sessions = np.array("2024-01-01", dtype="datetime64[D]") + np.arange(40)
    growth = np.cumprod(np.where(rng.random((40, 5)) < 0.1, 0.5, 1.0), axis=0)
    whole = Timeline(
        sessions=sessions,
        codes=tuple("abcde"),
        decisions=sessions.astype("datetime64[us]") + np.timedelta64(11, "h"),
        growth_TN=growth,
        listed_TN=np.ones((40, 5), dtype=bool),
    )
    days = sessions[rng.integers(0, 38, 60)] - rng.integers(0, 5, 60)
    rows = pl.DataFrame(
        {
            "event_date": days,
            "available_at": days.astype("datetime64[us]")
            + rng.integers(0, 90, 60).astype("timedelta64[h]"),
            "code": rng.choice(list("abcde"), 60),
            "value": rng.normal(size=60),
        }
    )
    placed = whole.place(rows)
    for window, first in ((whole.tail(17), 17), (whole.tail(5).tail(20), 25)):
        seen = window.place(rows)
        np.testing.assert_array_equal(seen.t, placed.t - first)
        np.testing.assert_array_equal(seen.event, placed.event - first)
        for made, other in (
            (whole.age(placed), window.age(seen)),
            (
                whole.latest(placed, placed.values("value")),
                window.latest(seen, seen.values("value")),
            ),
            (
                whole.on_session(placed, placed.values("value")),
                window.on_session(seen, seen.values("value")),
            ),
        ):
            np.testing.assert_array_equal(made[first:], other)
        np.testing.assert_array_equal(whole.share_basis(placed), window.share_basis(seen))
