"""The mark of a key and an address: tells them apart and gives neither away."""

import pytest

from gogooku.ingest.jquants.origin import Origin

BASE = "https://api.jquants.com/v2"


def test_a_mark_is_of_its_own_key_and_address():
    one = Origin(BASE, "a-key")
    assert one.made(one.mark())
    assert Origin(f"{BASE}/", "a-key").made(one.mark())
    assert not Origin(BASE, "another").made(one.mark())
    assert not Origin("http://127.0.0.1:8790/v2", "a-key").made(one.mark())


def test_two_marks_of_one_key_cannot_be_compared_and_show_nothing():
    one = Origin(BASE, "a-key")
    first, second = one.mark(), one.mark()
    assert first != second
    assert "a-key" not in f"{first}{one!r}"
    assert len(first.partition(":")[2]) == 8, "32 bits: a guess that fits proves nothing"


@pytest.mark.parametrize("mark", ["", ":", "salt:", "no mark", "é:é", "a:b:c"])
def test_an_unreadable_mark_is_of_nobody(mark):
    assert not Origin(BASE, "a-key").made(mark)
