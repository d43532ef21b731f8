"""The ledger against bt 1.4.1 on the small case of benchmarks/backtest_bt.py, kept as numbers."""

import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "backtest_bt.py"
BT = {
    (0, 0.0): 98_463_800.80,
    (0, 10.0): 89_526_999.16,
    (1, 0.0): 94_198_803.49,
    (1, 10.0): 85_646_061.71,
}
"""Final equity by seed and basis points a side, as bt gave it."""


@pytest.fixture(scope="module")
def module():
    spec = importlib.util.spec_from_file_location("backtest_bt", PATH)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.mark.parametrize(("seed", "bps"), list(BT))
def test_it_agrees_with_bt_to_a_hundredth_of_a_basis_point(module, seed, bps):
    bars, scores = module.case(seed)
    assert module.ours(bars, scores, bps)[-1] == pytest.approx(BT[seed, bps], rel=1e-6)
