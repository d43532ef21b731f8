import gzip
import json
from datetime import date, datetime, timedelta
from urllib.parse import urlsplit

import polars as pl
import pytest

from gogooku.core.errors import UsageError
from gogooku.core.wall import JST
from gogooku.ingest.jquants.decode import decode_file, decode_pages
from gogooku.ingest.jquants.endpoints import ENDPOINTS, Fetch
from gogooku.ingest.jquants.plans import Plan
from gogooku.sandbox.exchange.body import response_columns
from gogooku.sandbox.exchange.bulk import Restatement
from gogooku.sandbox.exchange.exchange import Request
from support.sandbox import ask, ask_all, csv_rows, open_exchange
from support.soak import some

LIST, GET = "/bulk/list", "/bulk/get"
QUOTES = "/equities/bars/daily"
MONTH = "equities/bars/daily/historical/2026/equities_bars_daily_202609.csv.gz"


def fetch(exchange, url):
    return exchange.answer(Request("GET", urlsplit(url).path, {}, {"host": "x"}))


def content(exchange, **query):
    status, value = ask(exchange, GET, **query)
    assert status == 200, value
    return fetch(exchange, value["url"]).body


def keys(exchange, key="sandbox", /, **query):
    status, value = ask(exchange, LIST, key, **query)
    assert status == 200, value
    return [row["Key"] for row in value["data"]]


def tokyo(*parts):
    return datetime(*parts, tzinfo=JST)


@pytest.fixture
def exchange(wires):
    return open_exchange(wires)


def test_closed_months_then_days_oldest_first(exchange):
    found = keys(exchange, endpoint=QUOTES)
    months = [key for key in found if "/historical/" in key]
    assert months[0].endswith("historical/2020/equities_bars_daily_202008.csv.gz")
    assert months[-1] == MONTH
    assert len(months) == 5 + 5 * 12 + 9
    days = found[len(months) :]
    assert days[0].endswith("live/equities_bars_daily_20261001.csv.gz")
    assert days[-1].endswith("live/equities_bars_daily_20261030.csv.gz")
    assert found == months + days


def test_a_month_keeps_its_days_until_its_file_is_there(wires):
    early = keys(open_exchange(wires, now=tokyo(2026, 10, 5, 5, 59)), endpoint=QUOTES)
    later = keys(open_exchange(wires, now=tokyo(2026, 10, 5, 6, 0)), endpoint=QUOTES)
    assert MONTH not in early
    assert sum("live" in key and "_202609" in key for key in early) == 19
    assert MONTH in later
    assert not any("live" in key and "_202609" in key for key in later)


def test_sizes_are_the_files_and_the_names_of_time_are_iso(exchange):
    rows = ask(exchange, LIST, endpoint=QUOTES, from_="2026-08", to="20261002")[1]["data"]
    assert [row["Key"][-15:-7] for row in rows] == ["y_202608", "y_202609", "20261001", "20261002"]
    for row in rows:
        assert len(content(exchange, key=row["Key"])) == row["Size"]
        assert datetime.fromisoformat(row["LastModified"]).tzinfo is not None
        assert list(row) == ["Key", "LastModified", "Size"]


@pytest.mark.parametrize(
    "name",
    some([row.name for row in ENDPOINTS.values() if row.bulk and row.name != "calendar"], keep=6),
)
def test_a_month_is_what_its_pages_are(exchange, wires, name):
    endpoint = ENDPOINTS[name]
    newest = wires[name].rows(date(2026, 3, 1), date(2026, 9, 30))[endpoint.axis].max()
    month = date.fromisoformat(newest).replace(day=1)
    span = (month, (month + timedelta(days=31)).replace(day=1) - timedelta(days=1))
    body = content(exchange, key=endpoint.bulk_key(month.year, month.month))
    if endpoint.fetch is Fetch.RANGE:
        queries = [{"from_": span[0], "to": span[1]}]
    else:
        days = wires[name].rows(*span)[endpoint.axis].unique().sort()
        queries = [{endpoint.date_param: day} for day in days]
    rows = [row for query in queries for row in ask_all(exchange, endpoint.path, **query)]
    assert rows
    pages = decode_pages(endpoint, [json.dumps({"data": rows}).encode()])
    file = decode_file(endpoint, body)
    assert file.unknown == file.missing == ()
    if name == "quotes":
        # The file is older than the newest split; the adjusted columns say so.
        pages, file = (
            one.frame.drop(pl.selectors.contains("Adj") - pl.selectors.by_name("AdjFactor"))
            for one in (pages, file)
        )
    else:
        pages, file = pages.frame, file.frame
    assert file.sort(endpoint.key).equals(pages.sort(endpoint.key))


def test_columns_are_those_of_the_plan_and_the_day(wires):
    exchange = open_exchange(wires)

    def header(key):
        url = ask(exchange, GET, key, key=MONTH)[1]["url"]
        return csv_rows(fetch(exchange, url).body).columns

    for plan in (Plan.LIGHT, Plan.PREMIUM):
        told = header(f"sandbox-{plan.name.lower()}")
        assert tuple(told) == response_columns(
            ENDPOINTS["quotes"], plan=plan, day=date(2026, 10, 30)
        )


def test_missing_numbers_are_empty_and_objects_are_json(exchange):
    key = "equities/bars/daily/historical/2020/equities_bars_daily_202010.csv.gz"
    frame = csv_rows(content(exchange, key=key))
    halt = frame.filter(pl.col("Date") == "2020-10-01")
    assert halt.height > 40
    assert set(halt["C"]) == {""}
    assert "" not in set(halt["AdjFactor"])
    alert = csv_rows(content(exchange, key=ENDPOINTS["margin_alert"].bulk_key(2026, 9)))
    assert set(json.loads(alert["PubReason"][0])) >= {"Restricted", "DailyPublication"}


def test_a_link_works_once_and_for_five_minutes(exchange):
    url = ask(exchange, GET, key=MONTH)[1]["url"]
    first = fetch(exchange, url)
    assert first.status == 200
    assert "content-encoding" not in first.headers
    assert gzip.decompress(first.body).startswith(b"Date,Code,O,")
    assert fetch(exchange, url).status == 403
    url = ask(exchange, GET, key=MONTH)[1]["url"]
    exchange.clock.sleep(301)
    assert fetch(exchange, url).status == 403
    assert fetch(exchange, "http://x/download/guessed").status == 403


def test_a_file_by_endpoint_and_date(exchange):
    month = content(exchange, endpoint=QUOTES, date="2026-09")
    assert (
        month == content(exchange, key=MONTH) == content(exchange, endpoint=QUOTES, date="202609")
    )
    day = csv_rows(content(exchange, endpoint=QUOTES, date="20261022"))
    assert set(day["Date"]) == {"2026-10-22"}


@pytest.mark.parametrize(
    ("path", "query"),
    [
        (LIST, {}),
        (LIST, {"endpoint": QUOTES, "date": "2026-09"}),
        (LIST, {"date": "2026-09", "from_": "2026-09"}),
        (LIST, {"endpoint": "/equities/earnings-calendar"}),
        (LIST, {"endpoint": "equities/master"}),
        (LIST, {"endpoint": QUOTES, "from_": "2026-13"}),
        (LIST, {"endpoint": QUOTES, "from_": "2026-09", "to": "2026-08"}),
        (GET, {}),
        (GET, {"endpoint": QUOTES}),
        (GET, {"key": MONTH, "endpoint": QUOTES, "date": "2026-09"}),
        (GET, {"key": MONTH.replace("2026", "1999")}),
        (GET, {"key": "nonsense"}),
    ],
)
def test_bad_requests_are_400(exchange, path, query):
    assert ask(exchange, path, **query)[0] == 400


def test_plans_have_their_files_only(exchange):
    for path in (QUOTES, "/equities/master"):
        assert ask(exchange, LIST, "sandbox-free", endpoint=path)[0] == 403
    assert len(keys(exchange, "sandbox-free", endpoint="/markets/calendar")) == 1
    assert ask(exchange, LIST, "sandbox-standard", endpoint="/markets/breakdown")[0] == 403
    assert ask(exchange, GET, "sandbox-free", key=MONTH)[0] == 403
    light = keys(exchange, "sandbox-light", endpoint=QUOTES)
    assert light[0].endswith("2021/equities_bars_daily_202110.csv.gz")
    monthly = keys(exchange, "sandbox-standard", date="2026-09")
    paths = {key.partition("/historical/")[0] for key in monthly if "/historical/" in key}
    expected = {
        row.path[1:] for row in ENDPOINTS.values() if row.bulk and row.plan <= Plan.STANDARD
    }
    assert paths == expected - {"markets/calendar"}


def test_the_calendar_has_one_file_with_everything(exchange):
    (key,) = keys(exchange, endpoint="/markets/calendar")
    frame = csv_rows(content(exchange, key=key))
    assert (frame["Date"][0], frame["Date"][-1]) == ("2008-01-01", "2027-12-31")


def test_splits_move_last_modified_only_when_asked(wires):
    rows = wires["quotes"].rows(date(2026, 5, 1), date(2026, 10, 30))
    split = rows.filter(rows["AdjFactor"] != 1.0).sort("Date").row(-1, named=True)
    after = datetime.fromisoformat(f"{split['Date']}T17:00+09:00") + timedelta(days=70)
    month = "equities/bars/daily/historical/2026/equities_bars_daily_202605.csv.gz"
    seen = {}
    for way in Restatement:
        exchange = open_exchange(wires, now=after, restatement=way)
        listed = ask(exchange, LIST, endpoint=QUOTES, from_="2026-05", to="2026-05")[1]["data"]
        frame = csv_rows(content(exchange, key=month)).filter(pl.col("Code") == split["Code"])
        seen[way] = (listed[0]["LastModified"], float(frame["AdjC"][0]), float(frame["C"][0]))
    never, moved = seen[Restatement.NEVER], seen[Restatement.ON_SPLIT]
    assert moved[0] == f"{split['Date']}T16:30:00+09:00" or moved[0] == never[0]
    assert never[2] == moved[2]
    assert moved[1] == pytest.approx(moved[2] * split["AdjFactor"], abs=0.06)


def test_files_rendered_beforehand_are_served_from_the_folder(wires, tmp_path, monkeypatch):
    some = {name: wires[name] for name in ("calendar", "topix", "quotes")}
    exchange = open_exchange(some, files_folder=tmp_path)
    num_files, num_bytes = exchange.render_files(Plan.STANDARD)
    files = list(tmp_path.rglob("*.gz"))
    assert num_files == len(files) == 74 + 74 + 1
    assert num_bytes == sum(path.stat().st_size for path in files)
    assert exchange.render_files(Plan.STANDARD) == (num_files, num_bytes)
    on_demand = open_exchange(some)
    url = ask(on_demand, GET, "sandbox-standard", key=MONTH)[1]["url"]
    body = fetch(on_demand, url).body
    served = open_exchange(some, files_folder=tmp_path)
    months = "2020-08-31", "2026-09-30"
    monkeypatch.setattr(
        type(some["quotes"]),
        "rows_known",
        lambda self, first, last, known: (
            pytest.fail("rendered again") if str(last) in months else self.rows(first, last)
        ),
    )
    url = ask(served, GET, "sandbox-standard", key=MONTH)[1]["url"]
    assert fetch(served, url).body == body
    with pytest.raises(UsageError, match="folder"):
        on_demand.render_files(Plan.FREE)
