"""The numbers behind each picture."""

import math
from datetime import date

import numpy as np
import polars as pl
import pytest

from gogooku.evaluate.charts import (
    COLOURS,
    cumulative_rank_ic,
    decile_returns,
    drawdown_curve,
    equity_curve,
    importance_bars,
    plain,
    portfolio_charts,
    skill_charts,
    turnover_bars,
)

DAYS = [date(2024, 1, 4), date(2024, 1, 5), date(2024, 1, 9), date(2024, 1, 10)]
TEXTS = [str(day) for day in DAYS]


def daily(**columns):
    return pl.DataFrame(
        {"date": DAYS * 2, "horizon": [5] * 4 + [1] * 4} | columns,
        schema_overrides=dict.fromkeys(columns, pl.Float64),
    )


def lines(figure):
    return {one["name"]: (one["x"], one["y"]) for one in figure["data"]}


def test_rank_ic_is_summed_by_horizon_over_the_days_that_have_one():
    figure = cumulative_rank_ic(daily(rank_ic=[0.1, None, -0.2, 0.4, 0.5, 0.5, 0.5, 0.5]))
    found = lines(figure)
    assert list(found) == ["h1", "h5"]
    assert found["h1"] == (TEXTS, [0.5, 1.0, 1.5, 2.0])
    assert found["h5"][0] == [TEXTS[0], TEXTS[2], TEXTS[3]]
    assert found["h5"][1] == pytest.approx([0.1, -0.1, 0.3])
    assert [one["line"]["color"] for one in figure["data"]] == list(COLOURS[:2])


def test_the_attainable_is_dashed_where_it_is_known():
    attainable = [None] * 4 + [0.1, 0.1, None, 0.1]
    figure = cumulative_rank_ic(daily(rank_ic=[0.0] * 8, attainable=attainable))
    assert list(lines(figure)) == ["h1", "h1 attainable", "h5"]
    assert figure["data"][1]["line"]["dash"] == "dash"
    assert lines(figure)["h1 attainable"][1] == pytest.approx([0.1, 0.2, 0.3])


def test_deciles_are_in_basis_points_with_their_interval():
    deciles = pl.DataFrame(
        {
            "horizon": [1, 1, 5],
            "decile": [1, 2, 1],
            "value": [0.001, None, -0.002],
            "error": [0.0001, None, None],
        }
    )
    figure = decile_returns(deciles)
    first, second = figure["data"]
    assert (first["x"], first["y"]) == ([1, 2], [pytest.approx(10.0), None])
    assert first["error_y"]["array"] == [pytest.approx(1.96, abs=1e-3), None]
    assert (second["y"], second["error_y"]["array"]) == ([pytest.approx(-20.0)], [None])
    assert (second["xaxis"], second["yaxis"]) == ("x2", "y2")
    assert [one["text"] for one in figure["layout"]["annotations"]] == ["h1", "h5"]
    assert figure["layout"]["xaxis"]["domain"] == [0.0, 0.43]
    assert figure["layout"]["xaxis2"]["domain"] == pytest.approx([0.5, 0.93])


PORTFOLIO = pl.DataFrame(
    {
        "date": DAYS,
        "equity": [200.0, 220.0, 110.0, 165.0],
        "benchmark": [50.0, 50.0, 60.0, 30.0],
        "turnover": [0.0, 0.4, 0.0, 0.2],
    }
)


def test_equity_begins_at_one():
    found = lines(equity_curve(PORTFOLIO))
    assert found["portfolio, after costs"][0] == TEXTS
    assert found["portfolio, after costs"][1] == pytest.approx([1.0, 1.1, 0.55, 0.825])
    assert found["universe, equal weight, no costs"][1] == pytest.approx([1.0, 1.0, 1.2, 0.6])
    assert found["cash, no interest"][1] == [1.0] * 4


def test_drawdown_is_the_fall_from_the_peak_so_far():
    found = lines(drawdown_curve(PORTFOLIO))
    assert found["portfolio"][1] == pytest.approx([0.0, 0.0, -0.5, -0.25])
    assert found["universe"][1] == pytest.approx([0.0, 0.0, 0.0, -0.5])


def test_turnover_shows_the_days_that_traded():
    found = lines(turnover_bars(PORTFOLIO))
    assert found["turnover"] == ([TEXTS[1], TEXTS[3]], [0.4, 0.2])


def test_charts_have_names():
    assert list(portfolio_charts(PORTFOLIO)) == ["equity", "drawdown", "turnover"]
    deciles = pl.DataFrame({"horizon": [1], "decile": [1], "value": [0.1], "error": [0.1]})
    both = skill_charts(daily(rank_ic=[0.0] * 8), deciles)
    assert list(both) == ["cumulative-rankic", "deciles"]


def test_groups_of_features_stand_by_what_they_are_worth_with_their_intervals():
    rows = [
        {"group": "price", "horizon": 1, "lost": 0.01, "error": 0.002},
        {"group": "price", "horizon": 5, "lost": 0.03, "error": None},
        {"group": "volume", "horizon": 1, "lost": 0.02, "error": 0.001},
        {"group": "volume", "horizon": 5, "lost": -0.01, "error": 0.004},
    ]
    figure = importance_bars(rows)
    first, second = figure["data"]
    assert first["y"] == second["y"] == ["volume", "price"]  # drawn upwards: the last is on top
    assert (first["x"], second["x"]) == ([0.02, 0.01], [-0.01, 0.03])
    assert second["error_x"]["array"] == [pytest.approx(1.96 * 0.004, rel=1e-3), None]
    layout = figure["layout"]
    assert [one["text"] for one in layout["annotations"]] == ["h1", "h5"]
    assert layout["xaxis2"]["title"]["text"] == "RankIC lost"
    assert layout["xaxis"]["domain"][1] < layout["xaxis2"]["domain"][0]


def test_axes_have_names():
    figure = equity_curve(PORTFOLIO)
    assert figure["layout"]["xaxis"]["title"]["text"] == "session"
    assert figure["layout"]["yaxis"]["title"]["text"] == "growth of 1"


def test_numbers_of_a_page_are_short_and_finite():
    value = {"a": (1 / 3, [math.nan, math.inf]), 2: {"b": True, "c": "x", "d": 12345678}}
    assert plain(value) == {
        "a": [0.333333, [None, None]],
        "2": {"b": True, "c": "x", "d": 12345678},
    }
    assert plain(np.float64(123456.7)) == 123457.0
