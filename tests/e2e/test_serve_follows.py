"""A server that runs for days: it follows what is newer, and outlives what is done to its files."""

import os
import time

import polars as pl
import pytest
from tests.support.cli import FEATURES, done, sets
from tests.support.serving import Server


def later(server, path, wanted, **params):
    """What the server says once it says what is wanted, or after a few looks at what is newer."""
    for _ in range(20):
        body = server.get(path, **params).json()
        if wanted(body):
            break
        time.sleep(0.25)
    return body


def evening(home, file):
    done(home, "import", file, "--json")
    done(home, "build", *sets(f"features={FEATURES}"), "--threads", 1, "--json")


@pytest.fixture
def prices(tiny_prices):
    return pl.read_parquet(tiny_prices)


def test_the_next_answer_is_of_the_newest_session_and_run(tmp_path, prices):
    home, file = tmp_path / "home", tmp_path / "prices.parquet"
    days = prices.get_column("date").unique().sort().to_list()
    prices.filter(pl.col("date") < days[-1]).write_parquet(file)
    evening(home, file)
    done(home, "train", "reversal", "--threads", 1, "--json")
    server = Server(home, log=tmp_path / "log.txt")
    try:
        assert server.get("/ranking").json()["date"] == str(days[-2])
        missing = server.get("/ranking", date=str(days[-1]))
        assert missing.status_code == 404
        first = server.get("/version").json()
        assert (first["follows"], first["stale"]) == (["run", "dataset"], None)

        prices.write_parquet(file)
        evening(home, file)
        body = later(server, "/ranking", lambda said: said["date"] == str(days[-1]))
        predicted = done(home, "predict", "--run", first["run"], "--json").json
        assert (body["date"], body["ranking"]) == (str(days[-1]), predicted["ranking"])
        assert body["run"] == first["run"]

        done(home, "train", "momentum", *sets("learner.feature=ret_prev_5d"), "--json")
        said = later(server, "/version", lambda said: said["run"] != first["run"])
        assert said["run"].startswith("momentum-")
        assert said["newest_session"] == str(days[-1])
        ranked = server.get("/ranking").json()
        predicted = done(home, "predict", "--run", said["run"], "--json").json
        assert ranked["ranking"] == predicted["ranking"]

        # its tensor is cut off under it: the question fails, not the server
        (_, newest) = sorted(home.glob("datasets/*/x.bin"), key=lambda one: one.stat().st_mtime_ns)
        os.truncate(newest, 4096)
        cut = server.get("/ranking", date=str(days[-60]))
        assert cut.status_code == 503, cut.text
        assert "x.bin: holds" in cut.json()["detail"]
        assert "is damaged" in cut.json()["detail"]
        assert server.get("/health").json() == {"status": "ok"}
        assert server.process.poll() is None
    finally:
        server.close()
