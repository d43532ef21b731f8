"""What a dataset says of itself: ``manifest.json`` for us, ``dataset.json`` for everybody."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from gogooku.core.digests import digest_of, text_of
from gogooku.core.files import (
    MANIFEST_FILE,
    hash_file,
    hash_parts,
    read_json,
    write_json,
    write_parquet,
)
from gogooku.core.seal import FILES, carried_from, seal
from gogooku.core.types import Panel, feature_hash
from gogooku.dataset.state import DIGESTED, LISTED, RAW, Grown
from gogooku.dataset.trade_facts import TRADE
from gogooku.features.bars.raw import RAW_CHANNELS, channel_names
from gogooku.features.catalogue import Selection, described
from gogooku.features.engine.coverage import market_null_shares, stock_null_shares

DESCRIPTION_FILE = "dataset.json"
GROWTH_FILE = "growth.json"
"""Which dataset this one goes on from, and how many sessions of it were taken over."""


def write_manifest(
    chosen: Selection,
    panel: Panel,
    grown: Grown,
    *,
    labels: str,
    trade: str | None,
    facts: Mapping[str, Any],
) -> None:
    """Write what describes the whole: the market table, ``dataset.json``, the manifest.

    The content hash is of all parts but the raw channels and what only a ledger reads: it is that
    of the same dataset before there were any, and so are the keys of what reads none. What is made
    from raw channels depends on the hash of that part as well.

    Parameters
    ----------
    labels : str
        Content hash of the labels.
    trade : str or None
        Content hash of what a ledger has to know; None where the source knows nothing of it.
    facts : mapping
        What the manifest says of the source.
    """
    folder = grown.layout.folder
    context = [f.name for f in chosen.context]
    write_parquet(
        pl.DataFrame(
            {"date": pl.Series(grown.sessions).cast(pl.Date)}
            | {name: grown.market_TM[:, m] for m, name in enumerate(context)},
            nan_to_null=True,
        ),
        folder / "market.parquet",
    )
    parts = {name: text_of(digest_of(grown.digests[:, p])) for p, name in enumerate(DIGESTED)}
    small = ("market", "valid", "sector", "neighbours", "neighbour_block")
    parts |= {name: hash_file(folder / f"{name}.npy") for name in small}
    parts["labels"] = labels
    parts |= {} if trade is None else {TRADE: trade}
    null_share = stock_null_shares(chosen.stock, grown.nulls, int(grown.valid_TN.sum()))
    null_share |= market_null_shares(chosen.context, grown.market_TM.astype(np.float64))
    manifest = {**facts, **_manifest(chosen, panel, grown, parts, null_share)}
    write_json(folder / DESCRIPTION_FILE, _description(chosen, manifest))
    write_json(folder / MANIFEST_FILE, {**manifest, FILES: grown.entries()})
    seal(folder, _carried(folder))


def _carried(folder: Path) -> Mapping[str, Mapping[str, Any]]:
    """Entries of the files that are shared with the dataset which this one goes on from."""
    growth = folder / GROWTH_FILE
    name = read_json(growth)["from"] if growth.exists() else None
    older = folder.parent / str(name)
    return carried_from(older, folder) if name and (older / MANIFEST_FILE).exists() else {}


def _description(chosen: Selection, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The dataset for people and programs that do not have this package."""
    raw = [f for f in chosen.ordered if f in RAW_CHANNELS]
    return {
        "source": manifest["source"],
        "clock": manifest["clock"],
        "first": manifest["first"],
        "last": manifest["last"],
        "content_hash": manifest["content_hash"],
        "feature_hash": manifest["feature_hash"],
        "tables": {
            "features/<year>/*.parquet": "date, code, raw values of stock features; listed names",
            "market.parquet": "date, raw values of market features",
        },
        "features": [
            {**described(f), "coverage": round(1.0 - manifest["null_share"][f.name], 6)}
            for f in chosen.visible
        ],
        "raw_channels": [
            {**described(f), "name": name} for f, name in zip(raw, channel_names(raw), strict=True)
        ],
        "absent": dict(chosen.absent),
    }


def _manifest(
    chosen: Selection,
    panel: Panel,
    grown: Grown,
    parts: Mapping[str, str],
    null_share: Mapping[str, float],
) -> dict[str, Any]:
    return {
        "kind": "dataset",
        "clock": str(panel.clock),
        "slack_seconds": dict(panel.slack_seconds),
        "content_hash": hash_parts({n: part for n, part in parts.items() if n not in (RAW, TRADE)}),
        "parts": dict(parts),
        "features": list(grown.features),
        "market_features": list(grown.market_features),
        "raw_channels": list(grown.raw_channels),
        "feature_hash": feature_hash([*grown.features, "|", *grown.market_features], panel.clock),
        "absent": dict(chosen.absent),
        "codes": list(panel.codes),
        "sectors": list(grown.sectors),
        "first": str(grown.sessions[0]),
        "last": str(grown.sessions[-1]),
        "rows": int(grown.layout.bar(LISTED).rows(grown.rows).sum()),
        "universe_rows": int(grown.valid_TN.sum()),
        "null_share": dict(null_share),
    }
