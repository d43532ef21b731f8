"""A connection, over a pair of real sockets: framing, limits, and an end to everything."""

import asyncio
import json
import socket
import time
from contextlib import asynccontextmanager

import h11
import pytest

from gogooku.serve.connection import Connection, Times
from gogooku.serve.site import Response

QUICK = Times(request=0.3, answer=0.3, taken=0.3, rest=0.6, stop=0.3, head=2_000, body=1_000)
BIG = b"x" * 4_000_000


class Desk:
    """Answers with what was asked; `/big` with much, `/never` with nothing."""

    def __init__(self):
        self.asked = []

    def receive(self, request, send):
        self.asked.append(request)
        if request.target == "/never":
            return
        body = BIG if request.target == "/big" else request.target.encode()
        length = (b"content-length", str(len(body)).encode())
        send(Response(200, [length], b"" if request.method == "HEAD" else body))

    def turned_away(self, address, status, detail):
        body = json.dumps({"detail": detail}).encode()
        return Response(status, [(b"content-length", str(len(body)).encode())], body)


class Line:
    """The server's side of a connection, and a socket on the other."""

    def __init__(self, desk, here, made, gone, stopping):
        self.desk, self.here, self.made, self.gone, self.stopping = desk, here, made, gone, stopping

    async def send(self, data):
        await asyncio.get_running_loop().sock_sendall(self.here, data)

    async def read(self, seconds=2.0):
        """All that comes until the other side hangs up or is silent."""
        loop, found = asyncio.get_running_loop(), b""
        while True:
            try:
                more = await asyncio.wait_for(loop.sock_recv(self.here, 1 << 20), seconds)
            except TimeoutError:
                return found, False
            except ConnectionResetError:
                return found, True
            if not more:
                return found, True
            found += more

    async def sweep(self, until=1.0):
        """Close what is late, as the server does; what was waited for."""
        end = time.monotonic() + until
        while time.monotonic() < end:
            if self.made.deadline < time.monotonic():
                return self.made.expire()
            await asyncio.sleep(0.01)
        return None


def on_line(test, *, is_full=False, times=QUICK):
    """Run a test on a connection."""

    @asynccontextmanager
    async def opened():
        here, there = socket.socketpair()
        for one in (here, there):
            one.setblocking(False)
        desk, gone, stopping = Desk(), [], [False]
        made = Connection(
            desk, times, is_full=is_full, is_stopping=lambda: stopping[0], gone=gone.append
        )
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(lambda: made, there)
        try:
            yield Line(desk, here, made, gone, stopping)
        finally:
            made.close()
            here.close()
            await asyncio.sleep(0.01)

    async def run():
        async with opened() as line:
            await asyncio.wait_for(test(line), 20)

    asyncio.run(run())


def get(path="/a", extra=""):
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n{extra}\r\n".encode()


def responses(data):
    """Status and body of each response."""
    found = []
    while data:
        http = h11.Connection(h11.CLIENT)
        http.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
        http.send(h11.EndOfMessage())
        http.receive_data(data)
        event, status, body = http.next_event(), None, b""
        while not isinstance(event, h11.EndOfMessage):
            assert event is not h11.NEED_DATA, "an answer was cut off"
            if isinstance(event, h11.Response):
                status = event.status_code
            else:
                body += event.data
            event = http.next_event()
        found.append((status, body))
        data = http.trailing_data[0]
    return found


def test_one_after_the_other_on_one_connection():
    async def test(line):
        for path in ("/a", "/b"):
            await line.send(get(path, "X-Two: 1\r\nX-Two: 2\r\n"))
            data, closed = await line.read(0.1)
            assert responses(data) == [(200, path.encode())]
            assert not closed
        assert line.desk.asked[0].headers == {b"host": b"x", b"x-two": b"1"}

    on_line(test)


def test_many_at_once_are_answered_in_order():
    async def test(line):
        await line.send(b"".join(get(f"/{n}") for n in range(50)))
        data, _ = await line.read(0.2)
        assert responses(data) == [(200, f"/{n}".encode()) for n in range(50)]

    on_line(test)


def test_a_request_in_single_bytes_is_a_request():
    async def test(line):
        for n in get():
            await line.send(bytes([n]))
            await asyncio.sleep(0)
        data, _ = await line.read(0.1)
        assert responses(data) == [(200, b"/a")]

    on_line(test)


def test_a_client_that_dribbles_is_closed_in_time_whatever_comes():
    async def test(line):
        begun = time.monotonic()

        async def dribble():
            while not line.gone:
                try:
                    await line.send(b"G")
                except OSError:
                    return
                await asyncio.sleep(0.05)

        sending = asyncio.create_task(dribble())
        assert await line.sweep() == "slow_request"
        assert 0.25 < time.monotonic() - begun < 1.0
        data, closed = await line.read()
        assert responses(data)[0][0] == 408
        assert closed
        await line.sweep(1.5)
        await sending

    on_line(test)


def test_one_that_sends_nothing_is_closed():
    async def test(line):
        assert await line.sweep() == "rest"
        assert await line.read() == (b"", True)

    on_line(test)


def test_between_requests_it_may_rest_for_longer():
    async def test(line):
        await line.send(get())
        await line.read(0.1)
        assert await line.sweep(0.35) is None
        assert await line.sweep() == "rest"

    on_line(test)


def test_a_client_that_reads_nothing_is_closed_and_holds_one_piece():
    async def test(line):
        line.here.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        await line.send(get("/big"))
        await asyncio.sleep(0.1)
        assert line.made._transport.get_write_buffer_size() <= 1 << 16
        assert await line.sweep() == "slow_reader"
        await asyncio.sleep(0.05)
        assert line.gone == [line.made]

    on_line(test)


def test_a_big_answer_arrives_whole():
    async def test(line):
        await line.send(get("/big") + get("/a"))
        data, _ = await line.read(0.2)
        assert responses(data) == [(200, BIG), (200, b"/a")]

    on_line(test)


def test_an_answer_that_is_never_made_ends():
    async def test(line):
        await line.send(get("/never"))
        assert await line.sweep() == "slow_answer"
        assert await line.read() == (b"", True)

    on_line(test)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /a HTTP/1.1\r\n\r\n", 400),
        (b"GET /a HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 3_000, 431),
        (b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n" + b"z" * 1_500, 413),
        (b"GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"GET /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    ],
)
def test_what_is_no_request_is_refused_and_closed(sent, status):
    async def test(line):
        await line.send(sent)
        data, _ = await line.read(0.2)
        assert responses(data)[0][0] == status
        assert b"connection: close" in data.lower()
        await line.sweep(1.5)
        assert line.desk.asked == []

    on_line(test)


def test_a_small_body_is_read_past():
    async def test(line):
        body = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
        chunked = (
            b"POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
        )
        await line.send(body + chunked + get("/c"))
        data, _ = await line.read(0.2)
        assert responses(data) == [(200, b"/a"), (200, b"/b"), (200, b"/c")]

    on_line(test)


def test_one_that_says_it_is_the_last_is_the_last():
    for sent in (get(extra="Connection: close\r\n"), b"GET /a HTTP/1.0\r\n\r\n"):

        async def test(line, sent=sent):
            await line.send(sent)
            data, closed = await line.read(0.5)
            assert responses(data) == [(200, b"/a")]
            assert closed

        on_line(test)


def test_who_hangs_up_half_way_still_gets_its_answer():
    async def test(line):
        await line.send(get("/big"))
        line.here.shutdown(socket.SHUT_WR)
        data, closed = await line.read(0.5)
        assert responses(data) == [(200, BIG)]
        assert closed

    on_line(test)


def test_who_is_gone_is_forgotten():
    async def test(line):
        await line.send(get("/never"))
        await asyncio.sleep(0.02)
        line.made.close()
        await asyncio.sleep(0.02)
        assert line.gone == [line.made]

    on_line(test)


def test_where_it_is_full_every_request_is_turned_away():
    async def test(line):
        await line.send(get())
        data, closed = await line.read(0.5)
        assert responses(data)[0][0] == 503
        assert line.desk.asked == []
        assert closed or await line.sweep(1.5) == "rest"

    on_line(test, is_full=True)


def test_while_it_stops_an_answer_is_the_last():
    async def test(line):
        line.stopping[0] = True
        await line.send(get())
        data, closed = await line.read(0.5)
        assert responses(data) == [(200, b"/a")]
        assert b"connection: close" in data.lower()
        assert closed

    on_line(test)


def test_who_waits_before_its_body_is_answered_without_it():
    async def test(line):
        head = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        await line.send(head)
        assert await line.sweep() == "slow_request"
        data, _ = await line.read(0.3)
        assert responses(data)[0][0] == 408

    on_line(test)
