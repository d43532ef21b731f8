"""All of the attribution in one call, and what a market lacks said."""

from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from gogooku.portfolio.attribute import attribute
from gogooku.portfolio.attribution import PARTS
from support.portfolios import placed, traded


def frames_of(result):
    return {"daily": result.daily, "ledger": result.ledger, "unfilled": result.unfilled}


@pytest.fixture(scope="module")
def case():
    return traded(8, sessions=140, names=60, top_k=6, max_weight=0.2)


def test_all_frames_are_there_and_agree(case):
    made = attribute(
        placed(*case),
        frames_of(case[0]),
        windows={"spring": (date(2022, 3, 1), date(2022, 4, 28))},
    )
    assert set(made.frames) == {
        "parts", "parts_by_month", "brinson", "factors", "factor_summary", "styles", "sectors",
        "months", "contributors", "month_sectors", "events", "slices", "worst_windows",
        "named_windows", "exit", "cost_sensitivity", "capacity",
    }  # fmt: skip
    assert all(frame.height for frame in made.frames.values())
    excess = made.frames["months"].get_column("excess").to_list()
    months = made.frames["parts_by_month"]
    assert months.get_column("excess").to_list() == pytest.approx(excess, abs=1e-12)
    sums = months.select(pl.sum_horizontal(PARTS)).to_series().to_list()
    assert sums == pytest.approx(excess, abs=1e-10)
    assert made.facts["left_out"] == {}
    assert made.facts["break_even_capital"] >= 0.0
    assert made.facts["orders_guessed"] > 0


def test_what_a_market_lacks_is_left_out_and_said(case):
    result, market, history = case
    bare = replace(history, sector=None, sector_names=(), market_cap=None, volume=None)
    made = attribute(placed(result, market, bare), frames_of(result))
    assert made.facts["left_out"] == {
        "brinson, sectors": "the dataset has no sectors",
        "exit, capacity": "the dataset has no volume",
    }
    assert set(made.frames["factors"].get_column("factor")) == {
        "market", "beta", "volatility", "momentum", "specific",
    }  # fmt: skip


def test_a_small_universe_has_fewer_factors_or_none():
    few = traded(9, sessions=60, names=34, top_k=4, max_weight=0.3)
    made = attribute(placed(*few), frames_of(few[0]))
    assert "sectors among factors" in made.facts["left_out"]
    least = traded(9, sessions=60, names=8, top_k=2, max_weight=0.5)
    made = attribute(placed(*least), frames_of(least[0]))
    assert made.facts["left_out"]["factors"].endswith("is too small for 6 factors")
    assert "factors" not in made.frames
