"""What evenings leave beside publications."""

from datetime import UTC, date, datetime

import pytest

from gogooku.core.files import write_json, write_parquet
from gogooku.serve.status import Status, read_status, status_places
from gogooku.watch.live import live_path
from support.dashboards import live

DAY = date(2026, 11, 27)
EVENING = {
    "at": "2026-11-27T11:31:00+00:00",
    "failed": None,
    "steps": {"sync": {"seconds": 3.0, "at": "2026-11-27T11:31:00+00:00"}},
}


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "status" / "tse"
    made.mkdir(parents=True)
    return made


def test_nothing_need_be_there(tmp_path):
    assert read_status(tmp_path, "tse", DAY, "ridge-1") == Status()


def test_both_are_read(tmp_path, folder):
    write_json(folder / "evening.json", EVENING)
    write_json(folder / f"{DAY}--ridge-1.json", {"checks": []})
    found = read_status(tmp_path, "tse", DAY, "ridge-1")
    assert (found.evening, found.measured, found.unreadable) == (EVENING, {"checks": []}, ())
    assert found.last_success == {"sync": datetime(2026, 11, 27, 11, 31, tzinfo=UTC)}
    assert read_status(tmp_path, "tse", DAY, "ridge-2").measured is None
    live = tmp_path / "live" / "tse"
    assert set(status_places(tmp_path, "tse")) == {folder, folder / "evening.json", live}


def test_the_live_skill_of_the_bundle_is_read(tmp_path):
    place = live_path(tmp_path, "tse", "ridge-1")
    place.parent.mkdir(parents=True)
    write_parquet(live(), place)
    found = read_status(tmp_path, "tse", DAY, "ridge-1")
    assert found.live.equals(live())
    assert read_status(tmp_path, "tse", DAY, "ridge-2").live.is_empty()
    place.write_bytes(b"damaged")
    broken = read_status(tmp_path, "tse", DAY, "ridge-1")
    assert broken.live.is_empty()
    assert str(place) in broken.unreadable[0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("evening.json", "{"),
        ("evening.json", '{"steps": {"sync": {"at": "soon"}}}'),
        ("evening.json", '{"steps": {"sync": 3}}'),
        (f"{DAY}--ridge-1.json", "[]"),
    ],
)
def test_one_that_cannot_be_read_is_named_and_keeps_nothing_back(tmp_path, folder, name, text):
    (folder / name).write_text(text)
    found = read_status(tmp_path, "tse", DAY, "ridge-1")
    (said,) = found.unreadable
    assert name in said
    assert (found.evening, found.measured, dict(found.last_success)) == (None, None, {})
