"""Labels of versions that grow from one another: shared on disk, each right by itself."""

from dataclasses import replace

import numpy as np
import pytest

from gogooku.core.errors import DataError
from gogooku.core.rowfiles import FRESH_SESSIONS
from gogooku.core.types import OUTCOMES, Outcome
from gogooku.dataset.label_files import (
    Kept,
    LabelFiles,
    labels_content,
    read_labels,
    settled_sessions,
    used_elsewhere,
)
from gogooku.dataset.labels import LabelInputs, write_labels

T, N, HALTED = 70, 5, 3
HALT_OPENS = 30 - 1 - 20
"""The first session whose 20-session label exits into the halt."""
NAMES = ("raw_TNH", "excess_TNH", "residual_TNH", "outcome_TNH", "late_TNH", "tradable_TN")
SESSIONS = np.arange("2024-01-01", "2024-03-11", dtype="datetime64[D]")
CODES = tuple("abcde")


@pytest.fixture
def market():
    """Prices of a market with a name that was halted for a while and one that came late."""
    rng = np.random.default_rng(4)
    open_TN = np.exp(rng.normal(0, 0.01, (T, N)).cumsum(axis=0))
    open_TN[30:52, HALTED] = np.nan
    listed_TN = np.ones((T, N), dtype=bool)
    listed_TN[:55, N - 1] = False
    open_TN[:55, N - 1] = np.nan
    return LabelInputs(
        open_TN=open_TN,
        high_TN=open_TN,
        close_TN=open_TN,
        listed_TN=listed_TN,
        universe_TN=listed_TN & (np.arange(N) != 1),
        limit_up_TN=np.zeros((T, N)),
        sector_TN=np.where(np.arange(N) < 2, 0.0, 1.0) + np.zeros((T, N)),
        beta_TN=rng.uniform(0.5, 1.5, (T, N)),
    )


def rows_of(market, first, last, names=N):
    return LabelInputs(**{k: v[first:last, :names] for k, v in market.__dict__.items()})


def write(folder, market, last, *, names=N, capacity=None, before=None, known=None, alone=True):
    folder.mkdir()
    first = 0 if before is None else settled_sessions(before, known=known)
    write_labels(
        folder,
        rows_of(market, first, last, names),
        sessions=SESSIONS[:last],
        kept=None if before is None else Kept(before, first, alone),
        capacity=capacity,
    )
    return read(folder, last, names)


def read(folder, last, names=N):
    return read_labels(folder, sessions=SESSIONS[:last], codes=CODES[:names])


def values(labels):
    return {name: np.array(getattr(labels, name)) for name in NAMES}


def assert_same(labels, wanted):
    for name, one in values(wanted).items():
        np.testing.assert_array_equal(getattr(labels, name), one, err_msg=name)
    np.testing.assert_array_equal(labels.resolved_TH, wanted.resolved_TH)
    assert labels.manifest["content_hash"] == wanted.manifest["content_hash"]
    assert labels_content(labels.folder) == wanted.manifest["content_hash"]


def inode(labels):
    return (labels.folder / "residual.bin").stat().st_ino


@pytest.mark.parametrize("wait", [250, 12])
def test_grown_labels_are_those_of_a_whole_and_change_no_older_version(
    wait, tmp_path, market, monkeypatch
):
    monkeypatch.setattr("gogooku.dataset.labels.MAX_LATE", wait)
    version, older = write(tmp_path / "at-40", market, 40, capacity=7), []
    for last in (41, 44, 53, 54, 70):
        older.append((version, values(version)))
        version = write(
            tmp_path / f"at-{last}",
            market,
            last,
            capacity=7,
            before=version,
            known=len(version.sessions),
        )
        assert_same(version, write(tmp_path / f"whole-{last}", market, last))
        assert inode(version) == inode(older[0][0])
    for labels, then in older:
        again = read(labels.folder, len(labels.sessions))
        assert_same(
            again, write(tmp_path / f"again-{len(labels.sessions)}", market, len(then["raw_TNH"]))
        )


def test_nothing_is_settled_that_a_halted_name_keeps_open(tmp_path, market):
    """At session 51 the name is still halted, at 53 its first later open is known."""
    halted = write(tmp_path / "halted", market, 52)
    assert settled_sessions(halted, known=52) == HALT_OPENS
    after = write(tmp_path / "after", market, 70, before=halted, known=52)
    assert settled_sessions(after, known=70) == 70 - 1 - 20 - FRESH_SESSIONS
    assert settled_sessions(after, known=52) == HALT_OPENS


@pytest.mark.parametrize("late", [0, 1])
def test_only_a_row_that_comes_later_than_rows_do_copies_settled_labels(late, tmp_path, market):
    older = write(tmp_path / "older", market, 70)
    known = 70 - FRESH_SESSIONS - late
    newer = write(tmp_path / "newer", market, 71, before=older, known=known)
    assert (inode(newer) == inode(older)) == (late == 0)
    assert_same(newer, write(tmp_path / "whole", market, 71))
    assert_same(read(older.folder, 70), write(tmp_path / "again", market, 70))


def test_a_correction_of_settled_labels_leaves_the_older_version_its_own(tmp_path, market):
    old = write(tmp_path / "old", market, 60)
    kept = values(old)
    changed = np.array(market.open_TN)
    changed[12, 0] *= 1.1
    corrected = replace(market, open_TN=changed, close_TN=changed, high_TN=changed)
    new = write(tmp_path / "new", corrected, 60, before=old, known=12)
    assert inode(new) != inode(old)
    assert_same(new, write(tmp_path / "whole", corrected, 60))
    assert (new.raw_TNH[11] != kept["raw_TNH"][11]).any()
    for name, then in kept.items():
        np.testing.assert_array_equal(getattr(read(old.folder, 60), name), then)


@pytest.mark.parametrize("capacity", [4, 6])
def test_names_that_come_later_have_nothing_before(tmp_path, market, capacity):
    old = write(tmp_path / "old", market, 54, names=N - 1, capacity=capacity)
    new = write(tmp_path / "new", market, 70, capacity=max(capacity, N), before=old, known=54)
    assert (inode(new) == inode(old)) == (capacity > N)
    assert_same(new, write(tmp_path / "whole", market, 70))


def test_a_branch_gets_files_of_its_own(tmp_path, market):
    """Of two versions that grow from one, the second must not write into what the first settled."""
    root = write(tmp_path / "root", market, 60)
    branch = write(tmp_path / "branch", market, 64, before=root, known=60)
    folders = [labels.folder for labels in (root, branch)]
    assert used_elsewhere(root.folder, folders)
    assert not used_elsewhere(branch.folder, folders)
    assert not used_elsewhere(root.folder, folders[:1])
    for alone in (False, True):
        name = f"other-{alone}"
        other = write(tmp_path / name, market, 70, before=root, known=60, alone=alone)
        assert (inode(other) == inode(root)) == alone
        assert_same(read(root.folder, 60), write(tmp_path / f"again-{alone}", market, 60))


def test_datasets_of_other_kinds_in_the_home_are_no_matter(tmp_path, market):
    labels = write(tmp_path / "labels", market, 60)
    strange = tmp_path / "strange"
    strange.mkdir()
    (strange / "manifest.json").write_text('{"kind": "labels", "horizons": [1]}')
    (strange / "raw.bin").write_bytes(b"12")
    others = [labels.folder, strange, tmp_path / "nothing"]
    assert not used_elsewhere(labels.folder, others)
    with pytest.raises(DataError, match="states no digests"):
        LabelFiles.read(strange)
    (labels.folder / "raw.bin").unlink()
    with pytest.raises(DataError, match=r"raw\.bin"):
        used_elsewhere(labels.folder, others)


def test_files_that_are_cut_are_refused(tmp_path, market):
    labels = write(tmp_path / "labels", market, 60)
    row = LabelFiles.read(labels.folder).file("raw").row_bytes
    path = labels.folder / "raw.bin"
    path.write_bytes(path.read_bytes()[:-row])
    with pytest.raises(DataError, match="holds 59 rows, 60 were written"):
        read(labels.folder, 60)
    path.write_bytes(path.read_bytes() + bytes(row))
    late = labels.folder / "late.open.npy"
    whole = np.load(late)
    for damaged in (whole[1:], whole[:, 1:], whole[:, :, 1:], whole.astype(np.int32)):
        np.save(late, damaged)
        with pytest.raises(DataError, match="written were"):
            read(labels.folder, 60)
    late.unlink()
    with pytest.raises(DataError, match=r"late\.open\.npy"):
        read(labels.folder, 60)


@pytest.mark.parametrize("name", ["raw", "tradable"])
def test_a_value_in_the_place_of_a_name_that_is_not_there_yet_is_noticed(name, tmp_path, market):
    labels = write(tmp_path / "labels", market, 60, capacity=7)
    assert labels_content(labels.folder) == labels.manifest["content_hash"]
    file = LabelFiles.read(labels.folder).file(name)
    file.changeable(60)[3, 6] = 1
    assert labels_content(labels.folder) != labels.manifest["content_hash"]


def test_a_changed_digest_is_noticed(tmp_path, market):
    labels = write(tmp_path / "labels", market, 60)
    path = labels.folder / "digests.npy"
    digests = np.load(path)
    digests[7, 0] ^= 1
    np.save(path, digests)
    assert labels_content(labels.folder) is None


def test_a_name_that_traded_once_keeps_a_year_open(tmp_path, market, monkeypatch):
    monkeypatch.setattr("gogooku.dataset.labels.MAX_LATE", 12)
    once = np.array(market.open_TN)
    once[6:, 1] = np.nan
    quiet = replace(market, open_TN=once, close_TN=once, high_TN=once)
    labels = write(tmp_path / "labels", quiet, 70)
    assert labels.manifest["settled"] == 70 - 1 - 20 - FRESH_SESSIONS
    early = write(tmp_path / "early", quiet, 20)
    assert settled_sessions(early, known=20) == 0
    assert_same(write(tmp_path / "grown", quiet, 70, before=early, known=20), labels)


def test_a_name_that_never_trades_keeps_nothing_open(tmp_path, market):
    """Without an open at the entry there is nothing to wait for."""
    silent = np.array(market.open_TN)
    silent[:, 1] = np.nan
    quiet = replace(market, open_TN=silent, close_TN=silent, high_TN=silent)
    labels = write(tmp_path / "labels", quiet, 70)
    assert labels.manifest["settled"] == 70 - 1 - 20 - FRESH_SESSIONS
    assert (labels.outcome_TNH[:49, 1] == OUTCOMES.index(Outcome.NO_ENTRY)).all()
