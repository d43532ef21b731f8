"""The answers held of a table and period, decoded: an evening does not pay for those before it.

The list of answers grows at its end. From its start it is cut into blocks of 512 answers, as many
as there are, then of 64, then of 8; what is left is decoded one by one. A block is a Parquet file
that is named by what was put into it and by its hash: it is found again however long the list has
grown, one that was damaged since is made again, and a larger one is put together from the smaller
ones that it replaces. Only the periods that grow keep blocks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from gogooku.core.code import code_hash
from gogooku.core.files import (
    hash_file,
    hash_json,
    read_parquet,
    storage_errors,
    sync_path,
    write_parquet,
    write_point,
)
from gogooku.core.periods import WHOLE, may_hold, periods
from gogooku.ingest.jquants.decode import UNREADABLE
from gogooku.ingest.jquants.endpoints import Endpoint, Fetch
from gogooku.ingest.jquants.ledger import Batch
from gogooku.ingest.jquants.raw import RawStore
from gogooku.tables.conversion import FETCHED_AT

SIZES: Final = (512, 64, 8)
"""Answers in a block; each a multiple of the next."""
BLOCKS: Final = ".blocks"
"""End of the name of a folder of blocks."""
PLACE: Final = "_place"
"""Column that distinguishes the rows of one answer that share a key and differ."""


@dataclass(frozen=True)
class Answers:
    """Everything that is held of a table in a period.

    Attributes
    ----------
    period : str
        As `gogooku.core.periods`.
    batches : sequence of Batch
        In the order in which they were fetched.
    folder : Path or None
        Where blocks are kept, which need not exist yet; None: every answer is decoded.
    """

    store: RawStore
    endpoint: Endpoint
    period: str
    batches: Sequence[Batch]
    folder: Path | None

    def frames(self) -> list[pl.DataFrame]:
        """Rows of the answers in their order, in as few pieces as possible.

        All pieces have the columns of the endpoint, `UNREADABLE`, `FETCHED_AT` and `PLACE`.

        Raises
        ------
        DataError
            A body is damaged.
        """
        return [self._rows(some) for some in self._pieces()]

    def blocks(self) -> list[str]:
        """Keys of the blocks that `frames` reads, or makes where they are missing."""
        if self.folder is None:
            return []
        return [_key(some) for some in self._pieces() if len(some) > 1]

    def _pieces(self) -> list[Sequence[Batch]]:
        return [self.batches[piece] for piece in cuts(len(self.batches))]

    def _rows(self, some: Sequence[Batch]) -> pl.DataFrame:
        """Rows of one answer, or of a block of them."""
        if len(some) == 1:
            return _placed(self._decoded(some[0]), self.endpoint.key)
        found = None if self.folder is None else _read(self.folder, _key(some))
        if found is not None:
            return found
        smaller = next((size for size in SIZES if size < len(some)), 1)
        parts = [self._rows(some[at : at + smaller]) for at in range(0, len(some), smaller)]
        frame = pl.concat(parts, how="vertical")
        if self.folder is not None:
            _write(frame, self.folder, _key(some))
        return frame

    def _decoded(self, batch: Batch) -> pl.DataFrame:
        """Rows of an answer in the period; one without a readable date goes with the answer's."""
        moment = batch.fetched_at.replace(tzinfo=None)
        frame = self.store.decoded(batch).frame
        if UNREADABLE not in frame.columns:
            frame = frame.with_columns(pl.lit(None, dtype=pl.String).alias(UNREADABLE))
        frame = frame.select(*self.endpoint.columns, UNREADABLE)
        if self.period != WHOLE and self.endpoint.axis is not None:
            axis = pl.col(self.endpoint.axis)
            inside = axis.str.starts_with(f"{self.period}-")
            own = batch.first or batch.fetched_at.date()
            if may_hold(self.period, own, own):
                inside |= ~axis.str.contains(r"^\d{4}-") | axis.is_null()
            frame = frame.filter(inside)
        return frame.with_columns(pl.lit(moment, dtype=pl.Datetime("us")).alias(FETCHED_AT))


def cuts(num_answers: int) -> list[slice]:
    """Where a list is cut: blocks of every size, the largest first, then single answers."""
    found, at = [], 0
    for size in (*SIZES, 1):
        while at + size <= num_answers:
            found.append(slice(at, at + size))
            at += size
    return found


def by_period(
    endpoint: Endpoint, batches: Iterable[Batch], *, growing: Collection[int]
) -> dict[str, list[Batch]]:
    """Batches that may hold rows of each period.

    Years that grow are cut into months where a row's key holds the date by which rows are cut: so
    all versions of a row lie in one period. `WHOLE` for the small tables kept in one piece.
    """
    listed = list(batches)
    if not listed:
        return {}
    if endpoint.fetch is not Fetch.PER_SESSION:
        return {WHOLE: listed}
    months = growing if endpoint.axis in endpoint.key else ()
    spans = {(one.first, one.last) for one in listed if one.first and one.last}
    found = {period for first, last in spans for period in periods(first, last, by_month=months)}
    return {
        period: [batch for batch in listed if _touches(batch, period)] for period in sorted(found)
    }


def _touches(batch: Batch, period: str) -> bool:
    if batch.first is None or batch.last is None:
        return True
    return may_hold(period, batch.first, batch.last)


def _placed(frame: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """Number the differing rows of one answer that share a key; equal rows are one row."""
    if not frame.select(key).is_duplicated().any():
        return frame.with_columns(pl.lit(0, dtype=pl.UInt32).alias(PLACE))
    return frame.unique(maintain_order=True).with_columns(
        pl.int_range(pl.len(), dtype=pl.UInt32).over(key).alias(PLACE)
    )


def key_of(path: Path) -> str:
    """Key of the block that a file holds; of an unfinished file, one that no block has."""
    return path.name.partition("-")[0]


def _key(some: Sequence[Batch]) -> str:
    parts = [[b.content, b.kind, str(b.first), str(b.fetched_at)] for b in some]
    return hash_json({"code": code_hash((__name__,)), "batches": parts})


def _read(folder: Path, key: str) -> pl.DataFrame | None:
    """Rows of a block; None where there is none, or none whose content is still what it was."""
    for path in sorted(folder.glob(f"{key}-*.parquet")):
        if path.stem.removeprefix(f"{key}-") == hash_file(path):
            return read_parquet(path)
        path.unlink()
    return None


def _write(frame: pl.DataFrame, folder: Path, key: str) -> None:
    writing = folder / f".{key}"
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            write_parquet(frame, writing)
            sync_path(writing)
            write_point("tables.block")
            writing.rename(folder / f"{key}-{hash_file(writing)}.parquet")
        except OSError:
            writing.unlink(missing_ok=True)
            raise
