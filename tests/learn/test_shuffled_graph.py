"""The control of a graph: the same degrees, other peers."""

import numpy as np
import pytest

from gogooku.learn.shuffled_graph import ShuffledTables, shuffled


def table(names, peers, *, seed=0, popular=0.0):
    """Peers of each name, none twice, some missing; a few names are named far more than others."""
    rng = np.random.default_rng(seed)
    weight = np.exp(popular * rng.standard_normal(names))
    out = np.full((names, peers), -1, dtype=np.int32)
    for n in range(names):
        chance = np.where(np.arange(names) == n, 0.0, weight)
        count = rng.integers(0, peers + 1)
        out[n, :count] = rng.choice(names, count, replace=False, p=chance / chance.sum())
    return out


def degrees(made):
    return (made >= 0).tolist(), np.bincount(made[made >= 0], minlength=len(made)).tolist()


def is_simple(made):
    rows = [row[row >= 0].tolist() for row in made]
    return all(len(set(row)) == len(row) and n not in row for n, row in enumerate(rows))


@pytest.mark.parametrize(
    ("names", "peers", "popular"), [(40, 3, 0.0), (300, 20, 1.0), (25, 20, 0.5), (2, 1, 0.0)]
)
def test_each_name_has_as_many_peers_and_is_named_as_often(names, peers, popular):
    for seed in range(5):
        given = table(names, peers, seed=seed, popular=popular)
        before = given.copy()
        made = shuffled(given, np.random.default_rng(seed))
        assert degrees(made) == degrees(given)
        assert is_simple(made)
        np.testing.assert_array_equal(given, before)


def test_the_peers_are_others():
    """Of a sparse table, no more edges are left than chance gives back."""
    given = table(300, 20)
    made = shuffled(given, np.random.default_rng(1))
    edges = [{(n, p) for n, row in enumerate(one) for p in row if p >= 0} for one in (given, made)]
    assert len(edges[0] & edges[1]) < 0.08 * len(edges[0])
    places = given >= 0
    assert np.corrcoef(given[places], made[places])[0, 1] < 0.1


def test_where_only_one_table_has_the_degrees_it_is_that_one():
    full = np.array([[m for m in range(6) if m != n] for n in range(6)], dtype=np.int32)
    made = shuffled(full, np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(made), np.sort(full))
    none = np.full((4, 3), -1, dtype=np.int32)
    np.testing.assert_array_equal(shuffled(none, np.random.default_rng(0)), none)


def test_every_edge_of_a_small_table_is_met_alike():
    """A ring of five names: its switches reach every table without own peers."""
    ring = np.array([[1], [2], [3], [4], [0]], dtype=np.int32)
    made = [shuffled(ring, np.random.default_rng(seed))[:, 0] for seed in range(2_000)]
    share = np.stack([np.bincount(column, minlength=5) for column in np.stack(made, axis=1)])
    others = share[~np.eye(5, dtype=bool)] / 2_000
    assert np.abs(others - 0.25).max() < 0.05


def test_a_block_depends_on_its_number_and_the_seed_alone():
    tables = np.stack([table(60, 5)] * 3)
    one, same, other = (ShuffledTables(tables, seed=seed) for seed in (3, 3, 4))
    assert one.shape == tables.shape
    np.testing.assert_array_equal(one[2], same[2])
    np.testing.assert_array_equal(one[0], ShuffledTables(tables[:1], seed=3)[0])
    assert (one[1] != one[2]).any()
    assert (one[1] != other[1]).any()
    assert degrees(one[1]) == degrees(tables[1])
