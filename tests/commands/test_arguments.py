import io
from datetime import date, datetime

import pytest

from gogooku.commands.arguments import (
    columns_given,
    confirmed,
    day_given,
    execution_for,
    instant_given,
    language_given,
    reporter_for,
)
from gogooku.core.errors import UsageError
from gogooku.core.progress import ConsoleReporter, SilentReporter
from gogooku.core.stamp import available_threads
from gogooku.core.wall import JST
from gogooku.evaluate.words import Language


def test_a_day():
    assert day_given(None, option="--to") is None
    assert day_given("2026-10-30", option="--to") == date(2026, 10, 30)
    with pytest.raises(UsageError, match=r"--to '30\.10\.2026': expected YYYY-MM-DD"):
        day_given("30.10.2026", option="--to")


def test_a_language_of_a_page():
    assert language_given(None, option="--language") is Language.EN
    assert language_given("ja", option="--language") is Language.JA
    with pytest.raises(UsageError, match="--language fr: must be en or ja"):
        language_given("fr", option="--language")


def test_an_instant_in_tokyo():
    assert instant_given(None, option="--at") is None
    wanted = datetime(2026, 11, 27, 20, 30, tzinfo=JST)
    assert instant_given("2026-11-27T20:30", option="--at") == wanted
    assert instant_given("2026-11-27 20:30", option="--at") == wanted
    for wrong in (
        "2026-11-27",
        "20:30",
        "2026-11-27T20:30:00Z",
        "2026-11-31T20:30",
        "0999-01-01T00:00",
    ):
        with pytest.raises(UsageError, match="--at"):
            instant_given(wrong, option="--at")


def test_columns_by_field():
    assert columns_given([" close = px_last", "code=a=b"]) == {"close": "px_last", "code": "a=b"}
    assert columns_given([]) == {}
    with pytest.raises(UsageError, match="--map 'close': expected field=column"):
        columns_given(["open=o", "close"])


def test_threads_are_all_there_are_unless_said():
    assert execution_for(None).threads == available_threads()
    assert execution_for(3).threads == 3
    with pytest.raises(UsageError, match="threads"):
        execution_for(0)


def test_progress_is_for_people():
    assert isinstance(reporter_for(as_json=True), SilentReporter)
    assert isinstance(reporter_for(as_json=False), ConsoleReporter)


@pytest.mark.parametrize(
    ("typed", "sure"),
    [("y\n", True), (" YES \n", True), ("n\n", False), ("\n", False), ("", False), ("yep", False)],
)
def test_only_a_yes_is_a_yes(typed, sure, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert confirmed("Remove it?") is sure
    said = capsys.readouterr()
    assert said.err == "Remove it? [y/N] "
    assert said.out == ""
