"""`kill -9` at every named write point of import, build and train, and at random moments."""

import json
import random
import shutil
import signal

import pytest

from gogooku.runs.find import open_run
from support.cli import FEATURES, NETWORK, artefacts, leftovers, sets, visible
from support.soak import and_all

STAGES = ("import", "build", "train ridge", "train atft-gat-fan")


@pytest.fixture(scope="module")
def stages(tiny_prices, imported_home, built_home):
    """Per stage: the home it starts from and its command."""
    network = [*sets(*NETWORK), "--threads", 1, "--json"]
    return {
        "import": (None, ["import", tiny_prices, "--json"]),
        "build": (
            imported_home,
            ["build", *sets(f"features={FEATURES}"), "--threads", 1, "--json"],
        ),
        "train ridge": (built_home, ["train", "ridge", "--threads", 1, "--json"]),
        "train atft-gat-fan": (built_home, ["train", "atft-gat-fan", *network]),
    }


@pytest.fixture(scope="module")
def undisturbed(stages, forks, tmp_path_factory):
    """Per stage: the result, the visible files and the events of a plain run."""
    found = {}
    for stage, (start, command) in stages.items():
        home = fresh_home(start, tmp_path_factory.mktemp("plain") / "home")
        result = forks.run(home, *command)
        assert result.code == 0, result.err
        assert leftovers(home) == []
        found[stage] = (result, visible(home), events(home))
    return found


def fresh_home(start, home):
    if start is not None:
        shutil.copytree(start, home)
    return home


def events(home):
    """The events of every run, but for seconds."""
    return {
        path.parent.name: [
            {name: value for name, value in json.loads(line).items() if "seconds" not in name}
            for line in path.read_text().splitlines()
        ]
        for path in sorted(home.glob("runs/*/events.jsonl"))
    }


def occurrences(points):
    """First and last occurrence of each name, as (name, nth)."""
    return [
        (name, nth)
        for name in dict.fromkeys(points)
        for nth in dict.fromkeys((1, points.count(name)))
    ]


def assert_whole(home, reference):
    """Whatever is visible is a finished artefact of the undisturbed run, or was there before."""
    files = visible(home)
    whole = artefacts(reference)
    for name, parts in artefacts(files).items():
        assert parts == whole[name], f"{name} is visible and not what an undisturbed run makes"
    for pointer in home.rglob("current.json"):
        (target,) = json.loads(pointer.read_text()).values()
        assert (pointer.parent / target / "manifest.json").exists()


def assert_recovers(forks, stages, undisturbed, stage, home, options):
    """Kill as told, look, run again, compare with the undisturbed run."""
    start, command = stages[stage]
    _, reference, told = undisturbed[stage]
    fresh_home(start, home)
    killed = forks.run(home, *command, **options)
    if "kill_at" in options:
        assert killed.code == -signal.SIGKILL, f"{stage}: {options} did not kill"
    assert killed.code in (0, -signal.SIGKILL), killed.err
    assert_whole(home, reference)
    again = forks.run(home, *command)
    assert again.code == 0, f"{stage} after {options}: {again.err}"
    assert visible(home) == reference, f"{stage} after {options}"
    assert leftovers(home) == [], f"{stage} after {options}"
    assert events(home) == told, f"{stage} after {options}"
    shutil.rmtree(home)


@pytest.mark.parametrize("every", and_all([6], [1]))
@pytest.mark.parametrize("stage", STAGES)
def test_killed_at_write_points_and_run_again_is_as_undisturbed(
    stage, every, forks, stages, undisturbed, tmp_path
):
    """Every sixth of them, others each stage; all of them in the long version."""
    places = occurrences(undisturbed[stage][0].points)
    assert len(places) >= 8, "the write points of a stage are being lost"
    for number, place in enumerate(places[list(STAGES).index(stage) % every :: every]):
        home = tmp_path / f"home{number}"
        assert_recovers(forks, stages, undisturbed, stage, home, {"kill_at": list(place)})


def kill_at_random(forks, stages, undisturbed, tmp_path, *, stage, kills):
    rng = random.Random(f"kill {stage}")
    seconds = undisturbed[stage][0].seconds
    for number in range(kills):
        delay = seconds * (number + rng.random()) / kills
        home = tmp_path / f"home{number}"
        assert_recovers(forks, stages, undisturbed, stage, home, {"kill_after": delay})


@pytest.mark.parametrize(("stage", "kills"), list(zip(STAGES, (2, 2, 2, 4), strict=True)))
def test_killed_at_10_random_moments_and_run_again_is_as_undisturbed(
    stage, kills, forks, stages, undisturbed, tmp_path
):
    kill_at_random(forks, stages, undisturbed, tmp_path, stage=stage, kills=kills)


@pytest.mark.soak
@pytest.mark.parametrize("stage", STAGES)
def test_soak_killed_at_100_random_moments(stage, forks, stages, undisturbed, tmp_path):
    kill_at_random(forks, stages, undisturbed, tmp_path, stage=stage, kills=100)


def test_killed_twice_in_a_row_is_as_undisturbed(forks, stages, undisturbed, tmp_path):
    stage = "train atft-gat-fan"
    start, command = stages[stage]
    home = fresh_home(start, tmp_path / "home")
    for place in (["train.state", 1], ["train.epoch", 1], ["artefact.renamed", 1]):
        assert forks.run(home, *command, kill_at=place).code == -signal.SIGKILL
    assert forks.run(home, *command).code == 0
    assert visible(home) == undisturbed[stage][1]
    assert leftovers(home) == []


@pytest.mark.parametrize("command", ["evaluate", "backtest", "report"])
def test_killed_while_judging_and_run_again_is_as_undisturbed(command, forks, tour_home, tmp_path):
    plain = tmp_path / "plain"
    shutil.copytree(tour_home, plain)
    first = forks.run(plain, command, "ridge", "--json")
    assert first.code == 0, first.err
    for name, nth in occurrences(first.points):
        home = tmp_path / "home"
        shutil.copytree(tour_home, home)
        killed = forks.run(home, command, "ridge", "--json", kill_at=[name, nth])
        assert killed.code == -signal.SIGKILL
        assert forks.run(home, command, "ridge", "--json").code == 0
        assert visible(home) == visible(plain), f"{command} after {name}"
        assert leftovers(home) == [], f"{command} after {name}"
        shutil.rmtree(home)


def test_killed_while_scores_are_judged_and_run_again_is_as_undisturbed(forks, tour_home, tmp_path):
    file = tmp_path / "scores.parquet"
    open_run(tour_home, "ridge").predictions("test").write_parquet(file)
    command = ["judge", file, "--name", "mine", "--json"]
    plain = tmp_path / "plain"
    shutil.copytree(tour_home, plain)
    first = forks.run(plain, *command)
    assert first.code == 0, first.err
    assert "judge.predictions" in first.points
    for name, nth in occurrences(first.points):
        home = tmp_path / "home"
        shutil.copytree(tour_home, home)
        assert forks.run(home, *command, kill_at=[name, nth]).code == -signal.SIGKILL
        assert forks.run(home, *command).code == 0
        assert visible(home) == visible(plain), f"after {name} {nth}"
        assert leftovers(home) == [], f"after {name} {nth}"
        shutil.rmtree(home)
