"""Spaces of the learners: every value of every knob is a run, alone and at random together."""

import random

import pytest

from gogooku.core.errors import ConfigError
from gogooku.core.space import ChoiceKnob, TogetherKnob
from gogooku.learn.spaces import space_of
from gogooku.runs.named import run_named
from gogooku.search.settings import applied, space_for

KINDS = ("ridge", "lightgbm", "atft_gat_fan", "apex_ranker")


def at_random(space, rng):
    values = {}
    for knob in space.knobs:
        if knob not in space.existing(values):
            continue
        if isinstance(knob, ChoiceKnob | TogetherKnob):
            values[knob.name] = rng.choice(list(knob.options))
        else:
            value = rng.uniform(knob.low, knob.high)
            values[knob.name] = round(value) if isinstance(knob.low, int) else value
    return values


@pytest.mark.parametrize("few", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_every_end_of_every_knob_is_a_run(kind, few):
    run = run_named(kind.replace("_", "-"), few_names=few)
    assert space_for(run, None) == space_of(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_pairs_that_contradict_each_other_are_not_in_the_space(kind):
    space, run, rng = space_of(kind), run_named(kind.replace("_", "-")), random.Random(1)
    made = {applied(run, space.settings(at_random(space, rng))).content_hash for _ in range(60)}
    assert len(made) > 10


def test_a_learner_without_a_space_says_so():
    with pytest.raises(ConfigError, match="has no search space of its own.*lightgbm.*--space"):
        space_of("momentum")
