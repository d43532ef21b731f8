"""What a decision knows ends with its session; target weights come to whole lots."""

from dataclasses import replace

import numpy as np
import pytest

from gogooku.core.errors import ContractError, DataError
from gogooku.core.types import Portfolio
from gogooku.portfolio.decide import History, lots_of
from support.portfolios import decision


def history(close, **changes):
    close = np.array(close, dtype=float)
    content = {"adjustment_factor": np.ones(close.shape), "universe": np.isfinite(close)}
    return History(close=close, **{**content, **changes})


def test_returns_cross_halts_and_splits():
    factor = np.array([[1.0, 1.0], [np.nan, 0.5], [1.0, 1.0]])
    made = history([[100, 80], [np.nan, np.nan], [110, 44]], adjustment_factor=factor)
    np.testing.assert_allclose(made.returns[2], [0.1, 0.1])
    assert np.isnan(made.returns[:2]).all()


def test_a_close_without_volume_is_no_trade():
    made = history([[100.0], [100.0], [110.0]], volume=np.array([[5.0], [0.0], [5.0]]))
    assert np.isnan(made.returns[1, 0])
    assert made.returns[2, 0] == pytest.approx(0.1)
    assert made.until(2).traded_value() == pytest.approx((500.0 + 550.0) / 3)


def test_the_market_is_the_mean_of_the_universe_of_the_session_before():
    inside = np.array([[True, True, False], [True, False, True]])
    made = history([[100, 100, 100], [110, 130, 900]], universe=inside)
    np.testing.assert_allclose(made.market, [np.nan, 0.2])


def test_the_past_ends_with_its_session():
    rng = np.random.default_rng(0)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.02, (120, 5)), axis=0))
    value = rng.uniform(1, 9, close.shape)
    early = history(close, volume=value).until(79)
    close[80:], value[80:] = 1.0, np.nan
    late = history(close, volume=value).until(79)
    for name in ("volatility", "beta"):
        np.testing.assert_array_equal(getattr(early, name), getattr(late, name))
    np.testing.assert_array_equal(early.traded_value(), late.traded_value())
    np.testing.assert_array_equal(early.returns(500), late.returns(500))
    assert len(early.returns(500)) == 80
    assert np.shares_memory(early.returns(20), early.returns(500))


def test_volatility_and_beta_are_those_of_numpy():
    rng = np.random.default_rng(1)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.02, (200, 4)), axis=0))
    past = history(close).until(199)
    returns, market = past.returns(60), past.market(250)[1:]
    np.testing.assert_allclose(past.volatility, returns.std(axis=0, ddof=1))
    slopes = [np.polyfit(market, past.returns(250)[1:, n], 1)[0] for n in range(4)]
    np.testing.assert_allclose(past.beta, slopes)


def test_too_short_a_past_has_no_volatility():
    past = history(np.full((10, 2), 100.0)).until(9)
    assert np.isnan(past.volatility).all()
    assert np.isnan(past.beta).all()


def test_what_the_bars_do_not_have_is_named():
    past = history([[1.0, 2.0]]).until(0)
    with pytest.raises(DataError, match="the bars have no volume"):
        past.traded_value()
    with pytest.raises(DataError, match="no sector"):
        _ = past.sector
    assert past.lendable.tolist() == [True, True]


def test_a_history_off_its_axes_is_refused():
    with pytest.raises(ContractError, match="universe is"):
        history([[1.0, 2.0]], universe=np.ones((2, 2), dtype=bool))
    with pytest.raises(ContractError, match="sector 3 has no name"):
        history([[1.0]], sector=np.array([[3]]), sector_names=("a",))


def test_a_decision_off_the_axis_or_without_equity_is_refused():
    made = decision([1.0, 2.0])
    with pytest.raises(ContractError, match="score_N"):
        replace(made, score_N=np.ones(3))
    with pytest.raises(ContractError, match="past scores"):
        replace(made, scores_LN=np.ones((1, 3)))
    with pytest.raises(DataError, match="nothing is left"):
        replace(made, equity=0.0)


def test_weights_are_whole_lots_towards_zero_and_none_without_a_price():
    made = decision(
        [1.0, 2.0, 3.0], price_N=np.array([100.0, 300.0, np.nan]), lot_size=100, equity=1e6
    )
    weights = {"10000": 0.025, "10010": -0.07, "10020": 0.1}
    portfolio = Portfolio(
        decided_at=made.decided_at, filled_at=made.filled_at, weights=weights, max_short=1.0
    )
    names, shares, known = lots_of(portfolio, made)
    assert (names.tolist(), known.tolist()) == ([0, 1, 2], [True, True, False])
    assert shares[known].tolist() == [200, -200]


def test_current_weights_are_of_what_is_held():
    made = decision(
        [1.0, 2.0], shares_N=np.array([10, 0]), price_N=np.array([50.0, np.nan]), equity=1e3
    )
    assert made.weights.tolist() == [0.5, 0.0]
