"""Peers by results on the same session and by a short seller in common, against plain loops."""

import math

import numpy as np
import pytest

from gogooku.features.peers.shared import READ, SHARED
from support.naive import assert_declared, assert_window_laws

NAN = math.nan
SHAPE = (40, 60)
TIES = {"reported": "st_age", "shorted": "sp_top_seller"}
VALUES = {
    "ret_1d": "ret_prev_1d",
    "ret_5d": "ret_prev_5d",
    "ret_20d": "ret_prev_20d",
    "volume_z": "volume_z_20",
    "surprise": "st_op_surprise",
}


@pytest.fixture(scope="module")
def columns():
    rng = np.random.default_rng(3)
    made = {name: rng.standard_normal(SHAPE) for name in VALUES.values()}
    for values in made.values():
        values[rng.random(SHAPE) < 0.1] = NAN
    age = np.arange(SHAPE[0])[:, None] + rng.integers(40, 66, SHAPE[1])[None] - 20.0
    age[rng.random(SHAPE) < 0.1] = NAN
    seller = rng.choice([7.0, 16_000_001.0, 900_003.0, NAN], SHAPE, p=[0.2, 0.1, 0.03, 0.67])
    universe = np.where(rng.random(SHAPE) < 0.9, 1.0, 0.0)
    return {**made, "st_age": age, "sp_top_seller": seller, "universe": universe}


def others(x, tie, of, t, n):
    """Values of the members that share what ties them to a name on a session."""
    label = x[TIES[tie]][t]
    if math.isnan(label[n]) or (tie == "reported" and label[n] > READ):
        return []
    return [
        x[of][t, m]
        for m in range(SHAPE[1])
        if m != n
        and label[m] == label[n]
        and x["universe"][t, m] == 1
        and x[of][t, m] == x[of][t, m]
    ]


@pytest.mark.parametrize("tie", TIES)
def test_means_of_the_others(columns, tie):
    made = {one.name: one.compute(columns) for one in SHARED}
    for name, of in VALUES.items():
        got, known = made[f"peer_{tie}_{name}"], 0
        for t in range(SHAPE[0]):
            for n in range(SHAPE[1]):
                values = others(columns, tie, of, t, n)
                want = math.fsum(values) / len(values) if len(values) >= 2 else NAN
                np.testing.assert_allclose(got[t, n], want, rtol=1e-9, atol=1e-12)
                known += len(values) >= 2
        assert 200 < known < got.size - 200
    gap = columns["ret_prev_5d"] - made[f"peer_{tie}_ret_5d"]
    np.testing.assert_array_equal(made[f"peer_{tie}_gap_5d"], gap)


def test_old_results_tie_no_more(columns):
    late = {**columns, "st_age": np.full(SHAPE, READ + 1.0)}
    in_time = {**columns, "st_age": np.full(SHAPE, float(READ))}
    (mean,) = [one for one in SHARED if one.name == "peer_reported_ret_1d"]
    assert np.isnan(mean.compute(late)).all()
    assert np.isfinite(mean.compute(in_time)).all()


def test_window_laws_and_declarations(columns):
    assert_window_laws(SHARED, columns, (5, 20, 39))
    assert_declared(SHARED, "peer")
