"""Why names rank where they do: what the largest features add to the scores that are published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.types import Dataset, IntArray
from gogooku.features.catalogue import CATALOGUE
from gogooku.learn.why.contributions import PEERS, Contributions, WhyNot, contributions
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
WHY_GROUPS: Final = "why_groups"
"""Frame of a publication; `GROUPS_SCHEMA`."""
GROUPS_SCHEMA: Final = {"code": pl.String(), "group": pl.String(), "contribution": pl.Float64()}
"""A row a name and group of features of the catalogue: what all features of the group add; and one
of the constant and what history gives. They add up to the score."""
CONSTANT: Final = "constant and history"
PEER_GROUP: Final = "peers"
"""Of all features of a name's peers."""
UNKNOWN_GROUP: Final = "own"
"""Of features that the catalogue does not have."""
WHY_NOT: Final = "why_not"
"""Key among the facts of a publication without reasons, of a word of `WhyNot`."""
EXPLAINED: Final = 50
"""Names from the top of a ranking that have reasons, beside those that are held or ordered."""
LOWEST: Final = 10
"""Names from its bottom that have reasons, too."""
LARGEST: Final = 8
"""Features of each name."""


def reasons(
    predictor: Predictor, ranking: Ranking, *, also: Sequence[str] = ()
) -> dict[str, pl.DataFrame] | WhyNot:
    """Reasons of the first and the last names of a ranking and of some others: frames by name.

    Parameters
    ----------
    also : sequence of str
        Codes of further names; those that are not ranked have none.

    Returns
    -------
    dict or WhyNot
        `WHY` and `WHY_GROUPS`; why not where a score is no sum.
    """
    dataset, codes = predictor.dataset, ranking.frame.get_column("code").to_list()
    wanted = {*codes[:EXPLAINED], *codes[-LOWEST:]} | (set(also) & set(codes))
    places = {code: n for n, code in enumerate(dataset.codes)}
    names = np.array(sorted(places[code] for code in wanted), dtype=np.int64)
    t = dataset.index_of(ranking.date)
    found = contributions(
        predictor.checkpoint_for(ranking.date), dataset, t, names, horizon=ranking.horizon
    )
    if isinstance(found, WhyNot):
        return found
    owners = [dataset.codes[name] for name in names.tolist()]
    known = _known(dataset, t, names)
    return {WHY: _largest(found, owners, known), WHY_GROUPS: _by_group(found, owners)}


def _known(dataset: Dataset, t: int, names: IntArray) -> dict[str, npt.NDArray[np.floating[Any]]]:
    """Values [n] of every feature, as the model sees them."""
    stock = np.asarray(dataset.x_TNF[t][names]).T
    return {
        **dict(zip(dataset.features, stock, strict=True)),
        **{
            name: np.full(len(names), value)
            for name, value in zip(dataset.market_features, dataset.market_TM[t], strict=True)
        },
    }


def _largest(
    found: Contributions, owners: Sequence[str], known: Mapping[str, npt.NDArray[Any]]
) -> pl.DataFrame:
    """The largest features of each name, and the rest."""
    meanings = {one.name: one.meaning for one in CATALOGUE}
    rows = []
    for row, code in enumerate(owners):
        added = found.added_nF[row]
        largest = np.argsort(-np.abs(added), kind="stable")[:LARGEST]
        for column in largest[added[largest] != 0.0].tolist():
            feature = found.features[column]
            value = float(known[feature][row]) if feature != PEERS else np.nan
            shown = value if np.isfinite(value) else None
            meaning = meanings.get(feature, "") if feature != PEERS else _OF_PEERS
            rows.append((code, feature, float(added[column]), shown, meaning, found.method))
        others = float(added.sum() - added[largest].sum() + found.rest_n[row])
        rows.append((code, REST, others, None, _OTHERS, found.method))
    return pl.DataFrame(rows, schema=WHY_SCHEMA, orient="row")


def _by_group(found: Contributions, owners: Sequence[str]) -> pl.DataFrame:
    """What each group of features adds, the groups in the order of the catalogue."""
    group_of = {one.name: one.group for one in CATALOGUE} | {PEERS: PEER_GROUP}
    groups = [group_of.get(name, UNKNOWN_GROUP) for name in found.features]
    names = list(dict.fromkeys(groups))
    member = np.array([[one == name for name in names] for one in groups], dtype=np.float64)
    added = np.column_stack([found.added_nF @ member, found.rest_n])
    rows = [
        (code, name, float(value))
        for code, values in zip(owners, added, strict=True)
        for name, value in zip([*names, CONSTANT], values, strict=True)
        if value != 0.0
    ]
    return pl.DataFrame(rows, schema=GROUPS_SCHEMA, orient="row")


_OTHERS: Final = "all other features, a constant, and what history gives"
_OF_PEERS: Final = "all features of the names that the model takes for its peers"
