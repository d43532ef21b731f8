"""Checks that a dataset on disk is what its manifest says, and fit to learn from."""

from __future__ import annotations

import numpy as np

from gogooku.core.files import hash_file, hash_parts
from gogooku.core.metrics import daily_rank_ic
from gogooku.core.types import Dataset
from gogooku.features.catalogue import by_name
from gogooku.features.coverage import over_budget
from gogooku.features.labels import labels_content
from gogooku.learn.datasets import BAR_COLUMNS, labels_of

LEAK_IC = 0.2
"""Mean daily RankIC of a single feature with a forward return that no honest feature reaches."""
_SAMPLE_SESSIONS = 60


def audit_dataset(dataset: Dataset) -> list[str]:
    """Check hashes, coverage, values and single-feature leaks; returns findings, empty if good."""
    return [*_hashes(dataset), *_coverage(dataset), *_values(dataset), *_leaks(dataset)]


def _hashes(dataset: Dataset) -> list[str]:
    folder, parts = dataset.folder, dataset.manifest["parts"]
    found: dict[str, str] = {}
    for name in parts:
        if (folder / f"{name}.npy").exists():
            found[name] = hash_file(folder / f"{name}.npy")
    years = sorted((folder / "features").glob("*.parquet"))
    found["features"] = hash_parts({path.stem: hash_file(path) for path in years})
    found["bars"] = hash_parts(
        {c: hash_file(folder / "bars" / f"{c}.npy") for c in (*BAR_COLUMNS, "listed")}
    )
    found["labels"] = labels_content(folder / "labels")
    return [
        f"{name}: content differs from the manifest; rebuild: gogooku build"
        for name, content in parts.items()
        if found.get(name) != content
    ]


def _coverage(dataset: Dataset) -> list[str]:
    features = [by_name(n) for n in (*dataset.features, *dataset.market_features)]
    return [
        f"{name}: {share:.1%} null among universe rows, {allowed:.0%} allowed"
        for name, share, allowed in over_budget(features, dataset.manifest["null_share"])
    ]


def _sample(dataset: Dataset) -> list[int]:
    filled = np.flatnonzero(dataset.valid_TN.sum(axis=1) > 0)
    places = np.linspace(0, len(filled) - 1, min(_SAMPLE_SESSIONS, len(filled)))
    return [int(filled[int(p)]) for p in places] if len(filled) else []


def _values(dataset: Dataset) -> list[str]:
    findings = []
    sample = _sample(dataset)
    if not sample:
        return ["universe: no session has a member; lower universe.min_traded_value"]
    largest = np.zeros(len(dataset.features))
    for t in sample:
        day = np.asarray(dataset.x_TNF[t], dtype=np.float32)
        if not np.isfinite(day).all():
            findings.append(
                f"{dataset.sessions[t]}: training tensor has values that are not finite"
            )
        largest = np.maximum(largest, np.abs(day).max(axis=0))
    findings += [
        f"{dataset.features[f]}: training tensor reaches {largest[f]:.1f}; values must be centred"
        for f in np.flatnonzero(largest > 1.0)
    ]
    return findings


def _leaks(dataset: Dataset) -> list[str]:
    """Look for a feature that knows the label: its mean daily RankIC is far too good."""
    labels = labels_of(dataset)
    sample = [t for t in _sample(dataset) if np.isfinite(labels.raw_TNH[t, :, 0]).any()]
    findings = []
    for h, horizon in enumerate(labels.horizons):
        label = np.array(labels.raw_TNH[sample, :, h], dtype=np.float64)
        for f, name in enumerate(dataset.features):
            value = np.array(dataset.x_TNF[sample, :, f], dtype=np.float64)
            daily = daily_rank_ic(np.where(dataset.valid_TN[sample], value, np.nan), label)
            kept = daily[np.isfinite(daily)]
            if len(kept) >= 20 and abs(kept.mean()) > LEAK_IC:
                findings.append(
                    f"{name}: mean RankIC {kept.mean():+.2f} with the label at horizon {horizon} "
                    f"over {len(kept)} sessions; no honest feature reaches {LEAK_IC}"
                )
    return findings
