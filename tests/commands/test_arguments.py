import io
from datetime import date

import pytest

from gogooku.commands.arguments import (
    columns_given,
    confirmed,
    day_given,
    execution_for,
    reporter_for,
)
from gogooku.core.errors import UsageError
from gogooku.core.progress import ConsoleReporter, SilentReporter
from gogooku.core.stamp import available_threads


def test_a_day():
    assert day_given(None, option="--to") is None
    assert day_given("2026-10-30", option="--to") == date(2026, 10, 30)
    with pytest.raises(UsageError, match=r"--to '30\.10\.2026': expected YYYY-MM-DD"):
        day_given("30.10.2026", option="--to")


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
