"""The server with real sockets: slow clients, floods, few descriptors, and an end in time."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx
import pytest

import gogooku
from gogooku.core.listen import LOOPBACK, Address, listen
from gogooku.core.rotated import RotatedFile
from gogooku.core.wall import SystemClock
from gogooku.serve.access_log import AccessLog
from gogooku.serve.answers import prepared, said
from gogooku.serve.connection import Times
from gogooku.serve.fresh import Fresh
from gogooku.serve.keys import KEY_HEADER, Key, KeyRing, hash_key
from gogooku.serve.pages import Page
from gogooku.serve.server import room_for
from gogooku.serve.service import Service
from support.asking import KEY, MANY

BIG = os.urandom(8_000_000)
BIG_ANSWER = prepared(BIG)
PAGES = (
    Page("/health", "H.", lambda _: said({"status": "ok"}), is_open=True),
    Page("/big", "B.", lambda _: BIG_ANSWER),
)
QUICK = Times(request=1.5, taken=1.5, rest=30.0, stop=1.5)


@contextmanager
def running(tmp_path, *, times=QUICK, most=1_000, looks=()):
    """A server in a thread; yields its port and its service."""
    keys = Fresh.fixed(KeyRing([Key("desk", hash_key(KEY), rate=MANY)]))
    log = AccessLog(RotatedFile(tmp_path / "access.log"))
    service = Service(PAGES, keys, log=log, clock=SystemClock(), looks=looks)
    with closing(listen(Address(LOOPBACK, 0))) as listener:
        port = listener.getsockname()[1]
        server = service.server(listener, times=times, most=most)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            wait_until(lambda: ask(port).status_code == 200)
            wait_until(lambda: not server._open)
            yield port, server
        finally:
            server.stop()
            thread.join(20)
            assert not thread.is_alive()


def wait_until(holds, *, seconds=20.0):
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it did not come about in time"
        time.sleep(0.02)


def ask(port, path="/health", **headers):
    return httpx.get(f"http://{LOOPBACK}:{port}{path}", headers=headers, timeout=10)


def dial(port, stack, *, sent=b"", receive=None):
    one = stack.enter_context(socket.socket())
    if receive is not None:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    one.settimeout(10)
    one.connect((LOOPBACK, port))
    one.sendall(sent)
    return one


def is_closed(one):
    """Whether the other side has hung up; what it said before is read past."""
    one.setblocking(False)
    try:
        while one.recv(1 << 16):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def events(server):
    return server._site.measures._events


def test_two_hundred_clients_that_dribble_block_nobody_and_are_closed(tmp_path):
    with running(tmp_path) as (port, server), ExitStack() as stack:
        slow = [dial(port, stack, sent=b"GET /health HTT") for _ in range(200)]
        waits = []
        until = time.monotonic() + 1.2
        while time.monotonic() < until:
            for one in slow:
                one.send(b"x")
            begun = time.monotonic()
            assert ask(port).status_code == 200
            waits.append(time.monotonic() - begun)
            time.sleep(0.1)
        assert max(waits) < 0.7, waits
        wait_until(lambda: all(is_closed(one) for one in slow), seconds=6)
        assert events(server)["closed_slow_request"] == 200


def test_clients_that_read_nothing_take_little_memory_and_are_closed(tmp_path):
    request = f"GET /big HTTP/1.1\r\nHost: x\r\n{KEY_HEADER}: {KEY}\r\n\r\n".encode()
    with running(tmp_path) as (port, server), ExitStack() as stack:
        before = resident()
        slow = [dial(port, stack, sent=request, receive=4_096) for _ in range(60)]
        time.sleep(0.5)
        assert resident() - before < 60 << 20, "60 answers of 8 MB are not in memory"
        assert ask(port).status_code == 200
        wait_until(lambda: events(server)["closed_slow_reader"] == len(slow), seconds=6)


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_it_stops_in_time_whatever_clients_do(tmp_path):
    request = f"GET /big HTTP/1.1\r\nHost: x\r\n{KEY_HEADER}: {KEY}\r\n\r\n".encode()
    slow = Times(request=60, taken=60, rest=60, stop=1.0)
    with ExitStack() as stack:
        with running(tmp_path, times=slow) as (port, _):
            dial(port, stack, sent=request, receive=4_096)
            dial(port, stack, sent=b"GET /health HT")
            dial(port, stack)
            dial(port, stack, sent=b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(0.2)
            begun = time.monotonic()
        assert time.monotonic() - begun < 4.0


def test_an_answer_on_its_way_arrives_when_it_stops(tmp_path):
    request = f"GET /big HTTP/1.1\r\nHost: x\r\n{KEY_HEADER}: {KEY}\r\n\r\n".encode()
    slow = Times(request=60, taken=60, rest=60, stop=10.0)
    with ExitStack() as stack:
        with running(tmp_path, times=slow) as (port, server):
            one = dial(port, stack, sent=request, receive=65_536)
            head = one.recv(1_000)
            server.stop()
            time.sleep(0.3)
            rest = b"".join(iter(lambda: one.recv(1 << 20), b""))
        assert (head + rest).endswith(BIG)


def test_more_than_it_serves_are_told_so_and_make_room_again(tmp_path):
    with running(tmp_path, most=10) as (port, server), ExitStack() as stack:
        held = [dial(port, stack, sent=b"GET /health HT") for _ in range(10)]
        wait_until(lambda: len(server._open) == 10)
        refused = ask(port)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        held.pop().close()
        wait_until(lambda: ask(port).status_code == 200)


def test_who_rests_makes_room(tmp_path):
    whole = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    with running(tmp_path, most=10) as (port, server), ExitStack() as stack:
        held = [dial(port, stack, sent=whole) for _ in range(10)]
        wait_until(lambda: sum(one.is_resting for one in server._open) == 10)
        assert ask(port).status_code == 200
        assert events(server)["closed_for_another"] == 1
        wait_until(lambda: sum(map(is_closed, held)) == 1)


def test_what_is_looked_at_is_looked_at_while_it_serves(tmp_path, monkeypatch):
    monkeypatch.setattr("gogooku.serve.fresh.LOOK_EVERY", 0.01)
    seen = threading.Event()
    with running(tmp_path, looks=[lambda now: seen.set()]):
        assert seen.wait(10)


def test_room_follows_from_descriptors():
    assert room_for(1_000, limit=4_096, in_use=30) == (1_000, 64)
    assert room_for(1_000, limit=64, in_use=20) == (21, 7)
    assert room_for(1_000, limit=20, in_use=20) == (1, 1)


# ------------------------------------------------------------------------ in a process of its own

ALONE = """
import resource, sys
sys.path.insert(0, {tests!r})
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
from tests.serve.test_server import alone
alone({log!r})
"""


def alone(log):
    """Serve in this process until it is stopped; prints the port."""
    keys = Fresh.fixed(KeyRing([Key("desk", hash_key(KEY), rate=MANY)]))
    service = Service(PAGES, keys, log=AccessLog(RotatedFile(Path(log))), clock=SystemClock())
    with closing(listen(Address(LOOPBACK, 0))) as listener:
        server = service.server(listener, times=QUICK)
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        server.run()


@pytest.fixture
def poor(tmp_path):
    """A server that may open 64 files."""
    root = Path(gogooku.__file__).parents[2]
    code = ALONE.format(tests=str(root), log=str(tmp_path / "access.log"))
    paths = [str(root / "src"), str(root / "tests"), str(root)]
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": os.pathsep.join(paths)},
    )
    port = int(process.stdout.readline())
    yield process, port, tmp_path / "access.log"
    process.kill()
    process.communicate()


def cpu_seconds(process):
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def test_without_descriptors_it_neither_spins_nor_floods_and_comes_back(poor):
    process, port, log = poor
    wait_until(lambda: ask(port).status_code == 200)
    with ExitStack() as stack:
        for _ in range(150):
            dial(port, stack, sent=b"GET /health HT")
        begun = cpu_seconds(process)
        time.sleep(1.0)
        assert cpu_seconds(process) - begun < 0.5, "it spins"
        assert log.stat().st_size < 40_000, "it floods its log"
    wait_until(lambda: ask(port).status_code == 200)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line.get("event") for line in lines} & {"connections_refused", "connections_waiting"}
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=15)
    assert (process.returncode, err) == (0, "")


def test_a_lack_of_descriptors_elsewhere_is_waited_out(tmp_path, monkeypatch):
    """Descriptors that others of the process took: accepting itself fails, and is tried again."""
    with running(tmp_path) as (port, server):
        fail = [True]
        accept = server._listener.accept

        class Listener:
            def __getattr__(self, name):
                return getattr(listener, name)

            def accept(self):
                if fail[0]:
                    raise OSError(24, "Too many open files")
                return accept()

        listener = server._listener
        monkeypatch.setattr(server, "_listener", Listener())
        with socket.create_connection((LOOPBACK, port)):
            wait_until(lambda: events(server)["descriptors_lacking"] >= 2)
            assert events(server)["descriptors_lacking"] < 10
            fail[0] = False
            assert ask(port).status_code == 200
    lines = (tmp_path / "access.log").read_text()
    assert lines.count("descriptors_lacking") == 1
