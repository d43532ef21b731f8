import io
import math

import polars as pl
import pytest
from rich.console import Console

from gogooku.commands.display import (
    cell,
    estimate_text,
    frame_table,
    show,
    skill_table,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (math.nan, "-"),
        (True, "yes"),
        (False, "no"),
        (1234567, "1,234,567"),
        (12345.6, "12,346"),
        (0.123456, "0.1235"),
        (0.0, "0"),
        ("text", "text"),
    ],
)
def test_cell(value, text):
    assert cell(value) == text


def test_estimate_with_and_without_its_error():
    assert estimate_text({"value": 0.12345, "error": 0.001}) == "0.1235 ±0.0010"
    assert estimate_text({"value": 0.5, "error": None}, digits=2) == "0.50"
    assert estimate_text({"value": None}) == "-"
    assert estimate_text(None) == "-"


def shown(*parts):
    out = io.StringIO()
    show(Console(file=out, width=100), *parts)
    return out.getvalue()


def test_frame_as_a_table():
    text = shown(frame_table("prices", pl.DataFrame({"code": ["1301"], "close": [12345.0]})))
    assert "prices" in text
    assert "12,345" in text


def test_codes_of_a_frame_stand_beside_their_four_characters():
    codes = pl.DataFrame({"code": ["72030", "130A0", "25935", None]})
    text = shown(frame_table("names", codes))
    assert [line.strip() for line in text.splitlines()[-5:] if line.strip()] == [
        *("7203 (72030)", "130A (130A0)", "25935", "-"),
    ]


def test_skill_table_has_a_column_for_each_horizon_and_the_sessions():
    one = {"value": 0.05, "error": 0.01, "n": 42}
    text = shown(skill_table({"h1.rank_ic": one, "h20.rank_ic": one, "h1.ic": one}, title="skill"))
    assert "1 session " in text
    assert "20 sessions" in text
    assert "RankIC" in text
    assert "P@" not in text
    assert "42" in text


def test_skill_table_has_a_row_for_each_family_that_was_measured():
    one = {"value": 0.05, "error": 0.01, "n": 42}
    names = ("h1.rank_ic", "h1.family_segment_flow", "h1.family_gated")
    text = shown(skill_table(dict.fromkeys(names, one), title="skill"))
    assert "Family: gated" in text
    assert "Family: segment_flow" in text
    assert text.count("Family: ") == 2


def test_the_k_of_a_measure_is_in_its_name():
    one = {"value": 0.05, "error": 0.01, "n": 42}
    names = ("h1.rank_ic", "h1.p_at_50", "h1.top_50_bps", "h5.rank_ic", "h5.p_at_50")
    metrics = dict.fromkeys(names, one)
    text = shown(skill_table(metrics, title="skill", facts={"top_k": 50}))
    assert "P@50, %" in text
    assert "5.00 ±1.00" in text
    assert "Top 50 less universe, bps" in text
    less = {"top_k": 12, "top_k_asked": 50}
    assert "K asked 50; too few names" in shown(skill_table(metrics, title="skill", facts=less))
