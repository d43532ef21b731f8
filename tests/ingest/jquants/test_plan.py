"""What a sync asks for, at which instant, and why."""

from datetime import date, timedelta

import pytest

from gogooku.core.calendar import is_tokyo_session
from gogooku.core.errors import UsageError
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.ingest.jquants.ledger import Batch, BatchKind, Due
from gogooku.ingest.jquants.moments import axis_days, coverage, moments, ready_at, sessions_of
from gogooku.ingest.jquants.plan import BulkUse, Held, Reason, SyncOptions, plan_sync
from gogooku.ingest.jquants.planning import plan_for
from gogooku.ingest.jquants.plans import Bucket, Plan
from support.vendor import EVERY, days_between, some, tokyo

NOVEMBER = date(2026, 11, 1)


def plan_at(text, *names, plan=Plan.STANDARD, held=(), dues=(), calendar=None, **options):
    now = tokyo(text)
    counts, refused = options.pop("counts", {}), options.pop("refused", {})
    by_name = {}
    for batch in held:
        by_name.setdefault(batch.endpoint, []).append(batch)
    by_name = {
        name: Held(
            by_name.get(name, ()),
            names=counts.get(name, names_of(by_name.get(name, ()))),
            refused=refused,
        )
        for name in {*by_name, *counts, *(names or ENDPOINTS)}
    }
    return plan_sync(
        some(*names) if names else EVERY,
        subscription=plan_for(plan, now=now),
        calendar=sessions_of(calendar or {}, now=now),
        held=by_name,
        dues=dues,
        now=now,
        options=SyncOptions(**options),
    )


def batch(name, first, last=None, *, at, kind=BatchKind.PAGES, rows=1, query="", cursor=None):
    return Batch(
        number=1,
        endpoint=name,
        query=query,
        kind=kind,
        first=first,
        last=last or first,
        fetched_at=tokyo(at),
        bodies=("a",),
        rows=rows,
        last_modified=None,
        cursor=cursor,
        content="a",
    )


def names_of(batches):
    """Rows of every date of a batch that has any."""
    return {
        day: batch.rows
        for batch in batches
        if batch.rows and batch.first
        for day in days_between(batch.first, batch.last)
    }


def held_to(name, last, *, at):
    """Everything to a date, whole and final."""
    return batch(name, date(2005, 1, 1), last, at=at)


def queries(plan):
    return [job.query for job in plan.jobs]


# Friday 2026-11-20 is a session, Monday 23 is a holiday, Tuesday 24 is the next session.
@pytest.mark.parametrize(
    ("name", "day", "ready", "final"),
    [
        ("quotes", "2026-11-20", "2026-11-20 16:30", "2026-11-26 16:30"),
        ("master", "2026-11-24", "2026-11-20 17:30", "2026-11-26 17:30"),
        ("valuation", "2026-11-20", "2026-11-24 16:30", "2026-11-27 16:30"),
        ("futures", "2026-11-20", "2026-11-21 03:00", "2026-11-27 03:00"),
        ("short_positions", "2026-11-20", "2026-11-20 17:30", "2026-11-26 17:30"),
        ("margin_interest", "2026-09-25", "2026-09-28 16:30", "2026-10-01 16:30"),
        ("margin_interest", "2026-09-18", "2026-09-25 16:30", "2026-09-30 16:30"),
        ("margin_interest", "2026-11-20", "2026-11-24 16:30", "2026-11-27 16:30"),
        ("margin_interest", "2024-05-02", "2024-05-08 16:30", "2024-05-13 16:30"),
    ],
)
def test_a_day_is_ready_and_final_when_the_table_says(name, day, ready, final):
    sessions = sessions_of({}, now=tokyo("2026-11-20 12:00"))
    day = date.fromisoformat(day)
    assert ready_at(ENDPOINTS[name], day, sessions=sessions) == tokyo(ready)
    every = moments(ENDPOINTS[name], day, sessions=sessions, plan=Plan.PREMIUM)
    assert every == (tokyo(ready), tokyo(final))


def test_margin_interest_has_week_ends_of_more_than_two_sessions_then_every_session():
    sessions = sessions_of({}, now=tokyo("2026-11-20 12:00"))
    span = sessions.between(date(2026, 9, 7), date(2026, 10, 2))
    found = axis_days(ENDPOINTS["margin_interest"], span, sessions=sessions)
    # 2026-09-21 to 23 are holidays: 24 and 25 are the week, and 25 opens the daily era.
    expected = ["09-11", "09-18", "09-25", "09-28", "09-29", "09-30", "10-01", "10-02"]
    assert [f"{day:%m-%d}" for day in found] == expected
    golden = sessions.between(date(2019, 4, 22), date(2019, 5, 17))
    weeks = axis_days(ENDPOINTS["margin_interest"], golden, sessions=sessions)
    assert [f"{day:%m-%d}" for day in weeks] == ["04-26", "05-10", "05-17"]


def test_a_day_is_asked_when_it_is_ready_and_not_before():
    held = [held_to("quotes", date(2026, 11, 19), at="2026-11-27 00:00")]
    assert queries(plan_at("2026-11-20 16:29", "quotes", held=held)) == []
    plan = plan_at("2026-11-20 16:30", "quotes", held=held)
    assert queries(plan) == ["date=2026-11-20"]
    assert plan.jobs[0].reason is Reason.MISSING


def test_a_provisional_day_is_asked_once_more_when_it_is_final():
    held = [
        held_to("quotes", date(2026, 11, 19), at="2026-12-27 00:00"),
        batch("quotes", date(2026, 11, 20), at="2026-11-20 16:31"),
    ]
    before = plan_at("2026-11-26 16:29", "quotes", held=held, last=date(2026, 11, 20))
    assert queries(before) == []
    plan = plan_at("2026-11-26 16:30", "quotes", held=held, last=date(2026, 11, 20))
    assert [(job.query, job.reason) for job in plan.jobs] == [
        ("date=2026-11-20", Reason.PROVISIONAL)
    ]
    held.append(batch("quotes", date(2026, 11, 20), at="2026-11-26 16:30"))
    assert queries(plan_at("2026-11-30 12:00", "quotes", held=held, last=date(2026, 11, 20))) == []


def test_statements_are_asked_at_the_flash_after_midnight_and_when_final():
    day = date(2026, 11, 20)
    asked, held = [], [held_to("statements", date(2026, 11, 19), at="2026-12-27 00:00")]
    walls = ("20 17:59", "20 18:00", "20 23:59", "21 00:29", "21 00:30", "24 20:00")
    for wall in (*walls, "26 17:59", "26 18:00", "27 20:00"):
        at = f"2026-11-{wall}"
        if queries(plan_at(at, "statements", held=held, last=day)):
            asked.append(wall)
            held.append(batch("statements", day, at=at))
    assert asked == ["20 18:00", "21 00:30", "26 18:00"]


def test_disclosures_are_polled_with_the_cursor_of_the_last_poll_until_the_day_is_whole():
    day = date(2026, 11, 20)
    held = [held_to("statements", date(2026, 11, 19), at="2026-12-27 00:00")]

    def at(text):
        return plan_at(text, "statements", plan=Plan.PREMIUM, held=held)

    plan = at("2026-11-20 13:00")
    assert [(job.query, job.kind) for job in plan.jobs] == [("date=2026-11-20", BatchKind.CURSOR)]
    assert (plan.jobs[0].first, plan.jobs[0].last) == (day, day)
    poll = batch(
        "statements",
        day,
        at="2026-11-20 13:00",
        kind=BatchKind.CURSOR,
        query="date=2026-11-20",
        cursor="c7",
    )
    held.append(poll)
    assert queries(at("2026-11-20 13:09")) == []
    assert queries(at("2026-11-20 13:10")) == ["date=2026-11-20&cursor=c7"]
    assert queries(at("2026-11-21 00:29")) == []
    whole = at("2026-11-21 00:30")
    assert [(job.query, job.kind) for job in whole.jobs] == [("date=2026-11-20", BatchKind.PAGES)]
    assert plan_at("2026-11-20 13:00", "statements", held=held[:1]).jobs == ()
    assert whole.jobs[0].first == day


def test_a_closed_month_comes_as_a_file_and_the_current_one_by_days():
    plan = plan_at("2026-11-10 20:00", "quotes", first=date(2026, 9, 1))
    files = [job for job in plan.jobs if job.kind is BatchKind.FILE]
    assert [job.bulk_key[-13:-7] for job in files] == ["202609", "202610"]
    assert (files[0].first, files[0].last) == (date(2026, 9, 1), date(2026, 9, 30))
    days = [job.query for job in plan.jobs if job.kind is BatchKind.PAGES]
    assert (days[0], days[-1]) == ("date=2026-11-10", "date=2026-11-02")
    assert plan.jobs[-2:] == tuple(files)
    assert len(days) == 6
    assert plan.requests()[Bucket.DEFAULT] == 2 + 1 + 6


def test_a_month_is_closed_after_three_sessions_of_the_next():
    def files(text, **options):
        plan = plan_at(text, "quotes", first=date(2026, 10, 1), last=date(2026, 10, 31), **options)
        return sum(job.kind is BatchKind.FILE for job in plan.jobs)

    assert files("2026-11-05 23:59") == 0  # 2, 4 and 5 November are its first sessions
    assert files("2026-11-06 00:00") == 1
    assert files("2026-11-06 00:00", use_bulk=BulkUse.NEVER) == 0
    # The Free plan has no files: nothing of October is in its window either.
    assert files("2026-11-06 00:00", plan=Plan.FREE) == 0


def test_a_file_covers_only_what_the_subscription_sees():
    plan = plan_at("2026-11-18 20:00", "quotes", last=date(2016, 12, 31))
    assert plan.jobs[0].first == date(2016, 11, 18)
    assert plan.jobs[0].last == date(2016, 11, 30)


def test_a_few_missing_days_of_a_closed_month_are_asked_by_day():
    held = [batch("quotes", date(2026, 10, 1), date(2026, 10, 20), at="2026-11-10 00:00")]
    options = {"first": date(2026, 10, 1), "last": date(2026, 10, 31), "held": held}
    plan = plan_at("2026-11-18 20:00", "quotes", **options)
    assert {job.kind for job in plan.jobs} == {BatchKind.PAGES}
    assert len(plan.jobs) == 8


def test_range_endpoints_ask_one_query_for_each_span():
    held = [batch("topix", date(2026, 11, 9), date(2026, 11, 11), at="2026-12-01 00:00")]
    plan = plan_at("2026-11-20 20:00", "topix", first=NOVEMBER, held=held)
    assert queries(plan) == ["from=2026-11-02&to=2026-11-06", "from=2026-11-12&to=2026-11-20"]
    years = plan_at("2026-11-20 20:00", "topix")
    assert queries(years) == ["from=2016-11-21&to=2026-11-20"]


def test_snapshots_are_asked_once_a_session_and_only_while_they_are_there():
    def morning(text, held=()):
        return queries(plan_at(text, "morning", plan=Plan.PREMIUM, held=held))

    assert morning("2026-11-20 11:59") == []
    assert morning("2026-11-20 12:00") == [""]
    assert morning("2026-11-21 05:59") == [""]
    assert morning("2026-11-21 06:00") == []
    kind = BatchKind.SNAPSHOT
    held = [batch("morning", date(2026, 11, 20), at="2026-11-20 12:00", kind=kind)]
    assert morning("2026-11-20 20:00", held) == []
    empty = [batch("morning", date(2026, 11, 20), at="2026-11-20 12:00", kind=kind, rows=0)]
    assert morning("2026-11-20 12:59", empty) == []
    assert morning("2026-11-20 13:00", empty) == [""]

    def announced(text, held=()):
        return queries(plan_at(text, "earnings_calendar", held=held))

    held = [batch("earnings_calendar", date(2026, 11, 19), at="2026-11-19 20:00", kind=kind)]
    assert announced("2026-11-20 19:29", held) == []
    assert announced("2026-11-20 19:30", held) == [""]
    assert announced("2026-11-23 12:00", held) == [""]


def test_an_empty_answer_where_rows_are_certain_is_asked_again_after_an_hour():
    day = date(2026, 11, 20)
    for name, again in (("quotes", ["date=2026-11-20"]), ("dividends", ["date=2026-11-20"])):
        held = [
            held_to(name, date(2026, 11, 19), at="2026-12-27 00:00"),
            batch(name, day, at="2026-11-20 19:01", rows=0),
        ]
        plan = {"plan": Plan.PREMIUM, "held": held}
        assert queries(plan_at("2026-11-20 20:00", name, **plan)) == []
        assert queries(plan_at("2026-11-20 20:01", name, **plan)) == again
    final = [
        held_to("quotes", date(2026, 11, 19), at="2026-12-27 00:00"),
        batch("quotes", day, at="2026-11-26 16:30", rows=0),
    ]
    assert queries(plan_at("2026-11-26 20:00", "quotes", held=final, last=day)) == []


def test_rows_of_another_date_do_not_make_a_day_held():
    # Tomorrow's listing was asked for, and today's came again.
    held = [
        held_to("master", date(2026, 11, 20), at="2026-12-27 00:00"),
        batch("master", date(2026, 11, 24), at="2026-11-20 17:31", rows=4400),
    ]
    counts = {"master": {date(2026, 11, 20): 4400}}
    kwargs = {"held": held, "last": date(2026, 11, 24)}
    full = plan_at("2026-11-20 18:31", "master", **kwargs)
    assert queries(full) == []
    kwargs["counts"] = counts
    assert queries(plan_at("2026-11-20 18:30", "master", **kwargs)) == []
    slipped = plan_at("2026-11-20 18:31", "master", **kwargs)
    assert [(job.query, job.reason) for job in slipped.jobs] == [
        ("date=2026-11-24", Reason.MISSING)
    ]


def evenings(name, first, text_of, **kwargs):
    """Tokyo hours from an instant on at which a sync every half an hour asks for a day."""
    asked, held = [], [held_to(name, first - timedelta(days=1), at="2027-12-27 00:00")]
    for step in range(2 * 36):
        at = tokyo(text_of) + timedelta(minutes=30 * step)
        text = f"{at + timedelta(hours=9):%Y-%m-%d %H:%M}"
        plan = plan_at(text, name, held=held, last=first, **kwargs)
        for job in plan.jobs:
            asked.append(text[8:])
            held.append(batch(name, job.first, job.last, at=text, rows=0))
    return asked


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Rows are certain: until the day is final, four times a day.
        (
            "quotes",
            ["16:30", "17:30", "18:30", "19:30", *["00:00", "01:00", "02:00", "03:00"] * 2],
        ),
        # Rows may be none: on the evening itself.
        ("short_positions", ["17:30", "18:30", "19:30", "20:30"]),
        ("margin_alert", ["16:30", "17:30", "18:30", "19:30"]),
        ("investor_types", ["18:00", "19:00", "20:00", "21:00"]),
        # Once more when the flash is final, which is another day.
        ("statements", ["18:00", "19:00", "20:00", "21:00", "00:30", "01:30", "02:30", "03:30"]),
    ],
)
def test_an_empty_day_is_asked_hourly_and_a_few_times_a_day(name, expected):
    asked = evenings(name, date(2026, 11, 20), "2026-11-20 16:30")
    assert [text[3:] for text in asked] == expected


def test_an_empty_day_that_is_no_session_is_believed():
    asked = evenings("statements", date(2026, 11, 21), "2026-11-21 12:00")
    assert asked == ["21 18:00", "22 00:30"]


def test_a_short_day_is_asked_again_on_its_evening():
    day = date(2026, 11, 20)
    held = [
        held_to("quotes", date(2026, 11, 19), at="2026-12-27 00:00"),
        batch("quotes", day, at="2026-11-20 16:31", rows=4399),
    ]
    short = {"held": held, "counts": {"master": {day: 4400}}, "last": day}
    assert queries(plan_at("2026-11-20 17:30", "quotes", **short)) == []
    assert queries(plan_at("2026-11-20 17:31", "quotes", **short)) == ["date=2026-11-20"]
    assert queries(plan_at("2026-11-21 17:31", "quotes", **short)) == []
    short["counts"] = {"master": {day: 4399}}
    assert queries(plan_at("2026-11-20 17:31", "quotes", **short)) == []


def test_statements_are_asked_on_every_date_and_other_disclosures_on_sessions():
    def asked(name, plan=Plan.PREMIUM):
        span = {"first": date(2026, 11, 20), "last": date(2026, 11, 24)}
        plan = plan_at("2026-11-27 20:00", name, plan=plan, **span)
        return sorted(job.query[-2:] for job in plan.jobs)

    every = ["20", "21", "22", "23", "24"]
    assert asked("statements") == asked("statement_details") == every
    assert asked("statements", Plan.LIGHT) == every
    assert asked("dividends") == asked("earnings_dates") == asked("short_positions") == ["20", "24"]
    sessions = sessions_of({}, now=tokyo("2026-11-27 20:00"))
    weekend = batch("statements", date(2026, 11, 20), date(2026, 11, 23), at="2026-11-27 20:00")
    assert list(coverage([weekend], sessions)) == [date(2026, 11, day) for day in range(20, 24)]
    saturday = moments(ENDPOINTS["statements"], date(2026, 11, 21), sessions=sessions, plan=Plan(1))
    expected = ("2026-11-21 18:00", "2026-11-22 00:30", "2026-11-27 18:00")
    assert saturday == tuple(map(tokyo, expected))


def test_a_refused_day_waits_for_tomorrow_and_then_comes_last():
    refused = {"date=2026-11-20": tokyo("2026-11-20 20:00")}
    options = {"first": date(2026, 11, 18), "last": date(2026, 11, 20), "refused": refused}
    today = plan_at("2026-11-20 23:59", "quotes", **options)
    assert queries(today) == ["date=2026-11-19", "date=2026-11-18"]
    assert today.refused["quotes"] == ("date=2026-11-20",)
    tomorrow = plan_at("2026-11-21 00:00", "quotes", **options)
    assert queries(tomorrow) == ["date=2026-11-19", "date=2026-11-18", "date=2026-11-20"]
    assert tomorrow.refused["quotes"] == ()


def test_a_refused_date_that_is_no_session_waits_for_its_next_moment():
    refused = {"date=2026-11-21": tokyo("2026-11-22 01:00")}
    span = {"first": date(2026, 11, 21), "last": date(2026, 11, 21), "refused": refused}
    for text, expected in (
        ("2026-11-22 02:00", []),
        ("2026-11-23 02:00", []),
        ("2026-11-27 18:00", ["date=2026-11-21"]),
    ):
        plan = plan_at(text, "statements", **span)
        assert (queries(plan), plan.refused["statements"]) == (expected, ())


def test_the_calendar_is_asked_when_missing_and_after_seven_days():
    def calendar(text, held=()):
        return [(job.query, job.reason) for job in plan_at(text, "calendar", held=held).jobs]

    assert calendar("2026-11-20 12:00") == [("", Reason.CALENDAR)]
    held = [batch("calendar", None, at="2026-11-13 12:00")]
    assert calendar("2026-11-20 12:00", held) == []
    assert calendar("2026-11-20 12:01", held) == [("", Reason.CALENDAR)]


def test_the_held_calendar_decides_what_is_a_session():
    days = days_between(date(2026, 11, 2), date(2026, 11, 20))
    division = {day: "1" if is_tokyo_session(day) else "0" for day in days}
    division |= {date(2026, 11, 10): "0", date(2026, 11, 11): "3", date(2026, 11, 14): "2"}
    plan = plan_at("2026-11-20 20:00", "quotes", first=NOVEMBER, calendar=division)
    asked = {job.first for job in plan.jobs}
    assert date(2026, 11, 14) in asked
    assert not {date(2026, 11, 10), date(2026, 11, 11)} & asked


def test_restated_codes_are_asked_from_their_day_on_over_the_whole_window():
    due = Due("quotes", "72030", date(2026, 11, 18), date(2026, 11, 20))
    again = Due("quotes", "72030", date(2026, 11, 19), date(2026, 11, 20))
    held = [held_to("quotes", date(2026, 11, 30), at="2026-12-27 00:00")]
    kwargs = {"held": held, "dues": [due, again]}
    assert plan_at("2026-11-19 23:59", "quotes", **kwargs).jobs == ()
    plan = plan_at("2026-11-20 00:00", "quotes", **kwargs)
    assert [(job.query, job.kind, job.reason) for job in plan.jobs] == [
        ("code=72030&from=2016-11-20", BatchKind.CODE, Reason.RESTATED)
    ]
    free = plan_at("2026-11-20 00:00", "quotes", plan=Plan.FREE, **kwargs)
    assert queries(free) == ["code=72030&from=2024-08-28&to=2026-08-28"]


def test_the_free_plan_asks_inside_its_window_page_by_page():
    plan = plan_at("2026-11-20 20:00", "quotes", "indices", plan=Plan.FREE)
    assert {job.kind for job in plan.jobs} == {BatchKind.PAGES}
    assert (plan.jobs[0].first, plan.jobs[-1].first) == (date(2026, 8, 28), date(2024, 8, 28))
    assert plan.skipped == {"indices": "not in the Free plan; needs Standard"}
    assert plan.minutes == pytest.approx(len(plan.jobs) / 5 * 1.02)


def test_tomorrows_listing_is_asked_this_evening():
    plan = plan_at("2026-11-20 17:30", "master", first=date(2026, 11, 20))
    assert queries(plan) == ["date=2026-11-24", "date=2026-11-20"]
    assert len(plan_at("2026-11-20 17:29", "master", first=date(2026, 11, 20)).jobs) == 1


def test_dates_that_cannot_be_are_refused_or_said():
    with pytest.raises(UsageError, match="--from"):
        plan_at("2026-11-20 20:00", "quotes", first=NOVEMBER, last=date(2026, 10, 1))
    plan = plan_at("2026-11-20 20:00", "quotes", last=date(2010, 1, 1))
    assert "2016-11-20" in plan.skipped["quotes"]


def test_expected_requests_follow_the_pages_seen_so_far():
    held = [batch("statements", date(2026, 11, 2), at="2026-12-27 00:00")]
    held = [Batch(**{**held[0].__dict__, "bodies": ("a", "b", "c")})]
    options = {"first": date(2026, 11, 2), "held": held, "use_bulk": BulkUse.NEVER}
    plan = plan_at("2026-11-06 20:00", "statements", **options)
    assert len(plan.jobs) == 4  # Tuesday is a holiday, and asked for
    assert plan.requests() == {Bucket.DEFAULT: 0, Bucket.SUMMARY: 12, Bucket.DETAILS: 0}
    assert plan.requests({"statements": 2.0})[Bucket.SUMMARY] == 8


@pytest.mark.parametrize("plan", list(Plan))
def test_ten_years_can_be_counted_for_every_plan(plan):
    counted = plan_at("2026-11-20 20:00", plan=plan, first=date(2016, 11, 20))
    assert counted.minutes > 1
    keys = [(job.endpoint.name, job.query) for job in counted.jobs]
    assert len(set(keys)) == len(keys)
    assert all(job.endpoint.plan <= plan for job in counted.jobs)
    covered = {name: set() for name in ENDPOINTS}
    for job in counted.jobs:
        if job.first is not None:
            covered[job.endpoint.name] |= set(days_between(job.first, job.last))
    window = plan_for(plan, now=tokyo("2026-11-20 20:00")).window(date(2026, 11, 20))
    first = max(window[0], date(2016, 11, 20))
    every = {day for day in days_between(first, window[1]) if is_tokyo_session(day)}
    assert every <= covered["quotes"]


def test_no_moment_lies_beyond_the_shortcut():
    sessions = sessions_of({}, now=tokyo("2026-11-20 12:00"))
    for endpoint in EVERY:
        for day in sessions.between(date(2018, 12, 1), date(2019, 6, 1)):
            last = moments(endpoint, day, sessions=sessions, plan=Plan.PREMIUM)[-1]
            assert last < tokyo(f"{day} 0:00") + timedelta(days=45)
