"""Costs by kind against their definitions, and what no setting may break."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gogooku.portfolio.costs import UNKNOWN_VOLATILITY, CostConfig, Traded


def traded(*values, price=100.0, tick=1.0, mean_value=1e8, volatility=0.02):
    value = np.array(values, dtype=float)
    one = np.ones(len(value))
    return Traded(
        value=value,
        shares=value / price,
        tick=one * tick,
        mean_value=one * mean_value,
        volatility=one * volatility,
    )


def only(**settings):
    return CostConfig(**{"commission_bps": 0.0, "slippage_bps": 0.0, **settings})


def test_the_usual_costs_are_ten_basis_points_a_side():
    costs = CostConfig()
    assert costs.rate == pytest.approx(0.001)
    assert costs.cost(traded(1e6)).tolist() == [pytest.approx(1_000.0)]
    with pytest.raises(ValidationError):
        CostConfig(slippage_bps=-1.0)


def test_tiers_hold_for_what_is_above_them():
    costs = only(commission_bps=10.0, tier_from=(1e6, 1e7), tier_bps=(5.0, 1.0))
    made = costs.charges(traded(5e5, 1e6, 3e6, 2e7)).commission
    np.testing.assert_allclose(made, [500, 1_000, 1_000 + 1_000, 1_000 + 4_500 + 1_000])
    assert costs.rate == pytest.approx(0.001)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"tier_from": (1e6,)}, "each tier has one of both"),
        ({"tier_from": (2e6, 1e6), "tier_bps": (1.0, 1.0)}, "ascend"),
        ({"tier_from": (0.0,), "tier_bps": (1.0,)}, "above 0"),
        ({"tier_from": (1e6,), "tier_bps": (-1.0,)}, "from 0 to 1,000"),
    ],
)
def test_tiers_that_do_not_fit_are_refused(settings, why):
    with pytest.raises(ValidationError, match=why):
        CostConfig(**settings)


def test_the_least_commission_and_the_least_half_spread():
    assert only(commission_bps=10.0, min_commission=50.0).cost(traded(0, 1e4, 1e6)).tolist() == [
        0.0,
        50.0,
        1_000.0,
    ]
    # Half a tick of 1 yen at 100 yen is 50 basis points, at 2,000 yen 2.5.
    costs = only(slippage_bps=8.0, spread_ticks=0.5)
    assert costs.cost(traded(1e6)).tolist() == [pytest.approx(5_000.0)]
    assert costs.cost(traded(1e6, price=2_000.0)).tolist() == [pytest.approx(800.0)]


def test_impact_is_the_square_root_law():
    costs = only(impact=1.0)
    # A quarter of the usual value at 2 % a day: half of 2 %.
    assert costs.cost(traded(2.5e7)).tolist() == [pytest.approx(2.5e7 * 0.01)]
    unknown = costs.cost(traded(1e6, mean_value=np.nan, volatility=np.nan))
    assert unknown.tolist() == [pytest.approx(1e6 * UNKNOWN_VOLATILITY)], "all of what trades"


def test_borrow_is_by_calendar_days():
    assert only(borrow_bps=100.0).borrow(3.65e6, 7) == pytest.approx(700.0)


settings = st.fixed_dictionaries(
    {
        "commission_bps": st.floats(0.0, 50.0),
        "min_commission": st.floats(0.0, 1_000.0),
        "slippage_bps": st.floats(0.0, 50.0),
        "spread_ticks": st.floats(0.0, 2.0),
        "impact": st.floats(0.0, 2.0),
    }
)
tiers = st.lists(st.floats(0.0, 50.0), min_size=2, max_size=2)
values = st.floats(1.0, 1e10)


@given(settings, tiers, values, st.floats(1.0, 10.0))
def test_more_traded_costs_more(chosen, bps, value, times):
    costs = CostConfig(**chosen, tier_from=(1e5, 1e7), tier_bps=tuple(bps))
    small, large = costs.cost(traded(value)), costs.cost(traded(value * times))
    assert large[0] >= small[0] * (1.0 - 1e-9)


@given(settings, st.sampled_from(list(CostConfig.model_fields)), st.floats(0.0, 5.0), values)
def test_a_dearer_setting_never_costs_less(chosen, name, more, value):
    if name.startswith("tier"):
        cheap, dear = ({**chosen, "tier_from": (1e5,), "tier_bps": (bps,)} for bps in (1, 1 + more))
    else:
        cheap = {**chosen, name: chosen.get(name, 100.0)}
        dear = {**chosen, name: chosen.get(name, 100.0) + more}
    cheap, dear = CostConfig(**cheap), CostConfig(**dear)
    assert dear.cost(traded(value))[0] >= cheap.cost(traded(value))[0] * (1.0 - 1e-12)
    assert dear.borrow(value, 3) >= cheap.borrow(value, 3)
    assert dear.rate >= cheap.rate


@given(settings, values)
def test_twice_the_money_is_not_cheaper_per_value(chosen, value):
    """True without a least commission and falling tiers, which are there to make it cheaper."""
    costs = CostConfig(**{**chosen, "min_commission": 0.0})
    small, large = costs.cost(traded(value)), costs.cost(traded(2.0 * value))
    assert large[0] / 2.0 >= small[0] * (1.0 - 1e-12)


@given(settings, tiers, values)
def test_what_construction_sets_aside_is_enough_for_commission_and_spread(chosen, bps, value):
    linear = {name: chosen[name] for name in ("commission_bps", "slippage_bps")}
    costs = CostConfig(**linear, tier_from=(1e5, 1e7), tier_bps=tuple(bps))
    assert costs.cost(traded(value))[0] <= value * costs.rate * (1.0 + 1e-9)
