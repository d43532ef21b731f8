"""Keys of pages and cursors: what they carry, and for which query they are good."""

import base64
from datetime import UTC, datetime, timedelta, timezone

import pytest

from gogooku.sandbox.exchange.gates import Refusal
from gogooku.sandbox.exchange.paging import (
    Place,
    cursor_key,
    page_key,
    place_of,
    query_hash,
    since_of,
)

NOW = datetime(2026, 10, 30, 12, 0, 0, 123456, tzinfo=UTC)
BOUND = query_hash("/quotes", {"date": "2026-10-30"}, "sandbox")


@pytest.mark.parametrize("since", [None, NOW - timedelta(days=1)])
def test_a_page_key_leads_back_to_its_place(since):
    place = Place(1500, NOW, since)
    assert place_of(page_key(place, BOUND), BOUND) == place


def test_keys_are_the_same_for_the_same_place_in_any_time_zone():
    tokyo = NOW.astimezone(timezone(timedelta(hours=9)))
    assert page_key(Place(3, tokyo), BOUND) == page_key(Place(3, NOW), BOUND)
    assert cursor_key(tokyo, BOUND) == cursor_key(NOW, BOUND)
    assert since_of(cursor_key(tokyo, BOUND), BOUND) == NOW


@pytest.mark.parametrize(
    ("path", "query", "key", "same"),
    [
        ("/quotes", {"date": "2026-10-30", "pagination_key": "x", "cursor": "y"}, "sandbox", True),
        ("/quotes", {"date": "2026-10-29"}, "sandbox", False),
        ("/quotes", {"date": "2026-10-30", "code": "72030"}, "sandbox", False),
        ("/topix", {"date": "2026-10-30"}, "sandbox", False),
        ("/quotes", {"date": "2026-10-30"}, "sandbox-light", False),
    ],
)
def test_a_key_is_good_for_its_query_and_account_only(path, query, key, same):
    bound = query_hash(path, query, key)
    assert (bound == BOUND) is same
    page, cursor = page_key(Place(5, NOW), BOUND), cursor_key(NOW, BOUND)
    if same:
        assert place_of(page, bound).offset == 5
        assert since_of(cursor, bound) == NOW
    else:
        with pytest.raises(Refusal, match="'pagination_key' is invalid"):
            place_of(page, bound)
        with pytest.raises(Refusal, match="'cursor' is invalid"):
            since_of(cursor, bound)


def test_the_order_of_parameters_does_not_matter():
    one = query_hash("/q", {"a": "1", "b": "2"}, "k")
    assert one == query_hash("/q", {"b": "2", "a": "1"}, "k")
    assert one != query_hash("/q", {"a": "2", "b": "1"}, "k")


def forged(key):
    raw = bytearray(base64.urlsafe_b64decode(key + "=" * (-len(key) % 4)))
    raw[-3] ^= 1
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@pytest.mark.parametrize("text", ["", "abc", "a", "not base64 !", "é"])
def test_what_is_no_key_is_refused(text):
    with pytest.raises(Refusal) as fault:
        place_of(text, BOUND)
    assert fault.value.status == 400


def test_a_changed_key_and_a_key_of_the_other_kind_are_refused():
    page, cursor = page_key(Place(5, NOW), BOUND), cursor_key(NOW, BOUND)
    for wrong in (forged(page), page[:-4], cursor):
        with pytest.raises(Refusal, match="'pagination_key' is invalid"):
            place_of(wrong, BOUND)
    for wrong in (forged(cursor), page):
        with pytest.raises(Refusal, match="'cursor' is invalid"):
            since_of(wrong, BOUND)
