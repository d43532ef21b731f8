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

TRUE_RATES = {
    ("paired_difference", "autocorrelated"): (0.05, 0.08),
    ("paired_difference", "overlap 5"): (0.05, 0.085),
    ("paired_difference", "overlap 20"): (0.05, 0.1),
    ("bootstrap interval mean", "overlap 5"): (0.05, 0.065),
    ("bootstrap interval ratio", "overlap 5"): (0.05, 0.065),
    ("bootstrap interval mean", "overlap 20"): (0.05, 0.07),
    ("bootstrap interval ratio", "overlap 20"): (0.05, 0.075),
    ("sharpe_difference bootstrap", "overlap 20"): (0.05, 0.06),
    ("sharpe_difference interval bootstrap", "overlap 20"): (0.05, 0.06),
    ("superior_ability", "overlap 5"): (0.05, 0.08),
    ("stepwise_superior", "overlap 5"): (0.05, 0.08),
    ("superior_ability", "overlap 20"): (0.05, 0.08),
    ("stepwise_superior", "overlap 20"): (0.05, 0.08),
}
"""Lowest and highest rate where it is known not to be the nominal one, on 1,000 markets."""

FOUND = {
    ("means", "overlap 5"): ("power bootstrap", 0.15),
    ("sharpes", "volatile"): ("power sharpe_difference bootstrap", 0.8),
    ("many", "independent"): ("power stepwise_superior", 0.7),
    ("risks", "independent"): ("power shortfall_test", 0.95),
}
"""Least share of planted edges, or of forecasts a quarter too low, that is found."""

OFTEN = [
    ("means", "overlap 5", 60),
    ("sharpes", "volatile", 100),
    ("trials", "independent", 100),
    ("many", "independent", 30),
    ("risks", "independent", 100),
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
    if (family, kind) in FOUND:
        name, least = FOUND[family, kind]
        assert rows[name]["rate"] >= least


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("markets", and_all([60], [1000]))
def test_one_lucky_trial_is_not_called_skill(markets):
    """The best of 20 worthless trials: as it is, and deflated."""
    rows = {
        row["statistic"]: row["rate"]
        for row in calibration.measured("trials", "volatile", markets=markets, sessions=500)
    }
    assert rows["best without deflation"] > 0.5
    assert rows["deflated_sharpe"] <= 0.03
