"""`gogooku dashboard`: the page of the server as one file."""

import pytest

from gogooku.commands import dashboard as command
from gogooku.core.wall import VirtualClock
from support.cli import done, run_cli
from support.dashboards import dashboard_home
from support.pages import in_english, read
from support.published import AT, SESSIONS, release


@pytest.fixture
def home(tmp_path):
    return dashboard_home(tmp_path / "home")


def test_it_writes_the_page_and_says_where_and_what_is_wrong(home, tmp_path):
    said = done(home, "dashboard")
    place = home / "dashboard.html"
    assert f"dashboard: {place}" in said.out
    reader = read(place.read_text(encoding="utf-8"))
    assert "names" in reader.ids
    other = tmp_path / "tonight.html"
    facts = done(home, "dashboard", "--out", other, "--source", "tse", "--language", "ja", "--json")
    assert facts.json["dashboard"] == str(other)
    assert facts.json["date"] == str(SESSIONS[3])
    assert facts.json["bundle"] == "ridge-1"
    assert '<html lang="ja"' in other.read_text(encoding="utf-8")


def test_the_page_is_that_of_the_moment(home, tmp_path):
    asked = command.Asked(output=tmp_path / "a.html")
    fresh = command.dashboard(home, asked, clock=VirtualClock(AT.replace(day=5, hour=14)))
    assert fresh.facts["why"] is None
    assert "Attention" not in in_english((tmp_path / "a.html").read_text(encoding="utf-8"))
    later = command.dashboard(home, asked, clock=VirtualClock(AT.replace(day=20)))
    assert "is due" in later.facts["why"]
    assert "Attention" in in_english((tmp_path / "a.html").read_text(encoding="utf-8"))


def test_the_browser_shows_it_where_it_is_asked_to(home, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    done(home, "dashboard")
    assert opened == []
    done(home, "dashboard", "--open")
    assert opened == [(home / "dashboard.html").as_uri()]


@pytest.mark.parametrize(
    ("argv", "code", "mention"),
    [
        (("--out", "page.txt"), 2, "the name must end in .html"),
        (("--out", "nowhere/page.html"), 2, "the folder nowhere does not exist"),
        (("--language", "fr"), 2, "must be en or ja"),
        (("--source", "nyse"), 3, "gogooku release RUN"),
    ],
)
def test_what_cannot_be_is_refused(home, argv, code, mention):
    result = run_cli(home, "dashboard", *argv)
    assert result.code == code
    assert mention in result.err


def test_a_folder_is_no_file(home, tmp_path):
    (tmp_path / "page.html").mkdir()
    result = run_cli(home, "dashboard", "--out", tmp_path / "page.html")
    assert (result.code, "is a folder" in result.err) == (2, True)


def test_without_anything_published_it_says_what_to_do(tmp_path):
    result = run_cli(tmp_path, "dashboard")
    assert result.code == 2
    assert "dashboard: no bundle is released" in result.err
    release(tmp_path, "ridge-1")
    assert "has published nothing yet" in run_cli(tmp_path, "dashboard").err
