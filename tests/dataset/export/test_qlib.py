"""The Qlib folder, read back by a reader of its own, written from Qlib's file format."""

import struct
from datetime import date

import numpy as np
import polars as pl
import pytest

from gogooku.core import files
from gogooku.core.errors import BusyError, DataError, StorageError, UsageError
from gogooku.core.progress import SilentReporter
from gogooku.dataset.export import qlib as qlib_format
from gogooku.dataset.export.qlib import QlibContent, content_of, instrument_names, write_qlib
from gogooku.dataset.home import current_dataset
from support.cli import run_cli

FIELDS = ("open", "close", "ret_1")
CODES = ("13010", "130A0", "NA", "con", "99990")


class Reader:
    """Calendar, spans and values of a Qlib folder."""

    def __init__(self, folder):
        self.folder = folder
        lines = (folder / "calendars" / "day.txt").read_text().splitlines()
        self.calendar = [date.fromisoformat(line) for line in lines]

    def spans(self, name):
        """(code, first place, last place) of each line of a list."""
        rows = [
            line.split("\t")
            for line in (self.folder / "instruments" / f"{name}.txt").read_text().splitlines()
        ]
        place = {str(day): t for t, day in enumerate(self.calendar)}
        return [(code, place[first], place[last]) for code, first, last in rows]

    def field(self, code, name):
        """Values over the calendar; NaN where the file has none, and where it says so."""
        folder = f"_qlib_{code}" if code.upper() in ("CON", "PRN", "AUX", "NUL") else code
        body = (self.folder / "features" / folder.lower() / f"{name.lower()}.day.bin").read_bytes()
        start, *values = struct.unpack(f"<{len(body) // 4}f", body)
        assert start == int(start)
        out = np.full(len(self.calendar), np.nan, dtype=np.float32)
        out[int(start) : int(start) + len(values)] = values
        return out, int(start), len(values)


@pytest.fixture
def content():
    """Five names over 30 sessions: late, gone, relisted, and codes that Qlib stumbles over."""
    rng = np.random.default_rng(0)
    sessions = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-01-31"))
    listed = np.ones((30, 5), dtype=bool)
    listed[:7, 1] = False
    listed[20:, 2] = False
    listed[10:15, 3] = False
    listed[:, 4] = False
    values = rng.standard_normal((3, 30, 5)).astype(np.float32)
    values[:, ~listed] = np.nan
    values[1, 12, 0] = np.nan
    member = listed.copy()
    member[:, 0] = False
    return QlibContent(
        sessions=sessions,
        codes=CODES,
        listed_TN=listed,
        fields=FIELDS,
        read=lambda names: values[[FIELDS.index(name) for name in names]],
        lists={"universe": member},
        market={"uni_vol_20": rng.standard_normal(30)},
        facts={"dataset": "tiny"},
    )


def written(content, folder):
    return write_qlib(folder, content, reporter=SilentReporter())


@pytest.mark.parametrize("chunk_fields", [1, 2, 100])
def test_values_come_back(content, tmp_path, monkeypatch, chunk_fields):
    monkeypatch.setattr(qlib_format, "_CHUNK_BYTES", 4 * content.listed_TN.size * chunk_fields)
    written(content, tmp_path / "q")
    reader = Reader(tmp_path / "q")
    assert reader.calendar == content.sessions.tolist()
    expected = content.read(FIELDS)
    extents = {"13010": (0, 30), "130A0": (7, 23), "NA_": (0, 20), "con": (0, 30)}
    for n, (name, (first, length)) in enumerate(extents.items()):
        for f, field in enumerate(FIELDS):
            values, start, count = reader.field(name, field)
            assert (start, count) == (first, length)
            np.testing.assert_array_equal(values, expected[f, :, n])
    market, start, count = reader.field("MARKET", "uni_vol_20")
    assert (start, count) == (0, 30)
    np.testing.assert_array_equal(market, content.market["uni_vol_20"].astype(np.float32))


def test_lists_hold_the_spans(content, tmp_path):
    written(content, tmp_path / "q")
    reader = Reader(tmp_path / "q")
    assert reader.spans("all") == [
        ("13010", 0, 29),
        ("130A0", 7, 29),
        ("NA_", 0, 19),
        ("con", 0, 9),
        ("con", 15, 29),
    ]
    assert reader.spans("universe") == reader.spans("all")[1:]
    assert reader.spans("market") == [("MARKET", 0, 29)]
    assert sorted(p.name for p in (tmp_path / "q" / "features").iterdir()) == sorted(
        ["13010", "130a0", "na_", "_qlib_con", "market"]
    )


def test_the_facts_say_what_it_is(content, tmp_path):
    made = written(content, tmp_path / "q")
    facts = files.read_json(tmp_path / "q" / "gogooku.json")
    assert facts == made.facts
    assert made.to_json()["folder"] == str(tmp_path / "q")
    assert (facts["dataset"], facts["instruments"]) == ("tiny", 4)
    assert facts["renamed"] == {"NA": "NA_"}
    assert facts["market_fields"] == ["uni_vol_20"]
    assert (facts["first"], facts["last"]) == ("2024-01-01", "2024-01-30")


# --------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (("a/b",), "1 codes cannot name a folder.*'a/b'"),
        (("a b", "x\ty"), "2 codes cannot name a folder"),
        (("..",), "cannot name a folder"),
        (("abc", "ABC"), "'abc' and 'ABC' share one folder"),
        (("NA", "NA_"), "share one folder"),
        (("MARKET",), "'MARKET' and 'MARKET' share one folder"),
    ],
)
def test_codes_that_cannot_be_folders_are_refused(codes, message):
    with pytest.raises(DataError, match=message):
        instrument_names(codes)


def test_an_existing_folder_is_refused_and_left_alone(content, tmp_path):
    (tmp_path / "q").mkdir()
    (tmp_path / "q" / "mine").write_text("kept")
    with pytest.raises(UsageError, match="exists already"):
        written(content, tmp_path / "q")
    assert [p.name for p in tmp_path.rglob("*")] == ["q", "mine"]


@pytest.mark.parametrize("point", ["qlib.chunk", "qlib.built"])
def test_a_broken_export_shows_nothing_and_the_next_one_works(
    content, tmp_path, monkeypatch, point
):
    def fail(name):
        if name == point:
            raise RuntimeError(name)

    with monkeypatch.context() as patched:
        patched.setattr(files, "WATCHERS", [fail])
        with pytest.raises(RuntimeError):
            written(content, tmp_path / "q")
    assert list(tmp_path.iterdir()) == []
    written(content, tmp_path / "q")
    assert [p.name for p in tmp_path.iterdir()] == ["q"]


def test_what_a_killed_export_left_is_removed_by_the_next_one(content, tmp_path):
    left = tmp_path / ".q.building" / "features" / "old"
    left.mkdir(parents=True)
    (left / "open.day.bin").write_bytes(b"half")
    written(content, tmp_path / "q")
    assert [p.name for p in tmp_path.iterdir()] == ["q"]
    assert not (tmp_path / "q" / "features" / "old").exists()


def test_two_exports_to_one_folder_do_not_mix(content, tmp_path):
    with files.locked(tmp_path / "q"), pytest.raises(BusyError, match="another process"):
        written(content, tmp_path / "q")


def test_a_folder_made_meanwhile_is_not_replaced(content, tmp_path, monkeypatch):
    def make(name):
        if name == "qlib.chunk":
            (tmp_path / "q").mkdir()

    monkeypatch.setattr(files, "WATCHERS", [make])
    with pytest.raises(UsageError, match="exists already"):
        written(content, tmp_path / "q")
    assert list((tmp_path / "q").iterdir()) == []


def test_a_disk_without_files_is_refused(content, tmp_path, monkeypatch):
    class Disk:
        f_files, f_favail = 100, 11
        f_blocks, f_bavail, f_bfree, f_frsize = 100, 100, 100, 1 << 20

    monkeypatch.setattr(qlib_format.os, "statvfs", lambda _: Disk)
    with pytest.raises(StorageError, match="takes 12 files, the disk has room for 11"):
        written(content, tmp_path / "q")
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------------------- from a dataset


@pytest.fixture(scope="module")
def dataset(built_home):
    return current_dataset(built_home)


@pytest.fixture(scope="module")
def exported(built_home, tmp_path_factory):
    """The folder that the command makes, and what it says."""
    folder = tmp_path_factory.mktemp("qlib") / "data"
    result = run_cli(built_home, "export", "--to", "qlib", str(folder), "--json")
    assert result.code == 0, result.err
    return folder, result.json


def test_the_command_writes_what_the_parquet_says(dataset, exported):
    folder, said = exported
    reader = Reader(folder)
    rows = pl.read_parquet(sorted((dataset.folder / "features").glob("[0-9]*/*.parquet")))
    assert said["dataset"] == dataset.folder.name
    assert set(dataset.features) <= set(said["fields"])
    place = {day: t for t, day in enumerate(reader.calendar)}
    for (code,), own in rows.group_by("code"):
        at = [place[day] for day in own["date"]]
        for name in dataset.features:
            values, _, _ = reader.field(code, name)
            expected = own[name].to_numpy()
            np.testing.assert_array_equal(values[at], expected)
    for m, name in enumerate(dataset.market_features):
        np.testing.assert_array_equal(reader.field("MARKET", name)[0], dataset.market_TM[:, m])


def test_bars_are_adjusted_forward_and_factor_restores_them(dataset, exported, tiny_prices):
    reader = Reader(exported[0])
    raw = pl.read_parquet(tiny_prices).sort("date")
    split = 0
    for code in dataset.codes:
        own = raw.filter(pl.col("code") == code)
        at = [reader.calendar.index(day) for day in own["date"]]
        factor = reader.field(code, "factor")[0][at]
        expected = 1.0 / np.cumprod(own["adjustment_factor"].fill_null(1.0).to_numpy())
        np.testing.assert_allclose(factor, expected, rtol=1e-6)
        split += bool((expected != 1.0).any())
        for name in ("open", "high", "low", "close"):
            adjusted = reader.field(code, name)[0][at]
            np.testing.assert_allclose(adjusted / factor, own[name].to_numpy(), rtol=1e-6)
        volume = reader.field(code, "volume")[0][at]
        np.testing.assert_allclose(volume * factor, own["volume_shares"].to_numpy(), rtol=1e-6)
    assert split


def test_some_features_only(dataset):
    names = f"{dataset.features[2]}, {dataset.market_features[0]}"
    content = content_of(dataset, names)
    assert content.fields[-1] == dataset.features[2]
    assert content.fields[-2] == "factor"
    assert list(content.market) == [dataset.market_features[0]]
    assert content.read(content.fields[-2:]).shape == (2, *content.listed_TN.shape)
    basic = content_of(dataset, "basic")
    assert set(basic.fields) & set(dataset.features)


def test_wrong_calls_of_the_command(built_home, tmp_path):
    wrong = run_cli(built_home, "export", "--to", "csv", str(tmp_path / "q"), "--json")
    assert wrong.code == 2
    assert "qlib" in wrong.error["message"]
    here = ("--features", "ret_prev_5", "--json")
    unknown = run_cli(built_home, "export", "--to", "qlib", str(tmp_path / "q"), *here)
    assert unknown.code == 2
    assert "did you mean ret_prev_5d" in unknown.error["message"]
    assert list(tmp_path.iterdir()) == []
