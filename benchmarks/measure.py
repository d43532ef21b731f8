"""What benchmarks measure with: wall and CPU seconds, and the peak of anonymous memory."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Measured:
    """One measured piece of work."""

    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    anonymous_gib: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.wall_seconds:.1f} s wall, {self.cpu_seconds:.1f} s CPU, "
            f"{self.anonymous_gib:.2f} GiB anonymous"
        )


def anonymous_gib() -> float:
    """Anonymous memory of this process now."""
    found = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found.group(1)) / 2**20 if found else 0.0


@contextmanager
def measured() -> Iterator[Measured]:
    """Measure a block; memory is sampled every 20 ms."""
    result = Measured()
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.02):
            result.anonymous_gib = max(result.anonymous_gib, anonymous_gib())

    thread = threading.Thread(target=watch)
    thread.start()
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        yield result
    finally:
        result.wall_seconds = time.perf_counter() - wall
        result.cpu_seconds = time.process_time() - cpu
        stop.set()
        thread.join()
