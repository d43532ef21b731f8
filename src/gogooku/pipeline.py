"""The straight line: the only module that knows every arrow.

J-Quants -> raw store -> tables -> source -> panel -> features and labels -> dataset -> run
-> evaluation, backtest, report -> ranking
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gogooku.core.config import Resolved
from gogooku.core.errors import BusyError
from gogooku.core.files import locked
from gogooku.core.frames import SourceFrames
from gogooku.core.progress import Reporter
from gogooku.core.stamp import make_stamp
from gogooku.core.wall import WallClock
from gogooku.dataset.build import build as build
from gogooku.ingest.jquants.client import Client
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.ingest.jquants.plan import SyncOptions
from gogooku.ingest.jquants.raw import open_store
from gogooku.ingest.jquants.summary import SyncSummary
from gogooku.ingest.jquants.sync import sync as fetch
from gogooku.ingest.source import Source, write_source
from gogooku.sandbox.market.market import MarketConfig, generate, source_frames, truth_frame
from gogooku.tables.delivery import REQUIRED, deliver
from gogooku.tables.parts import Known, derive, parts_folder, prune_parts


def sandbox(
    home: Path, name: str, resolved: Resolved[MarketConfig], *, reporter: Reporter
) -> Source:
    """Generate a sandbox market and store it as a source, with its truth beside it."""
    stamp = make_stamp(
        "sandbox",
        config_hash=resolved.config.content_hash,
        code=(generate.__module__, write_source.__module__),
        inputs={},
        seed=resolved.config.seed,
    )
    with reporter.step("market"):
        market = generate(resolved.config)
        frames = source_frames(market)
        truth = truth_frame(market)
    delivered = SourceFrames(
        quotes=frames.quotes,
        listings=frames.listings,
        indices=frames.indices,
        exchange=frames.exchange,
        extras={"truth": truth},
    )
    return write_source(home, name, delivered, stamp=stamp, config=resolved.to_json())


@dataclass(frozen=True)
class Synced:
    """A finished sync: what came, and the source that was made from it (None without bars)."""

    summary: SyncSummary
    source: Source | None


def sync(
    home: Path,
    name: str,
    client: Client,
    *,
    endpoints: Sequence[str],
    options: SyncOptions,
    clock: WallClock,
    reporter: Reporter,
) -> Synced:
    """Fetch what is missing into the raw store, and derive the tables and the source from it."""
    store = open_store(home, name)
    summary = fetch(
        store,
        client=client,
        endpoints=[ENDPOINTS[endpoint] for endpoint in endpoints],
        clock=clock,
        reporter=reporter,
        options=options,
    )
    source = None
    if all(store.batches(table) for table in ("calendar", *REQUIRED)):
        source = tables_source(home, name, known=Known(), reporter=reporter)
    return Synced(summary=summary, source=source)


def tables_source(home: Path, name: str, *, known: Known, reporter: Reporter) -> Source:
    """Derive the tables of a raw store, as they are or as they were known, and deliver them.

    Raises
    ------
    BusyError
        Another command is deriving the tables of the same store.
    DataError
        Nothing to derive from, or nothing was known by then.
    """
    store = open_store(home, name)
    with _deriving(home, name):
        tables = derive(home, store, known=known, reporter=reporter)
        subscription = store.subscription()
        facts = {"plan": subscription.plan.label if subscription else None}
        source = deliver(home, name, tables, known=known, facts=facts)
        if known.on is None:
            prune_parts(home, name, [tables])
        _tidy(source)
    return source


@contextmanager
def _deriving(home: Path, name: str) -> Iterator[None]:
    """Let in one command at a time: each prunes the parts that it has no use for."""
    try:
        with locked(parts_folder(home, name)):
            yield
    except BusyError as fault:
        raise BusyError(
            f"{name}: another command is deriving its tables; wait for it to end, then run the "
            "command again. What was fetched is kept."
        ) from fault


def _tidy(source: Source) -> None:
    """Remove what killed commands left of versions that nothing asks for any more."""
    versions = source.folder.parent
    for left in (*versions.glob(".*.building"), *versions.glob(".*.old")):
        shutil.rmtree(left)
    for pointer in versions.glob(".current.json.*"):
        pointer.unlink()
