"""Fewer files of feature values: the sessions of a finished month go into one.

A dataset that grows by a session an evening gets a file an evening. Files are hard links that older
datasets share, so none is ever changed: the month is written anew and the links to its parts are
removed, in the newest dataset's folder only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby
from pathlib import Path

import polars as pl

from gogooku.core.files import readable, write_point
from gogooku.core.seal import Loose
from gogooku.dataset.state import feature_files
from gogooku.dataset.tensors import GROUP_SESSIONS, write_values


def merge_months(folder: Path, *, before: date, taken: Loose) -> int:
    """Merge the files of every month before that of a day; returns how many files are gone.

    A file that reaches over the end of a month stays as it is. Safe to be killed while the folder
    is hidden: whoever goes on begins with an empty one.

    Parameters
    ----------
    taken : Loose
        Files of the dataset from which those of the folder were taken over: each is checked there
        before what it holds is written anew.

    Raises
    ------
    DataError
        A file is damaged.
    """
    removed = 0
    for month, parts in groupby(feature_files(folder), key=_month):
        several = list(parts)
        if month and month < f"{before:%Y-%m}" and len(several) > 1:
            for path in several:
                taken.path(path.relative_to(folder).as_posix())
            _merge(several)
            removed += len(several) - 1
    return removed


def _month(path: Path) -> str:
    """The month that a file lies in, empty if in several."""
    first, _, last = path.stem.partition("_")
    return first[:7] if first[:7] == last[:7] else ""


def _merge(paths: Sequence[Path]) -> None:
    first, last = paths[0].stem.partition("_")[0], paths[-1].stem.partition("_")[2]
    merged = paths[0].with_name(f"{first}_{last}.parquet")
    temporary = merged.with_name(f".{merged.name}.tmp")
    days: list[pl.Series] = []
    for path in paths:
        with readable(path):
            days.append(pl.read_parquet(path, columns=["date"]).get_column("date"))
    counts = pl.concat(days).value_counts().sort("date").get_column("count").to_list()
    with readable(paths[-1]):
        names = list(pl.read_parquet_schema(paths[-1]))[2:]
    write_values(
        temporary,
        _parts(paths, names),
        names=names,
        group=max(
            sum(counts[at : at + GROUP_SESSIONS]) for at in range(0, len(counts), GROUP_SESSIONS)
        ),
    )
    write_point("compaction.written")
    temporary.replace(merged)
    write_point("compaction.renamed")
    for path in paths:
        path.unlink()
    write_point("compaction.done")


def _parts(paths: Sequence[Path], names: Sequence[str]) -> Iterator[pl.DataFrame]:
    """The rows of each file, in the columns and types of the last."""
    for path in paths:
        with readable(path):
            rows = pl.read_parquet(path, columns=["date", "code", *names])
        yield rows.select("date", "code", pl.col(names).cast(pl.Float32))
