"""How the value of a measure is written."""

import math

import pytest

from gogooku.evaluate.definition import Definition, share


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [("bps", 12.345, "12.3 bps"), ("x", 2.0, "2.0x"), ("", -0.5, "-0.5"), ("%", None, "-"),
     ("bps", math.nan, "-")],
)  # fmt: skip
def test_a_value_has_its_unit(unit, value, text):
    assert Definition("a", "b", "c", "d", unit, digits=1).text(value) == text


def test_a_share_is_shown_in_per_cent():
    one = share(("a", "b"), ("c", "d"), better=False, digits=2)
    assert (one.unit, one.higher_is_better) == ("%", False)
    assert one.text(0.12345) == "12.35%"
    assert one.number(0.5) == "50.00"
