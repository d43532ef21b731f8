"""Write a table to a file: CSV, Parquet or JSON by its suffix, whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import polars as pl

from gogooku.core.errors import UsageError
from gogooku.core.files import finite, storage_errors, write_parquet
from gogooku.predict.predictor import Ranking

SUFFIXES = (".csv", ".parquet", ".json")


def write_ranking(path: Path, ranking: Ranking) -> bool:
    """Write all names of a ranking; whether the file is another one than before.

    Raises
    ------
    GogookuError
        As `write_table`.
    """
    return write_table(path, ranking.frame, document=ranking.to_json())


def write_table(
    path: Path, frame: pl.DataFrame, *, document: Any = None, raw: bytes | None = None
) -> bool:
    """Write a whole table; whether the file is another one than before.

    Parameters
    ----------
    document : Any
        What JSON has; None for the rows.
    raw : bytes, optional
        What CSV has; None for the frame.

    Raises
    ------
    UsageError
        The suffix is none of `SUFFIXES`, or the folder does not exist.
    StorageError
        The disk is full; an existing file is untouched.
    """
    if path.suffix not in SUFFIXES:
        raise UsageError(f"--output {path}: the name must end in one of {', '.join(SUFFIXES)}")
    if not path.parent.is_dir():
        raise UsageError(f"--output {path}: the folder {path.parent} does not exist")
    temporary = path.with_name(f".{path.name}.tmp")
    with storage_errors(path):
        if path.suffix == ".csv":
            temporary.write_bytes(frame.write_csv().encode() if raw is None else raw)
        elif path.suffix == ".parquet":
            write_parquet(frame, temporary)
        else:
            rows = frame.to_dicts() if document is None else document
            text = json.dumps(finite(rows), indent=1, allow_nan=False)
            temporary.write_text(text + "\n", encoding="utf-8")
        changed = not path.is_file() or path.read_bytes() != temporary.read_bytes()
        os.replace(temporary, path)
    return changed
