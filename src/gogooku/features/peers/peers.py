"""Peers by co-movement: what they did, how a name moves against them, and its place in the graph.

Functions of the base columns of `gogooku.features.peers.peer_columns`: each week's graph of
residual returns, made at the week's first session. The graph is of what is left of the returns
without the sector's mean, so it finds what sectors do not say; `graph_same_sector` says how much of
it they do.

Left out on purpose: community numbers and raw eigenvectors (they mean nothing from one week to the
next), closeness and core numbers (ranks of the degree), z-scores of the same columns (the ranks of
a session do it).
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from gogooku.core.types import Axis, Feature, FloatArray, Role
from gogooku.features.engine import kernels as k
from gogooku.features.engine.kernels import Values, chain
from gogooku.features.peers import peer_graph as g
from gogooku.features.peers.peer_columns import PEER_LOOKBACK, PEER_MARKET, RETURNS, TOGETHER


def _gap(x: Values, *, own: str, theirs: str) -> FloatArray:
    return x[own] - x[theirs]


def _log(x: Values, *, of: str) -> FloatArray:
    return k.log_positive(x[of])


def _difference(x: Values) -> FloatArray:
    return x["pg_corr_follows"] - x["pg_corr_leads"]


def _product(x: Values) -> FloatArray:
    return x["pg_corr_follows"] * x["pg_shock_1d"]


def _summed(x: Values, *, of: str, window: int) -> FloatArray:
    return k.rolling_sum(x[of], window)


_graph = partial(Feature, group="graph", lookback=PEER_LOOKBACK)
_peer = partial(Feature, group="peer", lookback=PEER_LOOKBACK)
_state = partial(Feature, group="graph", lookback=PEER_LOOKBACK, role=Role.MARKET, axis=Axis.ACROSS)


def _same(name: str, of: str, unit: str, meaning: str, **more: Any) -> Feature:
    """A base column that is a feature already."""
    return Feature(
        name=name,
        group=name.partition("_")[0],
        lookback=PEER_LOOKBACK,
        inputs=(of,),
        compute=partial(k.as_is, of=of),
        unit=unit,
        meaning=meaning,
        **more,
    )


_AXIS_MEANING: Final = {
    "volatility": "names of high residual deviation",
    "market": "names of high market beta (apart from the axis before)",
    "drift": "names with a high mean residual return over its deviation (apart from those before)",
    "month": f"the last {g.RECENT} sessions of the window (apart from those before)",
}

_CENTRALITY = (
    _same(
        "graph_degree",
        "pg_degree",
        "share",
        f"Share of the universe correlated by {g.TIED} or more with the name.",
    ),
    _same(
        "graph_popularity",
        "pg_popularity",
        "ratio",
        "Names that have the name among their peers, over the number of peers.",
    ),
    _graph(
        name="graph_pagerank",
        inputs=("pg_pagerank",),
        compute=partial(_log, of="pg_pagerank"),
        unit="log",
        meaning="PageRank over links to peers weighted by correlation, over its mean.",
    ),
    _same(
        "graph_mutual",
        "pg_mutual",
        "share",
        "Share of the peers that have the name among theirs.",
    ),
    _same(
        "graph_clustering",
        "pg_clustering",
        "share",
        "Share of the pairs of peers of which one is a peer of the other.",
    ),
    _same(
        "graph_same_sector",
        "pg_same_sector",
        "share",
        "Share of the peers that are of the own sector.",
    ),
    _graph(
        name="graph_community_size",
        inputs=("pg_community_share",),
        compute=partial(_log, of="pg_community_share"),
        unit="log",
        meaning="Share of the graph's names in the name's community.",
    ),
    _same(
        "graph_community_same_sector",
        "pg_community_same_sector",
        "share",
        "Share of the other names of the community that are of the own sector.",
    ),
)

_SPACE = (
    _same(
        "graph_common_share",
        "pg_common_share",
        "share",
        f"Share of the residual variance in the first {g.COMPONENTS} common components.",
    ),
    _same(
        "graph_sector_distance",
        "pg_sector_distance",
        "ratio",
        f"Distance to the centre of the sector in the space of {g.COMPONENTS} components.",
    ),
    *(
        _same(
            f"graph_axis_{name}",
            f"pg_axis_{name}",
            "ratio",
            f"Correlation with the common component that points to {_AXIS_MEANING[name]}.",
        )
        for name in g.AXES
    ),
    *(
        _state(
            name=name,
            inputs=(of,),
            compute=partial(k.as_is, of=of),
            unit=PEER_MARKET[of],
            meaning=meaning,
        )
        for name, of, meaning in (
            (
                "graph_absorbed",
                "pg_absorbed",
                f"Share of all residual variance in the first {g.COMPONENTS} common components.",
            ),
            ("graph_tightness", "pg_tightness", "Mean correlation of the names with their peers."),
        )
    ),
)

_TIES = (
    _same(
        "peer_corr_mean",
        "pg_corr_mean",
        "ratio",
        f"Mean correlation of residual returns with the {g.NEIGHBOURS} peers.",
    ),
    _same(
        "peer_corr_max",
        "pg_corr_max",
        "ratio",
        "Correlation of residual returns with the nearest peer.",
    ),
    _same(
        "peer_corr_basket",
        "pg_corr_basket",
        "ratio",
        "Correlation of residual returns with the sum of the peers'.",
    ),
    _same(
        "peer_follows",
        "pg_corr_follows",
        "ratio",
        "Correlation of residual returns with those of the peers one session before.",
    ),
    _peer(
        name="peer_follows_more",
        inputs=("pg_corr_follows", "pg_corr_leads"),
        compute=_difference,
        unit="ratio",
        meaning="Correlation with the peers one session before, less that one session after.",
    ),
    _peer(
        name="peer_lead_signal",
        inputs=("pg_corr_follows", "pg_shock_1d"),
        compute=_product,
        unit="z",
        meaning="peer_follows times peer_shock_1d: what following the peers says of tomorrow.",
    ),
)

_MOVES = (
    *(
        _same(
            f"peer_ret_{h}d",
            f"pg_ret_{h}d",
            "return",
            f"Mean return of the peers over {h} session{'s' * (h > 1)}.",
        )
        for h in RETURNS
    ),
    *(
        _peer(
            name=f"peer_gap_{h}d",
            inputs=(f"ret_prev_{h}d", f"pg_ret_{h}d"),
            compute=partial(_gap, own=f"ret_prev_{h}d", theirs=f"pg_ret_{h}d"),
            unit="return",
            meaning=f"Own return over {h} session{'s' * (h > 1)} less the mean of the peers.",
        )
        for h in RETURNS
    ),
    _same(
        "peer_spread_5d",
        "pg_spread_5d",
        "return",
        "Standard deviation across the peers of their returns over 5 sessions.",
    ),
    _same(
        "peer_shock_1d",
        "pg_shock_1d",
        "z",
        "Mean over the peers of today's residual return in own deviations, each within +-4.",
    ),
    *(
        _peer(
            name=f"peer_shock_{w}d",
            inputs=("pg_shock_1d",),
            compute=partial(_summed, of="pg_shock_1d", window=w),
            lookback=chain(w, PEER_LOOKBACK),
            unit="z",
            meaning=f"Sum of peer_shock_1d over {w} sessions, each with the peers of its week.",
        )
        for w in (5, 20)
    ),
    *(
        _same(
            f"graph_community_ret_{h}d",
            f"pg_community_ret_{h}d",
            "return",
            f"Mean return of the other names of the community over {h} sessions.",
        )
        for h in TOGETHER
    ),
    *(
        _graph(
            name=f"graph_community_gap_{h}d",
            inputs=(f"ret_prev_{h}d", f"pg_community_ret_{h}d"),
            compute=partial(_gap, own=f"ret_prev_{h}d", theirs=f"pg_community_ret_{h}d"),
            unit="return",
            meaning=f"Own return over {h} sessions less the mean of the others of the community.",
        )
        for h in TOGETHER
    ),
)

PEERS: Final[tuple[Feature, ...]] = (*_CENTRALITY, *_SPACE, *_TIES, *_MOVES)
