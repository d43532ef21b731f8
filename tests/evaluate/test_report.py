"""The page is complete, escaped, self-contained and the same twice."""

import re

import numpy as np
import polars as pl
import pytest

from gogooku.evaluate.calibration import Calibrated
from gogooku.evaluate.report import ReportPage, render_report
from support.pages import read

DATES = np.arange("2022-01-03", "2022-06-01", dtype="datetime64[D]")


def page(**changes):
    rng = np.random.default_rng(0)
    n = len(DATES)
    daily = pl.concat(
        pl.DataFrame(
            {
                "date": DATES,
                "horizon": pl.Series([h] * n, dtype=pl.Int32),
                "rank_ic": pl.Series([None, *rng.normal(size=n - 1)], dtype=pl.Float64),
                "attainable": rng.normal(size=n),
            }
        )
        for h in (1, 5)
    )
    deciles = pl.DataFrame(
        [(h, d, 0.001 * d, 90, None if d == 3 else 0.0002) for h in (1, 5) for d in range(1, 11)],
        schema=["horizon", "decile", "value", "n", "error"],
        orient="row",
    )
    equity = 1e9 * np.exp(np.cumsum(rng.normal(0, 0.01, n)))
    portfolio = pl.DataFrame(
        {"date": DATES, "equity": equity, "benchmark": equity[::-1],
         "turnover": np.where(np.arange(n) % 5 == 0, 0.3, 0.0)}
    )  # fmt: skip
    figure = {"value": 0.0312, "error": 0.01, "low": 0.01, "high": 0.05, "n": 90, "lags": 4}
    content = {
        "title": "ridge on <small> & friends",
        "daily": daily,
        "deciles": deciles,
        "metrics": {
            "h1.rank_ic": figure,
            "h5.rank_ic": {**figure, "value": None, "low": None, "high": None, "n": 0},
            "portfolio.sharpe": figure,
            "portfolio.max_drawdown": {**figure, "error": None, "low": None, "high": None},
        },
        "portfolio": portfolio,
        "events": [
            {
                "event": "epoch",
                "fold": f,
                "epoch": e,
                "loss": 1 / e,
                "rank_ic": {"1": 0.01 * e, "5": 0.03 * e},
            }
            for f in (0, 1)
            for e in (1, 2, 3)
        ]
        + [{"event": "phase", "name": "fit"}],
        "config": {"seed": {"value": 1, "from": "--set"}, "name": "</script><b>"},
        "stamp": {"stage": "train", "inputs": {"dataset": "abc"}},
        "facts": {"top_k": {"h1": 50}},
        "warnings": ["horizon 1: <script>alert('x')</script> is too good"],
    }
    return ReportPage(**{**content, **changes})


def test_all_sections_are_there():
    reader = read(render_report(page()))
    wanted = {
        "warnings", "metrics", "cumulative-rankic", "deciles", "portfolio", "equity", "drawdown",
        "turnover", "training-loss", "training-rankic", "facts", "config", "stamp",
    }  # fmt: skip
    assert wanted <= set(reader.ids)
    assert len(reader.ids) == len(set(reader.ids))
    assert len(reader.figures) == 7
    text = " ".join(reader.texts)
    for shown in ("n 90", "0.031", "0.010 to 0.050", "1  (--set)", "2022-01-03", "No warnings"):
        assert (shown in text) is (shown != "No warnings")


def test_figures_hold_the_numbers():
    figures = read(render_report(page())).figures
    curves = {line["name"]: line for line in figures["figure-cumulative-rankic"]["data"]}
    assert set(curves) == {"h1", "h1 attainable", "h5", "h5 attainable"}
    assert len(curves["h1"]["y"]) == len(DATES) - 1
    assert figures["figure-equity"]["data"][0]["y"][0] == 1.0
    assert [line["name"] for line in figures["figure-training-loss"]["data"]] == [
        "fold 0: loss", "fold 1: loss"
    ]  # fmt: skip
    assert figures["figure-deciles"]["data"][0]["y"][9] == pytest.approx(100.0)
    assert max(figures["figure-drawdown"]["data"][0]["y"]) == 0.0


def test_nothing_is_loaded_from_outside():
    html = render_report(page())
    reader = read(html)
    assert reader.links == []
    assert not re.search(r"""(src|href)=["']?\s*(https?:)?//""", html)
    assert "default-src 'none'" in html
    assert html.count("plotly.js v") == 1


def test_every_text_is_escaped():
    html = render_report(page())
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(&#x27;x&#x27;)" in html
    assert "<title>ridge on &lt;small&gt; &amp; friends</title>" in html
    assert "</script><b>" not in html


def test_the_same_inputs_give_the_same_bytes():
    assert render_report(page()).encode() == render_report(page()).encode()


def test_parts_that_do_not_exist_are_left_out():
    reader = read(render_report(page(portfolio=None, events=(), warnings=())))
    assert not {"equity", "turnover", "training-loss", "portfolio"} & set(reader.ids)
    assert "No warnings." in reader.texts


def test_what_groups_are_worth_is_shown_where_it_was_measured():
    rows = [{"group": "price <x>", "horizon": 5, "lost": 0.01, "error": 0.002}]
    reader = read(render_report(page(importance=rows)))
    assert "importance" in reader.ids
    assert reader.figures["figure-importance"]["data"][0]["y"] == ["price <x>"]
    assert "importance" not in read(render_report(page())).ids


def test_what_a_network_gives_is_shown_where_there_is_some():
    right = Calibrated(horizon=5, level=0.5, share=0.4, error=0.1, sessions=9, labels=90)
    weights = pl.DataFrame({"date": DATES[:2], "channel": ["a <x>"] * 2, "weight": [1.0, 1.0]})
    reader = read(render_report(page(calibration=[right], channels=weights)))
    assert {"calibration", "channels"} <= set(reader.ids)
    assert reader.figures["figure-calibration"]["data"][1]["y"] == [0.4]
    assert reader.figures["figure-channels"]["data"][0]["name"] == "a <x>"
    assert not {"calibration", "channels"} & set(read(render_report(page())).ids)
