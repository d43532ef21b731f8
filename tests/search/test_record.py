"""A trial can be picked if it is complete, has a value and keeps every limit."""

import pytest

from gogooku.search.record import TrialRecord

WORTH = {"value": 0.1, "broken": []}


@pytest.mark.parametrize(
    ("state", "worth", "feasible"),
    [
        ("complete", WORTH, True),
        ("complete", {**WORTH, "value": None}, False),
        ("complete", {**WORTH, "broken": ["turnover"]}, False),
        ("pruned", WORTH, False),
        ("failed", None, False),
    ],
)
def test_what_can_be_picked(state, worth, feasible):
    assert TrialRecord(1, state, {}, worth).feasible is feasible
