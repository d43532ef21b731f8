"""Keys: by hash, with a name, an end, and a way to end them before."""

import base64
import json
from datetime import UTC, date, datetime, timedelta

import pytest

from gogooku.core.errors import BusyError, DataError, UsageError
from gogooku.core.files import locked
from gogooku.serve.keys import (
    RATE,
    Key,
    KeyRing,
    add_key,
    hash_key,
    key_given,
    key_ring,
    keys_mark,
    keys_path,
    parse_key_hashes,
    read_keys,
    require_keys,
    revoke_key,
)

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
KEY = "a very secret key 5f1c"


def add(path, name="desk", *, expires=None, rate=RATE):
    return add_key(path, name, expires=expires, rate=rate, now=NOW)[0]


def write(path, *entries):
    path.write_text(json.dumps({"keys": list(entries)}))
    path.chmod(0o600)


def entry(**facts):
    return {"name": "desk", "sha256": hash_key(KEY), **facts}


def test_a_key_lets_in_and_nothing_like_it_does():
    ring = KeyRing([Key("desk", hash_key(KEY))])
    assert ring.find(KEY, NOW).name == "desk"
    for other in ("", KEY + "x", KEY[:-1], KEY.upper(), hash_key(KEY)):
        assert ring.find(other, NOW) is None


def test_a_key_ends_with_its_last_day_in_tokyo():
    ring = KeyRing([Key("desk", hash_key(KEY), expires=date(2026, 11, 27))])
    last = datetime(2026, 11, 27, 14, 59, 59, tzinfo=UTC)
    assert ring.find(KEY, last) is not None
    assert ring.find(KEY, last + timedelta(seconds=1)) is None


def test_one_that_is_made_is_kept_as_a_hash_for_its_owner_alone(tmp_path):
    path = keys_path(tmp_path)
    text = add(path, expires=date(2027, 3, 31), rate=5.0)
    assert len(text) > 40
    assert text not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    (made,) = read_keys(path)
    assert made == Key("desk", hash_key(text), expires=date(2027, 3, 31), rate=5.0)
    assert add(path, "page") != text
    assert [key.name for key in read_keys(path)] == ["desk", "page"]


def test_one_that_is_revoked_lets_in_no_more_and_stays_on_record(tmp_path):
    path = keys_path(tmp_path)
    text, other = add(path), add(path, "page")
    before = keys_mark(path)
    revoke_key(path, "desk", now=NOW)
    assert keys_mark(path) != before
    ring = key_ring((), path)
    assert ring.find(text, NOW) is None
    assert ring.find(other, NOW).name == "page"
    assert [key.revoked for key in read_keys(path)] == [date(2026, 11, 27), None]


def test_names_and_ends_that_make_no_sense_are_refused(tmp_path):
    path = keys_path(tmp_path)
    add(path)
    for wrong, mention in (
        ({"name": "desk"}, "there is a key of that name"),
        ({"name": "a b"}, "is no name of a key"),
        ({"name": "x", "expires": date(2026, 11, 26)}, "is past"),
        ({"name": "x", "rate": 0.0}, "--rate 0: must be above 0"),
    ):
        with pytest.raises(UsageError, match=mention):
            add(path, **wrong)
    with pytest.raises(UsageError, match=r"no key of that name \(there are: desk\)"):
        revoke_key(path, "page", now=NOW)
    with locked(path), pytest.raises(BusyError):
        add(path, "page")
    assert [key.name for key in read_keys(path)] == ["desk"]


@pytest.mark.parametrize(
    ("wrong", "mention"),
    [
        ([entry(), entry()], "names the key desk twice"),
        ([entry(name="")], "is no name of a key"),
        ([entry(sha256=KEY)], "no SHA-256"),
        ([entry(sha256=hash_key(""))], "that is not empty"),
        ([entry(rate=-1)], "rate is -1"),
        ([entry(rate=True)], "rate is true"),
        ([entry(expires="soon")], "expires is 'soon', expected a date"),
        ([entry(expire="2027-01-01")], "is no key; it holds"),
        (["desk"], "is no key"),
    ],
)
def test_a_file_that_is_wrong_is_refused_without_its_content(tmp_path, wrong, mention):
    path = keys_path(tmp_path)
    write(path, *wrong)
    with pytest.raises(DataError, match=mention) as refused:
        key_ring((), path)
    assert KEY not in str(refused.value)
    assert hash_key(KEY) not in str(refused.value)


def test_a_file_that_others_can_read_is_refused(tmp_path):
    path = keys_path(tmp_path)
    write(path, entry())
    assert key_ring((), path).find(KEY, NOW) is not None
    path.chmod(0o640)
    with pytest.raises(DataError, match="mode 640.*chmod 600"):
        key_ring((), path)


def test_hashes_of_the_environment_count_too(tmp_path):
    path = keys_path(tmp_path)
    text = add(path)
    ring = key_ring(parse_key_hashes(f" {hash_key('one').upper()} ,"), path)
    assert ring.find("one", NOW).name == "environment-1"
    assert ring.find(text, NOW).name == "desk"


def test_what_is_no_hash_is_refused_and_not_repeated():
    with pytest.raises(UsageError, match="1 of 2 entries") as refused:
        parse_key_hashes(f"{hash_key('one')},{KEY}")
    assert KEY not in str(refused.value)
    with pytest.raises(UsageError, match="hash of an empty key"):
        parse_key_hashes(hash_key(""))
    assert parse_key_hashes(" , ") == ()


def test_nobody_is_not_served(tmp_path):
    with pytest.raises(UsageError, match="no keys; make one: gogooku keys add"):
        require_keys(KeyRing([]), keys_path(tmp_path))


def basic(text):
    """As a browser sends a name and a password."""
    return b"Basic " + base64.b64encode(text.encode())


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({b"x-api-key": b"one"}, "one"),
        ({b"authorization": b"Bearer one"}, "one"),
        ({b"authorization": b"bearer  one "}, "one"),
        ({b"x-api-key": b"one", b"authorization": b"Bearer two"}, "one"),
        ({b"authorization": basic("reader:one")}, "one"),
        ({b"authorization": basic(":one:two")}, "one:two"),
        ({b"authorization": basic("one:")}, "one"),
        ({b"authorization": basic("読者:鍵")}, "鍵"),
        ({b"authorization": b"Basic no base64"}, "no base64"),
        ({b"authorization": b"Basic /w=="}, "/w=="),
        ({b"authorization": b"Basic "}, ""),
        ({b"authorization": b"one"}, ""),
        ({}, ""),
    ],
)
def test_a_key_comes_by_a_header_or_as_a_password(headers, key):
    assert key_given(headers) == key
