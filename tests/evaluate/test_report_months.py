"""Month by month: newest first, names and sectors, what repeats in one line, open on paper."""

import re
from datetime import date

import polars as pl
import pytest

from gogooku.evaluate.report_months import EVENTS, event_text, grouped, months_part
from support.account_pages import account_of
from support.pages import in_english, read, rows


def test_months_stand_newest_first_and_open_on_paper():
    html = months_part(account_of(100))
    assert re.findall(r"<b>(\d{4}-\d\d)</b>", html) == ["2022-04", "2022-03", "2022-02", "2022-01"]
    assert html.count('<details class="printed">') == 4
    assert "−2.0%" in html
    assert "universe +1.0%, difference −3.00%, costs −0.30%" in in_english(html)
    read(html)


def test_many_years_are_folded_with_the_newest_open():
    html = months_part(account_of(800))
    assert re.findall(r'<summary><span lang="en">(\d{4})', html) == ["2024", "2023", "2022"]
    assert html.count('<details class="printed" open>') == 1


def test_a_month_says_what_its_return_is_made_of():
    found = rows(months_part(account_of(20)))
    parts = {row[0][0]: row[1][0] for row in found[:4]}
    assert parts == {"Holdings": "+2.40%", "Costs": "−0.30%", "Trading": "−0.10%",
                     "Return": "+2.00%"}  # fmt: skip


def test_names_have_companies_and_the_sectors_are_those_at_both_ends():
    html = months_part(account_of(20, num_sectors=12))
    assert "Co &lt;A&gt; &amp; B" in html
    assert "甲 &lt;乙&gt; &amp; &#x27;Co&#x27;" in html
    text = in_english(html)
    assert "Sectors, first and last 3 of 12" in text
    assert "Added most" in text
    assert "Took most" in text
    few = in_english(months_part(account_of(20, num_sectors=4)))
    assert "first and last" not in few


def test_what_repeats_is_one_line_and_the_rest_is_counted():
    day = date(2024, 1, 4)
    rows_ = [(day.replace(day=n), day.replace(day=1), "13010", "unfilled", "buy 100: limit_up")
             for n in (4, 5, 9)]  # fmt: skip
    rows_.append((day.replace(day=20), day.replace(day=1), "99990", "split", "5 shares more"))
    frame = pl.DataFrame(rows_, schema=["date", "month", "code", "what", "detail"], orient="row")
    found = grouped(frame)
    assert [one["code"] for one in found] == ["99990", "13010"], "splits come first"
    assert (found[1]["first"], found[1]["last"], found[1]["count"]) == (
        day, day.replace(day=9), 3
    )  # fmt: skip
    many = in_english(months_part(account_of(20, each=30)))
    assert f"and {32 - EVENTS} more" in many


@pytest.mark.parametrize(
    ("detail", "english", "japanese"),
    [
        ("buy 1200: limit_up", "buy 1,200 not filled: locked at the upper limit", "ストップ高"),
        ("cover 5: odd_thing", "buy back 5 not filled: odd thing", "買い戻し"),
        ("-30 shares more", "split, -30 shares more", "分割"),
        ("400 shares at 123.5", "delisted, 400 shares at 123.5", "上場廃止、400株を123.5で清算"),
    ],
)
def test_events_read_in_both_languages(detail, english, japanese):
    said = event_text(detail)
    assert said.en == english
    assert japanese in said.ja


def test_an_event_of_another_form_is_shown_as_it_is():
    assert event_text("something <new>") == "something <new>"


def test_an_account_without_months_has_no_part():
    assert months_part(account_of(20, months=None)) == ""
    bare = months_part(account_of(20, contributors=None, month_sectors=None, events=None))
    assert "Added most" not in in_english(bare)
    assert len(rows(bare)) == 4
