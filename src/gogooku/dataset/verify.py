"""Whether the files of a dataset are still what its manifest says."""

from __future__ import annotations

from collections.abc import Iterable

from gogooku.core.digests import Digest
from gogooku.core.files import hash_file
from gogooku.core.types import BoolArray, Dataset
from gogooku.dataset.digests import bars_digest, raw_digest, tensor_digest, values_digest
from gogooku.dataset.home import read_values
from gogooku.dataset.label_files import labels_content
from gogooku.dataset.reading import grown_of
from gogooku.dataset.state import BAR_COLUMNS, DIGESTED, LISTED, RAW
from gogooku.dataset.trade_facts import TRADE, trade_content

_MOST_VALUES = 320
"""Sessions whose table of raw values is read again; of a longer history evenly spread runs."""
_RUN = 16
"""Sessions of a run."""


def damaged_parts(dataset: Dataset) -> list[str]:
    """Parts whose content has another hash than the manifest states; empty if good."""
    parts = dataset.manifest["parts"]
    small = [name for name in parts if (dataset.folder / f"{name}.npy").exists()]
    found: dict[str, str | None] = {
        name: hash_file(dataset.folder / f"{name}.npy") for name in small
    }
    found["labels"] = labels_content(dataset.folder / "labels")
    found[TRADE] = trade_content(dataset.folder)
    damaged = {name for name, content in found.items() if parts.get(name) != content}
    damaged |= _damaged_sessions(dataset)
    return [name for name in parts if name in damaged]


def _damaged_sessions(dataset: Dataset) -> set[str]:
    """Parts with a session whose content is not that of its digest."""
    grown, names = grown_of(dataset), len(dataset.codes)
    digests, layout = grown.digests, grown.layout
    x_TNF = grown.rows_of(layout.x).unchecked()[:, :names]
    bars = {
        name: grown.rows_of(layout.bar(name)).unchecked()[:, :names]
        for name in (*BAR_COLUMNS, LISTED)
    }
    listed_TN, columns = bars[LISTED], [bars[name] for name in BAR_COLUMNS]
    every = range(len(dataset.sessions))
    made: dict[str, Iterable[tuple[int, Digest]]] = {
        "x": ((t, tensor_digest(dataset.valid_TN[t], x_TNF[t])) for t in every),
        "features": _values_digests(dataset, listed_TN),
        "bars": ((t, bars_digest(listed_TN[t], [column[t] for column in columns])) for t in every),
    }
    if grown.raw_channels:
        raw_TNC = grown.rows_of(layout.raw).unchecked()[:, :names]
        made[RAW] = ((t, raw_digest(listed_TN[t], raw_TNC[t])) for t in every)
    place = {name: p for p, name in enumerate(DIGESTED)}
    return {
        name
        for name, found in made.items()
        if any((digests[t, place[name]] != digest).any() for t, digest in found)
    }


def _values_digests(dataset: Dataset, listed_TN: BoolArray) -> Iterable[tuple[int, Digest]]:
    count = len(dataset.sessions)
    step = max(_RUN, _RUN * count // _MOST_VALUES)
    for first in range(0, count, step):
        last = min(first + _RUN, count)
        values_FtN = read_values(dataset, dataset.features, first=first, last=last)
        for t in range(first, last):
            yield t, values_digest(listed_TN[t], values_FtN[:, t - first])
