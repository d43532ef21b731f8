"""Each check of a network on the events that it must name, and silent on healthy ones."""

import pytest

from gogooku.learn.models.atft_gat_fan.config import AtftGatFanConfig
from gogooku.runs.diagnose.findings import Fault
from gogooku.runs.diagnose.of_network import (
    cap,
    dead_parts,
    few_rows,
    memory,
    modes,
    not_learning,
    over_regularised,
    overfit,
    rate_high,
    rate_low,
    rises,
    unreached,
)
from support.fits import epoch, examined, fit, fold, measures, related

CHECKS = (
    *(rate_high, rate_low, modes, unreached, dead_parts, over_regularised, overfit, cap, memory),
    *(few_rows, not_learning),
)


def epochs(curves, **more):
    """Epochs of (train, validation) RankIC."""
    return [epoch(n, train=t, valid=v, **more) for n, (t, v) in enumerate(curves, start=1)]


@pytest.mark.parametrize("check", CHECKS)
def test_a_healthy_fit_has_nothing(facts, check):
    assert not check(facts, fit())


@pytest.mark.parametrize("check", CHECKS)
def test_a_fit_of_an_earlier_version_that_told_little_has_nothing(facts, check):
    told = ("event", "epoch", "loss", "rank_ic", "kept")
    bare = [{name: one[name] for name in told} for one in epochs([(0, 0.05)] * 3)]
    assert not check(facts, fit(*bare, facts=None))
    assert not check(facts, fit({"event": "model", "parameters": 10}, facts=None))


def test_a_rate_that_makes_the_weights_anew_is_too_high(facts):
    found = rate_high(facts, fit(*epochs([(0.05, 0.04)] * 3, update=0.2)))
    assert found.fault is Fault.RATE_HIGH
    assert found.evidence["largest_update"] == pytest.approx(0.2)
    assert "--set learner.training.learning_rate=5e-05" in found.next_step
    assert rate_high(facts, fit(*epochs([(0.05, 0.04)] * 3, update=0.09))) is None


def test_a_loss_that_jumps_is_a_rate_too_high_but_not_from_phase_to_phase(facts):
    rows = [epoch(n, train=0.05, valid=0.04, loss=loss) for n, loss in ((1, 1.0), (2, 1.3))]
    assert "1.30 times" in rate_high(facts, fit(*rows)).what
    phases = [{**row, "phase": name} for row, name in zip(rows, "ab", strict=True)]
    assert rate_high(facts, fit(*phases)) is None


def test_a_rate_is_too_low_where_neither_weights_nor_loss_move(facts):
    still = epochs([(0.01, 0.01)] * 3, update=1e-5)
    found = rate_low(facts, fit(*still))
    assert found.evidence["path"] == pytest.approx(3 * 50 * 1e-5)
    assert "--set learner.training.learning_rate=0.2" in found.next_step
    fell = [{**one, "loss": 1.0 - 0.1 * n} for n, one in enumerate(still)]
    assert rate_low(facts, fit(*fell)) is None
    assert rate_low(facts, fit(*epochs([(0.01, 0.01)] * 3, update=1e-3))) is None


def test_modes_that_disagree_are_a_mismatch(facts):
    found = modes(facts, fit(examined(agreement=0.2)))
    assert found.fault is Fault.MISMATCH
    assert "0.20 over 8 validation sessions" in found.what


def test_unreached_weights_are_named_with_their_part_and_since_when(facts):
    names = ["graph.left.bias", "graph.left.weight"]
    last = epoch(1, train=0.05, valid=0.05, unreached=names)
    late = unreached(facts, fit({"event": "gradients", "unreached": []}, last, examined()))
    assert "at the end of the training" in late.what
    assert late.where == "graph"
    assert "--set learner.graph=none" in late.next_step
    early = unreached(facts, fit({"event": "gradients", "unreached": names}, examined(off={})))
    assert "from the first step" in early.what
    assert "connect graph to a score" in early.next_step


def test_a_part_that_moves_no_score_does_nothing(facts):
    bare = {"moved": 0.004, "rank_ic": [0.05] * 4}
    told = examined(without={"graph": bare, "fuse": bare, "skip": {**bare, "moved": 0.5}})
    graph, fuse = dead_parts(facts, fit(*epochs([(0.05, 0.05)]), told))
    assert "0.40% of their spread, its gate is open by 0.500" in graph.what
    assert "--set learner.graph=none" in graph.next_step
    assert "take fuse out of the network" in fuse.next_step


def rising(*, train=0.0, dropout=0.4):
    curves = [(0.02 + train, 0.02), (0.03 + train, 0.03), (0.04 + train, 0.04)]
    config = AtftGatFanConfig(dropout=dropout, feature_dropout=0.0, training={"max_epochs": 6})
    return fit(*epochs(curves), config=config)


def test_over_regularised_is_near_rising_and_with_dropout(facts):
    found = over_regularised(facts, rising())
    assert "0.040 on train and 0.040 on validation" in found.what
    assert "--set learner.dropout=0.1333 --set learner.training.max_epochs=12" in found.next_step
    assert over_regularised(facts, rising(train=0.05)) is None
    assert over_regularised(facts, rising(dropout=0.1)) is None


def test_a_curve_rises_where_its_later_half_gains_more_than_noise():
    assert rises([0.01, 0.05, 0.1])
    assert not rises([0.01, 0.1, 0.102])
    assert not rises([0.1, 0.05, 0.02])
    assert not rises([0.1])


def test_overfit_is_train_far_above_a_falling_validation(facts):
    far = [(0.1, 0.05), (0.2, 0.06), (0.3, 0.03)]
    found = overfit(facts, fit(*epochs(far)))
    assert "fell from 0.060 (epoch 2) to 0.030" in found.what
    assert "--set learner.dropout=0.5" in found.next_step
    assert overfit(facts, fit(*epochs([(0.1, 0.05), (0.3, 0.06)]))) is None
    assert overfit(facts, fit(*epochs([(0.05, 0.06), (0.05, 0.03)]))) is None


def test_the_last_epoch_allowed_is_a_cap_where_it_still_rises(facts):
    config = AtftGatFanConfig(training={"max_epochs": 3})
    up = epochs([(0.05, 0.02), (0.06, 0.03), (0.07, 0.05)])
    found = cap(facts, fit(*up, config=config))
    assert "3 of 3 epochs" in found.what
    assert "--set learner.training.max_epochs=6" in found.next_step
    assert cap(facts, fit(*up)) is None
    assert cap(facts, fit(*up, config=config, again=True)) is None
    phases = [{**one, "phase": "fine"} for one in up]
    assert cap(facts, fit(*phases, config=config)) is None
    level = epochs([(0.05, 0.05)] * 3)
    assert cap(facts, fit(*level, config=config)) is None
    alone = AtftGatFanConfig(training={"max_epochs": 1})
    assert "1 of 1 epochs" in cap(facts, fit(*level[:1], config=alone)).what


def test_memory_that_ran_out_is_told_with_what_was_left(facts):
    parts = ((7, 2), (9, 1))
    told = [{"event": "memory", "step": s, "together": m} for s, m in parts]
    found = memory(facts, fit(*told))
    assert "2 times (first at step 7)" in found.what
    assert "steps of 4 sessions were taken in parts of 1" in found.what
    assert "--set learner.training.row_share=0.5" in found.next_step


def test_more_weights_than_rows(facts):
    found = few_rows(facts, fit({"event": "model", "parameters": 50_000}))
    assert found.what.endswith("40,000 train rows (names times sessions) for 50,000 weights")


@pytest.mark.parametrize(("seen", "words"), [(0.0, "does not learn: "), (-0.05, "the opposite: ")])
def test_a_network_that_knows_less_than_one_feature_does_not_learn(facts, seen, words):
    blind = fold(valid=measures(0.0))
    found = not_learning(facts, fit(*epochs([(seen, 0.0)] * 2), facts=blind))
    assert words in found.what
    assert "rsi_14 alone has a RankIC of 0.050 at horizon 5" in found.what
    assert not_learning(facts, fit(*epochs([(0.03, 0.0)] * 2), facts=blind)) is None
    chance = fold(valid=measures(0.0), related=related(0.01))
    assert not_learning(facts, fit(*epochs([(0.0, 0.0)] * 2), facts=chance)) is None


def test_a_member_of_a_blend_is_told_where_its_settings_are(facts):
    one = fit(*epochs([(0.05, 0.04)], update=0.2), member="member 1, atft_gat_fan, seed 0",
              path="learner.members[1]")  # fmt: skip
    assert rate_high(facts, one).next_step == (
        "in learner.members[1] (member 1, atft_gat_fan, seed 0) set training.learning_rate=5e-05"
    )
