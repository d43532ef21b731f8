"""The API and the commands are one path; bad input is refused with a clear error."""

import os
import shutil
import stat

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import gogooku as gg
from api.conftest import FEATURES, MARKET
from gogooku.api.home import Home
from gogooku.core.errors import ConfigError, DataError, UsageError
from support.cli import done, sets


def test_the_five_lines(home, monkeypatch):
    monkeypatch.setenv("GOGOOKU_HOME", str(home.path))
    home = gg.Home()
    data = home.dataset()
    assert data.frame(["ret_prev_5d"], since="2021-06-01").height > 1_000
    run = home.train("lightgbm", data, settings={"learner.leaves": 7})
    assert run.scores().height > 1_000
    assert run.metrics().filter(measure="h5.rank_ic").item(0, "n") > 10
    assert len(run.plot.rank_ic().data) >= 4
    assert len(home.backtest(run).plot.equity().data) == 3
    assert home.predict(run).head().height == 5


@pytest.fixture(scope="module")
def by_command(tmp_path_factory):
    """The same market, dataset, run and backtest by commands."""
    home = tmp_path_factory.mktemp("commands") / "home"
    market = [f"{path}={value}" for path, value in MARKET.items()]
    done(home, "sandbox", "market", "--size", "tiny", "--name", "tiny", *sets(*market), "--json")
    names = ",".join(f'"{one}"' for one in FEATURES["features"])
    done(home, "build", "--source", "tiny", *sets(f"features=[{names}]"), "--json")
    done(home, "train", "ridge", "--json")
    done(home, "train", "reversal", "--json")
    done(home, "evaluate", "ridge", "--json")
    done(home, "backtest", "ridge", "--json")
    return home


def test_commands_and_api_make_the_same(by_command, made_by_api):
    mine, theirs = made_by_api, Home(by_command)
    assert mine.dataset().name == theirs.dataset().name
    assert mine.dataset().content_hash == theirs.dataset().content_hash
    for name in ("ridge", "reversal"):
        assert mine.run(name).id == theirs.run(name).id
        assert mine.run(name).content_hash == theirs.run(name).content_hash
    assert_frame_equal(mine.run("ridge").metrics(), theirs.run("ridge").metrics())
    ours, other = mine.backtest("ridge"), theirs.backtest("ridge")
    assert ours.traded.folder.name == other.traded.folder.name
    assert_frame_equal(ours.ledger(), other.ledger())
    assert_frame_equal(ours.metrics(), other.metrics())
    assert_frame_equal(mine.predict("ridge"), theirs.predict("ridge"))


def test_what_a_command_says_is_what_the_api_says(by_command, tmp_path):
    shutil.copytree(by_command, tmp_path / "home")
    home = Home(tmp_path / "home")
    said = done(home.path, "predict", "--run", "ridge", "--json")
    assert [one["code"] for one in said.json["ranking"]] == (
        home.predict("ridge").get_column("code").to_list()
    )
    compared = done(home.path, "compare", "ridge", "reversal", "--json").json
    made = home.compare("ridge", "reversal")
    assert made.sentence() == compared["sentence"]
    assert made.differences().height == 4
    page = done(home.path, "report", "ridge", "--json").json["report"]
    assert str(home.run("ridge").report()) == page


def test_settings_are_those_of_set(home):
    data = home.dataset()
    other = home.train("ridge", data, settings={"split": {"kind": "fractions", "valid": 0.25}})
    said = done(home.path, "train", "ridge", *sets("split.valid=0.25"), "--json")
    assert said.json["run"] == other.id != home.runs().item(1, "run")
    with pytest.raises(ConfigError, match="settings: unknown setting 'split.vald'.*split.valid"):
        home.train("ridge", data, settings={"split.vald": 0.2})


def test_a_home_that_is_not_there_is_refused(tmp_path):
    home = Home(tmp_path / "none")
    for asked in (home.dataset, home.runs, home.build, lambda: home.run("ridge")):
        with pytest.raises(DataError, match="there is no such home. Begin one"):
            asked()
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be the home"):
        Home(tmp_path / "file")


def test_unknown_names_are_refused_with_the_nearest(home):
    with pytest.raises(DataError, match="did you mean ridge"):
        home.run("rigde")
    with pytest.raises(DataError, match="did you mean"):
        home.dataset(home.dataset().name + "x")
    with pytest.raises(DataError, match="did you mean ridge"):
        home.backtest("rigde")
    with pytest.raises(UsageError, match="run=3: expected a Run"):
        home.predict(3)
    with pytest.raises(UsageError, match="expected a Dataset"):
        home.train("ridge", pl.DataFrame())


def test_runs_are_listed(home):
    runs = home.runs()
    assert runs.get_column("name").to_list() == ["reversal", "ridge"]
    assert runs.item(0, "first") < runs.item(0, "last")


def test_examples(examples):
    assert examples(Home) >= 12


def test_the_newest_run_ranks_where_none_is_named(home):
    newest = home.run()
    assert newest.id == home.runs().item(-1, "run")
    assert_frame_equal(home.predict(), home.predict(newest))
    other = next(name for name in ("reversal", "ridge") if home.run(name).id != newest.id)
    assert not home.predict().equals(home.predict(other))


def test_folds_in_other_processes_make_the_same_run(home, made_by_api):
    shutil.rmtree(home.run("ridge").stored.folder)
    again = home.train("ridge", on="local:2")
    assert again.id == made_by_api.run("ridge").id
    assert again.content_hash == made_by_api.run("ridge").content_hash
    with pytest.raises(UsageError, match="executor 'elsewhere' is none"):
        home.train("ridge", on="elsewhere")


def test_the_mask_of_the_caller_stays_and_what_is_made_is_private(home):
    """A command sets the mask of its process; a notebook writes its own files as its user wants."""
    before = os.umask(0o022)
    try:
        traded = home.backtest("reversal").traded
        home.predict("ridge").write_csv(home.path.parent / "ranking.csv")
        kept = os.umask(0o022)
    finally:
        os.umask(before)
    assert kept == 0o022
    assert stat.S_IMODE((home.path.parent / "ranking.csv").stat().st_mode) == 0o644
    made = [path for path in traded.folder.rglob("*") if path.is_file()]
    assert made
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600}
