import numpy as np
import pytest

from gogooku.core.metrics import MIN_NAMES
from gogooku.learn.thinning import drawn

NAMES = np.arange(3, 93)


def rng(seed=0):
    return np.random.default_rng(seed)


def labelled(*places, width=2):
    """Which of 100 names have a label; the second horizon has those given, the first has all."""
    out = np.ones((100, width), dtype=bool)
    out[:, 1] = np.isin(np.arange(100), places)
    return out


def test_a_share_is_drawn_in_order_and_without_repeats():
    got = drawn(NAMES, labelled(*NAMES), share=1 / 3, rng=rng())
    assert len(got) == 30
    assert (np.diff(got) > 0).all()
    assert set(got) <= set(NAMES)


def test_all_of_them_draw_nothing():
    generator = rng()
    assert drawn(NAMES, labelled(), share=1.0, rng=generator) is NAMES
    assert generator.random() == rng().random()


def test_every_name_has_the_same_chance():
    count = np.zeros(100)
    for seed in range(600):
        count[drawn(NAMES, labelled(*NAMES), share=0.5, rng=rng(seed))] += 1
    assert count[NAMES].min() > 240
    assert count[NAMES].max() < 360


@pytest.mark.parametrize("share", [1e-9, 0.2, 0.9])
def test_enough_names_with_a_label_at_every_horizon_are_drawn(share):
    few = NAMES[:: len(NAMES) // MIN_NAMES][:MIN_NAMES]
    for seed in range(20):
        got = drawn(NAMES, labelled(*few), share=share, rng=rng(seed))
        assert labelled(*few)[got].sum(axis=0).min() == MIN_NAMES
    some = NAMES[::2]
    sizes = {len(drawn(NAMES, labelled(*some), share=1e-9, rng=rng(seed))) for seed in range(20)}
    assert max(sizes) < 45
    assert min(sizes) >= MIN_NAMES
