"""Every method of the official client, pointed at the exchange, returns what the wires hold."""

import inspect
import json
import math
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta

import pytest
from jquantsapi import ClientV2, constants

from gogooku.ingest.jquants.endpoints import ENDPOINTS, Kind
from gogooku.sandbox.exchange.server import serve_in_thread
from gogooku.sandbox.sources.listings import MARKET_NAMES, SECTOR17_NAMES, SECTOR33
from gogooku.sandbox.sources.wire import VISIBLE
from support.sandbox import NOW, csv_rows, open_exchange
from support.soak import some

# The client's own use of pandas is not this project's to be warned about.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")

OUT_OF_SCOPE = {
    "get_edinet_major_shareholders": "EDINET is not among the sources",
    "get_edinet_cross_shareholdings": "EDINET is not among the sources",
    "get_edinet_large_volume_shareholders": "EDINET is not among the sources",
    "get_td_list": "TDnet is not among the sources",
    "get_td_files": "TDnet is not among the sources",
    "get_td_bulk": "TDnet is not among the sources",
    "get_eq_bars_minute": "minute bars are not among the sources",
    "get_eq_bars_5minute": "aggregates of minute bars",
    "get_eq_bars_15minute": "aggregates of minute bars",
}
LOCAL = ("get_market_segments", "get_17_sectors", "get_33_sectors")
BULK = ("get_bulk_list", "get_bulk", "download_bulk", "download_bulk_by_endpoint")

DAYS = {"date_yyyymmdd": "DAY"}
SPAN = {"start_dt": "DAY-2", "end_dt": "DAY"}
RANGE = {"from_yyyymmdd": "DAY-40", "to_yyyymmdd": "DAY"}
OPTIONS = constants.DERIVATIVES_OPTIONS_COLUMNS_V2
OPTIONS_225 = [
    name for name in OPTIONS if name not in ("ProdCat", "UndSSO", "MO", "MH", "ML", "MC", "CCMFlag")
]
QUOTES = [*constants.EQ_BARS_DAILY_COLUMNS_V2, "MktCap", "ExRT"]
MASTER = constants.EQ_MASTER_COLUMNS_V2
LIST = [*MASTER, "S17NmEn", "S33NmEn", "MktNmEn"]

# Method, wire, arguments, columns. DAY is the last day on which the wire has rows.
METHODS = {
    "get_eq_master": ("master", {"date": "DAY"}, MASTER),
    "get_list": ("master", DAYS, LIST),
    "get_eq_bars_daily": ("quotes", DAYS, QUOTES),
    "get_eq_bars_daily_range": ("quotes", SPAN, QUOTES),
    "get_eq_valuation": ("valuation", DAYS, constants.EQ_VALUATION_COLUMNS_V2),
    "get_eq_valuation_range": ("valuation", SPAN, constants.EQ_VALUATION_COLUMNS_V2),
    "get_eq_bars_daily_am": ("morning", {}, constants.PRICES_PRICES_AM_COLUMNS_V2),
    "get_eq_investor_types": ("investor_types", RANGE, constants.EQ_INVESTOR_TYPES_COLUMNS_V2),
    "get_fin_summary": ("statements", DAYS, constants.FIN_SUMMARY_COLUMNS_V2),
    "get_fin_summary_cursor": ("statements", DAYS, constants.FIN_SUMMARY_COLUMNS_V2),
    "get_fin_summary_range": ("statements", SPAN, constants.FIN_SUMMARY_COLUMNS_V2),
    "get_fin_details": ("statement_details", DAYS, constants.FINS_FS_DETAILS_COLUMNS_V2),
    "get_fin_details_cursor": ("statement_details", DAYS, constants.FINS_FS_DETAILS_COLUMNS_V2),
    "get_fin_details_range": ("statement_details", SPAN, constants.FINS_FS_DETAILS_COLUMNS_V2),
    "get_fin_dividend": ("dividends", DAYS, constants.FINS_DIVIDEND_COLUMNS_V2),
    "get_fin_earnings_date": ("earnings_dates", DAYS, constants.FIN_EARNINGS_DATE_COLUMNS_V2),
    "get_fin_earnings_date_range": ("earnings_dates", SPAN, constants.FIN_EARNINGS_DATE_COLUMNS_V2),
    "get_eq_earnings_cal": ("earnings_calendar", {}, constants.FINS_ANNOUNCEMENT_COLUMNS_V2),
    "get_mkt_short_ratio": ("short_ratio", DAYS, constants.MKT_SHORT_RATIO_COLUMNS_V2),
    "get_mkt_short_ratio_range": ("short_ratio", SPAN, constants.MKT_SHORT_RATIO_COLUMNS_V2),
    "get_mkt_short_sale_report": (
        "short_positions",
        {"disclosed_date": "DAY"},
        constants.SHORT_SELLING_POSITIONS_COLUMNS_V2,
    ),
    "get_mkt_short_sale_report_range": (
        "short_positions",
        SPAN,
        constants.SHORT_SELLING_POSITIONS_COLUMNS_V2,
    ),
    "get_mkt_margin_interest": (
        "margin_interest",
        DAYS,
        constants.MKT_MARGIN_INTEREST_COLUMNS_V2,
    ),
    "get_mkt_margin_interest_range": (
        "margin_interest",
        SPAN,
        constants.MKT_MARGIN_INTEREST_COLUMNS_V2,
    ),
    "get_mkt_margin_alert": ("margin_alert", DAYS, constants.DAILY_MARGIN_INTEREST_COLUMNS_V2),
    "get_mkt_margin_alert_range": (
        "margin_alert",
        SPAN,
        constants.DAILY_MARGIN_INTEREST_COLUMNS_V2,
    ),
    "get_mkt_breakdown": ("breakdown", DAYS, constants.MKT_BREAKDOWN_COLUMNS_V2),
    "get_mkt_breakdown_range": ("breakdown", SPAN, constants.MKT_BREAKDOWN_COLUMNS_V2),
    "get_mkt_calendar": ("calendar", {}, constants.MARKETS_TRADING_CALENDAR_COLUMNS_V2),
    "get_idx_bars_daily": ("indices", DAYS, constants.INDICES_COLUMNS_V2),
    "get_idx_bars_daily_topix": ("topix", RANGE, constants.INDICES_TOPIX_COLUMNS_V2),
    "get_drv_bars_daily_fut": ("futures", DAYS, constants.DERIVATIVES_FUTURES_COLUMNS_V2),
    "get_drv_bars_daily_fut_range": ("futures", SPAN, constants.DERIVATIVES_FUTURES_COLUMNS_V2),
    "get_drv_bars_daily_opt": ("options", DAYS, OPTIONS),
    "get_drv_bars_daily_opt_range": ("options", SPAN, OPTIONS),
    "get_drv_bars_daily_opt_225": ("index_options", DAYS, OPTIONS_225),
    "get_drv_bars_daily_opt_225_range": ("index_options", SPAN, OPTIONS_225),
}


@pytest.fixture(scope="module")
def client(wires):
    """The official client with a premium key; pages are short, so that it has to page."""
    with serve_in_thread(open_exchange(wires, rows_per_page=50)) as url:
        client = ClientV2(api_key="sandbox")
        client.JQUANTS_API_BASE = url
        client._request_session().trust_env = False
        yield client
        client._session.close()


def test_every_method_is_covered_or_named_as_out_of_scope():
    public = {
        name
        for name, _ in inspect.getmembers(ClientV2, inspect.isfunction)
        if not name.startswith("_")
    }
    assert public == {*METHODS, *LOCAL, *BULK, *OUT_OF_SCOPE}
    assert {name for name, _, _ in METHODS.values()} == set(ENDPOINTS)


def held(wires, name, first, last):
    """Rows of a wire that are visible now, as dictionaries."""
    frame = wires[name].rows(first, last)
    if name == "quotes":
        frame = wires[name].rows_known(first, last, known=NOW.astimezone(UTC))
    now = NOW.astimezone(UTC).replace(tzinfo=None)
    return frame.filter(frame[VISIBLE] <= now).drop(VISIBLE).to_dicts()


def plain(kind, value):
    """One spelling of a value: an absent one is None, a number is a float, a day is a text."""
    if isinstance(value, datetime):
        return None if value != value else value.date().isoformat()
    if value is None or value in ("", "-") or (isinstance(value, float) and math.isnan(value)):
        return None
    if kind is Kind.OBJECT:
        return json.dumps(json.loads(value) if isinstance(value, str) else value, sort_keys=True)
    if kind in (Kind.NUMBER, Kind.TEXT_NUMBER, Kind.MARKED) and value != "*":
        return float(value)
    if value != value:  # a missing day is its own type
        return None
    return value


def comparable(name, rows):
    kinds = ENDPOINTS[name].columns
    return sorted(
        (tuple(plain(kind, row[column]) for column, kind in kinds.items()) for row in rows),
        key=repr,
    )


def shifted(text, day):
    back = int(text.partition("-")[2] or 0)
    return (day - timedelta(days=back)).isoformat()


@pytest.mark.parametrize("method", some(METHODS, keep=12))
def test_it_returns_what_the_exchange_holds(client, wires, method):
    name, arguments, columns = METHODS[method]
    endpoint = ENDPOINTS[name]
    span = (date(2026, 4, 1), NOW.date())
    if arguments:
        day = date.fromisoformat(max(r[endpoint.axis] for r in held(wires, name, *span)))
        given = {key: shifted(text, day) for key, text in arguments.items()}
        first = min(date.fromisoformat(value) for value in given.values())
        expected = held(wires, name, first, day)
    else:
        given = {}
        firsts = {
            "morning": (NOW.date(), NOW.date()),
            "earnings_calendar": (NOW.date(), NOW.date() + timedelta(days=10)),
            "calendar": (date(2008, 1, 1), date(2027, 12, 31)),
        }
        expected = held(wires, name, *firsts[name])
    deprecated = method in ("get_fin_summary", "get_fin_details")
    with pytest.warns(DeprecationWarning, match="_cursor") if deprecated else nullcontext():
        told = getattr(client, method)(**given)
    frame = told[0] if isinstance(told, tuple) else told
    assert expected
    assert set(frame.columns) == set(columns)
    assert comparable(name, frame.to_dict("records")) == comparable(name, expected)


def test_the_local_tables_agree_with_the_listings(client):
    markets = {row["Mkt"]: row["MktNm"] for row in client.get_market_segments().to_dict("records")}
    assert markets == MARKET_NAMES
    sectors = client.get_33_sectors().to_dict("records")
    assert {row["S33"]: (row["S33Nm"], row["S17"]) for row in sectors} == SECTOR33
    sectors = client.get_17_sectors().to_dict("records")
    assert {row["S17"]: row["S17Nm"] for row in sectors} == SECTOR17_NAMES


@pytest.mark.parametrize("name", some([row.name for row in ENDPOINTS.values() if row.bulk], keep=7))
def test_bulk_methods_get_the_files(client, wires, tmp_path, name):
    path = ENDPOINTS[name].path
    # all months of the topix; a list names the sizes of its files, so these are made for it
    since = "" if name == "topix" else f"{NOW.year}-{NOW.month - 3:02d}"
    files = client.get_bulk_list(endpoint=path, from_date=since)
    assert list(files.columns) == constants.BULK_LIST_COLUMNS_V2
    assert not files["LastModified"].isna().any()
    closed = [row for row in files.to_dict("records") if "/live/" not in row["Key"]]
    key, size = closed[-1]["Key"], closed[-1]["Size"]
    client.download_bulk(key, str(tmp_path / "file.csv.gz"))
    body = (tmp_path / "file.csv.gz").read_bytes()
    assert len(body) == size
    assert client.get_bulk(key=key).startswith("http://127.0.0.1:")
    rows = csv_rows(body)
    assert list(rows.columns) == list(ENDPOINTS[name].columns)
    if name == "calendar":
        return
    month = f"{key[-13:-9]}-{key[-9:-7]}"
    client.download_bulk_by_endpoint(path, month, str(tmp_path / "again.csv.gz"))
    assert (tmp_path / "again.csv.gz").read_bytes() == body
    first = date.fromisoformat(f"{month}-01")
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    expected = held(wires, name, first, last)
    if name != "quotes":  # its adjusted columns are older than the newest split
        assert comparable(name, rows.to_dicts()) == comparable(name, expected)
    assert rows.height == len(expected)
