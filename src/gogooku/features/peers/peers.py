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

from gogooku.core.types import Axis, Feature, Role
from gogooku.features.engine.combinators import col, declared, log, total
from gogooku.features.engine.inputs import published
from gogooku.features.peers import peer_graph as g
from gogooku.features.peers.peer_columns import PEER_LOOKBACK, RETURNS, TOGETHER

_graph_of = partial(declared, group="graph")
_peer_of = partial(declared, group="peer")


def _same(name: str, unit: str, meaning: str, **more: Any) -> Feature:
    """Declare a base column of the graphs that is a feature as it is."""
    group = name.lstrip("_").partition("_")[0]
    return published(name, unit, meaning, group=group, lookback=PEER_LOOKBACK, **more)


_AXIS_MEANING: Final = {
    "volatility": "names of high residual deviation",
    "market": "names of high market beta (apart from the axis before)",
    "drift": "names with a high mean residual return over its deviation (apart from those before)",
    "month": f"the last {g.RECENT} sessions of the window (apart from those before)",
}

_CENTRALITY = (
    _same(
        "graph_degree",
        "share",
        f"Share of the universe correlated by {g.TIED} or more with the name.",
    ),
    _same(
        "graph_popularity",
        "ratio",
        "Names that have the name among their peers, over the number of peers.",
    ),
    _graph_of(
        "graph_pagerank",
        log(col("_graph_pagerank", PEER_LOOKBACK)),
        "log",
        "PageRank over links to peers weighted by correlation, over its mean.",
    ),
    _same("graph_mutual", "share", "Share of the peers that have the name among theirs."),
    _same(
        "graph_clustering",
        "share",
        "Share of the pairs of peers of which one is a peer of the other.",
    ),
    _same("graph_same_sector", "share", "Share of the peers that are of the own sector."),
    _graph_of(
        "graph_community_size",
        log(col("_graph_community_share", PEER_LOOKBACK)),
        "log",
        "Share of the graph's names in the name's community.",
    ),
    _same(
        "graph_community_same_sector",
        "share",
        "Share of the other names of the community that are of the own sector.",
    ),
)

_SPACE = (
    _same(
        "graph_common_share",
        "share",
        f"Share of the residual variance in the first {g.COMPONENTS} common components.",
    ),
    _same(
        "graph_sector_distance",
        "ratio",
        f"Distance to the centre of the sector in the space of {g.COMPONENTS} components.",
    ),
    *(
        _same(
            f"graph_axis_{name}",
            "ratio",
            f"Correlation with the common component that points to {_AXIS_MEANING[name]}.",
        )
        for name in g.AXES
    ),
    _same(
        "graph_absorbed",
        "share",
        f"Share of all residual variance in the first {g.COMPONENTS} common components.",
        role=Role.MARKET,
        axis=Axis.ACROSS,
    ),
    _same(
        "graph_tightness",
        "ratio",
        "Mean correlation of the names with their peers.",
        role=Role.MARKET,
        axis=Axis.ACROSS,
    ),
)

_HIDDEN = (
    _same(
        "_graph_pagerank",
        "ratio",
        "PageRank over links to peers weighted by correlation, over its mean.",
        max_null_share=1.0,
    ),
    _same(
        "_graph_community_share",
        "share",
        "Share of the graph's names in the name's community.",
        max_null_share=1.0,
    ),
    _same(
        "_peer_leads",
        "ratio",
        "Correlation of residual returns with those of the peers one session after.",
        max_null_share=1.0,
    ),
)

_TIES = (
    _same(
        "peer_corr_mean",
        "ratio",
        f"Mean correlation of residual returns with the {g.NEIGHBOURS} peers.",
    ),
    _same("peer_corr_max", "ratio", "Correlation of residual returns with the nearest peer."),
    _same(
        "peer_corr_basket", "ratio", "Correlation of residual returns with the sum of the peers'."
    ),
    _same(
        "peer_follows",
        "ratio",
        "Correlation of residual returns with those of the peers one session before.",
    ),
    _peer_of(
        "peer_follows_more",
        col("peer_follows", PEER_LOOKBACK) - col("_peer_leads", PEER_LOOKBACK),
        "ratio",
        "Correlation with the peers one session before, less that one session after.",
    ),
    _peer_of(
        "peer_lead_signal",
        col("peer_follows", PEER_LOOKBACK) * col("peer_shock_1d", PEER_LOOKBACK),
        "z",
        "peer_follows times peer_shock_1d: what following the peers says of tomorrow.",
    ),
)

_MOVES = (
    *(
        _same(
            f"peer_ret_{h}d", "return", f"Mean return of the peers over {h} session{'s' * (h > 1)}."
        )
        for h in RETURNS
    ),
    *(
        _peer_of(
            f"peer_gap_{h}d",
            col(f"ret_prev_{h}d", PEER_LOOKBACK) - col(f"peer_ret_{h}d", PEER_LOOKBACK),
            "return",
            f"Own return over {h} session{'s' * (h > 1)} less the mean of the peers.",
        )
        for h in RETURNS
    ),
    _same(
        "peer_spread_5d",
        "return",
        "Standard deviation across the peers of their returns over 5 sessions.",
    ),
    _same(
        "peer_shock_1d",
        "z",
        "Mean over the peers of today's residual return in own deviations, each within +-4.",
    ),
    *(
        _peer_of(
            f"peer_shock_{w}d",
            total(col("peer_shock_1d", PEER_LOOKBACK), w),
            "z",
            f"Sum of peer_shock_1d over {w} sessions, each with the peers of its week.",
        )
        for w in (5, 20)
    ),
    *(
        _same(
            f"graph_community_ret_{h}d",
            "return",
            f"Mean return of the other names of the community over {h} sessions.",
        )
        for h in TOGETHER
    ),
    *(
        _graph_of(
            f"graph_community_gap_{h}d",
            col(f"ret_prev_{h}d", PEER_LOOKBACK) - col(f"graph_community_ret_{h}d", PEER_LOOKBACK),
            "return",
            f"Own return over {h} sessions less the mean of the others of the community.",
        )
        for h in TOGETHER
    ),
)

PEERS: Final[tuple[Feature, ...]] = (*_HIDDEN, *_CENTRALITY, *_SPACE, *_TIES, *_MOVES)
