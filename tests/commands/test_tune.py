"""`gogooku tune` from the command line."""

import json
import shutil
from pathlib import Path

import pytest

from gogooku.commands import tune
from gogooku.learn.few_names import few_names_config
from support.cli import done, run_cli, sets

SMALL = (
    *sets(
        "warmup_sessions=20",
        "split.num_folds=3",
        "search.batch=2",
        "search.final_seeds=1",
        "search.finalists=1",
        "search.neighbourhood=false",
        "learner.rounds=4",
    ),
    "--few-names",
)


@pytest.fixture(scope="module")
def home(tour_home, tmp_path_factory):
    place = tmp_path_factory.mktemp("tune") / "home"
    shutil.copytree(tour_home, place)
    return place


@pytest.fixture(scope="module")
def searched(home):
    return done(home, "tune", "lightgbm", "--trials", 8, *SMALL, "--json").json


def test_a_search_says_its_sentence_and_where_everything_is(home, searched):
    assert searched["trials"] == 8
    for path in searched["files"].values():
        assert Path(path).is_file()
    text = done(home, "tune", "lightgbm", "--trials", 8, *SMALL)
    assert searched["sentence"]["en"].split(".")[0] in " ".join(text.out.split())
    assert "on the folds of the search, which made the pick" in text.out
    assert "trial 0" not in text.err, "a trial was tried again"


def test_the_pick_can_be_trained_as_it_is_said(home, searched):
    assert searched["pick"]["trial"], "the run as it is is the pick: nothing is tried here"
    made = done(
        home, "train", "lightgbm", "--few-names", "--config", searched["files"]["best"],
        *sets("learner.rounds=4"), "--json",
    ).json  # fmt: skip
    config = json.loads((Path(made["folder"]) / "config.json").read_text())
    for path, value in searched["settings"].items():
        assert config[path]["value"] == value


def test_trials_of_a_search_are_counted_by_whoever_compares(home, searched):
    entries = done(home, "trials", "--json").json
    said = json.dumps(entries)
    assert searched["study"] in said


def test_a_dry_run_says_fits_hours_and_memory_and_searches_nothing(home, searched):
    before = sorted((home / "studies").iterdir())
    found = done(
        home, "tune", "lightgbm", "--trials", 9, "--jobs", 2, *SMALL, *sets("seed=3"),
        "--dry-run", "--json",
    ).json  # fmt: skip
    assert found["fits_of_trials"] == 18
    assert found["measured_fits"] > 0
    assert found["hours"] > 0
    assert found["peak_bytes_a_fit"] > 2**20
    assert sorted((home / "studies").iterdir()) == before


def test_a_space_is_printed_changed_and_given_back(home, tmp_path):
    text = done(home, "tune", "lightgbm", "--print-space").out
    file = tmp_path / "space.toml"
    file.write_text(text.replace("learner.leaves", "learner.leafs"))
    refused = run_cli(home, "tune", "lightgbm", "--space", file, *SMALL)
    assert refused.code == 2
    assert "learner.leafs" in refused.err
    assert "learner.leaves" in refused.err
    file.write_text(text)
    done(home, "tune", "lightgbm", "--space", file, *SMALL, "--dry-run")


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--trials", 1), 2, "--trials"),
        (("--storage", "nonsense"), 3, "--storage"),
        (("--on", "moon"), 2, "executor"),
        (("--jobs", 2, "--on", "local:2"), 2, "give one of them"),
        (("--dry-run", "--print-space"), 2, "give one of them"),
        (("--space", "/no/such/file.toml"), 2, "cannot be read"),
        (("--language", "fr"), 2, "--language"),
        (sets("search.foldz=2"), 2, "search.folds"),
    ],
)
def test_what_cannot_be_asked_is_a_clear_error(options, code, said, home):
    result = run_cli(home, "tune", "lightgbm", "--trials", 2, *SMALL, *options)
    assert result.code == code, result.err
    assert said in result.err


def test_settings_are_those_of_the_run_and_of_the_search():
    chosen = tune.settings(
        "lightgbm", None, ["search.seeds=2", "seed=4"], few_names=True, shuffled=True
    )
    assert chosen.config.learner == few_names_config("lightgbm")
    assert (chosen.config.search.seeds, chosen.config.run.seed) == (2, 4)
    assert str(chosen.config.label_order) == "shuffled"


def test_a_learner_without_a_space_asks_for_one(home):
    result = run_cli(home, "tune", "momentum", "--trials", 2)
    assert result.code == 2
    assert "--space" in result.err
