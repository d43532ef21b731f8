"""What a dataset is made of on disk while it grows, and how a newer one takes over an older one.

Rows of the large arrays (training tensor, raw channels, bars, beta) lie in row files that versions
share; the small arrays are written anew. The state after every block of sessions is on disk, so
that a build that was stopped goes on from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gogooku.core.calendar import DateArray
from gogooku.core.errors import DataError
from gogooku.core.files import read_json, save_array, write_json, write_point
from gogooku.core.panel import BoolArray
from gogooku.core.rowfiles import (
    FRESH_SESSIONS,
    CheckedRows,
    ReadRows,
    RowFile,
    link_or_copy,
    share,
)
from gogooku.core.seal import ROW_DIGEST_BYTES, Loose, row_digests, row_entry

STATE_FILE = "grown.json"
_BARS = "bars"
BAR_COLUMNS = (
    "open",
    "high",
    "low",
    "close",
    "volume_shares",
    "adjustment_factor",
    "limit_up",
    "limit_down",
)
LISTED = "listed"
RAW = "raw"
DIGESTED = ("x", "features", "bars", RAW)
"""Parts whose content is hashed session by session; earlier versions had no raw channels."""
DIGEST_BYTES = 32
_OWN = "own"
_READ_ON = ("beta", LISTED)
"""Row files whose older rows enter what a newer version makes; they are checked when taken over."""
_ROW_DIGESTS = "row_digests"
_BY_SESSION = (
    "sessions",
    "market",
    "valid",
    "sector",
    "neighbour_block",
    "digests",
    _ROW_DIGESTS,
    "nulls",
)
_NEIGHBOURS = "neighbours"


@dataclass(frozen=True)
class Layout:
    """The row files of a dataset folder.

    Attributes
    ----------
    folder : Path
    capacity : int
        Names that a row has room for.
    num_features : int
        Features of the training tensor.
    num_channels : int
        Raw channels; a dataset of an earlier version has none, and no file of them.
    """

    folder: Path
    capacity: int
    num_features: int
    num_channels: int = 0

    @property
    def x(self) -> RowFile:
        """Training tensor rows [capacity, F]."""
        return RowFile(self.folder / "x.bin", np.float16, (self.capacity, self.num_features))

    @property
    def beta(self) -> RowFile:
        """Trailing beta that residual labels are cleaned of, [capacity]."""
        return RowFile(self.folder / "beta.bin", np.float32, (self.capacity,), fill=np.nan)

    @property
    def raw(self) -> RowFile:
        """Raw channels [capacity, C], NaN where not known."""
        shape = (self.capacity, self.num_channels)
        return RowFile(self.folder / "raw.bin", np.float16, shape, fill=np.nan)

    def bar(self, name: str) -> RowFile:
        """One raw bar column, or ``listed``, [capacity]."""
        path = self.folder / _BARS / f"{name}.bin"
        if name == LISTED:
            return RowFile(path, np.bool_, (self.capacity,))
        return RowFile(path, np.float64, (self.capacity,), fill=np.nan)

    def files(self) -> list[RowFile]:
        """All row files."""
        bars = [self.bar(name) for name in (*BAR_COLUMNS, LISTED)]
        return [self.x, self.beta, *bars, *([self.raw] if self.num_channels else [])]

    def column(self, file: RowFile) -> int:
        """Place of a row file among the digests of rows."""
        return [one.path for one in self.files()].index(file.path)

    def own(self, file: RowFile) -> Path:
        """The copy of the newest rows of a row file."""
        return self.folder / _OWN / f"{file.path.stem}.npy"


@dataclass(frozen=True)
class Grown:
    """The sessions that are complete in a dataset folder.

    A finished dataset has a copy of its newest rows: a newer one may write them again, where rows
    of the source came late, in the row files that both share.

    Attributes
    ----------
    layout : Layout
    settled_by : int
        Bars of the sessions before this one, and labels that they resolve, are those of the older
        version that was taken over.
    codes : tuple of str [N]
    sectors : tuple of str
        What the sector numbers mean.
    features, market_features, raw_channels : tuple of str
    sessions : dates [T]
    market_TM : float32 [T, M]
    valid_TN : bool [T, N]
    sector_TN : int32 [T, N], -1 unknown
    neighbours_BNK : int32 [B, N, K], -1 pads
    block_T : int32 [T]
        Which neighbour table a session uses.
    digests : uint8 [T, parts, 32]
        Content of each session in each of `DIGESTED`.
    row_digests : uint8 [T, row files, 16]
        Digests of the rows of each of `Layout.files`, all places of a row included.
    nulls : uint16 [T, 3, F]
        Per session and stock feature among the universe: values and nulls of names that have been
        in it for the feature's lookback, and nulls of all names.
    own : int
        Newest sessions of whose rows there is a copy; 0 while the dataset grows.
    stored : mapping of str to array
        Arrays that lie in their files already, perhaps with more sessions behind them.
    files : Loose
        The folder's files; of a finished dataset each is checked before it is read.
    """

    layout: Layout
    settled_by: int
    codes: tuple[str, ...]
    sectors: tuple[str, ...]
    features: tuple[str, ...]
    market_features: tuple[str, ...]
    sessions: DateArray
    market_TM: npt.NDArray[np.float32]
    valid_TN: BoolArray
    sector_TN: npt.NDArray[np.int32]
    neighbours_BNK: npt.NDArray[np.int32]
    block_T: npt.NDArray[np.int32]
    digests: npt.NDArray[np.uint8]
    row_digests: npt.NDArray[np.uint8]
    nulls: npt.NDArray[np.uint16]
    raw_channels: tuple[str, ...] = ()
    own: int = 0
    stored: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    files: Loose = field(default_factory=lambda: Loose(Path()))

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What is kept in a file each, by its name."""
        return {
            "sessions": self.sessions,
            "market": self.market_TM,
            "valid": self.valid_TN,
            "sector": self.sector_TN,
            _NEIGHBOURS: self.neighbours_BNK,
            "neighbour_block": self.block_T,
            "digests": self.digests,
            _ROW_DIGESTS: self.row_digests,
            "nulls": self.nulls,
        }

    @property
    def rows(self) -> int:
        """Complete sessions."""
        return len(self.sessions)

    @property
    def shared(self) -> int:
        """First sessions whose rows lie in the row files only, and stay there as they are."""
        return self.rows - self.own

    def rows_of(self, file: RowFile, *, mapped: bool = True) -> CheckedRows:
        """All rows of one of the row files, as this version has them.

        Parameters
        ----------
        mapped : bool
            Memory-mapped; otherwise they are read when they are asked for.

        Raises
        ------
        DataError
            The file is missing or damaged.
        """
        digests = self.row_digests[:, self.layout.column(file)]
        rows = self._mapped(file) if mapped else ReadRows(file, self.shared, self._own_rows(file))
        return CheckedRows(rows, digests, file.path, width=len(self.codes))

    def _mapped(self, file: RowFile) -> npt.NDArray[Any]:
        if not self.own:
            return file.rows(self.rows)
        return file.overlaid(self.shared, self.rows, self._own_path(file))

    def _own_rows(self, file: RowFile) -> npt.NDArray[Any]:
        if not self.own:
            return np.empty((0, *file.row_shape), dtype=file.dtype)
        return file.own_rows(self.own, self._own_path(file))

    def _own_path(self, file: RowFile) -> Path:
        """Where the copy of the newest rows is, which has been checked."""
        own = self.layout.own(file)
        return self.files.path(own.relative_to(self.layout.folder).as_posix())

    def entries(self) -> dict[str, dict[str, Any]]:
        """What the manifest states of the row files, see `gogooku.core.seal`."""
        return {
            file.path.relative_to(self.layout.folder).as_posix(): row_entry(
                rows=self.shared,
                row_bytes=file.row_bytes,
                digests=f"{_ROW_DIGESTS}.npy",
                column=column,
            )
            for column, file in enumerate(self.layout.files())
        }

    def with_own_rows(self) -> Grown:
        """Copy the newest rows; whoever is killed meanwhile has not counted the copies yet."""
        count = min(FRESH_SESSIONS, self.rows)
        (self.layout.folder / _OWN).mkdir(exist_ok=True)
        for file in self.layout.files():
            newest = np.array(file.rows(self.rows)[self.rows - count :])
            save_array(self.layout.own(file), newest)
        write_point("grown.own")
        return replace(self, own=count)

    def save(self) -> Grown:
        """Write the state, so that an interrupted build goes on after these sessions.

        The arrays may hold more sessions than the state counts: the rows that it counts are the
        same, so whoever stops in between leaves the state before. Only what is not ``stored`` yet
        is written; the result knows that it is.
        """
        folder = self.layout.folder
        for name, array in self.arrays().items():
            if self.stored.get(name) is not array:
                save_array(folder / f"{name}.npy", array)
                write_point("grown.array")
        write_json(
            folder / STATE_FILE,
            {
                "rows": self.rows,
                "capacity": self.layout.capacity,
                "settled_by": self.settled_by,
                "own": self.own,
                "codes": list(self.codes),
                "sectors": list(self.sectors),
                "features": list(self.features),
                "market_features": list(self.market_features),
                "raw_channels": list(self.raw_channels),
            },
        )
        write_point("grown.saved")
        return replace(self, stored=self.arrays())

    def widened(self, codes: Sequence[str]) -> Grown:
        """The same sessions with room for names that came later, who were not there then."""
        extra = len(codes) - len(self.codes)
        if not extra:
            return self
        wide = ((0, 0), (0, extra))
        return replace(
            self,
            codes=tuple(codes),
            valid_TN=np.pad(self.valid_TN, wide),
            sector_TN=np.pad(self.sector_TN, wide, constant_values=-1),
            neighbours_BNK=np.pad(
                self.neighbours_BNK, ((0, 0), (0, extra), (0, 0)), constant_values=-1
            ),
        )


def load_grown(folder: Path, files: Loose | None = None) -> Grown:
    """The state of a dataset folder, finished or not.

    Parameters
    ----------
    files : Loose or None
        Its files; those of a finished dataset are `gogooku.core.seal.Sealed`.

    Raises
    ------
    DataError
        It was never saved, or is damaged.
    """
    files = Loose(folder) if files is None else files
    state = files.json(STATE_FILE)
    try:
        rows, capacity = int(state["rows"]), int(state["capacity"])
        arrays = {name: files.array(f"{name}.npy")[:rows] for name in _BY_SESSION}
        tables = int(arrays["neighbour_block"][-1]) + 1 if rows else 0
        raw_channels = tuple(state.get("raw_channels", ()))  # none in earlier versions
        grown = Grown(
            layout=Layout(folder, capacity, len(state["features"]), len(raw_channels)),
            settled_by=int(state["settled_by"]),
            codes=tuple(state["codes"]),
            sectors=tuple(state["sectors"]),
            features=tuple(state["features"]),
            market_features=tuple(state["market_features"]),
            sessions=arrays["sessions"],
            market_TM=arrays["market"],
            valid_TN=arrays["valid"],
            sector_TN=arrays["sector"],
            neighbours_BNK=files.array(f"{_NEIGHBOURS}.npy")[:tables],
            block_T=arrays["neighbour_block"],
            digests=arrays["digests"],
            row_digests=arrays[_ROW_DIGESTS],
            nulls=arrays["nulls"],
            raw_channels=raw_channels,
            own=int(state["own"]),
            files=files,
        )
    except (KeyError, TypeError, ValueError) as fault:
        raise DataError(
            f"{folder / STATE_FILE}: is damaged ({type(fault).__name__}: {fault}). Remove the "
            "dataset and build it again: gogooku build"
        ) from fault
    return replace(grown, stored=grown.arrays())


def capacity_for(num_names: int) -> int:
    """Names that rows have room for: a year or so of new listings more than there are."""
    return num_names + max(8, num_names // 32)


def nothing_grown(
    folder: Path,
    *,
    codes: Sequence[str],
    features: Sequence[str],
    market_features: Sequence[str],
    num_neighbours: int,
    raw_channels: Sequence[str] = (),
) -> Grown:
    """A dataset folder without sessions."""
    n = len(codes)
    layout = Layout(folder, capacity_for(n), len(features), len(raw_channels))
    return Grown(
        layout=layout,
        settled_by=0,
        codes=tuple(codes),
        sectors=(),
        features=tuple(features),
        market_features=tuple(market_features),
        sessions=np.array([], dtype="datetime64[D]"),
        market_TM=np.empty((0, len(market_features)), dtype=np.float32),
        valid_TN=np.empty((0, n), dtype=bool),
        sector_TN=np.empty((0, n), dtype=np.int32),
        neighbours_BNK=np.empty((0, n, num_neighbours), dtype=np.int32),
        block_T=np.empty(0, dtype=np.int32),
        digests=np.empty((0, len(DIGESTED), DIGEST_BYTES), dtype=np.uint8),
        row_digests=np.empty((0, len(layout.files()), ROW_DIGEST_BYTES), dtype=np.uint8),
        nulls=np.empty((0, 3, len(features)), dtype=np.uint16),
        raw_channels=tuple(raw_channels),
    )


def take_over(
    old: Grown,
    folder: Path,
    *,
    rows: int,
    codes: Sequence[str],
    alone: bool,
    corrected: int | None = None,
) -> Grown:
    """Begin a dataset folder with the first rows of another one.

    Parameters
    ----------
    rows : int
        Sessions that are the same; one of `whole_rows`.
    codes : sequence of str
        Names of the new one; those of ``old`` come first, in the same order.
    alone : bool
        Whether the rows that ``old`` has a copy of may be written again, see
        `shared_elsewhere`.
    corrected : int or None
        First session one of whose bars has been corrected since.
    """
    room = old.layout.capacity
    layout = replace(
        old.layout, folder=folder, capacity=room if len(codes) <= room else capacity_for(len(codes))
    )
    (folder / _BARS).mkdir(exist_ok=True)
    settled_by = rows if corrected is None else min(rows, corrected)
    digests = _take_rows(old, layout, rows=rows, settled_by=settled_by, alone=alone)
    _take_feature_files(old, folder, old.sessions[:rows])
    (folder / "labels").mkdir(exist_ok=True)
    for path in (old.layout.folder / "labels").iterdir():
        link_or_copy(path, folder / "labels" / path.name)
    tables = int(old.block_T[rows - 1]) + 1 if rows else 0
    taken = replace(
        old,
        layout=layout,
        settled_by=settled_by,
        sessions=old.sessions[:rows],
        market_TM=old.market_TM[:rows],
        valid_TN=old.valid_TN[:rows],
        sector_TN=old.sector_TN[:rows],
        neighbours_BNK=old.neighbours_BNK[:tables],
        block_T=old.block_T[:rows],
        digests=old.digests[:rows],
        row_digests=digests,
        nulls=old.nulls[:rows],
        own=0,
        files=Loose(folder),
    )
    wide = taken.widened(codes)
    same = {name: array for name, array in wide.arrays().items() if array is taken.arrays()[name]}
    for name in same:
        link_or_copy(old.layout.folder / f"{name}.npy", folder / f"{name}.npy")
    return replace(wide, stored=same)


def _take_rows(
    old: Grown, layout: Layout, *, rows: int, settled_by: int, alone: bool
) -> npt.NDArray[np.uint8]:
    """Share the row files of an older dataset, or copy the rows that cannot be shared.

    Returns
    -------
    uint8 [rows, row files, 16]
        Digests of the rows that were taken. A row of the same width keeps its own, so that damage
        of the older file is noticed by whoever reads it; one that is made wider is checked before.
    """
    digests = np.array(old.row_digests[:rows])
    pairs = zip(old.layout.files(), layout.files(), strict=True)
    for column, (before, after) in enumerate(pairs):
        bars = before.path.parent.name == _BARS
        count = settled_by if bars else rows
        checked = old.rows_of(before)
        wider = before.row_shape != after.row_shape
        if wider or before.path.stem in _READ_ON:
            checked.whole()
        held = checked.unchecked()[:count]
        linked = alone and len(held) >= old.shared and not wider
        share(before, after, held, alone=linked)
        if linked and len(held) > old.shared:
            # another newer version may have written here
            after.changeable(len(held))[old.shared :] = held[old.shared :]
        if wider:
            digests[:count, column] = row_digests(after.rows(count))
    return digests


def shared_elsewhere(grown: Grown, others: Sequence[Path]) -> int:
    """Most rows that other datasets have nowhere but in the row files of this one.

    Parameters
    ----------
    others : sequence of Path
        Folders of finished datasets.
    """
    inode = grown.layout.x.path.stat().st_ino
    most = 0
    for folder in others:
        if folder == grown.layout.folder or not (folder / STATE_FILE).exists():
            continue
        other = folder / grown.layout.x.path.name
        if other.exists() and other.stat().st_ino == inode:
            state = read_json(folder / STATE_FILE)
            most = max(most, int(state["rows"]) - int(state["own"]))
    return most


def _take_feature_files(old: Grown, new: Path, sessions: DateArray) -> None:
    """Link the Parquet files that hold nothing but these sessions."""
    last = str(sessions[-1]) if len(sessions) else ""
    for path in feature_files(old.layout.folder, old.files):
        if path.stem.partition("_")[2] <= last:
            target = new / "features" / path.parent.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(path, target)


def feature_files(folder: Path, files: Loose | None = None) -> list[Path]:
    """Parquet files of raw feature values, ``features/<year>/<first>_<last>.parquet``, by date.

    They are those that lie in the folder, or those that ``files`` states. They are named, not
    checked: whoever reads one asks `Loose.path` for it.
    """
    names = (Loose(folder) if files is None else files).names("features", ".parquet")
    return sorted((folder / name for name in names), key=lambda path: path.name)


def whole_rows(grown: Grown, rows: int) -> int:
    """Most sessions up to ``rows`` at which a file of feature values ends."""
    ends = [path.stem.partition("_")[2] for path in feature_files(grown.layout.folder, grown.files)]
    last = str(grown.sessions[rows - 1]) if rows else ""
    fits = [end for end in ends if end <= last]
    return int(np.searchsorted(grown.sessions, np.datetime64(fits[-1]), "right")) if fits else 0
