import pytest

from gogooku.sandbox.market.market import generate
from gogooku.sandbox.sources import wires as all_wires
from support.loopback import BASE, LOOPBACK_MARKET, Kept, loopback, only


@pytest.fixture(scope="session")
def loopback_market():
    return generate(LOOPBACK_MARKET)


@pytest.fixture(scope="session")
def loopback_wires(loopback_market):
    return {name: Kept(wire) for name, wire in all_wires(loopback_market).items()}


@pytest.fixture(scope="session")
def line(loopback_wires, forks):
    """The exchange of the tiny market on loopback."""
    with loopback(loopback_wires, forks) as opened:
        yield opened


@pytest.fixture
def fresh(line):
    """The line, with nothing heard yet."""
    line.heard.forget()
    return line


@pytest.fixture(scope="session")
def synced(line, tmp_path_factory):
    """A home that holds the whole market, and what the sync said. Never written to: copy it."""
    home = tmp_path_factory.mktemp("synced") / "home"
    result = line.sync(home, *only(*BASE))
    assert result.code == 0, result.err
    return home, result.json
