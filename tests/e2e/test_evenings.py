"""Evenings on the sandbox exchange, one command each: kept, caught up, killed, and made anew.

Every publication is compared with one that is made from scratch from what was fetched by that
evening. The market has a listing, a delisting, splits, the margin switch and holidays; the vendor
sends some bars a session late, fails for an evening, and the command is killed.
"""

import random
import signal
from datetime import date
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from gogooku.ingest.source import read_source
from gogooku.sandbox.market.market import generate
from support.cli import leftovers
from support.pages import in_english
from support.played import (
    BEGIN,
    LATE_DAY,
    MARGIN_SWITCH,
    PLAYED_MARKET,
    SESSIONS,
    Played,
    at,
    from_scratch,
    happenings,
    late_codes,
    play,
    ranking_after,
)

THIRTY = SESSIONS[SESSIONS.index(BEGIN) + 1 :][:30]


@pytest.fixture(scope="module")
def market():
    return generate(PLAYED_MARKET)


@pytest.fixture(scope="module")
def line(forks, market):
    with play(forks, market) as opened:
        yield opened


def assert_as_from_scratch(played, place):
    assert played.made
    for (day, was), (again, now) in zip(played.made, from_scratch(played, place), strict=True):
        assert (again, now) == (day, was), f"the evening of {day} is not what it is from scratch"
    said = {session: one for _, was in played.made for session, one in was.items()}
    there = {name.partition("--")[0]: one for name, one in played.published().items()}
    assert said == there


def killed(played, day, place):
    before = played.published()
    dead = played.evening(day, kill_at=place)
    assert dead.code == -signal.SIGKILL, f"{day}: {place} did not kill: {dead.err}"
    assert played.published() == before, "what was published is there, and nothing half-written"
    assert played.records()[-1]["outcome"] == "interrupted"


def in_outage(played, day):
    """An evening on which every request fails."""
    before = played.published()
    played.line.heard.down = True
    try:
        failed = played.evening(day)
    finally:
        played.line.heard.down = False
    assert failed.code == 3, failed.err
    assert failed.out == ""
    assert played.published() == before
    last = played.records()[-1]
    assert last["outcome"] == "failed"
    assert [step["name"] for step in last["steps"]] == ["sync"]
    assert last["steps"][0]["failed"]


def assert_late_rows_came_later(played, market):
    """The evening did not know them; the tables have them by now."""
    codes = pl.col("code").is_in(late_codes(market))
    then = ranking_after(played, LATE_DAY).filter(codes)
    bars = read_source(played.home, "sandbox").quotes()
    now = bars.filter(codes & (pl.col("date") == LATE_DAY)).collect()
    assert now.height == len(late_codes(market))
    assert not set(then.get_column("close")) & set(now.get_column("close"))


def assert_the_dashboard_is_whole(played, day):
    """Every part of the page has something to show of what evenings leave."""
    result = played.run("dashboard", "--json", now=at(day))
    assert result.code == 0, result.err
    assert (result.json["date"], result.json["why"]) == (str(day), None)
    text = in_english(Path(result.json["dashboard"]).read_text(encoding="utf-8"))
    for wanted in (
        "SIMULATED MARKET",
        "top names less all",
        "Daily bars",
        "Rank, check",
        "Volatility (60 sessions)",
        "Against the publication of 2026-09-25",
    ):
        assert wanted in text, wanted
    for wrong in ("Attention before trading", "not measured", "No orders were published"):
        assert wrong not in text, wrong


def ended(result, *sessions):
    assert result.code == 0, result.err
    assert [one["session"] for one in result.json["published"]] == [str(day) for day in sessions]


def test_the_market_of_the_evenings_has_all_that_happens(market):
    found = happenings(market)
    for name, days in found.items():
        assert [day for day in days if THIRTY[0] <= day <= THIRTY[-1]], f"no {name} in the thirty"
    assert MARGIN_SWITCH in THIRTY
    assert LATE_DAY in THIRTY
    gaps = [(after - day).days for day, after in pairwise(THIRTY)]
    assert max(gaps) > 3, "a public holiday"
    assert len(late_codes(market)) > 1


def test_four_evenings_with_a_holiday_a_kill_and_an_outage(line, market, tmp_path):
    """Bars of the 18th are late; the 21st to 23rd are holidays; the 25th fails."""
    played = Played(line, tmp_path / "home", "sandbox-light")
    played.begin(date(2026, 9, 17))
    dry = played.evening(date(2026, 9, 18), "--dry-run")
    assert (dry.json["ready"], dry.json["published"]) == (["2026-09-18"], [])
    assert not (played.home / "publications").exists()
    killed(played, date(2026, 9, 18), ["artefact.built", 1])
    ended(played.evening(date(2026, 9, 18)), date(2026, 9, 18))
    ended(played.evening(date(2026, 9, 21)))
    ended(played.evening(date(2026, 9, 24)), date(2026, 9, 24))
    in_outage(played, date(2026, 9, 25))
    ended(played.evening(date(2026, 9, 28)), date(2026, 9, 25), date(2026, 9, 28))
    assert leftovers(played.home) == []
    assert_as_from_scratch(played, tmp_path / "scratch")
    assert_late_rows_came_later(played, market)
    assert_the_dashboard_is_whole(played, date(2026, 9, 28))


@pytest.mark.soak
def test_soak_thirty_evenings(line, market, tmp_path):
    """Every session of the thirty is published once, through three kills and an outage."""
    rng = random.Random("thirty evenings")
    played = Played(line, tmp_path / "home", "sandbox-standard")
    played.begin(BEGIN)
    outage = THIRTY[15]
    kills = dict(
        zip((THIRTY[3], THIRTY[11], THIRTY[22]), ("raw", "tables", "artefact"), strict=True)
    )
    points, said = (), []
    for day in THIRTY:
        if day in kills:
            names = sorted({name for name in points if name.startswith(kills[day])})
            place = [rng.choice(names), 1]
            said.append(f"{day}: killed at {place[0]}")
            killed(played, day, place)
        if day == outage:
            in_outage(played, day)
            continue
        result = played.evening(day)
        caught = [outage] if day == THIRTY[16] else []
        ended(result, *caught, day)
        points = result.points
        seconds = {step["name"]: step["seconds"] for step in result.json["steps"]}
        said.append(f"{day}: {seconds}")
    assert len(played.published()) == 30
    assert [one["outcome"] for one in played.records()].count("interrupted") == 3
    assert leftovers(played.home) == []
    assert_as_from_scratch(played, tmp_path / "scratch")
    assert_late_rows_came_later(played, market)
    (tmp_path / "evenings.txt").write_text("\n".join(said))
