"""Pieces of a page: escaped, self-contained, and the same twice."""

import base64
import hashlib
import math
import re

import pytest

from gogooku.evaluate.page import (
    PAGE_POLICY,
    barred,
    chapter,
    chart,
    content_policy,
    contents,
    details,
    document,
    ends_of,
    estimated,
    folded,
    grid,
    heat,
    panels,
    section,
)
from gogooku.evaluate.page_style import REMEMBERED, SCRIPT, STYLE
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


def test_the_policy_lets_its_own_scripts_run_and_no_other():
    html = document("a", "b", remembers=True)
    scripts = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    assert scripts == [REMEMBERED, SCRIPT]
    assert content_policy(*scripts) == PAGE_POLICY
    assert f'content="{PAGE_POLICY}"' in html
    assert "unsafe" not in PAGE_POLICY.partition("style-src")[0]
    digest = base64.b64encode(hashlib.sha256(b"alert(1)").digest()).decode()
    assert f"'sha256-{digest}'" in content_policy("alert(1)")


def test_a_page_that_remembers_has_an_icon_and_a_report_has_neither():
    assert REMEMBERED not in document("a", "b")
    assert 'rel="icon"' not in document("a", "b")
    assert 'rel="icon" href="data:image/svg+xml,' in document("a", "b", remembers=True)
    assert "<style>" + STYLE + ".x{}</style>" in document("a", "b", style=".x{}")


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


def test_a_chapter_has_its_parts_and_none_without_any():
    html = chapter("c", Text("One", "一"), ["", "<p>a</p>", "", "<p>b</p>"], note="why")
    reader = read(html)
    assert reader.ids == ["c", "title-c"]
    assert "<p>a</p>\n<p>b</p>" in html
    assert "why" in reader.texts
    assert chapter("c", "One", ["", ""]) == ""


def test_contents_lead_to_chapters():
    reader = read(contents([("c", Text("One", "一")), ("d", BAD)]))
    assert reader.links == ["#c", "#d"]
    assert BAD in reader.texts


def test_a_part_is_folded_and_may_be_open_on_paper():
    assert folded("s", "i") == "<details><summary>s</summary>i</details>"
    assert folded("s", "i", opened=True, printed=True).startswith('<details class="printed" open>')


@pytest.mark.parametrize(
    ("value", "mark"),
    [
        (1.0, '<i class="c0" style="left:25.0%;width:25.0%"></i>'),
        (-1.0, '<i class="neg" style="left:0.0%;width:25.0%"></i>'),
        (0.0, '<i class="c0" style="left:25.0%;width:0.0%"></i>'),
    ],
)
def test_a_bar_lies_on_the_scale_of_its_table(value, mark):
    html = barred("x", value, ends_of([-1.0, 3.0, None, math.nan]))
    assert mark in html
    assert '<i class="z" style="left:25.0%"></i>' in html
    assert 'i class="w"' not in html


def test_a_bar_has_a_whisker_where_its_interval_is_known():
    html = barred("x", 1.0, (-1.0, 3.0), low=0.0, high=2.0, below="<small>n 3</small>")
    assert '<i class="w" style="left:25.0%;width:50.0%"></i>' in html
    assert "x<small>n 3</small>" in html
    assert barred("–", None, (0.0, 1.0), below="b") == "–b"
    assert barred("<", math.nan, (0.0, 1.0)) == "&lt;"
    assert ends_of([]) == (0.0, 0.0)
    assert "hbar" in barred("0", 0.0, ends_of([0.0])), "a table of nothing but zeros"


def test_a_chart_has_its_sentence_above_and_its_table_below():
    html = chart("f", "Title", figure(), said="So much.", below="<table></table>")
    assert html.index("So much.") < html.index("<figure") < html.index("<table>")
    assert html.endswith("<table></table></section>")


def luminance(colour):
    parts = [int(colour[n : n + 2], 16) / 255.0 for n in (1, 3, 5)]
    red, green, blue = (
        one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(a, b):
    low, high = sorted(luminance(one) for one in (a, b))
    return (high + 0.05) / (low + 0.05)


def mixed(a, b, share):
    """A colour over another one."""
    ends = [[int(one[n : n + 2], 16) for n in (1, 3, 5)] for one in (a, b)]
    return "#" + "".join(
        f"{round(share * x + (1 - share) * y):02x}" for x, y in zip(*ends, strict=True)
    )


@pytest.mark.parametrize("theme", re.findall(r"color-scheme:(?:light|dark);[^}]*", STYLE)[:2])
def test_texts_can_be_read_in_either_theme(theme):
    """At least 4.5 to 1, as WCAG wants of texts, and 4 on the fullest colour of a cell."""
    colours = dict(re.findall(r"--(\w+):(#\w{6})", theme))
    for name in ("ink", "soft", "good", "bad", "warn"):
        assert contrast(colours[name], colours["page"]) >= 4.5, name
    assert contrast(colours["ink"], colours["card"]) >= 4.5
    assert contrast(colours["warn"], colours["warnbg"]) >= 4.5
    for tone in ("c0", "c5"):
        cell = mixed(colours[tone], colours["page"], 0.6)
        assert contrast(colours["ink"], cell) >= 4.0, tone
