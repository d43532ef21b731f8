import os
import shutil
from pathlib import Path

import pytest

from gogooku.sandbox.market.market import MarketConfig, generate, source_frames
from gogooku.sandbox.sources import wires as all_wires
from support.cli import FEATURES, NETWORK, Forks, done, sets
from support.loopback import BASE, LOOPBACK_MARKET, Kept, loopback, only
from support.soak import MARK, many_examples

LONGEST_FIRST = (
    "test_knobs.py",
    "test_growth.py",
    "test_docs.py",
    "test_no_look_ahead.py",
    "test_sync_equal.py",
    "test_kill.py",
    "test_train.py",
    "test_doctor.py",
    "test_pretraining.py",
    "test_damage.py",
    "test_universe.py",
    "test_sync.py",
    "test_forget.py",
    "test_sync_kill.py",
    "test_resources.py",
    "test_compaction.py",
    "test_source_features.py",
    "test_null_markets.py",
    "test_rebuild_append.py",
)
"""A worker takes a file at a time: those that take longest must not come last."""


IN_MEMORY = Path("/dev/shm")
ROOM_IN_MEMORY = 6 * 2**30
"""Bytes that must be free there; all files of a run of everything take a fraction."""


def pytest_configure(config):
    """Workers and commands take one thread for matrices; their files lie in memory.

    The tensors of tests are so small that threads of two workers on two cores would wait for one
    another. In memory, where there is room, nothing waits for a disk: commands are killed, machines
    are not, so what a disk would have kept is the same. Who names a folder, by ``--basetemp`` or as
    pytest's own variable, gets that one; the same holds for the threads.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # noqa: TID251
    room = shutil.disk_usage(IN_MEMORY).free if IN_MEMORY.is_dir() else 0
    if config.option.basetemp is None and room >= ROOM_IN_MEMORY:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(IN_MEMORY))  # noqa: TID251


def pytest_collection_modifyitems(config, items):
    if config.option.markexpr == MARK:
        many_examples(items)
    place = {name: n for n, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: place.get(Path(item.path).name, len(place)))


@pytest.fixture(scope="session")
def forks():
    """Commands in forked processes."""
    server = Forks()
    yield server
    server.close()


@pytest.fixture(scope="session")
def tiny_prices(tmp_path_factory):
    """A Parquet file of 24 codes and 200 sessions, as a user may bring one."""
    market = generate(
        MarketConfig(num_stocks=24, num_sessions=200, seed=3, num_sectors=2, num_branches=0)
    )
    frames = source_frames(market)
    path = tmp_path_factory.mktemp("prices") / "prices.parquet"
    sectors = frames.listings.select("code", "sector")
    frames.quotes.join(sectors, on="code").sort("date", "code").write_parquet(path)
    return path


@pytest.fixture(scope="session")
def imported_home(tiny_prices, tmp_path_factory):
    """A home with the tiny prices imported. Never written to: copy it."""
    home = tmp_path_factory.mktemp("imported") / "home"
    done(home, "import", tiny_prices, "--json")
    return home


@pytest.fixture(scope="session")
def built_home(imported_home, tmp_path_factory):
    """The same with a dataset. Never written to: copy it."""
    home = tmp_path_factory.mktemp("built") / "home"
    shutil.copytree(imported_home, home)
    done(home, "build", *sets(f"features={FEATURES}"), "--threads", 1, "--json")
    return home


@pytest.fixture(scope="session")
def tour_home(tmp_path_factory):
    """A home with a sandbox source, its dataset, every run, evaluations and backtests."""
    home = tmp_path_factory.mktemp("tour") / "home"
    market = ("num_stocks=40", "num_sessions=240", "num_sectors=2", "num_branches=0")
    done(home, "sandbox", "market", "--size", "tiny", "--name", "tiny", *sets(*market), "--json")
    done(home, "build", "--source", "tiny", *sets(f"features={FEATURES}"), "--json")
    for run in ("ridge", "lightgbm", "reversal"):
        done(home, "train", run, "--threads", 1, "--json")
    done(home, "train", "momentum", *sets("learner.feature=ret_prev_20d"), "--json")
    done(home, "train", "atft-gat-fan", *sets(*NETWORK), "--threads", 1, "--json")
    for run in ("ridge", "atft-gat-fan"):
        done(home, "evaluate", run, "--json")
        done(home, "backtest", run, "--json")
    return home


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
