"""A plan's whole history, synced by monthly files from the sandbox exchange, measured.

Run: ``python benchmarks/sync_full.py [--size full] [--plan standard]``. The exchange is served by
this process over loopback, with its monthly files rendered beforehand; the sync runs in a process
of its own, whose wall and CPU seconds and peak memory are what is reported. Both share a virtual
clock, so pacing costs nothing here: the minutes that it would take are printed beside.
"""

from __future__ import annotations

import argparse
import mmap
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from gogooku.core.calendar import tokyo_sessions
from gogooku.core.progress import SilentReporter
from gogooku.core.wall import tokyo_instant
from gogooku.ingest.jquants.client import ApiKey, Client
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.ingest.jquants.pacing import Pacer
from gogooku.ingest.jquants.planning import dry_run
from gogooku.ingest.jquants.plans import Plan
from gogooku.ingest.jquants.raw import open_store
from gogooku.ingest.jquants.summary import SyncSummary
from gogooku.ingest.jquants.sync import sync as fetch
from gogooku.ingest.source import Source
from gogooku.pipeline import tables_source
from gogooku.tables.parts import Known
from measure import Measured, measured


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


def serve_exchange(size: str, plan: str, folder: Path, *, sessions: int | None) -> None:
    """Generate, render, serve; then let the client process do its work."""
    from gogooku.sandbox.exchange.exchange import Exchange, ExchangeSettings
    from gogooku.sandbox.exchange.opening import history_from
    from gogooku.sandbox.exchange.server import serve_in_thread
    from gogooku.sandbox.market.config import exchange_config
    from gogooku.sandbox.market.market import generate
    from gogooku.sandbox.sources import wires

    config = exchange_config(size, seed=1)
    if sessions is not None:
        first = tokyo_sessions(config.first_session, date(2026, 11, 6))[-sessions].item()
        config = config.model_copy(update={"num_sessions": sessions, "first_session": first})
    with measured() as work:
        market = generate(config)
    rows = int(market.listed.sum())
    print(f"market {size}: {rows:,} daily bars; {work}", flush=True)
    clock = SharedClock(folder / "clock")
    last = market.sessions[-3].item()
    clock.move_to(tokyo_instant(last, 21 * 60))
    exchange = Exchange(
        wires(market),
        clock=clock,
        settings=ExchangeSettings(
            files_folder=folder / "files",
            history_from=history_from(market.sessions[0].item(), today=last),
        ),
    )
    with measured() as work:
        num_files, num_bytes = exchange.render_files(Plan[plan.upper()])
    print(f"rendered {num_files:,} monthly files, {num_bytes / 2**30:.2f} GiB; {work}", flush=True)
    with serve_in_thread(exchange) as url:
        subprocess.run(
            [sys.executable, __file__, "--client", url, "--plan", plan, "--folder", str(folder)],
            check=True,
        )


@dataclass
class Bench:
    """The client's side: a store, a client on the shared clock, and what was measured."""

    home: Path
    client: Client
    clock: SharedClock
    work: list[Measured] = field(default_factory=list)

    def sync(self, names: Iterable[str], what: str) -> SyncSummary:
        """Sync some endpoints; a failure ends the benchmark."""
        with measured() as work:
            summary = fetch(
                open_store(self.home, "sandbox"),
                client=self.client,
                endpoints=[ENDPOINTS[name] for name in names],
                clock=self.clock,
                reporter=SilentReporter(),
            )
        if summary.failed:
            raise SystemExit(f"failed: {[(one.name, one.failed) for one in summary.failed]}")
        self.work.append(work)
        print(f"{what}: {summary.requests:,} requests; {work}", flush=True)
        return summary

    def derive(self, what: str) -> Source:
        """Derive the tables and the source."""
        with measured() as work:
            source = tables_source(self.home, "sandbox", known=Known(), reporter=SilentReporter())
        self.work.append(work)
        print(f"{what}: {work}", flush=True)
        return source


def run_client(url: str, plan: str, folder: Path) -> None:
    """Sync, derive, sync again, move a day; everything measured in this process."""
    clock = SharedClock(folder / "clock")
    start = clock.now()
    pacer = Pacer(Plan[plan.upper()], clock=clock)
    client = Client(base_url=url, key=ApiKey(f"sandbox-{plan}"), pacer=pacer, clock=clock)
    bench = Bench(folder / "home", client, clock)
    bench.sync(["calendar", "master"], "calendar and master")
    bars = bench.sync(["calendar", "quotes"], "daily bars")
    rows, bars_work = bars.total("rows"), bench.work[-1]
    print(
        f"  {rows:,} rows fetched, decoded, stored: {rows / bars_work.wall_seconds:,.0f} rows/s "
        f"wall, {rows / bars_work.cpu_seconds:,.0f} per CPU second"
    )
    bench.sync(ENDPOINTS, "all other endpoints")
    source = bench.derive("typed tables of everything")
    total = sum(work.wall_seconds for work in bench.work)
    cpu = sum(work.cpu_seconds for work in bench.work)
    peak = max(work.anonymous_gib for work in bench.work)
    minutes = (clock.now() - start).total_seconds() / 60
    print(
        f"TOTAL {total / 60:.1f} minutes of work ({cpu / 60:.1f} CPU), {client.requests:,} "
        f"requests that pacing spreads over {minutes:.0f} virtual minutes, "
        f"peak {peak:.2f} GiB anonymous"
    )
    for name, one in source.manifest["facts"]["tables"].items():
        print(f"  {name}: {one['rows']:,} rows, quarantined {sum(one['quarantined'].values()):,}")
    bench.sync(ENDPOINTS, "second sync, clock unmoved")
    clock.move_to(tokyo_instant(clock.now().date() + timedelta(days=1), 21 * 60))
    planned = dry_run(
        open_store(bench.home, "sandbox"), endpoints=ENDPOINTS.values(), now=clock.now()
    )
    print(f"a day later: {len(planned.jobs)} queries announced")
    bench.sync(ENDPOINTS, "sync of a day (pages count)")
    bench.derive("tables after a day")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="full")
    parser.add_argument("--plan", default="standard")
    parser.add_argument("--sessions", type=int, help="only the last so many sessions")
    parser.add_argument("--client")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.client:
        run_client(given.client, given.plan, given.folder)
        return
    folder = given.folder or Path(tempfile.mkdtemp(prefix="sync-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        serve_exchange(given.size, given.plan, folder, sessions=given.sessions)
    finally:
        if given.folder is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
