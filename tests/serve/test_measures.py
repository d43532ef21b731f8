"""What the server counts of itself."""

from gogooku.core.exposition import exposition
from gogooku.serve.measures import BUCKETS, Measures


def lines(measures):
    text = exposition(measures.metrics())
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


def test_answers_are_counted_by_page_and_status():
    measures = Measures()
    for status in (200, 200, 404):
        measures.answered("/ranking", status, 0.002)
    found = lines(measures)
    assert found['gogooku_http_requests_total{route="/ranking",code="200"}'] == "2"
    assert found['gogooku_http_requests_total{route="/ranking",code="404"}'] == "1"


def test_a_histogram_counts_up_to_each_end():
    measures = Measures()
    for seconds in (0.0005, 0.001, 0.0011, 20.0):
        measures.answered("/ranking", 200, seconds)
    found = lines(measures)

    def bucket(end):
        return int(found[f'gogooku_http_request_seconds_bucket{{route="/ranking",le="{end}"}}'])

    assert [bucket(end) for end in (0.001, 0.0025, 10.0, "+Inf")] == [2, 3, 3, 4]
    counts = [bucket(end) for end in BUCKETS]
    assert counts == sorted(counts)
    assert found['gogooku_http_request_seconds_count{route="/ranking"}'] == "4"
    assert float(found['gogooku_http_request_seconds_sum{route="/ranking"}']) == 20.0026


def test_what_is_no_answer_is_counted_by_kind():
    measures = Measures()
    measures.happened("wrong_key")
    measures.happened("wrong_key")
    measures.in_flight, measures.connections = 3, 7
    found = lines(measures)
    assert found['gogooku_http_events_total{event="wrong_key"}'] == "2"
    assert (found["gogooku_http_in_flight"], found["gogooku_http_connections"]) == ("3", "7")
    assert int(found["gogooku_resident_memory_bytes"]) > 1 << 20
