"""What the text of an answer means, whatever its number."""

from datetime import date

import pytest

from gogooku.ingest.jquants.refusals import (
    BadRequest,
    NoSubscription,
    NotInPlan,
    OutsideWindow,
    RefusedKey,
    refusal,
)

KEY = "The incoming api key is invalid or expired."


def answered(status, said):
    return refusal(
        status, said, host="api.example.com", name="quotes", request="/equities/bars?date=2026"
    )


@pytest.mark.parametrize("status", [400, 401, 403, 404])
@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Your subscription covers the following dates: 2021-01-04 ~ .", OutsideWindow),
        ("This API is NOT available on your subscription.", NotInPlan),
        ("There is no active subscription.", NoSubscription),
        ("The requested endpoint does not exist. Check your api key.", BadRequest),
        (KEY, RefusedKey),
        ("The API KEY is required.", RefusedKey),
    ],
)
def test_the_text_decides_before_the_number(status, said, kind):
    assert type(answered(status, said)) is kind


@pytest.mark.parametrize(
    ("status", "kind"), [(401, RefusedKey), (403, RefusedKey), (400, BadRequest), (404, BadRequest)]
)
def test_for_another_text_the_number_decides(status, kind):
    assert type(answered(status, "Forbidden")) is kind
    assert type(answered(status, "")) is kind
    assert f"answered {status}: nothing" in str(answered(status, ""))


@pytest.mark.parametrize(
    ("ends", "first", "last", "words"),
    [
        ("2021-01-04 ~ 2026-01-05", date(2021, 1, 4), date(2026, 1, 5), "2021-01-04 to 2026-01-05"),
        ("2021-01-04 ~ ", date(2021, 1, 4), None, "2021-01-04 to today"),
    ],
)
def test_a_window_is_read_from_its_message(ends, first, last, words):
    fault = answered(400, f"Your subscription covers the following dates: {ends}")
    assert (fault.first, fault.last) == (first, last)
    assert words in str(fault)


def test_a_window_of_impossible_dates_is_no_window():
    fault = answered(400, "covers the following dates: 2021-02-30 ~ 2022-01-01")
    assert type(fault) is BadRequest


def test_each_sentence_names_what_was_asked_and_what_to_do():
    fault = answered(403, "not available on your subscription")
    assert fault.endpoint == "quotes"
    assert str(fault).startswith("quotes: not in your J-Quants plan")
    bad = answered(404, "no such thing")
    assert bad.status == 404
    assert str(bad).startswith("/equities/bars?date=2026: not accepted (api.example.com answered")
    assert "which is not followed" in str(answered(302, "moved"))
    assert "JQUANTS_API_KEY" in str(answered(401, KEY))
    assert BadRequest.status == 400, "a bad request that nobody numbered is about its arguments"
