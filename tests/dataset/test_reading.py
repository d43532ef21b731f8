"""Opening a dataset: its raw channels, damaged ones, and a dataset of an earlier version."""

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from gogooku.core.errors import ContractError, DataError
from gogooku.core.files import read_json, write_json
from gogooku.core.rowfiles import FRESH_SESSIONS
from gogooku.dataset.assemble import BuildConfig
from gogooku.dataset.home import read_bars, read_values, served
from gogooku.dataset.reading import read_dataset
from gogooku.dataset.state import RAW, STATE_FILE
from gogooku.dataset.verify import damaged_parts
from gogooku.features.bars.raw import RAW_CHANNELS, RETURN_UNIT, channel_names
from gogooku.sandbox.market.market import generate, source_frames
from support.law_world import SHORT_MARKET, dataset_of
from support.seals import reseal

CONFIG = BuildConfig(source="law", features=("ret_prev_1d", "ret_overnight", "volume_ratio_20"))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return dataset_of(
        source_frames(generate(SHORT_MARKET)), tmp_path_factory.mktemp("raw") / "one", CONFIG
    )


@pytest.fixture
def copied(built, tmp_path):
    shutil.copytree(built.folder, tmp_path / "one")
    return tmp_path / "one"


def channel(dataset, name):
    return np.array(dataset.raw_TNC)[:, :, dataset.raw_channels.index(name)].astype(np.float64)


def test_every_listed_name_has_its_channels_and_nobody_else(built):
    assert built.raw_channels == channel_names(RAW_CHANNELS)
    raw = np.asarray(built.raw_TNC)
    assert raw.dtype == np.float16
    assert raw.shape == (*built.valid_TN.shape, len(RAW_CHANNELS))
    bars = read_bars(built)
    listed, traded = np.array(bars["listed"]), np.isfinite(bars["close"])
    assert (listed & ~traded).any()
    assert not listed.all()
    assert np.isnan(raw[~(listed & traded)]).all(), "no trade is not known, and not zero"
    outside = listed & traded & ~built.valid_TN
    outside[0] = False
    assert np.isfinite(raw[outside]).mean() > 0.3, "also before a name enters the universe"


def test_a_split_is_no_return_and_no_gap(built):
    bars = read_bars(built)
    factor, close = np.array(bars["adjustment_factor"]), np.array(bars["close"])
    at = np.argwhere((factor != 1.0) & np.isfinite(factor) & np.isfinite(close))
    assert len(at) > 0
    for name, feature in (("log_return", "ret_prev_1d"), ("log_gap", "ret_overnight")):
        steps, values = channel(built, name), read_values(built, [feature])[0]
        for t, n in at:
            if t and np.isfinite(steps[t, n]):
                assert abs(steps[t, n]) * RETURN_UNIT < 0.3
        np.testing.assert_allclose(steps * RETURN_UNIT, np.log1p(values), rtol=6e-4, atol=1e-7)


def test_a_damaged_session_is_refused_and_no_other(copied):
    dataset = read_dataset(copied)
    t = len(dataset.sessions) - 20
    path, row = copied / "raw.bin", dataset.raw_TNC
    size = path.stat().st_size // (len(dataset.sessions))
    with path.open("r+b") as handle:
        handle.seek(t * size + 3)
        handle.write(b"\x55")
    with pytest.raises(DataError, match=f"raw.bin: session {t} is damaged"):
        row[t]
    assert row[t - 1].shape == (len(dataset.codes), len(RAW_CHANNELS))
    assert damaged_parts(dataset) == [RAW]


def test_a_file_that_is_cut_off_fails_who_reads_it_and_not_the_process(copied):
    dataset, _ = served(read_dataset(copied))
    newest = np.array(dataset.raw_TNC[-1])
    assert np.isfinite(newest).any()
    os.truncate(copied / "raw.bin", 100)
    with pytest.raises(DataError, match="raw.bin: holds 0 rows"):
        dataset.raw_TNC[5]
    assert np.array_equal(dataset.raw_TNC[-1], newest, equal_nan=True), "its own copy is there"


def of_earlier_version(folder):
    """The dataset as it was before there were raw channels."""
    (folder / "raw.bin").unlink()
    (folder / "own" / "raw.npy").unlink()
    state = read_json(folder / STATE_FILE)
    del state["raw_channels"]
    write_json(folder / STATE_FILE, state)
    np.save(folder / "digests.npy", np.load(folder / "digests.npy")[:, :3])
    np.save(folder / "row_digests.npy", np.load(folder / "row_digests.npy")[:, :-1])
    manifest = read_json(folder / "manifest.json")
    files = {name: one for name, one in manifest["files"].items() if name != "raw.bin"}
    parts = {name: one for name, one in manifest["parts"].items() if name != RAW}
    reseal(folder, files=files, parts=parts, raw_channels=None)


def test_a_dataset_of_an_earlier_version_is_read_without_raw_channels(built, copied):
    of_earlier_version(copied)
    old = read_dataset(copied)
    assert old.raw_channels == ()
    assert old.raw_TNC.shape == (*built.valid_TN.shape, 0)
    assert damaged_parts(old) == []
    assert old.content_hash == built.content_hash
    assert np.array(old.x_TNF).tobytes() == np.array(built.x_TNF).tobytes()
    served(old)[0].raw_TNC[-FRESH_SESSIONS:]


@pytest.mark.parametrize("change", ["names", "sessions", "channels"])
def test_channels_that_do_not_fit_the_dataset_are_refused(built, change):
    raw = np.array(built.raw_TNC)
    wrong = {"names": raw[:, 1:], "sessions": raw[1:], "channels": raw[:, :, 1:]}[change]
    with pytest.raises(ContractError, match=f"raw {change}.*rebuild it: gogooku build"):
        replace(built, raw_TNC=wrong)
