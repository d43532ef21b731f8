"""From a request to its answer, without a socket."""

import gzip
import json
from datetime import UTC, date, datetime, timedelta

import pytest

from gogooku.core.wall import VirtualClock
from gogooku.serve.answers import Later, RefusedError, json_bytes, prepared, said
from gogooku.serve.fresh import Fresh
from gogooku.serve.keys import Key, KeyRing, hash_key
from gogooku.serve.limits import BURST_SECONDS, WRONG_KEYS, WRONG_SECONDS
from gogooku.serve.pages import TOP, Page
from support.asking import KEY, MANY, Asking

BODY = json_bytes({"rows": ["13010"] * 500})


def refuse():
    raise RefusedError(404, "not there")


def divide():
    return said(1 // 0)


PAGES = (
    Page("/health", "H.", lambda _: said({"status": "ok"}), is_open=True),
    Page("/rows", "R.", lambda _: prepared(BODY), parameters=(TOP,)),
    Page("/slow", "S.", lambda given: Later(lambda: said({"slow": True}))),
    Page("/slow/refusal", "S.", lambda given: Later(refuse)),
    Page("/defect", "D.", lambda given: divide()),
    Page("/slow/defect", "D.", lambda given: Later(divide)),
    Page("/names/{code}", "N.", lambda given: said({"code": given["code"]})),
)


@pytest.fixture
def ask():
    return Asking(PAGES)


@pytest.fixture
def later(monkeypatch):
    """Moves the clock that waits are measured by."""
    now = [1_000.0]
    monkeypatch.setattr("gogooku.serve.site.time.monotonic", lambda: now[0])

    def move(seconds):
        now[0] += seconds

    return move


def test_answers_now_and_later(ask):
    assert ask("/rows").content == BODY
    assert ask("/slow").json() == {"slow": True}
    assert ask("/names/13010").json() == {"code": "13010"}
    assert ask("/slow/refusal").status_code == 404
    assert ask("http://any.where/rows?top=3").status_code == 200
    assert ask("http://[any/rows").status_code == 400


def test_what_is_packed_is_the_same(ask):
    for accepted in ("gzip", "br, GZIP;q=0.5", "*"):
        answer = ask("/rows", headers={"Accept-Encoding": accepted})
        assert answer.headers["content-encoding"] == "gzip"
        assert gzip.decompress(answer.content) == BODY
    for accepted in ("", "br", "gzip;q=0", "gzip;q=x", "identity, *;q=0"):
        answer = ask("/rows", headers={"Accept-Encoding": accepted})
        assert "content-encoding" not in answer.headers, accepted
        assert answer.content == BODY


def test_what_a_client_has_is_not_sent_again(ask):
    for headers in ({}, {"Accept-Encoding": "gzip"}):
        first = ask("/rows", headers=headers)
        again = ask("/rows", headers={**headers, "If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert "content-length" not in again.headers
    assert ask("/rows", headers={"If-None-Match": '"other"'}).status_code == 200


def test_head_is_get_without_its_body(ask):
    whole, head = ask("/rows"), ask("/rows", method="HEAD")
    assert (head.status_code, head.content) == (200, b"")
    varying = ("date", "x-request-id")
    assert {k: v for k, v in whole.headers.items() if k not in varying} == {
        k: v for k, v in head.headers.items() if k not in varying
    }


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused_where_there_is_a_page(ask, method):
    for path in ("/rows", "/health", "/names/13010"):
        answer = ask(path, method=method)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert ask("/nothing", method=method).status_code == 404
    assert ask("/rows", method=method, key=None).status_code == 401


def test_a_defect_is_one_answer_and_is_logged_with_its_trace(ask):
    for path in ("/defect", "/slow/defect"):
        answer = ask(path)
        assert answer.status_code == 500
        assert "ZeroDivisionError" in answer.json()["detail"]
    traces = [line for line in ask.log.lines if line.get("event") == "defect"]
    assert len(traces) == 2
    assert "divide" in "".join(traces[0]["trace"])
    assert ask.site.measures.in_flight == 0


def test_too_much_is_refused_with_a_word_when_to_ask_again():
    class Full:
        def submit(self, make, then):
            return False

    ask = Asking(PAGES, maker=Full())
    answer = ask("/slow")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert ask("/rows").status_code == 200


# ------------------------------------------------------------------------------------------ keys


def test_without_a_key_nothing_but_what_is_open(ask):
    assert ask("/health", key=None).status_code == 200
    for path in ("/rows", "/nothing", "/", "/names/13010"):
        assert ask(path, key=None).status_code == 401
        assert ask(path, headers={"Authorization": f"Bearer {KEY}"}, key=None).status_code != 401


def test_after_a_few_wrong_keys_an_address_waits(ask, later):
    codes = [ask("/rows", key=f"guess {n}").status_code for n in range(WRONG_KEYS + 20)]
    assert codes == [401] * WRONG_KEYS + [429] * 20
    answer = ask("/rows")
    assert answer.status_code == 429, "a right guess teaches nothing meanwhile"
    assert 1 <= int(answer.headers["Retry-After"]) <= WRONG_SECONDS
    assert ask("/rows", address="10.0.0.2").status_code == 200
    (line,) = [one for one in ask.log.lines if one.get("event") == "wrong_keys"]
    assert line["address"] == "10.0.0.1"
    later(WRONG_SECONDS + 1)
    assert ask("/rows").status_code == 200


def test_a_key_that_was_right_before_goes_on(ask):
    assert ask("/rows").status_code == 200
    for n in range(WRONG_KEYS + 3):
        ask("/rows", key=f"guess {n}")
    assert ask("/rows").status_code == 200
    assert ask("/rows", key="guess").status_code == 429


def test_a_request_without_a_key_is_no_guess(ask):
    for _ in range(50):
        assert ask("/rows", key=None).status_code == 401
    assert ask("/rows").status_code == 200


def test_a_key_that_ends_lets_in_no_more():
    clock = VirtualClock(datetime(2026, 11, 27, 12, tzinfo=UTC))
    key = Key("desk", hash_key(KEY), expires=date(2026, 11, 27), rate=MANY)
    ask = Asking(PAGES, keys=Fresh.fixed(KeyRing([key])), clock=clock)
    assert ask("/rows").status_code == 200
    clock.move_to(clock.now() + timedelta(days=1))
    assert ask("/rows").status_code == 401


def test_a_key_that_is_revoked_lets_in_no_more_at_the_next_look():
    rings = [KeyRing([Key("desk", hash_key(KEY), rate=MANY)])]
    keys = Fresh(lambda: len(rings), lambda: rings[-1])
    ask = Asking(PAGES, keys=keys)
    assert ask("/rows").status_code == 200
    rings.append(KeyRing([]))
    keys.look(1.0)
    assert ask("/rows").status_code == 401


def test_a_key_that_asks_too_often_waits_and_others_do_not(later):
    keys = [Key("desk", hash_key(KEY), rate=5.0), Key("page", hash_key("other"), rate=5.0)]
    ask = Asking(PAGES, keys=Fresh.fixed(KeyRing(keys)))
    codes = [ask("/rows").status_code for _ in range(int(5 * BURST_SECONDS) + 3)]
    assert codes == [200] * int(5 * BURST_SECONDS) + [429] * 3
    refused = ask("/rows")
    assert refused.headers["Retry-After"] == "1"
    assert "more than 5 requests a second of key desk" in refused.json()["detail"]
    assert ask("/rows", key="other").status_code == 200
    assert ask("/health").status_code == 200
    later(1.0)
    assert ask("/rows").status_code == 200


# ------------------------------------------------------------------------------------------- log


def test_each_request_is_a_line_with_its_id(ask):
    answer = ask("/rows", top=3, headers={"X-Request-Id": "mine-1"})
    assert answer.headers["x-request-id"] == "mine-1"
    line = ask.log.lines[-1]
    assert line["at"].endswith("+00:00")
    assert line["ms"] >= 0
    assert {name: line[name] for name in line if name not in ("at", "ms")} == {
        "id": "mine-1",
        "address": "10.0.0.1",
        "key": "desk",
        "method": "GET",
        "route": "/rows",
        "target": "/rows?top=3",
        "status": 200,
        "bytes": len(BODY),
    }


def test_an_id_that_cannot_stand_in_a_log_is_replaced(ask):
    made = [
        ask("/rows", headers={"X-Request-Id": given}).headers["x-request-id"]
        for given in ("", "a b", "x" * 65, 'a"', "a")
    ]
    assert made[-1] == "a"
    assert len(set(made)) == 5
    assert all(one not in ("", "a b", "x" * 65, 'a"') for one in made)


def test_a_key_is_never_in_the_log(ask):
    """Wherever it was put by mistake."""
    for path in (
        f"/rows?key={KEY}",
        f"/rows?{KEY}=1",
        f"/{KEY}",
        f"/rows/{KEY}",
        f"/rows?top={KEY}",
    ):
        for key in (KEY, None, KEY + "x"):
            ask(path.replace(" ", "%20"), key=key)
    ask("/rows", headers={"Authorization": f"Bearer {KEY}"}, key=None)
    ask("/rows", headers={"X-Request-Id": KEY})
    logged = json.dumps(ask.log.lines)
    assert len(ask.log.lines) >= 17
    for spelling in (KEY, KEY.replace(" ", "%20"), hash_key(KEY)):
        assert spelling not in logged


def test_what_brought_no_request_is_counted_and_logged(ask):
    response = ask.site.turned_away("10.0.0.9", 503, "too many")
    assert dict(response.headers)[b"Retry-After"] == b"1"
    assert ask.site.turned_away("10.0.0.9", 400, "none").status == 400
    assert [line["status"] for line in ask.log.lines] == [503, 400]
    metrics = ask("/metrics").text
    assert 'gogooku_http_requests_total{route="none",code="503"} 1' in metrics
