"""What a ledger has to know of the names beside their bars: no feature, and nothing learns from it.

Dividends by ex-date, the size class and the margin class of each name as they were known at each
decision, and the level of the market's index. The folder ``trade`` of a dataset has a small table
of each that its source knows, written anew with every version; what is missing there is not known.
They are a part of their own, outside the content hash: no training depends on them.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from gogooku.core.calendar import Clock
from gogooku.core.errors import DataError
from gogooku.core.files import hash_file, hash_parts, write_parquet
from gogooku.core.ticks import FINE_SINCE
from gogooku.core.types import BoolArray, Dataset, FloatArray, Panel
from gogooku.dataset.columns import timeline_on
from gogooku.dataset.reading import files_of
from gogooku.features.company.dividend import payments
from gogooku.features.engine.inputs import Tables
from gogooku.features.engine.timeline import Timeline
from gogooku.ingest.source import Source

TRADE: Final = "trade"
"""Folder, and name of the part in the manifest."""
DIVIDENDS, NAMES, INDEX = "dividends", "names", "index"
_LENDABLE: Final = "lendable"
"""Margin class of names that can be borrowed (loanable issues)."""


def write_trade_facts(folder: Path, panel: Panel, tables: Tables, *, clock: Clock) -> str | None:
    """Write what a source knows for a ledger; content hash, None where it knows nothing.

    Parameters
    ----------
    folder : Path
        Of the dataset.
    panel : Panel
        Its sessions, or the last of them: what lies before is in its past.
    """
    source = tables.source
    timeline = timeline_on(panel, source, clock=clock)
    frames = {
        DIVIDENDS: payments(tables, timeline) if tables.has(DIVIDENDS) else None,
        NAMES: _names(source, timeline),
        INDEX: _index(source),
    }
    place = folder / TRADE
    shutil.rmtree(place, ignore_errors=True)  # left by a build that was stopped
    for name, frame in frames.items():
        if frame is not None:
            place.mkdir(exist_ok=True)
            write_parquet(frame, place / f"{name}.parquet")
    return trade_content(folder)


def trade_content(folder: Path) -> str | None:
    """Content hash of the tables of a dataset's folder; None where there is none."""
    found = sorted((folder / TRADE).glob("*.parquet"))
    return hash_parts({path.stem: hash_file(path) for path in found}) if found else None


def _names(source: Source, timeline: Timeline) -> pl.DataFrame | None:
    """(date, code, scale, margin_class): from the decision of which session on, each change once.

    None where the source has no dated facts of its names.
    """
    facts = source.listing_facts()
    if facts is None:
        return None
    known = facts.filter(pl.col("code").is_in(list(timeline.codes)))
    known = known.sort("code", "available_at", "valid_from")
    at = timeline.known_at(known.get_column("available_at").to_numpy().astype("datetime64[us]"))
    sessions = np.concatenate([timeline.past.sessions, timeline.sessions, [np.datetime64("NaT")]])
    days = sessions[at + len(timeline.past)].astype("datetime64[D]")
    said = ("scale", "margin_class")
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in said)
    rows = known.select("code", *(pl.col(name).cast(pl.String) for name in said)).with_columns(
        date=pl.Series(days, dtype=pl.Date)
    )
    stands = rows.drop_nulls("date").unique(["code", "date"], keep="last", maintain_order=True)
    changes = stands.filter(pl.col("code").ne_missing(pl.col("code").shift(1)) | differs)
    return changes.select("date", "code", *said).sort("date", "code")


def _index(source: Source) -> pl.DataFrame | None:
    """(date, close) of the market's index; None where the source has none."""
    bars = source.indices().filter(pl.col("index").is_in(["TOPIX", "MARKET"]))
    closes = bars.select("date", "close").drop_nulls().sort("date")
    return None if closes.is_empty() else closes


# ------------------------------------------------------------------------------------- reading


@dataclass(frozen=True)
class TradeFacts:
    """What a ledger knows of the names of a dataset; None where the source does not say.

    Attributes
    ----------
    dividend_TN : float64 [T, N]
        On the ex-date, gross per share held at the close before it; 0 for none.
    fine_TN : bool [T, N]
        Whether the finer table of ticks holds in the session, by the size class that was known at
        the decision before it.
    lendable_TN : bool [T, N]
        Whether a name was known at the decision of the session to be a loanable issue. On a session
        at which no name's margin class is known every name is taken to be one.
    """

    dividend_TN: FloatArray | None = None
    fine_TN: BoolArray | None = None
    lendable_TN: BoolArray | None = None


def read_trade_facts(dataset: Dataset) -> TradeFacts:
    """The facts of a dataset on its axes; all None of one of an earlier version.

    Raises
    ------
    DataError
        A table is damaged, or has a row on no session or name of the dataset.
    """
    paid, names = _read(dataset, DIVIDENDS), _read(dataset, NAMES)
    fine, lendable = (None, None) if names is None else _by_name(dataset, names)
    return TradeFacts(
        dividend_TN=None if paid is None else _dividends(dataset, paid),
        fine_TN=fine,
        lendable_TN=lendable,
    )


def read_index(dataset: Dataset) -> FloatArray | None:
    """Closes [T] of the market's index, NaN where it has none; None where there is no index."""
    index = _read(dataset, INDEX)
    if index is None:
        return None
    days = index.get_column("date").to_numpy().astype("datetime64[D]")
    there = np.isin(days, dataset.sessions)
    out = np.full(len(dataset.sessions), np.nan)
    closes = index.get_column("close").to_numpy()
    out[np.searchsorted(dataset.sessions, days[there])] = closes[there]
    return out


def _read(dataset: Dataset, name: str) -> pl.DataFrame | None:
    files, path = files_of(dataset), f"{TRADE}/{name}.parquet"
    return files.parquet(path) if files.has(path) else None


def _dividends(dataset: Dataset, paid: pl.DataFrame) -> FloatArray:
    out = np.zeros(dataset.valid_TN.shape)
    t, n = _places(dataset, paid, DIVIDENDS)
    out[t, n] = paid.get_column("dividend").to_numpy()
    return out


def _by_name(dataset: Dataset, names: pl.DataFrame) -> tuple[BoolArray | None, BoolArray | None]:
    """Whether the finer ticks hold, and whether a name can be borrowed."""
    t, n = _places(dataset, names, NAMES)
    scale, margin = names.get_column("scale"), names.get_column("margin_class")
    fine = lendable = None
    if scale.count():
        fine = np.zeros(dataset.valid_TN.shape, dtype=np.bool_)
        starts = [int(np.searchsorted(dataset.sessions, day)) for day, _ in FINE_SINCE]
        for start, stop, (_, classes) in zip(
            starts, [*starts[1:], len(fine)], FINE_SINCE, strict=True
        ):
            in_class = _standing(dataset, t, n, scale.is_in(list(classes)))
            fine[start:stop] = in_class[np.maximum(np.arange(start, stop) - 1, 0)]
    if margin.count():
        known = _standing(dataset, t, n, margin.is_not_null())
        lendable = _standing(dataset, t, n, margin == _LENDABLE)
        lendable[~known.any(axis=1)] = True
    return fine, lendable


def _standing(dataset: Dataset, t: np.ndarray, n: np.ndarray, says: pl.Series) -> BoolArray:
    """Whether the newest row of a name at each session says so, [T, N]; not before its first."""
    row = np.full(dataset.valid_TN.shape, -1, dtype=np.int32)
    row[t, n] = np.arange(len(t), dtype=np.int32)
    np.maximum.accumulate(row, axis=0, out=row)
    return np.append(says.fill_null(value=False).to_numpy(), False)[row]


def _places(dataset: Dataset, frame: pl.DataFrame, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Session and name of each row."""
    days = frame.get_column("date").to_numpy().astype("datetime64[D]")
    t = np.minimum(np.searchsorted(dataset.sessions, days), len(dataset.sessions) - 1)
    kinds = pl.Enum(list(dataset.codes))
    n = frame.get_column("code").cast(kinds, strict=False).to_physical().cast(pl.Int64)
    lost = (dataset.sessions[t] != days) | n.is_null().to_numpy()
    if lost.any():
        first = frame.row(int(np.flatnonzero(lost)[0]))
        raise DataError(
            f"{dataset.folder / TRADE / what}.parquet: {int(lost.sum())} of {len(days)} rows lie "
            f"on no session or name of the dataset, first {first[0]} {first[1]}. Remove the "
            "dataset and build it again: gogooku build"
        )
    return t, n.to_numpy()
