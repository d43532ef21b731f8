"""Bad input: a one-paragraph error, its documented exit code, and nothing visible written."""

import json
import shutil
import subprocess
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from support.cli import FEATURES, NETWORK, is_one_paragraph, leftovers, run_cli, sets, visible
from support.soak import some

HEADER = "date,code,open,high,low,close,volume\n"


def rows(*, count=30, code="1301"):
    first = date(2024, 1, 9)
    days = [first + timedelta(days=d) for d in range(count)]
    return [f"{d},{code},100,110,90,105,1000" for d in days if d.weekday() < 5]


def file_without_close(folder):
    path = folder / "a.csv"
    path.write_text("date,code,open,high,low,volume\n2024-01-09,1301,1,1,1,5\n")
    return path


def file_with_two_date_formats(folder):
    path = folder / "a.csv"
    path.write_text(HEADER + "\n".join([*rows(), "2024/03/01,1301,100,110,90,105,1000"]) + "\n")
    return path


def file_with_conflicting_duplicates(folder):
    path = folder / "a.csv"
    lines = rows()
    path.write_text(HEADER + "\n".join([*lines, lines[0].replace("105", "106")]) + "\n")
    return path


def file_with_negative_prices_only(folder):
    path = folder / "a.csv"
    path.write_text(HEADER + "\n".join(r.replace("1301,", "1301,-") for r in rows()) + "\n")
    return path


def empty_file(folder):
    path = folder / "a.csv"
    path.write_text("")
    return path


def file_with_only_a_header(folder):
    path = folder / "a.csv"
    path.write_text(HEADER)
    return path


def truncated_parquet(folder):
    path = folder / "a.parquet"
    frame = pl.DataFrame({"date": [date(2024, 1, 9)] * 500, "code": ["1301"] * 500})
    frame.with_columns(close=pl.lit(1.0)).write_parquet(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


def missing_file(folder):
    return folder / "nowhere.csv"


FILES = {
    "without a close": (file_without_close, "close"),
    "dates in two formats": (file_with_two_date_formats, "2024/03/01"),
    "duplicate date and code": (file_with_conflicting_duplicates, "2024-01-09"),
    "negative prices": (file_with_negative_prices_only, "price"),
    "empty": (empty_file, "empty"),
    "only a header": (file_with_only_a_header, "a.csv"),
    "truncated parquet": (truncated_parquet, "a.parquet"),
    "missing": (missing_file, "nowhere.csv"),
}


@pytest.mark.parametrize("case", FILES)
def test_bad_file_is_refused_in_one_paragraph_with_exit_code_3(case, imported_home, tmp_path):
    make, mentions = FILES[case]
    path = make(tmp_path)
    home = tmp_path / "home"
    shutil.copytree(imported_home, home)
    before = visible(home)
    result = run_cli(home, "import", path)
    assert result.code == 3, result.err + result.out
    assert is_one_paragraph(result.err), result.err
    assert mentions in result.err
    assert visible(home) == before
    assert leftovers(home) == []
    as_json = run_cli(home, "import", path, "--json")
    assert as_json.code == 3
    assert as_json.out == ""
    assert as_json.error["message"] == result.err.strip().splitlines()[-1].removeprefix("error: ")


def test_bad_file_through_a_real_process(tmp_path):
    home = tmp_path / "home"
    script = Path(__file__).parents[2] / ".venv" / "bin" / "gogooku"
    command = [str(script)] if script.exists() else ["gogooku"]
    environment = {"GOGOOKU_HOME": str(home), "PATH": "/usr/bin:/bin"}
    for make, code in ((empty_file, 3), (missing_file, 3)):
        ended = subprocess.run(
            [*command, "import", str(make(tmp_path))],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == code
        assert is_one_paragraph(ended.stderr), ended.stderr
    assert not home.exists() or visible(home) == {}


@pytest.fixture
def home(built_home, tmp_path):
    place = tmp_path / "home"
    shutil.copytree(built_home, place)
    return place


USAGE = {
    "unknown key of a run": (
        ["train", "ridge", "--set", "learner.penaltis=1"],
        "learner.penalties",
    ),
    "unknown key of a build": (
        ["build", "--set", "universe.min_traded_valu=1"],
        "min_traded_value",
    ),
    "unknown key of an import": (["import", "x.csv", "--set", "exchang=1"], "exchange"),
    "unknown key of a market": (["sandbox", "market", "--set", "num_stock=30"], "num_stocks"),
    "value of the wrong type": (["train", "ridge", "--set", "seed=two"], "seed"),
    "value out of range": (["train", "ridge", "--set", "seed=-1"], "seed"),
    "assignment without a sign": (["train", "ridge", "--set", "seed"], "path=value"),
    "fold with too short a purge": (["train", "ridge", "--set", "split.purge=5"], "purge"),
    "fold with too short a purge, by dates": (
        [
            "train",
            "ridge",
            *sets(
                "split={kind='dates', train=['2021-04-01','2021-06-25'], "
                "valid=['2021-06-28','2021-07-30'], test=['2021-09-17','2021-10-20']}"
            ),
        ],
        "purge",
    ),
    "sample too short for the fold": (["train", "ridge", "--set", "warmup_sessions=190"], "split"),
    "unknown run": (["train", "rigde"], "ridge"),
    "unknown feature": (["build", "--set", "features=['rsi_15']"], "rsi_15"),
    "feature that the dataset lacks": (["train", "momentum"], "mom_252_21"),
    "missing config file": (["train", "ridge", "--config", "nowhere.toml"], "nowhere.toml"),
    "no such market size": (["sandbox", "market", "--size", "huge"], "tiny"),
    "negative threads": (["train", "ridge", "--threads", "-1"], "threads"),
    "no device": (["train", "atft-gat-fan", "--device", "gpu"], "device"),
    "device of another machine": (["train", "atft-gat-fan", "--device", "cuda:99"], "cuda:99"),
    "compiled for the CPU": (["train", "atft-gat-fan", "--compile"], "the device is the CPU"),
    "device for no network": (["train", "ridge", "--device", "cuda"], "ridge is no network"),
    "name of a source that is a path": (
        ["sandbox", "market", "--size", "tiny", "--name", "../../escape"],
        "name",
    ),
    "mapping without a sign": (["import", "x.csv", "--map", "close"], "field=column"),
    "bad date": (["predict", "--date", "yesterday"], "YYYY-MM-DD"),
}


@pytest.mark.parametrize("case", USAGE)
def test_wrong_usage_or_config_is_one_paragraph_with_exit_code_2(case, home):
    command, mentions = USAGE[case]
    before = visible(home.parent)
    result = run_cli(home, *command)
    assert result.code == 2, result.err + result.out
    assert is_one_paragraph(result.err), result.err
    assert mentions in result.err
    assert visible(home.parent) == before
    as_json = run_cli(home, *command, "--json")
    assert as_json.code == 2
    assert mentions in as_json.error["message"]


WRONG_CALLS = {
    "a word for a number": (
        ["train", "ridge", "--threads", "abc"],
        "Invalid value for '--threads': got 'abc', expected a whole number",
    ),
    "a missing argument": (["train"], "Missing argument 'run'."),
    "an unknown option": (["audit", "--date", "5"], "No such option: --date"),
    "an unknown command": (["trian"], "No such command 'trian'."),
}


@pytest.mark.parametrize("case", WRONG_CALLS)
def test_a_wrong_call_is_said_in_plain_words_with_exit_code_2(case, tmp_path):
    command, mentions = WRONG_CALLS[case]
    result = run_cli(tmp_path, *command)
    assert result.code == 2, result.err + result.out
    *usage, said = result.err.strip().splitlines()
    assert usage[0].startswith("Usage: ")
    assert said.startswith(f"Error: {mentions}")
    if "--json" in run_cli(tmp_path, command[0], "--help").out:
        as_json = run_cli(tmp_path, *command, "--json")
        assert (as_json.code, as_json.error["error"]) == (2, "UsageError")
        assert as_json.error["message"] == said.removeprefix("Error: ")


DATA = {
    "no source of that name": (["build", "--source", "nothing"], "prices"),
    "no dataset of that name": (["train", "ridge", "--dataset", "nothing"], "nothing"),
    "no run yet": (["evaluate", "ridge"], "gogooku train"),
    "nothing to predict with": (["predict"], "gogooku train"),
    "no artefact": (["explain", "sources"], "artefact"),
}


@pytest.mark.parametrize("case", DATA)
def test_missing_artefact_is_one_paragraph_with_exit_code_3(case, home):
    command, mentions = DATA[case]
    before = visible(home)
    result = run_cli(home, *command)
    assert result.code == 3, result.err + result.out
    assert is_one_paragraph(result.err), result.err
    assert mentions in result.err
    assert visible(home) == before


def test_empty_home_says_what_to_run_first(tmp_path):
    for command in (["build"], ["train", "ridge"], ["audit"], ["predict"], ["backtest", "ridge"]):
        result = run_cli(tmp_path / "home", *command)
        assert result.code == 3
        assert is_one_paragraph(result.err), result.err
        assert "gogooku" in result.err


@pytest.mark.parametrize("run", ["ridge", "reversal", "atft-gat-fan"])
def test_checkpoint_used_on_a_dataset_with_other_features_is_refused(run, home):
    more = sets(*NETWORK) if run == "atft-gat-fan" else []
    assert run_cli(home, "train", run, *more, "--threads", 1).code == 0
    other = FEATURES.replace("rsi_14", "rsi_2")
    assert run_cli(home, "build", *sets(f"features={other}")).code == 0
    before = visible(home)
    result = run_cli(home, "predict", "--run", run)
    assert result.code == 3, result.err
    assert is_one_paragraph(result.err)
    assert "other features" in result.err
    assert visible(home) == before


DAMAGE = {
    "dataset manifest": ("datasets/*/manifest.json", ["train", "ridge"]),
    "training tensor": ("datasets/*/x.bin", ["train", "ridge"]),
    "labels": ("datasets/*/labels/raw.bin", ["train", "ridge"]),
    "quotes": ("sources/*/*/quotes/*.parquet", ["build", "--set", "universe.lookback=50"]),
    "pointer": ("datasets/current.json", ["train", "ridge"]),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damaged_artefact_is_refused_with_exit_code_3(case, home):
    pattern, command = DAMAGE[case]
    (path,) = home.glob(pattern)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    before = visible(home)
    result = run_cli(home, *command)
    assert result.code == 3, result.err
    assert is_one_paragraph(result.err), result.err
    assert visible(home) == before


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 8 MB; what fits is chosen by filling it."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"a small tmpfs cannot be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def leave_free(disk, num_bytes):
    """Fill a disk but for some bytes."""
    filler = disk / "filler"
    free = shutil.disk_usage(disk).free - num_bytes
    filler.write_bytes(b"\0" * max(free - free % 4096, 0))
    return filler


FULL = {
    "import": (None, ["import"], (0, 8_192, 65_536, 131_072)),
    "build": (
        "imported",
        ["build", *sets(f"features={FEATURES}")],
        (0, 8_192, 65_536, 204_800, 327_680, 491_520, 655_360),
    ),
    "train ridge": ("built", ["train", "ridge"], (0, 8_192, 20_480)),
    "train atft-gat-fan": (
        "built",
        ["train", "atft-gat-fan", *sets(*NETWORK)],
        (0, 16_384, 65_536, 81_920),
    ),
    "train lightgbm": ("built", ["train", "lightgbm", *sets("learner.rounds=5")], (0, 16_384)),
}


@pytest.mark.parametrize("stage", some(FULL, keep=3))
def test_full_disk_is_one_paragraph_and_nothing_visible(
    stage, forks, tiny_prices, imported_home, built_home, small_disk
):
    start, command, sizes = FULL[stage]
    home = small_disk / "home"
    command = [*command, tiny_prices] if stage == "import" else [*command, "--threads", 1]
    if start is not None:
        shutil.copytree({"imported": imported_home, "built": built_home}[start], home)
    before = visible(home)
    unguarded = ["gogooku.ingest.source.require_space", "gogooku.dataset.build.require_space"]
    refused = 0
    for free in sizes:
        filler = leave_free(small_disk, free)
        for without in ([], unguarded):
            result = forks.run(home, *command, without=without)
            if result.code == 0:
                continue
            refused += 1
            assert result.code == 3, f"{free} bytes free: {result.err}"
            assert is_one_paragraph(result.err), result.err
            assert "nothing was changed" in result.err
            assert visible(home) == before, f"{free} bytes free"
        filler.unlink()
    assert refused >= 4
    result = forks.run(home, *command)
    assert result.code == 0, result.err
    assert leftovers(home) == []


def test_read_only_home_is_a_storage_error(imported_home, small_disk, forks):
    home = small_disk / "home"
    shutil.copytree(imported_home, home)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    result = forks.run(home, "build", *sets(f"features={FEATURES}"), "--json")
    assert result.code == 3
    assert result.error["error"] == "StorageError"
    assert json.loads(result.err.strip().splitlines()[-1])["message"].count("\n") == 0


@pytest.mark.parametrize(
    ("command", "point"),
    [
        (["import"], "source.year"),
        (["build", *sets(f"features={FEATURES}")], "bars.done"),
        (["train", "ridge"], "train.saved"),
    ],
)
def test_two_processes_on_one_artefact_the_second_says_so(
    command, point, tiny_prices, imported_home, built_home, tmp_path, forks, monkeypatch
):
    from gogooku.core import files

    home = tmp_path / "home"
    start = {"build": imported_home, "train": built_home}.get(command[0])
    if start is not None:
        shutil.copytree(start, home)
    command = [*command, tiny_prices] if command[0] == "import" else command
    seconds = []

    def second(name):
        if name == point:
            seconds.append(forks.run(home, *command, "--json"))

    monkeypatch.setattr(files, "WATCHERS", [second])
    first = run_cli(home, *command, "--json")
    assert first.code == 0, first.err
    assert [one.code for one in seconds] == [3]
    assert seconds[0].error["error"] == "BusyError"
    assert "another process" in seconds[0].error["message"]
    assert leftovers(home) == []
