"""Why names rank where they do: what the largest features add to the scores that are published."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from gogooku.features.catalogue import CATALOGUE
from gogooku.learn.why.contributions import contributions
from gogooku.predict.predictor import Predictor, Ranking

WHY: Final = "why"
"""Frame of a publication; `WHY_SCHEMA`."""
WHY_SCHEMA: Final = {
    "code": pl.String(),
    "feature": pl.String(),
    "contribution": pl.Float64(),
    "value": pl.Float64(),
    "meaning": pl.String(),
    "method": pl.String(),
}
"""A row a name and feature. ``contribution`` adds to the score of the horizon that ranks; ``value``
is the feature as the model sees it: a place within the session in [-0.5, 0.5], or a market feature
in its own unit; null where it is not known."""
REST: Final = "the rest"
"""In place of a feature: what all others add together, a constant, and what history gives."""
EXPLAINED: Final = 50
"""Names from the top of a ranking that have reasons, beside those that are held or ordered."""
LARGEST: Final = 8
"""Features of each name."""


def reasons(
    predictor: Predictor, ranking: Ranking, *, also: Sequence[str] = ()
) -> pl.DataFrame | None:
    """Reasons of the first names of a ranking and of some others; None where a score is no sum.

    Parameters
    ----------
    also : sequence of str
        Codes of further names; those that are not ranked have none.
    """
    dataset, codes = predictor.dataset, ranking.frame.get_column("code").to_list()
    wanted = set(codes[:EXPLAINED]) | (set(also) & set(codes))
    if not wanted:
        return None
    places = {code: n for n, code in enumerate(dataset.codes)}
    names = np.array(sorted(places[code] for code in wanted), dtype=np.int64)
    t = dataset.index_of(ranking.date)
    found = contributions(
        predictor.checkpoint_for(ranking.date), dataset, t, names, horizon=ranking.horizon
    )
    if found is None:
        return None
    known = {
        **dict(zip(dataset.features, np.asarray(dataset.x_TNF[t][names]).T, strict=True)),
        **{
            name: np.full(len(names), value)
            for name, value in zip(dataset.market_features, dataset.market_TM[t], strict=True)
        },
    }
    meanings = {one.name: one.meaning for one in CATALOGUE}
    rows = []
    for row, name in enumerate(names.tolist()):
        added = found.added_nF[row]
        largest = np.argsort(-np.abs(added), kind="stable")[:LARGEST]
        for column in largest[added[largest] != 0.0].tolist():
            feature = found.features[column]
            value = float(known[feature][row])
            rows.append(
                (
                    dataset.codes[name],
                    feature,
                    float(added[column]),
                    value if np.isfinite(value) else None,
                    meanings.get(feature, ""),
                    found.method,
                )
            )
        others = float(added.sum() - added[largest].sum() + found.rest_n[row])
        rows.append((dataset.codes[name], REST, others, None, _OTHERS, found.method))
    return pl.DataFrame(rows, schema=WHY_SCHEMA, orient="row")


_OTHERS: Final = "all other features, a constant, and what history gives"
