"""The server under load: requests at a fixed rate over kept connections, answered in how long.

    python benchmarks/serve_load.py --rate 500 --seconds 60

A home with a publication of 4,400 names is made, and `gogooku serve` started on it, on one core;
the load comes from another one. The load is open: a request is due at its time, whether or not the
one before it is answered, and its latency counts from when it was due; so a server that stalls is
not measured less often. Printed are requests a second, latencies, errors, and the memory of the
server at the start, after warm-up and at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gogooku.core.wall import SystemClock
from gogooku.serve.keys import KEY_HEADER, add_key, keys_path

ROOT = Path(__file__).resolve().parents[1]
CONNECTIONS = 32
WARM_UP_SECONDS = 3.0
LATE_SECONDS = 10.0


def make_home(home: Path, *, names: int) -> str:
    """A home with publications of one released bundle, and a key; returns the key."""
    sys.path.insert(0, str(ROOT / "tests"))
    from support.published import SESSIONS, put, release

    release(home, "ridge-1")
    for day in SESSIONS[:20]:
        put(home, "ridge-1", day, num_names=names)
    key, _ = add_key(keys_path(home), "load", expires=None, rate=1e5, now=SystemClock().now())
    return key


def start(home: Path, *, core: int | None) -> tuple[subprocess.Popen[str], int]:
    """Start a server on a core; its process and port."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from gogooku import cli; cli.main(['serve', '--port', '0', '--json', '--log', "
            f"{str(home / 'access.log')!r}])",
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={"GOGOOKU_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    if core is not None:
        os.sched_setaffinity(process.pid, {core})
    assert process.stdout is not None
    text = ""
    while True:
        line = process.stdout.readline()
        assert line, "the server did not start"
        text += line
        if line.startswith("}"):
            return process, int(json.loads(text)["address"].rpartition(":")[2])


@dataclass
class Load:
    """What came back: latencies from when a request was due, and codes."""

    latencies: list[float] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)


async def connection(
    port: int, request: bytes, due: asyncio.Queue[float | None], load: Load
) -> None:
    """Send requests as they are due, one after the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (at := await due.get()) is not None:
        try:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
            load.codes[head[9:12].decode()] += 1
            load.latencies.append(time.perf_counter() - at)
        except (OSError, asyncio.IncompleteReadError) as fault:
            load.codes[type(fault).__name__] += 1
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()


async def drive(port: int, request: bytes, *, rate: float, seconds: float) -> Load:
    """Requests at a rate for some seconds."""
    load = Load()
    due: asyncio.Queue[float | None] = asyncio.Queue()
    workers = [
        asyncio.create_task(connection(port, request, due, load)) for _ in range(CONNECTIONS)
    ]
    begun = time.perf_counter()
    for n in range(int(rate * seconds)):
        at = begun + n / rate
        wait = at - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        due.put_nowait(at)
    for _ in workers:
        due.put_nowait(None)
    await asyncio.wait_for(asyncio.gather(*workers), LATE_SECONDS)
    return load


def resident_mib(process: subprocess.Popen[str]) -> float:
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def cpu_seconds(process: subprocess.Popen[str]) -> float:
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def report(load: Load, *, seconds: float, cpu: float) -> None:
    wrong = {code: count for code, count in load.codes.items() if code != "200"}
    p50, p90, p99, p999 = 1000 * np.quantile(load.latencies, (0.5, 0.9, 0.99, 0.999))
    print(
        f"{len(load.latencies) / seconds:.0f} requests a second for {seconds:.0f} s; latency in "
        f"ms: p50 {p50:.2f}, p90 {p90:.2f}, p99 {p99:.2f}, p99.9 {p999:.2f}, most "
        f"{1000 * max(load.latencies):.1f}; errors: {wrong or 0}; server: "
        f"{1000 * cpu / len(load.latencies):.3f} ms of CPU a request"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rate", type=float, default=500.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--names", type=int, default=4_400, help="names of a publication")
    parser.add_argument("--path", default="/ranking?top=100")
    parser.add_argument("--gzip", action="store_true", help="take packed answers")
    asked = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    print(f"cores: {cores}; load average {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as place:
        home = Path(place) / "home"
        home.mkdir()
        key = make_home(home, names=asked.names)
        process, port = start(home, core=cores[0] if len(cores) > 1 else None)
        os.sched_setaffinity(0, {cores[-1]})
        accepted = "Accept-Encoding: gzip\r\n" if asked.gzip else ""
        request = (
            f"GET {asked.path} HTTP/1.1\r\nHost: x\r\n{KEY_HEADER}: {key}\r\n{accepted}\r\n"
        ).encode()
        try:
            memory = [resident_mib(process)]
            asyncio.run(drive(port, request, rate=asked.rate, seconds=WARM_UP_SECONDS))
            memory.append(resident_mib(process))
            before = cpu_seconds(process)
            load = asyncio.run(drive(port, request, rate=asked.rate, seconds=asked.seconds))
            memory.append(resident_mib(process))
            report(load, seconds=asked.seconds, cpu=cpu_seconds(process) - before)
            start_, warm, end = memory
            print(f"memory of the server: {start_:.1f}, {warm:.1f}, {end:.1f} MiB")
        finally:
            process.terminate()
            process.wait(timeout=20)


if __name__ == "__main__":
    main()
