"""The head of the page: badge, verdict, tiles, warnings."""

import re

from gogooku.evaluate.report_head import head, warnings_box
from gogooku.evaluate.words import Text
from support.pages import read
from support.report_pages import headline_of

FIGURES = {"value": 0.04, "low": 0.02, "high": 0.06, "n": 410}
METRICS = {
    "h5.rank_ic": FIGURES,
    "h1.rank_ic": {**FIGURES, "value": 0.09},
    "portfolio.excess_return": {"value": -0.05, "low": -0.08, "high": -0.02, "n": 400},
    "portfolio.max_drawdown": {"value": 0.12, "low": None, "high": None, "n": 400},
}


def shown(headline=None, metrics=METRICS):
    return head(headline or headline_of(), Text("Well.", "よい。"), metrics, horizon=5)


def tile(html, measure):
    found = re.search(rf'data-measure="{measure}">(.*?)</div>', html)
    return found[1] if found else None


def test_a_tile_has_a_number_its_interval_and_how_much_it_is_of():
    html = shown()
    texts = read(tile(html, "h5.rank_ic")).texts
    assert {"RankIC", " at 5 sessions", "+0.040", "95%: +0.020 to +0.060", "n 410"} <= set(texts)
    assert "n 400" in read(tile(html, "portfolio.max_drawdown")).texts
    assert tile(html, "h1.rank_ic") is None, "of the traded horizon only"
    assert tile(html, "portfolio.turnover") is None, "not measured"
    assert "tiles" not in shown(metrics={})


def test_colour_is_for_what_is_certain():
    html = shown()
    assert '<b class="good">' in tile(html, "h5.rank_ic")
    assert '<b class="bad">' in tile(html, "portfolio.excess_return")
    assert "class=" not in re.search(r"<b[^>]*>", tile(html, "portfolio.max_drawdown"))[0]
    doubtful = {"h5.rank_ic": {**FIGURES, "low": -0.01}}
    assert "<b>" in tile(shown(metrics=doubtful), "h5.rank_ic")


def test_what_a_run_is_of_is_said():
    texts = read(shown()).texts
    for text in ("58–60 names a session, 61 in all", "2022-01-03 to 2022-06-01, 150 sessions",
                 "2 folds", "東京・JPY", "1営業日あたり58–60銘柄、全61銘柄", "Well."):  # fmt: skip
        assert text in texts
    one = read(shown(headline_of(folds=1, ranked=(60, 60), exchange="mars"))).texts
    assert {"1 fold", "60 names a session, 61 in all", "mars, JPY"} <= set(one)


def test_what_is_not_known_of_scores_from_elsewhere_is_said():
    texts = read(shown(headline_of(folds=0))).texts
    assert {"Judged; whether seen in fitting is not known", "not known: made elsewhere"} <= set(
        texts
    )
    assert "Out of sample" not in texts
    assert "Out of sample" in read(shown()).texts


def test_warnings_are_a_list_or_said_to_be_none():
    box = warnings_box([Text("Too <good>.", "良すぎる。"), "code 1301"])
    assert {"Too <good>.", "良すぎる。", "code 1301"} <= set(read(box).texts)
    assert box.count("<li>") == 2
    assert "No warnings." in read(warnings_box(())).texts
