"""What a dataset says of itself, from a dataset of three sessions made by hand."""

import hashlib
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from gogooku.core.calendar import Clock
from gogooku.core.files import MANIFEST_FILE, hash_file, hash_json, read_json
from gogooku.core.panel import PANEL_SCHEMA, Panel
from gogooku.core.types import Role
from gogooku.dataset.manifest import DESCRIPTION_FILE, write_manifest
from gogooku.dataset.state import LISTED, nothing_grown
from gogooku.features.catalogue import Selection
from support.declared import declare

SESSIONS = np.array(["2024-01-04", "2024-01-05", "2024-01-09"], dtype="datetime64[D]")
CODES = ("13010", "72030")
STOCK = (declare("early"), declare("late", lookback=9))
MARKET = (declare("mood", role=Role.MARKET),)
CHOSEN = Selection(ordered=(*STOCK, *MARKET), visible=(*STOCK, *MARKET), absent={"gone": "topix"})
VALID = np.array([[True, False], [True, True], [True, True]])
NULLS = np.zeros((3, 3, 2), dtype=np.uint16)
NULLS[:, 0, 0] = [1, 2, 1]  # four warm values of the first feature, none of the second
NULLS[:, 1, 0] = [0, 1, 0]
NULLS[:, 2, 1] = [1, 1, 0]  # of all five members two are null


@pytest.fixture
def grown(tmp_path):
    empty = nothing_grown(
        tmp_path,
        codes=CODES,
        features=("early", "late"),
        market_features=("mood",),
        num_neighbours=2,
        raw_channels=("log_return", "log_gap"),
    )
    made = replace(
        empty,
        sectors=("A",),
        sessions=SESSIONS,
        market_TM=np.array([[0.5], [np.nan], [1.5]], dtype=np.float32),
        valid_TN=VALID,
        sector_TN=np.zeros((3, 2), dtype=np.int32),
        neighbours_BNK=np.full((1, 2, 2), -1, dtype=np.int32),
        block_T=np.zeros(3, dtype=np.int32),
        digests=np.arange(3 * 4 * 32, dtype=np.uint64).astype(np.uint8).reshape(3, 4, 32),
        nulls=NULLS,
    )
    (tmp_path / "bars").mkdir()
    made.layout.bar(LISTED).write(0, np.array([[True, False], [True, True], [True, True]]))
    return made.save()


def write(grown, *, labels="a label hash", trade=None):
    panel = Panel(
        frame=pl.DataFrame(schema=dict(PANEL_SCHEMA)),
        sessions=SESSIONS,
        codes=CODES,
        market=None,
        clock=Clock.EVENING,
        slack_seconds={"quotes": 12600.0},
    )
    facts = {"source": "small"}
    write_manifest(CHOSEN, panel, grown, labels=labels, trade=trade, facts=facts)
    return grown.layout.folder


@pytest.fixture
def written(grown):
    return write(grown)


def test_the_manifest_counts_names_and_hashes(grown, written):
    manifest = read_json(written / MANIFEST_FILE)
    assert (manifest["kind"], manifest["source"], manifest["clock"]) == (
        "dataset",
        "small",
        "evening",
    )
    assert (manifest["first"], manifest["last"]) == ("2024-01-04", "2024-01-09")
    assert (manifest["rows"], manifest["universe_rows"]) == (5, 5)
    assert manifest["features"] == ["early", "late"]
    assert manifest["market_features"] == ["mood"]
    assert manifest["codes"] == list(CODES)
    assert manifest["absent"] == {"gone": "topix"}
    assert manifest["slack_seconds"] == {"quotes": 12600.0}
    assert manifest["feature_hash"] == hash_json(["early", "late", "|", "mood"])
    parts = manifest["parts"]
    for place, name in enumerate(("x", "features", "bars", "raw")):
        sessions = np.ascontiguousarray(grown.digests[:, place]).tobytes()
        assert parts[name] == hashlib.sha256(sessions).hexdigest()[:16]
    for name in ("market", "valid", "sector", "neighbours", "neighbour_block"):
        assert parts[name] == hash_file(written / f"{name}.npy")
    assert parts["labels"] == "a label hash"
    assert len(parts) == 10
    assert manifest["raw_channels"] == ["log_return", "log_gap"]


def test_null_shares_are_of_warm_names_or_of_all(written):
    shares = read_json(written / MANIFEST_FILE)["null_share"]
    assert shares == {"early": 0.25, "late": 0.4, "mood": 0.5}  # mood: after its one session


def test_the_market_table_has_a_row_per_session_with_nulls(written):
    table = pl.read_parquet(written / "market.parquet")
    assert table.rows() == [
        (date(2024, 1, 4), 0.5),
        (date(2024, 1, 5), None),
        (date(2024, 1, 9), 1.5),
    ]


def test_the_description_speaks_of_every_feature(written):
    description = read_json(written / DESCRIPTION_FILE)
    manifest = read_json(written / MANIFEST_FILE)
    assert description["content_hash"] == manifest["content_hash"]
    assert [f["name"] for f in description["features"]] == ["early", "late", "mood"]
    assert [f["coverage"] for f in description["features"]] == [0.75, 0.6, 0.5]
    assert description["absent"] == {"gone": "topix"}


def test_other_content_has_another_hash(grown, written):
    def content():
        return read_json(written / MANIFEST_FILE)["content_hash"]

    before = content()
    write(grown)
    assert content() == before
    write(grown, labels="another")
    assert content() != before
    digests = grown.digests.copy()
    digests[1, 2, 5] ^= 1
    write(replace(grown, digests=digests))
    assert content() != before


def test_raw_channels_have_a_hash_beside_that_of_the_content(grown, written):
    """What reads none keeps its key, with and without them; what reads some depends on both."""
    before = read_json(written / MANIFEST_FILE)
    digests = grown.digests.copy()
    digests[1, 3, 5] ^= 1
    write(replace(grown, digests=digests))
    after = read_json(written / MANIFEST_FILE)
    assert after["content_hash"] == before["content_hash"]
    changed = [name for name in before["parts"] if before["parts"][name] != after["parts"][name]]
    assert changed == ["raw"]


def test_what_only_a_ledger_reads_has_a_hash_beside_that_of_the_content(grown, written):
    before = read_json(written / MANIFEST_FILE)
    assert "trade" not in before["parts"]
    write(grown, trade="a hash")
    after = read_json(written / MANIFEST_FILE)
    assert after["content_hash"] == before["content_hash"]
    assert after["parts"] == {**before["parts"], "trade": "a hash"}
