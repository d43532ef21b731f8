"""Every command that finds its work done says so; one that was never done before does not."""

import os
import shutil
from pathlib import Path

import pytest
import typer

from gogooku.cli import app
from gogooku.commands.again import Before, already, written
from gogooku.runs.find import open_run
from support.cli import commands_below, done, run_cli, sets
from support.loopback import BASE, only

TUNE = (
    *("tune", "lightgbm", "--trials", "2", "--few-names"),
    *sets("warmup_sessions=20", "split.num_folds=3", "search.batch=2", "search.final_seeds=1"),
    *sets("search.finalists=1", "search.neighbourhood=false", "learner.rounds=4"),
)
TWICE = {
    "import": ("import", "{prices}", *sets("name=mine")),
    "sandbox market": ("sandbox", "market", "--size", "tiny", *sets("num_branches=0")),
    "build": ("build", "--source", "tiny", *sets("features=['ret_prev_5d','rsi_14']")),
    "train": ("train", "ridge", *sets("learner.penalties=[0.5]")),
    "tune": TUNE,
    "evaluate": ("evaluate", "ridge", "momentum", *sets("judge_label=excess")),
    "judge": ("judge", "{scores}"),
    "compare": ("compare", "reversal", "momentum", *sets("judge_label=residual")),
    "backtest": ("backtest", "ridge", *sets("portfolio.top_k=7")),
    "report": ("report", "ridge", *sets("portfolio.top_k=9")),
    "predict": ("predict", "--run", "ridge", "--output", "{folder}/ranking.csv"),
    "evening": ("evening", "--source", "tiny", "--at", "{day}T20:30"),
    "orders": ("orders", "--source", "tiny", "--date", "{day}", "--output", "{folder}/orders.csv"),
    "portfolio": ("portfolio", "--source", "tiny", "--date", "{day}", "--output",
                  "{folder}/target.parquet"),
    "prune": ("prune", "--yes"),
    "keys revoke": ("keys", "revoke", "desk"),
}  # fmt: skip
"""Calls by command; each is made twice. Those of an evening come after it."""
WORDS = {"evening": "nothing new", "prune": "nothing can go"}
"""What is said, where it is not ``nothing to do``."""
OTHERWISE = {
    "sync": "test_a_sync_that_finds_everything_says_so",
    "demo": "test_demo_at_the_smallest_size: each step finds what is there",
    "audit": "looks anew each time",
    "export": "refuses a folder that is there already",
    "release": "asks its gates anew, and the registry remembers each time",
    "rollback": "each goes one back",
    "retire": "refuses what is in service; the registry remembers each time",
    "holdout add": "refuses a name that is taken",
    "keys add": "refuses a name that is taken",
    "dashboard": "shows the home as it is at that moment",
    "sandbox serve": "a server",
    "serve": "a server",
    **dict.fromkeys(
        ("settings", "features", "trials", "holdout list", "releases", "status", "evenings", "why")
        + ("keys list", "explain", "doctor", "version"),
        "only reads",
    ),
}


def commands():
    """Every command by its words."""
    found = commands_below(typer.main.get_command(app))
    return [name.removeprefix("gogooku ") for name in found]


@pytest.fixture(scope="module")
def world(tour_home, tiny_prices, tmp_path_factory):
    """A home in which ridge is released and a key was made, and what calls are filled with."""
    folder = tmp_path_factory.mktemp("again")
    home = folder / "home"
    shutil.copytree(tour_home, home)
    done(home, "release", "ridge", "--json")
    day = done(home, "predict", "--run", "ridge", "--json").json["date"]
    done(home, "keys", "add", "desk", "--json")
    scores = folder / "scores.parquet"
    made = open_run(home, "momentum").predictions("test")
    made.select("date", "code", "horizon", "score").write_parquet(scores)
    return home, {"folder": folder, "prices": tiny_prices, "day": day, "scores": scores}


def test_every_command_is_tried_or_says_why_not():
    assert sorted([*TWICE, *OTHERWISE]) == sorted(commands())


@pytest.mark.parametrize("name", TWICE)
def test_the_second_time_there_is_nothing_to_do(world, name, tmp_path):
    home, filled = world
    if name == "build":  # the newest dataset is what the others take
        home = shutil.copytree(home, tmp_path / "home")
    if name in ("orders", "portfolio"):
        done(home, *(one.format(**filled) for one in TWICE["evening"]), "--json")
    argv = [one.format(**filled) if one.startswith("{") or "{day}" in one else one
            for one in TWICE[name]]  # fmt: skip
    words = WORDS.get(name, "nothing to do")
    first, second = (" ".join(done(home, *argv).out.split()) for _ in range(2))
    if name not in ("evening", "prune"):
        assert words not in first
    assert words in second


def test_one_of_two_that_is_new_is_said_of_the_other_alone(world):
    home, _ = world
    excess = sets("judge_label=excess")
    done(home, "evaluate", "lightgbm", *excess)
    both = done(home, "evaluate", "lightgbm", "atft-gat-fan", *excess).out
    assert both.count("already judged, nothing to do") == 1
    residual = sets("judge_label=residual")
    done(home, "evaluate", "lightgbm", *residual)
    assert "already" not in done(home, "compare", "lightgbm", "atft-gat-fan", *residual).out


def test_what_was_damaged_is_made_again_and_not_said_to_be_there(world):
    home, _ = world
    argv = ("backtest", "ridge", *sets("portfolio.top_k=8"))
    folder = Path(done(home, *argv, "--json").json["folder"])
    (folder / "daily.parquet").unlink()
    assert "nothing to do" not in done(home, *argv).out
    assert "nothing to do" in done(home, *argv).out


def test_a_sync_that_finds_everything_says_so(fresh, synced, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(synced[0], home)
    argv = ("sync", "--source", "sandbox", *only(*BASE))
    assert "already fetched, nothing to do" in fresh.run(home, *argv).out
    assert "already" not in fresh.run(tmp_path / "new", *argv).out


def test_what_was_there_before(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    (old / "manifest.json").write_text("{}")
    before = Before([tmp_path, tmp_path / "nothing"])
    new.mkdir()
    (new / "manifest.json").write_text("{}")
    assert before.had(old)
    assert not before.had(new)
    assert not before.had(old, new)
    os.replace(new / "manifest.json", old / "manifest.json")
    assert not before.had(old), "it was made anew"


def test_words():
    assert already("built") == "already built, nothing to do"
    assert written(Path("a.csv"), "3 names", changed=True) == "written: a.csv (3 names)"
    again = written(Path("a.csv"), "3 names", changed=False)
    assert again == "already written, nothing to do: a.csv (3 names)"


def test_another_file_of_that_name_is_written_over(world):
    home, filled = world
    place = filled["folder"] / "mine.json"
    place.write_text("{}")
    argv = ("predict", "--run", "ridge", "--output", place)
    assert f"written: {place}" in run_cli(home, *argv, COLUMNS="300").out
    assert "already written" in done(home, *argv).out
