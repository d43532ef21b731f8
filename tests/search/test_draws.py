"""Draws hang on the trial alone, not on how often a search was stopped."""

import optuna
import pytest

from gogooku.core.space import ChoiceKnob, NumberKnob, Space, TogetherKnob, WholeKnob
from gogooku.search.draws import SteadySampler, drawn, values_of

SPACE = Space(
    knobs=(
        ChoiceKnob(path="kind", options=("a", "b")),
        NumberKnob(path="rate", low=0.001, high=1.0, log=True),
        WholeKnob(path="depth", low=1, high=9, when={"kind": ("b",)}),
    )
)


@pytest.fixture(autouse=True)
def _quiet():
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def study(seed=1):
    return optuna.create_study(direction="maximize", sampler=SteadySampler(seed, random_trials=4))


def worth(values):
    return -abs(values["rate"] - 0.1) + 0.1 * values.get("depth", 0)


def searched(one, trials, *, stop_after=()):
    """Every trial; after some knobs of a trial are drawn it is taken up anew, as after a kill."""
    out = []
    for number in range(trials):
        trial = one.ask()
        if number in stop_after:
            trial.suggest_categorical("kind", ["a", "b"])
            trial = optuna.Trial(one, trial._trial_id)
        values = drawn(trial, SPACE)
        one.tell(trial, worth(values))
        out.append(values)
    return out


def test_a_trial_that_was_half_drawn_gets_the_values_it_would_have_had():
    plain = searched(study(), 14)
    assert searched(study(), 14, stop_after=range(14)) == plain
    assert len({str(one) for one in plain}) == 14


def test_another_seed_draws_others():
    assert searched(study(1), 6) != searched(study(2), 6)


def test_a_knob_is_drawn_only_where_it_exists():
    for values in searched(study(), 14):
        assert ("depth" in values) == (values["kind"] == "b")


def test_running_trials_of_a_batch_are_told_apart():
    one = study()
    searched(one, 6)
    first, second = drawn(one.ask(), SPACE), drawn(one.ask(), SPACE)
    assert first != second


def test_the_run_as_it_is_stands_at_values_of_its_knobs():
    space = Space(
        knobs=(
            *SPACE.knobs,
            TogetherKnob(called="both", options={"x": {"p": 1, "q": []}, "y": {"p": 2, "q": [3]}}),
        )
    )
    run = {"kind": "b", "rate": 0.5, "depth": 20, "p": 2, "q": [3]}
    assert values_of(run, space) == {"kind": "b", "rate": 0.5, "both": "y"}
    assert values_of({"kind": "z", "rate": True, "p": 9, "q": []}, space) == {}


def test_knobs_at_which_the_run_cannot_stand_are_not_drawn_for_it():
    one = study()
    one.enqueue_trial({"kind": "a"})
    assert drawn(one.ask(), SPACE, only={"kind": "a"}) == {"kind": "a"}
