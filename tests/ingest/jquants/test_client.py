"""The wire client against a scripted server: every status, every fault, and no key anywhere."""

import gzip
import json
import logging
import socket
import threading
import traceback
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import httpx
import pytest

from gogooku.core.errors import ConfigError, DataError, TerminalError, TransientError
from gogooku.core.wall import PLAYED_HEADER, ShiftedClock, VirtualClock
from gogooku.ingest.jquants.client import (
    ApiKey,
    BadRequest,
    BulkFile,
    Client,
    NoSubscription,
    NotInPlan,
    OutsideWindow,
    Patience,
    RefusedKey,
    TooLarge,
    Unreachable,
)
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.ingest.jquants.pacing import Pacer
from gogooku.ingest.jquants.plans import Bucket, Plan

BASE = "https://api.exchange.test/v2"
KEY = "k3y-/that+must=never.show"
START = datetime(2026, 11, 20, 9, tzinfo=UTC)
QUOTES = ENDPOINTS["quotes"]
PATIENT = Patience()
DAY = {"date": "2026-11-20"}


def answer(rows=(), *, status=200, headers=None, **more):
    body = {"data": [{"Code": code} for code in rows], **more}
    return httpx.Response(status, json=body, headers=headers)


def refusal(status, message):
    return httpx.Response(status, json={"message": message})


class Parts(httpx.SyncByteStream):
    """A body in parts, as from a socket; an exception among them is raised."""

    def __init__(self, *parts):
        self.parts = parts

    def __iter__(self):
        for part in self.parts:
            if isinstance(part, Exception):
                raise part
            yield part


class Server:
    """Gives scripted answers in order, the last one forever; remembers what was asked and when."""

    def __init__(self, *script):
        self.script = list(script)
        self.clock = VirtualClock(START)
        self.asked = []
        self.instants = []

    def __call__(self, request):
        self.asked.append(request)
        self.instants.append(self.clock.now())
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(step, Exception):
            raise step
        return step(request) if callable(step) else step

    def client(self, *, patience=PATIENT, plan=Plan.PREMIUM, base_url=BASE):
        return Client(
            base_url=base_url,
            key=ApiKey(KEY),
            pacer=Pacer(plan, clock=self.clock),
            clock=self.clock,
            transport=httpx.MockTransport(self),
            patience=patience,
        )

    def gaps(self):
        return [(b - a).total_seconds() for a, b in pairwise(self.instants)]


def everything_said(error):
    """The traceback with the whole chain and the text and repr of everything in it."""
    texts = ["".join(traceback.format_exception(error))]
    while error is not None:
        texts += [str(error), repr(error), repr(vars(error))]
        frames = traceback.walk_tb(error.__traceback__)
        texts += [repr(local) for frame, _ in frames for local in frame.f_locals.values()]
        assert not type(error).__module__.startswith(("httpx", "httpcore"))
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


def failure(server, kind, *, call=None, **options):
    """The error of a call; nothing of the key is in it."""
    call = call or (lambda client: list(client.pages(QUOTES, DAY)))
    with server.client(**options) as client, pytest.raises(kind) as caught:
        call(client)
    # The frames of this file hold scripted answers that may quote the key on purpose.
    error = caught.value
    while error.__traceback__ and error.__traceback__.tb_frame.f_code.co_filename == __file__:
        error.__traceback__ = error.__traceback__.tb_next
    assert KEY not in everything_said(error)
    return error


# --- the key ------------------------------------------------------------------------------------


def test_the_key_never_shows_in_text():
    key = ApiKey(f" {KEY}\n")
    assert key.value == KEY
    assert f"{key} {key!r} {[key]}" == "ApiKey(***) ApiKey(***) [ApiKey(***)]"


@pytest.mark.parametrize("value", ["", "  \n", "two words", "schlüssel", "line\nbreak"])
def test_a_key_that_cannot_be_one_is_refused_without_quoting_it(value):
    with pytest.raises(TerminalError, match="JQUANTS_API_KEY") as caught:
        ApiKey(value)
    assert not value.strip() or value not in str(caught.value)


def test_the_key_is_sent_in_its_header_and_the_client_does_not_show_it():
    server = Server(answer())
    with server.client() as client:
        list(client.pages(QUOTES, DAY))
        assert KEY not in repr(vars(client)) + repr(client._api.headers) + repr(client._api.auth)
    request = server.asked[0]
    assert request.headers["x-api-key"] == KEY
    assert request.headers["accept-encoding"] == "gzip"
    assert str(request.url) == f"{BASE}/equities/bars/daily?date=2026-11-20"


def test_a_shifted_clock_is_told_and_no_other_is():
    server = Server(answer())
    with server.client() as client:
        list(client.pages(QUOTES, DAY))
    server.clock = ShiftedClock.set_to(datetime(2031, 5, 6, 11, 30, tzinfo=UTC))
    with server.client() as client:
        list(client.pages(QUOTES, DAY))
    first, second = server.asked
    assert PLAYED_HEADER not in first.headers
    assert second.headers[PLAYED_HEADER].startswith("2031-05-06T11:30")


@pytest.mark.parametrize("quoted", [KEY, "k3y-%2Fthat%2Bmust%3Dnever.show"])
def test_a_server_that_echoes_the_key_is_not_believed(quoted):
    error = failure(Server(refusal(400, f"bad key {quoted}.")), BadRequest)
    assert "bad key ***." in str(error)
    assert quoted not in str(error)


def test_over_a_real_socket_faults_pass_and_the_key_is_in_no_log(caplog):
    caplog.set_level(logging.DEBUG)
    text = json.dumps({"data": [{"Code": "13010"}] * 50}).encode()
    packed = gzip.compress(text)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n"
    length = b"Content-Length: %d\r\n\r\n" % len(packed)
    sent = [
        b"",
        head + length + packed[:20],  # the connection ends in mid-body
        head + b"\r\n" + packed[:20],  # so does the body, whose length is unknown
        head + length + packed,
    ]
    clock = VirtualClock(START)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=(listener, sent))
        server.start()
        with Client(
            base_url=f"http://127.0.0.1:{listener.getsockname()[1]}/v2",
            key=ApiKey(KEY),
            pacer=Pacer(Plan.PREMIUM, clock=clock),
            clock=clock,
        ) as client:
            (page,) = client.pages(QUOTES, DAY)
            assert client.requests == 4
        server.join()
    assert page.body == text
    assert caplog.records
    assert KEY not in caplog.text


def serve(listener, sent):
    """Answer one connection with each of the byte strings."""
    for answer_bytes in sent:
        connection, _ = listener.accept()
        with connection:
            assert b"x-api-key" in connection.recv(65536).lower()
            connection.sendall(answer_bytes)


def test_nothing_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    clock = VirtualClock(START)
    pacer = Pacer(Plan.PREMIUM, clock=clock)
    base_url = f"http://127.0.0.1:{port}"
    with (
        Client(base_url=base_url, key=ApiKey(KEY), pacer=pacer, clock=clock) as client,
        pytest.raises(TransientError, match=f"no answer from 127.0.0.1:{port}") as caught,
    ):
        list(client.pages(QUOTES, DAY))
    assert KEY not in everything_said(caught.value)


@pytest.mark.parametrize("base_url", ["", "api.test/v2", "ftp://a/b", "https://me:pw@a/v2"])
def test_an_address_that_cannot_be_asked_is_refused(base_url):
    with pytest.raises(ConfigError, match="JQUANTS_BASE_URL") as caught:
        Server(answer()).client(base_url=base_url)
    assert "pw" not in str(caught.value)


def test_a_redirect_is_not_followed():
    elsewhere = {"location": "https://elsewhere.test/"}
    server = Server(httpx.Response(302, headers=elsewhere), answer())
    error = failure(server, BadRequest)
    assert "redirect" in str(error)
    assert len(server.asked) == 1


# --- answers ------------------------------------------------------------------------------------


def test_210_is_an_empty_page():
    server = Server(httpx.Response(210, json={"message": "No content due to ..."}))
    (page,) = server.client().pages(ENDPOINTS["morning"], {})
    assert (page.body, page.rows, page.pagination_key, page.cursor) == (
        b'{"data":[]}',
        0,
        None,
        None,
    )


def test_a_gzip_body_is_unpacked_and_kept_as_received():
    text = b'{ "data": [{"Code": "13010"}],\n"pagination_key": null, "cursor": "c1" }'
    packed = gzip.compress(text)
    coded = {"content-encoding": "gzip"}
    server = Server(httpx.Response(200, headers=coded, stream=Parts(packed[:9], packed[9:])))
    (page,) = server.client().pages(QUOTES, DAY)
    assert (page.body, page.rows, page.cursor) == (text, 1, "c1")


WINDOW = "Your subscription covers the following dates: 2024-08-28 ~ 2026-08-28. If you want more"
OPEN = "Your subscription covers the following dates: 2021-11-21 ~ . If you want more data, please"
NOT_IN = "This API is not available on your subscription. If you want more data, please check"


@pytest.mark.parametrize(
    ("status", "message", "kind", "says"),
    [
        (403, "The incoming token is invalid or expired.", RefusedKey, "JQUANTS_API_KEY"),
        (401, "The incoming token is invalid or expired.", RefusedKey, "JQUANTS_API_KEY"),
        (403, "The api key is required.", RefusedKey, "dashboard"),
        (403, "Forbidden", RefusedKey, "Forbidden"),
        (401, "", RefusedKey, "401"),
        (403, "There is no active subscription.", NoSubscription, "choose a plan"),
        (403, NOT_IN, NotInPlan, "higher plan"),
        (400, WINDOW, OutsideWindow, "2024-08-28 to 2026-08-28"),
        (400, OPEN, OutsideWindow, "2021-11-21 to today"),
        (403, "The requested endpoint does not exist. Check the URL", BadRequest, "BASE_URL"),
        (400, "'code' must be 4 or 5 digits.", BadRequest, "quotes date=2026-11-20"),
        (413, "Response data is too large.", BadRequest, "too large"),
        (404, "gone", BadRequest, "404"),
    ],
)
def test_a_final_answer_is_one_sentence_and_never_asked_again(status, message, kind, says):
    server = Server(refusal(status, message))
    error = failure(server, kind)
    assert says in str(error)
    assert message[:40] in str(error)
    assert "\n" not in str(error)
    assert isinstance(error, TerminalError)
    assert error.exit_code == 3
    assert len(server.asked) == 1


def test_refusals_carry_their_facts():
    assert failure(Server(refusal(403, NOT_IN)), NotInPlan).endpoint == "quotes"
    closed = failure(Server(refusal(400, WINDOW)), OutsideWindow)
    assert (closed.first, closed.last) == (date(2024, 8, 28), date(2026, 8, 28))
    assert failure(Server(refusal(400, OPEN)), OutsideWindow).last is None


def test_a_refusal_that_is_not_json_is_quoted_in_one_short_line():
    error = failure(Server(httpx.Response(403, text="<html>\n" + "x" * 5000)), RefusedKey)
    assert "<html> xxx" in str(error)
    assert len(str(error)) < 700


# --- faults -------------------------------------------------------------------------------------


def cut_gzip(_request):
    packed = gzip.compress(json.dumps({"data": [{"Code": "13010"}] * 500}).encode())
    coded = {"content-encoding": "gzip"}
    return httpx.Response(200, headers=coded, stream=Parts(packed[: len(packed) // 2]))


def reset_in_body(_request):
    reset = httpx.ReadError("[Errno 104] Connection reset by peer")
    return httpx.Response(200, stream=Parts(b'{"data":[', reset))


def odd_coding(_request):
    return httpx.Response(200, headers={"content-encoding": "br"}, stream=Parts(b"?"))


FAULTS = {
    **{str(status): httpx.Response(status, text="oops") for status in (408, 500, 502, 503, 504)},
    "read timeout": httpx.ReadTimeout("timed out"),
    "connect timeout": httpx.ConnectTimeout("timed out"),
    "name": httpx.ConnectError("[Errno -2] Name or service not known"),
    "tls": httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]"),
    "protocol": httpx.RemoteProtocolError("peer closed connection without complete body"),
    "reset in body": reset_in_body,
    "cut gzip": cut_gzip,
    "odd coding": odd_coding,
    "cut json": httpx.Response(200, text='{"data": [{"Code": "130'),
    "not an envelope": httpx.Response(200, json={"message": "ok"}),
    "rows not objects": httpx.Response(200, json={"data": [1]}),
    "nan": httpx.Response(200, text='{"data": [{"C": NaN}]}'),
    "key not text": httpx.Response(200, json={"data": [], "pagination_key": 5}),
    "empty body": httpx.Response(200),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_passes_costs_time_only(name):
    server = Server(FAULTS[name], FAULTS[name], answer(["13010"]))
    with server.client() as client:
        (page,) = client.pages(QUOTES, DAY)
        assert client.requests == 3
    assert page.rows == 1
    first, second = server.gaps()
    assert 1 <= first <= 2
    assert 2 <= second <= 4
    assert first < second


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_stays_ends_as_one_sentence(name):
    server = Server(FAULTS[name])
    error = failure(server, TransientError, patience=Patience(attempts=4))
    assert len(server.asked) == 4
    assert "quotes date=2026-11-20" in str(error)
    assert "4 attempts" in str(error)
    assert "\n" not in str(error)
    if name in ("name", "tls", "connect timeout"):
        assert "no answer from api.exchange.test" in str(error)


def test_the_waits_are_the_same_every_time_and_have_a_ceiling():
    patience = Patience(attempts=9, first_seconds=1, ceiling_seconds=10)
    runs = []
    for _ in range(2):
        server = Server(httpx.Response(503))
        failure(server, TransientError, patience=patience)
        runs.append(server.gaps())
    assert runs[0] == runs[1]
    assert max(runs[0]) <= 10
    assert min(runs[0][4:]) >= 5
    assert len(set(runs[0][4:])) == 4


def test_a_body_that_drips_forever_is_given_up():
    server = Server(None)

    def dripping(_request):
        def parts():
            while True:
                server.clock.sleep(59)
                yield b" "

        stream = Parts()
        stream.__class__ = type("Drip", (Parts,), {"__iter__": lambda _self: parts()})
        return httpx.Response(200, stream=stream)

    server.script = [dripping]
    error = failure(server, TransientError, patience=Patience(attempts=2))
    assert "not whole after 900 s" in str(error)


@pytest.mark.parametrize("attempts", [0, -1])
def test_no_patience_at_all_is_refused(attempts):
    with pytest.raises(ValueError, match="at least one"):
        Patience(attempts=attempts)


# --- the rate limit -----------------------------------------------------------------------------


def test_a_429_pauses_a_minute_and_the_block_five():
    over = httpx.Response(429, json={"message": "?"})
    server = Server(over, over, answer(), over, answer())
    with server.client() as client:
        list(client.pages(QUOTES, DAY))
        list(client.pages(QUOTES, DAY))
        assert client.requests == 5
    assert server.gaps() == pytest.approx([60, 310, 0.1224, 60], abs=0.01)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("5", 60),
        ("Fri, 20 Nov 2026 09:03:00 GMT", 180),
        ("Fri, 20 Nov 2026 09:03:00 -0000", 180),
        ("soon", 60),
        ("999999", 3600),
    ],
)
def test_retry_after_makes_the_pause_longer_never_shorter(header, seconds):
    server = Server(httpx.Response(429, headers={"retry-after": header}), answer())
    list(server.client().pages(QUOTES, DAY))
    assert server.gaps() == pytest.approx([seconds], abs=0.01)


def test_a_429_without_end_is_given_up():
    server = Server(httpx.Response(429))
    error = failure(server, TransientError, patience=Patience(refusals=3))
    assert "429" in str(error)
    assert len(server.asked) == 3


def test_a_429_with_a_broken_body_is_still_a_429():
    broken = httpx.Response(429, headers={"content-encoding": "gzip"}, stream=Parts(b"\x1f\x8b"))
    server = Server(broken, answer())
    list(server.client().pages(QUOTES, DAY))
    assert server.gaps() == pytest.approx([60], abs=0.01)


@pytest.mark.parametrize("plan", Plan)
def test_requests_are_paced_by_plan_and_bucket(plan):
    server = Server(answer())
    with server.client(plan=plan) as client:
        for _ in range(4):
            list(client.pages(ENDPOINTS["statements"], DAY))
    limit = {Plan.FREE: 5}.get(plan, 60)
    assert ENDPOINTS["statements"].bucket is Bucket.SUMMARY
    assert server.gaps() == pytest.approx([60 / limit * 1.02] * 3, abs=0.001)


# --- pages --------------------------------------------------------------------------------------


def codes(pages):
    return [row["Code"] for page in pages for row in json.loads(page.body)["data"]]


def test_pages_follow_the_key_with_the_identical_query():
    server = Server(
        answer("ab", pagination_key="p1/+="),
        answer("c", pagination_key="p2"),
        answer("d", pagination_key="", cursor="c9"),
    )
    pages = list(server.client().pages(QUOTES, {"code": "72030", "from": "2026-01-01"}))
    assert codes(pages) == list("abcd")
    assert [page.cursor for page in pages] == [None, None, "c9"]
    queries = [dict(request.url.params) for request in server.asked]
    assert [query.pop("pagination_key", None) for query in queries] == [None, "p1/+=", "p2"]
    assert queries == [{"code": "72030", "from": "2026-01-01"}] * 3


def test_a_page_is_asked_only_when_it_is_wanted():
    server = Server(answer("a", pagination_key="p1"), answer("b"))
    next(server.client().pages(QUOTES, DAY))
    assert len(server.asked) == 1


FIRST = {"rows": "ab", "pagination_key": "p1"}


@pytest.mark.parametrize(
    "wrong",
    [
        answer(**FIRST),
        answer((), pagination_key="p2"),
        answer("ab", pagination_key="p2"),
        answer("ab"),
    ],
    ids=["repeated", "dropped", "repeated under a new key", "repeated as the last"],
)
def test_a_wrong_page_is_asked_again(wrong):
    server = Server(answer(**FIRST), wrong, wrong, answer("cd", pagination_key="p2"), answer("e"))
    assert codes(server.client().pages(QUOTES, DAY)) == list("abcde")
    keys = [request.url.params.get("pagination_key") for request in server.asked]
    assert keys == [None, "p1", "p1", "p1", "p2"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (answer(**FIRST), "already sent"),
        (lambda request: answer((), pagination_key=f"k{id(request)}"), "empty page before the end"),
    ],
)
def test_a_page_that_stays_wrong_is_given_up(wrong, says):
    server = Server(answer(**FIRST), wrong)
    error = failure(server, TransientError, patience=Patience(attempts=3))
    assert says in str(error)
    assert len(server.asked) == 4


def test_a_page_that_stays_repeated_under_a_new_key_is_left_out():
    twice = [answer("ab", pagination_key="p2")] * 3
    server = Server(answer(**FIRST), *twice, answer("c"))
    client = server.client(patience=Patience(attempts=3))
    assert codes(client.pages(QUOTES, DAY)) == list("abc")


def test_a_page_that_stays_empty_with_one_successor_is_followed():
    empty = [answer((), pagination_key="p2")] * 3
    again = [answer("ab", pagination_key="p3")] * PATIENT.attempts
    server = Server(answer(**FIRST), *empty, *again, answer("c"))
    assert codes(server.client().pages(QUOTES, DAY)) == list("abc")
    keys = [request.url.params.get("pagination_key") for request in server.asked]
    assert keys == [None, *["p1"] * 3, *["p2"] * PATIENT.attempts, "p3"]


def test_keys_that_go_in_a_circle_end():
    server = Server(
        answer("a", pagination_key="p1"),
        answer("b", pagination_key="p2"),
        answer("c", pagination_key="p1"),
    )
    failure(server, TransientError)


def test_an_empty_last_page_is_the_end():
    server = Server(answer("a", pagination_key="p1"), answer())
    pages = list(server.client().pages(QUOTES, DAY))
    assert [page.rows for page in pages] == [1, 0]


# --- bulk ---------------------------------------------------------------------------------------

LISTED = "equities/bars/daily/historical/2026/equities_bars_daily_202610.csv.gz"
FILE = gzip.compress(b"Date,Code\n2026-10-01,13010\n")
ELSEWHERE = "https://files.elsewhere.test/x?X-Signature=s1gned"


def url(address=ELSEWHERE):
    return httpx.Response(200, json={"url": address})


def test_the_list_of_files():
    line = {"Key": LISTED, "LastModified": "2026-11-03T01:02:03Z", "Size": 77}
    local = {**line, "LastModified": "2026-11-03T10:02:03"}
    server = Server(httpx.Response(200, json={"data": [line, local]}))
    files = server.client().bulk_list(endpoint=QUOTES)
    assert files == [BulkFile(LISTED, datetime(2026, 11, 3, 1, 2, 3, tzinfo=UTC), 77)] * 2
    assert server.asked[0].url.params["endpoint"] == "/equities/bars/daily"


def test_a_list_without_its_fields_is_asked_again():
    line = {"Key": LISTED, "LastModified": "2026-11-03T01:02:03Z", "Size": 77}
    bad = [{**line, "Size": "many"}, {**line, "LastModified": "?"}, {"Key": LISTED}]
    server = Server(
        *(httpx.Response(200, json={"data": [row]}) for row in bad),
        httpx.Response(200, json={"data": [line]}),
    )
    assert len(server.client().bulk_list(endpoint=QUOTES)) == 1
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    ("address", "host"),
    [
        (ELSEWHERE, "files.elsewhere.test"),
        (f"{BASE}/files/1?s=2", "api.exchange.test"),
        ("/v2/files/1?s=2", "api.exchange.test"),
    ],
)
def test_a_file_is_fetched_without_the_key_and_outside_the_pace(address, host):
    server = Server(url(address), httpx.Response(200, content=FILE))
    with server.client(plan=Plan.FREE) as client:
        assert client.bulk_file(LISTED) == FILE
        assert client.requests == 1
    asked, download = server.asked
    assert asked.url.params["key"] == LISTED
    assert download.url.host == host
    assert "x-api-key" not in download.headers
    assert KEY not in repr(download.headers.raw)
    assert server.gaps() == [0]


def test_a_file_behind_a_redirect_is_fetched_without_the_key():
    there = httpx.Response(307, headers={"location": f"{BASE}/other"})
    server = Server(url(), there, httpx.Response(200, content=FILE))
    assert server.client().bulk_file(LISTED) == FILE
    assert ["x-api-key" in request.headers for request in server.asked] == [True, False, False]


@pytest.mark.parametrize(
    "fault",
    [
        httpx.Response(403, text="<Error>Request has expired</Error>"),
        httpx.Response(503),
        httpx.ReadTimeout("slow"),
        httpx.Response(200, stream=Parts(FILE[:-9])),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, stream=Parts(FILE[:5], httpx.ReadError("reset"))),
    ],
)
def test_a_failed_download_asks_for_a_new_address(fault):
    server = Server(url(), fault, url(ELSEWHERE + "2"), httpx.Response(200, content=FILE))
    assert server.client().bulk_file(LISTED) == FILE
    assert str(server.asked[3].url) == ELSEWHERE + "2"
    assert server.gaps()[1] >= 1


def test_a_file_sent_as_a_gzip_coded_csv_is_the_same_file():
    coded = {"content-encoding": "gzip"}
    for body in (FILE, gzip.compress(FILE)):
        server = Server(url(), httpx.Response(200, headers=coded, stream=Parts(body)))
        assert server.client().bulk_file(LISTED) == FILE


def test_a_file_that_never_comes_is_one_sentence_without_its_address():
    for fault in (httpx.Response(403), httpx.ConnectError(f"cannot reach {ELSEWHERE}")):
        server = Server(*[url(), fault] * 3)
        error = failure(
            server,
            TransientError,
            call=lambda client: client.bulk_file(LISTED),
            patience=Patience(attempts=3),
        )
        assert LISTED in str(error)
        assert "s1gned" not in str(error)


def test_a_file_is_fetched_by_https_only_or_from_this_machine():
    plain = "http://files.elsewhere.test/x?X-Signature=s1gned"
    redirect = httpx.Response(307, headers={"location": plain})
    for script in ([url(plain)], [url(), redirect]):
        server = Server(*script, httpx.Response(200, content=FILE))
        error = failure(server, DataError, call=lambda client: client.bulk_file(LISTED))
        assert "files.elsewhere.test without https" in str(error)
        assert len(server.asked) == len(script), "nothing was sent there"
    for address in ("http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]/x"):
        server = Server(url(address), httpx.Response(200, content=FILE))
        failure(server, DataError, call=lambda client: client.bulk_file(LISTED))
        assert len(server.asked) == 1, "an API elsewhere has no files on this machine"
        server = Server(url(address), httpx.Response(200, content=FILE))
        client = server.client(base_url="http://127.0.0.1:8790/v2")
        assert client.bulk_file(LISTED) == FILE


def test_a_body_that_is_too_large_is_refused_at_once(monkeypatch):
    for name in ("PAGE_BYTES", "FILE_BYTES", "PACKED_FILE_BYTES"):
        monkeypatch.setattr(f"gogooku.ingest.jquants.client.{name}", 1 << 20)
    packed = gzip.compress(bytes(2 << 20))
    coded = {"content-encoding": "gzip"}
    endless = Parts(*[b" " * (1 << 18)] * 1000)
    cases = [
        (httpx.Response(200, headers=coded, stream=Parts(packed)), None),
        (httpx.Response(200, stream=endless), None),
        (httpx.Response(503, stream=endless), None),
    ]
    for answered, call in cases:
        server = Server(answered)
        error = failure(server, TooLarge, call=call)
        assert "quotes date=2026-11-20" in str(error)
        assert "the limit" in str(error)
        assert len(server.asked) == 1
    for stream in (Parts(packed), endless):
        server = Server(url(), httpx.Response(200, stream=stream))
        error = failure(server, TooLarge, call=lambda client: client.bulk_file(LISTED))
        assert LISTED in str(error)
        assert "s1gned" not in str(error)


def test_an_answer_without_an_address_is_asked_again():
    server = Server(httpx.Response(200, json={}), url(), httpx.Response(200, content=FILE))
    assert server.client().bulk_file(LISTED) == FILE


def test_bulk_outside_the_plan():
    error = failure(
        Server(refusal(403, NOT_IN)),
        NotInPlan,
        call=lambda client: client.bulk_list(endpoint=QUOTES),
    )
    assert "bulk files of quotes" in error.endpoint


def test_a_day_of_mixed_faults_loses_nothing():
    faults = list(FAULTS.values())
    script = []
    for number in range(40):
        script.append(faults[number % len(faults)])
        key = f"p{number}" if number < 39 else None
        script.append(answer([str(number)], pagination_key=key))
    server = Server(*script)
    assert codes(server.client().pages(QUOTES, DAY)) == [str(n) for n in range(40)]
    assert server.clock.now() - START < timedelta(minutes=5)


BARE, FULL = answer(["13010"]), httpx.Response(200, json={"data": [{"Code": "13010", "C": 1.0}]})
FIELDS = frozenset({"Code", "C"})


def whole(client, **options):
    return [json.loads(page.body)["data"] for page in client.pages(QUOTES, DAY, **options)]


def test_a_page_that_lacks_fields_is_asked_once_more_and_the_fuller_one_is_taken():
    server = Server(BARE, FULL, BARE)
    with server.client() as client:
        assert whole(client, fields=FIELDS) == [[{"Code": "13010", "C": 1.0}]]
        assert len(server.asked) == 2
        assert whole(client, fields=FIELDS) == [[{"Code": "13010"}]]
        assert whole(client) == [[{"Code": "13010"}]], "nothing is expected"
    assert len(server.asked) == 5


def test_fields_that_never_come_are_asked_again_for_three_pages_only():
    server = Server(BARE)
    with server.client() as client:
        for _ in range(5):
            assert whole(client, fields=FIELDS) == [[{"Code": "13010"}]]
    assert len(server.asked) == 5 + 3


def test_a_server_that_is_not_there_is_told_from_one_that_fails():
    assert isinstance(failure(Server(httpx.ConnectError("refused")), Unreachable), TransientError)
    assert not isinstance(failure(Server(httpx.ReadError("cut")), TransientError), Unreachable)


# --- a server that means no good ----------------------------------------------------------------


def test_a_server_that_makes_wait_for_hours_is_given_up():
    server = Server(httpx.Response(429, headers={"retry-after": "86400"}))
    error = failure(server, TransientError)
    assert "429 and a wait of 3,600 s after 7,200 s" in str(error)
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    "place",
    [
        "https://169.254.169.254/latest/meta-data",
        "http://files.elsewhere.test/a",
        "https://me:s3cret@files.elsewhere.test/a",
        "ftp://files.elsewhere.test/a",
        "https://localhost/a",
    ],
)
def test_a_redirect_of_a_file_is_held_to_the_same_rule(place):
    redirect = httpx.Response(302, headers={"location": place})
    server = Server(url(), redirect, httpx.Response(200, content=FILE))
    error = failure(server, DataError, call=lambda client: client.bulk_file(LISTED))
    assert "nothing was fetched from there" in str(error)
    assert "s3cret" not in str(error)
    assert len(server.asked) == 2


def test_redirects_without_end_are_a_fault():
    def answered(request):
        if request.url.host == "api.exchange.test":
            return url()
        place = f"https://files.elsewhere.test/{len(server.asked)}"
        return httpx.Response(302, headers={"location": place})

    server = Server(answered)
    call = lambda client: client.bulk_file(LISTED)  # noqa: E731
    error = failure(server, TransientError, call=call, patience=Patience(attempts=2))
    assert "2 attempts failed" in str(error)
    assert len(server.asked) == 2 * (1 + 6)


def test_what_a_server_says_is_one_harmless_line():
    said = "\x1b]0;owned\x07\x1b[2Jno\u202e such\r\n day" + "!" * 10_000
    error = failure(Server(refusal(400, said)), BadRequest)
    assert "no? such day!!!" in str(error)
    assert str(error).isprintable()
    assert len(str(error)) < 700


def test_on_this_machine_nothing_is_waited_for():
    server = Server(httpx.ConnectError("refused"))
    failure(server, Unreachable, base_url="http://127.0.0.1:8790/v2")
    assert len(server.asked) == 1
