"""A dataset as a folder that Qlib reads: a calendar, lists, and a file per name and field.

::

    calendars/day.txt                one session a line
    instruments/<list>.txt           code, first and last session of a span; tabs between
    features/<code>/<field>.day.bin  float32, little endian: place of the first value in the
                                     calendar, then one value per session; NaN for null
    gogooku.json                     which dataset this was

Names are in lower case in paths, as Qlib wants them. Lists are ``all`` (the spans in which a name
was listed), ``universe`` (in which it was ranked) and ``market`` (the one instrument that carries
the market features, once instead of once per name). Prices are adjusted as our features see them:
forward from the first session, with ``factor`` = adjusted / raw, and volume in shares of the first
session.

Source: ``qlib/data/storage/file_storage.py`` and ``qlib/utils`` of pyqlib 0.9.7.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gogooku.core.calendar import DateArray
from gogooku.core.errors import DataError, StorageError, UsageError
from gogooku.core.files import locked, require_space, storage_errors, write_json, write_point
from gogooku.core.frames import BAR_PRICES
from gogooku.core.metrics import FloatArray
from gogooku.core.progress import Reporter, Step
from gogooku.core.types import BoolArray, Dataset
from gogooku.dataset.home import read_bars, read_values
from gogooku.features.catalogue import FEATURE_SETS

MARKET_INSTRUMENT = "MARKET"
"""The instrument of the market features: ``ChangeInstrument('MARKET', $name)`` in an expression."""
FACTS_FILE = "gogooku.json"

Float32 = npt.NDArray[np.float32]

_CHUNK_BYTES = 1 << 28
_DISK_BLOCK = 4096
_UNUSABLE = re.compile(r'[\s/\\"\x00-\x1f]|^\.{0,2}$')
_NULL_WORDS = frozenset(
    "#NA -1.#IND -1.#QNAN -NaN -nan 1.#IND 1.#QNAN <NA> NA NULL NaN None nan null".split()  # noqa: SIM905
)
"""What ``pandas.read_csv``, with which Qlib reads its lists, takes for null; no slashes."""
_DEVICES = frozenset(
    ("CON", "PRN", "AUX", "NUL", *(f"{d}{i}" for d in ("COM", "LPT") for i in range(10)))
)


@dataclass(frozen=True)
class QlibContent:
    """What a Qlib folder is written from.

    Attributes
    ----------
    sessions : array of dates [T]
    codes : tuple of str, length N
    listed_TN : bool [T, N]
        The list ``all``; a name's files reach from its first to its last listed session.
    fields : tuple of str
        In lower case: letters, digits and underscores.
    read : callable
        From some of the fields to their values, float32 [F, T, N], NaN null.
    lists : mapping of str to bool [T, N]
        Further lists of instruments.
    market : mapping of str to float [T]
        Fields of the instrument `MARKET_INSTRUMENT`.
    facts : mapping
        What `FACTS_FILE` says beside this.
    """

    sessions: DateArray
    codes: tuple[str, ...]
    listed_TN: BoolArray
    fields: tuple[str, ...]
    read: Callable[[Sequence[str]], Float32]
    lists: Mapping[str, BoolArray] = field(default_factory=dict)
    market: Mapping[str, FloatArray] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class QlibFolder:
    """What was written."""

    folder: Path
    facts: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {"folder": str(self.folder), **self.facts}


# ---------------------------------------------------------------------------------- from a dataset


def export_qlib(
    dataset: Dataset, folder: Path, *, features: str | None = None, reporter: Reporter
) -> QlibFolder:
    """Write a dataset and its bars as a new Qlib folder.

    Parameters
    ----------
    features : str or None
        A named set (``basic``), of which the dataset gives what it has, or names separated by
        commas; all features of the dataset by default.

    Raises
    ------
    UsageError
        The folder exists, or a feature is not in the dataset.
    DataError
        A code cannot be the name of a folder.
    StorageError
        The disk has too little space or too few files left.
    """
    return write_qlib(folder, content_of(dataset, features), reporter=reporter)


def content_of(dataset: Dataset, features: str | None = None) -> QlibContent:
    """Bars and features of a dataset, for `write_qlib`."""
    wanted = _wanted(dataset, features)
    stock = tuple(name for name in dataset.features if name in wanted)
    bars = read_bars(dataset)
    growth_TN = np.cumprod(np.nan_to_num(bars["adjustment_factor"], nan=1.0), axis=0)
    volume = ("volume",) if "volume_shares" in bars else ()
    names = (*BAR_PRICES, *volume, "factor")

    def bar(name: str) -> FloatArray:
        if name == "factor":
            return np.asarray(np.where(bars["listed"], 1.0 / growth_TN, np.nan))
        if name == "volume":
            return np.asarray(bars["volume_shares"] * growth_TN)
        return np.asarray(bars[name] / growth_TN)

    def read(wanted: Sequence[str]) -> Float32:
        num_bars = sum(name in names for name in wanted)
        out = np.empty((len(wanted), *growth_TN.shape), dtype=np.float32)
        for f, name in enumerate(wanted[:num_bars]):
            out[f] = bar(name)
        if num_bars < len(wanted):
            out[num_bars:] = read_values(dataset, wanted[num_bars:])
        return out

    return QlibContent(
        sessions=dataset.sessions,
        codes=dataset.codes,
        listed_TN=np.asarray(bars["listed"]),
        fields=(*names, *stock),
        read=read,
        lists={"universe": dataset.valid_TN},
        market={
            name: dataset.market_TM[:, m].astype(np.float64)
            for m, name in enumerate(dataset.market_features)
            if name in wanted
        },
        facts={
            "dataset": dataset.folder.name,
            "content_hash": dataset.content_hash,
            "source": dataset.manifest.get("source"),
        },
    )


def _wanted(dataset: Dataset, features: str | None) -> frozenset[str]:
    here = (*dataset.features, *dataset.market_features)
    if features is None:
        return frozenset(here)
    if features in FEATURE_SETS:
        return frozenset(FEATURE_SETS[features]) & frozenset(here)
    names = [name.strip() for name in features.split(",")]
    unknown = [name for name in names if name not in here]
    if unknown:
        near = difflib.get_close_matches(unknown[0], here, n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else "; see: gogooku features"
        raise UsageError(
            f"dataset {dataset.folder.name} lacks {len(unknown)} of {len(names)} features, "
            f"first {unknown[0]!r}{hint}"
        )
    return frozenset(names)


# ----------------------------------------------------------------------------------------- writing


def write_qlib(folder: Path, content: QlibContent, *, reporter: Reporter) -> QlibFolder:
    """Write a new Qlib folder; it appears whole or not at all. Errors as for `export_qlib`."""
    _refuse_existing(folder)
    names = instrument_names(content.codes)
    spans = [_span(content.listed_TN[:, n]) for n in range(len(content.codes))]
    _require_room(folder, content, spans)
    facts = {
        **content.facts,
        "first": str(content.sessions[0]),
        "last": str(content.sessions[-1]),
        "instruments": sum(span is not None for span in spans),
        "fields": list(content.fields),
        "market_instrument": MARKET_INSTRUMENT if content.market else None,
        "market_fields": list(content.market),
        "renamed": {c: n for c, n in zip(content.codes, names, strict=True) if c != n},
    }
    with _made_whole(folder) as building:
        _write_calendar(building / "calendars", content.sessions)
        lists = {"all": content.listed_TN, **content.lists}
        for name, member_TN in lists.items():
            _write_list(building / "instruments", name, _lines(content.sessions, names, member_TN))
        if content.market:
            whole = np.ones((len(content.sessions), 1), dtype=bool)
            lines = _lines(content.sessions, [MARKET_INSTRUMENT], whole)
            _write_list(building / "instruments", "market", lines)
            _write_market(building / "features", content.market)
        places = [building / "features" / _folder_of(name) for name in names]
        for place, span in zip(places, spans, strict=True):
            if span is not None:
                place.mkdir(parents=True)
        with reporter.step("qlib", total=len(content.fields) * len(names)) as step:
            for some in _chunks(content):
                _write_values(places, spans, some, content.read(some), step)
                write_point("qlib.chunk")
        write_json(building / FACTS_FILE, facts)
    return QlibFolder(folder=folder, facts=facts)


def instrument_names(codes: Sequence[str]) -> list[str]:
    """What Qlib calls each code: the code, but for words that its reader takes for null.

    Raises
    ------
    DataError
        A code cannot be the name of a folder, or two differ in nothing but their case.
    """
    names = [f"{code}_" if code in _NULL_WORDS else code for code in codes]
    odd = [name for name in names if _UNUSABLE.search(name)]
    if odd:
        raise DataError(
            f"{len(odd)} codes cannot name a folder in Qlib's format, first {odd[0]!r}; "
            "import the prices again under codes without spaces, slashes and quotes"
        )
    seen = {MARKET_INSTRUMENT.lower(): MARKET_INSTRUMENT}
    for name in names:
        if name.lower() in seen:
            raise DataError(
                f"codes {seen[name.lower()]!r} and {name!r} share one folder in Qlib's format, "
                "which has no upper case; import the prices again under other codes"
            )
        seen[name.lower()] = name
    return names


def _folder_of(name: str) -> str:
    return f"_qlib_{name}".lower() if name.upper() in _DEVICES else name.lower()


@contextmanager
def _made_whole(folder: Path) -> Iterator[Path]:
    """Yield a hidden folder and rename it to ``folder`` at the end; a failure removes it.

    Not an artefact of ours, which replaces an older one and flushes each file by itself: that is a
    millisecond a file, and the whole market has millions of them here.
    """
    building = folder.with_name(f".{folder.name}.building")
    with locked(folder), storage_errors(folder):
        try:
            shutil.rmtree(building, ignore_errors=True)  # left by a killed export
            building.mkdir()
            yield building
            write_point("qlib.built")
            os.sync()
            _refuse_existing(folder)  # whoever made it meanwhile keeps it
            os.rename(building, folder)
            write_point("qlib.renamed")
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise
        finally:
            folder.with_name(f".{folder.name}.lock").unlink(missing_ok=True)


def _refuse_existing(folder: Path) -> None:
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"{folder}: exists already; name a new folder, or remove it first")


def _require_room(
    folder: Path, content: QlibContent, spans: Sequence[tuple[int, int] | None]
) -> None:
    """Refuse a disk without the space, or without the number of files, that this takes."""
    lengths = [last - first + 2 for first, last in (span for span in spans if span is not None)]
    blocks = sum(-(-4 * length // _DISK_BLOCK) for length in lengths)
    require_space(folder, num_bytes=len(content.fields) * blocks * _DISK_BLOCK)
    place = folder.absolute().parent
    while not place.exists():
        place = place.parent
    disk, num_files = os.statvfs(place), len(content.fields) * len(lengths)
    if disk.f_files and disk.f_favail < num_files:
        raise StorageError(
            f"{folder}: Qlib's format takes {num_files:,} files, the disk has room for "
            f"{disk.f_favail:,}; nothing was changed. Ask for fewer features: --features"
        )


def _chunks(content: QlibContent) -> Iterator[tuple[str, ...]]:
    """Some fields at a time, so that memory does not grow with their number."""
    size = max(_CHUNK_BYTES // max(4 * content.listed_TN.size, 1), 1)
    for first in range(0, len(content.fields), size):
        yield content.fields[first : first + size]


def _span(member_T: BoolArray) -> tuple[int, int] | None:
    """First and last session, both included; None where there is none."""
    at = np.flatnonzero(member_T)
    return (int(at[0]), int(at[-1])) if len(at) else None


def _write_values(
    places: Sequence[Path],
    spans: Sequence[tuple[int, int] | None],
    fields: Sequence[str],
    values_FTN: Float32,
    step: Step,
) -> None:
    num_fields, num_sessions, num_names = values_FTN.shape
    # One place more in front: the value before a file's first one is its header.
    lines_NFT = np.empty((num_names, num_fields, num_sessions + 1), dtype="<f4")
    lines_NFT[:, :, 1:] = values_FTN.transpose(2, 0, 1)
    for place, span, lines_FT in zip(places, spans, lines_NFT, strict=True):
        if span is not None:
            first, last = span
            lines_FT[:, first] = first
            for name, line_T in zip(fields, lines_FT, strict=True):
                (place / f"{name}.day.bin").write_bytes(line_T[first : last + 2].tobytes())
        step.advance(num_fields)


def _write_market(folder: Path, market: Mapping[str, FloatArray]) -> None:
    place = folder / _folder_of(MARKET_INSTRUMENT)
    place.mkdir(parents=True)
    for name, values_T in market.items():
        line = np.concatenate([[0.0], values_T]).astype("<f4")
        (place / f"{name}.day.bin").write_bytes(line.tobytes())


def _write_calendar(folder: Path, sessions: DateArray) -> None:
    folder.mkdir(parents=True)
    (folder / "day.txt").write_text("".join(f"{day}\n" for day in sessions))


def _write_list(folder: Path, name: str, lines: Iterator[str]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.txt").write_text("".join(lines), encoding="utf-8")


def _lines(sessions: DateArray, names: Sequence[str], member_TN: BoolArray) -> Iterator[str]:
    """One line per name and unbroken span."""
    edge = np.zeros((1, member_TN.shape[1]), dtype=np.int8)
    steps = np.diff(member_TN.astype(np.int8), axis=0, prepend=edge, append=edge)
    for n, name in enumerate(names):
        begins, ends = np.flatnonzero(steps[:, n] == 1), np.flatnonzero(steps[:, n] == -1)
        for first, stop in zip(begins, ends, strict=True):
            yield f"{name}\t{sessions[first]}\t{sessions[stop - 1]}\n"
