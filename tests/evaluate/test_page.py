"""Pieces of a page: escaped, self-contained, and the same twice."""

import math
import re

from gogooku.evaluate.page import chart, details, document, section
from support.pages import read

BAD = '</script><b onload="x">&'


def test_a_document_loads_nothing_and_closes_every_tag():
    html = document(f"Run {BAD}", section("one", "Heading", "<p>text</p>"))
    reader = read(html)
    assert reader.ids == ["one"]
    assert [link for link in reader.links if "://" in link] == []
    assert "default-src 'none'" in html
    assert re.search(r"""(href|src)=["']https?:""", html) is None
    assert "<title>Run &lt;/script&gt;&lt;b onload=&quot;x&quot;&gt;&amp;</title>" in html
    assert document("a", "b") == document("a", "b")


def test_a_heading_is_escaped_and_its_content_is_not():
    html = section("key", BAD, "<p>inner</p>")
    assert "<p>inner</p>" in html
    assert BAD not in html


def test_a_figure_survives_any_text():
    figure = {"data": [{"name": BAD, "y": [1 / 3, math.nan]}], "layout": {}}
    reader = read(chart("f", "Title", figure, note="a <note>"))
    assert reader.figures == {
        "figure-f": {"data": [{"name": BAD, "y": [0.333333, None]}], "layout": {}}
    }
    assert reader.ids == ["f", "figure-f"]
    assert "a <note>" in reader.texts
    assert 'class="note"' not in chart("f", "Title", figure)


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
