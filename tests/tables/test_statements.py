from datetime import date, datetime

import polars as pl
import pytest

from gogooku.core.calendar import tokyo_sessions
from gogooku.ingest.jquants.endpoints import ENDPOINTS, Kind
from gogooku.tables.schema import TABLES, typed
from gogooku.tables.statements import STATEMENTS
from support.wire_rows import decoded

SESSIONS = tokyo_sessions(date(2026, 1, 1), date(2026, 12, 31))
DOCUMENT = {
    "DiscDate": "2026-06-05",
    "DiscTime": "15:30:00",
    "Code": "72030",
    "DiscNo": "20260605000001",
    "DocType": "2QFinancialStatements_Consolidated_IFRS",
    "CurPerType": "2Q",
    "CurPerSt": "2025-10-01",
    "CurPerEn": "2026-03-31",
}


def convert(*rows, name="statements"):
    return typed(name, decoded(name, rows), sessions=SESSIONS)


def one(**changes):
    table = convert(DOCUMENT | changes)
    assert table.frame.height == 1, table.quarantine["reason"].to_list()
    return table.frame.row(0, named=True)


def test_every_figure_of_the_endpoint_has_a_name_of_its_own():
    wires = {w for w, kind in ENDPOINTS["statements"].columns.items()}
    names = {column.wire: column.name for column in STATEMENTS.columns}
    assert set(names) == wires
    assert len(set(names.values())) == len(names)
    assert names["NxFNp2Q"] == "next_forecast_first_half_net_profit_yen"
    assert names["FNCEPS2Q"] == "forecast_nonconsolidated_first_half_eps_yen"
    assert names["FDiv2Q"] == "forecast_dividend_2q_yen"
    assert names["NxFNCOdP"] == "next_forecast_nonconsolidated_ordinary_profit_yen"
    assert names["NP"] == "net_profit_yen"
    assert names["NCSales"] == "nonconsolidated_sales_yen"
    assert names["FDivTotalAnn"] == "forecast_dividend_total_annual_yen"


def test_each_figure_lands_in_its_own_column():
    figures = [w for w, k in ENDPOINTS["statements"].columns.items() if k is Kind.TEXT_NUMBER]
    ratios = {"EqAR", "NCEqAR"}
    given = {w: "0.5" if w in ratios else str(n + 1) for n, w in enumerate(figures)}
    row = one(**given)
    for column in STATEMENTS.columns:
        if column.wire in given:
            assert row[column.name] == float(given[column.wire]), column.wire


def test_missing_is_null_and_an_unreadable_number_is_not():
    row = one(Sales="", OP="-", NP="-1200000", EPS="12.5", Eq=None)
    assert (row["sales_yen"], row["operating_profit_yen"], row["equity_yen"]) == (None, None, None)
    assert (row["net_profit_yen"], row["eps_yen"]) == (-1200000.0, 12.5)
    bad = convert(DOCUMENT | {"Sales": "1,000"}, DOCUMENT | {"DiscNo": "2" * 14, "OP": "nan"})
    assert bad.frame.is_empty()
    assert bad.notes == {"Sales is not a number": 1, "OP is not a number": 1}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("FYFinancialStatements_Consolidated_JP", ("financial_statements", "FY", True, "JP")),
        ("1QFinancialStatements_NonConsolidated_US", ("financial_statements", "1Q", False, "US")),
        ("FYFinancialStatements_Consolidated_REIT", ("financial_statements", "FY", True, "REIT")),
        (
            "OtherPeriodFinancialStatements_Consolidated_Foreign",
            ("financial_statements", "other", True, "Foreign"),
        ),
        ("DividendForecastRevision", ("dividend_forecast_revision", None, None, None)),
        ("REITEarnForecastRevision", ("reit_earnings_forecast_revision", None, None, None)),
    ],
)
def test_document_types_by_exact_tokens(kind, expected):
    table = convert(DOCUMENT | {"DocType": kind})
    row = table.frame.row(0, named=True)
    names = ("document_kind", "document_period", "is_consolidated", "accounting_standard")
    assert tuple(row[name] for name in names) == expected
    assert table.notes == {}


def test_an_unknown_document_is_kept_and_counted():
    table = convert(DOCUMENT | {"DocType": "FYFinancialStatements_Consolidated_Moon"})
    assert table.frame["document_kind"].to_list() == ["unknown"]
    assert table.notes == {"kept: DocType is not a known value": 1}
    assert table.quarantine.is_empty()


@pytest.mark.parametrize(
    ("time", "disclosed", "known"),
    [
        ("15:30:00", datetime(2026, 6, 5, 6, 30), datetime(2026, 6, 5, 9)),
        ("17:30", datetime(2026, 6, 5, 8, 30), datetime(2026, 6, 5, 9)),
        ("17:31", datetime(2026, 6, 5, 8, 31), datetime(2026, 6, 5, 15, 30)),
        ("08:00:00", datetime(2026, 6, 4, 23), datetime(2026, 6, 5, 9)),
        ("", None, datetime(2026, 6, 8, 7, 30)),
    ],
)
def test_disclosure_times(time, disclosed, known):
    row = one(DiscTime=time)
    assert (row["disclosed_at"], row["available_at"]) == (disclosed, known)
    assert row["event_date"] == date(2026, 6, 5)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"DiscTime": "25:00:00"}, "DiscTime is not a time HH:MM[:SS]"),
        ({"DiscTime": "1530"}, "DiscTime is not a time HH:MM[:SS]"),
        ({"DiscTime": "15:30:00.1"}, "DiscTime is not a time HH:MM[:SS]"),
        ({"DiscDate": ""}, "DiscDate is missing"),
        ({"DiscDate": "-"}, "event_date is missing"),
        ({"DiscNo": "123"}, "DiscNo is malformed"),
        ({"DocType": ""}, "DocType is missing"),
        ({"EqAR": "40.2"}, "equity_ratio is outside -100 to 1.5"),
        ({"CurPerType": "9Q"}, "CurPerType is not a known value"),
        ({"CurPerEn": "2025-09-30"}, "CurPerEn is before CurPerSt"),
        ({"ShOutFY": "-5"}, "shares is below 0"),
        ({"RetroRst": "yes"}, "RetroRst is not a flag 0 or 1"),
    ],
)
def test_bad_documents_are_kept_aside(changes, reason):
    table = convert(DOCUMENT | changes)
    assert table.frame.is_empty()
    assert reason in table.quarantine["reason"][0].split("; ")


def test_several_documents_of_a_day_stay_apart():
    rows = [
        DOCUMENT | {"DiscNo": f"2026060500000{n}", "DocType": kind, "NP": str(n)}
        for n, kind in enumerate(
            ["EarnForecastRevision", DOCUMENT["DocType"], "EarnForecastRevision"]
        )
    ]
    frame = convert(*rows[::-1]).frame
    assert frame["net_profit_yen"].to_list() == [0, 1, 2]
    assert frame["document_kind"].n_unique() == 2


def test_flags_and_dates():
    row = one(MatChgSub="true", RetroRst="false", ChgAcEst="", NxtFYEn="2027-09-30")
    assert row["subsidiaries_changed"] is True
    assert (row["restated"], row["estimates_changed"]) == (False, None)
    assert row["next_fiscal_year_end"] == date(2027, 9, 30)
    assert row["period_type"] == "2Q"


def test_details_keep_their_object():
    head = {name: DOCUMENT[name] for name in ("DiscDate", "DiscTime", "Code", "DiscNo", "DocType")}
    table = convert(head | {"FS": '{"Assets":"1"}'}, name="statement_details")
    assert table.frame["items_json"].to_list() == ['{"Assets":"1"}']
    assert table.frame["available_at"].to_list() == [datetime(2026, 6, 5, 9)]
    assert convert(head | {"FS": "[1]"}, name="statement_details").notes == {
        "FS is not a JSON object": 1
    }


def test_units_say_the_basis_of_per_share_values():
    units = TABLES["statements"].units
    per_share = [n for n in units if "eps_yen" in n or "bps_yen" in n or "dividend_1q" in n]
    assert len(per_share) > 10
    assert all("basis of event_date" in units[name] for name in per_share)
    assert TABLES["statements"].schema["sales_yen"] == pl.Float64()
