"""Curves of a training: what is drawn of which events, by fit, by part and in the mean."""

import pytest

from gogooku.evaluate.training_charts import MOST_FITS, training_charts
from gogooku.evaluate.words import both


def epoch(number, *, fold=0, level=0.0, **more):
    return {
        "event": "epoch",
        "fold": fold,
        "epoch": number,
        "loss": 1.0 - 0.1 * number,
        "train_rank_ic": {"1": 0.1 * number + level, "5": 0.3 * number + level},
        "rank_ic": {"1": 0.05 * number, "5": 0.15 * number},
        "gates": {"graph": 0.5},
        "parts": {"embed": {"gradient": 0.2, "update": 0.003}, "fan": {"gradient": 0, "update": 0}},
        **more,
    }


def lines(figure):
    """Values by epoch of each line; those that are not known are left out."""
    return {
        both(one.name).en: {
            int(epoch): value for epoch, value in zip(figure.x, one.y, strict=True) if value
        }
        for one in figure.series
    }


def test_learning_curves_are_means_over_horizons_of_train_and_validation():
    found = lines(training_charts([epoch(1), epoch(2)])["training-rankic"])
    assert found["fold 0: train"] == pytest.approx({1: 0.2, 2: 0.4})
    assert found["fold 0: validation"] == pytest.approx({1: 0.1, 2: 0.2})


def test_train_is_solid_validation_dashed_and_a_fold_has_one_colour():
    events = [epoch(n, fold=fold) for fold in (0, 1) for n in (1, 2)]
    styles = {one.name.en: one for one in training_charts(events)["training-rankic"].series}
    assert styles["fold 1: train"].dash == "solid"
    assert styles["fold 1: validation"].dash == "dash"
    assert styles["fold 1: train"].colour == styles["fold 1: validation"].colour
    assert styles["fold 0: train"].colour != styles["fold 1: train"].colour
    assert styles["fold 1: train"].name.ja == "フォールド1: 訓練"


def test_an_epoch_done_again_is_drawn_once_and_as_it_was_the_last_time():
    found = training_charts([epoch(1), epoch(2), epoch(2, level=1.0)])
    assert lines(found["training-rankic"])["fold 0: train"][2] == pytest.approx(1.4)


def test_of_many_fits_the_mean_is_drawn_of_those_that_came_so_far():
    events = [epoch(1, fold=fold, level=float(fold)) for fold in range(MOST_FITS + 1)]
    events.append(epoch(2, fold=0))
    found = lines(training_charts(events)["training-rankic"])
    assert list(found) == ["mean of 5 fits: train", "mean of 5 fits: validation"]
    assert found["mean of 5 fits: train"] == pytest.approx({1: 2.2, 2: 0.4})


def test_members_and_refits_are_fits_of_their_own():
    refit = {"event": "fold", "fold": 0, "fitted_on": "train and valid"}
    member = {"member": "atft_gat_fan", "member_number": 1, "member_seed": 2}
    bare = {"event": "epoch", "fold": 0, "epoch": 1, "loss": 0.4, "kept": True}
    charts = training_charts([epoch(1, **member), refit, {**bare, **member}])
    assert set(lines(charts["training-loss"])) == {
        "fold 0, member 1, seed 2: loss",
        "fold 0, member 1, seed 2, refit: loss",
    }
    assert len(charts["training-rankic"].series) == 2


def test_a_probe_has_curves_of_its_own():
    events = [epoch(1, part="probe"), epoch(2, part="probe"), epoch(1)]
    found = lines(training_charts(events)["training-rankic"])
    assert list(found["fold 0: train"]) == [1]
    assert list(found["fold 0, probe: train"]) == [1, 2]


def test_parts_are_drawn_on_a_logarithmic_axis_and_nothing_at_zero():
    charts = training_charts([epoch(1), epoch(2, fold=1)])
    embed, fan = charts["training-gradients"].series
    assert (embed.name, list(embed.y)) == ("embed", [0.2, 0.2])
    assert (fan.name, list(fan.y)) == ("fan", [None, None])
    assert charts["training-gradients"].logarithmic
    assert lines(charts["training-updates"])["embed"] == {1: 0.003, 2: 0.003}
    assert lines(charts["training-gates"]) == {"graph": {1: 0.5, 2: 0.5}}


def test_axes_have_names_and_whole_epochs():
    events = [epoch(n) for n in range(1, 41)]
    for figure in training_charts(events).values():
        assert figure.x_label.en == "epoch"
        assert [place for place, _ in figure.ticks][:3] == [1.0, 5.0, 9.0]
        assert figure.y_label.ja


def test_of_a_learner_without_epochs_nothing_is_drawn():
    assert training_charts([{"event": "penalty", "fold": 0}]) == {}
    assert training_charts([]) == {}
    assert set(training_charts([{"event": "epoch", "epoch": 1, "loss": 0.5}])) == {"training-loss"}
