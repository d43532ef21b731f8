import pytest

from gogooku.core.errors import ConfigError
from gogooku.learn.names import ALL, positions

NAMES = ("alpha", "beta", "gamma")


def test_places_are_in_the_order_of_what_is_wanted():
    assert positions(NAMES, ["gamma", "alpha"], setting="x").tolist() == [2, 0]
    assert positions(NAMES, [], setting="x").tolist() == []


def test_the_first_alternative_that_is_there_counts():
    assert positions(NAMES, ["omega|beta|alpha", "alpha|beta"], setting="x").tolist() == [1, 0]


def test_all_names_are_taken_as_they_come():
    assert positions(NAMES, ALL, setting="x").tolist() == [0, 1, 2]


def test_names_that_are_not_there_are_listed_with_the_setting():
    with pytest.raises(ConfigError, match=r"context: 2 of 3 names .* psi, omega\|chi; see"):
        positions(NAMES, ["psi", "alpha", "omega|chi"], setting="context")
