"""Field cases of a sync: situations that people report, with what is right."""

import gzip
import io
import json
from datetime import date

import httpx
import pytest
from rich.console import Console

from gogooku.commands.display import show
from gogooku.commands.sync import answer_of
from gogooku.core.errors import DataError
from gogooku.ingest.jquants.repair import repair
from gogooku.ingest.jquants.summary import Synced
from support.syncs import World, tokyo

NAMES = ("calendar", "topix")
FIRST = date(2026, 6, 1)


def test_plan_upgrade_unnoticed(tmp_path):
    """A subscriber moves from Free to Premium and syncs again: the index is fetched at once."""
    world = World(tmp_path, tokyo("2026-11-20 20:00"), key="sandbox-free")
    summary = world.fetch(NAMES, first=FIRST)
    assert {one.name: one.skipped for one in summary.endpoints}["topix"] == (
        "not in the Free plan; needs Light"
    )
    world.key = "sandbox-premium"
    summary = world.fetch(NAMES, first=FIRST)
    assert summary.plan.label == "Premium"
    assert sum(batch.rows for batch in world.store.batches("topix")) > 100
    assert "the plan is Premium now, it was Free" in summary.notes
    place = len(world.tap.asked)
    world.fetch(NAMES, first=FIRST)
    assert len(world.tap.asked) == place, "a sync repeated at the same time asks for nothing"


def test_plan_downgrade_keeps_what_is_stored_and_says_what_is_refused(tmp_path):
    world = World(tmp_path, tokyo("2026-11-20 20:00"))
    world.fetch(NAMES, first=FIRST)
    held = world.store.batches("topix")
    world.key = "sandbox-free"
    summary = world.fetch(NAMES, first=FIRST)
    assert world.store.batches("topix") == held
    assert {one.name: one.skipped for one in summary.endpoints}["topix"] == (
        "not in the Free plan; needs Light"
    )


def test_ledger_lost_beside_the_mark_of_a_killed_sync(tmp_path):
    """Nothing is removed; made anew, the tables are the same and nothing is asked for again."""
    names = ("calendar", "master", "quotes", "topix")
    world = World(tmp_path, tokyo("2026-11-20 20:00"))
    world.fetch(names, first=date(2026, 9, 14))
    tables = world.tables().content()
    world.store.ledger_path.unlink()
    world.store.marker.touch()
    with pytest.raises(DataError, match="--repair"):
        world.fetch(names, first=date(2026, 9, 14))
    repair(world.store)
    assert world.tables().content() == tables
    place = len(world.tap.asked)
    world.fetch(names, first=date(2026, 9, 14))
    assert world.tap.queries(place) == set()


# --- a hostile server ---------------------------------------------------------------------------

DAY = date(2026, 11, 16)
ROW = {"Date": "2026-11-20", "O": 1, "H": 1, "L": 1, "C": 1}


def body_of(text, **headers):
    raw = text if isinstance(text, bytes) else json.dumps(text).encode()
    return lambda _: httpx.Response(200, content=raw, headers=headers)


def endless(request):
    """Always another page, always another key."""
    endless.count = getattr(endless, "count", 0) + 1
    rows = [{**ROW, "Code": f"{endless.count}"}]
    return httpx.Response(200, json={"data": rows, "pagination_key": f"k{endless.count}"})


def repeating(request):
    """The same rows for ever under new keys."""
    return httpx.Response(
        200, json={"data": [ROW], "pagination_key": f"{len(str(request.url))}{id(request)}"}
    )


HOSTILE = {
    "nested": (body_of(b'{"data": ' + b"[" * 200_000), "nested too deeply"),
    "nested cell": (body_of({"data": [{"C": [[[[[[[[[[]]]]]]]]]]} | ROW]}), None),
    "deep cell": (body_of(b'{"data": [{"X": ' + b"[" * 500 + b"]" * 500 + b"}]}"), "32 deep"),
    "NaN": (body_of(b'{"data": [{"C": NaN}]}'), "NaN is no JSON"),
    "thousands of digits": (body_of(b'{"data": [{"C": ' + b"9" * 9999 + b"}]}"), "digits"),
    "a name twice": (body_of(b'{"data": [{"C": 1, "C": 2}]}'), "twice"),
    "no UTF-8": (body_of(b'{"data": [{"C": "\xff"}]}'), "not UTF-8"),
    "half a character": (body_of(b'{"data": [{"C": "\\ud800"}]}'), "surrogate"),
    "a list for the answer": (body_of([1, 2]), "no list of rows"),
    "a list for a row": (body_of({"data": [[1]]}), "no list of rows"),
    "a text for the rows": (body_of({"data": "x"}), "no list of rows"),
    "a number for the key": (body_of({"data": [], "pagination_key": 7}), "not a text"),
    "a key that steers": (body_of({"data": [ROW], "pagination_key": "\x1b[2J"}), "short plain"),
    "a key of a megabyte": (body_of({"data": [ROW], "pagination_key": "k" * 10**6}), "short plain"),
    "a field that steers": (body_of({"data": [ROW | {"\x1b[2J\u202e": 1}]}), "cannot be one"),
    "our own field": (body_of({"data": [ROW | {"_unreadable": "x"}]}), "cannot be one"),
    "fields without end": (
        body_of({"data": [{f"f{row}_{n}": 1 for n in range(50)} for row in range(50)]}),
        "different fields",
    ),
    "a web page": (body_of(b"<html><h1>\x1b[31mSign in", **{"content-type": "text/html"}), "web"),
    "nothing": (body_of(b""), "it is empty"),
    "204": (lambda _: httpx.Response(204), "status 204"),
    "206": (lambda _: httpx.Response(206, json={"data": []}), "status 206"),
    "a bomb": (
        body_of(gzip.compress(bytes(65 << 20)), **{"content-encoding": "gzip"}),
        "more than 64 MiB, the limit",
    ),
    "members without end": (
        body_of(gzip.compress(b"", mtime=0) * 70_000, **{"content-encoding": "gzip"}),
        "gzip members",
    ),
    "a body without end": (body_of(b" " * (65 << 20)), "more than 64 MiB, the limit"),
    "pages without end": (endless, "pages is more than 40, the limit"),
    "pages that repeat": (repeating, "repeat earlier ones"),
    "a redirect to another host": (
        lambda _: httpx.Response(302, headers={"location": "https://evil.test/"}),
        "a redirect, which is not followed",
    ),
    "a wait without end": (
        lambda _: httpx.Response(429, headers={"retry-after": "9" * 400}),
        "429",
    ),
    "a steering message": (
        lambda _: httpx.Response(400, json={"message": "\x1b]0;x\x07no\u202e" + "!" * 9999}),
        "no?!!!",
    ),
    "an impossible window": (
        lambda _: httpx.Response(
            400, json={"message": "covers the following dates: 9999-12-31 ~ 0001-01-01"}
        ),
        "9999-12-31",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_is_one_named_failure_and_the_rest_stays(tmp_path, monkeypatch, name):
    monkeypatch.setattr("gogooku.ingest.jquants.course.QUERY_PAGES", 40)
    answer, says = HOSTILE[name]
    world = World(tmp_path, tokyo("2026-11-20 20:00"), key="sandbox-light")
    world.fetch(("calendar",))
    held = world.store.batches()
    place = len(world.tap.asked)
    world.tap.instead["/indices/bars/daily/topix"] = answer
    summary = world.fetch(("calendar", "topix", "master"), first=DAY)
    world.tap.instead.clear()
    failed = {one.name: one.failed for one in summary.failed}
    if says is None:
        assert failed == {}
    else:
        (text,) = failed["topix"]
        assert says in text
        assert "topix" in text
        assert text.isprintable()
        assert len(text) < 900
        assert world.store.batches("topix") == []
    assert world.store.batches()[: len(held)] == held
    assert world.store.batches("master"), "the other endpoints go on"
    assert len(world.tap.asked) - place < 400
    assert not [path for path in world.store.folder.rglob(".*") if path.name != ".sandbox.lock"]
    shown = Console(file=io.StringIO(), markup=False, width=200)
    show(shown, *answer_of(Synced(summary, None)).parts)
    assert "\x1b" not in shown.file.getvalue()
    assert "\u202e" not in shown.file.getvalue()


CELLS = [10**400, 1e308, -1e308, {"a": 1}, ["x"], True, "NaN", "inf", "1e999", "\x1b[31m1", "１２",
         "", "9" * 400, "1" + "0" * 300_000]  # fmt: skip


def test_cells_that_are_no_numbers_are_kept_and_set_aside_by_their_table(tmp_path):
    world = World(tmp_path, tokyo("2026-11-20 20:00"), key="sandbox-light")
    rows = [ROW | {"Date": f"2026-11-{n + 2:02d}", "C": cell} for n, cell in enumerate(CELLS)]
    rows.append(ROW | {"Date": "9999-99-99"})
    world.tap.instead["/indices/bars/daily/topix"] = body_of({"data": rows})
    summary = world.fetch(("calendar", "topix"), first=DAY)
    assert summary.failed == ()
    tables = world.tables()
    kept = sum(part.rows for part in tables.parts if part.table == "topix")
    aside = sum(sum(part.quarantined.values()) for part in tables.parts if part.table == "topix")
    assert kept + aside == len(rows)
    assert aside >= len(CELLS) - 3


def test_a_hostile_calendar_stops_nothing(tmp_path):
    world = World(tmp_path, tokyo("2026-11-20 20:00"), key="sandbox-light")
    days = [{"Date": day, "HolDiv": "1"} for day in ("0001-01-01", "9999-12-31", "x", "2026-11-20")]
    world.tap.instead["/markets/calendar"] = body_of({"data": days})
    world.fetch(("calendar", "topix"), first=DAY)
    assert world.dry_run(("calendar", "topix"), first=DAY) is not None


FILES = {
    "zero bytes": gzip.compress(b"Date,Code,O\n2026-09-01,13010,\0\n"),
    "short rows": gzip.compress(b"Date,Code,O\n2026-09-01\n"),
    "a huge header": gzip.compress(b"Date," + b"x" * 10**6 + b"\n"),
    "a huge cell": gzip.compress(b'Date,Code,O\n2026-09-01,"' + b"x" * 10**7),
    "returns only": gzip.compress(b"Date,Code,O\r2026-09-01,13010,1\r"),
    "no UTF-8": gzip.compress(b"Date,Code,O\n2026-09-01,\xff\xfe,1\n"),
    "a web page": gzip.compress(b"<html></html>"),
    "fields without end": gzip.compress(b"Date," + b",".join(b"a%d" % n for n in range(5000))),
    "nothing": gzip.compress(b""),
    "a steering name": gzip.compress(b"Date,Code,\x1b[2J\n2026-09-01,13010,1\n"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_monthly_file_is_replaced_by_its_days(tmp_path, name):
    world = World(tmp_path, tokyo("2026-10-20 20:00"))
    names = ("calendar", "quotes")
    world.fetch(("calendar",))
    world.tap.instead["/download/"] = lambda _: httpx.Response(200, content=FILES[name])
    summary = world.fetch(names, first=date(2026, 9, 1))
    (said,) = [one.by_day for one in summary.endpoints if one.name == "quotes"]
    assert any("_202609.csv.gz cannot be had" in text for text in said)
    assert all(text.isprintable() for text in said)
    assert summary.failed == ()
    assert min(world.store.days("quotes")) == date(2026, 9, 1)
