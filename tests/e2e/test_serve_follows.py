"""A server that runs for days: it follows what is newer, and outlives what is done to its files."""

import http.client
import json
import os
import threading
import time
from collections import Counter
from datetime import datetime

import polars as pl
import pytest
from tests.support.cli import FEATURES, done, sets
from tests.support.published import AT, SESSIONS, SOURCE, put, ranking_of, release
from tests.support.serving import Server

from gogooku.core.wall import SystemClock
from gogooku.publish.publication import publications_folder
from gogooku.releases import registry
from gogooku.serve.keys import KEY_HEADER, add_key, keys_path, revoke_key

ONE, TWO = "ridge-1", "lightgbm-2"
THREADS, RATE = 4, 50
"""Requests come from so many clients, each at so many a second."""


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


def test_a_named_run_is_served_on_the_newest_dataset(tmp_path, prices):
    home, file = tmp_path / "home", tmp_path / "prices.parquet"
    days = prices.get_column("date").unique().sort().to_list()
    prices.filter(pl.col("date") < days[-1]).write_parquet(file)
    evening(home, file)
    done(home, "train", "reversal", "--threads", 1, "--json")
    server = Server(home, "--run", "reversal", log=tmp_path / "log.txt")
    try:
        assert server.get("/ranking").json()["date"] == str(days[-2])
        missing = server.get("/ranking", date=str(days[-1]))
        assert missing.status_code == 404
        first = server.get("/version").json()
        assert (first["follows"], first["stale"]) == (["dataset"], None)

        prices.write_parquet(file)
        evening(home, file)
        body = later(server, "/ranking", lambda said: said["date"] == str(days[-1]))
        predicted = done(home, "predict", "--run", first["run"], "--json").json
        assert (body["date"], body["ranking"]) == (str(days[-1]), predicted["ranking"])
        assert body["run"] == first["run"]

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


# ------------------------------------------------------------------------------- publications


@pytest.fixture
def published(tmp_path):
    """A home with two bundles and their publications, the first one in service; and a key."""
    home = tmp_path / "home"
    home.mkdir()
    release(home, ONE)
    for day in SESSIONS[:3]:
        put(home, ONE, day)
    key, _ = add_key(keys_path(home), "load", expires=None, rate=1e5, now=SystemClock().now())
    return home, key


class Client(threading.Thread):
    """Asks for the ranking at a fixed rate over one connection, and checks each answer."""

    def __init__(self, port, key, stop):
        super().__init__()
        self.port, self.key, self.stop = port, key, stop
        self.seen, self.wrong = Counter(), []
        self.tags = {}

    def run(self):
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        begun, count = time.monotonic(), 0
        while not self.stop.is_set():
            count += 1
            time.sleep(max(0.0, begun + count / RATE - time.monotonic()))
            try:
                line.request("GET", "/ranking", headers={KEY_HEADER: self.key})
                answer = line.getresponse()
                self.check(answer, answer.read())
            except OSError as fault:
                self.wrong.append(repr(fault))
                line.close()
        line.close()

    def check(self, answer, content):
        if answer.status != 200:
            self.wrong.append(f"{answer.status}: {content[:200]}")
            return
        body = json.loads(content)
        day = datetime.fromisoformat(body["date"]).date()
        of = (body["bundle"], body["date"])
        whole = [row["code"] for row in body["ranking"]] == WANTED[body["bundle"], day]
        if not whole or body["dataset"] != f"data-{day}" or body["run"] != f"{body['bundle']}-run":
            self.wrong.append(f"mixed: {of}")
        if self.tags.setdefault(of, answer.headers["etag"]) != answer.headers["etag"]:
            self.wrong.append(f"two marks: {of}")
        self.seen[of] += 1


WANTED = {
    (name, day): ranking_of(name, day).get_column("code").to_list()
    for name in (ONE, TWO)
    for day in SESSIONS[:8]
}


def test_under_load_nothing_fails_and_nothing_is_mixed(published, tmp_path):
    """A publication, a release, a rollback and a damaged publication at 200 requests a second."""
    home, key = published
    server = Server(home, log=tmp_path / "log.txt")
    stop = threading.Event()
    clients = [Client(server.port, key, stop) for _ in range(THREADS)]
    expected = [(ONE, SESSIONS[2])]

    def served(name, day):
        expected.append((name, day))
        until = time.monotonic() + 15
        while not all(one.seen[name, str(day)] for one in clients):
            assert time.monotonic() < until, (name, day, [one.seen for one in clients])
            time.sleep(0.05)

    try:
        for one in clients:
            one.start()
        put(home, ONE, SESSIONS[3])
        served(ONE, SESSIONS[3])
        for day in SESSIONS[2:5]:
            put(home, TWO, day)
        release(home, TWO)
        served(TWO, SESSIONS[4])
        registry.rollback(home, source=SOURCE, why="", at=AT)
        counts = [one.seen[ONE, str(SESSIONS[3])] for one in clients]
        until = time.monotonic() + 15
        while [one.seen[ONE, str(SESSIONS[3])] for one in clients] <= counts:
            assert time.monotonic() < until
            time.sleep(0.05)
        made = put(tmp_path / "other", ONE, SESSIONS[5]).folder
        (made / "ranking.parquet").write_bytes(b"damaged")
        made.rename(publications_folder(home, SOURCE) / made.name)
        body = later(server, "/status", lambda said: said["damaged"])
        assert "ranking.parquet: is damaged" in body["damaged"][0]
        put(home, ONE, SESSIONS[6])
        served(ONE, SESSIONS[6])
    finally:
        stop.set()
        for one in clients:
            one.join(15)
        server.close()
    assert [one.wrong for one in clients] == [[]] * THREADS
    seen = sum((one.seen for one in clients), Counter())
    assert set(seen) == {(name, str(day)) for name, day in expected}
    assert seen.total() > 500
    assert server.process.returncode == 0


def test_a_key_ends_while_it_serves(published, tmp_path):
    home, key = published
    server = Server(home, log=tmp_path / "log.txt")
    try:
        assert server.get("/version", key=key).status_code == 200
        revoke_key(keys_path(home), "load", now=SystemClock().now())
        until = time.monotonic() + 10
        while server.get("/version", key=key).status_code != 401:
            assert time.monotonic() < until
            time.sleep(0.2)
        assert server.get("/version").status_code == 200, "the one of the environment goes on"
        text = (tmp_path / "log.txt").read_text()
        lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        assert {line["key"] for line in lines if line["route"] == "/version"} >= {"load"}
        assert key not in text
    finally:
        server.close()
