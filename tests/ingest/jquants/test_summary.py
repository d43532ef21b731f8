import json
from datetime import date

from gogooku.ingest.jquants.plans import Plan
from gogooku.ingest.jquants.summary import EndpointSummary, SyncSummary

QUOTES = EndpointSummary(
    "quotes",
    requests=5,
    batches=3,
    rows=120,
    num_bytes=4000,
    unknown={"New", "Also"},
    missing={"UL"},
    short={date(2026, 11, 20): 2, date(2026, 11, 19): 1},
    by_day=["2026-10: refused"],
)
TOPIX = EndpointSummary("topix", requests=2, rows=3, num_bytes=10, failed=["no answer"])
SUMMARY = SyncSummary("jq", Plan.LIGHT, requests=9, endpoints=(QUOTES, TOPIX))


def test_sums_are_over_the_endpoints_and_requests_also_count_the_discovery():
    assert [SUMMARY.total(name) for name in ("requests", "batches", "rows", "num_bytes")] == [
        7,
        3,
        123,
        4010,
    ]
    assert SUMMARY.failed == (TOPIX,)
    assert SyncSummary("jq", Plan.FREE, requests=2, endpoints=()).total("rows") == 0


def test_what_machines_read_is_sorted_and_plain():
    made = json.loads(json.dumps(SUMMARY.to_json()))
    assert {name: value for name, value in made.items() if name != "endpoints"} == {
        "source": "jq",
        "plan": "Light",
        "requests": 9,
        "batches": 3,
        "rows": 123,
        "bytes": 4010,
        "notes": [],
    }
    quotes, topix = made["endpoints"]
    assert quotes == {
        "name": "quotes",
        "requests": 5,
        "batches": 3,
        "rows": 120,
        "bytes": 4000,
        "failed": [],
        "skipped": None,
        "clipped": None,
        "unknown": ["Also", "New"],
        "missing": ["UL"],
        "short": {"2026-11-19": 1, "2026-11-20": 2},
        "by_day": ["2026-10: refused"],
    }
    assert list(quotes["short"]) == ["2026-11-19", "2026-11-20"]
    assert topix["failed"] == ["no answer"]


def test_endpoints_do_not_share_their_lists():
    one, other = EndpointSummary("a"), EndpointSummary("b")
    one.failed.append("x")
    one.unknown.add("y")
    assert (other.failed, other.unknown) == ([], set())
