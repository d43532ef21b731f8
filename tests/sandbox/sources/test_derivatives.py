from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.optimize import brentq
from scipy.stats import norm, spearmanr

from gogooku.core.wall import tokyo_instant
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.sandbox.market.market import MarketConfig, generate
from gogooku.sandbox.sources import derivatives
from gogooku.sandbox.sources.wire import VISIBLE, wire_schema

EVER = (date(2000, 1, 1), date(2040, 1, 1))
NUMBERS = ("Strike", "Settle", "Theo", "IV", "BaseVol", "UnderPx", "IR", "Vo", "OI", "Va")


def made(first, sessions):
    return generate(
        MarketConfig(
            num_stocks=40,
            num_sessions=sessions,
            seed=2,
            num_sectors=4,
            num_branches=0,
            first_session=first,
        )
    )


@pytest.fixture(scope="module")
def market():
    return made(date(2023, 5, 8), 300)


@pytest.fixture(scope="module")
def wires(market):
    return derivatives.wires(market)


@pytest.fixture(scope="module")
def board(wires):
    return wires["index_options"].rows(*EVER)


@pytest.fixture(scope="module")
def options(wires):
    return wires["options"].rows(*EVER)


def as_numbers(frame):
    years = pl.col("SQD").str.to_date() - pl.col("Date").str.to_date()
    names = [name for name in NUMBERS if name in frame.columns]
    return frame.with_columns(pl.col(name).cast(pl.Float64) for name in names).with_columns(
        years=years.dt.total_days() / 365
    )


@pytest.mark.parametrize("name", ["futures", "options", "index_options"])
def test_rows_have_the_endpoints_columns_keys_and_any_span_gives_the_same(wires, market, name):
    endpoint, first = ENDPOINTS[name], market.sessions[100].item()
    last = market.sessions[160].item()
    whole = wires[name].rows(first, last)
    assert dict(whole.schema) == wire_schema(endpoint)
    assert whole.null_count().sum_horizontal().item() == 0
    assert whole.unique(list(endpoint.key)).height == whole.height
    assert set(whole["Code"].str.len_chars()) == {9}
    days = [first + timedelta(days=step) for step in range((last - first).days + 1)]
    single = pl.concat([wires[name].rows(day, day) for day in days])
    assert single.equals(whole)
    again = derivatives.wires(generate(market.config))[name].rows(first, last)
    assert again.equals(whole)
    sunday = date(2023, 10, 1)
    assert wires[name].rows(sunday, sunday).height == 0


def test_rows_become_visible_at_three_in_the_next_morning(board):
    for text, visible in board.select("Date", VISIBLE).unique().iter_rows():
        expected = tokyo_instant(date.fromisoformat(text), 27 * 60).replace(tzinfo=None)
        assert visible == expected


def test_the_board_has_a_usual_size_and_second_friday_expiries(board):
    sizes = board.filter(pl.col("EmMrgnTrgDiv") == "002").group_by("Date").len()["len"]
    assert 250 < sizes.median() < 550
    expiries = board.select(
        "CM", sq=pl.col("SQD").str.to_date(), ltd=pl.col("LTD").str.to_date()
    ).unique()
    for month, settled, last in expiries.iter_rows():
        assert f"{settled:%Y-%m}" == month
        assert last < settled
        second = 8 <= settled.day <= 14 and settled.weekday() == 4
        assert second or (6 <= settled.day <= 13 and settled.weekday() == 3)
    assert (board["Date"] <= board["LTD"]).all()


def test_put_call_parity_holds_on_theory_and_on_settlement(board):
    frame = as_numbers(board.filter(pl.col("EmMrgnTrgDiv") == "002"))
    sides = [
        frame.filter(pl.col("PCDiv") == side).select(
            "Date", "CM", "Strike", "Theo", "Settle", "UnderPx", "IR", "years"
        )
        for side in ("2", "1")
    ]
    both = sides[0].join(sides[1], on=["Date", "CM", "Strike"], suffix="_put")
    assert both.height == frame.height // 2
    discount = (-(both["IR"] / 100) * both["years"]).exp()
    expected = both["UnderPx"] - both["Strike"] * discount
    assert ((both["Theo"] - both["Theo_put"] - expected).abs() < 0.01).all()
    settled = both.filter((pl.col("Settle") > 1) & (pl.col("Settle_put") > 1))
    gap = settled["Settle"] - settled["Settle_put"]
    target = expected.filter((both["Settle"] > 1) & (both["Settle_put"] > 1))
    assert ((gap - target).abs() <= 1.01).all()


def implied(row):
    """Volatility in percent that Black's formula needs for the settlement price."""
    years, rate = row["years"], row["IR"] / 100
    ahead, strike = row["UnderPx"] * np.exp(rate * years), row["Strike"]
    sign = 1 if row["PCDiv"] == "2" else -1

    def gap(volatility):
        spread = volatility * np.sqrt(years)
        upper = np.log(ahead / strike) / spread + spread / 2
        value = ahead * norm.cdf(sign * upper) - strike * norm.cdf(sign * (upper - spread))
        return np.exp(-rate * years) * sign * value - row["Settle"]

    return 100 * brentq(gap, 0.01, 3.0)


def test_the_smile_can_be_recovered_from_prices_and_slopes_down(board):
    day = board["Date"].unique().sort()[150]
    frame = as_numbers(board.filter((pl.col("Date") == day) & (pl.col("EmMrgnTrgDiv") == "002")))
    out = frame.filter(
        pl.when(pl.col("PCDiv") == "2")
        .then(pl.col("Strike") >= pl.col("UnderPx"))
        .otherwise(pl.col("Strike") < pl.col("UnderPx"))
    ).filter((pl.col("Settle") > 20) & (pl.col("years") > 0.03))
    assert out.height > 40
    for row in out.iter_rows(named=True):
        assert implied(row) == pytest.approx(row["IV"], abs=0.6)
    for _, one in out.group_by("CM"):
        curve = one.sort("Strike")
        assert curve["IV"][0] > curve["IV"][-1]


def test_volatility_follows_what_was_realised(board, market):
    frame = as_numbers(board).filter(pl.col("EmMrgnTrgDiv") == "002")
    near = frame.filter(pl.col("years") < 0.3).group_by("Date").agg(pl.col("BaseVol").mean())
    level = near.sort("Date")["BaseVol"].to_numpy()
    returns = np.diff(np.log(market.index[:, 3]), prepend=np.nan)
    past = np.array([np.nanstd(returns[max(row - 20, 0) : row + 1]) for row in range(5, 300)])
    later = np.array([np.nanstd(returns[row + 1 : row + 21]) for row in range(5, 270)])
    assert np.corrcoef(level[5:], past)[0, 1] > 0.75
    assert np.corrcoef(level[5:], past)[0, 1] > np.corrcoef(level[5:270], later)[0, 1]


def test_the_slope_and_the_skew_are_not_the_level(board):
    """Over time: half of what the slope does, at least, the level does not tell."""
    frame = as_numbers(board).filter(pl.col("EmMrgnTrgDiv") == "002")
    distance = (pl.col("Strike") / pl.col("UnderPx")).log()
    near, far = pl.col("years").is_between(0.04, 0.12), pl.col("years").is_between(0.14, 0.25)
    middle = distance.abs() < 0.02
    put = (pl.col("PCDiv") == "1") & distance.is_between(-0.12, -0.08)
    call = (pl.col("PCDiv") == "2") & distance.is_between(0.08, 0.12)
    days = frame.group_by("Date").agg(
        near=pl.col("IV").filter(near & middle).mean(),
        far=pl.col("IV").filter(far & middle).mean(),
        put=pl.col("IV").filter(near & put).mean(),
        call=pl.col("IV").filter(near & call).mean(),
    )
    days = days.drop_nulls().sort("Date")
    assert days.height > 150
    slope, skew = days["far"] - days["near"], days["put"] - days["call"]
    assert abs(spearmanr(slope, days["near"]).statistic) < 0.9
    assert abs(spearmanr(skew, days["near"]).statistic) < 0.9
    assert (skew > 0).mean() > 0.9


def test_only_the_first_trading_day_has_no_night_session(board, market):
    listed = board.filter(pl.col("Date") > str(market.sessions[0]))
    first = listed.group_by("Code", "CM").agg(pl.col("Date").min())
    empty = listed.filter(pl.col("EO") == "").select("Code", "CM", "Date").unique()
    known = board.filter(pl.col("Date") == str(market.sessions[0])).select("Code", "CM")
    new = first.join(known, on=["Code", "CM"], how="anti")
    assert new.height > 50
    assert set(new.select("Code", "CM", "Date").iter_rows()) == set(empty.iter_rows())


def test_strikes_once_listed_stay_until_expiry(board, market):
    place = {str(day): row for row, day in enumerate(market.sessions)}
    normal = board.filter(pl.col("EmMrgnTrgDiv") == "002")
    for (_, _, last), one in normal.group_by("Code", "CM", "LTD"):
        rows = sorted(place[day] for day in one["Date"])
        end = place.get(last, len(place) - 1)
        assert rows == list(range(rows[0], end + 1))


def test_bars_are_ordered_and_untraded_parts_are_zero(board):
    frame = board.with_columns(
        pl.col(name).replace("", "0").cast(pl.Float64)
        for name in ("O", "H", "L", "C", "EO", "EH", "EL", "AO", "AH", "AL", "AC", "Vo", "EC")
    )
    traded = frame.filter(pl.col("Vo") > 0)
    assert 0.5 < traded.height / frame.height < 1.0
    assert (frame.filter(pl.col("Vo") == 0)["H"] == 0).all()
    assert (traded["L"] > 0).all()
    for low, high in (("L", "H"), ("EL", "EH"), ("AL", "AH")):
        for price in (low[:-1] + "O", low[:-1] + "C"):
            assert (traded[low] <= traded[price]).all()
            assert (traded[price] <= traded[high]).all()
    assert (traded["H"] == traded.select(pl.max_horizontal("EH", "AH")).to_series()).all()


def test_every_category_is_there(options, wires):
    found = options.group_by("ProdCat").agg(
        pl.col("UndSSO").n_unique().alias("stocks"), pl.col("CM").first(), pl.len()
    )
    by_name = {row["ProdCat"]: row for row in found.iter_rows(named=True)}
    assert set(by_name) == {"NK225E", "TOPIXE", "JGBLFE", "EQOP", "NK225MWE"}
    assert by_name["EQOP"]["stocks"] == 5
    assert ((options["UndSSO"] == "-") == (options["ProdCat"] != "EQOP")).all()
    weekly = options.filter(pl.col("ProdCat") == "NK225MWE")
    assert (weekly["Date"] >= "2023-05-29").all()
    for month, settled in weekly.select("CM", "SQD").unique().iter_rows():
        year, week, _ = date.fromisoformat(settled).isocalendar()
        assert month == f"{year}-{week:02d}"
    futures = wires["futures"].rows(*EVER)
    assert {"NK225F", "NK225MF", "NK225MCF", "TOPIXF", "TOPIXMF", "JGBLF"} == set(
        futures["ProdCat"]
    )


def test_one_central_contract_per_future_and_a_small_basis(wires, market):
    futures = wires["futures"].rows(*EVER).filter(pl.col("EmMrgnTrgDiv") == "002")
    central = futures.filter(pl.col("CCMFlag") == "1")
    counted = central.group_by("Date", "ProdCat").len()
    assert (counted["len"] == 1).all()
    large = central.filter(pl.col("ProdCat") == "NK225F").sort("Date")
    assert large.height == len(market.sessions)
    ratio = large["Settle"].cast(pl.Float64).to_numpy() / (12 * market.index[:, 3])
    assert np.abs(ratio - 1).max() < 0.003
    volume = futures.with_columns(pl.col("Vo").cast(pl.Float64)).filter(
        pl.col("ProdCat") == "NK225F"
    )
    most = volume.group_by("CCMFlag").agg(pl.col("Vo").mean()).sort("CCMFlag")["Vo"]
    assert most[1] > 2 * most[0]


def test_emergency_rows_only_on_large_moves(options, market):
    close = market.index[:, 3]
    before = np.concatenate([[np.nan], close[:-1]])
    moves = dict(zip(market.sessions.astype(str).tolist(), np.abs(close / before - 1), strict=True))
    marked = options.filter(pl.col("EmMrgnTrgDiv") == "001")
    expected = {day for day, move in moves.items() if move >= derivatives.EMERGENCY_MOVE}
    assert set(marked["Date"]) == expected
    assert expected
    both = marked.join(options.filter(pl.col("EmMrgnTrgDiv") == "002"), on=["Date", "Code"])
    assert both.height == marked.height
    assert (both["Vo"] == both["Vo_right"]).all()
    assert (both["Settle"] != both["Settle_right"]).any()


def test_settlement_columns_begin_in_july_2016():
    wires = derivatives.wires(made(date(2016, 6, 20), 40))
    for name in ("futures", "index_options", "options"):
        frame = wires[name].rows(*EVER)
        new = frame["Date"] >= "2016-07-19"
        assert new.any()
        assert not new.all()
        for column in {"VoOA", "Settle", "LTD", "SQD", "CCMFlag"} & set(frame.columns):
            assert ((frame[column] != "") == new).all()


def test_stock_options_follow_their_stock_through_a_split():
    market = generate(
        MarketConfig(
            num_stocks=40, num_sessions=400, seed=7, num_sectors=4, num_branches=0, quirk_rate=5.0
        )
    )
    frame = as_numbers(derivatives.wires(market)["options"].rows(*EVER)).filter(
        pl.col("ProdCat") == "EQOP"
    )
    row_of = {str(day): row for row, day in enumerate(market.sessions)}
    shown = frame.select("Date", "UndSSO", "UnderPx").unique()
    split = False
    for day, code, price in shown.iter_rows():
        row, name = row_of[day], market.codes.index(code)
        split |= market.adjustment_factor[row, name] != 1.0
        if not np.isnan(market.close[row, name]):
            assert price == pytest.approx(market.close[row, name], rel=1e-4)
    distance = (frame["Strike"] / frame["UnderPx"]).log().abs()
    assert distance.quantile(0.99) < 0.6
    assert split


def test_lists_know_nothing_of_later_prices(wires, market):
    cut = 150
    noise = np.ones(len(market.sessions))
    rng = np.random.default_rng(0)
    noise[cut + 1 :] = np.exp(0.1 * rng.standard_normal(len(noise) - cut - 1).cumsum())
    wide = noise[:, np.newaxis]
    bars = {name: getattr(market, name) * wide for name in ("open_", "high", "low", "close")}
    garbled = derivatives.wires(replace(market, index=market.index * wide, **bars))
    first, until = market.sessions[100].item(), market.sessions[cut].item()
    after = market.sessions[cut + 1].item()
    for name, wire in wires.items():
        assert wire.rows(first, until).equals(garbled[name].rows(first, until))
        assert not wire.rows(after, after).equals(garbled[name].rows(after, after))
