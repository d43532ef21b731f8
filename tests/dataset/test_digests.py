import hashlib

import numpy as np

from gogooku.core.digests import text_of
from gogooku.dataset.digests import bars_digest, raw_digest, tensor_digest, values_digest

SOME = np.array([True, False, True, False])
PLACES = np.array([0, 2], dtype=np.int64)


def sha(*arrays):
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def test_a_session_of_the_tensor_is_its_members_and_their_rows():
    x = np.arange(8, dtype=np.float16).reshape(4, 2)
    made = text_of(tensor_digest(SOME, x))
    assert made == sha(PLACES, x[[0, 2]])
    x[1] = 99
    assert text_of(tensor_digest(SOME, x)) == made, "who is outside the universe does not count"
    x[2, 0] = 99
    assert text_of(tensor_digest(SOME, x)) != made


def test_room_for_names_to_come_changes_nothing():
    x, wide = np.ones((4, 2), dtype=np.float16), np.ones((9, 2), dtype=np.float16)
    more = np.concatenate([SOME, np.zeros(5, dtype=bool)])
    assert text_of(tensor_digest(SOME, x)) == text_of(tensor_digest(more, wide))


def test_a_session_of_values_is_its_listed_names_feature_by_feature():
    values = np.array([[1.0, 2.0, np.nan, 4.0], [5.0, 6.0, 7.0, 8.0]], dtype=np.float32)
    made = text_of(values_digest(SOME, values))
    assert made == sha(PLACES, np.array([[1.0, np.nan], [5.0, 7.0]], dtype=np.float32))
    values.view(np.uint32)[0, 2] += 1  # another NaN
    assert text_of(values_digest(SOME, values)) == made


def test_a_session_of_raw_channels_is_its_listed_names_in_or_out_of_the_universe():
    raw = np.arange(8, dtype=np.float16).reshape(4, 2)
    raw[2, 1] = np.nan
    made = text_of(raw_digest(SOME, raw))
    assert made == sha(PLACES, raw[[0, 2]])
    raw[1] = 99
    assert text_of(raw_digest(SOME, raw)) == made, "who is not listed does not count"
    raw[2, 1] = 0
    assert text_of(raw_digest(SOME, raw)) != made, "not known is not zero"


def test_a_session_of_bars_counts_a_missing_price_as_minus_one():
    close = np.array([10.0, 1.0, np.nan, 2.0])
    limit = np.array([True, False, False, True])
    made = text_of(bars_digest(SOME, [close, limit]))
    assert made == sha(PLACES, np.array([10.0, -1.0]), np.array([1.0, 0.0]))
    assert made != text_of(bars_digest(SOME, [limit, close]))
