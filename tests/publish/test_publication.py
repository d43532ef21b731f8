"""Publications: whole or not there, once, and found by session and bundle."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from gogooku.core.errors import DataError
from gogooku.publish.publication import (
    RANKING,
    Content,
    newest_publication,
    open_publication,
    publish,
    published_sessions,
)

AT = datetime(2026, 11, 27, 11, 30, tzinfo=UTC)
DAY, NEXT = date(2026, 11, 26), date(2026, 11, 27)
MADE_FROM = {"bundle": "abc", "dataset": "tse-1"}


def content(*codes, **facts):
    frame = pl.DataFrame({"rank": list(range(1, len(codes) + 1)), "code": list(codes)})
    return Content(frames={RANKING: frame}, facts=facts)


def put(home, day=DAY, bundle="ridge-1", made=None, at=AT):
    made = content("13010", "13050", names=2) if made is None else made
    return publish(home, "tse", day, bundle, made, inputs=MADE_FROM, at=at)


def test_what_is_published_is_read_again(tmp_path):
    put(tmp_path)
    found = open_publication(tmp_path, "tse", DAY, "ridge-1")
    assert found.frame(RANKING).get_column("code").to_list() == ["13010", "13050"]
    assert found.facts == {"names": 2, "dataset": "tse-1"}
    assert (found.session, found.bundle_id, found.published_at) == (DAY, "ridge-1", AT)
    assert found.has(RANKING)
    assert not found.has("orders")


def test_what_was_published_stays(tmp_path):
    first = put(tmp_path)
    again = put(tmp_path, made=content("99990"), at=AT.replace(hour=12))
    assert again.content_hash == first.content_hash
    assert again.published_at == AT


def test_time_is_no_part_of_the_content(tmp_path):
    one = put(tmp_path / "one")
    other = put(tmp_path / "two", at=AT.replace(hour=12))
    assert one.content_hash == other.content_hash
    assert put(tmp_path / "three", made=content("99990")).content_hash != one.content_hash


def test_the_newest_of_a_bundle(tmp_path):
    assert newest_publication(tmp_path, "tse", "ridge-1") is None
    put(tmp_path, NEXT)
    put(tmp_path, DAY)
    put(tmp_path, NEXT, bundle="ridge-12")
    assert published_sessions(tmp_path, "tse", "ridge-1") == [DAY, NEXT]
    assert newest_publication(tmp_path, "tse", "ridge-1").session == NEXT
    assert newest_publication(tmp_path, "tse", "ridge-1", before=NEXT).session == DAY
    assert newest_publication(tmp_path, "tse", "ridge-1", before=DAY) is None
    assert published_sessions(tmp_path, "nyse", "ridge-1") == []


def test_one_that_is_not_there_says_which_are(tmp_path):
    with pytest.raises(DataError, match="it has published nothing"):
        open_publication(tmp_path, "tse", DAY, "ridge-1")
    put(tmp_path, NEXT)
    with pytest.raises(DataError, match="published 2026-11-27 to 2026-11-27"):
        open_publication(tmp_path, "tse", DAY, "ridge-1")


def test_a_changed_file_is_noticed(tmp_path):
    made = put(tmp_path)
    path = made.folder / "ranking.parquet"
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(DataError, match="damaged.*gogooku evening"):
        open_publication(tmp_path, "tse", DAY, "ridge-1").frame(RANKING)
