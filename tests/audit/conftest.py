import pytest

from gogooku import pipeline
from gogooku.core.config import Resolved
from support.audits import MARKET, QUIET, Anything, build


@pytest.fixture(scope="session")
def price_home(tmp_path_factory):
    """A home with a dataset on prices alone. Never written to: copy it."""
    home = tmp_path_factory.mktemp("audit") / "home"
    pipeline.sandbox(home, "small", Resolved(config=MARKET, origins=Anything()), reporter=QUIET)
    build(home, "small")
    return home
