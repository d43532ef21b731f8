import pytest

from gogooku.core.config import resolve
from gogooku.core.errors import ConfigError
from gogooku.learn.losses.combined.config import CombinedConfig, LossPart
from gogooku.learn.losses.combined.loss import combined_loss
from gogooku.learn.losses.correlation.config import CorrelationConfig
from gogooku.learn.losses.huber.config import HuberConfig
from gogooku.learn.losses.turnover.config import TurnoverConfig
from gogooku.runs.named import run_named
from support.losses import batch, inputs_of, value

PATH = "learner.training.loss"
INLINE = (
    '[{weight=2.0}, {loss={kind="huber", delta=0.5}, weight=0.1, horizon_weights=[1, 0, 0, 0]}]'
)
TABLES = """
[learner.training.loss]
kind = "combined"

[[learner.training.loss.parts]]
weight = 2.0

[[learner.training.loss.parts]]
loss = {kind = "huber", delta = 0.5}
weight = 0.1
horizon_weights = [1, 0, 0, 0]
"""


def chosen(*assignments, file=None):
    base = run_named("atft-gat-fan")
    made = resolve(base, base_name="any", file=file, assignments=assignments)
    return made.config.learner.training.loss


def test_it_is_the_sum_of_its_parts():
    score, label, mask, weight = batch()
    inputs = inputs_of(label)
    huber, still = HuberConfig(delta=0.5), TurnoverConfig()
    config = CombinedConfig(
        parts=(
            LossPart(loss=CorrelationConfig(), weight=2.0),
            LossPart(loss=huber, weight=0.1, horizon_weights=(3.0, 1.0)),
            LossPart(loss=still, weight=0.5),
        )
    )
    got = combined_loss(score, label, mask, weight, config, inputs=inputs)
    own = weight.new_tensor([0.75, 0.25])
    wanted = 2.0 * value(CorrelationConfig(), score, label, mask, weight)
    wanted += 0.1 * value(huber, score, label, mask, own)
    wanted += 0.5 * value(still, score, label, mask, weight, inputs)
    assert got.item() == pytest.approx(wanted.item(), rel=1e-12)


def test_parts_are_set_on_one_line_or_in_a_file(tmp_path):
    file = tmp_path / "loss.toml"
    file.write_text(TABLES)
    made = chosen(f"{PATH}.kind=combined", f"{PATH}.parts={INLINE}")
    assert made == chosen(file=file)
    assert made.parts[1].loss == HuberConfig(delta=0.5)
    assert made.parts[0] == LossPart(weight=2.0)
    assert made.parts[1].horizon_weights == (1.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ("[]", "parts: got [] (--set), expected a list of groups of settings, at least 1 of them"),
        ('[{loss={kind="combined"}}]', "parts[0].loss: a part cannot be combined itself"),
        ('[{}, {loss={kind="huber", delta=-1}}]', "parts[1].loss.delta: got -1, expected a number"),
        ('[{loss={kind="nope"}}]', "parts[0].loss.kind: got 'nope', expected one of correlation"),
        ("[{wait=2}]", "parts[0].wait: there is no such setting; nearest: "),
        ("[{weight=0}]", "parts[0].weight: got 0, expected a number, above 0"),
        ("[{horizon_weights=[0, 0, 0, 0]}]", "all horizons of the part have the weight 0"),
        ("[{horizon_weights=[-1, 0, 0, 2]}]", "parts[0].horizon_weights: got -1 as item 1"),
        ("[3]", "parts: got 3 as item 1 (--set), expected a list of groups of settings"),
    ],
)
def test_a_part_that_is_wrong_is_named(parts, said):
    with pytest.raises(ConfigError) as caught:
        chosen(f"{PATH}.kind=combined", f"{PATH}.parts={parts}")
    assert said in str(caught.value)
    assert "1 setting is wrong" in str(caught.value)
