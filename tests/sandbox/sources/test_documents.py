"""The book of all documents: amounts that add up, per name and year, and what comes when."""

import numpy as np
import polars as pl
import pytest

from gogooku.sandbox.sources.companies import companies
from gogooku.sandbox.sources.documents import (
    ITEMS,
    LATE_MINUTES,
    REVISION_NOISE,
    REVISION_STEP,
    SIZE_LIMIT,
    Kind,
    book,
)

MILLION = 1e6


@pytest.fixture(scope="module")
def frame(firm_market):
    return book(firm_market).frame


@pytest.fixture(scope="module")
def plain(frame):
    """Documents of names that never restated anything, by name and instant."""
    restated = frame.filter(pl.col("kind") == Kind.CORRECTION)["stock"].unique()
    kept = frame.filter(~pl.col("stock").is_in(restated.implode()))
    assert kept["stock"].n_unique() > 20
    return kept.sort("stock", "row", "minute", "kind")


@pytest.fixture(scope="module")
def results(plain):
    return plain.filter(pl.col("kind") == Kind.RESULTS)


def test_a_market_has_one_book(firm_market):
    assert book(firm_market) is book(firm_market)


def test_every_kind_is_there_and_numbers_count_from_one_each_session(frame):
    assert set(frame["kind"].unique()) == {int(kind) for kind in Kind}
    first = frame.group_by("row").agg(pl.col("disc_no").sort()).sort("row")
    for row, numbers in first.rows():
        assert len(set(numbers)) == len(numbers), row
        assert [int(number[8:]) for number in numbers] == [400_001 + n for n in range(len(numbers))]
    assert (frame["disc_no"].str.head(8) == frame["date"].dt.strftime("%Y%m%d")).all()


def test_a_document_is_public_only_while_its_name_is_listed(firm_market, frame):
    inside = frame.filter(pl.col("row") >= 0)
    stock, row = inside["stock"].to_numpy(), inside["row"].to_numpy()
    assert firm_market.listed[row, stock].all()
    assert (frame["row"] < len(firm_market.sessions)).all()


def test_profit_of_four_quarters_is_the_sum_of_its_quarters(results):
    checked = 0
    for (_,), name in results.group_by("stock", maintain_order=True):
        profit, quarter = name["np"].to_numpy(), name["quarter"].to_numpy()
        before = np.concatenate([[0.0], profit[:-1]])
        single = np.where(quarter == 1, profit, profit - before)
        known = np.where(quarter == 4, profit, np.nan)
        for place, value in enumerate(name["ttm"].to_numpy()):
            if place >= 4 and (np.diff(quarter[place - 4 : place + 1]) % 4 == 1).all():
                assert value == pytest.approx(single[place - 3 : place + 1].sum(), abs=1.0)
                checked += 1
        assert np.isfinite(known[quarter == 4]).all()
    assert checked > 200


def test_amounts_are_whole_millions_and_the_sheet_holds_together(results):
    for name in (*ITEMS, "ta", "eq", "sheq"):
        assert (results[name] % MILLION == 0).all(), name
    assert (results["eq"] >= results["sheq"]).all()
    assert (results["ta"] >= 1.02 * results["eq"] - MILLION).all()
    halves = results.filter(pl.col("quarter") % 2 == 0)
    others = results.filter(pl.col("quarter") % 2 == 1)
    for name in ("cfo", "cfi", "cff", "cash"):
        assert halves[name].is_finite().all()
        assert others[name].is_nan().all(), "shown with the half year and the year only"
    assert results.filter(pl.col("quarter") < 4)["roe"].is_nan().all()


def test_cash_of_a_year_is_that_of_the_year_before_and_its_flows(results):
    checked = 0
    for (_,), name in results.group_by("stock", maintain_order=True):
        years = name.filter(pl.col("quarter") == 4)
        cash = years["cash"].to_numpy()
        flows = sum(years[part].to_numpy() for part in ("cfo", "cfi", "cff"))
        np.testing.assert_allclose(cash[1:], cash[:-1] + flows[1:], atol=1.0)
        checked += len(cash) - 1
    assert checked > 50


def test_within_a_year_equity_grows_by_the_profit_of_the_quarter(results):
    checked = 0
    for (_,), name in results.group_by("stock", maintain_order=True):
        profit, quarter = name["np"].to_numpy(), name["quarter"].to_numpy()
        equity, floor = name["sheq"].to_numpy(), 0.03 * name["f_sales"].abs().to_numpy()
        for place in range(1, len(profit)):
            if quarter[place] in (2, 3) and equity[place] > floor[place] + MILLION:
                earned = profit[place] - profit[place - 1]
                assert equity[place] - equity[place - 1] == pytest.approx(earned, abs=MILLION)
                checked += 1
    assert checked > 100


def test_a_revision_moves_each_item_by_its_step_and_a_little_of_its_own(plain):
    revised = checked = 0
    for (_,), name in plain.group_by("stock", maintain_order=True):
        kinds, size = name["kind"].to_numpy(), np.clip(name["size"].to_numpy(), -SIZE_LIMIT, 3.0)
        forecasts = np.stack([name[f"f_{item}"].to_numpy() for item in ITEMS], axis=1)
        for place in np.flatnonzero(kinds == Kind.REVISION):
            revised += 1
            if not place:
                continue
            before, after = forecasts[place - 1], forecasts[place]
            scale = np.maximum(np.abs(before), 0.002 * before[0])
            moved = (after - before) / scale
            off = np.abs(moved - np.array(REVISION_STEP) * size[place])
            assert (off <= SIZE_LIMIT * np.array(REVISION_NOISE) + 1.1e6 / scale).all()
            checked += 1
    assert checked > 20


def test_late_revisions_come_after_the_evening_delivery(firm_market, frame):
    minutes = frame.filter(pl.col("kind") == Kind.REVISION)["minute"].to_numpy()
    late = minutes > 17 * 60 + 30
    assert 0 < late.sum() < len(minutes)
    assert (minutes[late] >= LATE_MINUTES[0]).all()
    assert (minutes[late] <= LATE_MINUTES[1]).all()
    assert (minutes[late] % 5 == 0).all()


def test_dividends_are_half_yen_on_the_basis_of_the_document(frame):
    for name in ("f_int", "f_fin"):
        fresh = frame.filter(pl.col("kind").is_in([Kind.RESULTS, Kind.DIVIDEND]))
        fresh = fresh.filter((pl.col("quarter") == 4) & (pl.col("kind") == Kind.RESULTS))
        shown = (fresh[name] * fresh["product"]).to_numpy()
        step = np.where(shown >= 5.0, 0.5, 0.1)
        np.testing.assert_allclose(shown / step, np.round(shown / step), atol=1e-6)


def test_who_pays_no_interim_dividend_never_does(firm_market, frame):
    never = np.flatnonzero(~companies(firm_market).pays_interim)
    rows = frame.filter(pl.col("stock").is_in(never))
    assert rows.height
    assert (rows["f_int"] == 0.0).all()
