"""What decides a search, beside the run that is varied."""

import pytest

from gogooku.core.config import validated
from gogooku.core.errors import ConfigError
from gogooku.runs.named import run_named
from gogooku.search.config import SearchConfig, TuneConfig


def test_the_run_is_what_is_shared():
    run = run_named("ridge")
    tune = TuneConfig(learner=run.learner, seed=7, search=SearchConfig(seeds=3))
    assert tune.run.seed == 7
    assert tune.run.split == tune.split
    assert type(tune.run).__name__ == "TrainConfig"
    assert not hasattr(tune.run, "search")


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({"horizons": []}, "horizons"),
        ({"horizons": [5, 5]}, "there twice"),
        ({"batch": 0}, "batch"),
        ({"spread_weight": -1}, "spread_weight"),
        ({"lambda": 1}, "lambda"),
        ({"prune_level": 1.0}, "prune_level"),
    ],
)
def test_a_search_that_cannot_be_is_refused(tree, said):
    with pytest.raises(ConfigError, match=said):
        validated(SearchConfig, tree)
