from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from gogooku.features.catalogue import Selection, raw_channels, select
from gogooku.features.laws import evaluate_dense
from support.markets import dense_market


@pytest.fixture(scope="session")
def market() -> dict[str, npt.NDArray[np.float64]]:
    return dense_market()


@pytest.fixture(scope="session")
def everything(market: dict[str, npt.NDArray[np.float64]]) -> Selection:
    """Every feature and every raw channel that a market of bars has."""
    raw = [feature.name for feature in raw_channels(tuple(market))]
    return select("all", available=tuple(market), also=raw)


@pytest.fixture(scope="session")
def values(
    market: dict[str, npt.NDArray[np.float64]], everything: Selection
) -> dict[str, npt.NDArray[np.float64]]:
    return evaluate_dense(everything.ordered, market)


@pytest.fixture(scope="session")
def grouped_panel() -> tuple[npt.NDArray[np.float64], ...]:
    """Values, groups and universe, [T, N] each: with gaps, groups of few and names of none."""
    rng = np.random.default_rng(5)
    values = rng.standard_normal((12, 30))
    values[rng.random(values.shape) < 0.15] = np.nan
    group = rng.choice([0.0, 1.0, 2.0, 5.0, np.nan], values.shape, p=[0.5, 0.2, 0.1, 0.05, 0.15])
    universe = np.where(rng.random(values.shape) < 0.9, 1.0, 0.0)
    return values, group, universe


@pytest.fixture(scope="session")
def members(grouped_panel: tuple[npt.NDArray[np.float64], ...]) -> Callable[[int, int], list[int]]:
    """Names that count in the group of a name on a session; none where it has no group."""
    values, group, universe = grouped_panel

    def of(t: int, n: int) -> list[int]:
        here = (group[t] == group[t, n]) & (universe[t] == 1.0) & ~np.isnan(values[t])
        return [int(m) for m in np.flatnonzero(here)]

    return of
