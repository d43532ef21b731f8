"""Earnings events equal plain loops over the schedule known then, whatever comes later."""

from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from gogooku.features.company.events import EVENTS, EVENTS_INPUTS
from gogooku.features.engine.timeline import Timeline
from support.source_world import CALENDAR, FrameTables, source_world

INPUT = EVENTS_INPUTS[0]
NAN = float("nan")


@lru_cache(maxsize=1)
def world():
    return source_world(first=date(2024, 4, 1), num_sessions=600, num_stocks=24, seed=13)


@lru_cache(maxsize=1)
def rows():
    """Schedules, some of them told only after their day, and some withdrawn."""
    frame = world().typed("earnings_dates")
    late = pl.int_range(pl.len()) % 17 == 3
    withdrawn = frame.filter(pl.int_range(pl.len()) % 13 == 5).with_columns(
        pl.col("event_date") + timedelta(days=4),
        pl.col("available_at") + timedelta(days=4),
        scheduled_date=pl.lit(None, dtype=pl.Date),
    )
    frame = frame.with_columns(
        scheduled_date=pl.when(late)
        .then(pl.col("event_date") - timedelta(days=3))
        .otherwise("scheduled_date")
    )
    return pl.concat([frame, withdrawn]).sort("event_date", "code", maintain_order=True)


@lru_cache(maxsize=1)
def made():
    return INPUT.make(FrameTables({"earnings_dates": rows()}), world().timeline)


def number(day):
    """Sessions of the calendar before a day."""
    return int(np.sum(np.datetime64(day, "D") > CALENDAR))


def with_cycles(known):
    """Rows in order, with the report they belong to: a gap of half a year starts a new one."""
    last, cycles = {}, {}
    for row in known:
        key = (row["fiscal_year_end"], row["period"])
        if key in last and (row["event_date"] - last[key]).days > 180:
            cycles[key] = cycles.get(key, 0) + 1
        last[key] = row["event_date"]
        row["key"], row["report"] = key, (*key, cycles.get(key, 0))
        row["number"] = None if row["scheduled_date"] is None else number(row["scheduled_date"])
    return known


def state(known, t, now, told_now):
    """Base values of a name at session t from the rows known then."""
    standing = {row["key"]: row for row in known}
    coming = [r for r in standing.values() if r["number"] is not None and r["number"] > now]
    out = {"ed_undecided": float(known[-1]["number"] is None)}
    if not coming:
        return out
    row = min(coming, key=lambda r: r["number"])
    days = [r for r in known if r["report"] == row["report"] and r["number"] is not None]
    changes = sum(a["scheduled_date"] != b["scheduled_date"] for a, b in pairwise(days))
    out["e_days_to"] = row["number"] - now
    out["e_notice"] = row["number"] - told_now[row["t"]]
    out["e_moved"] = row["number"] - days[-2]["number"] if len(days) > 1 else 0.0
    out["ed_changes"] = changes
    earlier = (*row["key"], row["report"][2] - 1)
    old = [r for r in known if r["report"] == earlier and r["number"] is not None]
    if old:
        against = (row["scheduled_date"] - old[-1]["scheduled_date"]).days - 364
        out["e_later_than_last_year"] = against if abs(against) <= 180 else NAN
    return out


def naive_base():
    timeline = world().timeline
    out = {name: np.full(timeline.shape, np.nan) for name in INPUT.columns}
    told = [number(day) for day in timeline.sessions]
    ordered = rows().sort("available_at", "event_date", maintain_order=True)
    for n, code in enumerate(timeline.codes):
        known = with_cycles(ordered.filter(pl.col("code") == code).to_dicts())
        for row in known:
            row["t"] = int(np.sum(timeline.decisions < np.datetime64(row["available_at"], "us")))
        past = None
        for t in range(timeline.shape[0]):
            seen = [row for row in known if row["t"] <= t]
            if not seen:
                continue
            for name, value in state(seen, t, told[t], told).items():
                out[name][t, n] = value
            standing = {row["key"]: row for row in seen}.values()
            held = [r["number"] for r in standing if r["number"] is not None]
            held = [value for value in held if value <= told[t]]
            past = max([past, *held] if past is not None else held, default=None)
            if past is not None:
                out["e_days_since"][t, n] = told[t] - past
    return out


def test_base_columns_equal_plain_loops():
    for name, expected in naive_base().items():
        np.testing.assert_array_equal(made()[name], expected, err_msg=name)
        assert np.isfinite(expected).mean() > 0.1, name
        assert np.nanstd(expected) > 0, name


FORMULAS = {
    "e_days_to": lambda b: b["e_days_to"],
    "e_days_since": lambda b: b["e_days_since"],
    "e_notice": lambda b: b["e_notice"],
    "e_moved": lambda b: b["e_moved"],
    "e_later_than_last_year": lambda b: b["e_later_than_last_year"],
    "is_earnings_sched_valid": lambda b: float(b["e_days_to"] == b["e_days_to"]),
    "e_schedule_changed": lambda b: float(b["ed_changes"] >= 1),
    "e_undecided": lambda b: float(b["ed_undecided"] == 1),
    **{f"e_win_pre{w}": lambda b, w=w: float(1 <= b["e_days_to"] <= w) for w in (1, 3, 5)},
    **{f"e_win_post{w}": lambda b, w=w: float(0 <= b["e_days_since"] < w) for w in (1, 3, 5)},
}


@pytest.mark.parametrize("feature", EVENTS, ids=lambda f: f.name)
def test_features_equal_plain_formulas(feature):
    found = feature.compute({name: made()[name] for name in feature.inputs})
    for t in range(0, 600, 7):
        for n in range(found.shape[1]):
            cell = {name: float(made()[name][t, n]) for name in feature.inputs}
            np.testing.assert_array_equal(found[t, n], FORMULAS[feature.name](cell))
        single = feature.compute({name: made()[name][t : t + 1] for name in feature.inputs})
        np.testing.assert_array_equal(single[0], found[t])
    assert feature.lookback == 1
    assert np.nanstd(found) > 0


def test_later_rows_change_nothing_before():
    timeline = world().timeline
    for t in (100, 317, 480):
        later = pl.col("available_at") > pl.lit(timeline.decisions[t].item())
        spoiled = rows().with_columns(
            scheduled_date=pl.when(later)
            .then(pl.col("event_date") + timedelta(days=2))
            .otherwise("scheduled_date")
        )
        again = INPUT.make(FrameTables({"earnings_dates": spoiled}), timeline)
        for name, column in made().items():
            np.testing.assert_array_equal(again[name][: t + 1], column[: t + 1], err_msg=name)
        assert not np.array_equal(again["e_days_to"], made()["e_days_to"], equal_nan=True)


def test_the_end_of_the_data_changes_nothing_before():
    whole = world().timeline
    for t in (100, 317, 480):
        cut = Timeline(
            sessions=whole.sessions[: t + 1],
            codes=whole.codes,
            decisions=whole.decisions[: t + 1],
            growth_TN=whole.growth_TN[: t + 1],
            listed_TN=whole.listed_TN[: t + 1],
        )
        again = INPUT.make(FrameTables({"earnings_dates": rows()}), cut)
        for name, column in made().items():
            np.testing.assert_array_equal(again[name], column[: t + 1], err_msg=name)
