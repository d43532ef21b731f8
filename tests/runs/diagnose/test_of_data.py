"""Each check of a fold on the facts that it must name, and silent on healthy ones."""

import pytest

from gogooku.runs.config import LabelOrder
from gogooku.runs.diagnose.of_data import flat, mismatch, no_signal, starved
from support.fits import HORIZONS, fold, measures, related


@pytest.mark.parametrize("check", [mismatch, flat, no_signal, starved])
def test_a_healthy_fold_has_nothing(facts, check):
    assert check(facts, fold()) is None


def test_scores_that_are_not_those_stored_are_counted(facts):
    found = mismatch(facts, fold(differing=3, largest=0.25))
    assert "3 of 600 differ" in found.what
    assert found.evidence["largest_difference_in_spreads"] == 0.25
    assert found.next_step.endswith("gogooku train atft-gat-fan --dataset law-1 --set seed=3")


def test_flat_scores_name_their_horizons(facts):
    shares = dict.fromkeys(HORIZONS, 1.0) | {5: 0.02, 10: 0.05}
    found = flat(facts, fold(own_scores=shares))
    assert "horizons 5, 10" in found.what
    assert "2.0% of names" in found.what
    assert flat(facts, fold(own_scores=shares | {5: 0.1, 10: 0.1})) is None


def signalless(**changes):
    return fold(valid=measures(0.015), related=related(0.018), **changes)


def test_labels_without_signal_need_both_scores_and_features_without_relation(facts):
    facts.run.config = type("Config", (), {"label_order": LabelOrder.TRUE})
    found = no_signal(facts, signalless())
    assert found.evidence["closest_feature"] == "rsi_14"
    assert found.evidence["closest_errors"] == pytest.approx(3.6)
    assert "gogooku audit law-1" in found.next_step
    assert no_signal(facts, fold(valid=measures(0.015))) is None
    assert no_signal(facts, fold(related=related(0.018))) is None
    assert no_signal(facts, fold(valid=measures(-0.05), related=related(0.018))) is None


def test_labels_that_are_permuted_on_purpose_are_called_so(facts):
    facts.run.config = type("Config", (), {"label_order": LabelOrder.SHUFFLED})
    assert "label_order=true" in no_signal(facts, signalless()).next_step


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"train_sessions": 59}, "59 train sessions (at least 60)"),
        ({"valid_sessions": 19}, "19 validation sessions (at least 20), which leave RankIC"),
        ({"names": 29.0}, "29 names a session (at least 30)"),
    ],
)
def test_what_there_is_too_little_of_is_named_with_what_is_enough(facts, change, words):
    found = starved(facts, fold(**change))
    assert found.what == f"starved of data: {words}" or words in found.what
    assert "--source law" in found.next_step
