"""A home with a small market, a dataset and two runs, made through the API."""

import doctest
import shutil

import pytest

import gogooku as gg

MARKET = {"num_stocks": 40, "num_sessions": 240, "num_sectors": 2, "num_branches": 0}
FEATURES = {
    "features": [
        *("ret_prev_1d", "ret_prev_5d", "ret_prev_20d", "gap_magnitude_z20", "rsi_14"),
        *("volume_z_20", "volatility_20d", "amihud_20", "uni_ret_20d", "uni_vol_20"),
    ]
}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture(scope="session")
def made_by_api(tmp_path_factory):
    """Never written to but by what finds everything there: copy it."""
    home = gg.Home(tmp_path_factory.mktemp("api") / "home")
    home.sandbox("tiny", name="tiny", settings=MARKET)
    data = home.build("tiny", settings=FEATURES, threads=1)
    home.train("reversal", data)
    home.train("ridge", data)
    home.run("ridge").metrics()
    home.backtest("ridge")
    return home


@pytest.fixture
def home(made_by_api, tmp_path):
    """A copy that a test may write to."""
    shutil.copytree(made_by_api.path, tmp_path / "home")
    return gg.Home(tmp_path / "home")


@pytest.fixture
def examples(home, tiny_market_prices, monkeypatch):
    """Run the examples of an object and of its members; how many were tried."""
    monkeypatch.setenv("GOGOOKU_HOME", str(home.path))
    names = {
        "gg": gg,
        "home": home,
        "data": home.dataset(),
        "features": FEATURES,
        "prices": tiny_market_prices,
        "run": home.run("ridge"),
        "backtest": home.backtest("ridge"),
    }

    def tried(one):
        finder = doctest.DocTestFinder(exclude_empty=True)
        runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
        said = []
        for test in finder.find(one, one.__name__, globs=dict(names)):
            runner.run(test, out=said.append)
        assert runner.summarize(verbose=False).failed == 0, "".join(said)
        return runner.tries

    return tried


@pytest.fixture(scope="session")
def tiny_market_prices(made_by_api, tmp_path_factory):
    """A Parquet file of daily prices, as a user may have one."""
    place = tmp_path_factory.mktemp("prices") / "prices.parquet"
    data = made_by_api.dataset()
    data.bars().drop("limit_up", "limit_down").rename({"volume_shares": "volume"}).write_parquet(
        place
    )
    return place
