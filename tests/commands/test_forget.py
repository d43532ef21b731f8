"""`gogooku sync --forget`: what came from the vendor goes, whole; measures stay."""

import re
import shutil
import signal
import subprocess
from datetime import UTC
from pathlib import Path

import polars as pl
import pytest

from gogooku.core.files import locked
from gogooku.ingest.jquants.raw import open_store
from gogooku.publish.publication import Content, publish
from gogooku.runs.trials import TRIALS_FILE
from gogooku.watch.live import live_folder
from gogooku.watch.status import status_folder
from support.cli import FEATURES, is_one_paragraph, leftovers, sets, visible
from support.loopback import BASE, NOW, only

FORGET = ("sync", "--source", "sandbox", "--forget", "--json")
TRAIN = ("train", "ridge", *sets("warmup_sessions=20"), "--json")
BUILD = (*sets(f"features={FEATURES}"), "--json")
STAYS = {
    "manifest.json",
    "config.json",
    "stamp.json",
    "events.jsonl",
    "evaluation/metrics.json",
    "evaluation/daily.parquet",
    "evaluation/stamp.json",
    "backtest/metrics.json",
    "backtest/manifest.json",
    "report/manifest.json",
}
"""Files of a run; of what is beside it without the key."""


@pytest.fixture(scope="module")
def full(line, synced, tmp_path_factory):
    """A home with everything that can come from a sync, and a stranger. Never written to."""
    home = tmp_path_factory.mktemp("full") / "home"
    subprocess.run(["cp", "-a", str(synced[0]), str(home)], check=True)
    market = sets("num_stocks=24", "num_sessions=90", "num_sectors=2", "num_branches=0")
    named = ("--size", "tiny", "--name", "sandbox-tiny-1")
    line.done(home, "sandbox", "market", *named, *market, "--json")
    line.done(home, "build", "--source", "sandbox-tiny-1", *BUILD)
    known = ("--as-known-on", str(NOW.date()))
    line.done(home, "build", "--source", "sandbox", *known, *BUILD)
    members = 'learner.members=[{kind="ridge"},{kind="reversal"}]'
    line.done(home, "train", "blend", *sets(members, "learner.member_spread=true"), *TRAIN[2:])
    line.done(home, "build", "--source", "sandbox", *BUILD)
    line.done(home, *TRAIN)
    for command in ("evaluate", "backtest", "report"):
        line.done(home, command, "ridge", "--json")
    line.done(home, "backtest", "ridge", *sets("portfolio.top_k=7"), "--json")
    line.done(home, "evaluate", "ridge", *sets("judge_label=excess"), "--json")
    traded = line.done(home, "backtest", "ridge", *sets("portfolio.top_k=8"), "--json").json
    earlier = Path(traded["folder"]).with_name("backtest")  # as an earlier version kept it
    Path(traded["folder"]).rename(earlier)
    return home


@pytest.fixture
def home(full, tmp_path):
    place = tmp_path / "home"
    subprocess.run(["cp", "-a", str(full), str(place)], check=True)
    return place


@pytest.fixture(scope="module")
def forgotten(line, full, tmp_path_factory):
    """The home after `--forget --yes`, and what the command said."""
    place = tmp_path_factory.mktemp("forgotten") / "home"
    subprocess.run(["cp", "-a", str(full), str(place)], check=True)
    return place, line.done(place, *FORGET, "--yes")


def without_key(path):
    first, *rest = path.parts
    return "/".join([re.sub(r"-[0-9a-f]{16}$", "", first), *rest])


def strangers(home):
    return {
        path: content
        for path, content in visible(home).items()
        if "sandbox-tiny-1" in path and path != "datasets/current.json"
    }


def vendor_texts(full):
    """Closes of the market that no other figure is likely to be, and its codes."""
    version = next((full / "sources/sandbox").glob("*/manifest.json")).parent
    quotes = pl.read_parquet(version / "tables/quotes/2026-??.parquet")
    closes = quotes.get_column("close").drop_nulls().unique()
    long = [str(price) for price in closes if len(str(price)) >= 7]
    assert len(long) > 100
    return long, quotes.get_column("code").unique().to_list()


def assert_no_vendor_rows(home, full):
    """No price, no code, no table of the vendor is left outside the stranger's artefacts."""
    closes, codes = vendor_texts(full)
    own = [path for path in visible(home) if "sandbox-tiny-1" not in path]
    assert own
    for name in own:
        path = home / name
        if path.suffix == ".parquet":
            columns = set(pl.read_parquet_schema(path))
            assert not columns & {"code", "close", "open", "score", "shares", "price"}, name
        else:
            body = path.read_bytes().decode("utf-8", errors="replace")
            assert not [price for price in closes if price in body], name
            assert not [code for code in codes if f'"{code}"' in body], name
        ledger_of_trials = name == TRIALS_FILE  # figures and names of runs, as checked above
        assert ledger_of_trials or path.suffix not in (".npy", ".sqlite"), name
    for folder in ("raw", "tables"):
        assert not [
            path
            for path in (home / folder).rglob("*")
            if path.is_file() and not path.name.endswith(".lock")
        ]


def test_what_is_searched_for_is_there_before(full):
    with pytest.raises(AssertionError):
        assert_no_vendor_rows(full, full)


def test_everything_of_the_vendor_goes_and_measures_stay(forgotten, full):
    home, result = forgotten
    removed = result.json["removed"]
    runs = sorted((full / "runs").glob("[br]*"))
    assert len(runs) == 2
    assert {"raw/sandbox", "tables/sandbox", "sources/sandbox"} <= set(removed)
    assert f"sources/sandbox-as-known-{NOW.date()}" in removed
    assert len([name for name in removed if name.startswith("datasets/")]) == 2
    assert len([name for name in removed if name.endswith("predictions.parquet")]) == 2
    assert len([name for name in removed if name.endswith("outputs.parquet")]) == 1
    assert result.json["num_bytes"] > 100_000
    assert_no_vendor_rows(home, full)
    assert leftovers(home) == []
    assert (home / TRIALS_FILE).exists(), "what was judged stays counted"
    assert not (home / "datasets/current.json").exists()
    judged = home / "runs" / next(run.name for run in runs if list(run.glob("report-*")))
    left = {without_key(path.relative_to(judged)) for path in judged.rglob("*") if path.is_file()}
    assert left >= STAYS
    assert len(list(judged.glob("backtest*/metrics.json"))) == 3
    assert list(judged.glob("backtest*/*.parquet")) == []
    ledgers = [name for name in removed if name.endswith("ledger.parquet")]
    assert len(ledgers) == 3
    assert "predictions.parquet" not in left
    assert list((full / "runs").glob("*/report-*/report.html"))
    assert list((home / "runs").glob("*/report-*/report.html")) == []
    before = visible(full)
    for path, content in visible(home).items():
        assert before[path] == content


def test_another_source_whose_name_begins_the_same_is_untouched(forgotten, full):
    home, _ = forgotten
    assert strangers(home) == strangers(full)
    assert len(strangers(full)) > 10


def test_the_size_counts_a_file_with_two_names_once(forgotten, full):
    _, result = forgotten
    sizes, total = {}, 0
    for place in result.json["removed"]:
        for path in (full / place, *(full / place).rglob("*")):
            if path.is_file():
                total += path.stat().st_size
                sizes[path.stat().st_ino] = path.stat().st_size
    assert result.json["num_bytes"] == sum(sizes.values())
    assert result.json["num_bytes"] < total


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_without_a_yes_nothing_is_removed(answer, as_json, line, full):
    before = visible(full)
    result = line.run(full, *FORGET[:-1], *as_json, input=answer)
    assert result.code == 2
    assert "nothing removed" in result.err
    assert "Remove these (" in result.err
    assert "raw/sandbox" in result.err
    assert "Traceback" not in result.err
    assert "Aborted" not in result.err
    assert result.out == ""
    assert visible(full) == before


def test_a_yes_that_is_typed_removes(line, home, forgotten):
    result = line.run(home, *FORGET, input="y\n")
    assert result.code == 0, result.err
    assert result.json["removed"] == forgotten[1].json["removed"]
    assert visible(home) == visible(forgotten[0])


def test_forgetting_twice_says_that_there_is_nothing(line, forgotten):
    again = line.run(forgotten[0], *FORGET[:-1], "--yes")
    assert again.code == 3
    assert is_one_paragraph(again.err)
    assert "nothing from source 'sandbox'" in again.err


def occurrences(points):
    return [
        (name, nth)
        for name in dict.fromkeys(points)
        for nth in dict.fromkeys((1, points.count(name)))
    ]


def test_killed_at_every_write_point_and_run_again_completes(line, full, forgotten, tmp_path):
    places = occurrences(forgotten[1].points)
    assert len(places) >= 6, "the write points of --forget are being lost"
    for name, nth in places:
        home = tmp_path / "home"
        subprocess.run(["cp", "-a", str(full), str(home)], check=True)
        killed = line.run(home, *FORGET, "--yes", kill_at=[name, nth])
        assert killed.code == -signal.SIGKILL, name
        told = line.done(home, "doctor", "--json").json
        hidden = [one for one in leftovers(home) if one.endswith(".removed")]
        assert bool(hidden) == any("--forget again" in text for text in told["unfinished"]), name
        again = line.run(home, *FORGET, "--yes")
        assert again.code in (0, 3), again.err
        assert again.code == 0 or "nothing from source" in again.err
        assert visible(home) == visible(forgotten[0]), (name, nth)
        assert leftovers(home) == [], (name, nth)
        shutil.rmtree(home)


@pytest.mark.parametrize(
    ("command", "point"),
    [
        (("sync", "--source", "sandbox"), "raw.body"),
        (("sync", "--source", "sandbox"), "artefact.built"),
        (("build", "--source", "sandbox", *BUILD), "artefact.built"),
        ((*TRAIN, "--set", "seed=9"), "train.predictions"),
        (("backtest", "ridge", *sets("portfolio.top_k=9")), "artefact.built"),
    ],
    ids=lambda part: part if isinstance(part, str) else part[0],
)
def test_what_a_killed_command_left_goes_too(command, point, line, home, full, forgotten):
    fresh_build = sets('features=["rsi_14"]') if command[0] == "build" else []
    narrow = only("topix") if command[0] == "sync" else []
    if point == "artefact.built" and command[0] == "sync":
        shutil.rmtree(home / "sources/sandbox")
    killed = line.run(
        home, *command, *fresh_build, *narrow, kill_at=[point, 1], now=NOW.replace(day=8)
    )
    assert killed.code == -signal.SIGKILL, killed.err
    assert leftovers(home)
    assert line.run(home, *FORGET, "--yes").code == 0
    assert leftovers(home) == []
    assert_no_vendor_rows(home, full)


def test_while_a_build_runs_forgetting_waits_for_another_time(line, home, forgotten):
    name = next(iter(forgotten[1].json["removed"]))
    assert name.startswith("runs/")
    (dataset,) = [
        home / one
        for one in forgotten[1].json["removed"]
        if one.startswith("datasets/sandbox-") and "known" not in one
    ]
    with locked(dataset):
        result = line.run(home, *FORGET, "--yes")
    assert result.code == 3
    assert "another process is writing it" in result.error["message"]
    assert "run the same command again" in result.error["message"]
    assert (dataset / "manifest.json").exists()
    assert line.run(home, *FORGET, "--yes").code == 0
    assert visible(home) == visible(forgotten[0])


def test_while_a_sync_runs_forgetting_is_refused(line, home):
    before = visible(home)
    with open_store(home, "sandbox").writer():
        result = line.run(home, *FORGET, "--yes")
    assert result.code == 3
    assert result.error["error"] == "BusyError"
    assert "another process is writing" in result.error["message"]
    assert visible(home) == before


def test_publications_and_the_scores_of_bundles_go_too(line, home):
    """The bundle stays and is listed; what it said of names is gone."""
    bundle = line.done(home, "release", "ridge", "--json").json["bundle"]
    line.done(home, "release", "ridge", *sets("portfolio.top_k=7"), "--shadow", "--json")
    frames = {"ranking": pl.DataFrame({"rank": [1], "code": ["13010"]})}
    at = NOW.astimezone(UTC)
    for source in ("sandbox", "sandbox-tiny-1"):
        publish(home, source, NOW.date(), bundle, Content(frames), inputs={}, at=at)
        for place in (status_folder, live_folder):
            place(home, source).mkdir(parents=True)
            (place(home, source) / "one.json").write_text("{}")
    line.done(home, *FORGET, "--yes")
    for place in ("publications", "status", "live"):
        assert [path.name for path in (home / place).glob("*")] == ["sandbox-tiny-1"]
    assert not list((home / "releases").rglob("predictions.parquet"))
    states = line.done(home, "releases", "--json").json["bundles"]
    assert sorted(one["state"] for one in states) == ["released", "shadow"]


def test_what_is_left_explains_itself(line, forgotten):
    home, _ = forgotten
    told = line.done(home, "explain", "ridge", "--json").json
    assert told["kind"] == "train"
    assert "removed with the data they came from" in told["forgotten"]
    found = line.done(home, "doctor", "--json").json
    assert len(found["runs without predictions"]) == 2
    assert found["unfinished"] == []
    assert "source sandbox" not in found
    (traded,) = [path.name for path in home.glob("runs/*/backtest-*")][:1]
    assert "fills and holdings" in line.done(home, "explain", traded, "--json").json["forgotten"]
    for command, words in (
        (("evaluate", "ridge"), None),
        (("evaluate", "ridge", *sets("judge_label=residual")), "No dataset"),
        (("backtest", "ridge"), "No dataset"),
        (("build", "--source", "sandbox"), "No source 'sandbox' in"),
        (("predict", "--run", "ridge"), "No dataset in"),
        (("sync", "--source", "sandbox", "--status"), None),
    ):
        result = line.run(home, *command)
        if words is None:
            assert result.code == 0, result.err
        else:
            assert result.code == 3, command
            assert is_one_paragraph(result.err), result.err
            assert words in result.err


def test_after_forgetting_a_sync_begins_anew(line, home, full):
    assert line.run(home, *FORGET, "--yes").code == 0
    again = line.sync(home, *only(*BASE))
    assert again.code == 0, again.err
    made = line.done(home, "build", "--source", "sandbox", *BUILD).json
    assert made["dataset"] in {path.name for path in (full / "datasets").iterdir()}
