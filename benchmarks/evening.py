"""Wall and CPU seconds of each step of an evening on the sandbox exchange.

    python benchmarks/evening.py [--size demo] [--plan standard] [--sessions 500] [--evenings 3]
        [--features '["ret_1d_sec_z",...]'] [--threads 2] [--folder FOLDER]

The exchange is served by this process over loopback; the evenings run in another, whose seconds are
what is printed. First a home is made: sync of the plan's whole history, dataset, ridge, release.
Then the clock goes on session by session, and after each an evening is done: sync of the new
session (with the tables that follow from it), build, publish. A step within a step is indented; its
seconds are in those of the step around it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from gogooku import pipeline
from gogooku.core.calendar import tokyo_sessions
from gogooku.core.config import Execution
from gogooku.core.progress import SilentReporter
from gogooku.core.wall import tokyo_instant
from gogooku.evening.evening import Asked, evening
from gogooku.ingest.jquants.client import ApiKey, Client
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.ingest.jquants.pacing import Pacer
from gogooku.ingest.jquants.plan import SyncOptions
from gogooku.ingest.jquants.plans import Plan
from gogooku.ingest.jquants.summary import Synced
from measure import Measured, measured
from sync_full import Bench, SharedClock

SOURCE = "sandbox"
MINUTES = 20 * 60 + 35


@dataclass
class MeasuringReporter:
    """Measures what an evening shows."""

    steps: list[tuple[int, str, Measured]] = field(default_factory=list)
    depth: int = 0

    @contextmanager
    def step(self, name: str, total: float | None = None) -> Iterator[Any]:
        """Measure a step."""
        with SilentReporter().step(name, total) as shown, measured() as work:
            self.steps.append((self.depth, name, work))
            self.depth += 1
            try:
                yield shown
            finally:
                self.depth -= 1

    def say(self, text: str) -> None:
        """Print a line."""
        print(f"  {text}")


def serve(given: argparse.Namespace, folder: Path) -> None:
    """Serve a market whose last sessions are to come, and run the client beside it."""
    from gogooku.sandbox.exchange.exchange import Exchange, ExchangeSettings
    from gogooku.sandbox.exchange.opening import history_from
    from gogooku.sandbox.exchange.server import serve_in_thread
    from gogooku.sandbox.market.config import exchange_config
    from gogooku.sandbox.market.market import generate
    from gogooku.sandbox.sources import wires

    config = exchange_config(given.size, seed=1)
    count = given.sessions or config.num_sessions
    first = tokyo_sessions(date(2008, 5, 7), date(2026, 11, 6))[-count].item()
    market = generate(
        config.model_copy(update={"num_sessions": count, "first_session": first, "num_branches": 0})
    )
    last = market.sessions[-1 - given.evenings].item()
    clock = SharedClock(folder / "clock")
    clock.move_to(tokyo_instant(last, MINUTES))
    settings = ExchangeSettings(
        files_folder=folder / "files", history_from=history_from(first, today=last)
    )
    exchange = Exchange(wires(market), clock=clock, settings=settings)
    exchange.render_files(Plan[given.plan.upper()])
    print(
        f"{given.size}: {config.num_stocks:,} names, {count:,} sessions, {given.plan}", flush=True
    )
    with serve_in_thread(exchange) as url:
        subprocess.run(
            [sys.executable, __file__, *sys.argv[1:], "--client", url, "--folder", str(folder)],
            check=True,
        )


def run_client(given: argparse.Namespace) -> None:
    """Make the home, then do the evenings."""
    home, clock = given.folder / "home", SharedClock(given.folder / "clock")
    pacer = Pacer(Plan[given.plan.upper()], clock=clock)
    key = ApiKey(f"{SOURCE}-{given.plan}")
    client = Client(base_url=given.client, key=key, pacer=pacer, clock=clock)
    bench = Bench(home, client, clock)
    bench.sync(ENDPOINTS, "first sync")
    bench.derive("first tables")
    chosen = ["--set", f"features={given.features}"] if given.features else []
    threads = ["--threads", str(given.threads)]
    for argv in (
        ["build", "--source", SOURCE, *threads, *chosen],
        ["train", "ridge", *threads],
        ["evaluate", "ridge"],
        ["release", "ridge"],
    ):
        gogooku(home, *argv)
    last = clock.now().date()
    days = tokyo_sessions(last, date(2026, 11, 6))[1 : 1 + given.evenings].tolist()
    for day in days:
        clock.move_to(tokyo_instant(day, MINUTES))
        one_evening(bench, day, threads=given.threads)


def gogooku(home: Path, *argv: str) -> None:
    """A command of the home; one that fails ends the benchmark."""
    code = "import sys; from gogooku.cli import main; main(sys.argv[1:])"
    places = {"PYTHONPATH": os.pathsep.join(sys.path), "GOGOOKU_HOME": str(home), "HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", code, *argv, "--json"],
        env=places,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"gogooku {' '.join(argv)}: exit {done.returncode}: {done.stderr}")


def one_evening(bench: Bench, day: date, *, threads: int) -> None:
    """An evening, and what each step took."""
    reporter = MeasuringReporter()

    def fetch() -> Synced:
        return pipeline.sync(
            bench.home,
            SOURCE,
            bench.client,
            endpoints=tuple(ENDPOINTS),
            options=SyncOptions(),
            clock=bench.clock,
            reporter=reporter,
        )

    with measured() as work:
        done = evening(
            bench.home,
            Asked(source=SOURCE),
            fetch=fetch,
            execution=Execution(threads=threads),
            clock=bench.clock,
            reporter=reporter,
        )
    if [one.session for one in done.published] != [day]:
        raise SystemExit(f"{day}: published {done.published}, refused {done.refused}")
    print(f"{day}: {work}")
    for depth, name, one in reporter.steps:
        print(f"  {'  ' * depth}{name}: {one.wall_seconds:.2f} s wall, {one.cpu_seconds:.2f} s CPU")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="demo")
    parser.add_argument("--plan", default="standard")
    parser.add_argument("--sessions", type=int, help="only the last so many sessions")
    parser.add_argument("--evenings", type=int, default=3)
    parser.add_argument("--features", help="JSON list; every feature of the source by default")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--client")
    parser.add_argument("--folder", type=Path, help="empty; kept, with the home in it")
    given = parser.parse_args()
    if given.client:
        run_client(given)
    elif given.folder:
        given.folder.mkdir(parents=True, exist_ok=True)
        serve(given, given.folder)
    else:
        with tempfile.TemporaryDirectory(prefix="evening-") as folder:
            serve(given, Path(folder))


if __name__ == "__main__":
    main()
