"""Exposure of the top against what the names are."""

import numpy as np
import pytest

from gogooku.portfolio.exposures import styles_at
from gogooku.runs.attribution import history_of
from gogooku.runs.trade import market_bars
from gogooku.watch.exposure import exposure_of


@pytest.fixture(scope="module")
def t(dataset):
    return len(dataset.sessions) - 3


def test_the_universe_itself_is_exposed_to_nothing(dataset, t):
    codes = np.array(dataset.codes)[dataset.valid_TN[t]].tolist()
    found = exposure_of(dataset, t, codes)
    assert all(abs(one["active"]) < 1e-9 for one in found["sectors"])
    assert all(abs(value) < 0.25 for value in found["traits"].values())


def test_traits_are_those_of_a_backtest_which_sees_the_whole_history(dataset, t):
    whole = styles_at(history_of(dataset, market_bars(dataset)), t)
    n = int(np.flatnonzero(dataset.valid_TN[t])[0])
    found = exposure_of(dataset, t, [dataset.codes[n]])
    assert set(found["traits"]) == set(whole)
    for name, values in whole.items():
        assert found["traits"][name] == pytest.approx(float(values[n]), abs=1e-6)


def test_a_portfolio_is_exposed_by_its_weights(dataset, t):
    whole = styles_at(history_of(dataset, market_bars(dataset)), t)
    first, second = np.flatnonzero(dataset.valid_TN[t])[:2].tolist()
    codes = dataset.codes
    held = {codes[first]: 0.3, codes[second]: -0.1, "unknown": 0.5}
    found = exposure_of(dataset, t, [codes[first]], held)["portfolio"]["traits"]
    for name, values in whole.items():
        wanted = (0.3 * values[first] - 0.1 * values[second]) / 0.4
        assert found[name] == pytest.approx(float(wanted), abs=1e-6), name
    assert exposure_of(dataset, t, [codes[first]])["portfolio"] is None
    assert exposure_of(dataset, t, [codes[first]], {})["portfolio"] is None


def test_one_sector_alone_comes_first(dataset, t):
    kind = int(dataset.sector_TN[t][dataset.valid_TN[t]][0])
    mine = dataset.valid_TN[t] & (dataset.sector_TN[t] == kind)
    found = exposure_of(dataset, t, np.array(dataset.codes)[mine].tolist())
    first = found["sectors"][0]
    assert first["sector"] == dataset.manifest["sectors"][kind]
    assert first["top"] == 1.0
    assert first["universe"] == pytest.approx(mine.sum() / dataset.valid_TN[t].sum(), abs=1e-6)
    assert sum(one["universe"] for one in found["sectors"]) == pytest.approx(1.0, abs=1e-5)
