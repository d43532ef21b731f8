"""The numbers behind each picture."""

import math
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from gogooku.core.metrics import Z95
from gogooku.evaluate.charts import (
    ROLLING,
    cumulative_rank_ic,
    decay,
    decay_lines,
    drawdown_curve,
    equity_curve,
    excess_curve,
    excess_deciles,
    exposure_lines,
    histogram,
    horizons_of,
    on_days,
    rolling_rank_ic,
    score_histogram,
    turnover_bars,
)
from gogooku.evaluate.svg import MOST_POINTS
from gogooku.evaluate.words import RETURN, Text, both

DAYS = [date(2024, 1, 4), date(2024, 1, 5), date(2024, 1, 9), date(2024, 1, 10)]
TEXTS = [str(day) for day in DAYS]


def daily(**columns):
    return pl.DataFrame(
        {"date": DAYS * 2, "horizon": [5] * 4 + [1] * 4} | columns,
        schema_overrides=dict.fromkeys(columns, pl.Float64),
    )


def lines(figure):
    return {both(one.name).en: list(one.y) for one in figure.series}


def test_rank_ic_is_summed_by_horizon_and_stays_where_a_day_has_none():
    figure = cumulative_rank_ic(daily(rank_ic=[None, 0.1, None, 0.4, 0.5, 0.5, 0.5, 0.5]))
    found = lines(figure)
    assert list(found) == ["1 session", "5 sessions"]
    assert figure.x_texts == TEXTS
    assert found["1 session"] == [0.5, 1.0, 1.5, 2.0]
    assert found["5 sessions"] == [None, pytest.approx(0.1), pytest.approx(0.1),
                                   pytest.approx(0.5)]  # fmt: skip
    assert [one.colour for one in figure.series] == [0, 1]


def test_the_attainable_is_dashed_where_it_is_known():
    attainable = [None] * 4 + [0.1, 0.1, None, 0.1]
    figure = cumulative_rank_ic(daily(rank_ic=[0.0] * 8, attainable=attainable))
    assert list(lines(figure)) == ["1 session", "1 session, attainable", "5 sessions"]
    assert [one.dash for one in figure.series] == ["solid", "dash", "solid"]
    assert lines(figure)["1 session, attainable"] == pytest.approx([0.1, 0.2, 0.2, 0.3])


def test_the_rolling_mean_is_of_one_horizon_and_window_and_has_a_band():
    rows = [(DAYS[2], h, w, v, v - 0.1, v + 0.1) for h, w, v in ((5, 63, 0.3), (1, 63, 0.5),
                                                                 (5, 252, 0.7))]  # fmt: skip
    rolling = pl.DataFrame(
        rows, schema=["date", "horizon", "window", "value", "low", "high"], orient="row"
    )
    (line,) = rolling_rank_ic(rolling, daily(rank_ic=[0.0] * 8), 5).series
    assert list(line.y) == [None, None, 0.3, None]
    assert list(line.low) == [None, None, pytest.approx(0.2), None]
    assert line.band
    assert line.name.en == f"mean of {ROLLING} sessions"


def test_scores_that_are_used_late_are_a_line_a_horizon_over_lags():
    rows = [(5, "lag", 1, 0.2, 0.01), (5, "lag", 0, 0.3, None), (1, "lag", 1, 0.1, 0.02),
            (5, "horizon", 10, 0.9, 0.1)]  # fmt: skip
    decay = pl.DataFrame(rows, schema=["horizon", "kind", "step", "value", "error"], orient="row",
                         schema_overrides={"step": pl.Int32})  # fmt: skip
    figure = decay_lines(decay)
    assert figure.x == [0.0, 1.0]
    assert lines(figure) == {"1 session": [None, 0.1], "5 sessions": [0.3, 0.2]}
    assert figure.series[1].high == [None, pytest.approx(0.2 + Z95 * 0.01)]


def test_the_decay_has_a_bar_a_horizon_in_order():
    one = {"value": 0.1, "low": 0.05, "high": 0.15}
    metrics = {"h10.rank_ic": {**one, "value": 0.2}, "h1.rank_ic": one, "h1.ic": one,
               "h5.rank_ic": {"value": None, "low": None, "high": None}}  # fmt: skip
    figure = decay(metrics)
    (bars,) = figure.series
    assert [both(text).en for text in figure.x_texts] == ["1 session", "5 sessions", "10 sessions"]
    assert list(bars.y) == [0.1, None, 0.2]
    assert list(bars.high) == [0.15, None, 0.15]


def test_deciles_are_over_the_universe_with_their_interval():
    deciles = pl.DataFrame(
        {
            "horizon": [1, 1, 5],
            "decile": [1, 2, 1],
            "value": [0.001, 0.003, -0.002],
            "error": [0.0001, None, None],
        }
    )
    found = excess_deciles(deciles)
    assert list(found) == ["h1", "h5"]
    title, figure = found["h1"]
    assert title.en == "1 session"
    (bars,) = figure.series
    assert list(bars.y) == [0.001, 0.003]
    assert bars.high[0] - bars.y[0] == pytest.approx(Z95 * 0.0001)
    assert math.isnan(bars.high[1])
    assert figure.unit.text(bars.y[1]).en == "+30.0 bps"
    assert list(found["h5"][1].series[0].y) == [-0.002]


PORTFOLIO = pl.DataFrame(
    {
        "date": DAYS,
        "equity": [200.0, 220.0, 110.0, 165.0],
        "benchmark": [50.0, 50.0, 60.0, 30.0],
        "turnover": [0.0, 0.4, 0.0, 0.2],
        "cost_bps": [0.0, 50.0, 0.0, 0.0],
    }
)


def test_equity_begins_at_one():
    found = lines(equity_curve(PORTFOLIO))
    assert found["portfolio, after costs"] == pytest.approx([1.0, 1.1, 0.55, 0.825])
    assert found["universe, equal weight, no costs"] == pytest.approx([1.0, 1.0, 1.2, 0.6])
    assert found["cash, no interest"] == [1.0] * 4


def test_growth_over_the_universe_is_shown_before_and_after_costs():
    found = lines(excess_curve(PORTFOLIO))
    assert found["after costs"] == pytest.approx([0.0, 0.1, 0.55 / 1.2 - 1.0, 0.825 / 0.6 - 1.0])
    assert found["before costs"][1] == pytest.approx(0.105)


def test_drawdown_is_the_fall_from_the_peak_so_far_and_goes_down():
    figure = drawdown_curve(PORTFOLIO)
    assert lines(figure)["portfolio"] == pytest.approx([0.0, 0.0, 0.5, 0.25])
    assert lines(figure)["universe"] == pytest.approx([0.0, 0.0, 0.0, 0.5])
    assert figure.downwards


def test_exposures_are_a_line_a_factor():
    frame = pl.DataFrame(
        {"date": DAYS[:2] + DAYS[1:2], "name": ["beta", "beta", "x"], "active": [0.1, 0.2, -0.3]}
    )
    figure = exposure_lines(frame, {"beta": Text("Beta", "ベータ")}, RETURN)
    assert lines(figure) == {"Beta": [0.1, 0.2], "x": [None, -0.3]}


def test_turnover_shows_the_days_that_traded():
    assert lines(turnover_bars(PORTFOLIO))["turnover"] == [None, 0.4, None, 0.2]


def test_scores_are_counted():
    scores = np.array([0.0, 0.1, 0.1, 1.0, np.nan])
    figure = score_histogram(scores)
    assert sum(figure.series[0].y) == 4
    assert figure.series[0].y[0] == 1
    assert len(figure.x) == len(figure.x_texts) == 40


def test_equal_scores_are_one_bar_and_samples_share_their_bins():
    assert list(score_histogram(np.full(5, 0.3)).series[0].y) == [5.0]
    several = histogram({"a": np.array([0.0, 1.0]), "b": np.array([4.0]), "c": np.array([np.nan])},
                        y="y", x="x")  # fmt: skip
    assert [one.name for one in several.series] == ["a", "b"]
    assert several.series[1].y[-1] == 1.0
    assert sum(several.series[0].y[:11]) == 2.0
    assert histogram({"a": np.empty(0)}, y="y", x="x").series == []


def test_axes_have_names_in_both_languages():
    for figure in (equity_curve(PORTFOLIO), turnover_bars(PORTFOLIO), drawdown_curve(PORTFOLIO)):
        assert figure.x_label.en == "session"
        assert figure.y_label.en != figure.y_label.ja


def test_frames_are_put_on_an_axis_of_days():
    frame = pl.DataFrame({"date": [DAYS[2], DAYS[0]], "a": [3.0, 1.0]})
    assert on_days(frame, DAYS).get_column("a").to_list() == [1.0, None, 3.0, None]
    assert horizons_of(daily(rank_ic=[0.0] * 8)) == [1, 5]


def test_ten_years_have_as_many_points_as_can_be_seen_but_no_trough_is_lost():
    rows = 2_450
    days = [date(2014, 1, 1) + timedelta(days=n) for n in range(rows)]
    equity = np.ones(rows)
    equity[1_234] = 0.5
    frame = pl.DataFrame({"date": days, "equity": equity, "benchmark": np.ones(rows),
                          "turnover": np.ones(rows), "cost_bps": np.zeros(rows)})  # fmt: skip
    line = equity_curve(frame)
    assert len(line.x) == len(line.series[0].y) <= MOST_POINTS
    assert line.x[0] == days[0].toordinal()
    assert line.x[-1] == days[-1].toordinal()
    assert max(drawdown_curve(frame).series[0].y) == 0.5
    assert len(turnover_bars(frame).x) == rows
