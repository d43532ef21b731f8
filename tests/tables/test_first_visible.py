"""The first session that can use a row, against an oracle written from the design by hand.

The oracle is plain Python in Tokyo time, with its own list of holidays, and shares no code with
`gogooku.tables.publication`.
"""

from datetime import date, datetime, time, timedelta
from functools import cache

import numpy as np
import pytest

from gogooku.core.calendar import TOKYO, Clock
from gogooku.features.engine.timeline import timeline_of
from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.tables.publication import PUBLICATIONS, clock_of
from gogooku.tables.schema import TABLES, typed
from support.wire_rows import decoded

HOLIDAYS = {
    *(date(2025, month, day) for month, day in ((11, 3), (11, 24), (12, 31))),
    *(date(2026, 1, day) for day in (1, 2, 12)),
    *(date(2026, 2, day) for day in (11, 23)),
    date(2026, 3, 20),
    date(2026, 4, 29),
    *(date(2026, 5, day) for day in (4, 5, 6)),
    date(2026, 7, 20),
    date(2026, 8, 11),
    *(date(2026, 9, day) for day in (21, 22, 23)),
    date(2026, 10, 12),
    *(date(2026, 11, day) for day in (3, 23)),
    date(2026, 12, 31),
    *(date(2027, month, day) for month, day in ((1, 1), (1, 11), (2, 11), (2, 23), (3, 22))),
}
"""Closed weekdays from November 2025 to March 2027."""

ALL_DAYS = [date(2025, 11, 1) + timedelta(days=n) for n in range(516)]
SESSIONS = [day for day in ALL_DAYS if day.weekday() < 5 and day not in HOLIDAYS]
YEAR_DAYS = [day for day in ALL_DAYS if day.year == 2026]
YEAR = [day for day in SESSIONS if day.year == 2026]
ARRAY = np.array(SESSIONS, dtype="datetime64[D]")


@cache
def after(day):
    return next(session for session in SESSIONS if session > day)


def before(day):
    return [session for session in SESSIONS if session < day][-1]


def at(day, hour, minute=0):
    return datetime.combine(day, time(hour, minute))


def decision(session, clock):
    return at(session, 20) if clock == "evening" else at(after(session), 8, 30)


def first_use(known, clock):
    return next(s for s in SESSIONS if decision(s, clock) >= known)


# ---------------------------------------------------------------- what the design says, by source

TIMES = ["00:00", "08:00:00", "15:30:00", "17:29:59", "17:30:00", "17:30:01", "18:59", "19:00"]
TIMES += ["23:59:59", ""]


def flash(day, clock_time):
    """18:00 if disclosed by 17:30, else 00:30 of the next day; no time: the next session."""
    if clock_time == "":
        return at(after(day), 16, 30)
    if time.fromisoformat(clock_time) <= time(17, 30):
        return at(day, 18)
    return at(day + timedelta(days=1), 0, 30)


def dividend(day, clock_time):
    """As statements, but the last delivery of a day is that of 19:00."""
    if clock_time and time.fromisoformat(clock_time) >= time(19):
        return at(after(day), 16, 30)
    return flash(day, clock_time)


def week_of(day):
    return day.isocalendar()[:2]


WEEK_ENDS = [
    session
    for session in YEAR
    if session < date(2026, 9, 25) and week_of(after(session)) != week_of(session)
]


def second_of_following_week(day):
    sunday = day
    while sunday.weekday() != 6:
        sunday += timedelta(days=1)
    return [session for session in SESSIONS if session > sunday][1]


def bars(known):
    return [({"Date": str(d)}, known(d)) for d in YEAR]


def document(date_name, time_name, number, rule=flash):
    """One document per day and time, on sessions, Saturdays and holidays."""
    made = []
    for day in YEAR_DAYS:
        for n, clock_time in enumerate(TIMES):
            row = {date_name: str(day), time_name: clock_time, number: f"{day:%Y%m%d}{n:06d}"}
            made.append((row, rule(day, clock_time)))
    return made


def fetches():
    """Archived once at 18:00, at 21:00 and at 02:00 Tokyo time of each day."""
    made = []
    for day in YEAR_DAYS:
        for hour in (2, 18, 21):
            moment = at(day, hour)
            row = {
                "Date": "2026-12-01",
                "_fetched_at": moment - timedelta(hours=9),
                "FQ": f"{hour:02d}",
            }
            made.append((row, max(moment, at(day, 19, 30))))
    return made


def margin():
    weekly = [*WEEK_ENDS, date(2026, 9, 24)]
    made = [({"Date": str(d)}, at(second_of_following_week(d), 16, 30)) for d in weekly]
    for n, day in enumerate(d for d in YEAR if d >= date(2026, 9, 25)):
        published = after(after(day)) if n % 5 == 3 else after(day)
        given = "" if n % 7 == 6 else str(published)
        known = at(published if given else after(day), 16, 30)
        made.append(({"Date": str(day), "PubDate": given}, known))
    return made


STATEMENT = {"DocType": "FYFinancialStatements_Consolidated_JP"}
WIDE = {"StDate": "2025-12-01", "EnDate": "2025-12-05"}
FUTURE = {"EmMrgnTrgDiv": "002", "ProdCat": "TOPIXF"}
INDEX_OPTION = {"EmMrgnTrgDiv": "002", "Strike": "40000", "PCDiv": "1"}
OPTION = INDEX_OPTION | {"ProdCat": "TOPIXE"}

CASES = {
    "quotes": ({"AdjFactor": 1.0}, lambda: bars(lambda d: at(d, 16, 30))),
    "indices": ({"Code": "0000"}, lambda: bars(lambda d: at(d, 16, 30))),
    "topix": ({}, lambda: bars(lambda d: at(d, 16, 30))),
    "morning": ({}, lambda: bars(lambda d: at(d, 12))),
    "short_ratio": ({"S33": "0050"}, lambda: bars(lambda d: at(d, 16, 30))),
    "breakdown": ({}, lambda: bars(lambda d: at(d, 18))),
    "valuation": ({}, lambda: bars(lambda d: at(after(d), 16, 30))),
    "master": ({"Mkt": "0111"}, lambda: bars(lambda d: at(before(d), 17, 30))),
    "futures": (FUTURE, lambda: bars(lambda d: at(d + timedelta(days=1), 3))),
    "options": (OPTION, lambda: bars(lambda d: at(d + timedelta(days=1), 3))),
    "index_options": (INDEX_OPTION, lambda: bars(lambda d: at(d + timedelta(days=1), 3))),
    "calendar": (
        {"HolDiv": "1"},
        lambda: [({"Date": str(d)}, at(date(d.year - 1, 12, 20), 0)) for d in YEAR_DAYS],
    ),
    "margin_alert": (
        {"AppDate": "2025-12-30"},
        lambda: [({"PubDate": str(d)}, at(d, 16, 30)) for d in YEAR_DAYS],
    ),
    "short_positions": (
        {"CalcDate": "2025-12-30", "SSName": "a"},
        lambda: [({"DiscDate": str(d)}, at(d, 17, 30)) for d in YEAR_DAYS],
    ),
    "investor_types": (
        WIDE | {"Section": "TSEPrime"},
        lambda: [({"PubDate": str(d)}, at(d, 18)) for d in YEAR_DAYS],
    ),
    "earnings_dates": (
        {"FQName": "FY", "FYE": "0331"},
        lambda: [({"PubDate": str(d)}, at(d, 10, 5)) for d in YEAR_DAYS],
    ),
    "earnings_calendar": ({}, fetches),
    "statements": (STATEMENT, lambda: document("DiscDate", "DiscTime", "DiscNo")),
    "statement_details": (STATEMENT, lambda: document("DiscDate", "DiscTime", "DiscNo")),
    "dividends": ({}, lambda: document("PubDate", "PubTime", "RefNo", dividend)),
    "margin_interest": ({}, margin),
}
DERIVATIVES = ("futures", "options", "index_options")


def test_every_source_has_a_rule_a_table_and_a_case():
    assert set(CASES) == set(TABLES) == set(ENDPOINTS) == set(PUBLICATIONS)


def first_visible(frame, clock):
    """The session on which the axes of a dataset place each row."""
    nothing = np.empty((len(ARRAY), 0))
    axes = timeline_of(
        ARRAY, (), exchange=TOKYO, clock=Clock(clock), growth_TN=nothing, listed_TN=nothing > 0
    )
    t = axes.known_at(frame["available_at"].to_numpy().astype("datetime64[us]"))
    return ARRAY[t].tolist()


@pytest.mark.parametrize("clock", ["evening", "premarket"])
@pytest.mark.parametrize("name", CASES)
def test_first_visible_session_equals_the_oracle(name, clock):
    common, make = CASES[name]
    if "Code" in ENDPOINTS[name].columns:
        common = {"Code": "130040018" if name in DERIVATIVES else "72030"} | common
    made = make()
    assert len(made) > 40
    table = typed(name, decoded(name, [common | row for row, _ in made]), sessions=ARRAY)
    assert table.notes == {}
    # rows come back sorted by their key, which is the order in which they were made
    known = [moment for _, moment in made]
    assert table.frame.height == len(made)
    assert table.frame["available_at"].to_list() == [k - timedelta(hours=9) for k in known]
    found = first_visible(table.frame, clock)
    assert found == [first_use(moment, clock) for moment in known]


@pytest.mark.parametrize("name", CASES)
def test_the_clock_of_a_source_says_whether_the_night_adds_rows(name):
    _, make = CASES[name]
    evening, morning = time(20, 0), time(8, 30)
    night = any(known.time() > evening or known.time() <= morning for _, known in make())
    # the calendar of a year is out at midnight, long before the year begins
    night = night and name != "calendar"
    assert clock_of(name) is (Clock.PREMARKET if night else Clock.EVENING)


def test_the_switch_of_margin_interest_and_the_holiday_weeks_by_date():
    def first(rows, clock="evening"):
        frame = typed("margin_interest", decoded("margin_interest", rows), sessions=ARRAY).frame
        return first_visible(frame, clock)

    def row(day, published=""):
        return {"Date": day, "Code": "72030", "PubDate": published}

    assert first([row("2026-04-10")]) == [date(2026, 4, 14)]  # a plain week: Tuesday
    assert first([row("2026-04-30")] + [row("2026-05-01")])[1] == date(2026, 5, 8)  # Golden Week
    assert first([row("2026-09-18")]) == [date(2026, 9, 25)]  # silver week: Friday
    assert first([row("2025-12-30")]) == [date(2026, 1, 6)]  # no session before the year's end
    assert first([row("2026-09-24")]) == [date(2026, 9, 29)]  # last of the weekly era
    assert first([row("2026-09-25", "2026-09-28")]) == [date(2026, 9, 28)]
    # its publication at 16:30 on Monday is not known at 08:30 that morning
    assert first([row("2026-09-25", "2026-09-28")], "premarket") == [date(2026, 9, 28)]
    assert first([row("2026-09-25")]) == [date(2026, 9, 28)]


def test_the_premarket_clock_adds_the_night_and_nothing_of_the_next_day():
    def first(name, row, clock):
        frame = typed(name, decoded(name, [row]), sessions=ARRAY).frame
        return first_visible(frame, clock)[0]

    friday, monday = date(2026, 6, 5), date(2026, 6, 8)
    option = OPTION | {"Date": str(friday), "Code": "130040018"}
    assert first("options", option, "evening") == monday
    assert first("options", option, "premarket") == friday
    late = STATEMENT | {"DiscDate": str(friday), "DiscTime": "18:10:00", "Code": "72030"}
    late |= {"DiscNo": "20260605000001"}
    assert first("statements", late, "evening") == monday
    assert first("statements", late, "premarket") == friday
    saturday = late | {"DiscDate": "2026-06-06", "DiscTime": "11:00:00"}
    assert first("statements", saturday, "premarket") == friday
    assert first("statements", saturday, "evening") == monday
    value = {"Date": str(friday), "Code": "72030"}
    assert first("valuation", value, "evening") == monday
    assert first("valuation", value, "premarket") == monday
