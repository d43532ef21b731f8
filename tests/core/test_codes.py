"""Codes: one share by any spelling, another share never, and four characters for people."""

import pytest

from gogooku.core.codes import KnownCodes, clean_code, company_of, short_code, shown_code

JQUANTS = KnownCodes(["13010", "72030", "130A0", "25930", "25935", "AAPL"])


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("72030", "72030"),
        ("7203", "72030"),
        ("７２０３", "72030"),
        (" 7203 ", "72030"),
        ("7203.T", "72030"),
        ("TSE:7203", "72030"),
        ("7203 JP Equity", "72030"),
        ('="7203"', "72030"),
        ("130A", "130A0"),
        ("130a", "130A0"),
        ("130A0", "130A0"),
        ("2593", "25930"),
        ("25935", "25935"),
        ("aapl", "AAPL"),
        ("720", None),
        ("7204", None),
        ("720300", None),
        ("72035", None),
        ("0720", None),
        ("", None),
    ],
)
def test_a_code_is_found_by_any_spelling(given, found):
    assert JQUANTS.find(given) == found


@pytest.mark.parametrize("kept", ["7203", "72030", "7203.T"])
@pytest.mark.parametrize("given", ["7203", "72030", "7203.T"])
def test_whichever_form_is_kept(kept, given):
    assert KnownCodes([kept, "6758"]).find(given) == kept


def test_preferred_shares_are_never_found_by_the_four_characters():
    assert KnownCodes(["25935"]).find("2593") is None
    assert KnownCodes(["2593"]).find("25935") is None


def test_what_is_written_comes_first_and_two_alike_are_not_guessed_between():
    both = KnownCodes(["7203", "72030"])
    assert (both.find("7203"), both.find("72030")) == ("7203", "72030")
    assert both.find("7203.T") is None


@pytest.mark.parametrize(
    ("code", "brief", "shown"),
    [
        ("13010", "1301", "1301 (13010)"),
        ("130A0", "130A", "130A (130A0)"),
        ("25935", "25935", "25935"),
        ("1301", "1301", "1301"),
        ("AAPL", "AAPL", "AAPL"),
        ("ABCD0", "ABCD0", "ABCD0"),
        ("00280", "00280", "00280"),
        ("7203.T", "7203.T", "7203.T"),
    ],
)
def test_people_see_four_characters_beside_five(code, brief, shown):
    assert (short_code(code), shown_code(code)) == (brief, shown)


def test_spellings_are_one_company_in_tokyo_alone():
    spelled = ("7203", "72030", "7203.T")
    assert {company_of(one, exchange="tokyo") for one in spelled} == {"72030"}
    assert len({company_of(one, exchange="new_york") for one in spelled}) == 3
    assert clean_code(" '１３０ａ ") == "130A"


@pytest.mark.parametrize(
    ("code", "exchange", "company"),
    [
        *((one, "tokyo", "72030") for one in ("7203", "72030", "7203.T", "TSE:7203", "７２０３")),
        ("72035", "tokyo", "72035"),
        ("130a", "tokyo", "130A0"),
        ("7203", "new_york", "7203"),
        (" brk.b ", "new_york", "BRK.B"),
    ],
)
def test_spellings_of_one_company_are_one(code: str, exchange: str, company: str) -> None:
    assert company_of(code, exchange=exchange) == company
