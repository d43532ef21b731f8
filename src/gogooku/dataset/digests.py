"""Content of a dataset, session by session: independent of files, blocks and room for names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gogooku.core.digests import Digest, digest_of, same_nulls
from gogooku.core.panel import BoolArray


def tensor_digest(valid_N: BoolArray, x_NF: npt.NDArray[np.float16]) -> Digest:
    """Content of a session of the training tensor: its members and their rows."""
    members = np.flatnonzero(valid_N)
    return digest_of(members, x_NF[members])


def values_digest(listed_N: BoolArray, values_FN: npt.NDArray[np.float32]) -> Digest:
    """Content of a session of the table of raw values: its listed names and their values."""
    listed = np.flatnonzero(listed_N)
    return digest_of(listed, same_nulls(values_FN[:, listed]))


def raw_digest(listed_N: BoolArray, raw_NC: npt.NDArray[np.float16]) -> Digest:
    """Content of a session's raw channels: its listed names and their rows, all nulls alike."""
    listed = np.flatnonzero(listed_N)
    return digest_of(listed, raw_NC[listed])


def bars_digest(listed_N: BoolArray, columns: Sequence[npt.NDArray[np.generic]]) -> Digest:
    """Content of a session's bars: its listed names and each column [N] of theirs."""
    listed = np.flatnonzero(listed_N)
    rows = [np.nan_to_num(column[listed].astype(np.float64), nan=-1.0) for column in columns]
    return digest_of(listed, *rows)
