"""The access log: lines, no waiting, and a file that may be moved away."""

import json
import threading

from gogooku.core.rotated import RotatedFile
from gogooku.serve import access_log as module
from gogooku.serve.access_log import AccessLog


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_lines_are_written_in_order_for_the_owner_alone(tmp_path):
    path = tmp_path / "access.log"
    log = AccessLog(RotatedFile(path))
    for n in range(2_000):
        log.write({"n": n, "name": "東京"})
    log.close(wait=10)
    assert [line["n"] for line in read(path)] == list(range(2_000))
    assert path.stat().st_mode & 0o777 == 0o600


def test_after_the_file_was_moved_a_new_one_is_begun(tmp_path):
    path = tmp_path / "access.log"
    log = AccessLog(RotatedFile(path))
    log.write({"n": 1})
    while not path.read_text():
        pass
    path.rename(tmp_path / "access.log.1")
    log.write({"n": 2})
    log.close(wait=10)
    assert read(tmp_path / "access.log.1") == [{"n": 1}]
    assert read(path) == [{"n": 2}]


def test_a_full_file_is_moved_aside(tmp_path):
    path = tmp_path / "access.log"
    log = AccessLog(RotatedFile(path, most_bytes=1_000, kept=50))
    for n in range(500):
        log.write({"n": n})
        if n % 50 == 49:
            while not log._queue.empty():
                pass
    log.close(wait=10)
    older = sorted(tmp_path.glob("access.log.*"), key=lambda one: -int(one.suffix[1:]))
    assert len(older) > 2
    assert [line["n"] for one in (*older, path) for line in read(one)] == list(range(500))


def test_without_a_file_it_is_standard_error(capfd):
    log = AccessLog(None)
    log.write({"n": 1})
    log.close(wait=10)
    assert json.loads(capfd.readouterr().err) == {"n": 1}


def test_where_nothing_can_be_written_nobody_waits_and_what_is_lost_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_MOST_WAITING", 10)
    held, go_on = threading.Event(), threading.Event()
    path = tmp_path / "access.log"
    log = AccessLog(RotatedFile(path))
    put = log._put

    def slow(texts):
        held.set()
        assert go_on.wait(10)
        put(texts)

    monkeypatch.setattr(log, "_put", slow)
    log.write({"n": 0})
    assert held.wait(10)
    for n in range(1, 100):
        log.write({"n": n})
    go_on.set()
    log.close(wait=10)
    found = read(path)
    assert {"event": "log_lines_lost", "count": 89} in found
    assert len(found) == 12
