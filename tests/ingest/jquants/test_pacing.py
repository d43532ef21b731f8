"""No window of sixty seconds ever holds more requests than the plan and the bucket allow."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gogooku.core.wall import VirtualClock
from gogooku.ingest.jquants.pacing import MARGIN, Pacer, minutes_for
from gogooku.ingest.jquants.plans import BUCKET_PER_MINUTE, REQUESTS_PER_MINUTE, Bucket, Plan

START = datetime(2026, 11, 20, 9, tzinfo=UTC)


def send(pacer, clock, buckets):
    """Instants of one request per bucket named."""
    sent = []
    for bucket in buckets:
        pacer.wait(bucket)
        sent.append(clock.now())
    return sent


def most_in_a_minute(sent):
    """Largest number of instants in any closed window of sixty seconds."""
    most, first = 0, 0
    for last, instant in enumerate(sent):
        while instant - sent[first] > timedelta(seconds=60):
            first += 1
        most = max(most, last - first + 1)
    return most


@pytest.mark.parametrize("plan", Plan)
@pytest.mark.parametrize("bucket", Bucket)
def test_never_above_the_limit_and_not_much_below(plan, bucket):
    clock = VirtualClock(START)
    limit = min(REQUESTS_PER_MINUTE[plan], BUCKET_PER_MINUTE.get(bucket, 10**6))
    sent = send(Pacer(plan, clock=clock), clock, [bucket] * (5 * limit + 1))
    assert most_in_a_minute(sent) <= limit
    assert (sent[-1] - sent[0]).total_seconds() <= 5 * 60 * MARGIN + 0.1


@given(
    plan=st.sampled_from(Plan),
    buckets=st.lists(st.sampled_from(Bucket), min_size=2, max_size=300),
)
def test_mixed_buckets_stay_below_every_limit(plan, buckets):
    clock = VirtualClock(START)
    sent = send(Pacer(plan, clock=clock), clock, buckets)
    assert most_in_a_minute(sent) <= REQUESTS_PER_MINUTE[plan]
    for bucket, limit in BUCKET_PER_MINUTE.items():
        own = [instant for name, instant in zip(buckets, sent, strict=True) if name is bucket]
        assert most_in_a_minute(own) <= limit


@given(gaps=st.lists(st.floats(0, 90), min_size=2, max_size=60))
def test_pauses_save_up_nothing(gaps):
    clock = VirtualClock(START)
    pacer = Pacer(Plan.FREE, clock=clock)
    sent = []
    for gap in gaps:
        clock.sleep(gap)
        sent += send(pacer, clock, [Bucket.DEFAULT])
    assert most_in_a_minute(sent) <= 5


def test_the_first_request_goes_at_once_unless_an_earlier_run_has_just_sent_one():
    clock = VirtualClock(START)
    Pacer(Plan.FREE, clock=clock).wait(Bucket.SUMMARY)
    assert clock.slept_seconds == 0
    again = Pacer(Plan.FREE, clock=clock, after=START)
    again.wait(Bucket.SUMMARY)
    assert clock.slept_seconds == pytest.approx(60 / 5 * MARGIN, abs=1e-4)


def test_another_plan_changes_the_pace_but_forgets_nothing():
    clock = VirtualClock(START)
    pacer = Pacer(Plan.PREMIUM, clock=clock)
    pacer.wait(Bucket.DEFAULT)
    pacer.set_plan(Plan.FREE)
    assert pacer.plan is Plan.FREE
    pacer.wait(Bucket.DEFAULT)
    assert clock.slept_seconds == pytest.approx(12 * MARGIN, abs=1e-4)


def test_a_punishment_holds_everything_back_and_only_grows():
    clock = VirtualClock(START)
    pacer = Pacer(Plan.PREMIUM, clock=clock)
    pacer.punish(310)
    pacer.punish(60)
    pacer.wait(Bucket.DETAILS)
    assert clock.slept_seconds == pytest.approx(310, abs=1e-3)
    pacer.punish(60)
    pacer.wait(Bucket.DEFAULT)
    assert clock.slept_seconds == pytest.approx(370, abs=1e-3)


def test_a_clock_set_back_costs_one_spacing_at_most():
    clock = VirtualClock(START)
    pacer = Pacer(Plan.LIGHT, clock=clock)
    pacer.wait(Bucket.DEFAULT)
    clock.move_to(START - timedelta(days=1))
    pacer.wait(Bucket.DEFAULT)
    assert clock.slept_seconds <= MARGIN * 2


def test_a_margin_below_one_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        Pacer(Plan.FREE, clock=VirtualClock(START), margin=0.9)


@pytest.mark.parametrize(
    ("requests", "plan", "minutes"),
    [
        ({}, Plan.FREE, 0),
        ({Bucket.DEFAULT: 50}, Plan.FREE, 10),
        ({Bucket.DEFAULT: 30, Bucket.SUMMARY: 20}, Plan.FREE, 10),
        ({Bucket.DEFAULT: 100, Bucket.SUMMARY: 600}, Plan.PREMIUM, 10),
        ({Bucket.DEFAULT: 4400, Bucket.SUMMARY: 600}, Plan.PREMIUM, 10),
        ({Bucket.SUMMARY: 600, Bucket.DETAILS: 600}, Plan.STANDARD, 10),
    ],
)
def test_expected_minutes(requests, plan, minutes):
    assert minutes_for(requests, plan) == pytest.approx(minutes * MARGIN)


@pytest.mark.parametrize("plan", Plan)
def test_expected_minutes_are_those_that_pass(plan):
    clock = VirtualClock(START)
    buckets = [Bucket.DEFAULT, Bucket.SUMMARY] * 90
    send(Pacer(plan, clock=clock), clock, buckets)
    expected = minutes_for(Counter(buckets), plan)
    assert clock.slept_seconds / 60 == pytest.approx(expected, rel=0.03)
