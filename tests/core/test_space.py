"""A search space: which knobs exist where, what is a step away, and what it refuses."""

import pytest

from gogooku.core.config import validated
from gogooku.core.errors import ConfigError
from gogooku.core.space import ChoiceKnob, NumberKnob, Space, TogetherKnob, WholeKnob

RATE = NumberKnob(path="learner.rate", low=0.01, high=1.0, log=True)
LOSS = ChoiceKnob(path="learner.loss", options=("a", "b", "c"))
DELTA = WholeKnob(path="learner.delta", low=1, high=64, log=True, when={"learner.loss": ("b",)})
HISTORY = TogetherKnob(
    called="history", options={"none": {"x": 1, "y": []}, "some": {"x": 2, "y": ["z"]}}
)


def test_a_knob_exists_where_its_condition_holds():
    space = Space(knobs=(RATE, LOSS, DELTA))
    names = lambda values: [one.name for one in space.existing(values)]  # noqa: E731
    assert names({"learner.loss": "a"}) == ["learner.rate", "learner.loss"]
    assert names({"learner.loss": "b"})[-1] == "learner.delta"


def test_a_condition_on_a_knob_that_does_not_exist_does_not_hold():
    last = ChoiceKnob(path="learner.q", options=(1, 2), when={"learner.p": (True,)})
    middle = ChoiceKnob(path="learner.p", options=(True, False), when={"learner.loss": ("b",)})
    space = Space(knobs=(LOSS, middle, last))
    values = {"learner.loss": "a", "learner.p": True, "learner.q": 1}
    assert space.settings(values) == {"learner.loss": "a"}


def test_settings_that_change_together_have_one_value():
    space = Space(knobs=(HISTORY, RATE))
    assert space.settings({"history": "some", "learner.rate": 0.1}) == {
        "x": 2, "y": ["z"], "learner.rate": 0.1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("knob", "value", "beside"),
    [
        (NumberKnob(path="a", low=0.0, high=0.8), 0.4, (0.3, 0.5)),
        (NumberKnob(path="a", low=0.0, high=0.8), 0.0, (0.1,)),
        (NumberKnob(path="a", low=1.0, high=256.0, log=True), 16.0, (8.0, 32.0)),
        (WholeKnob(path="a", low=1, high=4), 2, (1, 3)),
        (WholeKnob(path="a", low=1, high=4), 4, (3,)),
        (DELTA, 8, (5, 13)),
        (LOSS, "b", ("a", "c")),
        (LOSS, "c", ("b",)),
        (HISTORY, "some", ("none",)),
    ],
)
def test_values_a_step_away_are_in_the_range(knob, value, beside):
    assert knob.beside(value) == pytest.approx(beside) if value != "b" else True
    found = knob.beside(value)
    assert len(found) == len(beside)
    for one, wanted in zip(found, beside, strict=True):
        assert one == (pytest.approx(wanted) if isinstance(wanted, float) else wanted)


def test_places_in_the_range_are_from_0_to_1():
    assert [RATE.place(one) for one in (0.01, 0.1, 1.0)] == pytest.approx([0.0, 0.5, 1.0])
    assert [LOSS.place(one) for one in "abc"] == [0.0, 0.5, 1.0]
    assert [HISTORY.place(one) for one in ("none", "some")] == [0.0, 1.0]


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({"knobs": []}, "knobs"),
        ({"knobs": [{"kind": "numbr", "path": "a", "low": 0, "high": 1}]}, "kind"),
        ({"knobs": [{"kind": "number", "path": "a", "low": 1, "high": 1}]}, "is not below high"),
        ({"knobs": [{"kind": "number", "path": "a", "low": 0, "high": 1, "log": True}]}, "above 0"),
        ({"knobs": [{"kind": "choice", "path": "a", "options": [1]}]}, "options"),
        ({"knobs": [{"kind": "choice", "path": "a", "options": [1, 1]}]}, "there twice"),
        ({"knobs": [{"kind": "whole", "path": "a", "low": 0, "high": 2}] * 2}, "there twice"),
        (
            {"knobs": [{"kind": "choice", "path": "a", "options": [1, 2], "when": {"b": [1]}}]},
            "no knob before it",
        ),
        (
            {
                "knobs": [
                    {"kind": "choice", "path": "b", "options": [1, 2]},
                    {"kind": "choice", "path": "a", "options": [1, 2], "when": {"b": [3]}},
                ]
            },
            "is never",
        ),
        (
            {
                "knobs": [
                    {"kind": "whole", "path": "b", "low": 1, "high": 2},
                    {"kind": "choice", "path": "a", "options": [1, 2], "when": {"b": [1]}},
                ]
            },
            "is a range",
        ),
    ],
)
def test_a_space_that_cannot_be_is_refused(tree, said):
    with pytest.raises(ConfigError, match=said):
        validated(Space, tree)
