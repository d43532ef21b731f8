"""A folder that nobody may write to, for a test: also where the test runs as root."""

import contextlib
import ctypes
import os

import pytest

_WRITES_ANYWHERE = 0b10  # CAP_DAC_OVERRIDE
_VERSION = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Part(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable"))


@contextlib.contextmanager
def read_only(folder):
    """Let this thread write nowhere in a folder, and give the right back."""
    places = [folder, *folder.rglob("*")]
    modes = {place: place.stat().st_mode for place in places}
    for place in reversed(places):
        place.chmod(modes[place] & 0o555)
    try:
        with _bound_by_rights():
            with pytest.raises(PermissionError):
                (folder / "new").touch()
            yield
    finally:
        for place, mode in modes.items():
            place.chmod(mode)


@contextlib.contextmanager
def _bound_by_rights():
    """Root is bound by the rights of files too, without the one capability that frees it."""
    if os.geteuid() != 0:
        yield
        return
    library = ctypes.CDLL(None, use_errno=True)
    header, parts = _Header(_VERSION, 0), (_Part * 2)()
    if library.capget(ctypes.byref(header), parts) != 0:
        pytest.skip("root may write everywhere here, and its capabilities cannot be read")
    had = parts[0].effective
    parts[0].effective = had & ~_WRITES_ANYWHERE
    if library.capset(ctypes.byref(header), parts) != 0:
        pytest.skip("root may write everywhere here, and its capabilities cannot be set")
    try:
        yield
    finally:
        parts[0].effective = had
        assert library.capset(ctypes.byref(header), parts) == 0
