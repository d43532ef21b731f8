"""Small batches for losses, and slow words for what they mean."""

import math
from dataclasses import replace

import torch

from gogooku.core.ranks import gaussian_ranks
from gogooku.core.registry import load
from gogooku.learn.losses.inputs import LossInputs
from gogooku.learn.registry import LOSSES, Need


def batch(*, days=3, names=20, horizons=2, seed=0, share=0.8):
    """Scores, normal scores, mask and weights in float64."""
    generator = torch.Generator().manual_seed(seed)
    shape = (days, names, horizons)
    score = torch.randn(shape, generator=generator, dtype=torch.float64)
    mask = torch.rand(shape, generator=generator) < share
    values = torch.randn(shape, generator=generator, dtype=torch.float64)
    values[~mask] = torch.nan
    ranked = gaussian_ranks(values.transpose(1, 2).numpy())
    label = torch.from_numpy(ranked).transpose(1, 2).nan_to_num(7.0)
    weight = torch.arange(1, horizons + 1, dtype=torch.float64)
    return score, label, mask, weight / weight.sum()


def inputs_of(label, *, seed=100, horizons=(1, 2, 5, 20), **more):
    """Returns that follow the labels, features, and names that keep their places."""
    days, names, width = label.shape
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(label.shape, generator=generator, dtype=label.dtype)
    features = torch.randn((days, names, 3), generator=generator, dtype=label.dtype)
    usual = {
        "index_B": torch.arange(10, 10 + days),
        "place_BN": torch.arange(names).expand(days, names),
        "horizons": horizons[:width],
        "returns_BNH": 0.01 * (label + noise),
        "features_BNF": features,
        "features": ("size", "ret_prev_5d", "volatility_20d"),
    }
    return LossInputs(**{**usual, **more})


def value(config, score, label, mask, weight, inputs=None):
    """The loss of a batch, from the row of its config; quantiles lie about the scores."""
    row = LOSSES.row(config.kind)
    if inputs is not None and Need.QUANTILES in row.needs:
        steps = torch.tensor([-1.0, 0.0, 0.7], dtype=score.dtype)
        inputs = replace(inputs, quantiles_BNHQ=score[..., None] + steps, levels=(0.1, 0.5, 0.9))
    more = {"inputs": inputs} if row.needs else {}
    return load(row.function)(score, label, mask, weight, config, **more)


def by_session(oracle, score, label, mask, weight):
    """The mean over sessions of what a plain function of two lists gives, horizons weighted."""
    total = 0.0
    for day in range(len(score)):
        for h, part in enumerate(weight.tolist()):
            m = mask[day, :, h]
            total += part * oracle(score[day, m, h].tolist(), label[day, m, h].tolist())
    return total / len(score)


def logistic(x):
    return 1.0 / (1.0 + math.exp(-x))


def standard(values):
    mean = sum(values) / len(values)
    spread = math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))
    return [(v - mean) / spread for v in values]


def correlation(one, other):
    return sum(a * b for a, b in zip(standard(one), standard(other), strict=True)) / len(one)


def normal_share(x):
    return 0.5 * (1.0 + math.erf(x / math.sqrt(2.0)))
