"""Answers: bytes, packed once, marked by their hash."""

import gzip

import pytest

from gogooku.serve.answers import json_bytes, prepared, problem, said

BODY = json_bytes({"ranking": ["13010"] * 500})


def test_a_long_answer_is_packed_and_a_short_one_is_not():
    made = prepared(BODY)
    assert gzip.decompress(made.packed) == BODY
    assert len(made.packed) < len(BODY) / 5
    assert prepared(b"{}").packed is None


def test_equal_bytes_have_equal_marks_and_others_have_others():
    assert prepared(BODY).tag == prepared(bytes(BODY)).tag
    assert prepared(BODY).packed == prepared(bytes(BODY)).packed
    assert prepared(BODY).tag != prepared(BODY + b" ").tag


def test_packed_and_plain_have_marks_of_their_own():
    made = prepared(BODY)
    plain, packed = dict(made.plain_head), dict(made.packed_head)
    assert plain[b"etag"] != packed[b"etag"]
    assert (b"content-encoding" in plain, packed[b"content-encoding"]) == (False, b"gzip")
    assert int(plain[b"content-length"]) == len(BODY)
    assert int(packed[b"content-length"]) == len(made.packed)
    assert plain[b"vary"] == b"accept-encoding"


def test_either_mark_says_that_a_client_has_it():
    made = prepared(BODY)
    for head in (made.plain_head, made.packed_head):
        tag = dict(head)[b"etag"]
        assert made.matches(tag)
        assert made.matches(b'"other", W/' + tag)
    assert made.matches(b"*")
    assert not made.matches(b'"other"')
    assert not made.matches(b"")
    assert not said({}).matches(b"*")


def test_what_is_of_the_moment_is_not_kept_anywhere():
    assert dict(said({"a": 1}).plain_head)[b"cache-control"] == b"no-store"
    assert dict(prepared(BODY).plain_head)[b"cache-control"] == b"private, no-cache"


def test_what_json_lacks_is_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_bytes({"x": float("nan")})


def test_a_problem_has_its_headers():
    made = problem(429, "wait", {"Retry-After": "3"})
    assert (made.status, made.body) == (429, b'{"detail": "wait"}')
    assert (b"Retry-After", b"3") in made.plain_head
