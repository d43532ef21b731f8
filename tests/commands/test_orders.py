"""`gogooku orders` and `portfolio` from the command line."""

import json
import shutil
from datetime import UTC, date, datetime, time, timedelta

import polars as pl
import pytest

from gogooku.commands.orders import Asked, orders
from gogooku.commands.portfolio import portfolio
from gogooku.core.errors import FindingError
from gogooku.core.wall import VirtualClock
from support.cli import done, is_one_paragraph, run_cli


@pytest.fixture(scope="module")
def published(tour_home, tmp_path_factory):
    """A home in which ridge has published the last session, that session, and the answer."""
    home = tmp_path_factory.mktemp("orders") / "home"
    shutil.copytree(tour_home, home)
    done(home, "release", "ridge", "--json")
    day = done(home, "predict", "--run", "ridge", "--json").json["date"]
    done(home, "evening", "--source", "tiny", "--at", f"{day}T20:30", "--json")
    return home, day


def test_orders_of_a_date_in_a_table_and_for_programs(published):
    home, day = published
    whole = done(home, "orders", "--source", "tiny", "--date", day, "--json").json
    assert whole["date"] == day
    assert whole["portfolio"]["basis"] == "new"
    first = whole["orders"][0]
    assert (first["side"], first["reason"]) == ("buy", "new")
    said = done(home, "orders", "--source", "tiny", "--date", day).out
    assert first["code"] in said
    assert first["name_ja"] in said
    assert "account: an empty account; worth JPY" in said


def test_orders_of_a_session_that_is_past_end_with_1(published):
    home, day = published
    late = run_cli(home, "orders", "--source", "tiny")
    assert late.code == 1
    assert is_one_paragraph(late.err)
    assert f"these orders follow {day}" in late.err
    assert "do not send them" in late.err


def test_orders_are_not_late_until_the_next_decision(published):
    home, day = published
    evening = datetime.combine(date.fromisoformat(day), time(11, 30), tzinfo=UTC)
    assert orders(home, Asked("tiny"), clock=VirtualClock(evening)).failure is None
    later = VirtualClock(evening + timedelta(days=7))
    assert isinstance(orders(home, Asked("tiny"), clock=later).failure, FindingError)
    assert orders(home, Asked("tiny", date.fromisoformat(day)), clock=later).failure is None


def test_orders_in_files(published, tmp_path):
    home, day = published
    whole = done(home, "orders", "--source", "tiny", "--date", day, "--json").json
    for suffix in ("csv", "parquet", "json"):
        path = tmp_path / f"orders.{suffix}"
        done(home, "orders", "--source", "tiny", "--date", day, "--output", path)
    kept = json.loads((tmp_path / "orders.json").read_text())
    assert kept == whole["orders"]
    assert pl.read_parquet(tmp_path / "orders.parquet").to_dicts() == whole["orders"]
    (sealed,) = home.glob(f"publications/tiny/{day}--*/orders.csv")
    assert (tmp_path / "orders.csv").read_bytes() == sealed.read_bytes()
    wrong = run_cli(home, "orders", "--source", "tiny", "--date", day, "--output", "orders.xlsx")
    assert wrong.code == 2


def test_the_target_portfolio(published, tmp_path):
    home, _ = published
    path = tmp_path / "target.parquet"
    made = done(home, "portfolio", "--source", "tiny", "--json").json
    done(home, "portfolio", "--source", "tiny", "--output", path)
    assert pl.read_parquet(path).to_dicts() == made["target"]
    assert sum(row["weight"] for row in made["target"]) <= 1.0
    assert made["target"][0]["name_ja"] in done(home, "portfolio", "--source", "tiny").out


def test_before_anything_is_published(tour_home, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(tour_home, home)
    assert run_cli(home, "orders", "--source", "tiny").code == 3
    done(home, "release", "ridge", "--json")
    nothing = run_cli(home, "orders", "--source", "tiny")
    assert nothing.code == 3
    assert "gogooku evening --source tiny" in nothing.err


def test_a_ranking_without_orders_says_so(tour_home, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(tour_home, home)
    done(home, "release", "ridge", "--json")
    assert run_cli(home, "evening", "--source", "tiny", "--json").code == 1
    nothing = run_cli(home, "orders", "--source", "tiny")
    assert nothing.code == 3
    assert "no orders were made after" in nothing.err


def test_cash_without_holdings_is_refused(published):
    home, _ = published
    wrong = run_cli(home, "evening", "--source", "tiny", "--cash", "1000")
    assert wrong.code == 2
    assert "--holdings FILE" in wrong.err


def test_the_target_of_a_session_is_what_was_published(published):
    home, day = published
    made = portfolio(home, Asked("tiny", date.fromisoformat(day), None))
    said = done(home, "portfolio", "--source", "tiny", "--date", day, "--json").json
    assert [one["code"] for one in said["target"]] == [one["code"] for one in made.facts["target"]]
