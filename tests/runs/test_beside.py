"""What is kept beside a run: keyed by its settings, found again, never a reason to fit again."""

import shutil
from pathlib import Path

import pytest

from gogooku.core.config import resolve
from gogooku.core.files import MANIFEST_FILE, hash_file, hash_parts, read_json
from gogooku.core.stamp import Stamp
from gogooku.runs import judge
from gogooku.runs.beside import content_of, is_whole, keep_beside, missing
from gogooku.runs.judge import JudgeConfig
from support.cli import FEATURES, done, leftovers, sets

TINY = ("num_stocks=24", "num_sessions=200", "num_sectors=2", "num_branches=0")


def judging(*assignments):
    return resolve(JudgeConfig(), base_name="evaluate", assignments=assignments)


def kept(run, resolved, fill, **inputs):
    return keep_beside(
        run, "evaluation", resolved, code=(judge.__name__,), inputs=inputs, fill=fill
    )


def two_files(folder):
    (folder / "one.txt").write_text("1")
    (folder / "two.txt").write_text("2")


def never(folder):
    pytest.fail(f"{folder} is made again")


def files_of_fit(run_folder):
    """Every file that training wrote, with the instant of its last change."""
    named = ["config.json", "stamp.json", "manifest.json", "predictions.parquet", "events.jsonl"]
    files = [run_folder / name for name in named if (run_folder / name).exists()]
    files += [path for path in sorted((run_folder / "folds").rglob("*")) if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, hash_file(path)) for path in files}


def test_trials_of_judging_and_trading_fit_nothing_and_explain_themselves(tmp_path):
    """Train; evaluate with another label; backtest with another size: no refit, only siblings.

    There are three: a backtest is a look at the test part, so the run is judged by default first.
    """
    home = tmp_path / "home"
    named = ("--size", "tiny", "--name", "tiny")
    done(home, "sandbox", "market", *named, *sets(*TINY), "--json")
    done(home, "build", "--source", "tiny", *sets(f"features={FEATURES}"), "--json")
    made = done(home, "train", "ridge", "--json").json
    (folder,) = [path.parent for path in home.glob("runs/*/manifest.json")]
    before, inside = files_of_fit(folder), {path.name for path in folder.iterdir()}
    assert len(before) >= 6

    evaluated = done(home, "evaluate", "ridge", *sets("judge_label=excess"), "--json").json
    traded = done(home, "backtest", "ridge", *sets("portfolio.top_k=20"), "--json").json

    assert [path.parent for path in home.glob("runs/*/manifest.json")] == [folder]
    assert files_of_fit(folder) == before
    siblings = sorted(
        path.name for path in folder.iterdir() if path.name[0] != "." and path.name not in inside
    )
    assert [name.partition("-")[0] for name in siblings] == ["backtest", *["evaluation"] * 2]
    by_excess, by_size = Path(evaluated[made["run"]]["folder"]), Path(traded["folder"])
    assert {by_excess.parent, by_size.parent} == {folder}
    assert {by_excess.name, by_size.name} < set(siblings)
    assert leftovers(home) == []

    for name, path, value in (
        (by_excess.name, "judge_label", "excess"),
        (by_size.name, "portfolio.top_k", 20),
    ):
        by_id = done(home, "explain", name, "--json").json
        assert by_id == done(home, "explain", folder / name, "--json").json
        assert by_id["kind"] == name.partition("-")[0]
        assert by_id["config"][path] == {"value": value, "from": "--set"}
        assert by_id["inputs"][f"run {made['run']}"] == made["content_hash"]
        assert f"dataset {made['dataset']}" in by_id["inputs"]
        assert len(by_id["code_hash"]) == 16
        manifest = read_json(folder / name / MANIFEST_FILE)
        assert by_id["content_hash"] == manifest["content_hash"]
        for file, content in manifest["parts"].items():
            assert hash_file(folder / name / file) == content
    assert by_excess.name in done(home, "explain", by_excess.name).out


def test_the_same_settings_find_what_is_there(ridge):
    first = kept(ridge, judging("judge_label=residual"), two_files)
    assert kept(ridge, judging("judge_label=residual"), never) == first
    assert kept(ridge, judging('judge_label="residual"'), never) == first


def test_other_settings_inputs_and_kinds_are_another_one(ridge):
    settings = judging("judge_label=residual")
    found = {
        kept(ridge, settings, two_files),
        kept(ridge, judging("judge_label=excess"), two_files),
        kept(ridge, settings, two_files, labels="other"),
        keep_beside(ridge, "page", settings, code=(judge.__name__,), inputs={}, fill=two_files),
    }
    assert len(found) == 4
    assert all(path.parent == ridge.folder for path in found)


def test_it_is_a_full_artefact(ridge):
    folder = kept(ridge, judging("judge_label=residual"), two_files, labels="abc")
    manifest = read_json(folder / MANIFEST_FILE)
    assert manifest["parts"] == {n: hash_file(folder / n) for n in ("one.txt", "two.txt")}
    assert manifest["content_hash"] == hash_parts(manifest["parts"])
    assert manifest["run"] == ridge.run_id
    assert read_json(folder / "config.json") == {
        "judge_label": {"value": "residual", "from": "--set"}
    }
    stamp = Stamp.read(folder)
    assert folder.name == f"evaluation-{stamp.key}"
    assert stamp.inputs == {
        f"run {ridge.run_id}": ridge.content_hash,
        f"dataset {ridge.dataset_name}": ridge.dataset_hash,
        "labels": "abc",
    }
    assert content_of(folder) == {folder.name: manifest["content_hash"]}


def test_a_file_that_is_gone_is_made_again(ridge):
    folder = kept(ridge, judging("judge_label=residual"), two_files)
    (folder / "two.txt").unlink()
    assert not is_whole(folder)
    assert missing(folder, read_json(folder / MANIFEST_FILE)) == ["two.txt"]
    assert kept(ridge, judging("judge_label=residual"), two_files) == folder
    assert is_whole(folder)


def test_what_stops_the_writer_leaves_nothing(ridge):
    def stopped(folder):
        two_files(folder)
        raise RuntimeError("stopped")

    before = sorted(path.name for path in ridge.folder.iterdir() if path.is_dir())
    with pytest.raises(RuntimeError):
        kept(ridge, judging("judge_label=residual"), stopped)
    assert sorted(path.name for path in ridge.folder.iterdir() if path.is_dir()) == before


def test_content_hangs_on_no_name(home, ridge):
    """The same run under another name: other keys, the same content."""
    other = ridge.folder.with_name("ridge-0000000000000000")
    shutil.copytree(ridge.folder, other)
    for command in ("evaluate", "backtest"):
        one = done(home, command, ridge.folder, "--json").json
        two = done(home, command, other, "--json").json
        left, right = (
            next(iter(found.values()))["folder"] if command == "evaluate" else found["folder"]
            for found in (one, two)
        )
        manifests = [read_json(Path(place) / MANIFEST_FILE) for place in (left, right)]
        assert manifests[0]["content_hash"] == manifests[1]["content_hash"]
        assert left.rpartition("-")[2] != right.rpartition("-")[2]
