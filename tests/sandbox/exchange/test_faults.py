import collections
import json

import httpx
import pytest

from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.sandbox.exchange.faults import EXTRA_FIELD, MAX_IN_ROW, FaultKind, FaultPlan
from support.sandbox import ask_all, csv_rows, mock_transport, open_exchange

BASE = "http://sandbox.test/v2"
QUOTES = "/equities/bars/daily"
QUERY = {"date": "2026-10-22"}


def faulty(wires, *kinds, rate=1.0, seed=0):
    plan = FaultPlan(rate=rate, kinds=kinds or tuple(FaultKind), seed=seed)
    return open_exchange(wires, faults=plan, rows_per_page=20)


def client_of(exchange, **headers):
    return httpx.Client(
        transport=mock_transport(exchange), headers={"x-api-key": "sandbox", **headers}
    )


def get(client, path=QUOTES, **params):
    return client.get(BASE + path, params=params)


@pytest.fixture
def whole(wires):
    return ask_all(open_exchange(wires), QUOTES, **QUERY)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (FaultKind.TOO_MANY, 429),
        (FaultKind.SERVER_ERROR, 500),
        (FaultKind.BAD_GATEWAY, 502),
        (FaultKind.UNAVAILABLE, 503),
        (FaultKind.GATEWAY_TIMEOUT, 504),
    ],
)
def test_statuses_come_twice_and_then_the_answer(wires, whole, kind, status):
    client = client_of(faulty(wires, kind))
    answers = [get(client, **QUERY) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [status, status, 200] * 2
    assert answers[2].json()["data"] == whole[:20]


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (FaultKind.STALL, httpx.ReadTimeout),
        (FaultKind.RESET, httpx.RemoteProtocolError),
        (FaultKind.CUT_GZIP, json.JSONDecodeError),
    ],
)
def test_broken_answers_break(wires, whole, kind, error):
    client = client_of(faulty(wires, kind))
    for _ in range(MAX_IN_ROW):
        with pytest.raises(error):  # httpx lets a cut stream pass: the text ends early
            get(client, **QUERY).json()
    assert get(client, **QUERY).json()["data"] == whole[:20]


def test_nothing_is_cut_that_is_not_compressed(wires):
    client = client_of(faulty(wires, FaultKind.CUT_GZIP), **{"accept-encoding": "identity"})
    assert get(client, **QUERY).json()["data"]


def test_a_repeated_page_has_the_key_that_was_sent(wires, whole):
    client = client_of(faulty(wires, FaultKind.REPEATED_PAGE))
    first = get(client, **QUERY).json()
    assert first["data"] == whole[:20]
    key = first["pagination_key"]
    again = get(client, **QUERY, pagination_key=key).json()
    assert again == first
    assert get(client, **QUERY, pagination_key=key).json()["data"] == whole[20:40]


def test_a_dropped_page_has_no_rows_and_the_next_key(wires, whole):
    client = client_of(faulty(wires, FaultKind.DROPPED_PAGE))
    dropped = get(client, **QUERY).json()
    assert dropped["data"] == []
    right = get(client, **QUERY).json()
    assert right["data"] == whole[:20]
    assert right["pagination_key"] == dropped["pagination_key"]


def test_a_missing_field_is_back_with_the_next_answer(wires):
    client = client_of(faulty(wires, FaultKind.MISSING_FIELD))
    short = get(client, **QUERY).json()["data"]
    right = get(client, **QUERY).json()["data"]
    (left_out,) = set(right[0]) - set(short[0])
    assert left_out not in ENDPOINTS["quotes"].key
    assert all(left_out not in row for row in short)
    assert [{k: v for k, v in row.items() if k != left_out} for row in right] == short


def test_an_unknown_field_and_a_null_key(wires):
    client = client_of(faulty(wires, FaultKind.EXTRA_FIELD))
    assert get(client, **QUERY).json()["data"][0][EXTRA_FIELD] == "1"
    exchange = open_exchange(wires, faults=FaultPlan(rate=1.0, kinds=(FaultKind.NULL_KEY,)))
    value = get(client_of(exchange), **QUERY).json()
    assert value["pagination_key"] is None
    assert list(value) == ["data", "pagination_key"]


def test_refusals_are_never_faulty(wires):
    exchange = faulty(wires)
    client = client_of(exchange)
    assert {get(client).status_code for _ in range(10)} == {400}
    assert exchange.faults.made == {}


def test_downloads_break_too(wires):
    exchange = faulty(wires, FaultKind.CUT_GZIP)
    client = client_of(exchange, **{"accept-encoding": "identity"})
    key = ENDPOINTS["topix"].bulk_key(2026, 9)
    bodies = []
    for _ in range(3):
        url = get(client, "/bulk/get", key=key).json()["url"]
        bodies.append(client.get(url).content)
        assert client.get(url).status_code == 403
    assert bodies[0] == bodies[1] == bodies[2][: len(bodies[2]) // 2]
    assert csv_rows(bodies[2]).height == 19


def _patient(client, path, **params):
    """Rows as a client gets them that asks again after whatever is wrong."""
    rows, sent, fields = [], {}, None
    for _ in range(1_000):
        try:
            answer = get(client, path, **params, **sent)
            value = answer.json() if answer.status_code == 200 else None
        except (httpx.HTTPError, ValueError):
            value = None
        if value is None:
            continue
        key = value.get("pagination_key")
        if key and (not value["data"] or key == sent.get("pagination_key")):
            continue
        page = [{k: v for k, v in row.items() if k != EXTRA_FIELD} for row in value["data"]]
        if page and fields is None:
            fields = len(ENDPOINTS["quotes"].columns)
        if page and len(page[0]) != fields:
            continue
        rows += page
        if not key:
            return rows
        sent = {"pagination_key": key}
    raise AssertionError("patience is at an end")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rate", [0.05, 0.5, 1.0])
def test_a_patient_client_gets_through(wires, whole, seed, rate):
    exchange = faulty(wires, rate=rate, seed=seed)
    assert _patient(client_of(exchange), QUOTES, **QUERY) == whole


def test_faults_are_as_frequent_as_asked_and_the_same_for_a_seed(wires):
    def made(seed):
        exchange = faulty(wires, FaultKind.UNAVAILABLE, rate=0.2, seed=seed)
        client = client_of(exchange)
        days = [f"2026-{month:02d}-{day:02d}" for month in range(1, 11) for day in range(1, 29)]
        return [get(client, date=day).status_code for day in days]

    first = made(1)
    assert made(1) == first
    assert made(2) != first
    share = collections.Counter(first)[503] / len(first)
    assert 0.13 < share < 0.27
