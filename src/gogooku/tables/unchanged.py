"""Whether later answers say anything new of a period.

After a split the vendor rewrites adjusted prices, and the whole history of the name is asked for
again. It holds rows of every year, and of none of them does anything differ that a table reads. So
a part of which all later answers only repeat what it was made of need not be made again: of each
row it keeps a hash of what the vendor said last, and the later answers are held against it. The
hash is Polars' own and is compared under one version of it only.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import polars as pl

from gogooku.core.files import (
    read_json,
    read_parquet,
    sync_tree,
    write_json,
    write_parquet,
    write_point,
)
from gogooku.core.rowfiles import link_or_copy
from gogooku.ingest.jquants.decode import UNREADABLE
from gogooku.ingest.jquants.endpoints import ADJUSTMENT_FACTOR, Endpoint
from gogooku.tables.answers import PLACE, Answers

CONTENTS_FILE: Final = "contents.parquet"
MADE_OF: Final = "made_of"
"""In the facts of a part: the batches that it was made of, in their order, and all else."""
_HASH: Final = "_hash"
_RESTATED: Final = ("Adj", "MAdj", "AAdj")
"""Columns that the vendor rewrites at every split, and that no table reads, begin so; the
adjustment factor itself is no such column."""


def stated_columns(endpoint: Endpoint) -> list[str]:
    """Columns whose change is a change of the row."""
    return [n for n in endpoint.columns if n == ADJUSTMENT_FACTOR or not n.startswith(_RESTATED)]


def sent_again(endpoint: Endpoint) -> bool:
    """Whether the vendor's answers repeat rows of the past for another reason than a correction."""
    return ADJUSTMENT_FACTOR in endpoint.columns


def write_contents(folder: Path, endpoint: Endpoint, last: pl.DataFrame) -> None:
    """Keep what was said last of each row; nothing where rows of one answer share a key.

    Parameters
    ----------
    last : polars.DataFrame
        The newest version of each row, as received.
    """
    key = list(endpoint.key)
    if sent_again(endpoint) and not last.select(key).is_duplicated().any():
        write_parquet(_hashed(last, endpoint), folder / CONTENTS_FILE)


def _hashed(rows: pl.DataFrame, endpoint: Endpoint) -> pl.DataFrame:
    hashes = rows.select(stated_columns(endpoint)).hash_rows(seed=1)
    return rows.select(endpoint.key).with_columns(hashes.alias(_HASH))


def made_of(answers: Answers, *, others: Mapping[str, Any]) -> dict[str, Any]:
    """What a part is made of: its batches, and everything else that decides it."""
    return {
        "batches": [batch.content for batch in answers.batches],
        "others": dict(others),
        "polars": pl.__version__,
    }


def part_before(place: Path, facts_file: str, answers: Answers, wanted: Mapping[str, Any]) -> Path:
    """A part of the period of which all later answers only repeat what it was made of.

    Raises
    ------
    LookupError
        There is none.
    """
    if sent_again(answers.endpoint):
        for folder in sorted(place.glob(f"{answers.period}-*")):
            if (folder / CONTENTS_FILE).exists() and (folder / facts_file).exists():
                before = read_json(folder / facts_file).get(MADE_OF, {})
                count = len(before.get("batches", ()))
                same = {**wanted, "batches": wanted["batches"][:count]}
                if before == same and _repeats(folder, answers, answers.batches[count:]):
                    return folder
    raise LookupError


def _repeats(folder: Path, answers: Answers, later: Sequence[Any]) -> bool:
    """Whether answers say nothing of a period but what a part of it was made of."""
    endpoint, known = answers.endpoint, read_parquet(folder / CONTENTS_FILE)
    for batch in later:
        (rows,) = replace(answers, batches=[batch], folder=None).frames()
        if rows.is_empty():
            continue
        odd = rows.filter(pl.col(UNREADABLE).is_not_null() | (pl.col(PLACE) > 0))
        same = _hashed(rows, endpoint).join(known, on=[*endpoint.key, _HASH], how="semi")
        if odd.height or same.height < rows.height:
            return False
    return True


def carry_over(before: Path, folder: Path, facts_file: str, wanted: Mapping[str, Any]) -> None:
    """The same part under the key of what it is made of now; its files are links."""
    building = folder.with_name(f".{folder.name}-{os.getpid()}")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    for path in sorted(before.iterdir()):
        if path.name != facts_file:
            link_or_copy(path, building / path.name)
    write_json(building / facts_file, {**read_json(before / facts_file), MADE_OF: dict(wanted)})
    sync_tree(building)
    write_point("tables.part.carried")
    building.rename(folder)
