import pytest

from gogooku.sandbox.market.market import generate
from support.growth import plain_wires
from support.sandbox import EXCHANGE_MARKET


@pytest.fixture(scope="session")
def exchange_market():
    """60 names from 2020-08-03 on."""
    return generate(EXCHANGE_MARKET)


@pytest.fixture(scope="session")
def wires(exchange_market):
    """Every endpoint of the market; each span of it is rendered once."""
    return plain_wires(exchange_market)
