"""Each setting of a search decides something: another value comes to another end."""

import shutil

import pytest

from gogooku.core.progress import SilentReporter
from gogooku.dataset.home import current_dataset
from gogooku.search.config import SearchConfig
from gogooku.search.result import facts_of
from gogooku.search.search import search
from support.searches import planner

CHANGED = {
    "folds": ("search.folds=1", "folds"),
    "seeds": ("search.seeds=2", "every_trial"),
    "horizons": ("search.horizons=[1,20]", "every_trial"),
    "spread_weight": ("search.spread_weight=2.0", "every_trial"),
    "least_persistence": ("search.least_persistence=0.999", "every_trial"),
    "least_top_bps": ("search.least_top_bps=900", "every_trial"),
    "batch": ("search.batch=6", "every_trial"),
    "random_trials": ("search.random_trials=1", "every_trial"),
    "finalists": ("search.finalists=1", "finalists"),
    "final_seeds": ("search.final_seeds=2", "finalists"),
    "neighbourhood": ("search.neighbourhood=false", "neighbours"),
    "seed": ("search.seed=2", "every_trial"),
}
"""By setting: another value, and the part of the facts that it changes."""
ELSEWHERE = {"prune", "prune_level"}
"""Tried in test_trial.py: the folds here are too short for a trial to be given up."""


def test_every_setting_is_tried():
    assert set(CHANGED) | ELSEWHERE == set(SearchConfig.model_fields)


@pytest.mark.parametrize("setting", CHANGED)
def test_another_value_comes_to_another_end(setting, searched, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(searched[0], home)
    more = ("search.random_trials=2",) if setting == "batch" else ()
    assignment, part = CHANGED[setting]
    made = planner(current_dataset(home))
    before = facts_of(searched[1])
    if more:
        plain = search(home, made(*more), trials=6, reporter=SilentReporter())
        before = facts_of(plain)
    plan = made(*more, assignment)
    after = facts_of(search(home, plan, trials=6, reporter=SilentReporter()))
    assert after[part] != before[part]
