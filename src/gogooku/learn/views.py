"""Parts of a dataset as datasets: fewer features, or a few names of the sessions up to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gogooku.core.files import hash_json
from gogooku.core.types import Dataset, SessionRows, feature_hash
from gogooku.learn.batches import Names
from gogooku.learn.names import positions


@dataclass(frozen=True)
class ColumnRows:
    """Rows by session, of some columns only; nothing is copied before it is read."""

    rows: SessionRows
    columns: npt.NDArray[np.intp]

    @property
    def shape(self) -> tuple[int, ...]:
        """Sessions, names, columns."""
        return (*self.rows.shape[:2], len(self.columns))

    def __getitem__(self, key: Any, /) -> Any:
        """A session, or a span of them, as an array."""
        return self.rows[key][..., self.columns]


def with_features(dataset: Dataset, names: Sequence[str]) -> Dataset:
    """The dataset with some of its stock features, in the order of ``names``.

    Its hashes are its own: what is fitted on it is not taken for a fit on all features.

    Raises
    ------
    ConfigError
        Some are not there.
    """
    columns = positions(dataset.features, names, setting="features")
    market = [*dataset.market_features]
    return replace(
        dataset,
        manifest={
            **dataset.manifest,
            "feature_hash": feature_hash([*names, "|", *market], dataset.clock),
            "content_hash": hash_json([dataset.content_hash, *names]),
        },
        features=tuple(names),
        x_TNF=ColumnRows(dataset.x_TNF, columns),
    )


def last_sessions(dataset: Dataset, index: int, names: Names, *, sessions: int) -> Dataset:
    """Some names of the sessions up to ``index``, in memory; the arrays are the caller's to change.

    Parameters
    ----------
    names : intp [n]
        Positions on the N axis. Peers that are not among them are none.
    sessions : int
        How many, the last one included; fewer where the dataset begins later.
    """
    first = max(0, index - sessions + 1)
    span = slice(first, index + 1)
    block = int(dataset.neighbour_block_T[index])
    place = np.full(len(dataset.codes) + 1, -1, dtype=np.int32)
    place[names] = np.arange(len(names), dtype=np.int32)
    has_raw = bool(dataset.raw_channels)
    return replace(
        dataset,
        sessions=dataset.sessions[span],
        codes=tuple(dataset.codes[name] for name in names),
        x_TNF=np.stack([dataset.x_TNF[t][names] for t in range(first, index + 1)]),
        market_TM=dataset.market_TM[span],
        valid_TN=dataset.valid_TN[span][:, names],
        sector_TN=dataset.sector_TN[span][:, names],
        neighbour_BNK=place[dataset.neighbour_BNK[block][names]][None],
        neighbour_block_T=np.zeros(index + 1 - first, dtype=np.int32),
        raw_TNC=(
            np.stack([dataset.raw_TNC[t][names] for t in range(first, index + 1)])
            if has_raw
            else dataset.raw_TNC
        ),
    )
