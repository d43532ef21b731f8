import socket
import threading

import httpx
import pytest

from gogooku.core.errors import BusyError
from gogooku.sandbox.exchange.faults import FaultKind, FaultPlan
from gogooku.sandbox.exchange.server import serve, serve_in_thread
from support.sandbox import ask, open_exchange

QUOTES = "/equities/bars/daily"
QUERY = {"date": "2026-10-22"}
HEADERS = {"x-api-key": "sandbox"}


def client_of(url, **options):
    return httpx.Client(base_url=url, headers=HEADERS, trust_env=False, **options)


def faulty(wires, kind):
    return open_exchange(wires, faults=FaultPlan(rate=1.0, kinds=(kind,)))


def test_answers_over_loopback_are_those_in_process(wires):
    exchange = open_exchange(wires)
    with serve_in_thread(exchange) as url, client_of(url) as client:
        assert url.startswith("http://127.0.0.1:")
        assert url.endswith("/v2")
        answer = client.get(QUOTES, params=QUERY)
        assert (answer.status_code, answer.json()) == ask(exchange, QUOTES, **QUERY)
        assert answer.headers["content-encoding"] == "gzip"
        plain = client.get(QUOTES, params=QUERY, headers={"accept-encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.json() == answer.json()
        assert client.get(QUOTES).status_code == 400
        assert client.get("/nowhere").status_code == 403
        assert client.post(QUOTES).status_code == 403
        assert client.get(QUOTES, headers={"x-api-key": ""}).status_code == 403
        assert httpx.get(f"{url}/docs", trust_env=False).status_code == 403
        link = client.get("/bulk/get", params={"endpoint": QUOTES, "date": "2026-09"}).json()["url"]
        bare = httpx.get(link, trust_env=False)
        assert bare.content[:2] == b"\x1f\x8b"
        assert "content-encoding" not in bare.headers
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)


def test_a_reset_breaks_the_connection_in_mid_body(wires):
    with serve_in_thread(faulty(wires, FaultKind.RESET)) as url, client_of(url) as client:
        for _ in range(2):
            with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
                client.get(QUOTES, params=QUERY)
        assert client.get(QUOTES, params=QUERY).status_code == 200


def test_a_stall_outlasts_the_clients_patience(wires):
    exchange = faulty(wires, FaultKind.STALL)
    with (
        serve_in_thread(exchange, stall_seconds=0.6) as url,
        client_of(url, timeout=0.3) as client,
    ):
        for _ in range(2):
            with pytest.raises(httpx.ReadTimeout):
                client.get(QUOTES, params=QUERY)
        assert client.get(QUOTES, params=QUERY, timeout=10).status_code == 200


def test_a_cut_body_arrives_with_its_length(wires):
    exchange = faulty(wires, FaultKind.CUT_GZIP)
    with serve_in_thread(exchange) as url, client_of(url) as client:
        with client.stream("GET", QUOTES, params=QUERY) as answer:
            raw = b"".join(answer.iter_raw())
        assert int(answer.headers["content-length"]) == len(raw)


def test_many_threads_get_what_one_gets(wires):
    exchange = open_exchange(wires, rows_per_page=20)
    days = [f"2026-10-{day:02d}" for day in range(1, 31)]
    alone = {day: ask(open_exchange(wires, rows_per_page=20), QUOTES, date=day) for day in days}
    told = {}

    def work(mine):
        with client_of(url) as client:
            for day in mine:
                answer = client.get(QUOTES, params={"date": day})
                told[day] = (answer.status_code, answer.json())

    with serve_in_thread(exchange) as url:
        threads = [threading.Thread(target=work, args=(days[i::5],)) for i in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert told == alone


def test_a_port_in_use_is_said(wires):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BusyError, match=f"port {port} is in use at 127.0.0.1"):
            serve(lambda: open_exchange(wires), port=port, opened=print)
