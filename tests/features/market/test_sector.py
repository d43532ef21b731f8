"""Means of sectors, and of the universe where a sector has too few members, against plain loops."""

import math

import numpy as np
import pytest

from gogooku.features.engine.groups import FEWEST_MEMBERS
from gogooku.features.market.sector import peer_mean, sector_mean

NAN = math.nan


@pytest.fixture(scope="module")
def panel():
    rng = np.random.default_rng(8)
    values = rng.standard_normal((10, 24))
    values[rng.random(values.shape) < 0.1] = NAN
    sector = rng.choice([0.0, 1.0, 3.0, NAN], values.shape, p=[0.6, 0.2, 0.1, 0.1])
    universe = np.where(rng.random(values.shape) < 0.9, 1.0, 0.0)
    return values, sector, universe


def members(panel, t, n):
    """Values of the members of a name's sector, by name."""
    values, sector, universe = panel
    here = (sector[t] == sector[t, n]) & (universe[t] == 1.0) & ~np.isnan(values[t])
    return {int(m): float(values[t, m]) for m in np.flatnonzero(here)}


@pytest.mark.parametrize("own", [True, False])
def test_a_sector_of_too_few_gets_the_universe(panel, own):
    values, _, universe = panel
    got = (sector_mean if own else peer_mean)(*panel)
    whole = np.nanmean(np.where(universe == 1.0, values, NAN), axis=1)
    fallen_back = 0
    for t, n in np.ndindex(values.shape):
        found = members(panel, t, n)
        kept = [value for m, value in found.items() if own or m != n]
        enough = len(kept) >= FEWEST_MEMBERS - (0 if own else 1)
        fallen_back += not enough
        want = math.fsum(kept) / len(kept) if enough else whole[t]
        np.testing.assert_allclose(got[t, n], want, rtol=1e-9, atol=1e-12)
    assert 10 < fallen_back < values.size / 2
