"""What each session was the first to know: a digest per table, by which two deliveries compare.

A dataset may be continued with a newer delivery of its source as far as both hold the same rows for
every session. Equal digests show it without keeping the older delivery. A digest is the sum of the
hashes of its rows, so neither their order nor the file they lie in matters. The hash is Polars' own
and is compared under one version of it only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.calendar import Clock, DateArray, exchange_named
from gogooku.core.errors import DataError
from gogooku.core.files import hash_file, read_parquet, write_parquet
from gogooku.ingest.source import MARKETS_FILE, Source

ARRIVALS_FILE = "arrivals.parquet"
DIGESTS_FILE = "digests.parquet"
"""Of a part: ``available_at``, and ``digest`` of the rows that became known then."""
SCHEMA: Mapping[str, pl.DataType] = {
    "table": pl.String(),
    "part": pl.String(),
    "content": pl.String(),
    "session": pl.Date(),
    "digest": pl.UInt64(),
}
"""One row per file of a delivery and session; ``session`` is null for what only a later session
will know, ``content`` the hash of the file."""
_BAR_FILES = ("quotes", "indices", "listings")


def arrivals_of(source: Source, sessions: DateArray, *, clock: Clock, path: Path) -> pl.DataFrame:
    """Digest everything that a delivery holds, by the first session that knows it.

    Parameters
    ----------
    path : Path
        Arrivals of an older delivery, whose unchanged files need not be read again; may be absent.

    Returns
    -------
    polars.DataFrame
        With `SCHEMA`.
    """
    known = read_parquet(path) if path.exists() else pl.DataFrame(schema=dict(SCHEMA))
    whole = known.filter(pl.col("session").is_not_null().all().over("part", "content"))
    decisions = exchange_named(source.exchange).decision(sessions, clock)
    frames = []
    for table, part, file in _files(source):
        content = str(source.manifest["parts"].get(part) or hash_file(file))
        before = whole.filter((pl.col("part") == part) & (pl.col("content") == content))
        if before.is_empty():
            (path,) = source.checked([file])
            before = _by_session(read_parquet(path), sessions, decisions).select(
                table=pl.lit(table),
                part=pl.lit(part),
                content=pl.lit(content),
                session="session",
                digest="digest",
            )
        frames.append(before)
    return pl.concat(frames).cast(dict(SCHEMA))  # type: ignore[arg-type]


def _files(source: Source) -> Iterator[tuple[str, str, Path]]:
    """Files that a build reads: (table, part, path)."""
    typed = source.paths("tables")
    for rows in typed:
        table, name = rows.parent.name, f"digests/{rows.parent.name}/{rows.name}"
        if not source.files.has(name):
            raise DataError(
                f"{source.name}: delivered by an earlier version of the program, which kept no "
                f"digests; nothing was built. Run: gogooku sync --source {source.name}"
            )
        yield table, f"{table}/{rows.stem}", source.folder / name
    if typed:
        # listings, facts, index bars and the bars of listed names are made from these tables
        return
    for path in source.paths("quotes"):
        yield "quotes", f"quotes/{path.stem}", path
    for name in _BAR_FILES[1:]:
        yield name, name, source.folder / f"{name}.parquet"
    if source.files.has(MARKETS_FILE):
        yield "markets", "markets", source.folder / MARKETS_FILE


def _by_session(
    frame: pl.DataFrame, sessions: DateArray, decisions: npt.NDArray[np.datetime64]
) -> pl.DataFrame:
    """Digest of the rows of each first session (session, digest); of the digests of typed ones."""
    if "digest" in frame.columns:
        instants = frame.get_column("available_at").to_numpy().astype("datetime64[us]")
        at, digests = np.searchsorted(decisions, instants), frame.get_column("digest")
    else:
        rows = _listing_events(frame) if "listed_from" in frame.columns else frame
        days = rows.get_column("date").to_numpy().astype("datetime64[D]")
        at, digests = np.searchsorted(sessions, days), rows.hash_rows(seed=1)
    days = np.append(sessions.astype("datetime64[D]"), np.datetime64("NaT", "D"))
    return _summed(pl.Series(days[at]).cast(pl.Date), "session", digests)


def digests_of(rows: pl.DataFrame, replaced: pl.DataFrame | None) -> pl.DataFrame:
    """Digest the rows of a part by the instant at which they became known.

    Parameters
    ----------
    replaced : polars.DataFrame or None
        Bars that a correction replaced, with ``until``; None: every row stands as it is.
    """
    whole = rows if replaced is None else _with_corrections(rows, replaced)
    return _summed(whole.get_column("available_at"), "available_at", whole.hash_rows(seed=1))


def _summed(groups: pl.Series, name: str, digests: pl.Series) -> pl.DataFrame:
    rows = pl.DataFrame({name: groups, "digest": digests})
    return rows.group_by(name, maintain_order=True).agg(pl.col("digest").sum())


def _with_corrections(rows: pl.DataFrame, old: pl.DataFrame) -> pl.DataFrame:
    """Each version of a bar from when it was known: the first one, and what replaced it."""
    keys = ["event_date", "code"]
    ordered = old.sort(*keys, "until")
    known = pl.coalesce(pl.col("until").shift(1).over(keys), "available_at")
    last = ordered.group_by(keys).agg(pl.col("until").max())
    newest = rows.join(last, on=keys, how="inner").with_columns(available_at=pl.col("until"))
    return pl.concat(
        [
            rows.join(last, on=keys, how="anti"),
            ordered.with_columns(available_at=known).select(rows.columns),
            newest.select(rows.columns),
        ]
    )


def first_corrected(source: Source, *, since: datetime, sessions: DateArray) -> int | None:
    """First session one of whose bars a correction changed that was known after an instant."""
    old = source.superseded()
    if old is None:
        return None
    day = old.filter(pl.col("until") > since).get_column("event_date").min()
    return None if day is None else int(np.searchsorted(sessions, np.array(day, "datetime64[D]")))


def _listing_events(frame: pl.DataFrame) -> pl.DataFrame:
    """A listing becomes known when it begins, its end when it ends."""
    begins = frame.drop("listed_to").with_columns(date=pl.col("listed_from"), ends=pl.lit(0))
    ends = frame.drop("listed_to").with_columns(date=frame.get_column("listed_to"), ends=pl.lit(1))
    return pl.concat([begins, ends.drop_nulls("date")])


def sessions_alike(old: pl.DataFrame, new: pl.DataFrame, sessions: DateArray) -> int:
    """How many of the first sessions are the same in two deliveries.

    Parameters
    ----------
    sessions : array of dates
        Sessions of the older one.
    """
    totals = [
        frame.drop_nulls("session").group_by("table", "session").agg(pl.col("digest").sum())
        for frame in (old, new)
    ]
    last = sessions[-1].item()
    both = totals[0].join(totals[1], on=["table", "session"], how="full", coalesce=True)
    odd = both.filter(
        (pl.col("session") <= last) & pl.col("digest").ne_missing(pl.col("digest_right"))
    )
    if odd.is_empty():
        return len(sessions)
    days = odd.get_column("session").to_numpy().astype("datetime64[D]")
    return int(np.searchsorted(sessions, days.min()))


def write_arrivals(folder: Path, frame: pl.DataFrame) -> None:
    """Keep the arrivals beside a dataset."""
    write_parquet(frame, folder / ARRIVALS_FILE)
