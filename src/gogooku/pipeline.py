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

from gogooku.core.config import Execution, Resolved
from gogooku.core.errors import BusyError
from gogooku.core.files import hash_json, locked, new_artefact, require_space, write_json
from gogooku.core.progress import Reporter
from gogooku.core.stamp import CONFIG_FILE, Stamp, make_stamp
from gogooku.core.types import Dataset
from gogooku.core.wall import WallClock
from gogooku.dataset.assemble import BuildConfig, assemble, first_session_read, visible_names
from gogooku.dataset.continuing import available_columns, begin, remove_interrupted
from gogooku.dataset.home import MANIFEST_FILE, datasets_folder, publish_current, stage_current
from gogooku.dataset.notes import annotate
from gogooku.dataset.state import STATE_FILE
from gogooku.dataset.tensors import read_dataset
from gogooku.features.engine.inputs import Tables
from gogooku.ingest.jquants.client import Client
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.ingest.jquants.plan import SyncOptions
from gogooku.ingest.jquants.raw import open_store
from gogooku.ingest.jquants.summary import SyncSummary
from gogooku.ingest.jquants.sync import sync as fetch
from gogooku.ingest.source import Source, SourceFrames, read_source, write_source
from gogooku.sandbox.market.market import MarketConfig, generate, source_frames, truth_frame
from gogooku.tables.delivery import REQUIRED, deliver
from gogooku.tables.panel import build_panel
from gogooku.tables.parts import Known, derive, parts_folder, prune_parts

BUILD_CODE = (
    "core",
    "ingest/store.py",
    "tables",
    "features",
    "learn/assemble.py",
    "learn/manifest.py",
    "learn/digests.py",
    "learn/tensors.py",
    "learn/growing.py",
    "learn/datasets.py",
    "learn/compaction.py",
    "learn/notes.py",
    "growth.py",
)
_BYTES_PER_CELL, _BYTES_PER_VALUE = 300, 6.4
"""Disk that one (session, code) takes at most, scratch included: without features, and for each."""


def sandbox(
    home: Path, name: str, resolved: Resolved[MarketConfig], *, reporter: Reporter
) -> Source:
    """Generate a sandbox market and store it as a source, with its truth beside it."""
    stamp = make_stamp(
        "sandbox",
        config_hash=resolved.config.content_hash,
        packages=("core", "ingest/store.py", "sandbox"),
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


def build(
    home: Path, resolved: Resolved[BuildConfig], *, execution: Execution, reporter: Reporter
) -> Dataset:
    """Build the dataset of a source, or grow it from the one before.

    A finished one with the same key is not built again. An older one of the same config and code is
    continued from the first session that the delivery tells otherwise; an interrupted build goes on
    where it stopped.
    """
    config = resolved.config
    source = read_source(home, config.source)
    stamp = make_stamp(
        "build",
        config_hash=config.content_hash,
        packages=BUILD_CODE,
        inputs={f"source {source.name}": source.content_hash},
    )
    folder = datasets_folder(home) / f"{source.name}-{stamp.key}"
    if not (folder / MANIFEST_FILE).exists():
        with locked(datasets_folder(home) / f"{source.name}-growing"):
            remove_interrupted(folder, source.name)
            with new_artefact(folder, resume=hash_json([stamp.key, stamp.versions])) as building:
                _grow(
                    home,
                    building,
                    source,
                    resolved,
                    stamp=stamp,
                    execution=execution,
                    reporter=reporter,
                )
                stage_current(folder)
    else:
        stage_current(folder)
    publish_current(folder)
    return read_dataset(folder)


def _grow(
    home: Path,
    building: Path,
    source: Source,
    resolved: Resolved[BuildConfig],
    *,
    stamp: Stamp,
    execution: Execution,
    reporter: Reporter,
) -> None:
    """Fill a dataset folder: take over what an older dataset has, and compute the rest."""
    config, tables = resolved.config, Tables(source)
    if not ((building / CONFIG_FILE).exists() and (building / STATE_FILE).exists()):
        with reporter.step("arrivals"):
            begin(home, building, source, config, stamp=stamp)
        stamp.write(building)
        write_json(building / CONFIG_FILE, resolved.to_json())
    available = available_columns(source, tables)
    first = first_session_read(building, config, available=available)
    with reporter.step("panel"):
        panel = build_panel(source, clock=config.clock, first=first)
    cells = panel.shape[0] * panel.shape[1]
    values, _ = visible_names(config, available)
    room = _BYTES_PER_CELL + len(values) * _BYTES_PER_VALUE
    require_space(building, num_bytes=round(cells * room))
    assemble(
        building,
        panel,
        config,
        facts={
            "source": source.name,
            "source_version": source.folder.name,
            "exchange": source.exchange,
        },
        execution=execution,
        reporter=reporter,
        tables=tables,
    )
    annotate(building, source, clock=config.clock)


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
