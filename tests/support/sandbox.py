"""The sandbox exchange for tests: a market, a clock, requests in process and over loopback."""

import gzip
import io
import json
from datetime import date, datetime
from urllib.parse import unquote

import httpx
import polars as pl

from gogooku.core.wall import JST, VirtualClock
from gogooku.sandbox.exchange.exchange import Exchange, ExchangeSettings, Request
from gogooku.sandbox.exchange.faults import Fault
from gogooku.sandbox.exchange.limits import UNLIMITED
from gogooku.sandbox.market.market import FamilyScales, MarketConfig

NOW = datetime(2026, 10, 30, 21, 0, tzinfo=JST)
"""A Friday evening: its bars are out, the night's options are not."""

EXCHANGE_MARKET = MarketConfig(
    num_stocks=60,
    num_sessions=1_600,
    seed=5,
    num_sectors=6,
    num_branches=0,
    first_session=date(2020, 8, 3),
    scales=FamilyScales(revision=1.0, crowding=1.0, covering=1.0, segment_flow=1.0),
    halts=(date(2020, 10, 1),),
)
"""2020-10-01, 2022-04-04 and 2026-09-25 lie inside, and it goes on after `NOW`."""


def open_exchange(wires, *, now=NOW, limits=UNLIMITED, **settings):
    """An exchange on a virtual clock."""
    return Exchange(
        wires, clock=VirtualClock(now), settings=ExchangeSettings(limits=limits, **settings)
    )


def ask(exchange, path, key="sandbox", /, **query):
    """Status and decoded body of one request; a trailing underscore of a name is dropped."""
    query = {name.rstrip("_"): str(value) for name, value in query.items()}
    headers = {} if key is None else {"X-Api-Key": key}
    answer = exchange.answer(Request("GET", f"/v2{path}", query, headers))
    return answer.status, json.loads(answer.body)


def ask_all(exchange, path, key="sandbox", /, **query):
    """All rows of a query, page by page."""
    rows, page = [], {}
    while True:
        status, value = ask(exchange, path, key, **query, **page)
        assert status == 200, value
        rows += value["data"]
        if not value.get("pagination_key"):
            return rows
        page = {"pagination_key": value["pagination_key"]}


def csv_rows(body):
    """Rows of a gzip CSV as texts."""
    text = gzip.decompress(body)
    return pl.read_csv(io.BytesIO(text), infer_schema=False, empty_string_is_null=False)


class _Half(httpx.SyncByteStream):
    """Half of a body, then a broken connection."""

    def __init__(self, body):
        self._body = body

    def __iter__(self):
        yield self._body[: len(self._body) // 2]
        raise httpx.RemoteProtocolError("peer closed connection without sending complete body")


def mock_transport(exchange):
    """A transport that asks the exchange in process; faults become the errors of httpx."""

    def handle(request):
        answer = exchange.answer(
            Request(
                request.method,
                unquote(request.url.path),
                request.url.params.multi_items(),
                dict(request.headers),
            )
        )
        if answer.fault is Fault.STALL:
            raise httpx.ReadTimeout("timed out", request=request)
        headers = {**answer.headers, "content-length": str(len(answer.body))}
        if answer.fault is Fault.RESET:
            return httpx.Response(answer.status, headers=headers, stream=_Half(answer.body))
        return httpx.Response(answer.status, headers=headers, content=answer.body)

    return httpx.MockTransport(handle)
