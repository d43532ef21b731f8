"""The page is complete, in two languages, escaped, self-contained, small and the same twice."""

import re

import pytest

from gogooku.evaluate.breakdown import rolling
from gogooku.evaluate.definitions import definition_of
from gogooku.evaluate.report import render_report
from gogooku.evaluate.words import NONE, Language
from support.account_pages import account_of
from support.pages import read
from support.report_pages import daily_of, headline_of, page

ORDER = [
    "headline", "contents", "warnings", "luck",
    "chapter-names", "ranking", "rivals",
    "chapter-skill", "metrics", "monthly-rankic", "rolling-rankic", "cumulative-rankic", "decay",
    "decay-lag", "groups", "deciles",
    "chapter-account", "portfolio", "excess", "equity", "beside", "turnover", "months",
    "months-excess",
    "chapter-attribution", "parts", "parts-growth", "brinson", "factors", "factor-growth",
    "exposures", "sectors",
    "chapter-risk", "risk", "risk-tests", "drawdown", "drawdowns", "worst-days", "windows", "exit",
    "chapter-capacity", "costs", "capacity", "slices",
    "chapter-months", "month-details",
    "chapter-model", "scores", "importance", "calibration", "channels", "training-rankic",
    "training-loss", "training-gates", "training-gradients", "training-updates",
    "chapter-background", "glossary", "facts", "config", "stamp",
]  # fmt: skip
MOST_BYTES = 3_000_000


def test_parts_are_there_in_their_order():
    reader = read(render_report(page()))
    assert [key for key in reader.ids if key in ORDER] == ORDER
    assert len(reader.ids) == len(set(reader.ids))


def test_figures_hold_the_numbers():
    figures = read(render_report(page())).figures
    named = {key: {line["name"]["en"]: line["y"] for line in one["series"]}
             for key, one in figures.items()}  # fmt: skip
    assert len(named["figure-cumulative-rankic"]) == 8
    assert named["figure-equity"]["portfolio, after costs"][0] == 1.0
    assert set(named["figure-training-loss"]) == {"fold 0: loss", "fold 1: loss"}
    assert named["figure-deciles-h5"]["mean excess return"][9] == pytest.approx(0.01)
    assert min(named["figure-drawdown"]["portfolio"]) == 0.0


def test_nothing_is_loaded_from_outside():
    html = render_report(page())
    reader = read(html)
    assert reader.links == [f"#{key}" for key in ORDER if key.startswith("chapter-")]
    assert not re.search(r"https?:|url\(|@import|<link|<iframe|<img", html)
    assert "default-src 'none'" in html


def test_every_text_is_escaped():
    html = render_report(page())
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(&quot;x&quot;)" in html
    assert "<title>ridge-&lt;small&gt;-&amp;-friends</title>" in html
    assert "Co &lt;A&gt; &amp; B" in html
    assert "甲 &lt;乙&gt;" in html
    assert "<乙>" not in html


@pytest.mark.parametrize("language", Language)
def test_the_same_inputs_give_the_same_bytes_in_either_language(language):
    wanted = page(language=language)
    html = render_report(wanted)
    assert html == render_report(wanted)
    assert f'data-lang="{language}"' in html


def test_both_languages_are_there_piece_by_piece():
    """Each English text has its Japanese beside it: as many marked pieces of one as of the other,
    and nothing else has words of a sentence but codes, names, findings and settings."""
    html = render_report(page(warnings=()))
    pieces = re.findall(r'<span lang="(\w\w)">([^<]*)</span>', html)
    assert [lang for lang, _ in pieces] == ["en", "ja"] * (len(pieces) // 2)
    assert all(text.strip() for _, text in pieces)
    for english, japanese in zip(pieces[0::2], pieces[1::2], strict=True):
        assert english[1] != japanese[1]
    bare = re.sub(r'<span lang="\w\w">[^<]*</span>|<script.*?</script>|<style.*?</style>', "", html,
                  flags=re.DOTALL)  # fmt: skip
    bare = re.sub(r'<section id="(facts|config|stamp)">.*?</section>', "", bare, flags=re.DOTALL)
    left = set(re.findall(r"[a-z]{3,}", re.sub(r"<[^>]*>", " ", bare)))
    known = {"ridge", "small", "friends", "sandbox", "lightgbm", "price", "script", "alert", "quot",
             "embed", "graph", "close", "amp", "bps"}  # fmt: skip
    assert left <= known


def test_no_number_lacks_its_unit():
    html = render_report(page())
    cells = re.findall(r'<(?:td|div)[^>]* data-measure="([^"]+)">(.*?)</(?:td|div)>', html)
    assert len(cells) > 15
    for measure, cell in cells:
        unit = definition_of(measure).unit
        shown = re.findall(r'(?:<b[^>]*>|^)(?:<span lang="en">)?([+−]?[\d.,]+)([^<\d]*)', cell)
        assert (shown and shown[0][1].strip() == unit) or cell == NONE, (measure, cell)


def test_the_page_of_ten_years_is_small():
    """Ten years of 50 names held among 4,000, every month with refused orders and all sectors."""
    rows = 3_650
    daily = daily_of(0, 2_450)
    account = account_of(rows, num_sectors=34, each=60)
    text = render_report(page(daily=daily, rolling=rolling(daily), account=account))
    assert text.count('<details class="printed"') > 120
    assert len(text.encode()) < MOST_BYTES


def test_the_headline_says_whose_prices_they_are():
    simulated = render_report(page())
    assert ">SIMULATED MARKET<" in simulated
    real = render_report(page(headline=headline_of(simulated=False, exchange="new_york")))
    assert "SIMULATED" not in real
    assert "market is simulated" in simulated
    assert "Real prices, New York" in real
    assert "実際の株価(ニューヨーク)" in real
    assert "market is simulated" not in real


def test_parts_that_do_not_exist_are_left_out():
    bare = page(account=None, luck=None, events=(), warnings=(), ranking=None, rivals=None,
                missing=(), importance=(), calibration=(), channels=None,
                decay=None, breakdown=None,
                scores=page().scores[:0],
                metrics={"h5.rank_ic": page().metrics["h5.rank_ic"]})  # fmt: skip
    reader = read(render_report(bare))
    there = [key for key in reader.ids if key in ORDER]
    assert there == [
        "headline", "contents", "warnings", "chapter-skill", "metrics", "monthly-rankic",
        "rolling-rankic", "cumulative-rankic", "decay", "deciles", "chapter-background",
        "glossary", "facts", "config", "stamp",
    ]  # fmt: skip
    assert "No warnings." in reader.texts
