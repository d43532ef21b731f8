"""Expiries, strikes and codes of contracts, against the exchange's rules by date."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from gogooku.core.calendar import tokyo_sessions
from gogooku.sandbox.sources.companies import Days
from gogooku.sandbox.sources.contracts import (
    BOND,
    FUTURE_PRODUCTS,
    NIKKEI,
    OPTION_PRODUCTS,
    STOCK,
    TOPIX,
    Contract,
    Product,
    Underlyings,
    code_digits,
    contracts,
    stock_products,
    strikes,
)

SESSIONS = tokyo_sessions(date(2022, 1, 4), date(2025, 12, 30))
DAYS = Days(SESSIONS, int(np.searchsorted(SESSIONS, np.datetime64("2023-01-04"))))
BY_NAME = {product.name: product for product in (*OPTION_PRODUCTS, *FUTURE_PRODUCTS)}


def expiries(name):
    return {one.month: str(one.expiry) for one in contracts(BY_NAME[name], DAYS)}


def test_index_contracts_settle_on_the_second_friday():
    found = expiries("NK225E")
    assert found["2023-09"] == "2023-09-08"
    assert found["2024-03"] == "2024-03-08"
    assert found["2024-11"] == "2024-11-08"
    assert set(expiries("TOPIXE")) == {month for month in found if int(month[-2:]) % 3 == 0}


def test_a_settlement_on_a_holiday_moves_to_the_session_before():
    """The second Friday of August 2023 was Mountain Day."""
    found = next(one for one in contracts(BY_NAME["NK225E"], DAYS) if one.month == "2023-08")
    assert str(found.expiry) == "2023-08-10"
    assert str(DAYS.date(np.array([found.last_row]))[0]) == "2023-08-09"


def test_weekly_contracts_settle_on_the_other_fridays_since_their_beginning():
    weekly = contracts(BY_NAME["NK225MWE"], DAYS)
    assert all(DAYS.date(np.array([one.listed_row]))[0] >= np.datetime64("2023-05-29")
               for one in weekly)  # fmt: skip
    found = {one.month: str(one.expiry) for one in weekly}
    assert found["2023-35"] == "2023-09-01"
    assert found["2023-37"] == "2023-09-15"
    assert "2023-36" not in found, "the second Friday has the monthly contract"


def test_bond_options_settle_at_the_end_of_the_month_before():
    assert expiries("JGBLFE")["2023-09"] == "2023-08-31"
    assert expiries("JGBLF")["2023-09"] == "2023-09-08"


@pytest.mark.parametrize(("name", "days"), [("NK225E", 125), ("NK225F", 450), ("TOPIXF", 450)])
def test_a_contract_is_listed_for_its_life_and_ends_before_its_settlement(name, days):
    for one in contracts(BY_NAME[name], DAYS):
        quarterly = int(one.month[-2:]) % 3 == 0
        life = BY_NAME[name].quarterly_days if quarterly else days
        assert one.last_row == one.sq_row - 1
        if one.listed_row > -DAYS.offset:
            listed = DAYS.date(np.array([one.listed_row]))[0]
            start = np.datetime64(one.expiry) - life
            assert abs(int((listed - start).astype(int))) <= 12


@pytest.mark.parametrize(
    ("name", "month", "digits"),
    [("NK225E", "2023-09", "309"), ("NK225E", "2024-12", "412"), ("NK225MWE", "2023-35", "335")],
)
def test_digits_of_a_code_are_year_and_month_or_week(name, month, digits):
    found = next(one for one in contracts(BY_NAME[name], DAYS) if one.month == month)
    assert found.digits == digits


PRODUCT = Product(
    "TEST", NIKKEI, "13", (), 90, 90, 1.0, 100.0, 10.0,
    unit=10.0, reference=100.0, strike_step=5.0, tiers=((1, 0.105, 400), (2, 0.31, 3)),
)  # fmt: skip


def board(prices, *, product=None, listed=None):
    """Underlyings of one index whose sessions open where the one before closed."""
    count = len(prices)
    path = np.repeat(np.array(prices, dtype=float)[:, None, None], 5, axis=2)
    flat = np.ones((count, 1))
    return Underlyings(
        path=path,
        product=flat if product is None else np.array(product, dtype=float)[:, None],
        level=0.2 * flat,
        long_run=np.array([0.2]),
        slope=0 * flat,
        skew=flat,
        twist=0 * flat,
        rate=np.zeros(count),
        names=("-",),
        listed=np.ones((count, 1), bool) if listed is None else np.array(listed)[:, None],
    )


def contract(*, listed_row=0, last_row=5, sq_row=6):
    return Contract(PRODUCT, "309", "2023-09", listed_row, last_row, sq_row, None)


def listed_strikes(found, one, rows):
    row, strike, first = strikes(one, found, np.array(rows))
    return {
        place: (strike[row == place].tolist(), strike[(row == place) & first].tolist())
        for place in rows
    }


def test_strikes_near_the_price_enter_and_stay():
    made = listed_strikes(board([100, 100, 121, 100, 100, 100]), contract(), [0, 1, 2, 3, 4])
    assert made[0] == ([90, 100, 110], [90, 100, 110])
    assert made[1] == ([90, 100, 110], [])
    assert made[2] == ([90, 100, 110, 120, 130], [120, 130])
    # the wide tier of every second strike opens three sessions before the settlement
    assert made[3] == ([80, 90, 100, 110, 120, 130], [80])
    assert made[4] == made[3][:1] + ([],)


def test_a_row_does_not_depend_on_which_rows_are_asked_for():
    found, one = board([100, 108, 121, 95, 100, 88]), contract()
    whole = listed_strikes(found, one, [0, 1, 2, 3, 4, 5])
    for row in range(6):
        assert listed_strikes(found, one, [row])[row] == whole[row]


def test_strikes_of_a_contract_from_before_the_first_session_are_not_new():
    made = listed_strikes(board([100] * 6), contract(listed_row=-20), [0, 1])
    assert made[0] == ([90, 100, 110], [])


def test_the_step_doubles_with_the_price_level_and_a_name_that_left_has_none():
    made = listed_strikes(board([200] * 6, listed=[True, True, False] * 2), contract(), [0, 2])
    assert made[0][0] == [180, 200, 220]
    assert made[2][0] == []


def test_strikes_are_on_the_basis_of_the_first_session():
    """A name that has halved its price by a split quotes at half the price before any factor."""
    made = listed_strikes(board([200] * 6, product=[0.5] * 6), contract(), [0])
    assert made[0][0] == [90, 100, 110]


def test_codes_number_the_strikes():
    assert code_digits(contract(), np.array([100.0, 105.0, 60_000.0])).tolist() == [20, 21, 2_000]


def test_stock_options_have_strikes_near_five_percent():
    prices = np.array([[100.0, 20.0, 145.0, 1_990.0, 90.0]])
    found = replace(
        board([100.0]), path=np.repeat(prices[:, :, None], 5, axis=2), names=("-",) * 3 + ("a", "b")
    )
    first, second = stock_products(found)
    assert (first.underlying, first.prefix, first.unit, first.strike_step) == (
        STOCK,
        "60",
        100.0,
        12.5,
    )
    assert (second.underlying, second.prefix, second.unit) == (STOCK + 1, "61", 10.0)
    assert {NIKKEI, TOPIX, BOND, STOCK} == {0, 1, 2, 3}
