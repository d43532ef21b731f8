"""Typed tables as a source: what `gogooku build` reads.

The folder holds hard links to the parts, so a version costs only what changed; beside them the bars
of listed names in the stored form, the listing facts, the links between codes and the index bars.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from gogooku.core.errors import DataError
from gogooku.core.files import hash_file, write_parquet, write_point
from gogooku.core.frames import INDICES_SCHEMA
from gogooku.core.rowfiles import link_or_copy
from gogooku.core.stamp import make_stamp
from gogooku.ingest.source import (
    Filled,
    Source,
    publish_source,
    read_source,
    source_names,
    sources_folder,
)
from gogooku.tables.arrivals import DIGESTS_FILE
from gogooku.tables.identity import code_links
from gogooku.tables.indices import TOPIX_CODE, store_indices
from gogooku.tables.listings import listing_facts, store_listings
from gogooku.tables.parts import ROWS_FILE, SUPERSEDED_FILE, Known, Part, Tables
from gogooku.tables.quotes import store_quotes

REQUIRED = ("quotes", "master")
_KEPT_VERSIONS = 2


def deliver(
    home: Path, name: str, tables: Tables, *, known: Known, facts: Mapping[str, Any]
) -> Source:
    """Make the tables the current version of a source; the same tables give the same version.

    Raises
    ------
    DataError
        Daily bars or the issue master have not been fetched: there is nothing to build on.
    """
    missing = [table for table in REQUIRED if not tables.paths(table)]
    if missing:
        raise DataError(
            f"{name}: nothing fetched of {', '.join(missing)}, so there is nothing to build on; "
            "run: gogooku sync"
        )
    content = tables.content()
    label = {"as_known_on": str(known.on) if known.on else None, "basis": str(known.basis)}
    stamp = make_stamp(
        "tables",
        config_hash="-".join(f"{key}={value}" for key, value in label.items()),
        code=(__name__,),
        inputs=content,
    )
    quotes = sum(part.rows for part in tables.parts if part.table == "quotes")

    before = _version_before(home, f"{name}{known.suffix}")

    def fill(building: Path) -> Filled:
        _link_parts(building, tables)
        unlisted = _write_bars(building, tables, before=before)
        hashes = dict(content)
        for stem, frame in _summaries(tables).items():
            path = building / f"{stem}.parquet"
            write_parquet(frame, path)
            hashes[stem] = hash_file(path)
        write_point("tables.delivered")
        return Filled(
            parts=hashes,
            rows=quotes - unlisted,
            exchange="tokyo",
            facts={**facts, **label, "unlisted_bars": unlisted, "tables": _counts(tables)},
            before=before.folder if before is not None else None,
        )

    source = publish_source(
        home,
        f"{name}{known.suffix}",
        fill,
        num_bytes=200 * quotes // 10 + 50_000_000,
        stamp=stamp,
        config={key: {"value": value, "from": "tables"} for key, value in label.items()},
    )
    _drop_old_versions(home, source)
    _drop_leftovers(source)
    return source


def _version_before(home: Path, name: str) -> Source | None:
    """The version that is current; None where there is none, or one that cannot be gone on from."""
    try:
        return read_source(home, name) if name in source_names(home) else None
    except DataError:
        return None  # everything is made again from the parts


def _link_parts(building: Path, tables: Tables) -> None:
    """Give every part a name in the folder."""
    for part in tables.parts:
        if part.rows:
            for kind, file in (("tables", ROWS_FILE), ("digests", DIGESTS_FILE)):
                place = building / kind / part.table
                place.mkdir(parents=True, exist_ok=True)
                link_or_copy(part.folder / file, place / f"{part.period}.parquet")
        if part.table == "quotes" and part.superseded:
            place = building / "superseded"
            place.mkdir(exist_ok=True)
            link_or_copy(part.folder / SUPERSEDED_FILE, place / f"{part.period}.parquet")


def _write_bars(building: Path, tables: Tables, *, before: Source | None) -> int:
    """Bars of names that were on the day's list, by period; returns the number of the others.

    A period whose inputs did not change is linked from the version before.
    """
    (building / "quotes").mkdir()
    content = tables.content()
    masters = {part.period: part for part in tables.parts if part.table == "master"}
    unlisted = 0
    for part in tables.parts:
        if part.table != "quotes" or not part.rows:
            continue
        target = building / "quotes" / f"{part.period}.parquet"
        inputs = [f"quotes/{part.period}", f"master/{part.period}"]
        if before is not None and all(
            key in content and before.manifest["parts"].get(key) == content[key] for key in inputs
        ):
            link_or_copy(before.folder / "quotes" / target.name, target)
        else:
            rows = store_quotes(pl.read_parquet(part.folder / ROWS_FILE))
            listed = _listed(masters.get(part.period))
            _refuse_unlisted_sessions(rows, listed)
            write_parquet(rows.join(listed, on=["date", "code"], how="semi"), target)
        unlisted += part.rows - int(pl.scan_parquet(target).select(pl.len()).collect().item())
    return unlisted


def _listed(master: Part | None) -> pl.DataFrame:
    """Keys (date, code) of the lists of a period."""
    if master is None:
        return pl.DataFrame(schema={"date": pl.Date(), "code": pl.String()})
    keys = ["event_date", "code"]
    return pl.read_parquet(master.folder / ROWS_FILE, columns=keys).rename({"event_date": "date"})


def _refuse_unlisted_sessions(bars: pl.DataFrame, listed: pl.DataFrame) -> None:
    """A session without its list would vanish from the source, and every horizon would shift."""
    days = bars.select("date").unique().join(listed, on="date", how="anti")["date"].sort()
    if len(days):
        raise DataError(
            f"master: {len(days)} sessions have bars and no list of names, first {days[0]}; "
            f"nothing was delivered. Run: gogooku sync --endpoint master --from {days[0]} "
            f"--to {days[-1]}"
        )


def _summaries(tables: Tables) -> dict[str, pl.DataFrame]:
    facts = listing_facts(tables.scan("master"))
    columns = ["event_date", "code", "open", "close", "turnover_yen"]
    bars = tables.scan("quotes").select(columns)
    return {
        "listings": store_listings(facts),
        "listing_facts": facts,
        "code_links": code_links(facts, _bars_at_edges(bars, facts), sessions=tables.sessions),
        "indices": _stored_indices(tables),
    }


def _bars_at_edges(bars: pl.LazyFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """Bars of the codes that begin or end inside the data: the only ones that can be linked."""
    spans = facts.group_by("code").agg(
        pl.col("valid_from").min(), pl.col("valid_to").last().alias("ended")
    )
    first = spans.get_column("valid_from").min()
    moving = spans.filter((pl.col("valid_from") > first) | pl.col("ended").is_not_null())
    codes = moving.get_column("code")
    return bars.filter(pl.col("code").is_in(codes.implode())).collect()


def _stored_indices(tables: Tables) -> pl.DataFrame:
    """TOPIX bars in the stored form, from their own endpoint, else from all indices."""
    held = tables.names()
    if "topix" in held:
        bars = store_indices(tables.scan("topix").collect())
        if not bars.is_empty():
            return bars
    if "indices" in held:
        topix = tables.scan("indices").filter(pl.col("code") == TOPIX_CODE)
        return store_indices(topix.collect())
    return pl.DataFrame(schema=dict(INDICES_SCHEMA))


def _counts(tables: Tables) -> dict[str, Any]:
    """Rows, quarantined rows by reason and notes of each table."""
    counts: dict[str, Any] = {}
    for name in tables.names():
        parts = [part for part in tables.parts if part.table == name]
        counts[name] = {
            "rows": sum(part.rows for part in parts),
            "quarantined": _summed([part.quarantined for part in parts]),
            "notes": _summed([part.notes for part in parts]),
        }
    return counts


def _summed(counts: list[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for one in counts:
        for key, value in one.items():
            total[key] = total.get(key, 0) + int(value)
    return total


def _drop_old_versions(home: Path, source: Source) -> None:
    """Keep the newest versions; every older one can be made again from the raw store."""
    folders = [path.parent for path in (sources_folder(home) / source.name).glob("*/manifest.json")]
    folders.sort(key=lambda folder: folder.stat().st_mtime_ns)
    for folder in folders[:-_KEPT_VERSIONS]:
        if folder != source.folder:
            shutil.rmtree(folder)


def _drop_leftovers(source: Source) -> None:
    """Remove what killed commands left of versions that nothing asks for any more."""
    versions = source.folder.parent
    for left in (*versions.glob(".*.building"), *versions.glob(".*.old")):
        shutil.rmtree(left)
    for pointer in versions.glob(".current.json.*"):
        pointer.unlink()
