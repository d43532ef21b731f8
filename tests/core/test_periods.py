"""Periods: years, months of the years that grow, and what may lie in them."""

from datetime import date

import pytest

from gogooku.core.periods import WHOLE, may_hold, month_of, periods


def test_years_are_years_and_those_that_grow_are_months():
    found = periods(date(2024, 11, 5), date(2026, 2, 1), by_month={2024, 2026})
    assert found == ["2024-11", "2024-12", "2025", "2026-01", "2026-02"]
    assert periods(date(2025, 3, 1), date(2025, 3, 1), by_month=()) == ["2025"]


def test_their_names_sort_in_time():
    found = periods(date(2023, 1, 1), date(2026, 12, 31), by_month={2024, 2026})
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("period", "first", "last", "may"),
    [
        ("2026", date(2026, 12, 31), date(2027, 1, 1), True),
        ("2026", date(2027, 1, 1), date.max, False),
        ("2026", date(2020, 1, 1), date(2025, 12, 31), False),
        ("2026-03", date(2026, 3, 31), date(2026, 3, 31), True),
        ("2026-03", date(2026, 4, 1), date(2026, 4, 30), False),
        ("2026-03", date(2026, 1, 1), date(2026, 2, 28), False),
        ("2026-03", date(2025, 1, 1), date.max, True),
        (WHOLE, date(2026, 4, 1), date(2026, 4, 30), True),
        ("rows", date(2026, 4, 1), date(2026, 4, 30), True),
    ],
)
def test_what_may_hold_some_dates(period, first, last, may):
    assert may_hold(period, first, last) is may


def test_every_day_lies_in_its_month_and_its_year():
    day = date(2026, 9, 25)
    assert month_of(day) == "2026-09"
    assert may_hold(month_of(day), day, day)
    assert may_hold("2026", day, day)
