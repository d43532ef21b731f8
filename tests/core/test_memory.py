import ctypes

import pytest

from gogooku.core import memory


class Library:
    """A C library that remembers what it was told."""

    def __init__(self, answer):
        self.answer, self.calls = answer, []

    def mallopt(self, number, value):
        self.calls.append((number, value))
        return self.answer


@pytest.mark.parametrize(
    ("answer", "kept", "calls"),
    [
        (1, True, [(-3, 32 * 1024**2), (-1, 512 * 1024**2)]),  # numbers of glibc's malloc.h
        (0, False, [(-3, 32 * 1024**2)]),
    ],
)
def test_both_thresholds_are_set_or_it_says_no(monkeypatch, answer, kept, calls):
    library = Library(answer)
    monkeypatch.setattr(memory.sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    assert memory.keep_freed_memory() is kept
    assert library.calls == calls


def test_another_system_or_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    monkeypatch.setattr(memory.sys, "platform", "linux")
    assert memory.keep_freed_memory() is False
    monkeypatch.setattr(memory.sys, "platform", "darwin")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Library(1))
    assert memory.keep_freed_memory() is False
