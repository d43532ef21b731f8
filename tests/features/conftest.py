from __future__ import annotations

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
