"""Limits of the gates of a release: each decides, and what lets more through is said."""

from types import SimpleNamespace

import numpy as np
import pytest

from gogooku.core.config import resolve
from gogooku.releases import gates_of_scores, gates_of_skill
from gogooku.releases.limits import LOOSER, GateLimits, ReleaseConfig, looser
from gogooku.releases.verdicts import Outcome

LOOSE = {
    "margin": 0.006,
    "least_sessions": 59,
    "most_tied": 0.21,
    "turnover": 61.0,
    "turnover_times": 3.5,
    "look_ahead_dates": 1,
    "scored_again": 2,
}
TIGHT = {
    "margin": 0.004,
    "least_sessions": 61,
    "most_tied": 0.19,
    "turnover": 59.0,
    "turnover_times": 2.5,
    "look_ahead_dates": 3,
    "scored_again": 4,
}


def test_every_limit_has_a_looser_side():
    assert set(LOOSER) == set(GateLimits.model_fields) == set(LOOSE) == set(TIGHT)
    assert looser(GateLimits()) == looser(GateLimits(**TIGHT)) == []
    said = looser(GateLimits(**LOOSE))
    assert [one.split()[0] for one in said] == [f"gates.{name}" for name in LOOSE]
    assert "gates.margin is 0.006, usually 0.005" in said


@pytest.mark.parametrize("name", list(LOOSE))
def test_one_looser_limit_is_named_alone(name):
    (said,) = looser(GateLimits(**{**TIGHT, name: LOOSE[name]}))
    assert said.startswith(f"gates.{name} is ")


def test_they_are_settings_beside_those_of_trading():
    made = resolve(ReleaseConfig(), base_name="backtest", assignments=["gates.margin=0.01"])
    assert (made.config.gates.margin, made.config.lot_size) == (0.01, ReleaseConfig().lot_size)
    assert made.origins["gates.margin"] == "--set"


def candidacy(**limits):
    """A bundle of 60 tested sessions, a fifth of ties and 20 times its equity a year."""
    money = {"portfolio.turnover": {"value": 20.0}}
    card = {"skill": {"h5.rank_ic": {"n": 60}}, "money": money}
    serving = SimpleNamespace(scorecard={"money": {"portfolio.turnover": {"value": 8.0}}})
    return SimpleNamespace(
        bundle=SimpleNamespace(scorecard=card),
        limits=GateLimits(**limits),
        serving=serving,
        horizon=5,
        test_scores=[np.array([1.0, 1.0, *range(2, 10)], dtype=np.float32)],
    )


@pytest.mark.parametrize(
    ("gate", "limits", "outcome"),
    [
        (gates_of_scores.ties, {}, Outcome.PASSED),
        (gates_of_scores.ties, {"most_tied": 0.19}, Outcome.REFUSED),
        (gates_of_scores.turnover, {}, Outcome.PASSED),
        (gates_of_scores.turnover, {"turnover": 19.0}, Outcome.REFUSED),
        (gates_of_scores.turnover, {"turnover_times": 2.0}, Outcome.REFUSED),
        (gates_of_skill.tested, {}, Outcome.PASSED),
        (gates_of_skill.tested, {"least_sessions": 61}, Outcome.WARNED),
    ],
)
def test_a_limit_decides(gate, limits, outcome):
    assert gate(candidacy(**limits), "gate").outcome is outcome
