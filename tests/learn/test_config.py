"""What the settings of a learner say about a run."""

from gogooku.learn.config import reads_raw
from gogooku.learn.models.blend.config import BlendConfig
from gogooku.learn.registry import LEARNERS
from support.learning import small_config


def test_raw_channels_are_seen_in_a_network_and_in_a_member_of_a_blend():
    plain, raw = small_config(), small_config(raw_channels=("log_return",))
    trees = LEARNERS.config("lightgbm").model_validate({})
    assert reads_raw(raw)
    assert not reads_raw(plain)
    assert not reads_raw(trees)
    assert reads_raw(BlendConfig(members=(trees, raw)))
    assert not reads_raw(BlendConfig(members=(trees, plain)))
