"""A history that only repeats is not typed again; one row that differs is seen."""

from datetime import date, timedelta

import polars as pl
import pytest

from gogooku.ingest.jquants.endpoints import ENDPOINTS
from gogooku.tables import parts as module
from gogooku.tables.parts import COUNTS_FILE, ROWS_FILE, prune_parts
from gogooku.tables.unchanged import CONTENTS_FILE, sent_again
from support.raw import DAY, EVENING, bar, commit, tables, with_calendar

DAYS = [date(2024, 5, 1), date(2025, 10, 30), date(2026, 9, 1), DAY]
HELD = ["2024", "2025", "2026-09", "2026-10"]
"""Periods that have rows; those between are empty, and cost nothing."""
LATER = EVENING + timedelta(days=3)


@pytest.fixture
def home(tmp_path):
    home = with_calendar(tmp_path)
    for day in DAYS:
        commit(home, "quotes", [bar(day, 10.0), bar(day, 20.0, code="13010")], first=day)
    return home


def history(home, close=10.0, *, days=DAYS, at=LATER, **changed):
    """The whole history of a name once more, with adjusted prices as after a split."""
    rows = [bar(day, close, AdjC=close / 2, AdjVo=7.0, **changed) for day in days]
    commit(home, "quotes", rows, first=days[0], last=days[-1], at=at)


@pytest.fixture
def made(home, monkeypatch):
    """Derive the tables; the periods of bars that were typed on the way."""
    typed = []
    real = module._make_part

    def noted(folder, answers, *args, **kwargs):
        if answers.endpoint.name == "quotes":
            typed.append(answers.period)
        real(folder, answers, *args, **kwargs)

    monkeypatch.setattr(module, "_make_part", noted)

    def run():
        typed.clear()
        return tables(home), [period for period in typed if period in HELD]

    return run


def rows_of(found):
    return {
        p.period: (p.content, p.rows, dict(p.notes)) for p in found.parts if p.table == "quotes"
    }


def test_a_history_that_repeats_is_not_typed_again(home, made):
    before, typed = made()
    assert typed == HELD
    prune_parts(home, "jq", [before])
    history(home)
    after, typed = made()
    assert typed == []
    assert rows_of(after) == rows_of(before)
    folders = [{p.folder for p in one.parts if p.table == "quotes"} for one in (before, after)]
    assert not folders[0] & folders[1]
    prune_parts(home, "jq", [after])
    assert all((folder / ROWS_FILE).exists() for folder in folders[1])
    assert not any(folder.exists() for folder in folders[0])


def test_it_is_what_typing_everything_would_make(home, made, tmp_path_factory):
    made()
    history(home)
    carried, _ = made()
    for folder in [*(home / "tables" / "jq" / "quotes").iterdir()]:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    whole, typed = made()
    assert len(typed) == len(DAYS)
    assert rows_of(whole) == rows_of(carried)


@pytest.mark.parametrize(
    ("changed", "periods"),
    [
        ({"close": 11.0}, {"2024", "2025", "2026-09", "2026-10"}),
        ({"days": [*DAYS[:2], date(2026, 9, 2), DAY]}, {"2026-09"}),
        ({"AdjFactor": 0.5}, {"2024", "2025", "2026-09", "2026-10"}),
        ({"Vo": "many"}, {"2024", "2025", "2026-09", "2026-10"}),
    ],
    ids=["a price", "a day that was not there", "the factor", "no number"],
)
def test_a_period_in_which_something_differs_is_typed_again(home, made, changed, periods):
    made()
    history(home, **changed)
    found, typed = made()
    assert set(typed) == periods
    again, _ = made()
    assert rows_of(found) == rows_of(again)


def test_a_row_that_goes_back_to_what_it_was_differs_from_what_was_said_last(home, made):
    made()
    commit(home, "quotes", [bar(DAY, 12.0)], at=LATER)
    made()
    commit(home, "quotes", [bar(DAY, 10.0)], at=LATER + timedelta(days=1))
    found, typed = made()
    assert typed == ["2026-10"]
    rows = found.scan("quotes").filter(pl.col("code") == "72030").collect()
    assert rows.filter(pl.col("event_date") == DAY)["close"].to_list() == [10.0]


def test_rows_of_one_answer_that_share_a_key_are_always_typed_again(home, made):
    day = date(2026, 9, 3)
    commit(home, "quotes", [bar(day, 10.0), bar(day, 11.0)], first=day)
    found, _ = made()
    (part,) = [p for p in found.parts if (p.table, p.period) == ("quotes", "2026-09")]
    assert not (part.folder / CONTENTS_FILE).exists()
    history(home)
    assert made()[1] == ["2026-09"]


def test_another_version_of_the_program_types_everything_again(home, made, monkeypatch):
    made()
    history(home)
    monkeypatch.setattr("gogooku.tables.unchanged.pl.__version__", "0")
    assert len(made()[1]) == len(DAYS)


def test_a_killed_carrying_over_leaves_no_half_part(home, made, monkeypatch):
    found, _ = made()
    history(home)

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("gogooku.tables.unchanged.write_json", killed)
    with pytest.raises(KeyboardInterrupt):
        made()
    monkeypatch.undo()
    place = home / "tables" / "jq" / "quotes"
    whole = [p for p in place.iterdir() if not p.name.startswith(".")]
    assert all((path / COUNTS_FILE).exists() for path in whole if path.suffix != ".blocks")
    assert rows_of(tables(home)) == rows_of(found)


def test_only_bars_are_sent_again():
    assert [name for name, one in ENDPOINTS.items() if sent_again(one)] == ["quotes"]
