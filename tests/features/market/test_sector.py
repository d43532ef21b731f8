"""Means of sectors, and of the universe where a sector has too few members, against plain loops."""

import math

import numpy as np
import pytest

from gogooku.features.engine.groups import FEWEST_MEMBERS
from gogooku.features.market.sector import peer_mean, sector_mean


@pytest.mark.parametrize("own", [True, False])
def test_a_sector_of_too_few_gets_the_universe(grouped_panel, members, own):
    values, _, universe = grouped_panel
    got = (sector_mean if own else peer_mean)(*grouped_panel)
    whole = np.nanmean(np.where(universe == 1.0, values, math.nan), axis=1)
    fallen_back = 0
    for t, n in np.ndindex(values.shape):
        kept = [m for m in members(t, n) if own or m != n]
        enough = len(kept) >= FEWEST_MEMBERS - (0 if own else 1)
        fallen_back += not enough
        want = math.fsum(values[t, kept]) / len(kept) if enough else whole[t]
        np.testing.assert_allclose(got[t, n], want, rtol=1e-9, atol=1e-12)
    assert 10 < fallen_back < values.size / 2
