"""Charts: what is drawn where, which texts stand beside it, and the numbers that lie with it."""

import json
import math
import re
from datetime import date, timedelta

import pytest

from gogooku.evaluate.svg import (
    Figure,
    Series,
    date_ticks,
    dated,
    drawn,
    embedded,
    even_places,
    number_ticks,
    plain,
)
from gogooku.evaluate.words import RETURN, Text
from support.pages import read

BAD = '</script><b onload="x">&'


def figure(*series, **changes):
    x = [0.0, 1.0, 2.0]
    content = {"x": x, "x_texts": ["a", "b", "c"], "ticks": [(0.0, "a"), (2.0, "c")],
               "series": series, "y_label": "y", "x_label": "x"}  # fmt: skip
    return Figure(**{**content, **changes})


def paths(html, kind):
    """What is drawn of a kind."""
    found = re.findall(r'<path class="([^"]*)" d="([^"]*)"', html)
    return [d for classes, d in found if kind in classes.split()]


def test_a_line_goes_from_corner_to_corner():
    html = drawn("k", figure(Series(name="s", y=[0.0, 0.5, 1.0]), y_range=(0.0, 1.0)))
    assert paths(html, "line") == ["M0 1000L5000 500L10000 0"]


def test_larger_values_stand_lower_in_a_depth():
    deep = figure(Series(name="s", y=[0.0, 0.5, 1.0]), y_range=(0.0, 1.0), downwards=True)
    assert paths(drawn("k", deep), "line") == ["M0 0L5000 500L10000 1000"]


@pytest.mark.parametrize("nothing", [None, math.nan])
def test_what_is_not_known_is_a_gap_and_a_lone_value_a_dot(nothing):
    html = drawn("k", figure(Series(name="s", y=[1.0, nothing, 0.0]), y_range=(0.0, 1.0)))
    assert paths(html, "line") == ["M0 0M10000 1000"]
    assert paths(html, "dots") == ["M0 0h0M10000 1000h0"]


def test_bars_stand_on_zero_and_have_whiskers():
    bars = Series(name="s", y=[1.0, -1.0, None], low=[0.5, -1.5, None], high=[1.5, -0.5, None],
                  shape="bars")  # fmt: skip
    html = drawn("k", figure(bars, y_range=(-2.0, 2.0)))
    (drawing,) = paths(html, "bars")
    assert re.findall(r"M\d+ (\d+)V(\d+)", drawing) == [("500", "250"), ("500", "750")]
    left, right = re.findall(r"M(\d+) \d+V\d+H(\d+)", drawing)[0]
    assert 0 < int(left) < int(right) < 10_000 / 3, "a bar lies within its third of the width"
    (whiskers,) = paths(html, "whisker")
    assert re.findall(r"M\d+ (\d+)V(\d+)", whiskers) == [("375", "125"), ("875", "625")]


def test_a_band_goes_there_and_back():
    line = Series(name="s", y=[0.5, 0.5, None], low=[0.0, 0.25, None], high=[1.0, 0.75, None],
                  band=True)  # fmt: skip
    html = drawn("k", figure(line, y_range=(0.0, 1.0)))
    assert paths(html, "band") == ["M0 0L5000 250L5000 750L0 1000Z"]


def test_an_axis_holds_zero_where_it_is_wanted():
    levels = Series(name="s", y=[10.0, 11.0, 12.0])
    assert paths(drawn("k", figure(levels)), "zero")
    assert not paths(drawn("k", figure(levels, zero=False)), "zero")


def test_a_logarithmic_axis_has_powers_of_ten_and_nothing_at_zero():
    html = drawn("k", figure(Series(name="s", y=[0.001, 0.0, 0.1]), logarithmic=True))
    texts = [text for text in read(html).texts if text.strip()]
    assert {"0.001", "0.01", "0.1"} <= set(texts)
    assert paths(html, "line") == ["M0 1000M10000 0"]


def test_ticks_have_the_unit_and_as_many_digits_as_they_need():
    html = drawn("k", figure(Series(name="s", y=[-0.01, 0.0, 0.02]), unit=RETURN))
    assert {"−1%", "0%", "1%", "2%"} <= set(read(html).texts)
    html = drawn("k", figure(Series(name="s", y=[-0.003, 0.0, 0.003]), unit=RETURN))
    assert {"−0.2%", "0.0%", "0.2%"} <= set(read(html).texts)


def test_texts_are_escaped_and_numbers_survive():
    line = Series(name=BAD, y=[1 / 3, math.nan, 2.0])
    html = drawn("k", figure(line, x_texts=[BAD, "b", Text("c", "丙")], y_label=BAD))
    assert BAD not in html
    numbers = read(html).figures["figure-k"]
    assert numbers["x"] == [BAD, "b", {"en": "c", "ja": "丙"}]
    assert numbers["at"] == [0, 5000, 10000]
    assert numbers["series"][0]["name"] == {"en": BAD, "ja": BAD}
    assert numbers["series"][0]["y"] == [0.333333, None, 2.0]
    assert numbers["unit"]["digits"] == 3


def test_several_series_have_a_legend_and_one_has_none():
    one, other = Series(name="one", y=[1.0] * 3), Series(name="other", y=[2.0] * 3, colour=None)
    assert "legend" not in drawn("k", figure(one))
    assert 'class="grey solid"' in drawn("k", figure(one, other))


@pytest.mark.parametrize("y", [[], [None] * 3, [5.0] * 3, [0.0] * 3, [1e-9] * 3, [1e12] * 3])
def test_any_values_can_be_drawn(y):
    x = [0.0, 1.0, 2.0][: len(y)]
    made = figure(Series(name="s", y=y), x=x, x_texts=["t"] * len(x), ticks=[])
    for logarithmic in (False, True):
        html = drawn("k", Figure(**{**vars(made), "logarithmic": logarithmic}))
        assert read(html).figures["figure-k"]["series"][0]["y"] == y
        assert "nan" not in html


def test_one_place_stands_in_the_middle():
    made = figure(Series(name="s", y=[1.0]), x=[7.0], x_texts=["t"], ticks=[(7.0, "t")])
    assert read(drawn("k", made)).figures["figure-k"]["at"] == [5000]


@pytest.mark.parametrize(
    ("days", "first", "most"),
    [(5, "2024-01-04", 2), (90, "2024-02", 3), (700, "2024-07", 6), (5000, "2026-01", 6)],
)
def test_dates_are_marked_at_starts_of_months_quarters_or_years(days, first, most):
    axis = [date(2024, 1, 4) + timedelta(days=n) for n in range(days)]
    ticks = date_ticks(axis)
    assert ticks[0][1] == first
    assert 2 <= len(ticks) <= most
    assert dated(axis)[1][-1] == str(axis[-1])


def test_a_single_day_and_none_can_be_marked():
    assert date_ticks([date(2024, 1, 4)]) == [(date(2024, 1, 4).toordinal(), "2024-01-04")]
    assert date_ticks([]) == []


def test_places_are_thinned_out():
    assert [text for _, text in number_ticks([float(n) for n in range(1, 41)])] == [
        "1", "5", "9", "13", "17", "21", "25", "29", "33", "37"
    ]  # fmt: skip


def test_numbers_are_short_and_no_text_ends_a_script():
    value = {"a": (1 / 3, [math.nan, math.inf]), 2: {"b": True, "c": "x", "d": 12345678}}
    assert plain(value) == {
        "a": [0.333333, [None, None]],
        "2": {"b": True, "c": "x", "d": 12345678},
    }
    assert "<" not in embedded({"x": BAD})
    assert json.loads(embedded({"x": BAD})) == {"x": BAD}


@pytest.mark.parametrize("count", [0, 1, 2, 10, 11, 100, 999])
def test_few_places_are_spread_evenly_with_both_ends(count):
    places = even_places(count, most=10)
    assert len(places) <= 10
    assert places == sorted(set(places))
    assert [places[0], places[-1]] == [0, count - 1] if count else places == []
