import json
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from gogooku.core.wall import tokyo_instant
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.sandbox.market.market import generate
from gogooku.sandbox.sources import dividends, earnings, listings, statements
from gogooku.sandbox.sources.companies import days_of, split_product
from gogooku.sandbox.sources.wire import VISIBLE, wire_schema

EVER = (date(2000, 1, 1), date(2040, 1, 1))


@pytest.fixture(scope="module")
def market(firm_market):
    return firm_market


@pytest.fixture(scope="module")
def wires(market):
    return statements.wires(market) | dividends.wires(market) | earnings.wires(market)


@pytest.fixture(scope="module")
def summary(wires):
    return wires["statements"].rows(*EVER)


@pytest.fixture(scope="module")
def results(summary):
    """Results documents with their numbers."""
    numbers = "Sales OP NP EPS TA Eq EqAR CFO CFI CFF CashEq ShEq ShOutFY TrShFY AvgSh FNP NxFNp"
    frame = summary.filter(pl.col("DocType").str.contains("FinancialStatements"))
    return frame.with_columns(
        pl.col(name).replace("", None).cast(pl.Float64).alias(name) for name in numbers.split()
    ).sort("DiscNo")


def originals(results):
    """The first document of each period."""
    return results.unique(["Code", "CurPerEn"], keep="first", maintain_order=True)


@pytest.mark.parametrize(
    "name",
    ["statements", "statement_details", "dividends", "earnings_dates", "earnings_calendar"],
)
def test_rows_have_the_endpoints_columns_keys_and_any_span_gives_the_same(wires, market, name):
    whole = wires[name].rows(*EVER)
    endpoint = ENDPOINTS[name]
    assert whole.height > 100
    assert dict(whole.schema) == wire_schema(endpoint)
    assert whole.null_count().sum_horizontal().item() == 0
    assert whole.unique(list(endpoint.key)).height == whole.height
    cut = date(2023, 5, 12)
    parts = [
        wires[name].rows(EVER[0], cut),
        wires[name].rows(cut + timedelta(days=1), EVER[1]),
    ]
    order = [endpoint.axis, *endpoint.key]
    assert pl.concat(parts).sort(order).equals(whole.sort(order))
    assert wires[name].rows(date(2001, 1, 1), date(2001, 2, 1)).schema == whole.schema
    again = generate(market.config)
    module = {"dividends": dividends, "earnings_dates": earnings, "earnings_calendar": earnings}
    other = module.get(name, statements).wires(again)[name].rows(*EVER)
    assert other.equals(whole)


def test_documents_are_numbered_in_the_order_of_their_instants(summary):
    ordered = summary.sort("DiscNo")
    moments = ordered["DiscDate"] + ordered["DiscTime"]
    assert moments.is_sorted()
    assert ordered["DiscNo"].n_unique() == ordered.height
    assert set(ordered["DiscNo"].str.len_chars()) == {14}


def test_documents_become_visible_at_the_flash_or_after_midnight(summary):
    seen = set()
    for row in summary.iter_rows(named=True):
        hour, minute, _ = map(int, row["DiscTime"].split(":"))
        late = hour * 60 + minute > 17 * 60 + 30
        day = date.fromisoformat(row["DiscDate"])
        expected = tokyo_instant(day, 24 * 60 + 30 if late else 18 * 60).replace(tzinfo=None)
        assert row[VISIBLE] == expected
        seen.add(late)
    assert seen == {True, False}


def test_documents_appear_only_while_the_name_is_listed(summary, market):
    row_of = {str(day): row for row, day in enumerate(market.sessions)}
    for code, day in summary.select("Code", "DiscDate").iter_rows():
        assert market.listed[row_of[day], market.codes.index(code)]


def test_flows_cumulate_within_a_fiscal_year(results):
    frame = originals(results).sort("Code", "CurPerEn")
    before = frame.with_columns(
        pl.col("Sales", "NP", "FNP").shift(1).over("Code", "CurFYEn").name.suffix("_before")
    ).drop_nulls("Sales_before")
    assert before.height > 200
    assert (before["Sales"] > before["Sales_before"]).all()
    positive = before.filter((pl.col("FNP_before") > 0) & (pl.col("NP_before") > 0))
    corrected = results.filter(results.select("Code", "CurPerEn").is_duplicated())
    clean = positive.join(corrected, on=["Code", "CurFYEn"], how="anti")
    assert clean.height > 150
    assert (clean["NP"] >= clean["NP_before"]).all()


def test_ratios_and_cash_agree_with_the_amounts(results):
    eps = results["NP"] / results["AvgSh"]
    assert ((results["EPS"] - eps).abs() <= 0.0051).all()
    assert (results["AvgSh"] == results["ShOutFY"] - results["TrShFY"]).all()
    assert ((results["EqAR"] - results["ShEq"] / results["TA"]).abs() <= 0.00051).all()
    assert (results["TA"] > results["Eq"]).all()
    assert (results["Eq"] >= results["ShEq"]).all()
    full = originals(results).filter(pl.col("CurPerType") == "FY").sort("Code", "CurPerEn")
    change = full.with_columns(before=pl.col("CashEq").shift(1).over("Code")).drop_nulls("before")
    flows = change["CFO"] + change["CFI"] + change["CFF"]
    assert change.height > 60
    assert ((change["CashEq"] - change["before"] - flows).abs() < 1.0).all()


def test_columns_are_filled_where_the_specification_says(summary, results):
    by_type = results["CurPerType"]
    assert (results["CashEq"].is_not_null() == by_type.is_in(["2Q", "FY"])).all()
    assert (results["FNP"].is_null() == (by_type == "FY")).all()
    assert (results["NxFNp"].is_not_null() == (by_type == "FY")).all()
    for name in ("BPS", "ROE", "DivFY", "DivAnn", "NxtFYEn"):
        assert ((results[name] != "") == (by_type == "FY")).all()
    ifrs = results["DocType"].str.ends_with("_JP").not_()
    assert ifrs.any()
    assert ((results["OdP"] == "") == ifrs).all()
    new = results["DiscDate"] >= "2024-07-22"
    assert new.any()
    assert ((results["SigChgInC"] != "") == new).all()
    assert ((results["MatChgSub"] == "") == new).all()
    revision = summary.filter(pl.col("DocType") == "EarnForecastRevision")
    filled = {name for name in revision.columns[:-1] if (revision[name] != "").any()}
    heads = "DiscDate DiscTime Code DiscNo DocType CurPerType CurPerSt CurPerEn CurFYSt CurFYEn"
    assert filled == {*heads.split(), "FSales", "FOP", "FOdP", "FNP", "FEPS"}


def test_share_counts_follow_splits(results, market):
    product = split_product(market)
    row_of = {str(day): row for row, day in enumerate(market.sessions)}
    moved = 0
    for (code,), frame in results.group_by("Code"):
        rows = [row_of[day] for day in frame["DiscDate"]]
        basis = frame["ShOutFY"].to_numpy() * product[rows, market.codes.index(code)]
        assert np.allclose(basis, basis[0], rtol=1e-6)
        moved += frame["ShOutFY"].n_unique() > 1
    assert moved


def forecasts_in_order(summary):
    """(code, revision row, forecast before, forecast after) of every revision with a past."""
    found, standing = [], {}
    for row in summary.sort("DiscNo").iter_rows(named=True):
        text = row["FNP"] or row["NxFNp"]
        if not text:
            continue
        if row["DocType"] == "EarnForecastRevision" and row["Code"] in standing:
            found.append((row, standing[row["Code"]], float(text)))
        standing[row["Code"]] = float(text)
    return found


def test_revisions_carry_the_driver_and_its_hour(summary, market):
    events = market.drivers.revisions
    sizes = {
        (market.codes[stock], str(market.sessions[row])): (size, late)
        for row, stock, size, late in zip(
            events.row, events.stock, events.size, events.late, strict=True
        )
    }
    documents = summary.filter(pl.col("DocType") == "EarnForecastRevision")
    assert documents.height == len(sizes)
    pairs = []
    for row, before, after in forecasts_in_order(summary):
        size, late = sizes[row["Code"], row["DiscDate"]]
        assert ("17:30:00" < row["DiscTime"] <= "22:00:00") == late
        pairs.append((size, (after - before) / abs(before)))
    size, change = np.array(pairs).T
    assert len(size) > 150
    assert np.corrcoef(size, np.clip(change, -0.3, 0.3))[0, 1] > 0.95
    assert np.isclose(np.median(change / size), 0.08, atol=0.004)


def test_a_revision_moves_each_item_in_its_own_way(summary):
    """Items move together, none is a copy of another, and sales move least."""
    names = ("Sales", "OP", "OdP", "NP")
    standing, moves = {}, []
    for row in summary.sort("DiscNo").iter_rows(named=True):
        texts = [
            row[f"F{name}"] or row["NxFNp" if name == "NP" else f"NxF{name}"] for name in names
        ]
        if not all(texts):
            continue
        values = np.array([float(text) for text in texts])
        if row["DocType"] == "EarnForecastRevision" and row["Code"] in standing:
            before = standing[row["Code"]]
            if (before > 0).all():
                moves.append(values / before - 1)
        standing[row["Code"]] = values
    moved = np.array(moves)
    assert len(moved) > 100
    relation = spearmanr(moved).statistic[np.triu_indices(4, 1)]
    assert (relation > 0.8).all()
    assert (relation < 0.985).all()
    assert moved[:, 0].std() < 0.6 * moved[:, 1:].std(axis=0).min()


def test_margins_are_no_copies_of_each_other(results):
    full = originals(results).filter((pl.col("CurPerType") == "FY") & (pl.col("NP") > 0))
    operating, net = full["OP"] / full["Sales"], full["NP"] / full["Sales"]
    assert 0.75 < spearmanr(operating, net).statistic < 0.97
    share = (full["NP"] / full["OP"]).to_numpy()
    assert 0.6 < np.median(share) < 0.8
    assert np.quantile(share, 0.02) > 0.3
    assert np.quantile(share, 0.98) < 1.4


def test_rare_notes_are_true_now_and_then(results):
    for name in ("ChgNoASRev", "ChgAcEst", "RetroRst"):
        assert 0.0 < (results[name] == "true").mean() < 0.03


def test_quarters_after_a_revision_continue_from_it(summary):
    standing = {}
    checked = 0
    for row in summary.sort("DiscNo").iter_rows(named=True):
        if row["DocType"] == "EarnForecastRevision":
            standing[row["Code"]] = row["FNP"]
        elif row["NxFNp"]:
            standing.pop(row["Code"], None)
        elif row["FNP"] and row["Code"] in standing:
            assert row["FNP"] == standing[row["Code"]]
            checked += 1
    assert checked > 50


def test_earnings_yield_is_plausible_and_some_lose_money(results, market):
    full = originals(results).filter(pl.col("CurPerType") == "FY")
    row_of = {str(day): row for row, day in enumerate(market.sessions)}
    names = [market.codes.index(code) for code in full["Code"]]
    close = market.close[[row_of[day] for day in full["DiscDate"]], names]
    cap = close * full["ShOutFY"].to_numpy()
    earnings_yield = full["NP"].to_numpy() / cap
    assert 0.02 < np.nanmedian(earnings_yield) < 0.12
    assert 0.0 < np.mean(earnings_yield < 0) < 0.3
    turnover = np.nanmedian(market.turnover_value) / np.nanmedian(cap)
    assert 0.001 < turnover < 0.01


def test_details_repeat_the_summary(wires, results):
    details = wires["statement_details"].rows(*EVER)
    assert set(details["DiscNo"]) == set(results["DiscNo"])
    both = details.join(results, on="DiscNo")
    for row in both.iter_rows(named=True):
        held = json.loads(row["FS"])
        ifrs = row["DocType"].endswith("_IFRS")
        assert all(isinstance(value, str) for value in held.values())
        assert float(held["Assets (IFRS)" if ifrs else "Assets"]) == row["TA"]
        assert float(held["Revenue (IFRS)" if ifrs else "Net sales"]) == row["Sales"]
        assert ("Ordinary profit (loss)" in held) == row["DocType"].endswith("_JP") or not ifrs


def test_decided_dividends_are_those_of_the_statements(wires, results, summary):
    paid = (
        wires["dividends"]
        .rows(*EVER)
        .filter((pl.col("FRCode") == "1") & (pl.col("StatCode") == "1"))
    )
    assert set(paid["IFCode"]) == {"1", "2"}
    full = originals(results).filter(pl.col("CurPerType") == "FY")
    final = paid.filter(pl.col("IFCode") == "2").join(
        full.with_columns(RecDate=pl.col("CurFYEn")), on=["Code", "RecDate"]
    )
    assert final.height == full.height
    assert (final["DivRate"] == final["DivFY"]).all()
    assert (final["PubDate"] == final["DiscDate"]).all()
    half = originals(results).filter(pl.col("CurPerType") == "2Q")
    interim = paid.filter(pl.col("IFCode") == "1").join(
        half.with_columns(RecDate=pl.col("CurPerEn")), on=["Code", "RecDate"]
    )
    assert interim.height > 50
    assert (interim["DivRate"] == interim["Div2Q"]).all()


def test_dividend_dates_marks_and_links(wires, market):
    frame = wires["dividends"].rows(*EVER)
    sessions = days_of(market).sessions
    for row in frame.iter_rows(named=True):
        record = int(np.searchsorted(sessions, np.datetime64(row["RecDate"]), side="right")) - 1
        assert row["ActRecDate"] == str(sessions[record])
        assert row["ExDate"] == str(sessions[record - 1])
        assert (row["PayDate"] == "-") == (row["FRCode"] == "2")
        assert row["PayDate"] == "-" or row["PayDate"] > row["RecDate"]
    assert (frame["DivRate"] == "-").any()
    news = frame.filter(pl.col("StatCode") == "1")
    assert (news["RefNo"] == news["CARefNo"]).all()
    later = frame.filter(pl.col("StatCode") != "1")
    assert later.height > 0
    linked = later.join(news, left_on="CARefNo", right_on="RefNo", suffix="_first")
    assert (linked["PubDate"] > linked["PubDate_first"]).all()
    assert (linked["RecDate"] == linked["RecDate_first"]).all()


def test_ex_dates_before_two_day_settlement():
    one = np.array(["2019-07-12", "2019-07-16"], dtype="datetime64[D]")
    two = np.array(["2019-07-11", "2019-07-12"], dtype="datetime64[D]")
    found = dividends.ex_dates(one, two)
    assert found.astype(str).tolist() == ["2019-07-11", "2019-07-16"]


@pytest.mark.parametrize(
    ("clock", "hour"), [("09:00", 12), ("11:30", 12), ("15:00", 16), ("18:59", 19), ("19:00", 36)]
)
def test_dividends_become_visible_on_the_hour(clock, hour):
    minute = int(clock[:2]) * 60 + int(clock[3:])
    assert dividends.visible_minutes(np.array([minute]))[0] == hour * 60


def test_report_dates_are_announced_ahead_and_changes_add_rows(wires, results):
    dates = wires["earnings_dates"].rows(*EVER)
    known = dates.filter(pl.col("SchDate") != "")
    assert (dates["SchDate"] == "").any()
    assert (known["SchDate"] > known["PubDate"]).all()
    assert (
        known.group_by("Code", "FYE", "FQName", pl.col("SchDate").str.head(4)).len()["len"] > 1
    ).any()
    reported = originals(results).filter(pl.col("DiscDate") > "2022-07-01")
    missed = 0
    for row in reported.iter_rows(named=True):
        own = known.filter(
            (pl.col("Code") == row["Code"]) & (pl.col("PubDate") < row["DiscDate"])
        ).filter(pl.col("FQName") == row["CurPerType"])
        newest = own.sort("PubDate")["SchDate"].to_list()
        missed += not newest or newest[-1] != row["DiscDate"]
    assert reported.height > 200
    assert missed <= 0.02 * reported.height


def test_the_calendar_shows_the_next_session_only(wires, results, market):
    calendar = wires["earnings_calendar"].rows(*EVER)
    assert set(calendar["FY"]) <= {"3月31日", "9月30日"}
    assert "本決算" in set(calendar["FQ"])
    for row in calendar.head(200).iter_rows(named=True):
        seen = row[VISIBLE] + timedelta(hours=9)
        assert (seen.hour, seen.minute) == (19, 0)
        ahead = datetime.fromisoformat(row["Date"]).date() - seen.date()
        assert timedelta(0) < ahead <= timedelta(days=11)
    master = listings.wires(market)["master"].rows(*EVER)
    named = calendar.join(master, on=["Date", "Code"], suffix="_listed")
    assert named.height > 200
    for name, listed in (("CoName", "CoName_listed"), ("SectorNm", "S33Nm"), ("Section", "MktNm")):
        assert (named[name] == named[listed]).all()
    march = originals(results).filter(pl.col("CurFYEn").str.ends_with("03-31"))
    listed = march.join(calendar, left_on=["Code", "DiscDate"], right_on=["Code", "Date"])
    assert listed.height >= 0.97 * march.height


def test_documents_know_nothing_of_later_prices_and_revisions(wires, market):
    """Everything after a session is replaced; what was disclosed up to it stays."""
    cut, rng = 400, np.random.default_rng(0)
    noise = np.ones_like(market.close)
    noise[cut + 1 :] = np.exp(rng.standard_normal(noise[cut + 1 :].shape))
    factor = np.where(noise > 12, 0.5, market.adjustment_factor)
    events = market.drivers.revisions
    later = replace(events, size=np.where(events.row > cut, -events.size, events.size))
    other = replace(
        market,
        close=market.close * noise,
        turnover_value=market.turnover_value * noise,
        adjustment_factor=factor,
        drivers=replace(market.drivers, revisions=later),
    )
    modules = (statements, dividends, earnings)
    garbled = {name: wire for module in modules for name, wire in module.wires(other).items()}
    until, after = market.sessions[cut].item(), market.sessions[cut + 1].item()
    for name, wire in wires.items():
        assert wire.rows(EVER[0], until).equals(garbled[name].rows(EVER[0], until))
    changed = garbled["statements"].rows(after, EVER[1])
    assert not wires["statements"].rows(after, EVER[1]).equals(changed)
