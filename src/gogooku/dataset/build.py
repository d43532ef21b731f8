"""A dataset of a source: built whole, or grown from the one before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gogooku.core.artefact import new_artefact
from gogooku.core.calendar import Clock, exchange_named
from gogooku.core.config import Execution, Resolved
from gogooku.core.errors import DataError
from gogooku.core.files import MANIFEST_FILE, hash_json, locked, require_space, write_json
from gogooku.core.panel import Panel
from gogooku.core.progress import Reporter
from gogooku.core.stamp import CONFIG_FILE, make_stamp
from gogooku.core.terms import at_exchange, terms_of
from gogooku.core.types import Dataset
from gogooku.dataset.assemble import BuildConfig, assemble, first_session_read, visible_names
from gogooku.dataset.columns import available_columns
from gogooku.dataset.continuing import begin, remove_interrupted
from gogooku.dataset.home import datasets_folder, publish_current, stage_current
from gogooku.dataset.membership import why_empty
from gogooku.dataset.notes import annotate
from gogooku.dataset.reading import read_dataset
from gogooku.dataset.state import STATE_FILE
from gogooku.dataset.universe import universe_of
from gogooku.features.engine.inputs import Tables
from gogooku.ingest.source import Source, read_source
from gogooku.tables.panel import build_panel, sessions_of

_BYTES_PER_CELL, _BYTES_PER_VALUE = 300, 6.4
"""Disk that one (session, code) takes at most, scratch included: without features, and for each."""


def build(
    home: Path, resolved: Resolved[BuildConfig], *, execution: Execution, reporter: Reporter
) -> Dataset:
    """Build the dataset of a source, or grow it from the one before.

    A finished one with the same key is not built again. An older one of the same config and code is
    continued: sessions that are the same in both deliveries are taken over, the first that differs
    and all after it are computed. An interrupted build goes on where it stopped. Settings that
    nobody stated are those of the source's exchange.

    Raises
    ------
    DataError
        There is no such source, its clock is another one, or the universe is empty.
    """
    source = read_source(home, resolved.config.source)
    resolved = at_exchange(resolved, source.exchange)
    config = resolved.config
    require_clock(source, config.clock)
    stamp = make_stamp(
        "build",
        config_hash=config.content_hash,
        code=(__name__,),
        inputs={f"source {source.name}": source.content_hash},
    )
    folder = datasets_folder(home) / f"{source.name}-{stamp.key}"
    if not (folder / MANIFEST_FILE).exists():
        with locked(datasets_folder(home) / f"{source.name}-growing"):
            remove_interrupted(folder, source.name)
            with new_artefact(folder, resume=hash_json([stamp.key, stamp.versions])) as building:
                if not ((building / CONFIG_FILE).exists() and (building / STATE_FILE).exists()):
                    with reporter.step("arrivals"):
                        begin(home, building, source, config, stamp=stamp)
                    stamp.write(building)
                    write_json(building / CONFIG_FILE, resolved.to_json())
                tables = Tables(source)
                assemble(
                    building,
                    _panel(building, source, tables, config, reporter=reporter),
                    config,
                    facts=_facts(source),
                    execution=execution,
                    reporter=reporter,
                    tables=tables,
                )
                annotate(building, source, resolved)
                stage_current(folder)
    else:
        stage_current(folder)
    publish_current(folder)
    return read_dataset(folder)


def require_clock(source: Source, clock: Clock) -> None:
    """Refuse the premarket clock where it is not defined or would change nothing.

    Raises
    ------
    DataError
        The exchange or the sessions of the source have no such clock, or the source has daily bars
        only.
    """
    if clock is Clock.EVENING:
        return
    exchange_named(source.exchange).decision(sessions_of(source.quotes()), clock)
    if not source.paths("tables"):
        raise DataError(
            f"source {source.name!r} has daily bars only, of which nothing becomes known between "
            f"the evening and 08:30: the clock {str(clock)!r} would repeat the evening dataset. "
            "Build with clock evening, or sync a source that has the night: gogooku sync"
        )


def _panel(
    building: Path, source: Source, tables: Tables, config: BuildConfig, *, reporter: Reporter
) -> Panel:
    """The sessions that are read to fill a folder.

    Raises
    ------
    DataError
        Nobody is in the universe of the whole history; the message says why.
    StorageError
        There is no room for what is made of them.
    """
    available = available_columns(tables)
    first = first_session_read(building, config, available=available)
    with reporter.step("panel"):
        panel = build_panel(source, clock=config.clock, first=first)
    if first == 0 and not universe_of(panel, config.universe).any():
        raise DataError(why_empty(panel, config.universe, exchange=source.exchange))
    cells = panel.shape[0] * panel.shape[1]
    values, _ = visible_names(config, available)
    room = _BYTES_PER_CELL + len(values) * _BYTES_PER_VALUE
    require_space(building, num_bytes=round(cells * room))
    return panel


def _facts(source: Source) -> dict[str, Any]:
    """What the manifest says of the source."""
    return {
        "source": source.name,
        "source_version": source.folder.name,
        "exchange": source.exchange,
        "currency": terms_of(source.exchange).currency,
        "known_bias": list(source.manifest["facts"].get("known_bias", ())),
    }
