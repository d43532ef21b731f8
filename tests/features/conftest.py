from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from gogooku.features.catalogue import Selection, select
from gogooku.features.laws import evaluate_dense
from support.markets import dense_market


@pytest.fixture(scope="session")
def market() -> dict[str, npt.NDArray[np.float64]]:
    return dense_market()


@pytest.fixture(scope="session")
def everything(market: dict[str, npt.NDArray[np.float64]]) -> Selection:
    return select("all", available=tuple(market))


@pytest.fixture(scope="session")
def values(
    market: dict[str, npt.NDArray[np.float64]], everything: Selection
) -> dict[str, npt.NDArray[np.float64]]:
    return evaluate_dense(everything.ordered, market)
