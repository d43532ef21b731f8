import gzip
import json
from datetime import date, datetime, timedelta

import pytest

from gogooku.core.wall import JST
from gogooku.ingest.jquants.endpoints import ENDPOINTS, Fetch, Kind
from gogooku.ingest.jquants.plans import Plan
from gogooku.sandbox.exchange.exchange import Request
from gogooku.sandbox.exchange.gates import Gate, window_of
from gogooku.sandbox.exchange.rules import Strictness
from support.sandbox import ask, ask_all, open_exchange
from support.soak import and_all

QUOTES, SUMMARY = "/equities/bars/daily", "/fins/summary"
DAY = "2026-10-22"


@pytest.fixture
def exchange(wires):
    return open_exchange(wires)


def tokyo(*parts):
    return datetime(*parts, tzinfo=JST)


# --- keys, plans, windows ------------------------------------------------------------------------


def test_keys_are_refused_as_the_vendor_refuses_them(exchange):
    cases = {None: "api key is required", "nonsense": "invalid or expired"}
    cases["sandbox-lapsed"] = "no active subscription"
    for key, text in cases.items():
        status, value = ask(exchange, QUOTES, key, date=DAY)
        assert status == 403
        assert text in value["message"]
        assert list(value) == ["message"]


@pytest.mark.parametrize("steps", and_all([1], [len(Plan)]))
def test_every_plan_has_exactly_its_endpoints(exchange, steps):
    """The lowest plan that has it and the one below; every plan in the long version."""
    for endpoint in ENDPOINTS.values():
        for plan in Plan:
            if not endpoint.plan - steps <= plan < endpoint.plan + steps:
                continue
            query = {"date": "2026-07-01"} if "date" in endpoint.params else {}
            if endpoint.date_param not in (None, "date"):
                query = {endpoint.date_param: "2026-07-01"}
            status, value = ask(exchange, endpoint.path, f"sandbox-{plan.name.lower()}", **query)
            if plan >= endpoint.plan:
                assert status in (200, 210), (endpoint.name, plan, value)
            else:
                assert status == 403
                assert value["message"].startswith(
                    "This API is not available on your subscription. If you want more data, "
                    "please check other plans: "
                )


def test_windows_say_what_they_cover_to_the_letter(exchange):
    _, light = ask(exchange, QUOTES, "sandbox-light", date="2021-10-29")
    assert light["message"].startswith(
        "Your subscription covers the following dates: 2021-10-30 ~ . "
        "If you want more data, please check other plans:"
    )
    for day in ("2024-08-06", "2026-08-08", DAY):
        status, free = ask(exchange, QUOTES, "sandbox-free", date=day)
        assert status == 400
        assert free["message"].startswith(
            "Your subscription covers the following dates: 2024-08-07 ~ 2026-08-07. "
        )
    assert ask(exchange, QUOTES, "sandbox-free", date="2026-08-07")[0] == 200
    assert ask(exchange, QUOTES, "sandbox-light", date="2021-11-01")[0] == 200


@pytest.mark.parametrize(
    ("plan", "years"), [(Plan.LIGHT, 5), (Plan.STANDARD, 10), (Plan.PREMIUM, 20)]
)
def test_windows_reach_back_by_years_also_from_a_leap_day(plan, years):
    assert window_of(plan, date(2028, 2, 29), history_from=date.min).first == date(
        2028 - years, 2, 29 if years == 20 else 28
    )


def test_a_code_without_dates_is_cut_to_the_window(exchange, wires, exchange_market):
    code = exchange_market.codes[0]
    dates = [row["Date"] for row in ask_all(exchange, QUOTES, "sandbox-free", code=code)]
    assert min(dates) == "2024-08-07"
    assert max(dates) == "2026-08-07"
    assert dates == sorted(dates)
    calendar = ask_all(exchange, "/markets/calendar", "sandbox-free")
    assert (calendar[0]["Date"], calendar[-1]["Date"]) == ("2024-08-07", "2026-08-07")


def test_gates_are_passed_in_the_order_of_the_settings(wires):
    bad = {"date": "1999-01-04", "from_": "2026-10-02", "to": "2026-10-01", "code": "x"}
    expected = {Gate.PLAN: 403, Gate.WINDOW: "covers", Gate.PARAMS: "'code'"}
    for first in Gate:
        gates = (first, *(gate for gate in Gate if gate is not first))
        status, value = ask(
            open_exchange(wires, gates=gates), "/markets/breakdown", "sandbox-light", **bad
        )
        told = expected[first]
        assert status == told if isinstance(told, int) else told in value["message"]


# --- parameters ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "query", "message"),
    [
        (QUOTES, {}, "This API requires at least 1 parameter as follows; date, code"),
        (QUOTES, {"code": "123"}, "'code' must be 4 or 5 digits."),
        (QUOTES, {"code": "12AB0"}, "'code' must be 4 or 5 digits."),
        (QUOTES, {"date": "20240230"}, "'date' must be a valid date"),
        (QUOTES, {"date": "2024-2-3"}, "'date' must be a valid date"),
        (
            QUOTES,
            {"code": "7203", "from_": "20261002", "to": "20261001"},
            "'from' must be older than 'to'",
        ),
        ("/equities/valuation", {"from_": DAY, "to": DAY}, "requires at least 1 parameter"),
        ("/equities/valuation", {"date": DAY, "from_": DAY, "to": DAY}, "require 'code'"),
        ("/markets/margin-interest", {"published_date": DAY, "date": DAY}, "cannot be combined"),
        ("/markets/margin-interest", {"published_date": DAY, "from_": DAY}, "cannot be combined"),
        ("/fins/earnings-date", {}, "exactly 1|at least 1"),
        ("/fins/earnings-date", {"code": "7203", "date": DAY}, "exactly 1 parameter"),
        ("/derivatives/bars/daily/options", {}, "at least 1 parameter as follows; date"),
        ("/derivatives/bars/daily/options", {"date": DAY, "code": "7203"}, "'category'"),
        ("/markets/short-sale-report", {}, "disc_date, calc_date, code"),
        ("/indices/bars/daily", {"code": "00000"}, "'code' must be 4 characters."),
        (SUMMARY, {"cursor": "x"}, "at least 1"),
        (SUMMARY, {"date": DAY, "cursor": "x"}, "'cursor' is invalid"),
        (SUMMARY, {"date": DAY, "cursor": "x", "pagination_key": "y"}, "together"),
        (QUOTES, {"date": DAY, "pagination_key": "AAAA"}, "'pagination_key' is invalid"),
        (QUOTES, {"date": DAY, "pagination_key": "é"}, "'pagination_key' is invalid"),
    ],
)
def test_parameters_are_refused(exchange, path, query, message):
    status, value = ask(exchange, path, **query)
    assert status == 400
    assert any(part in value["message"] for part in message.split("|"))


def test_unknown_paths_and_methods_do_not_exist(exchange):
    for method, path in (("GET", "/equities/nothing"), ("POST", QUOTES), ("GET", "/prices/daily")):
        answer = exchange.answer(Request(method, path, {}, {"x-api-key": "sandbox"}))
        assert answer.status == 403
        assert b"The requested endpoint does not exist. Please check the URL" in answer.body


def test_unknown_parameters_are_refused_only_when_strict(wires):
    query = {"date": DAY, "colour": "red"}
    assert ask(open_exchange(wires), QUOTES, **query)[0] == 200
    strict = open_exchange(wires, strictness=Strictness.STRICT)
    assert "'colour'" in ask(strict, QUOTES, **query)[1]["message"]


def test_spellings_of_dates_and_codes_mean_the_same(exchange, exchange_market):
    code = exchange_market.codes[0]
    rows = ask(exchange, QUOTES, code=code, date=DAY)[1]["data"]
    assert len(rows) == 1
    assert ask(exchange, QUOTES, code=code[:4], date="20261022")[1]["data"] == rows
    beaten = {"from_": "2026-01-01", "to": "2026-02-01"}
    assert ask(exchange, QUOTES, code=code, date=DAY, **beaten)[1]["data"] == rows
    span = ask(exchange, QUOTES, code=code, from_="20261001")[1]["data"]
    assert span[0]["Date"] == "2026-10-01"
    assert span[-1]["Date"] == "2026-10-30"


def test_every_filter_filters(exchange):
    def distinct(path, column, **query):
        return {row[column] for row in ask_all(exchange, path, **query)}

    options = "/derivatives/bars/daily/options"
    assert distinct("/equities/investor-types", "Section", section="TSEPrime") == {"TSEPrime"}
    assert distinct("/markets/calendar", "HolDiv", hol_div="3") == {"3"}
    assert distinct("/markets/calendar", "HolDiv", holidayDivision="0") == {"0"}
    assert distinct("/markets/short-ratio", "S33", s33="50", from_="20261001") == {"0050"}
    assert distinct(options, "ProdCat", date=DAY, category="NK225E") == {"NK225E"}
    assert len(distinct(options, "ProdCat", date=DAY)) > 1
    equity = ask_all(exchange, options, date=DAY, category="EQOP")
    underlying = equity[0]["UndSSO"]
    own = distinct(options, "UndSSO", date=DAY, category="EQOP", code=underlying)
    assert own == {underlying}
    flagged = distinct("/derivatives/bars/daily/futures", "CCMFlag", date=DAY, contract_flag="1")
    assert flagged == {"1"}
    weeks = ask_all(exchange, "/equities/investor-types", from_="20261001", to="20261031")
    assert weeks
    assert all("2026-10-01" <= row["PubDate"] <= "2026-10-31" for row in weeks)


def test_other_dates_of_an_endpoint_select_by_them(exchange):
    published = ask_all(exchange, "/markets/margin-interest", published_date="2026-10-23")
    assert {row["Date"] for row in published} == {DAY}
    report = ask_all(exchange, "/markets/short-sale-report", disc_date=DAY)[0]
    calculated = ask_all(exchange, "/markets/short-sale-report", calc_date=report["CalcDate"])
    assert {row["CalcDate"] for row in calculated} == {report["CalcDate"]}
    assert report in calculated
    span = {"disc_date_from": "2026-10-01", "disc_date_to": DAY, "code": report["Code"]}
    found = ask_all(exchange, "/markets/short-sale-report", **span)
    assert report in found
    assert all("2026-10-01" <= row["DiscDate"] <= DAY for row in found)


def test_a_scheduled_date_finds_only_names_whose_newest_plan_it_is(wires):
    exchange = open_exchange(wires)
    rows = wires["earnings_dates"].rows(date(2026, 4, 1), date(2026, 10, 30)).to_dicts()
    newest = {}
    for row in sorted(rows, key=lambda row: row["PubDate"]):
        newest[row["Code"], row["FYE"], row["FQName"]] = row
    days = sorted({row["SchDate"] for row in rows if row["SchDate"] >= "2026-08-01"})
    moved = 0
    for day in days[:40]:
        told = ask_all(exchange, "/fins/earnings-date", scheduled_date=day)
        keys = {(row["Code"], row["FYE"], row["FQName"]) for row in told}
        assert keys == {key for key, row in newest.items() if row["SchDate"] == day}
        moved += len([row for row in rows if row["SchDate"] == day]) - len(keys)
    assert moved > 0


# --- what is visible when ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "query", "before", "after"),
    [
        (QUOTES, {"date": "2026-10-30"}, tokyo(2026, 10, 30, 16, 29), tokyo(2026, 10, 30, 16, 30)),
        (
            "/derivatives/bars/daily/options",
            {"date": "2026-10-30"},
            tokyo(2026, 10, 31, 2, 59),
            tokyo(2026, 10, 31, 3, 0),
        ),
        (
            "/markets/margin-interest",
            {"date": DAY},
            tokyo(2026, 10, 23, 16, 29),
            tokyo(2026, 10, 23, 16, 30),
        ),
    ],
)
def test_rows_appear_at_their_time(wires, path, query, before, after):
    assert ask(open_exchange(wires, now=before), path, **query)[1]["data"] == []
    assert ask(open_exchange(wires, now=after), path, **query)[1]["data"]


def test_columns_appear_with_the_specification_and_the_plan(wires):
    def fields(path, now, key="sandbox", **query):
        return list(ask(open_exchange(wires, now=now), path, key, **query)[1]["data"][0])

    old, new = tokyo(2026, 8, 2, 12), tokyo(2026, 8, 3, 12)
    standard = fields(QUOTES, new, "sandbox-standard", date="2026-07-01")
    assert standard == list(ENDPOINTS["quotes"].columns_for(Plan.STANDARD))
    assert len(standard) == 18
    assert set(standard) - set(fields(QUOTES, old, "sandbox-light", date="2026-07-01")) == {
        "MktCap",
        "ExRT",
    }
    assert len(fields(QUOTES, new, date="2026-07-01")) == 18 + 26
    assert "ProdCat" not in fields("/equities/master", tokyo(2026, 5, 25, 12), date="2026-05-01")
    assert "ProdCat" in fields("/equities/master", tokyo(2026, 5, 26, 12), date="2026-05-01")
    margin = "/markets/margin-interest"
    before = fields(margin, tokyo(2026, 9, 27, 12), date="2026-09-11")
    after = fields(margin, tokyo(2026, 9, 28, 12), date="2026-09-11")
    assert (len(before), len(after)) == (9, 16) or (len(before), len(after)) == (8 + 1, 16)
    assert "PubDate" not in before
    assert after[0] == "PubDate"


def test_history_is_restated_when_the_clock_passes_a_split(wires, exchange_market):
    rows = wires["quotes"].rows(date(2025, 6, 1), date(2026, 10, 30))
    split = rows.filter(rows["AdjFactor"] != 1.0).row(0, named=True)
    ex_date = date.fromisoformat(split["Date"])
    day = (ex_date - timedelta(days=30)).isoformat()
    query = {"code": split["Code"], "from_": day, "to": day[:8] + "28"}

    def seen(hour, minute):
        now = tokyo(ex_date.year, ex_date.month, ex_date.day, hour, minute)
        return ask(open_exchange(wires, now=now), QUOTES, **query)[1]["data"]

    before, after = seen(16, 29)[0], seen(16, 30)[0]
    assert before["C"] == after["C"]
    assert after["AdjC"] == round(before["AdjC"] * split["AdjFactor"], 1)
    assert after["AdjVo"] == pytest.approx(before["AdjVo"] / split["AdjFactor"], abs=0.06)
    assert before["AdjFactor"] == after["AdjFactor"] == 1


def test_the_list_of_a_holiday_of_tomorrow_and_of_long_ago(wires):
    def dates(now, key="sandbox", **query):
        found = ask_all(open_exchange(wires, now=now), "/equities/master", key, **query)
        (only,) = {row["Date"] for row in found}
        return only

    friday = tokyo(2026, 10, 30, 17, 29)
    evening = tokyo(2026, 10, 30, 17, 30)
    assert dates(evening, date="2026-10-24") == "2026-10-26"
    assert dates(evening) == "2026-10-30"
    assert dates(tokyo(2026, 10, 31, 9)) == "2026-11-02"
    assert dates(friday, date="2026-11-02") == "2026-10-30"
    assert dates(evening, date="2026-11-02") == "2026-11-02"
    assert dates(evening, date="2027-01-15") == "2026-11-02"
    assert dates(evening, date="2007-05-01") == "2020-08-03"
    assert dates(evening, "sandbox-free") == "2026-08-07"


@pytest.mark.parametrize(
    ("now", "status"),
    [
        (tokyo(2026, 10, 30, 11, 59), 210),
        (tokyo(2026, 10, 30, 12, 0), 200),
        (tokyo(2026, 10, 31, 5, 59), 200),
        (tokyo(2026, 10, 31, 6, 0), 210),
        (tokyo(2026, 10, 31, 13, 0), 210),
    ],
)
def test_morning_bars_are_there_from_noon_to_six(wires, exchange_market, now, status):
    exchange = open_exchange(wires, now=now)
    told, value = ask(exchange, "/equities/bars/daily/am")
    assert told == status
    if status == 200:
        assert {row["Date"] for row in value["data"]} == {"2026-10-30"}
        assert ask(exchange, "/equities/bars/daily/am", code="0001")[0] == 210
    else:
        assert value["message"] == (
            "No content due to outside the target time or a stock code does not exist."
        )


# --- pages, cursors, bodies ----------------------------------------------------------------------


def test_pages_are_the_whole_and_repeat_exactly(wires):
    whole = ask(open_exchange(wires), QUOTES, date=DAY)[1]
    assert "pagination_key" not in whole
    exchange = open_exchange(wires, rows_per_page=25)
    assert ask_all(exchange, QUOTES, date=DAY) == whole["data"]
    first = ask(exchange, QUOTES, date=DAY)[1]
    key = first["pagination_key"]
    second = ask(exchange, QUOTES, date=DAY, pagination_key=key)
    exchange.clock.sleep(3600)
    assert ask(exchange, QUOTES, date=DAY, pagination_key=key) == second
    assert second[1]["pagination_key"] != key
    for other in ({"date": "2026-10-21"}, {"date": DAY, "code": "1305"}):
        assert ask(exchange, QUOTES, **other, pagination_key=key)[0] == 400
    assert ask(exchange, QUOTES, "sandbox-premium", date=DAY, pagination_key=key)[0] == 400
    assert ask(exchange, "/equities/master", date=DAY, pagination_key=key)[0] == 400
    calendar = ask(exchange, "/markets/calendar")[1]
    assert "pagination_key" not in calendar
    assert calendar["data"][-1]["Date"] == "2027-12-31"


def test_pages_of_a_query_show_one_state(wires):
    exchange = open_exchange(wires, now=tokyo(2026, 10, 30, 16, 29), rows_per_page=500)
    first = ask(exchange, "/indices/bars/daily/topix")[1]
    exchange.clock.sleep(120)
    rows, key = first["data"], first["pagination_key"]
    while key:
        page = ask(exchange, "/indices/bars/daily/topix", pagination_key=key)[1]
        rows, key = rows + page["data"], page.get("pagination_key")
    assert rows[-1]["Date"] == "2026-10-29"
    assert ask_all(exchange, "/indices/bars/daily/topix")[-1]["Date"] == "2026-10-30"


@pytest.mark.parametrize("name", ["statements", "statement_details"])
def test_a_cursor_gives_only_what_is_newer(wires, name):
    path = ENDPOINTS[name].path
    frame = wires[name].rows(date(2026, 8, 1), date(2026, 8, 31))
    day = frame["DiscDate"].value_counts().sort("count")["DiscDate"][-1]
    first = frame.filter(frame["DiscDate"] == day)["DiscTime"].min()
    middle = datetime.fromisoformat(f"{day}T{first}+09:00")
    exchange = open_exchange(wires, now=middle, rows_per_page=2)
    key, rows, cursor = {}, [], None
    while cursor is None:
        value = ask(exchange, path, date=day, **key)[1]
        rows += value["data"]
        cursor, key = value.get("cursor"), {"pagination_key": value.get("pagination_key")}
        assert (cursor is None) == (key["pagination_key"] is not None)
    exchange.clock.move_to(datetime.fromisoformat(f"{day}T23:59:00+09:00"))
    value = ask(exchange, path, date=day, cursor=cursor)[1]
    newer = list(value["data"])
    while key := value.get("pagination_key"):
        value = ask(exchange, path, date=day, pagination_key=key)[1]
        newer += value["data"]
    assert newer
    numbers = [row["DiscNo"] for row in rows + newer]
    assert len(set(numbers)) == len(numbers)
    assert sorted(numbers) == sorted(row["DiscNo"] for row in ask_all(exchange, path, date=day))
    assert ask(exchange, path, date=day, cursor=value["cursor"])[1]["data"] == []
    assert ask(exchange, path, date="2026-08-03", cursor=cursor)[0] == 400
    if name == "statements":
        assert "cursor" not in ask(exchange, path, "sandbox-standard", date=day)[1]
        assert ask(exchange, path, "sandbox-standard", date=day, cursor=cursor)[0] == 403
        live = open_exchange(wires, now=middle)
        assert ask(live, path, date=day)[1]["data"]
        assert ask(live, path, "sandbox-standard", date=day)[1]["data"] == []


def test_a_past_day_has_no_cursor(exchange):
    assert "cursor" not in ask(exchange, SUMMARY, date=DAY)[1]


def test_bodies_are_compressed_only_when_asked(exchange):
    request = {"date": DAY}
    plain = exchange.answer(Request("GET", QUOTES, request, {"x-api-key": "sandbox"}))
    assert "content-encoding" not in plain.headers
    headers = {"x-api-key": "sandbox", "Accept-Encoding": "gzip, deflate"}
    packed = exchange.answer(Request("GET", QUOTES, request, headers))
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    refused = exchange.answer(Request("GET", "/x", {}, headers))
    assert b"does not exist" in gzip.decompress(refused.body)


def _fits(kind, value, *, derivatives):
    if kind is Kind.NUMBER:
        return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
    if kind is Kind.OBJECT:
        return isinstance(value, dict)
    if kind is Kind.MARKED or (kind is Kind.TEXT_NUMBER and derivatives):
        return isinstance(value, int | float) or value in ("", "-", "*")
    return value is None or isinstance(value, str)


@pytest.mark.parametrize("name", list(ENDPOINTS))
def test_values_have_the_types_of_their_kind(wires, name):
    endpoint = ENDPOINTS[name]
    exchange = open_exchange(wires, rows_per_page=100_000)
    query = {}
    if endpoint.fetch is Fetch.PER_SESSION:
        frame = wires[name].rows(date(2026, 5, 1), date(2026, 10, 28))
        query = {endpoint.date_param: frame[endpoint.axis].drop_nulls().max()}
    answer = exchange.answer(Request("GET", endpoint.path, query, {"x-api-key": "sandbox"}))
    rows = json.loads(answer.body)["data"]
    assert rows
    assert b".0," not in answer.body
    assert b".0}" not in answer.body
    derivatives = endpoint.path.startswith("/derivatives/")
    for row in rows:
        assert list(row) == list(endpoint.columns)
        for column, kind in endpoint.columns.items():
            assert _fits(kind, row[column], derivatives=derivatives), (column, row[column])


def test_a_request_may_say_what_time_it_is(wires):
    """So an evening is played; the limits of a key go by that time too."""
    exchange = open_exchange(wires)
    key = {"x-api-key": "sandbox"}

    def status(said, day):
        headers = {**key, **({} if said is None else {"X-Sandbox-Now": said})}
        request = Request(method="GET", path=f"/v2{QUOTES}", query={"date": day}, headers=headers)
        answer = exchange.answer(request)
        body = json.loads(
            gzip.decompress(answer.body) if answer.headers.get("content-encoding") else answer.body
        )
        return answer.status, len(body.get("data", ()))

    now = tokyo(2026, 7, 1, 20)
    assert status(now.isoformat(), "2026-07-01") == status(None, "2026-07-01")
    assert status(now.isoformat(), "2026-07-02")[1] == 0
    assert status(now.replace(hour=9).isoformat(), "2026-07-01")[1] == 0
    assert status("tomorrow", "2026-07-01")[0] == 400
    assert status("2026-07-01T20:00:00", "2026-07-01")[0] == 400
