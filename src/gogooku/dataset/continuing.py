"""Continuing a dataset with a newer delivery of its source, as far as both agree.

A session is taken over when everything that it and the sessions before it were the first to know
is the same in both deliveries; the rest is computed anew. So a new evening costs an evening, and a
row that arrives late, with an old time of publication, costs the sessions since then.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import cast

import polars as pl

from gogooku.core.calendar import DateArray, exchange_named
from gogooku.core.files import MANIFEST_FILE, require_space
from gogooku.core.rowfiles import FRESH_SESSIONS
from gogooku.core.seal import open_sealed
from gogooku.core.stamp import Stamp
from gogooku.dataset.assemble import BuildConfig, visible_names
from gogooku.dataset.columns import available_columns
from gogooku.dataset.compaction import merge_months
from gogooku.dataset.home import datasets_folder
from gogooku.dataset.notes import write_growth
from gogooku.dataset.reading import open_grown
from gogooku.dataset.state import (
    shared_elsewhere,
    take_over,
    whole_rows,
)
from gogooku.features.engine.inputs import Tables
from gogooku.ingest.source import Source
from gogooku.tables.arrivals import (
    ARRIVALS_FILE,
    arrivals_of,
    first_corrected,
    sessions_alike,
    write_arrivals,
)
from gogooku.tables.panel import codes_of, sessions_of


def begin(home: Path, building: Path, source: Source, config: BuildConfig, *, stamp: Stamp) -> None:
    """Put into a dataset folder what an older dataset of the source already has, and only that.

    Raises
    ------
    StorageError
        No room for the rows that cannot be shared.
    DataError
        A file of the older dataset or of the source is missing or damaged.
    """
    with _empty_unless_done(building):
        history = sessions_of(source.quotes())
        old = older_dataset(home, config, stamp)
        known = building / ARRIVALS_FILE if old is None else open_sealed(old).path(ARRIVALS_FILE)
        arrivals = arrivals_of(source, history, clock=config.clock, path=known)
        rows = 0 if old is None else _rows_alike(old, source, history, arrivals, config)
        if old is not None and rows:
            others = [path.parent for path in datasets_folder(home).glob(f"*/{MANIFEST_FILE}")]
            _take_over(old, building, source, history, rows, config, others)
        write_growth(building, before=old, sessions=rows)
        write_arrivals(building, arrivals)


@contextmanager
def _empty_unless_done(folder: Path) -> Iterator[None]:
    """Begin in an empty folder, and leave an empty one where the beginning fails."""
    _empty(folder)  # a beginning that was stopped has left links
    try:
        yield
    except BaseException:
        _empty(folder)  # copied rows would fill the disk until the next build
        raise


def _take_over(
    old: Path,
    building: Path,
    source: Source,
    history: DateArray,
    rows: int,
    config: BuildConfig,
    others: list[Path],
) -> None:
    """Share or copy the first rows of an older dataset; ``others`` are all that may share them."""
    before = open_grown(old)
    alone = shared_elsewhere(before, others) <= before.shared <= rows
    if not alone:
        each = sum(file.row_bytes for file in before.layout.files())
        require_space(building, num_bytes=rows * each)
    since = _last_decision(source, before.sessions[:rows], config)
    taken = take_over(
        before,
        building,
        rows=rows,
        codes=codes_of(source.listings(), history),
        alone=alone,
        corrected=first_corrected(source, since=since, sessions=history),
    )
    taken.save()
    merge_months(building, before=history[-FRESH_SESSIONS:][0].item(), taken=before.files)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _last_decision(source: Source, sessions: DateArray, config: BuildConfig) -> datetime:
    instants = exchange_named(source.exchange).decision(sessions[-1:], config.clock)
    return cast("datetime", instants.astype("datetime64[us]")[0].item())


def older_dataset(home: Path, config: BuildConfig, stamp: Stamp) -> Path | None:
    """The newest finished dataset of the same config, code and library versions."""
    found = []
    for path in datasets_folder(home).glob(f"{config.source}-*/{MANIFEST_FILE}"):
        other = Stamp.read(path.parent)
        alike = (other.config_hash, other.code_hash, other.versions) == (
            stamp.config_hash,
            stamp.code_hash,
            stamp.versions,
        )
        if alike and (path.parent / ARRIVALS_FILE).exists():
            last = str(open_sealed(path.parent).manifest["last"])
            found.append((last, path.parent.name, path.parent))
    return max(found)[2] if found else None


def _rows_alike(
    old: Path, source: Source, history: DateArray, arrivals: pl.DataFrame, config: BuildConfig
) -> int:
    """Sessions of an older dataset that are the same in a new one; 0 if it cannot be continued."""
    before = open_grown(old)
    codes = codes_of(source.listings(), history)
    names = visible_names(config, available_columns(Tables(source)))
    if names != (before.features, before.market_features):
        return 0
    if codes[: len(before.codes)] != before.codes:
        return 0
    if len(history) < before.rows or (history[: before.rows] != before.sessions).any():
        return 0
    known = before.files.parquet(ARRIVALS_FILE)
    alike = sessions_alike(known, arrivals, before.sessions)
    return whole_rows(before, alike)


def remove_interrupted(folder: Path, source: str) -> None:
    """Remove what builds of other versions of a source left when they were stopped."""
    mine = re.compile(rf"\.{re.escape(source)}-[0-9a-f]{{16}}\.building")
    for left in folder.parent.glob(f".{source}-*.building"):
        if mine.fullmatch(left.name) and left.name != f".{folder.name}.building":
            shutil.rmtree(left, ignore_errors=True)
            left.with_name(f"{left.name}.key").unlink(missing_ok=True)
