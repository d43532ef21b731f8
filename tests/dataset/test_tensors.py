"""The training tensor and the tables of raw values, against what they should hold by hand."""

from datetime import date

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from gogooku.core.seal import row_digest
from gogooku.core.types import Role
from gogooku.dataset.digests import tensor_digest, values_digest
from gogooku.dataset.state import Layout
from gogooku.dataset.tensors import GROUP_SESSIONS, Sessions, encode, encode_raw, write_block
from gogooku.features.engine.compute import Block
from support.declared import declare

FEATURES = (
    declare("ratio"),
    declare("flag", unit="flag", role=Role.MASK),
    declare("score", unit="z"),
)
VALUES = np.array(
    [[3.0, 1.0, np.nan, 2.0], [1.0, 0.0, np.nan, 1.0], [2.0, -8.0, np.nan, 0.5]], dtype=np.float32
)


def test_ranks_flags_and_scores_are_encoded_each_in_its_way():
    made = encode(VALUES, FEATURES)
    assert made.dtype == np.float16
    third = np.float16(1 / 3)  # ranks 3, 1, 2 of three: (rank - 0.5) / 3 - 0.5
    np.testing.assert_array_equal(made[0], np.array([third, -third, 0.0, 0.0], dtype=np.float16))
    assert made[1].tolist() == [1.0, 0.0, 0.0, 1.0]
    assert made[2].tolist() == [0.5, -1.0, 0.0, 0.125]  # z / 4, cut at 1


def test_equal_values_share_a_rank_and_one_value_stands_in_the_middle():
    ties = np.array([[5.0, 5.0, 7.0, 7.0]], dtype=np.float32)
    assert encode(ties, FEATURES[:1]).tolist() == [[-0.25, -0.25, 0.25, 0.25]]
    assert encode(np.array([[9.0]], dtype=np.float32), FEATURES[:1]).tolist() == [[0.0]]


def test_only_null_is_negative_zero():
    known = np.array([[9.0, np.nan, np.nan]] * 3, dtype=np.float32)
    known[1:, 0] = -0.0  # a flag and a score of zero, however it was written
    made = encode(known, FEATURES)
    assert (made == 0).all()
    assert np.signbit(made).tolist() == [[False, True, True]] * 3
    assert np.array_equal(
        np.signbit(encode(VALUES, FEATURES)) & (encode(VALUES, FEATURES) == 0), np.isnan(VALUES)
    )


def test_raw_channels_are_in_half_precision_and_every_null_is_the_same():
    values = np.full((3, 2, 2), np.nan, dtype=np.float32)
    values[0] = [[1.00001, -64.0], [0.0, 2.5]]
    values.view(np.uint32)[2, 1, 1] = 0xFFC00001  # another NaN
    block = Block(names=("level", "rank", "size"), stock_FtN=values, market={})
    made = encode_raw(block, [declare("size"), declare("level")])
    assert (made.dtype, made.shape) == (np.float16, (2, 2, 2))
    np.testing.assert_array_equal(made[:, :, 1], [[1.0, -64.0], [0.0, 2.5]])
    assert set(made[:, :, 0].tobytes()) == set(np.float16(np.nan).tobytes())


def where(dates, *, first=0, newest=None, fresh=10_000, num=3):
    dates = np.array(dates, dtype="datetime64[D]")
    listed = np.ones((len(dates), num), dtype=bool)
    return Sessions(
        first=first,
        dates=dates,
        codes=tuple(f"{1300 + n}0" for n in range(num)),
        listed_tN=listed,
        valid_tN=listed,
        newest=dates[-1] if newest is None else np.datetime64(newest),
        fresh=fresh,
    )


def cut(sessions):
    return [(one.start, one.stop) for one in sessions.files()]


def test_an_old_year_is_one_file_and_the_newest_goes_by_months():
    days = ["2023-11-30", "2023-12-28", "2024-01-04", "2024-01-31", "2024-02-01", "2024-02-02"]
    assert cut(where(days, newest="2025-01-10")) == [(0, 6)]
    assert cut(where(days)) == [(0, 2), (2, 4), (4, 6)]


def test_each_of_the_newest_sessions_has_a_file_of_its_own():
    days = ["2024-02-01", "2024-02-02", "2024-02-05", "2024-02-06"]
    assert cut(where(days, first=7, fresh=9)) == [(0, 2), (2, 3), (3, 4)]
    assert cut(where(days, first=7, fresh=7)) == [(0, 1), (1, 2), (2, 3), (3, 4)]


def test_a_block_is_in_the_tensor_in_the_table_and_in_the_digests(tmp_path):
    count = GROUP_SESSIONS + 2
    days = np.datetime64("2024-01-05") + np.arange(count)
    at = where(days, first=1)
    at.listed_tN[:, 2] = False
    at.listed_tN[3, 1] = False
    valid = at.listed_tN.copy()
    valid[5] = False
    at = Sessions(**(vars(at) | {"valid_tN": valid}))
    rng = np.random.default_rng(1)
    values = rng.normal(size=(3, count, 3)).astype(np.float32)
    values[1] = values[1] > 0
    values[0, 4, 1] = np.nan
    layout = Layout(folder=tmp_path, capacity=5, num_features=3)
    layout.x.write(0, np.full((1, 5, 3), 7, dtype=np.float16))
    block = Block(names=("ratio", "flag", "score"), stock_FtN=values, market={})
    digests, rows = write_block(layout, block, at, features=FEATURES, threads=2)
    x = layout.x.rows(count + 1)
    assert (x[0] == 7).all(), "what was there stays"
    for t in range(count):
        members = np.flatnonzero(valid[t])
        wanted = np.zeros((5, 3), dtype=np.float16)
        wanted[members] = encode(values[:, t, members], FEATURES).T
        np.testing.assert_array_equal(x[t + 1], wanted)
        assert rows[t].tobytes() == row_digest(wanted).tobytes()
        assert digests[t, 0].tobytes() == tensor_digest(valid[t], wanted).tobytes()
        assert digests[t, 1].tobytes() == values_digest(at.listed_tN[t], values[:, t]).tobytes()
    (path,) = tmp_path.rglob("*.parquet")
    assert path.relative_to(tmp_path).as_posix() == f"features/2024/{days[0]}_{days[-1]}.parquet"
    assert pq.ParquetFile(path).num_row_groups == 2
    rows = pl.read_parquet(path)
    assert rows.height == at.listed_tN.sum() == 2 * count - 1
    assert rows.select("date", pl.col("code").cast(pl.String)).rows()[:2] == [
        (date(2024, 1, 5), "13000"),
        (date(2024, 1, 5), "13010"),
    ]
    assert rows["ratio"].null_count() == 1
    at_t, at_n = np.nonzero(at.listed_tN)
    np.testing.assert_array_equal(rows["score"].to_numpy(), values[2, at_t, at_n])
