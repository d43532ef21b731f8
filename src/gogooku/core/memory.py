"""How this process gives freed memory back: rarely, because it will want it again at once."""

from __future__ import annotations

import ctypes
import sys
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_MMAP_BYTES: Final = 32 << 20
"""The largest value glibc accepts on 64-bit machines."""
_TRIM_BYTES: Final = 512 << 20


def keep_freed_memory() -> bool:
    """Make glibc reuse freed blocks below 32 MiB instead of unmapping them.

    Numeric code frees and asks for megabyte arrays thousands of times a second; by default each
    costs a system call and a page fault per page. Measured on a large build: a sixth less user
    time and a third less system time. Returns False where the C library is another one.
    """
    if not sys.platform.startswith("linux"):
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt"):
        return False
    kept = library.mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES)
    return bool(kept and library.mallopt(_M_TRIM_THRESHOLD, _TRIM_BYTES))
