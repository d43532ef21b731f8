"""What all wires share: instants, spans, texts, and a market's prices on one basis."""

from datetime import date
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.sandbox.sources.rendering import (
    Basis,
    basis_of,
    date_text,
    no_rows,
    number_text,
    rows_between,
    session_rng,
    stack,
    to_wire,
    tokyo_instant,
)
from gogooku.sandbox.sources.wire import wire_schema

DAYS = np.array(["2024-01-04", "2024-01-05", "2024-01-09"], dtype="datetime64[D]")
NAN = np.nan


@pytest.mark.parametrize(
    ("minutes", "instant"),
    [
        (9 * 60, "2024-01-04T00:00"),
        (16 * 60 + 30, "2024-01-04T07:30"),
        (0, "2024-01-03T15:00"),
        (27 * 60, "2024-01-04T18:00"),
    ],
)
def test_minutes_of_tokyo_become_utc(minutes, instant):
    made = tokyo_instant(DAYS[:1], minutes=minutes)
    assert made.dtype == np.dtype("datetime64[us]")
    assert made[0] == np.datetime64(instant)


@pytest.mark.parametrize(
    ("first", "last", "rows"),
    [
        (date(2024, 1, 4), date(2024, 1, 9), [0, 1, 2]),
        (date(2024, 1, 5), date(2024, 1, 8), [1]),
        (date(2024, 1, 6), date(2024, 1, 8), []),
        (date(2024, 1, 9), date(2024, 1, 4), []),
        (date(2020, 1, 1), date(2020, 2, 1), []),
        (date(2020, 1, 1), date(2030, 2, 1), [0, 1, 2]),
    ],
)
def test_spans_include_both_ends(first, last, rows):
    assert rows_between(DAYS, first, last).tolist() == rows


def test_texts():
    assert date_text(DAYS).to_list() == ["2024-01-04", "2024-01-05", "2024-01-09"]
    frame = pl.DataFrame({"n": [1.0, -0.5, 1e9, 0.0, None]})
    assert frame.select(number_text(pl.col("n"))).to_series().to_list() == [
        "1",
        "-0.5",
        "1000000000",
        "0",
        None,
    ]


def test_answers_have_the_order_types_and_key_of_their_endpoint():
    spec = ENDPOINTS["topix"]
    full = {name: [None, None] for name in wire_schema(spec)}
    made = to_wire("topix", pl.DataFrame(full | {"Date": ["2024-01-05", "2024-01-04"]}))
    assert dict(made.schema) == dict(wire_schema(spec))
    assert made["Date"].to_list() == ["2024-01-04", "2024-01-05"]
    assert stack("topix", [made[1:], made[:1]]).equals(made)
    assert stack("topix", []).equals(no_rows("topix"))
    assert dict(no_rows("topix").schema) == dict(wire_schema(spec))


def test_random_numbers_depend_on_market_endpoint_and_session_alone():
    market = SimpleNamespace(config=SimpleNamespace(seed=4))
    draws = {
        key: session_rng(market, *key).random()
        for key in (("quotes", 1), ("quotes", 2), ("topix", 1))
    }
    assert len(set(draws.values())) == 3
    assert session_rng(market, "quotes", 1).random() == draws["quotes", 1]


@pytest.fixture
def market():
    """Name 0 splits one for two, name 1 pauses and comes late, name 2 never trades."""
    return SimpleNamespace(
        config=SimpleNamespace(seed=1),
        codes=("13010", "72030", "99990"),
        sessions=DAYS,
        close=np.array([[100.0, NAN, NAN], [60.0, 20.0, NAN], [66.0, NAN, NAN]]),
        adjustment_factor=np.array([[1.0, NAN, 1.0], [0.5, 1.0, 1.0], [1.0, 1.0, 1.0]]),
        listed=np.array([[True, True, False], [True, True, False], [True, True, False]]),
        turnover_value=np.array([[300.0, NAN, NAN], [600.0, 50.0, NAN], [0.0, NAN, NAN]]),
    )


def test_prices_are_carried_on_the_basis_of_the_first_session(market):
    basis = Basis(market)
    assert basis.split_product.tolist() == [[1, 1, 1], [0.5, 1, 1], [0.5, 1, 1]]
    wanted = [[100.0, 20.0, 1000.0], [120.0, 20.0, 1000.0], [132.0, 20.0, 1000.0]]
    np.testing.assert_allclose(np.exp(basis.log_price), wanted, rtol=1e-6)
    np.testing.assert_allclose(basis.price_yen(1), [60.0, 20.0, 1000.0], rtol=1e-6)
    np.testing.assert_allclose(basis.price_yen(2), [66.0, 20.0, 1000.0], rtol=1e-6)


def test_residual_returns_are_against_the_mean_listed_name(market):
    basis = Basis(market)
    first, second = np.log(1.2), np.log(1.1)
    np.testing.assert_allclose(
        basis.later_return(0, 2)[:2], [(first + second) / 2, -(first + second) / 2], rtol=1e-5
    )
    np.testing.assert_allclose(basis.later_return(1, 1)[0], second / 2, rtol=1e-5)
    np.testing.assert_array_equal(basis.later_return(1, 50), basis.later_return(1, 1))
    np.testing.assert_array_equal(basis.later_return(2, 5), [0.0, 0.0, 0.0])


def test_mean_value_counts_pauses_as_nothing_and_is_a_yen_at_least(market):
    basis = Basis(market)
    np.testing.assert_allclose(basis.mean_value_yen(1), [450.0, 25.0, 1.0])
    np.testing.assert_allclose(basis.mean_value_yen(2), [300.0, 50 / 3, 1.0])


def test_shares_follow_the_splits(market):
    basis = Basis(market)
    vars(basis)["base_shares"] = np.array([1001.0, 500.0, 7.0])
    assert basis.shares(0).tolist() == [1001.0, 500.0, 7.0]
    assert basis.shares(1).tolist() == [2002.0, 500.0, 7.0]


def test_a_market_has_one_basis_while_somebody_holds_it(market):
    basis = basis_of(market)
    assert basis_of(market) is basis
    assert basis_of(SimpleNamespace(**vars(market))) is not basis
    assert basis.codes.to_list() == list(market.codes)
