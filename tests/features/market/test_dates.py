"""Calendar features against a walk from day to day, their window law and what they know ahead."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from gogooku.core.calendar import is_tokyo_session
from gogooku.features.market.dates import DATES, DATES_INPUTS
from support.source_world import source_world

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def world():
    """A market over the New Years of 2026 and 2027, two fiscal year ends and Golden Week."""
    return source_world()


def base_of(world, timeline=None):
    (table,) = DATES_INPUTS
    made = table.make(world.tables("calendar"), timeline or world.timeline)
    assert set(made) == set(table.columns)
    return made


def features_of(base):
    return {f.name: f.compute({name: base[name] for name in f.inputs}) for f in DATES}


def on_or_before(day):
    while not is_tokyo_session(day):
        day -= DAY
    return day


def next_session(day):
    day += DAY
    while not is_tokyo_session(day):
        day += DAY
    return day


def is_sq(day):
    """Whether a session is the SQ day of its month."""
    fridays = [d for d in (date(day.year, day.month, i) for i in range(1, 29)) if d.weekday() == 4]
    return on_or_before(fridays[1]) == day


def is_month_end(day):
    return next_session(day).month != day.month


def walk(day, test, step):
    """Sessions from a day to the first one that passes."""
    count = 0
    while not test(day):
        day += step * DAY
        while not is_tokyo_session(day):
            day += step * DAY
        count += 1
    return count


def before(day):
    return on_or_before(day - DAY)


def expected(day):
    gap = (next_session(day) - day).days
    to_end = walk(day, is_month_end, 1)
    from_start = walk(day, lambda d: before(d).month != d.month, -1)
    to_fiscal = walk(day, lambda d: d.month == 3 and is_month_end(d), 1)
    return {
        "days_to_sq": walk(day, is_sq, 1),
        "days_since_sq": walk(day, is_sq, -1),
        "days_to_large_sq": walk(day, lambda d: d.month in (3, 6, 9, 12) and is_sq(d), 1),
        "days_to_month_end": to_end,
        "days_to_fy_end": to_fiscal,
        "days_to_holiday": walk(day, lambda d: (next_session(d) - d).days >= 5, 1),
        "days_since_holiday": walk(day, lambda d: (d - before(d)).days >= 5, -1),
        "next_gap_log": math.log(gap),
        "is_turn_of_month": float(to_end == 0 or from_start <= 2),
        "is_fy_end_window": float(to_fiscal <= 9),
    }


def test_equals_a_walk_along_the_calendar(world):
    made = features_of(base_of(world))
    for t, session in enumerate(world.timeline.sessions.tolist()):
        wanted = expected(session)
        assert set(wanted) == set(made)
        for name, value in wanted.items():
            assert made[name][t] == pytest.approx(value, abs=1e-12), (name, session)


def test_base_columns_behind_the_flags(world):
    base = base_of(world)
    for t, session in enumerate(world.timeline.sessions.tolist()):
        start = walk(session, lambda d: before(d).month != d.month, -1)
        assert base["cal_since_month_start"][t] == start
        assert base["cal_gap_days"][t] == (next_session(session) - session).days


@pytest.mark.parametrize(
    ("day", "name", "value"),
    [
        (date(2026, 3, 13), "days_to_sq", 0.0),
        (date(2026, 3, 13), "days_to_large_sq", 0.0),
        (date(2026, 4, 10), "days_to_large_sq", 41.0),
        (date(2026, 3, 31), "is_fy_end_window", 1.0),
        (date(2026, 4, 1), "is_fy_end_window", 0.0),
        (date(2025, 12, 30), "days_to_holiday", 0.0),
        (date(2026, 1, 5), "days_since_holiday", 0.0),
        (date(2026, 5, 1), "next_gap_log", math.log(6)),
    ],
)
def test_known_days(world, day, name, value):
    """Counted by hand: 9 weeks from 10 April to 12 June 2026 with four public holidays, ..."""
    t = world.timeline.sessions.tolist().index(day)
    assert features_of(base_of(world))[name][t] == pytest.approx(value)


def test_a_later_end_changes_nothing(world):
    whole = features_of(base_of(world))
    timeline = world.timeline
    for end in (40, 121, 260):
        cut = replace(
            timeline,
            sessions=timeline.sessions[:end],
            decisions=timeline.decisions[:end],
            growth_TN=timeline.growth_TN[:end],
            listed_TN=timeline.listed_TN[:end],
        )
        for name, values in features_of(base_of(world, cut)).items():
            np.testing.assert_array_equal(values, whole[name][:end], err_msg=name)


def test_value_from_exactly_the_lookback(world):
    base = base_of(world)
    whole = features_of(base)
    for f in DATES:
        for t in (0, 77, 329):
            part = {name: base[name][t - f.lookback + 1 : t + 1] for name in f.inputs}
            np.testing.assert_array_equal(f.compute(part)[-1], whole[f.name][t])


def test_no_feature_repeats_another(world):
    made = features_of(base_of(world))
    ranks = np.corrcoef([np.argsort(np.argsort(v, kind="stable")) for v in made.values()])
    assert np.abs(ranks - np.eye(len(ranks))).max() < 0.995
    assert all(np.ptp(values) > 0 for values in made.values())
