from datetime import date, datetime

import polars as pl
import pytest

from gogooku.core.calendar import tokyo_sessions
from gogooku.core.errors import DataError
from gogooku.tables.identity import LINKS_SCHEMA, LinkTolerance, code_links, normalised_name

SESSIONS = tokyo_sessions(date(2026, 1, 1), date(2026, 12, 31))
FIRST, LAST, NEXT = date(2026, 1, 5), date(2026, 9, 28), date(2026, 10, 1)


def fact(code, name, first, last, **changes):
    row = {
        "code": code,
        "valid_from": first,
        "valid_to": last,
        "available_at": datetime.combine(first, datetime.min.time()),
        "name": name,
        "name_en": None,
        "sector33": "7050",
        "segment": "Prime",
        "domestic_common": True,
    }
    return row | changes


def facts(*rows):
    schema = {
        "code": pl.String(),
        "valid_from": pl.Date(),
        "valid_to": pl.Date(),
        "available_at": pl.Datetime("us"),
        "name": pl.String(),
        "name_en": pl.String(),
        "sector33": pl.String(),
        "segment": pl.String(),
        "domestic_common": pl.Boolean(),
    }
    return pl.DataFrame(list(rows), schema=schema)


def bars(*rows):
    """(code, date, open = close, turnover in yen)."""
    made = [(c, d, p, p, t) for c, d, p, t in rows]
    schema = ["code", "event_date", "open", "close", "turnover_yen"]
    return pl.DataFrame(
        made,
        schema=dict(zip(schema, [pl.String, pl.Date, *[pl.Float64] * 3], strict=True)),
        orient="row",
    )


def links(rows, quotes=None, **limits):
    found = code_links(
        facts(*rows),
        bars() if quotes is None else bars(*quotes),
        sessions=SESSIONS,
        tolerance=LinkTolerance(**limits),
    )
    assert dict(found.schema) == dict(LINKS_SCHEMA)
    return found.select("old_code", "new_code", "event_date", "evidence").rows()


OLD = fact("83240", "株式会社北日本銀行", FIRST, LAST)
NEW = fact("73270", "北日本銀行ホールディングス", NEXT, None)
STAYS = fact("72030", "トヨタ", FIRST, None)


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("株式会社ＡＢＣホールディングス", "ABC"),
        ("（株）ABC", "Abc"),
        ("Abc Co., Ltd.", "ABC Holdings, Inc."),
        ("ＡＢＣグループ本社", "ABC"),
        ("ＡＢＣＨＤ", "ABC"),
    ],
)
def test_names_without_form_width_and_case(name, same):
    assert normalised_name(name) == normalised_name(same) == "abc"


def test_names_that_differ_stay_different():
    assert normalised_name("北日本銀行") != normalised_name("南日本銀行")
    assert normalised_name("Cohu") == "cohu"


def test_a_holding_company_move_is_linked_by_name():
    assert links([OLD, NEW, STAYS]) == [("83240", "73270", NEXT, "name")]
    english = fact("83240", "甲", FIRST, LAST, name_en="Kita Bank, Ltd.")
    moved = fact("73270", "乙", NEXT, None, name_en="Kita Bank Holdings, Inc.")
    assert links([english, moved]) == [("83240", "73270", NEXT, "name")]


def test_name_links_are_known_with_the_first_list():
    found = code_links(facts(OLD, NEW), bars(), sessions=SESSIONS)
    assert found["available_at"].to_list() == [NEW["available_at"]]


@pytest.mark.parametrize(
    "rows",
    [
        [OLD, NEW | {"valid_from": date(2026, 10, 6)}],  # six sessions later
        [OLD | {"valid_to": None}, NEW],  # the old one is still listed
        [OLD | {"valid_to": NEXT}, NEW],  # both on one day
        [OLD, NEW | {"name": "南日本銀行ホールディングス"}],  # another name
        [OLD, NEW, fact("73280", "北日本銀行グループ", NEXT, None)],  # two candidates
        [OLD, NEW, fact("83250", "北日本銀行", FIRST, LAST)],  # two that ended
        [OLD, NEW | {"domestic_common": False}],
    ],
)
def test_near_misses_by_name_are_not_linked(rows):
    assert links(rows) == []


def test_a_code_listed_before_is_no_successor():
    again = [NEW, fact("73270", "北日本銀行ホールディングス", FIRST, date(2026, 3, 31))]
    assert links([OLD, *again]) == []


RENAMED = NEW | {"name": "みらいフィナンシャルグループ"}
QUOTES = [
    ("83240", date(2026, 9, 25), 990.0, 2e8),
    ("83240", LAST, 1000.0, 3e8),
    ("73270", NEXT, 1020.0, 5e8),
]


def test_a_renamed_successor_is_linked_by_continuity():
    assert links([OLD, RENAMED], QUOTES) == [("83240", "73270", NEXT, "price")]
    found = code_links(facts(OLD, RENAMED), bars(*QUOTES), sessions=SESSIONS)
    # its first session's trading is the evidence, so it is known after that session
    assert found["available_at"].to_list() == [datetime(2026, 10, 1, 7, 30)]


@pytest.mark.parametrize(
    ("changes", "quotes"),
    [
        ({}, [*QUOTES[:2], ("73270", NEXT, 1060.0, 5e8)]),  # 6 % apart
        ({}, [*QUOTES[:2], ("73270", NEXT, 1020.0, 90e8)]),  # a new issue's first day
        ({}, [*QUOTES[:2], ("73270", date(2026, 10, 2), 1020.0, 5e8)]),  # no trade on the first day
        ({}, QUOTES[:2]),
        ({"sector33": "5250"}, QUOTES),
        ({"segment": "Growth"}, QUOTES),
    ],
)
def test_near_misses_by_price_are_not_linked(changes, quotes):
    assert links([OLD, RENAMED | changes], quotes) == []


def test_two_candidates_by_price_are_none():
    twin = RENAMED | {"code": "73290", "name": "丙"}
    quotes = [*QUOTES, ("73290", NEXT, 1010.0, 5e8)]
    assert links([OLD, RENAMED, twin], quotes) == []
    # one of them by name settles it
    assert links([OLD, NEW, twin], quotes) == [("83240", "73270", NEXT, "name")]


def test_tolerances_are_what_is_stated():
    wide = [*QUOTES[:2], ("73270", NEXT, 1060.0, 5e8)]
    assert links([OLD, RENAMED], wide, max_log_price=0.06) != []
    late = NEW | {"valid_from": date(2026, 10, 6)}
    assert links([OLD, late], max_gap_sessions=6) == [("83240", "73270", date(2026, 10, 6), "name")]


def test_listings_off_the_sessions_are_refused():
    with pytest.raises(DataError, match="1 listings begin or end off the sessions"):
        links([OLD | {"valid_to": date(2026, 9, 27)}, NEW])
    assert links([STAYS]) == []
