"""How much of each feature is there: the share of nulls among universe rows after warm-up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gogooku.core.types import BoolArray, Feature, Role
from gogooku.features.compute import ValueStore


def coverage_of(
    features: Sequence[Feature], store: ValueStore, universe_TN: BoolArray
) -> dict[str, float]:
    """Null share of each feature among universe rows, without the first ``lookback`` sessions.

    A market feature counts sessions. On a history shorter than the lookback all rows count: what
    is null there is said, and what is not null is not called so. 1 without any universe row.
    """
    seen_before = np.cumsum(universe_TN, axis=0)
    shares: dict[str, float] = {}
    for feature in features:
        if feature.role is Role.MARKET:
            every = store.market[feature.name]
            warm_values = every[feature.lookback :] if len(every) > feature.lookback else every
            shares[feature.name] = float(np.isnan(warm_values).mean())
            continue
        warm = universe_TN & (seen_before > feature.lookback)
        warm = warm if warm.any() else universe_TN
        count = int(warm.sum())
        missing = int(np.isnan(store.stock(feature.name)[warm]).sum()) if count else 1
        shares[feature.name] = round(missing / max(count, 1), 6)
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
