"""Field cases: what the values of a file say against its names, row by row."""

from __future__ import annotations

from datetime import date

import pytest
from tests.support.field import counts, first, read_case, returns

from gogooku.core.errors import DataError


@pytest.mark.parametrize(
    ("folder", "file", "mapped", "meaning"),
    [
        (
            "kaggle-factor-day-before",
            "stock_prices.csv",
            {"code": "SecuritiesCode"},
            "on the session before the ex-date",
        ),
        ("split-factor-is-shares-ratio", "marketstack.csv", {}, "new shares per old"),
        ("cumulative-adj-factor", "daily.csv", {"code": "ts_code"}, "cumulative"),
        ("factor-lost-with-quarantined-row", "prices.csv", {}, "0.5 for two shares for one"),
    ],
)
def test_a_factor_is_read_as_the_prices_say(
    folder: str, file: str, mapped: dict[str, str], meaning: str
) -> None:
    reading = read_case(folder, file, columns=mapped)
    assert float(returns(reading)["ret"].abs().max()) < 0.2
    assert meaning in reading.adjustment
    assert "1 of 1 large ones explain their move" in reading.adjustment
    events = reading.frames.quotes["adjustment_factor"].filter(
        reading.frames.quotes["adjustment_factor"] != 1.0
    )
    assert events.to_list() == pytest.approx([0.5], rel=1e-3)


def test_a_name_that_never_split_keeps_its_return() -> None:
    reading = read_case("cumulative-adj-factor", "daily.csv", columns={"code": "ts_code"})
    mine = reading.frames.quotes.filter(reading.frames.quotes["code"] == "13110")
    assert (mine["adjustment_factor"] == 1.0).all()


def test_a_split_applied_twice_is_refused() -> None:
    with pytest.raises(DataError, match=r"close were adjusted already.*2024-01-26 2154\.T"):
        read_case("yahoo-adjclose-split-twice", "yahoo.csv")
    reading = read_case("yahoo-adjclose-split-twice", "yahoo.csv", columns={"adj_close": ""})
    by_date = dict(returns(reading).select("date", "ret").rows())
    assert by_date[date(2024, 1, 26)] == pytest.approx(1465 / 1464 - 1, rel=1e-9)


def test_a_split_that_no_factor_explains_is_refused_or_counted() -> None:
    left_out = {"adj_close": ""}
    with pytest.raises(DataError, match=r"2024-01-26 7203 x0\.5002 \(near 1/2\).*missing_splits"):
        read_case("split-without-factor-unnoticed", "yahoojp.csv", columns=left_out)
    kept = read_case(
        "split-without-factor-unnoticed", "yahoojp.csv", columns=left_out, missing_splits="keep"
    )
    assert counts(kept)["missing_split"] == 1
    assert "splits that no factor explains" in kept.frames.facts["known_bias"][0]


def test_a_row_counter_is_no_market_index() -> None:
    reading = read_case("pandas-index-becomes-topix", "prices.csv")
    assert reading.frames.indices.is_empty()
    assert "index" in reading.mapping.ignored
    with pytest.raises(DataError, match="goes up by 1 on every date"):
        read_case("pandas-index-becomes-topix", "prices.csv", columns={"index_close": "index"})


def test_a_filled_in_row_has_no_price() -> None:
    reading = read_case("zero-volume-filler-is-traded", "prices.csv")
    quotes = reading.frames.quotes
    silent = quotes.filter(
        (quotes["code"] == "13410")
        & quotes["date"].is_between(date(2023, 10, 25), date(2023, 11, 24))
    )
    assert silent.height == 21
    for name in ("open", "high", "low", "close"):
        assert silent[name].null_count() == silent.height
    assert counts(reading)["no_trade"] == 21


def test_two_companies_of_one_code_are_asked_about_and_can_be_parted() -> None:
    reading = read_case("code-used-by-two-companies", "prices.csv")
    assert counts(reading)["code_gap"] == 1
    assert first(reading, "code_gap").startswith(
        "13310: no row for 69 sessions between 2023-07-28 and 2023-11-09"
    )
    parted = read_case("code-used-by-two-companies", "prices.csv", other_company="13310:2023-11-09")
    assert "code_gap" not in counts(parted)
    ends = dict(parted.frames.listings.select("code", "listed_to").rows())
    assert ends["13310_20230728"] == date(2023, 7, 28)
    assert ends["13310"] is None


def test_weekly_bars_are_refused() -> None:
    with pytest.raises(DataError, match=r"24 of 121 weekdays.*look like weekly bars"):
        read_case("weekly-bars-taken-for-daily", "weekly.csv")


def test_a_union_of_calendars_is_no_other_exchange() -> None:
    reading = read_case("union-calendar-misleading-hint", "prices.csv")
    assert counts(reading) == {"not_a_session": 72}
    assert reading.frames.exchange == "tokyo"
