"""Hostile bodies: each a named refusal, in time and memory that the limits bound."""

import gzip
import json
import time
import tracemalloc
import zlib

import pytest

from gogooku.core.errors import DataError
from gogooku.ingest.jquants import bodies
from gogooku.ingest.jquants.bodies import (
    DEPTH,
    FIELDS,
    MEMBERS,
    OBJECTS,
    TooLarge,
    checked_key,
    load_json,
    refuse_deep,
    refuse_names,
    unpacked,
)

EMPTY = gzip.compress(b"", mtime=0)


def test_members_and_padding_are_unpacked():
    fits = bytes(range(256)) * (1 << 14)
    assert unpacked(gzip.compress(fits), limit=len(fits)) == fits
    two = gzip.compress(b"ab", mtime=0) + gzip.compress(b"c", mtime=0)
    assert unpacked(two + b"\0" * 200_000) == b"abc"
    assert (
        unpacked(gzip.compress(b"ab", mtime=0) + b"\0" * 70_000 + gzip.compress(b"c", mtime=0))
        == b"abc"
    )
    assert unpacked(b"") == b""


@pytest.mark.parametrize("parts", [(bytes(3 << 20) + b"x",), (bytes(3 << 20), b"x")])
def test_a_body_that_unpacks_to_too_much_is_refused(parts):
    body = b"".join(map(gzip.compress, parts))
    with pytest.raises(TooLarge, match="more than 3 MiB, the limit.*JQUANTS_BASE_URL"):
        unpacked(body, limit=3 << 20)


def test_a_bomb_takes_no_memory():
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(512)) + packer.flush()
    assert len(bomb) < 1 << 20
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            unpacked(bomb, limit=1 << 20)
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


def test_many_members_take_time_in_proportion_and_are_bounded():
    spent = []
    for count in (10_000, 40_000):
        body = EMPTY * count
        begun = time.process_time()
        assert unpacked(body) == b""
        spent.append(time.process_time() - begun)
    assert spent[1] < 12 * spent[0], "four times as many would take sixteen times as long"
    with pytest.raises(TooLarge, match="gzip members"):
        unpacked(EMPTY * (MEMBERS + 1))


ABC = gzip.compress(b"abc", mtime=0)
LONG = gzip.compress(b"abc" * 1000, mtime=0)


@pytest.mark.parametrize(
    "body",
    [
        LONG[:-1],
        b"\x1f\x8b",
        EMPTY + b"\x1f\x8b\x08",
        b"<html>",
        ABC + b"trailing",
        ABC[:-8] + bytes(8),
    ],
)
def test_a_cut_or_damaged_body_is_no_body(body):
    with pytest.raises((EOFError, OSError, zlib.error)):
        unpacked(body)


# --- JSON ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "it is empty"),
        (b"  \r\n", "it is empty"),
        (b"<!DOCTYPE html><p>Sign in", "a web page"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"a": NaN}', "NaN is no JSON value"),
        (b'{"a": -Infinity}', "-Infinity is no JSON value"),
        (b'{"a": ' + b"9" * 5000 + b"}", "thousands of digits"),
        (b'{"a": 1, "a": 2}', "twice in one object"),
        (b'{"a": "\xff\xfe"}', "not UTF-8"),
        (b'{"a": "\xed\xa0\x80"}', "not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        (b'{"a": "\\ud800"}', "lone surrogate"),
        (b'{"\\udfff": 1}', "lone surrogate"),
        (b'{"a": "\x1b[31m"}', "not readable as JSON"),
        (b'{"a": 1} {"a": 1}', "not readable as JSON"),
        (b"\x1f\x8b\x08", "not UTF-8"),
        (b"[" + b"{}," * OBJECTS + b"{}]", "more than 500,000 objects"),
        (b"[" + b"[]," * OBJECTS + b"[]]", "more than 500,000 objects"),
    ],
)
def test_what_is_no_json_is_named(body, says):
    with pytest.raises(DataError) as caught:
        load_json(body)
    assert says in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


def test_whole_characters_and_large_numbers_are_json():
    assert load_json(b'{"a": "\\ud83d\\ude00"}') == {"a": "\U0001f600"}
    assert load_json(b'\xef\xbb\xbf{"a": 1e999}') == {"a": float("inf")}
    assert load_json(json.dumps(10**400).encode()) == 10**400


def nested(depth):
    value = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_depth_is_bounded():
    refuse_deep(nested(DEPTH))
    refuse_deep([{"a": [1, 2]}] * 1000)
    for value in (nested(DEPTH + 1), {"a": nested(900)}):
        with pytest.raises(DataError, match="nested more than"):
            refuse_deep(value)


@pytest.mark.parametrize(
    "names",
    [[f"f{n}" for n in range(FIELDS + 1)], ["a" * 201], ["a\x1b[2J"], ["a\u202eb"], ["a\nb"],
     ["taken"]],
)  # fmt: skip
def test_names_that_cannot_be_fields(names):
    with pytest.raises(DataError) as caught:
        refuse_names(names, reserved="taken")
    assert str(caught.value).isprintable()
    refuse_names(["Code", "名前", "a" * 200, ""], reserved="taken")


def test_keys_are_short_plain_text():
    assert [checked_key(one, name="k") for one in (None, "", "a.b==")] == [None, None, "a.b=="]
    for value in (
        1,
        ["a"],
        {"a": 1},
        True,
        "a\n",
        "\u202e",
        "é",
        "a" * (bodies.KEY_CHARACTERS + 1),
    ):
        with pytest.raises(DataError, match="'k' is not"):
            checked_key(value, name="k")
