from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from gogooku.core.wall import tokyo_instant
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.sandbox.market.market import MarketConfig, generate
from gogooku.sandbox.sources import listings, statements, valuation
from gogooku.sandbox.sources.companies import days_of, issued_shares, standing_close
from gogooku.sandbox.sources.wire import VISIBLE, wire_schema

EVER = (date(2000, 1, 1), date(2040, 1, 1))


@pytest.fixture(scope="module")
def market():
    return generate(
        MarketConfig(num_stocks=60, num_sessions=760, seed=8, num_sectors=6, num_branches=0)
    )


@pytest.fixture(scope="module")
def wire(market):
    return valuation.wires(market)["valuation"]


@pytest.fixture(scope="module")
def values(wire):
    return wire.rows(*EVER)


@pytest.fixture(scope="module")
def summary(market):
    return statements.wires(market)["statements"].rows(*EVER).sort("DiscNo")


def test_one_row_per_listed_issue_and_session_visible_the_next(values, market):
    assert dict(values.schema) == wire_schema(ENDPOINTS["valuation"])
    companies = values.filter(pl.col("Code").is_in(market.codes))
    rows, names = np.nonzero(market.listed)
    expected = {
        (str(market.sessions[row]), market.codes[name])
        for row, name in zip(rows, names, strict=True)
    }
    assert set(companies.select("Date", "Code").iter_rows()) == expected
    assert companies.height == len(expected)
    issues = listings.wires(market)["master"].rows(*EVER).select("Date", "Code")
    assert values.select("Date", "Code").sort("Date", "Code").equals(issues.sort("Date", "Code"))
    funds = values.filter(~pl.col("Code").is_in(market.codes))
    assert funds.height > 0
    assert funds.drop("Date", "Code", VISIBLE).null_count().sum_horizontal()[0] == 9 * funds.height
    sessions = days_of(market).sessions
    for text, visible in values.select("Date", VISIBLE).unique().iter_rows():
        following = sessions[np.searchsorted(sessions, np.datetime64(text), side="right")].item()
        assert visible == tokyo_instant(following, 16 * 60).replace(tzinfo=None)


def test_any_span_gives_the_same_rows(wire, values):
    cut = date(2022, 3, 3)
    parts = [wire.rows(EVER[0], cut), wire.rows(cut + timedelta(days=1), EVER[1])]
    assert pl.concat(parts).sort("Date", "Code").equals(values.sort("Date", "Code"))
    assert wire.rows(date(2021, 5, 1), date(2021, 5, 5)).height == 0


class Naive:
    """What a reader of the documents knows of one company, document by document."""

    def __init__(self):
        self.profit, self.forecast, self.equity, self.newest = {}, None, None, None
        self.basis = None

    def read(self, row):
        text = row["FNP"] or row["NxFNp"]
        if text:
            self.forecast = float(text)
        if not row["NP"]:
            return
        self.newest = (row["CurFYEn"], row["CurPerType"])
        self.profit[self.newest] = float(row["NP"])
        self.equity = float(row["ShEq"])

    def four_quarters(self):
        if self.newest is None:
            return None
        year, quarter = self.newest
        if quarter == "FY":
            return self.profit[self.newest]
        past = [key for key in self.profit if key[0][:4] == str(int(year[:4]) - 1)]
        known = {key[1]: self.profit[key] for key in past}
        if "FY" not in known or quarter not in known:
            return None
        return known["FY"] + self.profit[self.newest] - known[quarter]


def test_values_are_those_of_a_slow_reading_of_earlier_documents(values, summary, market):
    """From the second year on every document that matters is on the wire."""
    shares, close = issued_shares(market), standing_close(market)
    split = np.nanmin(np.where(market.listed, market.adjustment_factor, 1.0), axis=0) < 1
    late = ~market.listed[0]
    chosen = {*np.flatnonzero(split)[:2], *np.flatnonzero(late)[:2], 5, 11, 23, 42}
    checked = unknown = 0
    for name in sorted(int(one) for one in chosen):
        code, company = market.codes[name], Naive()
        documents = list(summary.filter(pl.col("Code") == code).iter_rows(named=True))
        treasury = [
            float(row["TrShFY"]) / float(row["ShOutFY"]) for row in documents if row["ShOutFY"]
        ]
        rows = {row["Date"]: row for row in values.filter(pl.col("Code") == code).to_dicts()}
        for place, day in enumerate(market.sessions):
            while documents and documents[0]["DiscDate"] < str(day):
                company.read(documents.pop(0))
            if str(day) not in rows or (place < 500 and not late[name]):
                continue
            found = rows[str(day)]
            four = company.four_quarters()
            assert (found["EPS"] is None) == (four is None)
            assert (found["FwdEPS"] is None) == (company.forecast is None)
            assert found["MktCap"] == round(close[place, name] * shares[place, name] / 1e6)
            unknown += four is None
            if four is None:
                continue
            net = shares[place, name] * (1 - treasury[0])
            checked += 1
            assert found["EPS"] == pytest.approx(four / net, rel=1e-5, abs=0.0051)
            assert found["FwdEPS"] == pytest.approx(company.forecast / net, rel=1e-5, abs=0.0051)
            assert found["BPS"] == pytest.approx(company.equity / net, rel=1e-5, abs=0.0051)
            assert found["ROE"] == pytest.approx(four / company.equity, abs=5.1e-5)
            assert found["FwdROE"] == pytest.approx(company.forecast / company.equity, abs=5.1e-5)
            if four > 0:
                ratio = close[place, name] / (four / net)
                assert found["PER"] == pytest.approx(ratio, rel=1e-5, abs=0.0051)
            else:
                assert found["PER"] is None
    assert checked > 1_000
    assert unknown > 20


def test_most_names_are_known_from_the_first_session(values, market):
    first = values.filter(
        (pl.col("Date") == str(market.sessions[0])) & pl.col("Code").is_in(market.codes)
    )
    assert first["EPS"].null_count() <= 0.1 * first.height
    assert first["PBR"].median() == pytest.approx(1.0, abs=0.5)


def test_without_a_trade_the_base_price_counts(values, market):
    rows, names = np.nonzero(market.listed & np.isnan(market.close))
    shown = values.select("Date", "Code", "MktCap")
    assert len(rows)
    for row, name in list(zip(rows, names, strict=True))[:20]:
        own = shown.filter(
            (pl.col("Date") == str(market.sessions[row])) & (pl.col("Code") == market.codes[name])
        )
        before = market.close[:row, name]
        assert own["MktCap"].is_null().item() == bool(np.isnan(before).all())


def test_values_know_nothing_of_later_prices(wire, market):
    cut = 500
    noise = np.ones_like(market.close)
    noise[cut + 1 :] = np.exp(np.random.default_rng(0).standard_normal(noise[cut + 1 :].shape))
    factor = np.where(noise > 12, 0.5, market.adjustment_factor)
    other = replace(market, close=market.close * noise, adjustment_factor=factor)
    garbled = valuation.wires(other)["valuation"]
    until, after = market.sessions[cut].item(), market.sessions[cut + 1].item()
    assert wire.rows(EVER[0], until).equals(garbled.rows(EVER[0], until))
    assert not wire.rows(after, EVER[1]).equals(garbled.rows(after, EVER[1]))
