"""The whole page."""

import re

import pytest

from gogooku.dashboard.page import render_dashboard
from gogooku.evaluate.words import Language
from support.dashboards import HOSTILE, bare, frames, shown
from support.pages import in_english, read

PARTS = ["names", "changes", "orders", "target", "exposure", "skill", "scores", "data", "pipeline"]


def test_it_has_every_part_and_leads_to_each():
    reader = read(render_dashboard(shown()))
    assert [one for one in reader.ids if one in PARTS] == PARTS
    assert [link.lstrip("#") for link in reader.links if link.startswith("#")] == PARTS


def test_it_asks_for_nothing():
    reader = read(render_dashboard(shown()))
    outside = [link for link in reader.links if not link.startswith(("#", "data:"))]
    assert outside == []
    html = render_dashboard(shown())
    assert "default-src 'none'" in html
    assert re.search(r"url\(|@import", html) is None


@pytest.mark.parametrize("language", Language)
def test_it_opens_in_a_language(language):
    html = render_dashboard(shown(), language=language)
    assert f'<html lang="{language}" data-lang="{language}">' in html


def test_the_same_gives_the_same_bytes():
    assert render_dashboard(shown()) == render_dashboard(shown())


def test_a_first_evening_has_a_page():
    html = render_dashboard(bare())
    reader = read(html)
    assert [one for one in reader.ids if one in PARTS] == [p for p in PARTS if p != "target"]
    text = in_english(html)
    assert "No label has matured yet" in text
    assert "not published" in text


def test_nothing_of_others_becomes_a_part_of_the_page():
    html = render_dashboard(shown(source=HOSTILE, bundle=HOSTILE, run=HOSTILE))
    read(html)
    assert HOSTILE not in html
    assert html.count("<script>") == 2


def test_numbers_above_all():
    text = in_english(render_dashboard(shown()))
    assert "Names ranked 60" in text
    assert "Orders 13 1 to sell, 12 to buy" in text
    assert re.search(r"Live RankIC, 5 sessions \+0\.0[45]\d 95%: .* to .*; 40 sessions", text)
    assert "2026-11-30 23:00 in Tokyo" in text


def test_new_names_among_the_top_are_counted():
    made = shown(before=frames()["ranking"])
    assert "0 new among the top 12" in in_english(render_dashboard(made))
