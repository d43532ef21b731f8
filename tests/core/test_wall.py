"""Clocks: the machine's, one that stands still, and one that runs beside."""

from datetime import UTC, datetime, timedelta

import pytest

from gogooku.core.wall import JST, ShiftedClock, SystemClock, VirtualClock, tokyo_instant


def test_a_shifted_clock_runs_beside_the_machines():
    wanted = datetime(2031, 5, 6, 20, 30, tzinfo=JST)
    clock = ShiftedClock.set_to(wanted)
    first = clock.now()
    assert timedelta(0) <= first - wanted < timedelta(seconds=5)
    clock.sleep(0.01)
    assert clock.now() - first >= timedelta(seconds=0.01)
    away = clock.now() - SystemClock().now()
    assert abs(away - clock.ahead) < timedelta(seconds=1)


def test_a_virtual_clock_moves_only_when_it_waits():
    clock = VirtualClock(datetime(2026, 11, 27, 20, tzinfo=JST))
    clock.sleep(-1)
    clock.sleep(60)
    assert clock.now() == datetime(2026, 11, 27, 11, 1, tzinfo=UTC)
    assert clock.slept_seconds == 60
    with pytest.raises(ValueError, match="aware"):
        VirtualClock(datetime(2026, 11, 27))


def test_an_instant_of_a_tokyo_date_may_lie_in_its_night():
    day = datetime(2026, 11, 27, tzinfo=JST).date()
    assert tokyo_instant(day, 27 * 60) == datetime(2026, 11, 28, 3, tzinfo=JST)
