"""What an answer says, whatever it holds."""

import json
from datetime import UTC, datetime

import pytest

from gogooku.core.errors import DataError
from gogooku.ingest.jquants.replies import (
    Reply,
    address_of,
    files_of,
    message_of,
    page_of,
    wait_of,
)

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


def reply(value=None, *, status=200, body=None, retry_after=None):
    body = json.dumps(value).encode() if body is None else body
    return Reply(status, body, body, retry_after)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("120", 120),
        ("1.5", 1.5),
        ("-5", 0),
        ("soon", 0),
        ("NaN", 0),
        ("inf", 0),
        ("1e9", 0),
        ("²", 0),
        ("١٢", 0),
        ("0x10", 0),
        ("9" * 5000, 0),
        ("Fri, 20 Nov 2026 09:03:00 GMT", 180),
        ("Fri, 20 Nov 2020 09:03:00 GMT", 0),
        ("Fri, 31 Feb 2026 09:03:00 GMT", 0),
        ("Fri, 20 Nov 99999999999999999999 09:03:00 GMT", 0),
        ("Fri, 20 Nov 2026 99:03:00 GMT", 0),
        ("Fri, 20 Nov 2026 09:03:00 +999999", 0),
        ("\x1b[31m", 0),
        ("," * 10_000, 0),
    ],
)
def test_a_wait_is_never_negative_and_never_an_error(text, seconds):
    assert wait_of(reply({}, retry_after=text), now=NOW) == seconds


def test_a_wait_of_any_length_is_a_number():
    assert wait_of(reply({}, retry_after=str(10**29)), now=NOW) == 1e29


@pytest.mark.parametrize(
    "changed",
    [
        {"Key": None},
        {"Key": {"a": 1}},
        {"LastModified": 5},
        {"LastModified": "yesterday"},
        {"LastModified": "0001-01-01T00:00:00+09:00"},
        {"LastModified": "9999-12-31T23:59:59-09:00"},
        {"Size": float("1e308")},
        {"Size": -1},
        {"Size": True},
        {"Size": None},
        {"Size": "9" * 5000},
        {"Size": 10**400},
        {"Size": [1]},
    ],
)
def test_a_list_of_files_with_a_value_that_cannot_be_is_refused(changed):
    row = {"Key": "a", "LastModified": "2026-10-01T00:00:00Z", "Size": 5}
    assert files_of(reply({"data": [row]}))[0].num_bytes == 5
    with pytest.raises(DataError, match="a list of files"):
        files_of(reply({"data": [row | changed]}))


@pytest.mark.parametrize(
    "value", [{}, [], None, 5, {"url": None}, {"url": ["https://a"]}, {"url": ""},
              {"url": "https://a/\x1b[2J"}, {"url": "https://a/" + "x" * 9000},
              {"url": "https://é.test"}]
)  # fmt: skip
def test_an_address_that_cannot_be_one_is_refused(value):
    with pytest.raises(DataError, match="address of the file"):
        address_of(reply(value))


@pytest.mark.parametrize("body", [b"", b"[" * 100_000, b"\xff", b'{"message": {"a": 1}}', b"[]"])
def test_a_message_is_always_a_text(body):
    assert isinstance(message_of(reply(body=body, status=400)), str)


@pytest.mark.parametrize(
    ("status", "passes"),
    [(200, False), (202, True), (204, True), (206, True), (301, False), (400, False), (403, False),
     (408, True), (500, True), (599, True)],
)  # fmt: skip
def test_an_answer_without_the_data_may_pass(status, passes):
    assert reply({}, status=status).passes is passes


def test_210_is_an_empty_page_whatever_it_holds():
    assert page_of(reply(body=b"\xff", status=210))[1].rows == []
