import time
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from gogooku.core.calendar import is_tokyo_session
from gogooku.core.wall import JST
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.sandbox.market.market import SECTORS, MarketConfig, generate
from gogooku.sandbox.sources import listings, prices
from gogooku.sandbox.sources.segments import segments_of
from gogooku.sandbox.sources.wire import VISIBLE, wire_schema

SPAN = (date(2021, 11, 1), date(2022, 6, 30))
NAMES = ("calendar", "master", "quotes", "morning", "topix", "indices")


@pytest.fixture(scope="module")
def quotes(wires):
    return wires["quotes"].rows(date(2020, 8, 1), date(2027, 12, 31))


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_typed_sorted_unique_and_the_same_for_every_span(wires, name):
    endpoint, wire = ENDPOINTS[name], wires[name]
    whole = wire.rows(*SPAN)
    assert dict(whole.schema) == wire_schema(endpoint)
    assert list(whole.columns) == [*endpoint.columns, VISIBLE]
    assert whole.equals(whole.sort(endpoint.key))
    assert not whole.select(endpoint.key).is_duplicated().any()
    assert whole[VISIBLE].null_count() == 0
    part = wire.rows(date(2022, 3, 28), date(2022, 4, 8))
    inside = pl.col("Date").is_between(pl.lit("2022-03-28"), pl.lit("2022-04-08"))
    assert part.equals(whole.filter(inside))
    assert wire.rows(date(1999, 1, 1), date(1999, 12, 31)).schema == whole.schema
    assert wire.rows(date(1999, 1, 1), date(1999, 12, 31)).is_empty()


def test_the_calendar_knows_sessions_and_holiday_trading(wires):
    rows = wires["calendar"].rows(date(2000, 1, 1), date(2050, 1, 1))
    assert (rows["Date"][0], rows["Date"][-1]) == ("2008-01-01", "2028-12-31")
    divisions = dict(zip(rows["Date"], rows["HolDiv"], strict=True))
    for text, division in divisions.items():
        day = date.fromisoformat(text)
        assert (division == "1") == is_tokyo_session(day)
    assert divisions["2022-09-19"] == "0"
    assert divisions["2022-09-23"] == "3"
    assert divisions["2026-11-03"] == "3"
    assert divisions["2026-01-01"] == "0"
    assert divisions["2026-10-31"] == "0"
    (seen,) = rows.filter(pl.col("Date").str.starts_with("2027"))[VISIBLE].unique()
    assert seen == datetime(2026, 3, 30, 15)


def test_the_list_has_every_listed_name_and_the_funds(wires, exchange_market):
    market = exchange_market
    rows = wires["master"].rows(*SPAN)
    funds = listings.fund_issues(market)
    assert {fund.product for fund in funds} == {"011", "013", "014"}
    assert not {fund.code for fund in funds} & set(market.codes)
    by_day = rows.group_by("Date").agg("Code").sort("Date")
    for day, codes in by_day.iter_rows():
        row = int(np.searchsorted(market.sessions, np.datetime64(day)))
        names = {market.codes[i] for i in np.flatnonzero(market.listed[row])}
        assert set(codes) == names | {fund.code for fund in funds}
    before = rows.filter(pl.col("Date") == "2022-04-01")
    after = rows.filter(pl.col("Date") == "2022-04-04")
    assert set(before["Mkt"]) <= {"0101", "0102", "0104", "0105", "0106", "0107", "0109"}
    assert {"0101", "0102", "0104", "0105", "0106", "0107", "0109"} <= set(before["Mkt"])
    assert set(after["Mkt"]) == {"0105", "0109", "0111", "0112", "0113"}
    row = int(np.searchsorted(market.sessions, np.datetime64("2022-04-04")))
    places = dict(zip(market.codes, segments_of(market).segment[row], strict=True))
    for code, segment in after.filter(pl.col("Mkt") > "0110").select("Code", "Mkt").iter_rows():
        assert segment == ("0111", "0112", "0113")[places[code]]
    name = after.filter(pl.col("Code") == market.codes[0]).row(0, named=True)
    assert name["CoName"] == f"サンドボックス {market.codes[0][:4]}"
    assert name["S33Nm"] == listings.SECTOR33[name["S33"]][0]
    assert set(rows["ScaleCat"]) >= {"TOPIX Core30", "TOPIX Small 1", "-"}
    # A list is out at 17:30 of the session before.
    (seen,) = after[VISIBLE].unique()
    assert seen == datetime(2022, 4, 1, 8, 30)


def test_bars_are_the_markets(wires, exchange_market, quotes):
    market = exchange_market
    names = {"O": "open_", "H": "high", "L": "low", "C": "close", "Vo": "volume_shares"}
    names |= {"Va": "turnover_value", "AdjFactor": "adjustment_factor"}
    own = quotes.filter(pl.col("Code").is_in(market.codes))
    assert own.height == market.listed.sum()
    rows = np.searchsorted(market.sessions, own["Date"].to_numpy().astype("datetime64[D]"))
    place = np.searchsorted(np.array(market.codes), own["Code"].to_numpy())
    for column, field in names.items():
        values = getattr(market, field)[rows, place]
        assert np.array_equal(own[column].to_numpy(), values, equal_nan=True)
    assert np.array_equal(own["UL"].to_numpy() == "1", market.limit_up[rows, place])
    halt = quotes.filter(pl.col("Date") == "2020-10-01")
    prices_ = halt.select("O", "H", "L", "C", "Vo", "Va", "AdjC", "MO", "AC", "AVo", "MktCap")
    assert prices_.null_count().row(0) == (halt.height,) * prices_.width
    assert halt["AdjFactor"].null_count() == 0


def test_halves_make_the_day(quotes):
    traded = quotes.filter(pl.col("C").is_not_null())
    tick = pl.col("O") * 10
    assert traded.select((tick - tick.round()).abs().max()).item() < 1e-6
    for holds in (
        pl.col("MO") == pl.col("O"),
        pl.col("AC") == pl.col("C"),
        pl.max_horizontal("MH", "AH") == pl.col("H"),
        pl.min_horizontal("ML", "AL") == pl.col("L"),
        pl.col("MVo") + pl.col("AVo") == pl.col("Vo"),
        (pl.col("MVa") + pl.col("AVa") - pl.col("Va")).abs() < 1e-3,
        (pl.col("MVo") > 0) & (pl.col("AVo") >= 0),
        *(
            (pl.col(f"{half}L") <= pl.min_horizontal(f"{half}O", f"{half}C"))
            & (pl.col(f"{half}H") >= pl.max_horizontal(f"{half}O", f"{half}C"))
            for half in "MA"
        ),
        (pl.col("UL") == "0") | (pl.col("MUL") == "1") | (pl.col("AUL") == "1"),
    ):
        assert traded.select(holds.all()).item(), holds
    first = traded.select((pl.col("MH") == pl.col("H")).mean()).item()
    assert 0.2 < first < 0.8


def test_morning_bars_are_those_of_the_daily_row(wires):
    columns = ("Date", "Code", "MO", "MH", "ML", "MC", "MVo", "MVa")
    assert (
        wires["morning"]
        .rows(*SPAN)
        .select(columns)
        .equals(wires["quotes"].rows(*SPAN).select(columns))
    )


def test_adjusted_values_are_backward_from_all_known_factors(wires, quotes):
    splits = quotes.filter(pl.col("AdjFactor") != 1.0)
    assert splits.height >= 6
    for code in splits["Code"].unique():
        own = quotes.filter(pl.col("Code") == code).sort("Date")
        factor = own["AdjFactor"].to_numpy()
        product = np.append(np.cumprod(factor[::-1])[::-1][1:], 1.0)
        for raw, adjusted in (("C", "AdjC"), ("MH", "MAdjH"), ("AO", "AAdjO")):
            expected = np.round(own[raw].to_numpy() * product, 1)
            assert np.allclose(own[adjusted].to_numpy(), expected, equal_nan=True)
        volume = np.round(own["Vo"].to_numpy() / product, 1)
        assert np.allclose(own["AdjVo"].to_numpy(), volume, equal_nan=True)
        assert own.filter(pl.col("AdjFactor") < 1)["ExRT"].unique().to_list() in ([], ["1"])
        assert own.filter(pl.col("AdjFactor") > 1)["ExRT"].unique().to_list() in ([], ["2"])
    assert quotes.filter(pl.col("AdjFactor") == 1.0)["ExRT"].null_count() == (
        quotes.height - splits.height
    )


def test_a_split_restates_at_its_own_bars_only(wires, quotes):
    split = quotes.filter(pl.col("AdjFactor") != 1.0).sort("Date").row(0, named=True)
    at = datetime.fromisoformat(f"{split['Date']}T16:30+09:00")
    span = (at.date() - timedelta(days=20), at.date() - timedelta(days=1))
    early = wires["quotes"].rows_known(*span, known=at - timedelta(seconds=1))
    late = wires["quotes"].rows_known(*span, known=at)
    own = pl.col("Code") == split["Code"]
    assert (early.filter(own)["AdjC"] == early.filter(own)["C"]).all()
    assert not (late.filter(own)["AdjC"] == late.filter(own)["C"]).any()
    assert early.filter(~own).equals(late.filter(~own))
    assert wires["quotes"].restated_at(at) == at.astimezone(UTC)
    assert wires["quotes"].restated_at(at - timedelta(seconds=1)) is None


def test_market_value_is_that_of_the_shares(quotes, exchange_market):
    """It moves with the price, not with a split, and is null for funds of the index."""
    split = quotes.filter(pl.col("ExRT").is_not_null()).row(0, named=True)
    own = quotes.filter((pl.col("Code") == split["Code"]) & pl.col("C").is_not_null()).sort("Date")
    place = own["Date"].to_list().index(split["Date"])
    before, after = own.row(place - 1, named=True), own.row(place, named=True)
    moved = after["C"] / (before["C"] * split["AdjFactor"])
    assert after["MktCap"] / before["MktCap"] == pytest.approx(moved, rel=0.01)
    kinds = {fund.code: fund.product for fund in listings.fund_issues(exchange_market)}
    for code, kind in kinds.items():
        values = quotes.filter((pl.col("Code") == code) & pl.col("C").is_not_null())["MktCap"]
        assert values.is_null().all() == (kind == "014")


def test_quotes_and_valuation_agree_on_market_value(wires, quotes):
    valuation = wires["valuation"].rows(*SPAN).select("Date", "Code", "MktCap")
    both = quotes.filter(pl.col("C").is_not_null()).join(
        valuation, on=("Date", "Code"), suffix="_v"
    )
    assert both.height > 5_000
    difference = (both["MktCap"] - both["MktCap_v"]).abs()
    assert difference.max() <= 1.0


def test_indices_are_the_index_the_sectors_and_the_segments(wires):
    rows = wires["indices"].rows(date(2020, 8, 1), date(2027, 12, 31))
    topix = wires["topix"].rows(date(2020, 8, 1), date(2027, 12, 31))
    whole = rows.filter(pl.col("Code") == "0000").drop("Code")
    assert whole.equals(topix)
    codes = set(rows["Code"])
    assert {f"{0x40 + i:04X}" for i in range(33)} <= codes
    assert {"0000", "0500", "0501", "0502"} <= codes
    assert rows.filter(pl.col("Code") == "0500")["Date"].min() == "2022-04-04"
    assert rows.filter(pl.col("O").is_null())["Code"].unique().sort().to_list() == ["8100", "8200"]
    bars = rows.drop_nulls()
    assert (bars["L"] <= bars["O"] + 0.011).all()
    assert (bars["H"] + 0.011 >= bars["C"]).all()
    halted = rows.filter(pl.col("Date").is_in(["2020-09-30", "2020-10-01"])).drop_nulls()
    for _, pair in halted.sort("Date").group_by("Code"):
        close = pair["C"][0]
        assert pair.row(1)[2:6] == (close,) * 4


def test_a_sector_index_is_the_mean_of_its_members(wires, exchange_market):
    market = exchange_market
    sector = market.sector[0]
    members = np.array(market.sector) == sector
    rows = wires["indices"].rows(date(2020, 8, 1), date(2021, 3, 31))
    told = rows.filter(pl.col("Code") == f"{0x40 + SECTORS.index(sector):04X}")["C"].to_numpy()
    level, last = 1_000.0, np.full(members.sum(), np.nan)
    for row in range(len(told)):
        last *= np.nan_to_num(market.adjustment_factor[row, members], nan=1.0)
        moves = market.close[row, members] / last
        if np.isfinite(moves).any():
            level *= np.nanmean(moves)
        last = np.where(np.isfinite(market.close[row, members]), market.close[row, members], last)
        assert told[row] == pytest.approx(level, rel=1e-4)


def test_a_month_of_the_whole_market_is_quick():
    """4,400 names: less than a second even on a busy machine; 0.3 s on a quiet one."""
    config = MarketConfig(num_stocks=4_400, num_sessions=22, seed=1, num_branches=0)
    wire = prices.wires(generate(config))["quotes"]
    span = (date(2021, 1, 1), date(2021, 2, 28))
    wire.rows(*span)
    begun = time.process_time()
    rows = wire.rows(*span)
    assert time.process_time() - begun < 2.0
    assert rows.height > 90_000


def test_instants_are_of_tokyo(wires):
    rows = wires["topix"].rows(date(2026, 10, 30), date(2026, 10, 30))
    seen = rows[VISIBLE][0].replace(tzinfo=UTC).astimezone(JST)
    assert seen == datetime(2026, 10, 30, 16, 30, tzinfo=JST)
