"""Nothing damaged is believed: whatever file of a home is another one, it is named and refused.

A tiny home is spoiled a file at a time. ``doctor --verify`` names every file whose bytes are not
those that were written; ``predict`` refuses, by name and within seconds, whatever it reads.
"""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from gogooku.core.files import read_json
from gogooku.core.seal import FILES, files_of
from gogooku.dataset.state import load_grown
from support.cli import done, is_one_paragraph, run_cli
from support.seals import reseal, unseal
from support.soak import in_turn


@pytest.fixture
def home(tour_home, tmp_path):
    """A copy of the home that has everything."""
    place = tmp_path / "home"
    shutil.copytree(tour_home, place)
    return place


RUNS = ("ridge", "lightgbm", "atft-gat-fan", "reversal")


def artefacts(home):
    return [path.parent for path in sorted(home.rglob("manifest.json"))]


def folder_of(home, kind, name="*"):
    return next(p.parent for p in sorted(home.glob(f"{kind}/{name}/manifest.json")))


def flip(path, at=None):
    """Another bit in the middle of a file; what else links to the file keeps its own."""
    content = bytearray(path.read_bytes())
    at = len(content) // 2 if at is None else at
    content[at] ^= 4
    replace(path, bytes(content))


def replace(path, content):
    path.unlink()
    path.write_bytes(content)


def refused(home, *argv, name, **environment):
    """The command ends with a data error of one paragraph that names a file."""
    result = run_cli(home, *argv, **environment)
    assert result.code == 3, (argv, result.out, result.err)
    assert is_one_paragraph(result.err), result.err
    assert name in result.err, result.err
    assert "universe.min_traded_value" not in result.err
    assert result.out == ""
    return result.err


def test_every_file_of_every_artefact_is_stated(tour_home):
    kinds = set()
    for folder in artefacts(tour_home):
        manifest = read_json(folder / "manifest.json")
        kinds.add(manifest["kind"])
        mine = {path.relative_to(folder).as_posix() for path in files_of(folder)}
        mine = {name for name in mine if not name.startswith(("evaluation-", "backtest-"))}
        assert mine - {"manifest.json"} == set(manifest[FILES]), folder
    assert kinds == {"source", "dataset", "labels", "run", "job", "evaluation", "backtest"}


def test_doctor_notices_a_changed_byte_of_every_file(home):
    """One byte of each is changed, at another place in each; every one is named, and no other."""
    rng = np.random.default_rng(1)
    spoiled = []
    for folder in artefacts(home):
        for name, entry in read_json(folder / "manifest.json")[FILES].items():
            path = folder / name
            if path.name == "manifest.json":
                continue
            size = entry.get("size", entry.get("rows", 0) * entry.get("row_bytes", 0))
            if size:
                flip(path, int(rng.integers(size)))
                spoiled.append(path)
    assert len(spoiled) > 80
    result = run_cli(home, "doctor", "--verify", "--json")
    assert result.code == 1
    named = [text.partition(": ")[0] for text in result.json["damaged files"]]
    # where the digests of rows are damaged themselves, the rows are not compared
    rowless = {p for p in spoiled if p.suffix == ".bin"}
    assert {str(path) for path in {*spoiled} - rowless} <= set(named)
    assert set(named) <= {str(path) for path in spoiled} | {
        str(p) for p in home.rglob("row_digests.npy")
    }


def test_doctor_notices_a_changed_byte_of_every_row_file(home):
    spoiled = []
    for path in sorted(home.glob("datasets/*/**/*.bin")):
        manifest = read_json(path.parent / "manifest.json") if path.parent.name == "labels" else (
            read_json(folder_of(home, "datasets") / "manifest.json"))  # fmt: skip
        root = path.parent if path.parent.name == "labels" else folder_of(home, "datasets")
        entry = manifest[FILES][path.relative_to(root).as_posix()]
        flip(path, entry["rows"] * entry["row_bytes"] // 3)
        spoiled.append(str(path))
    result = run_cli(home, "doctor", "--verify", "--json")
    assert result.code == 1
    assert sorted(text.partition(": ")[0] for text in result.json["damaged files"]) == spoiled


def test_a_whole_home_has_no_damage(tour_home):
    facts = done(tour_home, "doctor", "--verify", "--json").json
    assert facts["damaged files"] == []
    assert facts["files verified"] > 100


# ------------------------------------------------------------------------------ what predict reads


def read_by_predict(home, run):
    """Files that are checked whole when a ranking is made."""
    dataset, folder = folder_of(home, "datasets"), folder_of(home, "runs", f"{run}-*")
    places = [folder / "manifest.json", folder / "config.json", folder / "stamp.json"]
    places += sorted(path for path in (folder / "folds").rglob("*") if path.is_file())
    places += [dataset / "manifest.json", dataset / "grown.json", dataset / "row_digests.npy"]
    names = ("sessions", "market", "valid", "sector", "neighbours", "neighbour_block")
    places += [dataset / f"{name}.npy" for name in (*names, "digests", "nulls")]
    return [*places, dataset / "own" / "x.npy", dataset / "own" / "close.npy"]


@pytest.mark.parametrize("run", RUNS)
def test_predict_refuses_a_changed_byte_of_every_file_that_it_reads(run, home):
    for path in read_by_predict(home, run):
        before = path.read_bytes()
        for at in (len(before) // 2, len(before) - 1):
            flip(path, at)
            refused(home, "predict", "--run", run, name=path.name)
            replace(path, before)
    assert done(home, "predict", "--run", run).code == 0


NO_SUCH_FILE = {
    "gone": (lambda p: p.unlink(), ""),
    "empty": (lambda p: replace(p, b""), ""),
    "cut": (lambda p: replace(p, p.read_bytes()[:-7]), ""),
    "longer": (lambda p: replace(p, p.read_bytes() + b"\0"), ""),
    "pipe": (lambda p: (p.unlink(), os.mkfifo(p)), "is no file"),
    "folder": (lambda p: (p.unlink(), p.mkdir()), "is no file"),
    "device": (lambda p: (p.unlink(), p.symlink_to("/dev/zero")), "is a link"),
    "link": (
        lambda p: (p.rename(p.with_name("aside")), p.symlink_to(p.with_name("aside"))),
        "link",
    ),
    "deep": (lambda p: replace(p, b"[" * 10_000_000), ""),
    "null": (lambda p: replace(p, b"null"), ""),
}


@pytest.mark.parametrize(("kind", "run"), in_turn(NO_SUCH_FILE, ["lightgbm", "atft-gat-fan"]))
def test_predict_refuses_a_file_that_is_no_such_file(kind, run, home):
    do, said = NO_SUCH_FILE[kind]
    for path in read_by_predict(home, run):
        kept = path.read_bytes()
        do(path)
        assert said in refused(home, "predict", "--run", run, name=path.name)
        for left in (path, path.with_name("aside")):
            if left.is_dir():
                left.rmdir()
            else:
                left.unlink(missing_ok=True)
        path.write_bytes(kept)


@pytest.mark.parametrize("name", ["x.bin", "bars/close.bin"])
def test_predict_refuses_a_session_that_it_reads_and_no_other(name, home):
    """A changed row of the session or of its history; another session's row is not read."""
    dataset = folder_of(home, "datasets")
    grown = load_grown(dataset)
    file = next(f for f in grown.layout.files() if f.path == dataset / name)
    day = str(grown.sessions[grown.rows - 30])
    at = (grown.rows - 30) * file.row_bytes + file.row_bytes // 2
    whole = file.path.read_bytes()
    flip(file.path, at)
    refused(home, "predict", "--run", "ridge", "--date", day, name=file.path.name)
    assert run_cli(home, "predict", "--run", "ridge").code == 0
    replace(file.path, whole[: at - 1])
    refused(home, "predict", "--run", "ridge", "--date", day, name=file.path.name)
    replace(file.path, whole)
    if name == "x.bin":
        flip(file.path, (grown.rows - 8) * file.row_bytes)
        refused(home, "predict", "--run", "atft-gat-fan", name="x.bin")


# ----------------------------------------------------------------------------------- named damages


def weights_of(home, run):
    return next(iter(folder_of(home, "runs", f"{run}-*").rglob("weights.safetensors")))


@pytest.mark.parametrize("spoil", ["flipped", "NaN"])
@pytest.mark.parametrize("run", ["ridge", "atft-gat-fan"])
def test_weights(spoil, run, home):
    path = weights_of(home, run)
    if spoil == "flipped":
        flip(path, path.stat().st_size - 1)
    else:
        weights = {name: np.full_like(w, np.nan) for name, w in load_file(path).items()}
        path.unlink()
        save_file(weights, path)
    refused(home, "predict", "--run", run, name="weights.safetensors: is damaged")


def test_an_edited_trained_through(home):
    folder = folder_of(home, "runs", "ridge-*")
    for path in (folder / "manifest.json", next(iter(folder.rglob("checkpoint.json")))):
        before = path.read_bytes()
        replace(path, before.replace(b'"2021-', b'"2020-'))
        assert path.read_bytes() != before
        refused(home, "predict", "--run", "ridge", "--date", "2021-03-01", name=path.name)
        replace(path, before)


def test_a_cut_tree(home):
    """LightGBM itself would end the process."""
    (path, *_) = sorted(folder_of(home, "runs", "lightgbm-*").rglob("h*.txt"))
    replace(path, path.read_bytes()[: path.stat().st_size // 2])
    refused(home, "predict", "--run", "lightgbm", name=f"{path.name}: is damaged")


def test_a_file_of_another_run_of_the_same_shape(home):
    done(home, "train", "ridge", "--set", "seed=9", "--set", "learner.penalties=[0.5]")
    one, two = sorted(home.glob("runs/ridge-*"))
    name = weights_of(home, "ridge").relative_to(one)
    replace(one / name, (two / name).read_bytes())
    replace(two / "config.json", (one / "config.json").read_bytes())
    for folder, file in ((one, "weights.safetensors"), (two, "config.json")):
        refused(home, "predict", "--run", folder.name, name=file)


@pytest.mark.parametrize(
    "name",
    ["../../elsewhere", "/etc", "..", "", "gone-0123456789abcdef", None, ["x"], {"a": 1}, 7],
)
def test_a_pointer_that_leads_out_or_nowhere(name, home):
    pointer = home / "datasets" / "current.json"
    shutil.copytree(folder_of(home, "datasets"), home.parent / "elsewhere")
    pointer.write_text(json.dumps({"dataset": name}))
    refused(home, "predict", "--run", "ridge", name="current.json")
    (source,) = home.glob("sources/*/current.json")
    source.write_text(json.dumps({"version": name}))
    refused(home, "build", "--source", "tiny", name="current.json")
    assert run_cli(home, "doctor", "--verify").code == 1


@pytest.mark.parametrize("content", ["[]", "null", "7", '"x"', "{}", "[" * 10_000_000, "\xff", "{"])
def test_a_pointer_that_is_no_pointer(content, home):
    (home / "datasets" / "current.json").write_text(content, encoding="latin-1")
    refused(home, "predict", "--run", "ridge", name="current.json")


def test_a_dataset_asked_for_by_a_path(home):
    shutil.copytree(folder_of(home, "datasets"), home.parent / "elsewhere")
    refused(home, "predict", "--run", "ridge", "--dataset", "../../elsewhere", name="elsewhere")


def test_an_artefact_that_is_a_link(home, tmp_path):
    for kind in ("datasets", "runs"):
        folder = folder_of(home, kind, "ridge-*" if kind == "runs" else "*")
        folder.rename(tmp_path / folder.name)
        folder.symlink_to(tmp_path / folder.name)
        refused(home, "predict", "--run", "ridge", name=f"{folder.name}: is a link")
        folder.unlink()
        (tmp_path / folder.name).rename(folder)


def test_the_home_itself_may_be_a_link(home, tmp_path):
    (tmp_path / "link").symlink_to(home)
    assert done(tmp_path / "link", "predict", "--run", "ridge").code == 0
    assert done(tmp_path / "link", "doctor", "--verify").code == 0


def test_artefacts_of_an_earlier_version(home):
    """They state no digests: each is refused with what makes it again, and doctor counts them."""
    unseal(folder_of(home, "runs", "ridge-*"))
    text = refused(home, "predict", "--run", "ridge", name="made by an earlier version")
    assert "gogooku train ridge" in text
    unseal(folder_of(home, "datasets"))
    text = refused(home, "predict", "--run", "reversal", name="states no digests")
    assert "gogooku build" in text
    (source,) = home.glob("sources/*/*/manifest.json")
    unseal(source.parent)
    assert "gogooku import" in refused(home, "build", "--source", "tiny", name="no digests")
    facts = done(home, "doctor", "--verify", "--json").json
    assert len(facts["artefacts of earlier versions that cannot be checked"]) == 3


READERS = {
    "evaluate": ("predictions.parquet", ("--set", "judge_label=excess")),
    "backtest": ("predictions.parquet", ("--set", "portfolio.top_k=3")),
    "report": ("predictions.parquet", ("--set", "judge_label=residual")),
}


@pytest.mark.parametrize("command", READERS)
def test_what_is_made_of_a_run_reads_nothing_damaged(command, home):
    name, settings = READERS[command]
    path = folder_of(home, "runs", "ridge-*") / name
    flip(path)
    refused(home, command, "ridge", *settings, name=name)


@pytest.mark.parametrize(
    ("command", "file"),
    [("evaluate", "metrics.json"), ("backtest", "metrics.json"), ("report", "daily.parquet")],
)
def test_what_was_made_of_a_run_is_not_believed_when_damaged(command, file, home):
    for path in home.glob(f"runs/ridge-*/*/{file}"):
        flip(path)
    refused(home, command, "ridge", name=file)


@pytest.mark.parametrize("part", ["labels/raw.bin", "labels/resolved.npy", "labels/late.open.npy"])
def test_labels(part, home):
    flip(folder_of(home, "datasets") / part)
    refused(home, "train", "reversal", "--set", "seed=3", name=Path(part).name)
    refused(home, "evaluate", "ridge", "--set", "judge_label=excess", name=Path(part).name)


@pytest.mark.parametrize("part", ["bars/open.bin", "bars/limit_up.bin"])
def test_bars(part, home):
    flip(folder_of(home, "datasets") / part)
    refused(home, "backtest", "ridge", "--set", "portfolio.top_k=3", name=Path(part).name)
    refused(home, "export", home.parent / "out", "--to", "qlib", name=Path(part).name)


def test_values(home):
    path = sorted(folder_of(home, "datasets").glob("features/*/*.parquet"))[2]
    flip(path)
    refused(home, "export", home.parent / "out", "--to", "qlib", name=path.name)
    refused(home, "audit", "--dates", "0", name=path.name)


def test_a_source(home):
    for name in ("quotes/*.parquet", "listings.parquet", "indices.parquet"):
        (path, *_) = home.glob(f"sources/tiny/*/{name}")
        before = path.read_bytes()
        flip(path)
        refused(home, "build", "--source", "tiny", "--set", "features=basic", name=path.name)
        replace(path, before)


def test_explain_of_a_damaged_artefact(home):
    folder = folder_of(home, "runs", "ridge-*")
    flip(folder / "stamp.json")
    refused(home, "explain", folder, name="stamp.json")


def test_serving_refuses_too(home):
    flip(weights_of(home, "ridge"))
    argv = ("serve", "--run", "ridge", "--port", "0")
    refused(home, *argv, name="weights.safetensors", GOGOOKU_API_KEYS="0" * 64)


def test_scores_that_are_no_numbers_are_no_ranking(home):
    """Weights that a training itself has made so: sealed, and yet no model."""
    path = weights_of(home, "ridge")
    weights = {name: np.full_like(w, np.nan) for name, w in load_file(path).items()}
    save_file(weights, path)
    reseal(folder_of(home, "runs", "ridge-*"))
    refused(home, "predict", "--run", "ridge", name="are no numbers for any of")


def test_a_run_without_its_manifest_is_not_passed_over(home):
    """Without a name the newest run counts: one that lost its manifest is not left out."""
    folder = folder_of(home, "runs", "atft-gat-fan-*")
    (folder / "manifest.json").unlink()
    refused(home, "predict", name=f"{folder.name}/manifest.json: is missing")
    assert run_cli(home, "doctor", "--verify").code == 1
