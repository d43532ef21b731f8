"""The dataset of a whole market: built from typed tables to tensors, then grown by one session.

Run: ``python benchmarks/dataset.py [--size full] [--plan premium] [--folder FOLDER]``. The tables
come from the sandbox exchange over loopback (`sync_full.py` measures that); a ``--folder`` keeps
the exchange's files, the raw store and the datasets, and is used again. Each build runs in a
process of its own, whose wall and CPU seconds and peak anonymous memory are reported. ``--audit``
only audits the dataset of a folder; ``--replay DAY DAY ...`` builds, from what its store holds, the
dataset as known on the first day and grows it as known on each of the others.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import cast

from gogooku import pipeline
from gogooku.core.config import Execution, resolve
from gogooku.core.files import read_json
from gogooku.core.progress import SilentReporter, Step
from gogooku.core.wall import tokyo_instant, tokyo_time
from gogooku.dataset.assemble import BuildConfig
from gogooku.ingest.jquants.client import ApiKey, Client
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.ingest.jquants.pacing import Pacer
from gogooku.ingest.jquants.plans import Plan
from gogooku.ingest.jquants.raw import open_store
from gogooku.ingest.source import read_source, source_names
from gogooku.tables.delivery import deliver
from gogooku.tables.panel import sessions_of
from gogooku.tables.parts import Known, derive
from measure import measured
from sync_full import Bench, SharedClock

SOURCE = "sandbox"
MOST_DAYS_OFF = 8
"""Days in a row on which the exchange may be closed."""


class StepTimes(SilentReporter):
    """Prints what each outer step of a build cost."""

    depth = 0

    @contextmanager
    def step(self, name: str, total: float | None = None) -> Iterator[Step]:
        """Measure a step."""
        self.depth += 1
        with measured() as work, super().step(name, total) as inner:
            yield inner
        self.depth -= 1
        if self.depth <= 1:
            print(f"  {'  ' * self.depth}{name}: {work}", flush=True)


def build(home: Path, what: str) -> None:
    """Build, or grow, and say what it took."""
    resolved = resolve(BuildConfig(source=SOURCE), base_name="benchmark")
    with measured() as work:
        made = pipeline.build(home, resolved, execution=Execution(), reporter=StepTimes())
    t, n, f = made.x_TNF.shape
    print(f"{what}: {t} sessions x {n} codes x {f} + {len(made.market_features)} features; {work}")


def serve(size: str, plan: str, folder: Path) -> None:
    """Open the exchange of a size, and let a client of its own process sync, build, grow."""
    from gogooku.sandbox.exchange.exchange import Exchange, ExchangeSettings
    from gogooku.sandbox.exchange.opening import history_from
    from gogooku.sandbox.exchange.server import serve_in_thread
    from gogooku.sandbox.market.config import exchange_config
    from gogooku.sandbox.market.market import generate
    from gogooku.sandbox.sources import wires

    market = generate(exchange_config(size, seed=1))
    clock = SharedClock(folder / "clock")
    last = market.sessions[-5].item()
    if clock.now().year < last.year:
        clock.move_to(tokyo_instant(last, 21 * 60))
    first = history_from(market.sessions[0].item(), today=last)
    settings = ExchangeSettings(files_folder=folder / "files", history_from=first)
    with serve_in_thread(Exchange(wires(market), clock=clock, settings=settings)) as url:
        command = [sys.executable, __file__, "--client", url, "--plan", plan]
        subprocess.run([*command, "--folder", str(folder)], check=True)


def sync(url: str, plan: str, folder: Path) -> None:
    """Fetch and type what is new by the clock."""
    clock = SharedClock(folder / "clock")
    pacer = Pacer(Plan[plan.upper()], clock=clock)
    client = Client(base_url=url, key=ApiKey(f"sandbox-{plan}"), pacer=pacer, clock=clock)
    bench = Bench(folder / "home", client, clock)
    bench.sync(ENDPOINTS, "sync")
    bench.derive("typed tables")


def run_client(url: str, plan: str, folder: Path) -> None:
    """Sync and build, then a session later again."""
    if SOURCE not in source_names(folder / "home"):
        sync(url, plan, folder)
    run_build(folder, "whole build")
    before = last_session(folder)
    clock = SharedClock(folder / "clock")
    for _ in range(MOST_DAYS_OFF):
        tomorrow = tokyo_time(clock.now()).date() + timedelta(days=1)
        clock.move_to(tokyo_instant(tomorrow, 21 * 60))
        sync(url, plan, folder)
        if last_session(folder) > before:
            run_build(folder, "one session more")
            return
    raise SystemExit(f"the market of {folder} ends on {before}: there is no session more")


def replay(folder: Path, days: Sequence[date]) -> None:
    """Build as known on the first day, and grow as known on the others."""
    home = folder / "home"
    store = open_store(home, SOURCE)
    plan = store.subscription()
    facts = {"plan": plan.plan.label if plan else None}
    for day in days:
        with measured() as work:
            tables = derive(home, store, known=Known(on=day), reporter=SilentReporter())
            # under the name of the source, as if it had been synced up to then
            deliver(home, SOURCE, tables, known=Known(), facts=facts)
        print(f"typed tables as known on {day}: {work}", flush=True)
        run_build(folder, "whole build" if day == days[0] else f"grown, as known on {day}")


def last_session(folder: Path) -> date:
    """The newest session that has prices."""
    return cast("date", sessions_of(read_source(folder / "home", SOURCE).quotes())[-1].item())


def run_build(folder: Path, what: str) -> None:
    """Build in a process of its own."""
    subprocess.run([sys.executable, __file__, "--build", what, "--folder", str(folder)], check=True)


def audit(folder: Path) -> None:
    """Audit the dataset that is there."""
    from gogooku.commands import audit as command

    name = str(read_json(folder / "home" / "datasets" / "current.json")["dataset"])
    with measured() as work:
        answer = command.audit(
            folder / "home", name, dates=5, seed=1, execution=Execution(), reporter=StepTimes()
        )
    print(f"audit: {work}")
    print(answer.facts)
    print(answer.failure or "nothing found")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="full")
    parser.add_argument("--plan", default="premium")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--audit", action="store_true", help="only audit the dataset of a folder")
    parser.add_argument("--replay", nargs="+", type=date.fromisoformat, metavar="DAY")
    parser.add_argument("--client")
    parser.add_argument("--build")
    given = parser.parse_args()
    if given.client:
        run_client(given.client, given.plan, given.folder)
        return
    if given.build:
        build(given.folder / "home", given.build)
        return
    if given.audit:
        audit(given.folder)
        return
    if given.replay:
        replay(given.folder, given.replay)
        return
    folder = given.folder or Path(tempfile.mkdtemp(prefix="dataset-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        serve(given.size, given.plan, folder)
    finally:
        if given.folder is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
