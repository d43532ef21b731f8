from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from markets import dense_market

from gogooku.features.audit import evaluate_dense
from gogooku.features.catalogue import Selection, select


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
