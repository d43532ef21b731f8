"""Margin, short selling, flows and breakdown on the wire: form, dates, and coherence."""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import polars as pl
import pytest

from gogooku.core.calendar import is_tokyo_session, session_after
from gogooku.core.errors import ContractError
from gogooku.core.metrics import daily_rank_ic
from gogooku.ingest.jquants.endpoints import ENDPOINTS, MARGIN_DAILY_FROM
from gogooku.sandbox.market.market import Market, exchange_config, generate
from gogooku.sandbox.sources import flows, listings, margin, shorts, trading
from gogooku.sandbox.sources import wires as all_wires
from gogooku.sandbox.sources.wire import VISIBLE, Wire, wire_schema

ALL = (date(2000, 1, 1), date(2099, 1, 1))
HALT = "2020-10-01"
NAMES = (
    "margin_interest",
    "margin_alert",
    "short_ratio",
    "short_positions",
    "investor_types",
    "breakdown",
)


def market_from(first: date, num_sessions: int) -> Market:
    config = exchange_config("tiny", seed=11)
    extent = {"first_session": first, "num_sessions": num_sessions, "num_branches": 0}
    return generate(config.model_copy(update={**extent, "quirk_rate": 3.0}))


def wires_of(market: Market) -> dict[str, Wire]:
    out: dict[str, Wire] = {}
    for module in (margin, shorts, flows, trading):
        out |= module.wires(market)
    return out


@pytest.fixture(scope="module")
def market() -> Market:
    """September 2020 to summer 2023: the halt, the restructuring, corrections of flows."""
    return market_from(date(2020, 9, 1), 700)


@pytest.fixture(scope="module")
def wires(market: Market) -> dict[str, Wire]:
    return wires_of(market)


@pytest.fixture(scope="module")
def frames(wires: dict[str, Wire]) -> dict[str, pl.DataFrame]:
    return {name: wire.rows(*ALL) for name, wire in wires.items()}


@pytest.fixture(scope="module")
def daily() -> Market:
    """Both sides of the switch of margin interest to daily."""
    return market_from(date(2026, 8, 3), 60)


# ------------------------------------------------------------------------------------- any wire


def test_every_wire_of_this_part_exists(wires):
    assert set(wires) == set(NAMES)


def test_every_endpoint_has_a_wire(daily):
    found = all_wires(daily)
    assert list(found) == list(ENDPOINTS)
    day = date(2026, 9, 1)
    for name, wire in found.items():
        assert dict(wire.rows(day, day).schema) == wire_schema(ENDPOINTS[name]), name


@pytest.mark.parametrize("given", [{}, {"master": None, "unheard": None}], ids=["none", "unknown"])
def test_an_endpoint_with_no_wire_or_two_is_named(daily, monkeypatch, given):
    monkeypatch.setattr(trading, "wires", lambda market: given)
    with pytest.raises(ContractError, match=r"breakdown.*give each endpoint one wire"):
        all_wires(daily)
    if given:
        with pytest.raises(ContractError, match=r"master.*unheard"):
            all_wires(daily)


@pytest.mark.parametrize("name", NAMES)
def test_columns_types_order_and_keys(frames, name):
    frame, endpoint = frames[name], ENDPOINTS[name]
    assert dict(frame.schema) == wire_schema(endpoint)
    assert frame.height > 100
    assert frame.equals(frame.sort(endpoint.key))
    assert not frame.select(endpoint.key).is_duplicated().any()
    assert frame[VISIBLE].null_count() == 0
    assert frame.select(pl.col(endpoint.key).is_null().any()).row(0) == (False,) * len(endpoint.key)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_does_not_depend_on_the_span_asked_for(market, wires, frames, name):
    axis = pl.col(ENDPOINTS[name].axis)
    fresh = wires_of(market)[name]
    for first, last in (
        (date(2020, 9, 28), date(2020, 10, 2)),
        (date(2022, 3, 14), date(2022, 4, 22)),
        (date(2023, 4, 1), date(2023, 5, 31)),
    ):
        whole = frames[name].filter(axis >= str(first), axis <= str(last))
        assert whole.height > 0
        assert wires[name].rows(first, last).equals(whole)
        assert fresh.rows(first, last).equals(whole)
    one = str(frames[name].item(frames[name].height // 2, ENDPOINTS[name].axis))
    day = date.fromisoformat(one)
    assert wires[name].rows(day, day).equals(frames[name].filter(axis == one))


@pytest.mark.parametrize("name", NAMES)
def test_no_rows_outside_the_market(wires, name):
    for first, last in (
        (date(2019, 1, 1), date(2019, 12, 31)),
        (date(2024, 1, 1), date(2025, 1, 1)),
    ):
        frame = wires[name].rows(first, last)
        assert frame.height == 0
        assert dict(frame.schema) == wire_schema(ENDPOINTS[name])


@pytest.mark.parametrize(
    ("name", "axis", "day", "instant"),
    [
        ("margin_interest", "Date", "2020-09-18", "2020-09-24 07:30"),  # two holidays after it
        ("margin_interest", "Date", "2022-12-30", "2023-01-05 07:30"),
        ("margin_alert", "PubDate", "2021-03-01", "2021-03-01 07:30"),
        ("short_ratio", "Date", "2021-03-01", "2021-03-01 07:30"),
        ("short_positions", "CalcDate", "2020-09-17", "2020-09-23 08:30"),
        ("investor_types", "EnDate", "2020-09-18", "2020-09-28 09:00"),
        ("investor_types", "EnDate", "2022-12-30", "2023-01-10 09:00"),
        ("breakdown", "Date", "2021-03-01", "2021-03-01 09:00"),
    ],
)
def test_rows_become_visible_as_published(frames, name, axis, day, instant):
    rows = frames[name].filter(pl.col(axis) == day)
    if name == "margin_alert":
        assert (rows["AppDate"] < rows["PubDate"]).all()
    assert rows.height > 0
    assert rows[VISIBLE].unique().dt.strftime("%Y-%m-%d %H:%M").to_list() == [instant]


def traded_totals(market: Market) -> pl.DataFrame:
    rows, stocks = np.nonzero(~np.isnan(market.close))
    return pl.DataFrame(
        {
            "Date": market.sessions[rows].astype(str),
            "Code": np.array(market.codes)[stocks],
            "S33": np.array(market.sector)[stocks],
            "Va": market.turnover_value[rows, stocks],
            "Vo": market.volume_shares[rows, stocks],
        }
    )


# -------------------------------------------------------------------------------------- trading


def test_the_breakdown_adds_up_to_the_bars(market, frames):
    joined = frames["breakdown"].join(traded_totals(market), on=["Date", "Code"], how="full")
    assert joined.null_count().sum_horizontal().item() == 0
    for unit in ("Va", "Vo"):
        sold = [f"{side}{unit}" for side in ("LongSell", "ShrtNoMrgn", "MrgnSellNew")]
        sold.append(f"MrgnSellClose{unit}")
        bought = [f"{side}{unit}" for side in ("LongBuy", "MrgnBuyNew", "MrgnBuyClose")]
        for names in (sold, bought):
            difference = (pl.sum_horizontal(names) - pl.col(unit)).abs().max()
            assert joined.select(difference).item() == 0.0
            assert joined.select(pl.min_horizontal(names).min()).item() >= 0.0


@pytest.mark.parametrize("name", ["breakdown", "short_ratio"])
def test_the_lost_session_has_no_rows(frames, name):
    days = frames[name]["Date"].unique()
    assert HALT not in days
    assert {"2020-09-30", "2020-10-02"} <= set(days)


# --------------------------------------------------------------------------------------- shorts


def test_short_sales_of_a_sector_are_those_of_its_names(market, frames):
    short = pl.col("ShrtNoMrgnVa") + pl.col("MrgnSellNewVa")
    names = frames["breakdown"].join(traded_totals(market), on=["Date", "Code"])
    expected = names.group_by("Date", "S33").agg(pl.col("Va").sum(), short=short.sum())
    ratio = frames["short_ratio"]
    assert ratio.group_by("Date").len()["len"].unique().to_list() == [33]
    sold = pl.col("ShrtWithResVa") + pl.col("ShrtNoResVa")
    joined = ratio.join(expected, on=["Date", "S33"], how="left").with_columns(
        pl.col("Va", "short").fill_null(0.0)
    )
    assert joined.select((sold - pl.col("short")).abs().max()).item() == 0.0
    whole = sold + pl.col("SellExShortVa")
    assert joined.select((whole - pl.col("Va")).abs().max()).item() == 0.0
    busy = joined.filter(pl.col("Va") > 0)
    share = busy.select(sold.sum() / pl.col("Va").sum()).item()
    assert 0.2 < share < 0.5


def test_positions_are_reported_from_half_a_percent_and_once_below(frames):
    reports = frames["short_positions"].sort("Code", "SSName", "CalcDate")
    below = pl.col("ShrtPosToSO") < 0.005
    leaving = reports.filter(below)
    assert 0 < leaving.height < 0.2 * reports.height
    assert (leaving["Notes"] != "").all()
    assert (reports.filter(~below)["Notes"] == "").all()
    ordered = reports.with_columns(
        before=pl.col("ShrtPosToSO").shift(1).over("Code", "SSName"),
        day=pl.col("CalcDate").shift(1).over("Code", "SSName"),
    )
    later = ordered.filter(pl.col("before").is_not_null())
    assert (later["PrevRptRatio"] == later["before"]).all()
    assert (later["PrevRptDate"] == later["day"]).all()
    first = ordered.filter(pl.col("before").is_null())
    assert (first["PrevRptDate"] == "").all()
    assert first["PrevRptRatio"].is_null().all()
    assert (reports["ShrtPosToSO"] == reports["ShrtPosToSO"].round(4)).all()
    for name in ("DICName", "FundName"):
        assert "" in reports[name]
        assert reports[name].n_unique() == 2


def test_positions_fit_the_shares_outstanding(market, frames):
    reports = frames["short_positions"]
    assert (reports["ShrtPosShares"] == 100 * reports["ShrtPosUnits"]).all()
    several = reports.group_by("Code", "CalcDate").len()
    assert (several["len"] > 1).any()
    implied = reports.filter(pl.col("ShrtPosToSO") > 0.01).with_columns(
        shares=pl.col("ShrtPosShares") / pl.col("ShrtPosToSO")
    )
    unsplit = [
        code
        for code, factors in zip(market.codes, market.adjustment_factor.T, strict=True)
        if np.nanmin(factors) == np.nanmax(factors) == 1.0
    ]
    spread = (
        implied.filter(pl.col("Code").is_in(unsplit))
        .group_by("Code")
        .agg((pl.col("shares").max() / pl.col("shares").min() - 1).alias("spread"))
    )
    assert spread.height > 5
    assert spread["spread"].max() < 0.02


def test_disclosure_is_two_sessions_after_the_calculation(market, frames):
    reports = frames["short_positions"]
    calculated = reports["CalcDate"].str.to_date().to_numpy().astype("datetime64[D]")
    disclosed = reports["DiscDate"].str.to_date().to_numpy().astype("datetime64[D]")
    calendar = market.drivers.calendar
    np.testing.assert_array_equal(session_after(calculated, sessions=calendar, count=2), disclosed)


# --------------------------------------------------------------------------------------- margin


def test_weekly_balances_stand_at_week_ends_of_more_than_two_sessions(market, frames):
    balances = frames["margin_interest"]
    days = [date.fromisoformat(day) for day in balances["Date"].unique().sort()]
    weeks: dict[tuple[int, int], list[date]] = {}
    for day in market.sessions.astype("datetime64[D]").tolist():
        weeks.setdefault(day.isocalendar()[:2], []).append(day)
    friday = date.fromisocalendar(*max(weeks), 5)
    cut = max(weeks[max(weeks)]) < friday and is_tokyo_session(friday)
    if cut:
        del weeks[max(weeks)]
    expected = [max(week) for week in weeks.values() if len(week) > 2]
    assert days == sorted(expected)
    assert any(len(week) <= 2 for week in weeks.values())
    assert balances["PubDate"].null_count() == balances.height
    assert balances["LongVal"].null_count() == balances.height


def test_balances_are_lots_and_parts_add_up(frames):
    balances = frames["margin_interest"]
    for side in ("Shrt", "Long"):
        parts = pl.col(f"{side}NegVol") + pl.col(f"{side}StdVol")
        assert balances.select((parts == pl.col(f"{side}Vol")).all()).item()
    volumes = balances.select(pl.col("^.*Vol$"))
    assert volumes.select(pl.all() % 100 == 0).select(pl.all().all()).row(0) == (True,) * 6
    assert set(balances["IssType"].unique()) == {"1", "2"}
    credit = balances.filter(pl.col("IssType") == "1")
    assert (credit["ShrtStdVol"] == 0).all()


def test_issue_types_are_those_of_the_master(market, frames):
    day = date(2021, 3, 5)
    master = listings.wires(market)["master"].rows(day, day).select("Code", "Mrgn")
    balances = frames["margin_interest"].filter(pl.col("Date") == str(day))
    joined = balances.join(master, on="Code")
    assert joined.height == balances.height > 0
    assert (joined["IssType"] == joined["Mrgn"]).all()


def test_the_long_balance_shows_crowding_and_is_not_adjusted(market, frames):
    balances = frames["margin_interest"]
    rows = np.searchsorted(market.sessions.astype(str), balances["Date"].to_numpy().astype(str))
    stocks = np.searchsorted(np.array(market.codes), balances["Code"].to_numpy().astype(str))
    value = np.full(market.close.shape, np.nan)
    usual = np.full(market.close.shape, np.nan)
    for row in np.unique(rows):
        span = slice(max(row - 19, 0), row + 1)
        listed = np.maximum(market.listed[span].sum(axis=0), 1)
        usual[row] = np.nan_to_num(market.turnover_value[span]).sum(axis=0) / listed
    value[rows, stocks] = balances["LongVol"].to_numpy() * market.close[rows, stocks]
    ratio = value / usual
    assert 2.0 < np.nanmedian(ratio) < 4.5
    shown = daily_rank_ic(ratio, market.drivers.crowding.astype(np.float64))
    assert np.nanmean(shown) > 0.95


def test_margin_interest_is_daily_from_the_switch_on(daily):
    frame = margin.wires(daily)["margin_interest"].rows(*ALL)
    switch = str(MARGIN_DAILY_FROM)
    before, after = (frame.filter(pl.col("Date") < switch), frame.filter(pl.col("Date") >= switch))
    assert before["Date"].unique().sort().to_list()[-2:] == ["2026-09-11", "2026-09-18"]
    assert before["PubDate"].null_count() == before.height
    assert after["Date"].n_unique() == (daily.sessions >= np.datetime64(switch)).sum()
    first = after.filter(pl.col("Date") == switch)
    assert first["PubDate"].unique().to_list() == ["2026-09-28"]
    assert first[VISIBLE].unique().dt.strftime("%Y-%m-%d %H:%M").to_list() == ["2026-09-28 07:30"]
    assert (after["PubDate"] > after["Date"]).all()
    for side in ("Shrt", "Long"):
        assert (after[f"{side}Val"] > 0).mean() > 0.9
        parts = after[f"{side}NegVal"] + after[f"{side}StdVal"]
        assert ((parts - after[f"{side}Val"]).abs() <= 1.0).all()


def test_alerts_have_their_marks(frames):
    alerts = frames["margin_alert"]
    fund = alerts.filter(pl.col("Code") == margin.ETF_CODE)
    names = alerts.filter(pl.col("Code") != margin.ETF_CODE)
    assert (fund["LongOutRatio"] == "*").all()
    assert (fund["ShrtOutRatio"] == "*").all()
    assert names["LongOutRatio"].cast(pl.Float64).is_between(0.0, 100.0).all()
    opening = names.filter(pl.col("LongOutChg") == "-")
    assert 0 < opening.height < 0.3 * names.height
    for name in ("ShrtOutChg", "LongNegOutChg", "ShrtStdOutChg"):
        assert (opening[name] == "-").all()
        assert names.filter(pl.col("LongOutChg") != "-")[name].cast(pl.Int64).is_not_null().all()
    reasons = [json.loads(text) for text in alerts["PubReason"].unique()]
    assert all(sorted(reason) == sorted(margin.FLAGS) for reason in reasons)
    assert {flag for reason in reasons for flag in reason.values()} == {"0", "1"}
    known = {"001", "002", "003", "004", "005", "006", "101", "102"}
    assert {"002"} < set(alerts["TSEMrgnRegCls"].unique()) <= known


def test_a_large_market_has_every_class_and_every_reason():
    """1,200 names over a year and a half: about 140 spells."""
    config = exchange_config("tiny", seed=4).model_copy(
        update={"num_stocks": 1_200, "num_sessions": 370, "num_branches": 0, "num_sectors": 10}
    )
    alerts = margin.wires(generate(config))["margin_alert"].rows(*ALL)
    classes = set(alerts["TSEMrgnRegCls"].unique())
    assert classes == {"001", "002", "003", "004", "005", "006", "101", "102"}
    reasons = [json.loads(text) for text in alerts["PubReason"].unique()]
    for flag in margin.FLAGS:
        assert any(reason[flag] == "1" for reason in reasons)
        assert flag == "DailyPublication" or any(reason[flag] == "0" for reason in reasons)
    # Regulation becomes stricter step by step and is lifted at the end.
    said = (
        alerts.unique(["Code", "AppDate"])
        .sort("Code", "AppDate")
        .filter(pl.col("Code") != margin.ETF_CODE)
    )
    before = said.select(pl.col("TSEMrgnRegCls").shift(1).over("Code")).to_series()
    pairs = set(zip(before, said["TSEMrgnRegCls"], strict=True))
    assert {("003", "004"), ("004", "005"), ("005", "006"), ("006", "101")} <= pairs
    assert not {("003", "005"), ("003", "006"), ("004", "006"), ("101", "003")} & pairs


def test_names_have_habits_that_last(market, frames):
    """The level of the short sales of a name in one half tells that in the other; days do not."""
    rows = frames["breakdown"].filter(pl.col("ShrtNoMrgnVa") > 0)
    share = (pl.col("ShrtNoMrgnVa") / (pl.col("ShrtNoMrgnVa") + pl.col("LongSellVa"))).log()
    first = pl.col("Date") < str(market.sessions[len(market.sessions) // 2])
    usual = rows.group_by("Code").agg(
        first=share.filter(first).mean(), second=share.filter(~first).mean(), spread=share.std()
    )
    usual = usual.drop_nulls()
    assert usual.select(pl.corr("first", "second")).item() > 0.5
    assert usual["spread"].mean() > usual["first"].std() > 0.15


def test_investors_have_moods_of_their_own(frames):
    rows = newest(frames["investor_types"]).filter(pl.col("Section") != "TokyoNagoya")
    share = {name: rows[f"{name}Bal"] / rows[f"{name}Tot"] for name in ("Frgn", "Ind")}
    relation = np.corrcoef(share["Frgn"].to_numpy(), share["Ind"].to_numpy())[0, 1]
    assert -0.95 < relation < -0.6


def test_alert_changes_are_differences_and_corrections_come_later(frames):
    alerts = frames["margin_alert"].filter(pl.col("Code") != margin.ETF_CODE)
    counts = alerts.group_by("Code", "AppDate").len()
    assert set(counts["len"].unique()) == {1, 2}
    corrected = alerts.filter(pl.len().over("Code", "AppDate") == 2).sort("PubDate")
    pairs = corrected.group_by("Code", "AppDate", maintain_order=True).agg(
        pl.col("LongOut", "LongOutChg")
    )
    assert (pairs["LongOut"].list.first() != pairs["LongOut"].list.last()).mean() > 0.9
    said = alerts.sort("PubDate").unique(["Code", "AppDate"], keep="last").sort("Code", "AppDate")
    steps = said.with_columns(change=pl.col("LongOut").diff().over("Code")).filter(
        pl.col("LongOutChg") != "-"
    )
    known = steps.filter(pl.col("change").is_not_null())
    assert (known["LongOutChg"].cast(pl.Float64) == known["change"]).all()


def test_alerts_and_balances_agree(daily):
    wires = margin.wires(daily)
    balances = wires["margin_interest"].rows(*ALL)
    alerts = wires["margin_alert"].rows(*ALL).sort("PubDate")
    alerts = alerts.unique(["Code", "AppDate"], keep="last")
    both = alerts.join(balances, left_on=["Code", "AppDate"], right_on=["Code", "Date"])
    assert both.height > 5
    for side in ("Shrt", "Long"):
        assert (both[f"{side}Out"] == both[f"{side}Vol"]).all()
        assert (both[f"{side}StdOut"] == both[f"{side}StdVol"]).all()


# ---------------------------------------------------------------------------------------- flows


def test_flows_add_up(frames):
    rows = frames["investor_types"]
    for group in flows.GROUPS:
        sold, bought = rows[f"{group}Sell"], rows[f"{group}Buy"]
        assert (rows[f"{group}Tot"] == bought + sold).all()
        assert (rows[f"{group}Bal"] == bought - sold).all()
        assert (sold >= 0).all()
        assert (bought >= 0).all()
        assert (bought == bought.round(0)).all()
    for kind in ("Sell", "Buy", "Tot", "Bal"):
        investors = rows.select(pl.sum_horizontal(f"{n}{kind}" for n in flows.INVESTORS))
        assert (investors.to_series() == rows[f"Brk{kind}"]).all()
        assert (rows[f"Prop{kind}"] + rows[f"Brk{kind}"] == rows[f"Tot{kind}"]).all()


def newest(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.sort("PubDate").unique(["Section", "EnDate"], keep="last").sort("EnDate", "Section")


def test_sections_change_with_the_restructuring(frames):
    rows = frames["investor_types"]
    before = rows.filter(pl.col("EnDate") < "2022-04-04")["Section"].unique()
    after = rows.filter(pl.col("EnDate") > "2022-04-04")["Section"].unique()
    assert set(before) == {*flows.SECTIONS_BEFORE, "TokyoNagoya"}
    assert set(after) == {*flows.SECTIONS_AFTER, "TokyoNagoya"}
    week = rows.filter(pl.col("StDate") == "2022-04-04")
    assert week["EnDate"].unique().to_list() == ["2022-04-08"]
    whole = (
        newest(rows)
        .group_by("EnDate", pl.col("Section") == "TokyoNagoya")
        .agg(pl.col("IndTot").sum())
    )
    difference = whole.group_by("EnDate").agg(pl.col("IndTot").max() - pl.col("IndTot").min())
    assert difference["IndTot"].max() == 0.0


def test_corrections_are_rows_of_their_own_since_april_2023(frames):
    rows = frames["investor_types"].sort("PubDate")
    counts = rows.group_by("Section", "StDate", "EnDate").agg(pl.len(), pl.col("PubDate").max())
    corrected = counts.filter(pl.col("len") > 1)
    assert corrected.height > 0
    assert corrected["PubDate"].min() >= "2023-04-03"
    assert corrected["len"].max() == 2
    one = rows.join(corrected.select("Section", "EnDate"), on=["Section", "EnDate"])
    pair = one.group_by("Section", "EnDate").agg(pl.col("FrgnBuy"))
    assert (pair["FrgnBuy"].list.first() != pair["FrgnBuy"].list.last()).all()


def test_foreign_balances_show_the_flow_of_the_segment(market, frames):
    rows = newest(frames["investor_types"]).filter(pl.col("Section") == "TSE1st")
    share = (rows["FrgnBal"] / rows["FrgnTot"]).to_numpy()
    ends = np.searchsorted(market.sessions.astype(str), rows["EnDate"].to_numpy().astype(str))
    flow = market.drivers.flow[ends, 0]
    assert np.corrcoef(share, flow)[0, 1] > 0.35
    weeks = market.drivers.weeks
    later = flows.wires(market)["investor_types"].later[weeks.of_row[ends], 0]
    both = np.stack([flow, flows.LATER_WEIGHT * later]).sum(axis=0)
    assert np.corrcoef(share, both)[0, 1] > 0.9


def test_flows_are_in_thousands_of_the_traded_value(market, frames):
    rows = newest(frames["investor_types"]).filter(pl.col("Section") == "TokyoNagoya")
    bought = rows["TotBuy"].sum() * 1_000.0
    assert bought == pytest.approx(np.nansum(market.turnover_value), rel=0.05)
