"""Every test rejects at its nominal rate where nothing is there, and every interval covers.

The markets and the tests are those of ``benchmarks/calibration.py``; a rate may differ from what it
is by three binomial errors of the number of markets.
"""

import importlib.util
import math
from pathlib import Path

import pytest

from support.soak import and_all

PLACE = Path(__file__).parents[1] / "benchmarks" / "calibration.py"
spec = importlib.util.spec_from_file_location("calibration", PLACE)
calibration = importlib.util.module_from_spec(spec)
spec.loader.exec_module(calibration)

FAIR = {
    "means": ("paired_difference", "bootstrap interval mean", "bootstrap interval ratio"),
    "sharpes": ("sharpe_difference bootstrap", "sharpe_difference interval bootstrap"),
    "trials": ("overfitting probability",),
    "many": ("superior_ability", "stepwise_superior"),
    "risks": ("unconditional_coverage", "conditional_coverage", "shortfall_test"),
}
"""What every run is judged by; the rates of the others are printed by the benchmark."""

TRUE_RATES = {}
"""Lowest and highest true rate where it is not the nominal one, as measured on 1,000 markets."""

FEWEST_FOUND = {}
"""Power: least share of planted edges that is found."""

OFTEN = [
    ("means", "overlap 5", 100),
    ("sharpes", "volatile", 200),
    ("trials", "independent", 200),
    ("many", "independent", 60),
    ("risks", "independent", 200),
]
LONG = [(family, kind, 1000) for family in FAIR for kind in calibration.FAMILIES[family][1]]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("family", "kind", "markets"), and_all(OFTEN, LONG))
def test_what_is_not_there_is_found_as_rarely_as_stated(family, kind, markets):
    rows = {
        row["statistic"]: row
        for row in calibration.measured(family, kind, markets=markets, sessions=500)
    }
    assert set(FAIR[family]) <= set(rows)
    for name in FAIR[family]:
        nominal = rows[name]["nominal"]
        low, high = TRUE_RATES.get((name, kind), (nominal, nominal))
        error = 3.0 * math.sqrt(high * (1.0 - high) / markets)
        assert low - error <= rows[name]["rate"] <= high + error, rows[name]
