"""Peer and graph features against plain loops, the window law, no look-ahead, exactness."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from gogooku.core.errors import DataError
from gogooku.core.types import Role
from gogooku.features.catalogue import by_name
from gogooku.features.engine.kernels import chain
from gogooku.features.laws import evaluate_dense
from gogooku.features.peers import peer_graph
from gogooku.features.peers.peer_columns import (
    LONGEST_WEEK,
    PEER_LOOKBACK,
    PEER_MARKET,
    PEER_STOCK,
    PEER_STOCK_SECTOR,
    peer_columns,
)
from gogooku.features.peers.peers import PEERS
from support.markets import dense_market

L, K, COMPONENTS = 120, 12, 8
NAN = math.nan
NUM_SESSIONS, NUM_NAMES = 260, 60


def week_starts(num_sessions, *, seed=5):
    """Weeks of 1 to 5 sessions, one of 7; the first row is in the middle of a week."""
    rng = np.random.default_rng(seed)
    out, at = np.zeros(num_sessions), 3
    while at < num_sessions:
        out[at] = 1.0
        at += int(rng.choice([5, 5, 5, 4, 3, 1]))
    out[150:165] = 0.0
    out[[151, 158, 163]] = 1.0
    return out


@pytest.fixture(scope="module")
def market():
    """Names move in hidden groups beyond their sectors; memberships of the universe change."""
    made = dense_market(NUM_SESSIONS, NUM_NAMES, seed=11)
    rng = np.random.default_rng(12)
    group = rng.integers(0, 8, NUM_NAMES)
    common = np.cumsum(0.015 * rng.standard_normal((NUM_SESSIONS, 8)), axis=0)[:, group]
    universe = made["universe"].copy()
    universe[:140, 15] = NAN
    universe[200:, 16] = NAN
    return {
        "close_TN": made["close"] * np.exp(common),
        "sector_TN": made["sector"],
        "universe_TN": universe,
        "week_start_T": week_starts(NUM_SESSIONS),
    }


@pytest.fixture(scope="module")
def columns(market):
    return peer_columns(**market)


def same(left, right, rows=slice(None)):
    assert set(left) == set(right)
    for name in left:
        np.testing.assert_array_equal(left[name][rows], right[name][rows], err_msg=name)


def part(market, rows):
    return {name: values[rows] for name, values in market.items()}


# ------------------------------------------------------------------------------- plain loops


def naive_residuals(market, start):
    """Residual returns by name over the window of a week: lists of L, NAN for none."""
    close, sector, universe = (market[f"{n}_TN"] for n in ("close", "sector", "universe"))
    out = {n: [] for n in range(close.shape[1])}
    for t in range(start + 1 - L, start + 1):
        moves = {}
        for n in out:
            usable = t >= 1 and close[t, n] > 0 and close[t - 1, n] > 0
            moves[n] = close[t, n] / close[t - 1, n] - 1 if usable else NAN
        for n, residuals in out.items():
            key = sector[t, n]
            mates = [
                moves[m]
                for m in out
                if t >= 0
                and universe[t, m] == 1
                and not math.isnan(moves[m])
                and (sector[t, m] == key or (math.isnan(sector[t, m]) and math.isnan(key)))
            ]
            residuals.append(moves[n] - (sum(mates) / len(mates) if mates else 0.0))
    return out


def naive_steps(market, start):
    """Whole numbers by name, and the deviation and drift of each."""
    steps, scale, drift = {}, {}, {}
    for n, values in naive_residuals(market, start).items():
        seen = [v for v in values if not math.isnan(v)]
        if market["universe_TN"][start, n] != 1 or len(seen) < 60:
            continue
        mean = sum(seen) / len(seen)
        deviation = math.sqrt(sum((v - mean) ** 2 for v in seen) / len(seen))
        if deviation <= 1e-9:
            continue
        steps[n] = [
            0 if math.isnan(v) else round(max(-4, min(4, (v - mean) / deviation)) * 64)
            for v in values
        ]
        scale[n], drift[n] = deviation, mean / deviation
    return steps, scale, drift


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def naive_correlations(steps):
    size = {n: math.sqrt(dot(s, s)) for n, s in steps.items()}
    return {
        (a, b): round(1e5 * dot(steps[a], steps[b]) / (size[a] * size[b])) / 1e5
        for a in steps
        for b in steps
    }


def naive_peers(corr, names):
    return {a: sorted((b for b in names if b != a), key=lambda b: (-corr[a, b], b))[:K]
            for a in names}  # fmt: skip


def naive_pagerank(corr, peers):
    names = list(peers)
    matrix = np.zeros((len(names), len(names)))
    for i, a in enumerate(names):
        for b in peers[a]:
            matrix[i, names.index(b)] = max(corr[a, b], 0.0)
    total = matrix.sum(axis=1, keepdims=True)
    matrix = np.where(total > 0, matrix / np.where(total > 0, total, 1), 1 / len(names))
    rank = np.full(len(names), 1 / len(names))
    for _ in range(400):
        rank = 0.15 / len(names) + 0.85 * rank @ matrix
    return dict(zip(names, rank * len(names), strict=True))


def naive_communities(corr, peers):
    groups = [{n} for n in peers]
    for _ in range(2):
        wish = {}
        for i, one in enumerate(groups):
            best = (0.0, None)
            for j, other in enumerate(groups):
                if i == j:
                    continue
                tie = sum(
                    max(corr[a, b], 0.0) * ((b in peers[a]) + (a in peers[b]))
                    for a in one
                    for b in other
                ) / (len(one) * len(other))
                if tie > best[0] + 1e-12:
                    best = (tie, j)
            wish[i] = best[1]
        merged = []
        for i in range(len(groups)):
            piece = {i} | ({wish[i]} if wish[i] is not None else set())
            touching = [m for m in merged if m & piece]
            merged = [m for m in merged if not m & piece] + [piece.union(*touching)]
        merged.sort(key=lambda m: min(min(groups[i]) for i in m))
        groups = [set().union(*(groups[i] for i in m)) for m in merged]
    return {n: group for group in groups for n in group}


def naive_space(market, start, steps, scale, drift):
    """By the eigenvectors of the [n, n] matrix, and QR for the turn."""
    names = list(steps)
    unit = np.array([np.array(s) / math.sqrt(dot(s, s)) for s in steps.values()])
    values, vectors = np.linalg.eigh(unit @ unit.T)
    top = np.argsort(-values)[:COMPONENTS]
    points = vectors[:, top] * np.sqrt(values[top])
    times = unit.T @ vectors[:, top] / np.sqrt(values[top])
    close = market["close_TN"]
    moves = {
        n: [close[t, n] / close[t - 1, n] - 1 if t >= 1 else NAN
            for t in range(max(0, start + 1 - L), start + 1)]
        for n in names
    }  # fmt: skip
    index = []
    for place in range(len(moves[names[0]])):
        there = [moves[n][place] for n in names if not math.isnan(moves[n][place])]
        index.append(sum(there) / len(there) if there else NAN)
    middle = np.nanmean(index)
    beta = []
    for n in names:
        pairs = [(m, i - middle) for m, i in zip(moves[n], index, strict=True)
                 if not math.isnan(m)]  # fmt: skip
        beta.append(sum(m * i for m, i in pairs) / sum(i * i for _, i in pairs))

    def centred(values):
        away = np.array(values) - np.median(values)
        return np.clip(away / np.median(np.abs(away)), -3, 3)

    recent = np.array([float(place >= len(times) - 20) for place in range(len(times))])
    towards = [points.T @ centred(a) for a in
               ([math.log(scale[n]) for n in names], beta, [drift[n] for n in names])]  # fmt: skip
    turn, size = np.linalg.qr(np.column_stack([*towards, times.T @ recent]))
    axes = points @ (turn * np.sign(np.diag(size)))
    return names, points, axes, values[top].sum() / values.sum()


def naive_standing(market, start):
    """Columns of one week by loops: name of the column to value by name."""
    steps, scale, drift = naive_steps(market, start)
    corr = naive_correlations(steps)
    names, peers = list(steps), naive_peers(corr, list(steps))
    community = naive_communities(corr, peers)
    sector = market["sector_TN"][start]
    linked = {frozenset((a, b)) for a in names for b in peers[a]}
    basket = {a: [sum(col) for col in zip(*(steps[b] for b in peers[a]), strict=True)]
              for a in names}  # fmt: skip
    size = {a: math.sqrt(dot(steps[a], steps[a]) * dot(basket[a], basket[a])) for a in names}
    _, points, axes, absorbed = naive_space(market, start, steps, scale, drift)
    at = {a: points[i] for i, a in enumerate(names)}

    def alike(a, others):
        if math.isnan(sector[a]) or not others:
            return NAN
        return sum(sector[b] == sector[a] for b in others) / len(others)

    def distance(a):
        mates = [at[b] for b in names if b != a and sector[b] == sector[a]]
        return NAN if len(mates) < 2 else float(np.linalg.norm(at[a] - np.mean(mates, axis=0)))

    rank = naive_pagerank(corr, peers)
    out = {
        "graph_degree": {
            a: sum(corr[a, b] >= 0.25 for b in names if b != a) / (len(names) - 1) for a in names
        },
        "graph_popularity": {a: sum(a in peers[b] for b in names) / K for a in names},
        "graph_mutual": {a: sum(a in peers[b] for b in peers[a]) / K for a in names},
        "graph_clustering": {
            a: np.mean([frozenset(two) in linked for two in combinations(peers[a], 2)])
            for a in names
        },
        "_graph_pagerank": rank,
        "peer_corr_mean": {a: sum(corr[a, b] for b in peers[a]) / K for a in names},
        "peer_corr_max": {a: max(corr[a, b] for b in names if b != a) for a in names},
        "peer_corr_basket": {a: dot(steps[a], basket[a]) / size[a] for a in names},
        "peer_follows": {a: dot(steps[a][1:], basket[a][:-1]) / size[a] for a in names},
        "_peer_leads": {a: dot(steps[a][:-1], basket[a][1:]) / size[a] for a in names},
        "_graph_community_share": {a: len(community[a]) / len(names) for a in names},
        "graph_common_share": {a: float((at[a] ** 2).sum()) for a in names},
        "graph_same_sector": {a: alike(a, peers[a]) for a in names},
        "graph_community_same_sector": {a: alike(a, community[a] - {a}) for a in names},
        "graph_sector_distance": {a: distance(a) for a in names},
        **{
            f"graph_axis_{axis}": {a: axes[i, j] for i, a in enumerate(names)}
            for j, axis in enumerate(("volatility", "market", "drift", "month"))
        },
    }
    market_values = {
        "graph_absorbed": absorbed,
        "graph_tightness": np.mean([corr[a, b] for a in names for b in peers[a]]),
    }
    return out, market_values, (peers, community, scale)


def last_close(close, t, n):
    """Last known close, at most 20 sessions old."""
    for back in range(21):
        if t - back >= 0 and not math.isnan(close[t - back, n]):
            return close[t - back, n]
    return NAN


def naive_moving(market, t, graph):
    """Columns that move within the week, by loops."""
    peers, community, scale = graph
    close = market["close_TN"]

    def move(n, h):
        now = close[t, n] if h == 1 else last_close(close, t, n)
        return now / last_close(close, t - h, n) - 1

    def shock(n):
        value = naive_residual_today(market, t, n) / scale[n]
        return value if math.isnan(value) else max(-4.0, min(4.0, value))

    def mean(values):
        there = [v for v in values if not math.isnan(v)]
        return sum(there) / len(there) if len(there) >= 3 else NAN

    def spread(values):
        there = [v for v in values if not math.isnan(v)]
        return float(np.std(there)) if len(there) >= 3 else NAN

    out = {f"peer_ret_{h}d": {a: mean([move(b, h) for b in peers[a]]) for a in peers}
           for h in (1, 5, 20, 60)}  # fmt: skip
    out["peer_spread_5d"] = {a: spread([move(b, 5) for b in peers[a]]) for a in peers}
    out["peer_shock_1d"] = {a: mean([shock(b) for b in peers[a]]) for a in peers}
    for h in (5, 20):
        out[f"graph_community_ret_{h}d"] = {
            a: mean([move(b, h) for b in community[a] if b != a]) for a in peers
        }
    return out


def naive_residual_today(market, t, name):
    close, sector, universe = (market[f"{n}_TN"] for n in ("close", "sector", "universe"))
    moves = close[t] / close[t - 1] - 1
    alike = (sector[t] == sector[t, name]) | (np.isnan(sector[t]) & np.isnan(sector[t, name]))
    mates = moves[(universe[t] == 1) & alike & np.isfinite(moves)]
    return moves[name] - (mates.mean() if len(mates) else 0.0)


def expect(columns, market, t, naive):
    """Every name's value on session ``t``; null where the loops or the universe have none."""
    for column, values in naive.items():
        expected = [values.get(n, NAN) if market["universe_TN"][t, n] == 1 else NAN
                    for n in range(NUM_NAMES)]  # fmt: skip
        np.testing.assert_allclose(
            columns[column][t], expected, rtol=2e-6, atol=1e-6, err_msg=f"{column} on {t}"
        )


@pytest.mark.parametrize("near", [100, 130, 158, 200, 241])
def test_columns_equal_loops(market, columns, near):
    starts = np.flatnonzero(market["week_start_T"] == 1.0)
    start = int(starts[starts >= near][0])
    stop = int(starts[starts > start][0])
    standing, overall, graph = naive_standing(market, start)
    assert {*standing, *naive_moving(market, start, graph)} == {*PEER_STOCK, *PEER_STOCK_SECTOR}
    for t in (start, stop - 1):
        expect(columns, market, t, standing)
        expect(columns, market, t, naive_moving(market, t, graph))
        for name in PEER_MARKET:
            assert columns[name][t] == pytest.approx(overall[name], abs=1e-6)


def test_features_equal_loops(market, columns):
    """The features that are more than a column, on the last session."""
    inputs = {**market_inputs(market), **{n: v.astype(float) for n, v in columns.items()}}
    made = evaluate_dense(PEERS, inputs)
    t = NUM_SESSIONS - 1
    for n in range(NUM_NAMES):
        got = {name: v[t, n] for name, v in made.items() if v.ndim == 2}
        base = {name: v[t, n] for name, v in columns.items() if v.ndim == 2}
        expected = {
            "graph_pagerank": math.log(base["_graph_pagerank"]),
            "graph_community_size": math.log(base["_graph_community_share"]),
            "peer_follows_more": base["peer_follows"] - base["_peer_leads"],
            "peer_lead_signal": base["peer_follows"] * base["peer_shock_1d"],
            **{f"peer_gap_{h}d": inputs[f"ret_prev_{h}d"][t, n] - base[f"peer_ret_{h}d"]
               for h in (1, 5, 20, 60)},
            **{f"graph_community_gap_{h}d":
               inputs[f"ret_prev_{h}d"][t, n] - base[f"graph_community_ret_{h}d"] for h in (5, 20)},
        }  # fmt: skip
        for w in (5, 20):
            known = [v for v in columns["peer_shock_1d"][t + 1 - w : t + 1, n] if not math.isnan(v)]
            enough = len(known) >= math.ceil(0.8 * w)
            expected[f"peer_shock_{w}d"] = sum(known) * w / len(known) if enough else NAN
        plain = {f.name: base[f.inputs[0]] for f in PEERS
                 if f.role is Role.STOCK and f.name not in expected}  # fmt: skip
        for name, value in {**plain, **expected}.items():
            assert got[name] == pytest.approx(value, abs=1e-6, nan_ok=True), (name, n)


def market_inputs(market):
    needed = [by_name(n) for n in ("_close", "ret_prev_1d", "ret_prev_5d", "ret_prev_20d",
                                   "ret_prev_60d")]  # fmt: skip
    return evaluate_dense(needed, {"close": market["close_TN"]})


# -------------------------------------------------------------------------------------- laws


@pytest.mark.parametrize("session", [150, 152, 157, 158, 199, 240])
def test_no_look_ahead(market, columns, session):
    rng = np.random.default_rng(session)
    order = rng.permutation(NUM_NAMES)
    spoiled = {name: values.copy() for name, values in market.items()}
    for name in ("close_TN", "sector_TN", "universe_TN"):
        later = market[name][: NUM_SESSIONS - session - 1][::-1]
        spoiled[name][session + 1 :] = later[:, order]
    spoiled["close_TN"][session + 1 :] *= np.exp(rng.standard_normal(NUM_NAMES))
    rows = slice(0, session + 1)
    same(columns, peer_columns(**spoiled), rows)
    same(part(columns, rows), peer_columns(**part(market, rows)))


@pytest.mark.parametrize("session", [140, 150, 152, 157, 158, 160, 199, 240, 259])
def test_exactly_the_lookback_is_enough(market, columns, session):
    made = peer_columns(**part(market, slice(session + 1 - PEER_LOOKBACK, session + 1)))
    same(part(columns, slice(session, session + 1)), made, slice(-1, None))
    assert np.isfinite(made["peer_ret_5d"][-1]).any()


def test_the_lookback_is_not_overstated(market, columns):
    """On the seventh session of a week one row less changes the graph."""
    session = 157
    assert market["week_start_T"][session + 1 - LONGEST_WEEK] == 1.0
    made = peer_columns(**part(market, slice(session + 2 - PEER_LOOKBACK, session + 1)))
    assert not np.array_equal(made["peer_corr_mean"][-1], columns["peer_corr_mean"][session])


@pytest.mark.parametrize("past", [1, 7, 20])
def test_what_is_not_wanted_of_past_weeks_is_not_made_and_the_rest_is_the_same(
    market, columns, past
):
    wanted = {**dict.fromkeys(columns, 1), "peer_shock_1d": past, "graph_degree": 0}
    made = peer_columns(**market, needed=wanted)
    starts = np.flatnonzero(market["week_start_T"] == 1.0)
    for name, values in made.items():
        first = NUM_SESSIONS - wanted[name]
        np.testing.assert_array_equal(values[first:], columns[name][first:], err_msg=name)
        begun = starts[starts <= first].max() if wanted[name] else NUM_SESSIONS
        assert np.isnan(values[:begun]).all(), name


def test_the_graph_stays_through_the_week(market, columns):
    """It changes on week starts and on no other session."""
    values = columns["graph_common_share"]
    for t in range(110, NUM_SESSIONS):
        both = np.isfinite(values[t]) & np.isfinite(values[t - 1])
        changed = bool((values[t, both] != values[t - 1, both]).any())
        assert changed == (market["week_start_T"][t] == 1.0), t


def test_names_outside_the_universe_are_null(market, columns):
    outside = market["universe_TN"] != 1.0
    starts = market["week_start_T"] == 1.0
    begun = np.maximum.accumulate(np.where(starts, np.arange(NUM_SESSIONS), 0))
    late = ~outside & outside[begun]
    assert outside.any()
    assert late.any()
    for name in (*PEER_STOCK, *PEER_STOCK_SECTOR):
        assert np.isnan(columns[name][outside]).all(), name
        assert np.isnan(columns[name][late]).all(), name


def test_nothing_before_the_first_week_or_with_few_names(market):
    assert all(np.isnan(v[:3]).all() for v in peer_columns(**market).values())
    without = {**market, "week_start_T": np.zeros(NUM_SESSIONS)}
    assert all(np.isnan(v).all() for v in peer_columns(**without).values())
    few = market["universe_TN"].copy()
    few[:, K:] = NAN
    assert all(np.isnan(v).all() for v in peer_columns(**{**market, "universe_TN": few}).values())


def test_threads_other_names_and_runs_change_no_bit(market, columns):
    same(columns, peer_columns(**market, threads=3))
    extra = np.full((NUM_SESSIONS, 7), NAN)
    wider = {n: np.hstack([v, extra]) if v.ndim == 2 else v for n, v in market.items()}
    wider["close_TN"][:, NUM_NAMES:] = 100.0 + np.arange(NUM_SESSIONS)[:, None]
    made = peer_columns(**wider)
    same(columns, {n: v[:, :NUM_NAMES] if v.ndim == 2 else v for n, v in made.items()})


def test_scale_free(market, columns):
    factor = np.where(np.arange(NUM_NAMES) % 2, 7.0, 1e-3)
    made = peer_columns(**{**market, "close_TN": market["close_TN"] * factor})
    for name, values in columns.items():
        np.testing.assert_allclose(made[name], values, rtol=0, atol=1e-6, err_msg=name)


def test_without_sectors(market):
    made = peer_columns(market["close_TN"], None, market["universe_TN"], market["week_start_T"])
    assert set(made) == {*PEER_STOCK, *PEER_MARKET}
    unknown = np.full_like(market["sector_TN"], NAN)
    other = peer_columns(**{**market, "sector_TN": unknown})
    same(made, {name: other[name] for name in made})
    assert np.isnan(other["graph_same_sector"]).all()


def test_columns_go_where_they_are_told(market, columns):
    given = {}

    def allocate(name, shape):
        given[name] = np.zeros(shape, dtype=np.float32)
        return given[name]

    made = peer_columns(**market, allocate=allocate)
    same(columns, made)
    assert set(given) == {*PEER_STOCK, *PEER_STOCK_SECTOR}
    assert all(made[name] is given[name] for name in given)


# ------------------------------------------------------------------------------------- graph


def steps_of(rows):
    rows = np.asarray(rows, dtype=np.float32)
    ones = np.ones(len(rows))
    return peer_graph.Steps(
        names=np.arange(len(rows)),
        steps_nL=rows,
        norm_n=np.sqrt((rows.astype(float) ** 2).sum(axis=1)),
        scale_n=ones,
        drift_n=ones,
    )


def test_equal_correlations_are_taken_in_order():
    found = peer_graph.nearest(steps_of([[3, 4]] * 9 + [[4, -3]]), kept=3)
    expected = [[j for j in range(9) if j != i][:3] for i in range(9)]
    assert found.peers_nK[:9].tolist() == expected
    assert found.peers_nK[9].tolist() == [0, 1, 2]
    assert (found.corr_nK[:9] == 1.0).all()


@pytest.mark.parametrize("length", [4, 16, 100])
@pytest.mark.parametrize(("names", "kept"), [(13, 12), (70, 12), (500, 12), (300, 150), (151, 150)])
def test_peers_and_degrees_are_those_of_all_pairs(names, kept, length):
    """Short rows of few values: most correlations have equals, and many lie at the limit."""
    rng = np.random.default_rng(names + length)
    steps = steps_of(rng.integers(1, 4, (names, length)) * rng.choice([-1, 1], (names, length)))
    found = peer_graph.nearest(steps, kept=kept)
    rows = steps.steps_nL.astype(float)
    corr = (rows @ rows.T) * (100_000 / steps.norm_n[:, None]) * (1.0 / steps.norm_n)
    corr = np.rint(corr) / 100_000
    np.fill_diagonal(corr, -2.0)
    peers = np.argsort(-corr, axis=1, kind="stable")[:, :kept]
    assert (found.peers_nK == peers).all()
    assert (found.corr_nK == np.take_along_axis(corr, peers, axis=1)).all()
    degree = (corr >= peer_graph.TIED).sum(axis=1) / (names - 1)
    np.testing.assert_allclose(found.degree_n, degree, rtol=1e-12)


def test_products_are_exact():
    """The largest steps over the longest window stay whole numbers in float32."""
    largest = 4 * 64
    assert peer_graph.LOOKBACK * largest**2 < 2**24


def test_axes_do_not_depend_on_the_turn_of_the_eigenvectors():
    rng = np.random.default_rng(3)
    points, towards = rng.standard_normal((50, 8)), rng.standard_normal((8, 4))
    turn = np.linalg.qr(rng.standard_normal((8, 8)))[0]
    flips = turn * rng.choice([-1.0, 1.0], 8)
    axes = peer_graph.axes_of(towards)
    np.testing.assert_allclose(
        points @ flips @ peer_graph.axes_of(flips.T @ towards), points @ axes, atol=1e-10
    )
    np.testing.assert_allclose(axes.T @ axes, np.eye(4), atol=1e-12)
    assert (np.diag(axes.T @ towards) > 0).all()
    towards[:, 2] = towards[:, 0] - 2 * towards[:, 1]
    assert np.isnan(peer_graph.axes_of(towards)[:, 2:]).all()


def test_too_many_names_are_refused():
    many = np.ones((2**14 + 1, 2), dtype=np.float32)
    with pytest.raises(DataError, match="narrow the universe"):
        peer_graph.nearest(steps_of(many))


# ------------------------------------------------------------------------------ declarations


def test_declarations_are_sound():
    columns = {*PEER_STOCK, *PEER_STOCK_SECTOR, *PEER_MARKET}
    names = [f.name for f in PEERS]
    assert len(set(names)) == len(names) >= 20
    assert all(n.lstrip("_").startswith(("graph_", "peer_")) for n in names)
    assert columns == {f.name for f in PEERS if f.published}
    read = {n for f in PEERS if not f.published for n in f.inputs}
    assert {n for n in columns if n.startswith("_")} <= read
    assert chain(7, L, 2) == PEER_LOOKBACK == L + 7
    for feature in PEERS:
        assert feature.lookback >= PEER_LOOKBACK
        if feature.role is Role.MARKET:
            assert set(feature.inputs) <= set(PEER_MARKET)


def test_no_feature_is_a_copy_and_most_are_there(market, columns):
    inputs = market_inputs(market)
    made = evaluate_dense(PEERS, {**inputs, **{n: v.astype(float) for n, v in columns.items()}})
    stock = {n: v for n, v in {**inputs, **made}.items() if v.ndim == 2 and not n.startswith("_")}
    rows = range(150, NUM_SESSIONS, 4)
    ranks = {n: np.concatenate([day_ranks(v[t], market["universe_TN"][t]) for t in rows])
             for n, v in stock.items()}  # fmt: skip
    for feature in (f for f in PEERS if f.name in stock):
        values = made[feature.name][150:][market["universe_TN"][150:] == 1.0]
        assert np.isnan(values).mean() <= feature.max_null_share, feature.name
    for one, other in combinations(stock, 2):
        both = np.isfinite(ranks[one]) & np.isfinite(ranks[other])
        alike = np.corrcoef(ranks[one][both], ranks[other][both])[0, 1]
        assert abs(alike) < 0.995, (one, other)


def day_ranks(values, universe):
    there = np.isfinite(values) & (universe == 1.0)
    out = np.full(len(values), NAN)
    sorted_values = np.sort(values[there])
    low = np.searchsorted(sorted_values, values[there], side="left")
    high = np.searchsorted(sorted_values, values[there], side="right")
    out[there] = (low + high) / 2 / there.sum() - 0.5
    return out
