"""The page about runs side by side: whole in one file, escaped, the same bytes again."""

import re
from datetime import date

import numpy as np
import polars as pl
import pytest

from gogooku.core.metrics import Z95, mean_estimate
from gogooku.evaluate.compare_page import (
    ComparePage,
    by_year,
    cumulative,
    cumulative_differences,
    render_comparison,
)
from gogooku.evaluate.comparison_words import sentence_of
from gogooku.evaluate.side_by_side import Tries, side_by_side
from gogooku.evaluate.words import Language, Text
from support.pages import read

DAYS = pl.date_range(date(2022, 7, 1), date(2023, 6, 30), eager=True)


def daily(seed, shift, days=DAYS):
    rng = np.random.default_rng(seed)
    frames = [
        pl.DataFrame(
            {
                "date": days,
                "horizon": pl.Series([horizon] * len(days), dtype=pl.Int32),
                "rank_ic": rng.normal(shift, 0.1, len(days)),
            }
        )
        for horizon in (1, 5)
    ]
    return pl.concat(frames)


@pytest.fixture(scope="module")
def found():
    runs = {"ridge<b>": daily(1, 0.0), "network": daily(2, 0.05), "trees": daily(3, 0.01)}
    tries = Tries(count=9, ratios={1: [0.0, 0.1], 5: [0.0, 0.1]})
    return side_by_side(runs, tries=tries)


def page_of(found, **changes):
    content = {
        "found": found,
        "sentence": sentence_of(found),
        "kind": Text("Out of time · tiny & co", "アウトオブサンプル・tiny & co"),
        "simulated": True,
        "exchange": "tokyo",
        "warnings": [Text("hold-out <last>: seen", "ホールドアウト<last>: 使用済み")],
        "facts": {"source": "tiny", "network": "network-123"},
    }
    return ComparePage(**{**content, **changes})


@pytest.fixture(scope="module")
def text(found):
    return render_comparison(page_of(found))


def test_the_sentence_stands_first(found, text):
    body = text[text.index("<main>") :]
    assert "network has a higher RankIC than ridge&lt;b&gt;" in body
    assert "networkがridge&lt;b&gt;より高い" in body
    assert body.index('class="verdict"') < body.index("<table")
    keys = ("headline", "warnings", "differences", "means", "difference", "cumulative", "many",
            "years", "facts")  # fmt: skip
    order = [body.index(f'id="{key}"') for key in keys]
    assert order == sorted(order)


def test_it_loads_nothing_and_escapes_names(text):
    assert "ridge<b>" not in text.replace("ridge<b>\\u003c", "")
    assert "<last>" not in text
    assert not re.search(r"(src|href)=", text)
    assert "default-src 'none'" in text
    assert len(text.encode()) < 3e6


@pytest.mark.parametrize("language", Language)
def test_the_same_comparison_gives_the_same_bytes_in_either_language(found, language):
    wanted = page_of(found, language=language)
    assert render_comparison(wanted) == render_comparison(wanted)
    assert f'data-lang="{language}"' in render_comparison(wanted)


def test_every_text_is_there_in_both_languages(text):
    pieces = re.findall(r'<span lang="(\w\w)">([^<]*)</span>', text)
    assert len(pieces) > 100
    assert [lang for lang, _ in pieces] == ["en", "ja"] * (len(pieces) // 2)
    bare = re.sub(r'<span lang="\w\w">[^<]*</span>|<script.*?</script>|<style.*?</style>', "", text,
                  flags=re.DOTALL)  # fmt: skip
    left = set(re.findall(r"[a-z]{3,}", re.sub(r"<[^>]*>", " ", bare)))
    assert left <= {"ridge", "network", "trees", "tiny", "uns", "side"}, "names and the title"


def test_whose_prices_they_are_is_said(found, text):
    assert ">SIMULATED MARKET<" in text
    real = render_comparison(page_of(found, simulated=False))
    assert "Real prices, Tokyo" in real
    assert "SIMULATED" not in real


def test_ten_years_of_five_runs_are_small():
    long = pl.date_range(date(2014, 1, 1), date(2020, 9, 16), eager=True)
    assert len(long) > 2_440
    runs = {f"run{n}": daily(n, 0.01 * n, long) for n in range(5)}
    made = side_by_side(runs, tries=Tries(count=9, ratios={1: [0.0, 0.1], 5: [0.0, 0.1]}))
    text = render_comparison(page_of(made))
    assert len(text.encode()) < 1e6
    figures = read(text).figures
    assert max(len(figure["x"]) for figure in figures.values()) <= 500


def test_every_number_of_the_tables_is_there(found, text):
    for horizon, one in found.at.items():
        assert f"{one.superior:.3f}" in text or "below 0.001" in text, horizon
    assert "0 of 9" in text
    assert "deflated" in text


def test_the_pictures_are_sums_with_their_band(found):
    frame = found.daily[5]
    whole = cumulative(found)
    assert [series.name for series in whole.series] == ["ridge<b>", "network", "trees"]
    np.testing.assert_allclose(whole.series[1].y, frame["network"].cum_sum().to_numpy())
    made = cumulative_differences(found)
    assert [name for name, _ in made.values()] == ["network", "trees"]
    (line,) = made["1"][1].series
    paired = (frame["network"] - frame["ridge<b>"]).to_numpy()
    np.testing.assert_allclose(line.y, paired.cumsum())
    half = Z95 * mean_estimate(paired, horizon=5).error * len(paired)
    assert line.high[-1] - line.y[-1] == pytest.approx(half)


def test_years_are_means_of_their_sessions(found):
    years = by_year(found)
    assert years["year"].unique(maintain_order=True).to_list() == [2022, 2023]
    inside = found.daily[5].filter(pl.col("date").dt.year() == 2023)["trees"].to_numpy()
    one = years.filter(year=2023, run="trees").row(0, named=True)
    assert one["value"] == pytest.approx(inside.mean())
    assert one["n"] == len(inside)
