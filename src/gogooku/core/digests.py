"""Hashes of arrays."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

Digest = npt.NDArray[np.uint8]
"""SHA-256, 32 bytes."""


def digest_of(*arrays: npt.NDArray[np.generic]) -> Digest:
    """Hash the bytes of arrays one after the other."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return np.frombuffer(digest.digest(), dtype=np.uint8)


def text_of(digest: Digest) -> str:
    """First 16 hex digits."""
    return digest.tobytes().hex()[:16]


def same_nulls(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The values with all nulls of the same bits."""
    out = values.copy()
    np.copyto(out, np.float32(np.nan), where=np.isnan(out))
    return out
