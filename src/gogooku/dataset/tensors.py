"""The training tensor ``x[T, N, F]`` and the raw values beside it, written once, block by block.

Stock features enter ``x`` as their rank within the session's universe, mapped to [-0.5, 0.5];
features that are z-scores by themselves enter as z/4 clipped to [-1, 1]; flags stay 0 or 1. Null is
negative zero, which counts as 0 and which no known value is: the sign says what is null. Half
precision. No price, count or raw rank is ever in it. A day is a slice and a window is a view of one
memory-mapped file.

The raw channels ``raw[T, N, C]`` (`gogooku.features.bars.raw`) lie beside it, in half precision and
in their own units: for every listed name, and NaN, not 0, where a value is not known.

Context features keep their own unit in ``market[T, M]`` (NaN unknown): their scale is fitted by
the learner on train dates and travels in its checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from polars.io.plugins import register_io_source

from gogooku.core.calendar import DateArray
from gogooku.core.files import storage_errors, write_point
from gogooku.core.ranks import rank_codes
from gogooku.core.seal import ROW_DIGEST_BYTES, row_digest
from gogooku.core.types import BoolArray, Feature, Role
from gogooku.dataset.digests import tensor_digest, values_digest
from gogooku.dataset.state import DIGEST_BYTES, Layout
from gogooku.features.engine.compute import Block

_Z_SCALE = 4.0
GROUP_SESSIONS = 16
"""Sessions in a row group of a Parquet file, of as many names as were listed at most."""


def encode(
    values_FN: npt.NDArray[np.float32], features: Sequence[Feature]
) -> npt.NDArray[np.float16]:
    """Encode one session's stock features over its universe members; only null is -0.0.

    Parameters
    ----------
    values_FN : float32 [F, n]
        A row per feature, a column per member.
    """
    flags = np.array([f.role is Role.MASK for f in features])
    scores = np.array([f.role is not Role.MASK and f.unit == "z" for f in features])
    coded = np.empty(values_FN.shape, dtype=np.float16)
    coded[flags] = np.nan_to_num(values_FN[flags])
    coded[scores] = np.nan_to_num(np.clip(values_FN[scores] / _Z_SCALE, -1.0, 1.0))
    ranked = ~flags & ~scores
    coded[ranked] = rank_codes(values_FN[ranked])
    coded += np.float16(0.0)  # -0.0 becomes 0.0
    coded[np.isnan(values_FN)] = np.float16(-0.0)
    return coded


def encode_raw(block: Block, channels: Sequence[Feature]) -> npt.NDArray[np.float16]:
    """Raw channels of a block, [t, N, C]; every null is the same NaN."""
    raw_tNC = np.stack([block.stock(f.name) for f in channels], axis=-1).astype(np.float16)
    raw_tNC[np.isnan(raw_tNC)] = np.nan
    return raw_tNC


@dataclass(frozen=True)
class Sessions:
    """What a block of values belongs to.

    Attributes
    ----------
    first : int
        Position of its first session in the dataset.
    dates : dates [t]
    codes : tuple of str [N]
    listed_tN, valid_tN : bool [t, N]
    newest : date
        Last session of the history.
    fresh : int
        Position of the first of its newest sessions, to which late rows may still come.
    """

    first: int
    dates: DateArray
    codes: tuple[str, ...]
    listed_tN: BoolArray
    valid_tN: BoolArray
    newest: np.datetime64
    fresh: int

    def files(self) -> Iterator[slice]:
        """Sessions that share a file of raw values: one session that differs costs a whole file.

        The newest year goes by months, each of the newest sessions is for itself.
        """
        months = self.dates.astype("datetime64[M]")
        this_year = self.dates.astype("datetime64[Y]") == self.newest.astype("datetime64[Y]")
        alone = self.first + np.arange(len(self.dates)) >= self.fresh
        cut = np.flatnonzero(((months[1:] != months[:-1]) & this_year[1:]) | alone[1:]) + 1
        for begin, end in pairwise([0, *cut.tolist(), len(self.dates)]):
            yield slice(begin, end)


def write_block(
    layout: Layout,
    block: Block,
    where: Sessions,
    *,
    features: Sequence[Feature],
    threads: int,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Append a block to the training tensor and as a Parquet file.

    Parameters
    ----------
    features : sequence of Feature
        The stock features of the block, in the order of the last axis.

    Returns
    -------
    uint8 [t, 2, 32]
        Content of each session in the tensor and in the table of values.
    uint8 [t, 16]
        Digest of each row of the tensor.
    """
    num_sessions = len(where.dates)
    place_tCF = layout.x.extend(where.first, num_sessions)
    digests = np.zeros((num_sessions, 2, DIGEST_BYTES), dtype=np.uint8)
    rows = np.zeros((num_sessions, ROW_DIGEST_BYTES), dtype=np.uint8)

    def day(t: int) -> None:
        raw_FN = block.stock_FtN[:, t]
        members = np.flatnonzero(where.valid_tN[t])
        row = np.zeros(layout.x.row_shape, dtype=np.float16)
        if len(members):
            row[members] = encode(raw_FN[:, members], features).T
        place_tCF[t] = row
        rows[t] = row_digest(row)
        digests[t, 0] = tensor_digest(where.valid_tN[t], row)
        digests[t, 1] = values_digest(where.listed_tN[t], raw_FN)

    with ThreadPoolExecutor(threads) as pool:
        table = pool.submit(_write_values, layout.folder, block, where)
        for _ in pool.map(day, range(num_sessions)):
            pass
        table.result()
    if isinstance(place_tCF, np.memmap):
        place_tCF.flush()
    write_point("tensors.x")
    return digests, rows


def _write_values(folder: Path, block: Block, where: Sessions) -> None:
    """Write raw values of listed names (date, code, stock features); null where null."""
    codes = pl.Series("code", list(where.codes), dtype=pl.String)
    for file in where.files():
        first, last = where.dates[file][[0, -1]]
        path = folder / "features" / str(first)[:4] / f"{first}_{last}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        spans = [
            slice(begin, min(begin + GROUP_SESSIONS, file.stop))
            for begin in range(file.start, file.stop, GROUP_SESSIONS)
        ]
        write_values(
            path,
            (_rows(block, where, codes, span) for span in spans),
            names=block.names,
            group=max(int(where.listed_tN[span].sum()) for span in spans),
        )
    write_point("features.block")


def _rows(block: Block, where: Sessions, codes: pl.Series, span: slice) -> pl.DataFrame:
    """Values of some sessions, a row a session and listed name."""
    listed = where.listed_tN[span]
    at_t, at_n = np.nonzero(listed)
    days = where.dates[span][at_t].astype("datetime64[D]").astype(np.int32)
    return pl.DataFrame(
        [
            pl.Series("date", days).cast(pl.Date),
            codes.gather(at_n),
            *(
                pl.Series(name, values_tN[listed], dtype=pl.Float32, nan_to_null=True)
                for name, values_tN in zip(block.names, block.stock_FtN[:, span], strict=True)
            ),
        ]
    )


def write_values(
    path: Path, parts: Iterable[pl.DataFrame], *, names: Sequence[str], group: int
) -> None:
    """Write raw values as Parquet, part by part: a few of them are held, not the whole file.

    Parameters
    ----------
    parts : iterable of DataFrame
        Rows in their order: ``date``, ``code``, the features.
    names : sequence of str
        The features.
    group : int
        Rows of a row group.
    """
    kinds = {"date": pl.Date(), "code": pl.String(), **{name: pl.Float32() for name in names}}

    def source(
        columns: list[str] | None, wanted: pl.Expr | None, rows: int | None, batch: int | None
    ) -> Iterator[pl.DataFrame]:
        del columns, wanted, rows, batch  # all of it is written
        yield from parts

    with storage_errors(path):
        register_io_source(source, schema=pl.Schema(kinds)).sink_parquet(
            path,
            compression="lz4",
            row_group_size=max(group, 1),
            statistics={"min": True, "max": True, "null_count": False, "distinct_count": False},
        )
