"""Small batches for losses, and slow words for what they mean."""

import math

import torch

from gogooku.core.ranks import gaussian_ranks
from gogooku.core.registry import load
from gogooku.learn.registry import LOSSES


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


def value(config, score, label, mask, weight, **inputs):
    """The loss of a batch, from the row of its config."""
    return load(LOSSES.row(config.kind).function)(score, label, mask, weight, config, **inputs)


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
