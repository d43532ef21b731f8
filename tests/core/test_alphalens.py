"""Measures that alphalens-reloaded 0.5.1 has too, on one panel; its numbers are kept here.

Made with alphalens-reloaded 0.5.1, pandas and scipy: `utils.get_clean_factor(factor, returns,
quantiles=10, max_loss=1.0)` of the panel below (business days from 2024-01-01), then
`performance.factor_information_coefficient`, `factor_rank_autocorrelation`,
`mean_return_by_quantile(by_date=True)` (demeaned) and `quantile_turnover(quantile, 10, 1)`.
``benchmarks/metrics.py --alphalens-python`` compares a large panel anew.
"""

import numpy as np

from gogooku.core import cross_section as cross
from gogooku.core.persistence import Places, autocorrelation, overlap


def panel(*, gaps):
    """Six sessions of a hundred names; ties and holes where gaps are asked for."""
    rng = np.random.default_rng(16)
    score = rng.normal(size=(1, 100)) + 0.5 * rng.normal(size=(6, 100))
    label = 0.02 * (0.3 * score + rng.normal(size=(6, 100)))
    if gaps:
        score, label = score.round(1), label.round(3)
        score[rng.random(score.shape) < 0.1] = np.nan
        label[rng.random(label.shape) < 0.1] = np.nan
    return score, label


RANK_IC = [
    0.36387638763876384,
    0.27554755475547554,
    0.3493189318931893,
    0.20037203720372035,
    0.21047704770477044,
    0.40194419441944185,
]
AUTOCORRELATION = [
    0.8028322832283228,
    0.8493129312931293,
    0.7702250225022502,
    0.8346234623462346,
    0.8692349234923492,
]
DECILES = [
    -0.010235821024338156,
    -0.00941590430841218,
    -0.003744750609689819,
    -0.005043377179672247,
    0.0008303275717489964,
    0.004867858602919053,
    0.004268708882916805,
    -0.006570538621829517,
    0.009259192642741474,
    0.0157843040436156,
]
"""Of the third session."""
TURNOVER = [0.4, 0.5, 0.4, 0.5, 0.6]
RANK_IC_GAPS = [
    0.3602173737401161,
    0.2706548611983486,
    0.3121332901497271,
    0.12522902268166652,
    0.20663281167445743,
    0.5257711421721831,
]
AUTOCORRELATION_GAPS = [
    0.7973657275210849,
    0.8242610593149654,
    0.73963390982572,
    0.8264216048204653,
    0.8740439766984734,
]


def measured(*, gaps):
    score, label = panel(gaps=gaps)
    kernels = {
        "rank_ic": cross.rank_ic,
        "deciles": cross.decile_excess,
        "weights": cross.top_weights(10),
        "scores": lambda s: s.score_places.astype(np.float32),
        "known": lambda s: s.known,
    }
    return cross.by_session(kernels, score, label)


def test_without_gaps():
    ours = measured(gaps=False)
    np.testing.assert_allclose(ours["rank_ic"], RANK_IC, atol=1e-12)
    np.testing.assert_allclose(ours["deciles"][2], DECILES, atol=1e-14)
    places = Places.of(ours["scores"], ours["known"])
    np.testing.assert_allclose(autocorrelation(places)[1:], AUTOCORRELATION, atol=1e-12)
    turnover = 1.0 - overlap(ours["weights"], 1, top_k=10)[1:]
    np.testing.assert_allclose(turnover, TURNOVER, atol=1e-7)


def test_with_ties_and_gaps():
    ours = measured(gaps=True)
    np.testing.assert_allclose(ours["rank_ic"], RANK_IC_GAPS, atol=1e-12)
    places = Places.of(ours["scores"], ours["known"])
    np.testing.assert_allclose(autocorrelation(places)[1:], AUTOCORRELATION_GAPS, atol=1e-12)
