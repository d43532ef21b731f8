"""What changes in the list now and then, and the indices that follow it."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from gogooku.core.wall import tokyo_instant
from gogooku.sandbox.market.drivers import SEGMENTS
from gogooku.sandbox.market.market import MarketConfig, generate
from gogooku.sandbox.sources import earnings, indices, listings, margin
from gogooku.sandbox.sources.segments import MOVES_PER_YEAR, PRIME, SCALES, segments_of
from gogooku.sandbox.sources.wire import VISIBLE

EVER = (date(2000, 1, 1), date(2040, 1, 1))
SIZES = ("0028", "0029", "002B", "002D")


@pytest.fixture(scope="module")
def market():
    """400 names over two years and two reviews of the size classes."""
    config = MarketConfig(
        num_stocks=400, num_sessions=500, seed=3, num_branches=0, first_session=date(2022, 8, 1)
    )
    return generate(config)


@pytest.fixture(scope="module")
def master(market):
    names = listings.wires(market)["master"].rows(*EVER)
    return names.filter(pl.col("Code").is_in(market.codes)).sort("Code", "Date")


@pytest.fixture(scope="module")
def closes(market):
    rows = indices.wires(market)["indices"].rows(*EVER)
    return rows.pivot("Code", index="Date", values="C").sort("Date")


def changes(master, column):
    before = pl.col(column).shift(1).over("Code")
    return master.with_columns(before=before).filter(pl.col("before") != pl.col(column))


def test_a_few_names_a_year_move_to_another_segment_once(market, master):
    moved = changes(master, "Mkt")
    expected = MOVES_PER_YEAR * len(market.codes) * len(market.sessions) / 245
    assert 0.3 * expected < moved.height < 2.0 * expected
    assert moved["Code"].is_unique().all()
    pairs = set(moved.select("before", "Mkt").iter_rows())
    assert pairs <= {("0111", "0112"), ("0112", "0111"), ("0113", "0112"), ("0113", "0111")}
    assert len(pairs) > 1


def test_a_move_is_out_on_the_evening_before(market, master):
    for day, seen in changes(master, "Mkt").select("Date", VISIBLE).iter_rows():
        known = market.sessions[market.sessions < np.datetime64(day)][-1].item()
        assert seen == tokyo_instant(known, 17 * 60 + 30).replace(tzinfo=None)


def test_only_prime_has_size_classes_and_a_review_is_in_november(master):
    assert ((master["ScaleCat"] == "-") == (master["Mkt"] != "0111")).all()
    assert set(master["ScaleCat"]) == {*SCALES, "-"}
    stayed = changes(master, "ScaleCat").filter(
        (pl.col("ScaleCat") != "-") & (pl.col("before") != "-")
    )
    assert set(stayed["Date"]) == {"2022-11-01", "2023-11-01"}
    sizes = {name: place for place, name in enumerate(SCALES)}
    steps = [sizes[row["ScaleCat"]] - sizes[row["before"]] for row in stayed.iter_rows(named=True)]
    assert min(steps) < 0 < max(steps)
    newcomers = changes(master, "ScaleCat").filter(pl.col("before") == "-")
    assert set(newcomers["ScaleCat"]) == {SCALES[-1]}


def test_size_classes_follow_past_prices_only(market):
    review = int(np.searchsorted(market.sessions, np.datetime64("2023-11-01")))
    close = market.close.copy()
    close[review:] *= np.exp(np.random.default_rng(0).standard_normal(close[review:].shape))
    other = segments_of(replace(market, close=close)).scale
    assert np.array_equal(segments_of(market).scale, other)
    close[review - 80 :] *= np.exp(np.random.default_rng(1).standard_normal(close.shape[1]))
    other = segments_of(replace(market, close=close)).scale
    same = segments_of(market).scale == other
    assert same[: review - 1].all()
    assert not same[review].all()


def test_some_names_become_lendable_and_none_ceases_to_be(market, master):
    moved = changes(master, "Mrgn")
    assert moved.height > 3
    assert set(moved.select("before", "Mrgn").iter_rows()) == {("1", "2")}
    assert (master.filter(pl.col("Mkt") == "0111")["Mrgn"] == "2").all()
    code, day = moved.row(0, named=True)["Code"], moved.row(0, named=True)["Date"]
    balances = margin.wires(market)["margin_interest"].rows(*EVER).filter(pl.col("Code") == code)
    before, after = balances.filter(pl.col("Date") < day), balances.filter(pl.col("Date") >= day)
    assert (before["IssType"] == "1").all()
    assert (before["ShrtStdVol"] == 0).all()
    assert (after["IssType"] == "2").all()
    assert after["ShrtStdVol"].sum() > 0


def test_the_earnings_calendar_has_the_segment_of_the_list(market, master):
    calendar = earnings.wires(market)["earnings_calendar"].rows(*EVER)
    both = calendar.join(master.select("Date", "Code", "MktNm"), on=["Date", "Code"])
    assert both.height > 1_000
    assert (both["Section"] == both["MktNm"]).all()
    started = dict(zip(market.codes, market.segment, strict=True))
    names = {"プライム": "Prime", "スタンダード": "Standard", "グロース": "Growth"}
    moved = [names[row["Section"]] != started[row["Code"]] for row in both.iter_rows(named=True)]
    assert any(moved)


def test_planted_flows_stay_with_the_first_segment(market):
    listing = segments_of(market)
    assert np.array_equal(listing.segment[0], market.drivers.segment)
    assert [SEGMENTS[place] for place in listing.segment[0]] == list(market.segment)


def test_size_indices_are_the_means_of_their_classes_and_no_copies(market, closes):
    listing = segments_of(market)
    growth = np.nancumprod(np.nan_to_num(market.adjustment_factor, nan=1.0), axis=0)
    adjusted = pl.DataFrame(market.close / growth).fill_nan(None)
    carried = adjusted.fill_null(strategy="forward").to_numpy()
    change = (market.close / growth)[1:] / carried[:-1]
    for code, classes in indices.SIZE_CODES.items():
        own = np.where(np.isin(listing.scale[1:], classes), change, np.nan)
        told = closes[code].to_numpy()
        np.testing.assert_allclose(told[1:] / told[:-1], np.nanmean(own, axis=1), atol=5e-5)
    returns = np.diff(np.log(closes.select("0000", *SIZES).to_numpy()), axis=0)
    relation = np.corrcoef(returns.T)[np.triu_indices(5, 1)]
    assert relation.min() > 0.3
    assert relation.max() < 0.99


def test_topix_weighs_large_prime_names_and_is_not_the_mean_name(market, closes):
    topix = np.diff(np.log(closes["0000"].to_numpy()))
    mean = np.diff(np.log(market.index[:, 3]))
    assert 0.75 < np.corrcoef(topix, mean)[0, 1] < 0.985
    # Its range is that of an index, not of a name.
    bars = indices.wires(market)["topix"].rows(*EVER)
    wide = (bars["H"] / bars["L"]).log().mean()
    own = np.log(market.index[:, 1] / market.index[:, 2]).mean()
    assert 0.8 * own < wide < 1.6 * own
    assert (bars["H"] >= bars.select(pl.max_horizontal("O", "C")).to_series()).all()
    assert (bars["L"] <= bars.select(pl.min_horizontal("O", "C")).to_series()).all()
    ever = (segments_of(market).segment == PRIME).any(axis=0)
    for names, same in ((~ever, True), (ever, False)):
        moved = np.where(names & (np.arange(500)[:, np.newaxis] > 250), 2.0, 1.0)
        other = replace(market, close=market.close * moved)
        found = indices.index_levels(other).topix[:, 3] / indices.index_levels(market).topix[:, 3]
        assert (np.abs(found - 1) < 1e-4).all() == same


def test_style_indices_have_a_course_of_their_own(closes):
    log = np.log(closes.select("0000", "8100", "8200").to_numpy())
    move = log[20:] - log[:-20]
    relation = np.corrcoef(move[:, 1] - move[:, 2], move[:, 0])[0, 1]
    assert abs(relation) < 0.9
