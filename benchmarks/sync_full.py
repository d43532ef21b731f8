"""A plan's whole history, synced by monthly files from the sandbox exchange, measured.

Run: ``python benchmarks/sync_full.py [--size full] [--plan standard]``. The exchange is served by
this process over loopback, with its monthly files rendered beforehand; the sync runs in a process
of its own, whose wall and CPU seconds and peak memory are what is reported. Both share a virtual
clock, so pacing costs nothing here: the minutes that it would take are printed beside.
"""

from __future__ import annotations

import argparse
import json
import mmap
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gogooku.core.wall import tokyo_instant
from measure import measured


class SharedClock:
    """A virtual clock that two processes share through eight bytes of a file."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(8))
        with path.open("r+b") as handle:
            self._memory = mmap.mmap(handle.fileno(), 8)

    def now(self) -> datetime:
        """The shared instant."""
        return datetime.fromtimestamp(struct.unpack("d", self._memory[:8])[0], UTC)

    def sleep(self, seconds: float) -> None:
        """Move the shared instant."""
        if seconds > 0:
            self.move_to(self.now() + timedelta(seconds=seconds))

    def move_to(self, instant: datetime) -> None:
        """Set the shared instant."""
        self._memory[:8] = struct.pack("d", instant.timestamp())


def serve_exchange(size: str, plan: str, folder: Path) -> None:
    """Generate, render, serve; then let the client process do its work."""
    from gogooku.sandbox.exchange import Exchange, ExchangeSettings
    from gogooku.sandbox.server import serve_in_thread

    from gogooku.ingest.endpoints import Plan
    from gogooku.sandbox.config import exchange_config
    from gogooku.sandbox.market import generate
    from gogooku.sandbox.sources import wires

    with measured() as work:
        market = generate(exchange_config(size, seed=1))
    rows = int(market.listed.sum())
    print(f"market {size}: {rows:,} daily bars; {work}", flush=True)
    clock = SharedClock(folder / "clock")
    last = market.sessions[-3].item()
    clock.move_to(tokyo_instant(last, 21 * 60))
    exchange = Exchange(
        wires(market),
        clock=clock,
        settings=ExchangeSettings(files_folder=folder / "files"),
    )
    with measured() as work:
        num_files, num_bytes = exchange.render_files(Plan[plan.upper()])
    print(f"rendered {num_files:,} monthly files, {num_bytes / 2**30:.2f} GiB; {work}", flush=True)
    with serve_in_thread(exchange) as url:
        subprocess.run(
            [sys.executable, __file__, "--client", url, "--plan", plan, "--folder", str(folder)],
            check=True,
        )


def run_client(url: str, plan: str, folder: Path) -> None:
    """Sync, derive, sync again, move a day; everything measured in this process."""
    from gogooku.ingest.client import ApiKey, Client
    from gogooku.ingest.sync import dry_run
    from gogooku.ingest.sync import sync as fetch

    from gogooku.core.progress import SilentReporter
    from gogooku.ingest.endpoints import ENDPOINTS, Plan
    from gogooku.ingest.pacing import Pacer
    from gogooku.ingest.plan import BulkUse
    from gogooku.ingest.raw import open_store
    from gogooku.pipeline import tables_source
    from gogooku.tables.parts import Known

    clock = SharedClock(folder / "clock")
    start = clock.now()
    home = folder / "home"
    pacer = Pacer(Plan[plan.upper()], clock=clock)
    client = Client(base_url=url, key=ApiKey(f"sandbox-{plan}"), pacer=pacer, clock=clock)
    store = open_store(home, "sandbox")

    def go(names: list[str]) -> dict[str, object]:
        summary = fetch(
            store,
            client,
            endpoints=[ENDPOINTS[name] for name in names],
            clock=clock,
            reporter=SilentReporter(),
            use_bulk=BulkUse.WHERE_CHEAPER,
        )
        failed = {n: o.failed for n, o in summary.endpoints.items() if o.failed}
        if failed:
            raise SystemExit(f"failed: {failed}")
        return summary.to_json()

    with measured() as bars:
        go(["calendar", "master"])
        begun = time.perf_counter()
        made = go(["quotes"])
        quote_seconds = time.perf_counter() - begun
    rows = made["endpoints"]["quotes"]["rows"]  # type: ignore[index]
    print(f"calendar, master and daily bars fetched, checked, stored: {bars}")
    print(f"daily bars: {rows:,} rows in {quote_seconds:.1f} s, {rows / quote_seconds:,.0f} rows/s")
    with measured() as rest:
        made = go(list(ENDPOINTS))
    print(f"all other endpoints: {rest}")
    with measured() as derived:
        source = tables_source(home, "sandbox", known=Known(), reporter=SilentReporter())
    print(f"typed tables of everything: {derived}")
    total = bars.wall_seconds + rest.wall_seconds + derived.wall_seconds
    peak = max(bars.anonymous_gib, rest.anonymous_gib, derived.anonymous_gib)
    minutes = (clock.now() - start).total_seconds() / 60
    print(
        f"TOTAL {total / 60:.1f} minutes of work, {client.requests:,} requests, "
        f"{minutes:.0f} virtual minutes of pacing, peak {peak:.2f} GiB anonymous"
    )
    for name, one in source.manifest["facts"]["tables"].items():
        print(f"  {name}: {one['rows']:,} rows, quarantined {sum(one['quarantined'].values()):,}")

    before = client.requests
    go(list(ENDPOINTS))
    print(f"second sync, clock unmoved: {client.requests - before} requests")
    moved = tokyo_instant(clock.now().date() + timedelta(days=1), 21 * 60)
    clock.move_to(moved)
    planned = dry_run(
        store,
        endpoints=list(ENDPOINTS.values()),
        now=clock.now(),
        plan=Plan[plan.upper()],
        use_bulk=BulkUse.WHERE_CHEAPER,
    )
    before = client.requests
    go(list(ENDPOINTS))
    print(
        f"a day later: {len(planned.jobs)} queries announced, "
        f"{client.requests - before} requests made (pages included)"
    )
    with measured() as derived:
        tables_source(home, "sandbox", known=Known(), reporter=SilentReporter())
    print(f"tables after a day: {derived}")
    print(json.dumps({"minutes": total / 60, "rows_per_second": rows / quote_seconds}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="full")
    parser.add_argument("--plan", default="standard")
    parser.add_argument("--client")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.client:
        run_client(given.client, given.plan, given.folder)
        return
    folder = given.folder or Path(tempfile.mkdtemp(prefix="sync-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        serve_exchange(given.size, given.plan, folder)
    finally:
        if given.folder is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
