"""What the long run adds: parameters that wait for it, and many examples of every property."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.soak import MARK, MORE_EXAMPLES, and_all, in_turn, many_examples, some

FEW = 3


@dataclass
class Item:
    """A collected test, as far as it is asked."""

    function: object
    markers: list = field(default_factory=list)

    def add_marker(self, name):
        self.markers.append(name)


def probe(*, explicit):
    """A property test that counts its examples."""
    seen = []

    @given(st.integers())
    def counted(value):
        seen.append(value)

    return (settings(max_examples=FEW, database=None)(counted) if explicit else counted), seen


def test_a_property_is_tried_on_many_times_its_examples_whatever_its_parameters():
    test, seen = probe(explicit=True)
    items = [Item(test), Item(test)]
    many_examples(items)
    test()
    assert len(seen) == MORE_EXAMPLES * FEW
    assert [one.markers for one in items] == [[MARK], [MARK]]


def test_a_property_without_a_number_of_its_own_is_one_too():
    test, _ = probe(explicit=False)
    item = Item(test)
    many_examples([item])
    assert item.markers == [MARK]
    assert test._hypothesis_internal_use_settings.max_examples == (
        MORE_EXAMPLES * settings().max_examples
    )


def test_another_test_is_left_as_it_is():
    def plain():
        assert plain

    item = Item(plain)
    many_examples([item, pytest])
    assert item.markers == []


def waiting(params):
    """Values of the parameters that wait for the long run."""
    return [one.values for one in params if getattr(one, "marks", ())]


def test_some_are_tried_in_every_run_and_the_others_wait():
    assert waiting(some(range(6), keep=2)) == [(1,), (2,), (4,), (5,)]
    assert waiting(and_all([1], [2, 3])) == [(2,), (3,)]
    assert waiting(in_turn("ab", [1, 2])) == [("a", 2), ("b", 1)]
    with pytest.raises(AssertionError, match="nothing is left"):
        some([1, 2], keep=2)
