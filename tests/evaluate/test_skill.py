"""Skill on labels with a known expectation: honest scores pass, planted leaks are caught."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from gogooku.core.calendar import tokyo_sessions
from gogooku.core.errors import ContractError
from gogooku.core.metrics import daily_rank_ic
from gogooku.core.types import Labels
from gogooku.evaluate.skill import Truth, evaluate_scores, share_of_attainable

T, N, HORIZONS = 260, 300, (1, 5)
SESSIONS = tokyo_sessions(date(2021, 1, 1), date(2022, 12, 31))[:T]
INDICES = np.arange(40, T - 10)


def market(seed=0):
    """Labels whose expectation is known, with the overlap that real ones have."""
    rng = np.random.default_rng(seed)
    part = rng.normal(size=(T, N, 1)) * np.array([0.002, 0.004])
    other = rng.normal(size=(T, N, 1)) * np.array([0.001, 0.002])
    shocks = rng.normal(0.0, 0.03, size=(T + 5, N))
    noise = np.stack([shocks[:T], sum(shocks[k : T + k] for k in range(5))], axis=-1)
    raw = (part + other + noise).astype(np.float32)
    resolved = np.full((T, 2), np.datetime64("NaT", "D"))
    for h, horizon in enumerate(HORIZONS):
        resolved[: T - 1 - horizon, h] = SESSIONS[1 + horizon :]
    raw[np.isnat(resolved).nonzero()[0].min() :] = np.nan
    excess = raw - np.nanmean(np.where(np.isnan(raw), 0, raw), axis=1, keepdims=True)
    labels = Labels(
        folder=Path("labels"),
        manifest={},
        horizons=HORIZONS,
        sessions=SESSIONS,
        codes=tuple(f"{n:04d}0" for n in range(N)),
        raw_TNH=raw,
        excess_TNH=excess,
        residual_TNH=excess,
        outcome_TNH=np.zeros((T, N, 2), dtype=np.int8),
        late_TNH=np.zeros((T, N, 2), dtype=np.int16),
        tradable_TN=np.ones((T, N), dtype=bool),
        resolved_TH=resolved,
    )
    return labels, Truth(expectation=part + other, families={"linear": part, "peers": other})


LABELS, TRUTH = market()


def honest_scores(quality=0.6, seed=1):
    rng = np.random.default_rng(seed)
    truth = TRUTH.expectation[INDICES]
    noise = rng.normal(size=truth.shape) * truth.std(axis=(0, 1))
    return (quality * truth + (1 - quality) * noise).astype(np.float32)


def test_honest_scores_have_skill_and_no_findings():
    skill = evaluate_scores(honest_scores(), INDICES, LABELS, truth=TRUTH)
    values = skill.report.values
    assert skill.findings == []
    for horizon in HORIZONS:
        attainable = values[f"h{horizon}.attainable"]
        rank_ic = values[f"h{horizon}.rank_ic"]
        assert 0.0 < rank_ic.value < attainable.value
        share = values[f"h{horizon}.share_of_attainable"]
        assert share.value == pytest.approx(rank_ic.value / attainable.value, rel=0.05)
        assert share.low < values[f"h{horizon}.alignment"].value < share.high
        assert values[f"h{horizon}.hit_rate"].value > 0.5
        assert values[f"h{horizon}.spread"].value > 0.0
        assert values[f"h{horizon}.p_at_50"].value > 0.5
        linear = values[f"h{horizon}.family_linear"].value
        assert linear > values[f"h{horizon}.family_peers"].value > 0.1
    assert values["h1.rank_ic"].n == len(INDICES)
    assert values["h5.rank_ic"].lags >= 8
    assert skill.report.facts["top_k"] == 50


def test_measures_are_those_of_core():
    scores = honest_scores()
    skill = evaluate_scores(scores, INDICES, LABELS, variant="raw")
    ours = skill.daily.filter(horizon=5)["rank_ic"].to_numpy()
    label = LABELS.raw_TNH[INDICES, :, 1].astype(float)
    np.testing.assert_array_equal(ours, daily_rank_ic(scores[:, :, 1].astype(float), label))
    by_hand = [
        stats.spearmanr(a, b).statistic for a, b in zip(scores[:9, :, 1], label, strict=False)
    ]
    np.testing.assert_allclose(ours[:9], by_hand)


def test_the_label_as_score_is_caught():
    leak = LABELS.raw_TNH[INDICES]
    with_truth = evaluate_scores(leak, INDICES, LABELS, truth=TRUTH)
    assert len(with_truth.findings) == 2
    assert "above the attainable" in with_truth.findings[0]
    without = evaluate_scores(leak, INDICES, LABELS)
    assert len(without.findings) == 2
    assert without.report.values["h1.rank_ic"].value == pytest.approx(1.0)


def test_a_faint_leak_is_caught_by_pairing():
    truth = TRUTH.expectation[INDICES].astype(np.float32)
    leak = truth + 0.003 * np.nan_to_num(LABELS.raw_TNH[INDICES])
    skill = evaluate_scores(leak, INDICES, LABELS, truth=TRUTH)
    assert abs(skill.report.values["h1.rank_ic"].value) < 0.15
    assert any("horizon 1: RankIC" in text for text in skill.findings)


def test_a_reversed_label_is_caught_without_truth():
    skill = evaluate_scores(-LABELS.raw_TNH[INDICES], INDICES, LABELS)
    assert len(skill.findings) == 2


def test_an_exposed_expectation_is_caught():
    truth = TRUTH.expectation[INDICES].astype(np.float32)
    skill = evaluate_scores(truth, INDICES, LABELS, truth=TRUTH)
    assert len(skill.findings) == 2
    assert all("contain the expectation" in text for text in skill.findings)


def test_random_scores_have_no_skill():
    scores = np.random.default_rng(3).normal(size=(len(INDICES), N, 2)).astype(np.float32)
    skill = evaluate_scores(scores, INDICES, LABELS, truth=TRUTH)
    assert skill.findings == []
    for horizon in HORIZONS:
        for name in ("rank_ic", "alignment", "ic"):
            estimate = skill.report.values[f"h{horizon}.{name}"]
            assert abs(estimate.t_stat) < 4.0


def test_constant_scores_do_not_count():
    scores = np.ones((len(INDICES), N, 2), dtype=np.float32)
    skill = evaluate_scores(scores, INDICES, LABELS, truth=TRUTH)
    assert skill.report.values["h1.rank_ic"].n == 0
    assert skill.report.to_json()["metrics"]["h1.rank_ic"]["value"] is None
    assert skill.findings == []


def test_a_small_universe_states_its_k():
    scores = honest_scores()
    scores[:, 60:] = np.nan
    skill = evaluate_scores(scores, INDICES, LABELS)
    assert skill.report.facts["top_k"] == 15
    assert skill.report.values["h1.p_at_15"].n == len(INDICES)
    assert skill.daily["num_names"].unique().to_list() == [60]


def test_unresolved_sessions_do_not_count():
    every = np.arange(40, T)
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(len(every), N, 2)).astype(np.float32)
    skill = evaluate_scores(scores, every, LABELS)
    late = skill.daily.filter(num_names=0)
    assert late["rank_ic"].null_count() == len(late) > 0
    assert skill.report.values["h5.rank_ic"].n == len(every) - len(late) // 2


def test_a_horizon_without_truth_is_judged_without():
    expectation = TRUTH.expectation.copy()
    expectation[:, :, 1] = np.nan
    skill = evaluate_scores(
        LABELS.raw_TNH[INDICES], INDICES, LABELS, truth=Truth(expectation=expectation)
    )
    assert "h1.attainable" in skill.report.values
    assert "h5.attainable" not in skill.report.values
    assert "beyond 0.15" in skill.findings[1]


def test_deciles_rise_with_skill():
    skill = evaluate_scores(LABELS.excess_TNH[INDICES], INDICES, LABELS)
    values = skill.deciles.filter(horizon=1)["value"].to_list()
    assert skill.deciles["decile"].to_list() == list(range(1, 11)) * 2
    assert values == sorted(values)
    spread = skill.report.values["h1.spread"].value
    assert values[-1] - values[0] == pytest.approx(spread)


def test_share_of_attainable_by_hand():
    share = share_of_attainable(
        np.array([0.02, 0.04, np.nan, 0.03]), np.array([0.05, 0.07, 9.0, 0.06]), horizon=1
    )
    assert (share.value, share.n) == (pytest.approx(0.5), 3)
    assert np.isnan(share_of_attainable(np.ones(5), -np.ones(5), horizon=1).value)


def test_scores_off_the_axes_are_refused():
    with pytest.raises(ContractError, match="do not fit"):
        evaluate_scores(honest_scores()[:, :-1], INDICES, LABELS)
    with pytest.raises(ContractError, match="do not fit"):
        evaluate_scores(honest_scores(), INDICES[1:], LABELS)
