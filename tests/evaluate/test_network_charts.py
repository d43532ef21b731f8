"""The numbers behind the pictures of quantiles and channels."""

import math
from datetime import date

import polars as pl
import pytest

from gogooku.evaluate.calibration import Calibrated
from gogooku.evaluate.network_charts import calibration_lines, channel_lines
from gogooku.evaluate.svg import PALETTE
from gogooku.evaluate.words import both


def row(horizon, level, share, *, error=0.01, sessions=58):
    return Calibrated(horizon, level, share, error, sessions, 1234 if sessions else 0)


def test_quantiles_are_a_line_a_horizon_beside_the_diagonal():
    rows = [row(5, 0.9, 0.8), row(5, 0.1, 0.2), row(1, 0.5, 0.51, error=math.nan)]
    figure = calibration_lines(rows)
    diagonal, first, second = figure.series
    assert figure.x == diagonal.y == [0.0, 0.1, 0.5, 0.9, 1.0]
    assert first.name.en == "1 session: n 58 sessions, 1,234 labels"
    assert first.name.ja == "1営業日: n 58営業日、ラベル1,234件"
    assert (first.y, first.low) == ([None, None, 0.51, None, None], [None] * 5)
    assert second.y == [None, 0.2, None, 0.8, None]
    assert second.high[1] - second.y[1] == pytest.approx(0.0196, abs=1e-4)
    assert figure.y_range == (0.0, 1.0)


def test_a_horizon_of_which_nothing_came_is_no_line():
    rows = [row(1, 0.5, 0.5), row(20, 0.5, math.nan, error=math.nan, sessions=0)]
    assert [both(one.name).en[:2] for one in calibration_lines(rows).series] == ["as", "1 "]


def test_channels_are_a_line_each_beside_equal_weights():
    days = [date(2024, 1, 4), date(2024, 1, 5)]
    names = [f"channel {n}" for n in range(8)]
    rows = [
        (day, name, 0.01 * n + 0.1 * d)
        for d, day in enumerate(days)
        for n, name in enumerate(names)
    ]
    weights = pl.DataFrame(rows, schema=["date", "channel", "weight"], orient="row")
    figure = channel_lines(weights)
    *lines, equal = figure.series
    assert [one.name for one in lines] == names
    assert figure.x_texts == ["2024-01-04", "2024-01-05"]
    assert lines[3].y == pytest.approx([0.03, 0.13])
    assert equal.y == [0.125, 0.125]
    assert len({(one.colour, one.dash) for one in lines}) == len(names) > PALETTE
