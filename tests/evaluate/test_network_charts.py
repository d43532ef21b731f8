"""The numbers behind the pictures of quantiles and channels."""

import math
from datetime import date

import polars as pl
import pytest

from gogooku.evaluate.calibration import Calibrated
from gogooku.evaluate.charts import COLOURS, plain
from gogooku.evaluate.network_charts import calibration_lines, channel_lines


def row(horizon, level, share, *, error=0.01, sessions=58):
    return Calibrated(horizon, level, share, error, sessions, 1234 if sessions else 0)


def test_quantiles_are_a_line_a_horizon_beside_the_diagonal():
    rows = [row(5, 0.9, 0.8), row(5, 0.1, 0.2), row(1, 0.5, 0.51, error=math.nan)]
    figure = calibration_lines(rows)
    diagonal, first, second = figure["data"]
    assert (diagonal["x"], diagonal["y"]) == ([0.0, 1.0], [0.0, 1.0])
    assert first["name"] == "h1: n 58 sessions, 1,234 labels"
    assert (first["x"], first["y"], first["error_y"]["array"]) == ([0.5], [0.51], [None])
    assert second["name"].startswith("h5: ")
    assert (second["x"], second["y"]) == ([0.1, 0.9], [0.2, 0.8])
    assert second["error_y"]["array"] == pytest.approx([0.0196, 0.0196], abs=1e-4)
    assert figure["layout"]["xaxis"]["range"] == figure["layout"]["yaxis"]["range"] == [0.0, 1.0]


def test_a_horizon_of_which_nothing_came_is_no_line():
    rows = [row(1, 0.5, 0.5), row(20, 0.5, math.nan, error=math.nan, sessions=0)]
    figure = calibration_lines(rows)
    assert [one["name"][:2] for one in figure["data"]] == ["as", "h1"]
    assert plain(figure)["data"][1]["y"] == [0.5]


def test_channels_are_a_line_each_beside_equal_weights():
    days = [date(2024, 1, 4), date(2024, 1, 5)]
    names = [f"channel {n}" for n in range(8)]
    rows = [
        (day, name, 0.01 * n + 0.1 * d)
        for d, day in enumerate(days)
        for n, name in enumerate(names)
    ]
    weights = pl.DataFrame(rows, schema=["date", "channel", "weight"], orient="row")
    *lines, equal = channel_lines(weights)["data"]
    assert [one["name"] for one in lines] == names
    assert lines[3]["x"] == ["2024-01-04", "2024-01-05"]
    assert lines[3]["y"] == pytest.approx([0.03, 0.13])
    assert (equal["x"], equal["y"]) == (lines[3]["x"], [0.125, 0.125])
    looks = {(one["line"]["color"], one["line"]["dash"]) for one in lines}
    assert len(looks) == len(names) > len(COLOURS)
