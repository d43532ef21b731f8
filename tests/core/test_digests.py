import hashlib

import numpy as np

from gogooku.core.digests import digest_of, same_nulls, text_of


def test_a_digest_is_the_hash_of_the_bytes_in_order():
    a, b = np.arange(6, dtype=np.int32), np.array([1.5, -2.0])
    wanted = hashlib.sha256(a.tobytes() + b.tobytes()).digest()
    assert digest_of(a, b).tobytes() == wanted
    assert digest_of(b, a).tobytes() != wanted
    assert text_of(digest_of(a, b)) == wanted.hex()[:16]


def test_a_view_hashes_as_its_copy():
    whole = np.arange(12, dtype=np.float32).reshape(3, 4)
    for view in (whole[:, ::2], whole.T, whole[::-1]):
        assert digest_of(view).tobytes() == digest_of(view.copy()).tobytes()
    assert digest_of(whole.T).tobytes() != digest_of(whole).tobytes()


def test_nulls_of_any_bits_are_one_null():
    odd = np.array([0x7FC00001, 0xFFC00000, 0x7F800000, 0x80000000], dtype=np.uint32)
    values = odd.view(np.float32)
    made = same_nulls(values)
    assert made.view(np.uint32)[:2].tolist() == [0x7FC00000, 0x7FC00000]
    assert made.view(np.uint32)[2:].tolist() == odd[2:].tolist(), "infinity and -0 are values"
    assert values.view(np.uint32).tolist() == odd.tolist(), "the input stays as it is"
