"""Runs are found in a home; what an earlier version wrote says how it is made again."""

import shutil
from pathlib import Path

import pytest

from gogooku.core.errors import DataError
from gogooku.core.files import read_json, write_json
from gogooku.runs.find import open_run, opened
from gogooku.runs.folder import finished_runs
from support.cli import done, is_one_paragraph, run_cli
from support.seals import reseal

EARLIER = Path(__file__).parent / "data" / "earlier_run"
"""A ridge as a version wrote it whose training held settings of judging and trading."""
EARLIER_ID = "ridge-e3b92c6efe3df7a5"
AGAIN = (
    "gogooku train ridge --dataset tiny-ef415df8ddd7130b --set seed=2"
    " && gogooku evaluate ridge --set 'judge_label=\"excess\"'"
    " && gogooku backtest ridge --set portfolio.top_k=20"
)


@pytest.fixture
def earlier(home):
    """A home that holds such a run too, judged and traded without a key."""
    folder = home / "runs" / EARLIER_ID
    shutil.copytree(EARLIER, folder)
    for name in ("evaluation", "backtest"):
        (folder / name).mkdir()
        (folder / name / "metrics.json").write_text("{}")
    return folder


def test_a_run_is_found_by_path_id_name_and_as_the_newest(home, ridge):
    assert open_run(home, str(ridge.folder)).run_id == ridge.run_id
    assert open_run(home, ridge.run_id).folder == ridge.folder
    assert open_run(home, "ridge").folder == ridge.folder
    assert open_run(home, None).folder == finished_runs(home)[-1]
    with pytest.raises(DataError, match=f"No finished run 'nothing' in .* {ridge.run_id}"):
        open_run(home, "nothing")
    with pytest.raises(DataError, match="No finished run in .*: gogooku train lightgbm"):
        open_run(home / "elsewhere", None)


def test_a_run_of_an_earlier_version_says_how_it_is_made_again(home, earlier):
    with pytest.raises(DataError) as refused:
        open_run(home, EARLIER_ID)
    told = str(refused.value)
    assert told.startswith(f"run {EARLIER_ID} was made by an earlier version")
    assert AGAIN in told
    assert str(earlier) in told


@pytest.mark.parametrize(
    "command",
    [
        ("evaluate",),
        ("backtest",),
        ("report",),
        ("compare", "reversal"),
        ("predict", "--run"),
        ("serve", "--run"),
    ],
    ids=lambda command: command[0],
)
def test_no_command_takes_it_silently(command, home, earlier):
    result = run_cli(home, *command, EARLIER_ID, GOGOOKU_API_KEYS="0" * 64)
    assert result.code == 3
    assert is_one_paragraph(result.err)
    assert AGAIN in result.err


def test_what_an_earlier_version_wrote_still_explains_itself(home, earlier):
    told = done(home, "explain", EARLIER_ID, "--json").json
    assert told["config"]["judge_label"] == {"value": "excess", "from": "--set"}
    inside = done(home, "explain", earlier / "backtest", "--json").json
    assert inside["place"] == EARLIER_ID


def test_runs_of_now_are_opened_beside_it(home, earlier, ridge):
    assert open_run(home, ridge.run_id).config == ridge.config


def test_threads_and_other_settings_are_in_the_command(earlier):
    stamp = read_json(earlier / "stamp.json")
    write_json(earlier / "stamp.json", {**stamp, "threads": 2})
    config = read_json(earlier / "config.json")
    config |= {"learner.penalties": {"value": [0.5], "from": "run ridge"}}
    config |= {"learner.gone": {"value": 3, "from": "--set"}}
    write_json(earlier / "config.json", config)
    with pytest.raises(DataError) as refused:
        opened(earlier)
    assert "--set 'learner.penalties=[0.5]' --set seed=2 --threads 2" in str(refused.value)
    assert "(without learner.gone, which no setting is now)" in str(refused.value)


def test_a_setting_that_moved_is_set_where_it_is_now(earlier):
    config = read_json(earlier / "config.json")
    config |= {"learner.kind": {"value": "atft_gat_fan", "from": "default"}}
    config |= {"learner.training.mse_weight": {"value": 0.5, "from": "--set"}}
    write_json(earlier / "config.json", config)
    manifest = read_json(earlier / "manifest.json")
    write_json(earlier / "manifest.json", {**manifest, "name": "atft-gat-fan"})
    with pytest.raises(DataError, match="--set learner.training.loss.mse_weight=0.5"):
        opened(earlier)


def test_a_learner_that_is_not_registered_is_named(home, ridge):
    config = read_json(ridge.folder / "config.json")
    config["learner.kind"]["value"] = "mine"
    write_json(ridge.folder / "config.json", config)
    reseal(ridge.folder)
    with pytest.raises(DataError, match=f"{ridge.run_id} was fitted by the learner 'mine'"):
        open_run(home, ridge.run_id)
