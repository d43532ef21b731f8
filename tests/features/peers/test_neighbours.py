"""The monthly neighbour tables against a loop over pairs of names."""

import numpy as np
import pytest
from pydantic import ValidationError

from gogooku.features.peers.neighbours import GraphConfig, neighbour_tables

T, N, K = 75, 14, 3
SESSIONS = np.busday_offset("2024-01-02", np.arange(T), roll="forward").astype("datetime64[D]")
CONFIG = GraphConfig(neighbours=K, lookback=30, min_sessions=20)


@pytest.fixture(scope="module")
def market():
    """Two groups that move together, a name with few sessions and one outside."""
    rng = np.random.default_rng(8)
    common = rng.normal(0, 0.02, (T, 3))
    close = np.exp((common[:, np.arange(N) % 3] + rng.normal(0, 0.01, (T, N))).cumsum(axis=0))
    close[10:60, 6] = np.nan
    close[30, 7] = np.nan
    universe = np.ones((T, N), dtype=bool)
    universe[:, 9] = False
    sector = np.where(np.arange(N) < 7, 0.0, 1.0) + np.zeros((T, N))
    sector[:, 12] = np.nan
    return close, sector, universe


def by_hand(close, sector, universe, t):
    """Positions of the peers of each name for the table of session ``t``."""
    groups = np.where(np.isnan(sector), -1.0, sector)
    rows = range(max(0, t + 1 - CONFIG.lookback), t + 1)
    residual = np.full((len(rows), N), np.nan)
    for r, s in enumerate(rows):
        past = close[s] / close[s - 1] - 1 if s else np.full(N, np.nan)
        for n in range(N):
            mine = universe[s] & (groups[s] == groups[s, n]) & np.isfinite(past)
            mates = list(past[mine])
            residual[r, n] = past[n] - (np.mean(mates) if mates else 0.0)
    steps = {}
    for n in range(N):
        own = residual[:, n]
        there = np.isfinite(own)
        if not universe[t, n] or there.sum() < CONFIG.min_sessions:
            continue
        deviation = own[there].std()
        if deviation > 1e-9:
            z = np.where(there, (own - own[there].mean()) / deviation, 0.0)
            steps[n] = np.rint(np.clip(z, -4, 4) * 64)
    table = np.full((N, K), -1)
    for n, mine in steps.items():
        others = sorted(
            (-round(float(mine @ x / np.sqrt((mine @ mine) * (x @ x))), 5), m)
            for m, x in steps.items()
            if m != n
        )
        if len(others) >= K:
            table[n] = [m for _, m in others[:K]]
    return table


def test_tables_equal_a_loop_over_pairs(market):
    tables, block = neighbour_tables(*market, SESSIONS, CONFIG)
    months = SESSIONS.astype("datetime64[M]")
    starts = [t for t in range(T) if t == 0 or months[t] != months[t - 1]]
    assert len(starts) == len(tables) == 4
    np.testing.assert_array_equal(block, [sum(s <= t for s in starts) - 1 for t in range(T)])
    for table, t in zip(tables, starts, strict=True):
        np.testing.assert_array_equal(table, by_hand(*market, t))
    assert (tables[0] == -1).all()
    assert (tables[-1][[6, 9]] == -1).all()
    assert (tables[-1][0] >= 0).all()
    assert (tables[-1][:, 0] % 3 == np.arange(N) % 3)[(tables[-1][:, 0] >= 0)].mean() > 0.8


def test_a_table_is_the_same_from_a_later_beginning(market):
    whole, _ = neighbour_tables(*market, SESSIONS, CONFIG)
    first = int(np.searchsorted(SESSIONS, np.datetime64("2024-03-01")))
    cut = first - CONFIG.lookback - 1
    later = [one[cut:] for one in market]
    tables, block = neighbour_tables(*later, SESSIONS[cut:], CONFIG, first=first - cut, threads=2)
    np.testing.assert_array_equal(tables, whole[2:])
    np.testing.assert_array_equal(block[:1], [0])


def test_a_window_that_float32_cannot_hold_is_refused():
    with pytest.raises(ValidationError, match="256"):
        GraphConfig(lookback=257)
