"""What is said of a universe."""

import numpy as np
import pytest

from gogooku.core.calendar import Clock
from gogooku.dataset.membership import (
    BEFORE,
    LEAST_USUAL,
    collapses,
    universe_facts,
    why_empty,
)
from gogooku.dataset.universe import UniverseConfig
from gogooku.ingest.source import read_source
from gogooku.tables.panel import build_panel
from support.cli import done
from support.healthy import prices


def steps(*parts):
    """Numbers of names, each for so many sessions."""
    return np.concatenate([np.full(count, names) for names, count in parts])


@pytest.mark.parametrize(
    ("members", "listed", "found"),
    [
        (steps((100, 80), (24, 3), (100, 20)), steps((120, 103)), [(80, 83)]),
        (steps((100, 80), (26, 3), (100, 20)), steps((120, 103)), []),
        (steps((100, 80), (0, 200)), steps((120, 280)), [(80, 280)]),
        (steps((100, 80), (20, 60)), steps((120, 80), (25, 60)), []),
        (steps((LEAST_USUAL - 1, 80), (0, 5)), steps((30, 85)), []),
        (steps((0, 60), (100, 60)), steps((120, 120)), []),
        (steps((100, 5), (0, 5), (100, 5), (0, 5)), steps((120, 20)), [(5, 10), (15, 20)]),
    ],
    ids=["few", "not so few", "to the end", "they left", "small", "warming up", "twice"],
)
def test_a_collapse_is_a_fall_that_the_listings_do_not_explain(members, listed, found):
    assert BEFORE == 60
    assert collapses(members, listed) == found


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("membership")
    prices(names=12, sessions=40).write_parquet(folder / "prices.parquet")
    done(folder / "home", "import", folder / "prices.parquet", "--json")
    return read_source(folder / "home", "prices")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"min_traded_value": 1e15}, "are below the floor of JPY 1,000,000,000,000,000"),
        ({"lookback": 60, "min_traded_value": 1e15}, "60 sessions, of which the history has 40"),
        ({"lookback": 20, "min_traded_sessions": 21}, "--set universe.min_traded_sessions=10"),
    ],
)
def test_an_empty_universe_says_why_and_what_to_set(source, settings, said):
    config = UniverseConfig(**settings)
    panel = build_panel(source, clock=Clock.EVENING)
    text = why_empty(panel, config, exchange="tokyo")
    assert text.startswith("build: the universe is empty. Of ")
    assert said in text
    assert text.endswith("Nothing was built")


def test_a_universe_too_small_to_train_on_says_so(source):
    members = np.array([0, 3, 1])
    facts = universe_facts(
        source,
        UniverseConfig(),
        sessions=np.array(["2024-01-04", "2024-01-05", "2024-01-09"], dtype="datetime64[D]"),
        members_T=members,
        listed_T=members,
        stated=False,
    )
    assert facts["most_names"] == 3
    assert facts["names"] == {}
    assert facts["lines"] == [
        "universe: no session has 10 names (most: 3), so nothing can be trained on this dataset"
    ]
