"""CPU seconds and peak memory per feature value: Qlib's Alpha158 against ours, on one panel.

    python benchmarks/qlib_alpha158.py --qlib-python QLIBENV/bin/python [--names N] [--sessions T]

``QLIBENV`` is an environment of its own: ``python -m venv QLIBENV``, then
``QLIBENV/bin/pip install pyqlib==0.9.7``.

A sandbox market is stored as a source and written in Qlib's format. Then, one after the other and
each in a process of its own: ``D.features`` of the 158 expressions of Alpha158 (no processors, no
caches, no label) from those files, with one and with two workers; and all our features that need
nothing but bars, from the stored source to values, with one and with two threads. Intermediates
count as work and not as features; market features count one value a session. CPU seconds are those
of the work, children included, without imports. Memory is the highest sum over the process tree
(proportional shares, so that what workers share counts once), sampled five times a second. Exit
code 1 when ours takes more than a sixth of Qlib's CPU seconds per value, or more memory.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gogooku.core.calendar import Clock
from gogooku.core.config import Execution, resolve
from gogooku.core.memory import keep_freed_memory
from gogooku.core.progress import SilentReporter
from gogooku.core.types import Feature, FloatArray, Panel, Role
from gogooku.dataset.assemble import blocks_of
from gogooku.dataset.export.qlib import QlibContent, write_qlib
from gogooku.dataset.universe import UniverseConfig, universe_of
from gogooku.features.catalogue import CATALOGUE, base_inputs, select
from gogooku.features.engine.compute import (
    CALENDAR_COLUMNS,
    STOCK_COLUMNS,
    base_columns,
    compute_rows,
    growth_of,
)
from gogooku.ingest.source import read_source
from gogooku.pipeline import sandbox
from gogooku.sandbox.market.market import market_config
from gogooku.tables.panel import build_panel
from qlib_worker import spent

SOURCE = "bars"
BARS = (*STOCK_COLUMNS, *CALENDAR_COLUMNS)
"""Base columns that come from bars and their dates."""
SHARE = 1.0 / 6.0
"""Largest share of Qlib's CPU seconds per value that ours may take."""


@dataclass(frozen=True)
class Seen:
    """One watched process: what it printed, and the peaks of its tree."""

    facts: dict[str, Any]
    anonymous_gib: float
    all_gib: float

    @property
    def values(self) -> int:
        """Values of features that were asked for."""
        return int(self.facts["rows"] * self.facts["features"] + self.facts.get("market", 0))

    @property
    def cpu_per_million(self) -> float:
        """CPU seconds per million of them."""
        return float(self.facts["cpu_seconds"]) / self.values * 1e6

    def __str__(self) -> str:
        return (
            f"{self.facts['rows']:,} rows x {self.facts['features']} features "
            f"= {self.values / 1e6:.1f} M values, {self.facts['cpu_seconds']:.1f} s CPU, "
            f"{self.facts['wall_seconds']:.1f} s wall, "
            f"{self.cpu_per_million:.3f} s CPU per million, "
            f"{self.anonymous_gib:.2f} GiB anonymous, {self.all_gib:.2f} GiB with files"
        )


# ------------------------------------------------------------------------------------- the panel


def make_panel(home: Path, *, names: int, sessions: int) -> Panel:
    config = market_config("study", seed=1).model_copy(
        update={"num_stocks": names, "num_sessions": sessions}
    )
    sandbox(home, SOURCE, resolve(config, base_name="study"), reporter=SilentReporter())
    return build_panel(read_source(home, SOURCE), clock=Clock.EVENING)


def qlib_content(panel: Panel) -> QlibContent:
    """The bars of a panel, with the average price of the day that Alpha158 wants."""
    growth = growth_of(panel)
    bars = {name: panel.dense(name) / growth for name in ("open", "high", "low", "close")}
    shares = panel.dense("volume_shares")
    bars["volume"] = shares * growth
    with np.errstate(divide="ignore", invalid="ignore"):
        bars["vwap"] = panel.dense("turnover_value") / shares / growth
    bars["factor"] = 1.0 / growth
    return QlibContent(
        sessions=panel.sessions,
        codes=panel.codes,
        listed_TN=panel.listed(),
        fields=tuple(bars),
        read=lambda names: np.stack([bars[name] for name in names]).astype(np.float32),
    )


# ------------------------------------------------------------------------------------------ ours


def price_features() -> tuple[Feature, ...]:
    """Features whose every base column comes from bars."""
    return tuple(
        f for f in CATALOGUE if not f.name.startswith("_") and base_inputs(f) <= frozenset(BARS)
    )


def ours(home: Path, *, threads: int) -> None:
    """From the stored source to the values of every feature, in blocks as a build makes them."""
    keep_freed_memory()
    wall, cpu = spent()
    execution = Execution(threads=threads)
    panel = build_panel(read_source(home, SOURCE), clock=Clock.EVENING)
    universe = universe_of(panel, UniverseConfig())
    columns = base_columns(panel, universe)
    base = {name: columns[name] for name in BARS}
    wanted = price_features()
    chosen = select([f.name for f in wanted], available=BARS)
    market: list[dict[str, FloatArray]] = []
    with tempfile.TemporaryFile(dir=home) as values:
        for span in blocks_of(panel, 0, execution.block_sessions):
            block = compute_rows(
                chosen.ordered,
                {name: whole[: span.stop] for name, whole in base.items()},
                rows=span.stop - span.start,
                kept=[f.name for f in wanted],
                execution=execution,
            )
            block.stock_FtN.tofile(values)
            market.append(dict(block.market))
        done_wall, done_cpu = spent()
        written = values.tell()
    stock = sum(f.role is not Role.MARKET for f in wanted)
    assert written == 4 * stock * len(panel.sessions) * len(panel.codes)
    facts = {
        "rows": panel.frame.height,
        "features": stock,
        "market": sum(len(values_t) for one in market for values_t in one.values()),
        "wall_seconds": done_wall - wall,
        "cpu_seconds": done_cpu - cpu,
    }
    print(json.dumps(facts))


# -------------------------------------------------------------------------------------- watching


def watch(command: Sequence[str]) -> Seen:
    """Run a command; its last line is a JSON object."""
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, stdout=out)
        anonymous = everything = 0
        while process.poll() is None:
            shares = [_memory(pid) for pid in _tree(process.pid)]
            anonymous = max(anonymous, sum(one for one, _ in shares))
            everything = max(everything, sum(other for _, other in shares))
            time.sleep(0.2)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)}: exit {process.returncode}")
        out.seek(0)
        facts = json.loads(out.read().strip().splitlines()[-1])
    return Seen(facts=facts, anonymous_gib=anonymous / 2**20, all_gib=everything / 2**20)


def _tree(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                found += [int(child) for child in children.read_text().split()]
            except OSError:  # it has just ended
                continue
    return found


def _memory(pid: int) -> tuple[int, int]:
    """Proportional anonymous memory (shared included) and all of it, KiB."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return 0, 0
    said = {name: int(rest.split()[0]) for name, _, rest in (one.partition(":") for one in lines)}
    return said["Pss_Anon"] + said["Pss_Shmem"], said["Pss"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--qlib-python", type=Path, help="Interpreter that has pyqlib.")
    parser.add_argument("--names", type=int, default=500)
    parser.add_argument("--sessions", type=int, default=1200)
    parser.add_argument("--scratch", type=Path, help="Folder for the temporary home.")
    parser.add_argument("--ours", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=1, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ours is not None:
        ours(options.ours, threads=options.threads)
        return 0
    if options.qlib_python is None:
        parser.error("--qlib-python is needed")
    here = Path(__file__).resolve()
    seen: dict[str, Seen] = {}
    with tempfile.TemporaryDirectory(dir=options.scratch) as place:
        home = Path(place)
        panel = make_panel(home, names=options.names, sessions=options.sessions)
        write_qlib(home / "qlib", qlib_content(panel), reporter=SilentReporter())
        print(
            f"panel: {len(panel.codes)} names, {len(panel.sessions)} sessions, "
            f"{panel.frame.height:,} rows",
            flush=True,
        )
        del panel
        worker = [str(options.qlib_python), str(here.with_name("qlib_worker.py")), "alpha158"]
        for count in (1, 2):
            name = f"Qlib Alpha158, {count} worker(s)"
            seen[name] = watch([*worker, str(home / "qlib"), f"--kernels={count}"])
            print(f"{name}: {seen[name]}", flush=True)
        for count in (1, 2):
            name = f"ours, {count} thread(s)"
            seen[name] = watch([sys.executable, str(here), f"--ours={home}", f"--threads={count}"])
            print(f"{name}: {seen[name]}", flush=True)
    theirs, mine = list(seen.values())[:2], list(seen.values())[2:]
    share = max(one.cpu_per_million for one in mine) / min(one.cpu_per_million for one in theirs)
    memory = max(o.anonymous_gib for o in mine) / min(o.anonymous_gib for o in theirs)
    print(
        f"our worst against Qlib's best: {share:.3f} of the CPU per value (1/{1 / share:.1f}), "
        f"{memory:.2f} of the anonymous memory"
    )
    return 1 if share > SHARE or memory >= 1.0 else 0


if __name__ == "__main__":
    sys.exit(main())
