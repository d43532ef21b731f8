"""Fewer files of feature values: the sessions of a finished month go into one.

A dataset that grows by a session an evening gets a file an evening. Files are hard links that older
datasets share, so none is ever changed: the month is written anew and the links to its parts are
removed, in the newest dataset's folder only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby, pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gogooku.core.files import readable, write_point
from gogooku.core.seal import Loose
from gogooku.dataset.state import feature_files
from gogooku.dataset.tensors import GROUP_SESSIONS, values_writer


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
    with readable(paths[0]):
        schema = pq.read_schema(paths[-1])
    with values_writer(temporary, schema) as writer:
        for group in _groups(paths, schema):
            writer.write_table(group)
    write_point("compaction.written")
    temporary.replace(merged)
    write_point("compaction.renamed")
    for path in paths:
        path.unlink()
    write_point("compaction.done")


def _groups(paths: Sequence[Path], schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows of all files, `GROUP_SESSIONS` sessions at a time."""
    held: list[pa.Table] = []
    for path in paths:
        with readable(path):
            rows = pq.read_table(path).cast(schema)
        days = rows.column("date").to_numpy()
        edges = [0, *((days[1:] != days[:-1]).nonzero()[0] + 1).tolist(), len(days)]
        for begin, end in pairwise(edges):
            held.append(rows.slice(begin, end - begin))
            if len(held) == GROUP_SESSIONS:
                yield pa.concat_tables(held)
                held.clear()
    if held:
        yield pa.concat_tables(held)
