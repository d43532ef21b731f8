"""How much of each feature is there: the share of nulls among universe rows after warm-up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from gogooku.core.types import BoolArray, Feature, FloatArray
from gogooku.features.engine.compute import Block


def nulls_of(
    features: Sequence[Feature], block: Block, valid_TN: BoolArray, *, rows: int, threads: int
) -> npt.NDArray[np.uint16]:
    """Count the values and nulls of the last ``rows`` sessions, [rows, 3, F].

    Parameters
    ----------
    features : sequence of Feature
        The stock features of the block.
    valid_TN : bool [T, N]
        The universe of all the history up to these sessions: a name has warmed up for a feature
        when it has been in the universe for more than its lookback.

    Returns
    -------
    uint16 [rows, 3, F]
        Names that have warmed up, nulls among them, nulls among all of the universe.
    """
    first = len(valid_TN) - rows
    member_tN = valid_TN[first:]
    seen_tN = valid_TN[:first].sum(axis=0) + np.cumsum(member_tN, axis=0)
    lookbacks, which_F = np.unique([f.lookback for f in features], return_inverse=True)
    out = np.zeros((rows, 3, len(features)), dtype=np.uint16)

    def count(t: int) -> None:
        null_FB = np.packbits(np.isnan(block.stock_FtN[:, t]), axis=1)
        member_B = np.packbits(member_tN[t])
        warm_LB = np.packbits(seen_tN[t] > lookbacks[:, np.newaxis], axis=1) & member_B
        out[t, 0] = _ones(warm_LB)[which_F]
        out[t, 1] = _ones(null_FB & warm_LB[which_F])
        out[t, 2] = _ones(null_FB & member_B)

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(count, range(rows)):
            pass
    return out


def _ones(bits_FB: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint16]:
    """Set bits of each row."""
    return np.asarray(np.bitwise_count(bits_FB).sum(axis=1, dtype=np.uint16))


def stock_null_shares(
    features: Sequence[Feature], nulls: npt.NDArray[np.uint16], universe_rows: int
) -> dict[str, float]:
    """Null share of each stock feature among universe rows that have warmed up.

    On a history shorter than the lookback all rows count: what is null there is said, and what is
    not null is not called so. 1 without any universe row.
    """
    warm, missing, at_all = nulls.sum(axis=0, dtype=np.int64)
    shares = {}
    for f, feature in enumerate(features):
        count, lost = (warm[f], missing[f]) if warm[f] else (universe_rows, at_all[f])
        shares[feature.name] = round(int(lost) / int(count), 6) if count else 1.0
    return shares


def market_null_shares(features: Sequence[Feature], market_TM: FloatArray) -> dict[str, float]:
    """Null share of each market feature among the sessions after its lookback, if there are any."""
    shares = {}
    for m, feature in enumerate(features):
        every = market_TM[:, m]
        warm = every[feature.lookback :] if len(every) > feature.lookback else every
        shares[feature.name] = float(np.isnan(warm).mean()) if len(warm) else 1.0
    return shares


def over_budget(
    features: Sequence[Feature], null_share: Mapping[str, float]
) -> list[tuple[str, float, float]]:
    """Features whose null share exceeds what they declare: (name, share, allowed)."""
    return [
        (f.name, null_share[f.name], f.max_null_share)
        for f in features
        if null_share[f.name] > f.max_null_share
    ]
