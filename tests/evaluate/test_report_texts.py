"""Every text of the page is there in both languages, and every kept finding has its Japanese."""

import re
from html import unescape

import numpy as np
import polars as pl
import pytest

from gogooku.evaluate.definitions import DEFINITIONS
from gogooku.evaluate.report_texts import (
    NOTES,
    TITLES,
    explained,
    in_both,
    label_of,
    meaning_of,
    unit_of,
)
from gogooku.evaluate.skill import leak_findings
from gogooku.evaluate.training_charts import training_charts
from gogooku.evaluate.words import Text
from gogooku.ingest.imports.survivors import survivors_only

JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


@pytest.mark.parametrize("key", sorted({*TITLES, *NOTES}))
def test_titles_and_notes_are_in_both_languages(key):
    for table in (TITLES, NOTES):
        if key in table:
            assert isinstance(table[key], Text)
            assert table[key].en.isascii()
            assert JAPANESE.search(table[key].ja)


def test_every_remark_belongs_to_a_part():
    assert set(NOTES) <= set(TITLES)
    assert {key for key in TITLES if key.startswith("training-")} == set(
        training_charts([{"event": "epoch", "epoch": 1, "loss": 1.0, "gates": {"a": 0.5},
                          "rank_ic": {"1": 0.1}, "parts": {"a": {"gradient": 1, "update": 1}}}])
    )  # fmt: skip


def measures():
    return [name.replace("{k}", "50").replace("{name}", "linear") for name in DEFINITIONS]


@pytest.mark.parametrize("measure", measures())
def test_labels_units_and_meanings_are_those_of_the_definitions(measure):
    label, meaning, unit = label_of(measure), meaning_of(measure), unit_of(measure)
    assert all((*label, *meaning))
    assert meaning.en in unescape(explained(measure))
    assert (unit.suffix.en == "") == (unit.suffix.ja == "")


def test_what_can_be_on_either_side_of_zero_has_a_sign():
    assert unit_of("h5.rank_ic").text(0.04).en == "+0.040"
    assert unit_of("portfolio.excess_return").text(0.04).en == "+4.0%"
    assert unit_of("portfolio.max_drawdown").text(0.04).en == "4.0%"
    assert unit_of("portfolio.turnover").text(3.2) == Text("3.2x", "3.2倍")


def found():
    """Findings and biases as they are written, one of each form."""
    noise = np.random.default_rng(0).normal(size=200)
    best = {"attainable": 0.1 + 0.01 * noise, "rank_ic_truth": 0.3 + 0.01 * noise[::-1]}
    days = pl.DataFrame({"date": range(300)})
    listed = {"code": [str(n) for n in range(9000)], "listed_to": [None] * 8999 + [5]}
    texts = [
        *leak_findings({"rank_ic": 0.5 + 0.01 * noise}, horizon=5),
        *leak_findings({**best, "alignment": 0.99 + 0.001 * noise}, horizon=1),
        *survivors_only(days, pl.DataFrame({"listed_to": pl.Series([None] * 60, dtype=pl.Int64)})),
        *survivors_only(days, pl.DataFrame(listed, schema_overrides={"listed_to": pl.Int64})),
        "prices are adjusted backwards: levels, price floors and traded value look ahead",
        "3 move(s) look like splits that no factor explains, and are believed: first 13010 x",
        "1,002 close(s) lie beyond the daily price limit and are believed: first 13010 x",
    ]
    assert len(texts) == 8
    return texts


@pytest.mark.parametrize("text", found())
def test_findings_that_are_kept_in_english_read_in_japanese(text):
    both = in_both(text)
    assert both.en == text
    assert JAPANESE.search(both.ja)
    assert not re.search(r"[a-z]{4,}", both.ja.replace("x", ""))
    for number in re.findall(r"[\d,]*\d", both.ja):
        assert number in text


def test_what_has_no_known_form_stays_as_it_is():
    assert in_both("something new") == Text("something new", "something new")
