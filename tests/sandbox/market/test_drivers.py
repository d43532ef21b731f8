"""The drivers: what becomes public when, and kernels that use nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from gogooku.core.calendar import tokyo_sessions
from gogooku.sandbox.market.config import SOURCE_FAMILIES, exchange_config, market_config
from gogooku.sandbox.market.drivers import (
    DECAY,
    POSITION_STEP,
    REPORT_FLOOR,
    REVISION_JUMP,
    SEGMENTS,
    Drivers,
    calendar_weeks,
    horizon_fades,
)
from gogooku.sandbox.market.market import Market, generate


@pytest.fixture(scope="module")
def market() -> Market:
    config = exchange_config("demo", seed=2).model_copy(update={"num_branches": 0})
    return generate(config)


@pytest.fixture(scope="module")
def drivers(market: Market) -> Drivers:
    return market.drivers


def days(*texts: str) -> list[np.datetime64]:
    return [np.datetime64(text) for text in texts]


def test_weeks_become_public_by_the_calendar_of_the_following_week():
    sessions = tokyo_sessions(date(2019, 4, 15), date(2020, 1, 31))
    weeks, calendar = calendar_weeks(sessions)
    assert list(calendar[weeks.margin_row][:4]) == days(
        "2019-04-23", "2019-05-08", "2019-05-14", "2019-05-21"
    )
    assert list(calendar[weeks.flow_row][:4]) == days(
        "2019-04-25", "2019-05-10", "2019-05-16", "2019-05-23"
    )
    at_year_end = list(weeks.last_row).index(list(sessions).index(np.datetime64("2019-12-30")))
    assert weeks.num_sessions[at_year_end] == 1
    assert not weeks.has_margin[at_year_end]
    assert weeks.has_margin[at_year_end + 1]
    assert calendar[weeks.margin_row[at_year_end]] == np.datetime64("2020-01-07")


def test_a_week_cut_by_the_end_of_the_market_is_not_complete():
    cut, calendar = calendar_weeks(tokyo_sessions(date(2021, 3, 3), date(2021, 3, 18)))
    assert list(cut.complete) == [True, True, False]
    assert list(cut.num_sessions) == [5, 5, 5]
    assert list(cut.first_row) == [0, 3, 8]
    assert list(calendar[[0, 12, 13]]) == days("2021-03-03", "2021-03-19", "2021-03-22")


def test_margin_readings_are_weekly_then_daily():
    config = exchange_config("tiny", seed=1).model_copy(
        update={"first_session": date(2026, 7, 1), "num_sessions": 70, "num_branches": 0}
    )
    market = generate(config)
    sessions = market.sessions
    read = dict(zip(sessions.astype(str), market.drivers.crowding_row, strict=True))
    row_of = {str(day): row for row, day in enumerate(sessions)}
    assert read["2026-07-06"] == -1
    assert read["2026-07-07"] == row_of["2026-07-03"]
    assert read["2026-09-24"] == row_of["2026-09-11"]
    assert read["2026-09-25"] == row_of["2026-09-18"]  # a week with three holidays before it
    assert read["2026-09-28"] == row_of["2026-09-25"]
    assert read["2026-09-29"] == row_of["2026-09-28"]


def naive_kernel(
    shape: tuple[int, int], news: list[tuple[int, int, float]], *, decay: float
) -> np.ndarray:
    out = np.zeros(shape)
    for row, stock, size in news:
        out[row:, stock] += size * decay ** np.arange(max(shape[0] - row, 0))
    return out


def test_the_revision_kernel_knows_what_was_disclosed_by_1730(drivers, market):
    events = drivers.revisions
    news = zip(events.row + events.late, events.stock, events.size, strict=True)
    naive = naive_kernel(drivers.revision.shape, list(news), decay=DECAY["revision"])
    scale = np.nansum(drivers.revision * naive) / (naive**2).sum()
    assert scale > 0
    np.testing.assert_allclose(drivers.revision, scale * naive, atol=2e-5)
    assert 0.8 < drivers.revision.std() < 1.2
    assert 0.3 < events.late.mean() < 0.5
    years = market.listed.sum() / 245
    assert 2.0 < len(events.row) / years < 3.0
    assert market.listed[events.row, events.stock].all()


def test_the_covering_kernel_knows_what_was_disclosed(drivers):
    reports = drivers.short_reports
    change = reports.previous - reports.position
    news = zip(reports.row + 2, reports.stock, change, strict=True)
    naive = naive_kernel(drivers.covering.shape, list(news), decay=DECAY["covering"])
    scale = np.nansum(drivers.covering * naive) / (naive**2).sum()
    assert scale > 0  # shrinking positions push up
    np.testing.assert_allclose(drivers.covering, scale * naive, atol=2e-4)
    assert 0.75 < drivers.covering.std() < 1.25
    assert (np.maximum(reports.position, reports.previous) >= REPORT_FLOOR).all()
    assert 0.5 * POSITION_STEP < change.std() < 1.5 * POSITION_STEP


def test_the_crowding_kernel_is_the_faded_newest_public_reading(drivers, market):
    place = SOURCE_FAMILIES.index("crowding")
    weeks = drivers.weeks
    for row in (0, 6, 7, 100, 333, 749):
        known = weeks.has_margin & (weeks.last_row + 2 <= row)
        expected = np.zeros(len(market.codes))
        if known.any():
            read = int(weeks.last_row[known].max())
            expected = -drivers.crowding[read] * DECAY["crowding"] ** (row - read)
        np.testing.assert_allclose(drivers.kernels(row)[place], expected, rtol=1e-6)


def test_the_flow_kernel_is_relative_weekly_and_late(drivers):
    weeks = drivers.weeks
    for week in (3, 50, 120):
        span = slice(weeks.first_row[week], weeks.last_row[week] + 1)
        assert (drivers.flow[span] == drivers.flow[weeks.last_row[week]]).all()
    place = SOURCE_FAMILIES.index("segment_flow")
    row = int(weeks.flow_row[60])
    before, after = drivers.flow_kernel[row - 1], drivers.flow_kernel[row]
    fade = DECAY["segment_flow"]
    assert not np.allclose(after, fade * before)
    np.testing.assert_allclose(drivers.flow_kernel[row + 1], fade * after)
    gaps = np.diff(drivers.flow[weeks.last_row[60]])
    ratio = np.diff(after) / gaps
    np.testing.assert_allclose(ratio[0], ratio[1])
    np.testing.assert_allclose(drivers.kernels(row)[place], after[drivers.segment])
    assert abs((after * (0.45, 0.40, 0.15)).sum()) < 1e-12


@pytest.mark.parametrize("name", SOURCE_FAMILIES)
def test_kernels_forecast_themselves(drivers, name):
    """The slope of a kernel on its own past is the decay: the horizon sums are true forecasts."""
    place, gap = SOURCE_FAMILIES.index(name), 5
    rows = range(60, 740, 3)
    now = np.array([drivers.kernels(row)[place] for row in rows])
    later = np.array([drivers.kernels(row + gap)[place] for row in rows])
    slope = (now * later).sum() / (now**2).sum()
    assert slope == pytest.approx(DECAY[name] ** gap, abs=0.06)


def test_horizon_fades_are_sums_of_powers():
    for horizon in (1, 5, 20):
        expected = [sum(DECAY[name] ** k for k in range(horizon)) for name in SOURCE_FAMILIES]
        np.testing.assert_allclose(horizon_fades(horizon), expected)


def test_late_news_moves_the_day_and_other_news_the_open(drivers):
    events = drivers.revisions
    for number in (0, 17, 400):
        night, day = drivers.jumps(int(events.row[number]) + 1)
        stock, size = events.stock[number], events.size[number]
        assert (day if events.late[number] else night)[stock] == REVISION_JUMP * size
        assert (night if events.late[number] else day)[stock] == 0.0


def test_drivers_are_drawn_for_every_market_and_move_no_other_stream():
    plain = market_config("tiny", seed=5)
    planted = exchange_config("tiny", seed=5)
    first, second = generate(plain), generate(planted)
    np.testing.assert_array_equal(first.drivers.crowding, second.drivers.crowding)
    np.testing.assert_array_equal(first.drivers.flow, second.drivers.flow)
    assert first.codes == second.codes
    np.testing.assert_array_equal(first.listed, second.listed)
    assert not np.array_equal(first.close, second.close, equal_nan=True)
    other = generate(plain.model_copy(update={"seed": 6}))
    assert not np.array_equal(first.drivers.crowding, other.drivers.crowding)


def test_segments_have_their_shares(drivers, market):
    assert [SEGMENTS[number] for number in drivers.segment] == list(market.segment)
    counts = np.bincount(drivers.segment) / len(drivers.segment)
    np.testing.assert_allclose(counts, (0.45, 0.40, 0.15), atol=0.01)


def test_kernels_do_not_move_with_what_is_disclosed_later(drivers):
    """A driver that is changed after a session leaves that session's kernels alone."""
    row = 300
    changed = replace(drivers, crowding=drivers.crowding.copy(), flow_kernel=drivers.flow_kernel)
    changed.crowding[row - 1 :] = 9.0
    read = int(drivers.crowding_row[row])
    assert read < row - 1
    np.testing.assert_array_equal(changed.kernels(row), drivers.kernels(row))
