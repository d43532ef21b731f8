"""Pieces of a page: escaped, self-contained, and the same twice."""

import math
import re

import pytest

from gogooku.evaluate.page import chart, details, document, estimated, grid, heat, panels, section
from gogooku.evaluate.svg import Figure, Series
from gogooku.evaluate.words import RETURN, Language, Text
from support.pages import read

BAD = '</script><b onload="x">&'


def figure(**changes):
    line = Series(name=BAD, y=[1 / 3, math.nan])
    content = {"x": [1.0, 2.0], "x_texts": ["a", "b"], "ticks": [], "series": [line],
               "y_label": "y", "x_label": "x"}  # fmt: skip
    return Figure(**{**content, **changes})


def test_a_document_loads_nothing_and_closes_every_tag():
    html = document(f"Run {BAD}", section("one", "Heading", "<p>text</p>"))
    reader = read(html)
    assert reader.ids == ["to-theme", "one", "title-one", "tip"]
    assert reader.links == []
    assert "default-src 'none'" in html
    assert re.search(r"""(href|src)=["']|url\(|@import|https?:""", html) is None
    assert "<title>Run &lt;/script&gt;&lt;b onload=&quot;x&quot;&gt;&amp;</title>" in html
    assert document("a", "b") == document("a", "b")


@pytest.mark.parametrize("language", Language)
def test_a_document_in_two_languages_opens_in_the_one_that_is_wanted(language):
    html = document("a", "b", language=language)
    assert f'<html lang="{language}" data-lang="{language}">' in html
    assert "to-language" in read(html).ids
    assert "to-language" not in read(document("a", "b")).ids


def test_a_heading_is_escaped_and_its_content_is_not():
    html = section("key", BAD, "<p>inner</p>", note="a <note>")
    assert "<p>inner</p>" in html
    assert BAD not in html
    assert "a <note>" in read(html).texts
    assert 'class="note"' not in section("key", "x", "y")


def test_a_figure_survives_any_text_and_stays_on_one_sheet():
    reader = read(chart("f", "Title", figure(), note="a <note>"))
    assert reader.figures["figure-f"]["series"][0]["y"] == [0.333333, None]
    assert reader.ids == ["f", "title-f", "figure-f"]
    assert 'class="whole"' in chart("f", "Title", figure())


def test_small_figures_have_a_heading_each():
    html = panels("k", "Title", {"one": (Text("One", "一"), figure()), "two": ("Two", figure())})
    reader = read(html)
    assert reader.ids == ["k", "title-k", "title-k-one", "figure-k-one", "title-k-two",
                          "figure-k-two"]  # fmt: skip
    assert {"One", "一", "Two"} <= set(reader.texts)


def test_a_table_takes_cells_with_and_without_their_tag():
    html = grid(["a", '<th class="left">b</th>'], [["1", '<td class="good">2</td>']], kind="short")
    assert '<table class="short"><thead><tr><th>a</th><th class="left">b</th></tr>' in html
    assert '<tr><td>1</td><td class="good">2</td></tr>' in html


@pytest.mark.parametrize(
    ("value", "most", "cell"),
    [
        (0.1, 0.2, '<td class="up" style="--v:30">+10.0%</td>'),
        (-0.2, 0.2, '<td class="down" style="--v:60">−20.0%</td>'),
        (-0.9, 0.2, '<td class="down" style="--v:60">−90.0%</td>'),
        (None, 0.2, "<td>–</td>"),
        (math.nan, 0.2, "<td>–</td>"),
        (0.0, 0.0, "<td>0.0%</td>"),
    ],
)
def test_the_colour_of_a_cell_is_its_sign_and_size(value, most, cell):
    assert heat(value, RETURN, most=most) == cell


def test_an_interval_that_is_not_known_leaves_no_line():
    nothing = Text("", "")
    assert estimated(Text("1", "1"), nothing, Text("n 3", "n 3")) == "1<small>n 3</small>"


def test_details_are_sorted_and_say_where_a_value_is_from():
    tree = {
        "seed": {"value": 3, "from": "--set"},
        "name": "a < b",
        "list": [1, None],
        "day": {"value": 1},
    }
    reader = read(details("config", "Settings", tree))
    texts = [text for text in reader.texts if text.strip()]
    assert texts == [
        "Settings",
        "day",
        '{"value": 1}',
        "list",
        "[1, null]",
        "name",
        "a < b",
        "seed",
        "3  (--set)",
    ]
