"""Rolling variances, higher moments, covariances and slopes: the second half of the kernels.

Null policy and exactness are those of `gogooku.features.engine.kernels`.
"""

from __future__ import annotations

import numpy as np

from gogooku.core.metrics import FloatArray
from gogooku.features.engine.kernels import FLAT, counted, fewest, masked, ratio, root, window_sum


def rolling_var(values: FloatArray, window: int) -> FloatArray:
    """Sample variance (n - 1) over the window, of a series whose mean is small against its spread.

    For returns and the like; levels go through `rolling_mean_var`.
    """
    known, valid = masked(values)
    count = counted(valid, window)
    total = window_sum(known, window)
    total *= total
    total /= count
    known *= known
    squares = window_sum(known, window)
    squares -= total
    squares /= count - 1.0
    return np.asarray(np.maximum(squares, 0.0, out=squares))


def rolling_sd(values: FloatArray, window: int) -> FloatArray:
    """Sample standard deviation of returns and the like; see `rolling_var`."""
    out = rolling_var(values, window)
    np.sqrt(out, out=out)
    return out


def rolling_mean_var(values: FloatArray, window: int) -> tuple[FloatArray, FloatArray]:
    """Mean and sample variance over the window, of any series.

    Blocks are merged by their means and centred squares (Chan, Golub & LeVeque 1983), so a small
    spread around a large level keeps its digits.
    """
    known, valid = masked(values)
    block = (valid.astype(np.float64), known, np.zeros_like(known))
    size, rest, covered = 1, window, 0
    out: tuple[FloatArray, FloatArray, FloatArray] | None = None
    while rest:
        if rest & size:
            out = block if out is None else _merge(out, block, covered)
            covered += size
            rest -= size
        if rest:
            block = _merge(block, block, size)
            size *= 2
    assert out is not None
    count, mean, squares = out
    enough = count >= fewest(window)
    variance = np.full_like(squares, np.nan)
    np.divide(squares, count - 1.0, out=variance, where=enough)
    return np.where(enough, mean, np.nan), variance


def _merge(
    newer: tuple[FloatArray, FloatArray, FloatArray],
    older: tuple[FloatArray, FloatArray, FloatArray],
    sessions: int,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    count, mean, squares = (each.copy() for each in newer)
    if sessions >= len(count):
        return count, mean, squares
    n_old, mean_old, squares_old = (each[: len(count) - sessions] for each in older)
    n_new = newer[0][sessions:]
    total = n_new + n_old
    weight = n_old / np.maximum(total, 1.0)
    count[sessions:] = total
    step = mean_old - mean[sessions:]
    total = step * weight
    mean[sessions:] += total
    step *= total
    step *= n_new
    step += squares_old
    squares[sessions:] += step
    return count, mean, squares


def zscore(values: FloatArray, window: int) -> FloatArray:
    """Value less its mean over the window, over the standard deviation there."""
    mean, variance = rolling_mean_var(values, window)
    return ratio(values - mean, root(variance), floor=FLAT)


def rolling_moments(values: FloatArray, window: int) -> tuple[FloatArray, FloatArray]:
    """Skewness and excess kurtosis (population moments) of returns over the window."""
    known, valid = masked(values)
    count = counted(valid, window)
    power = known.copy()
    raw = []
    for _ in range(4):
        raw.append(window_sum(power, window) / count)
        power = power * known
    m1, m2, m3, m4 = raw
    variance = m2 - m1 * m1
    third = m3 - 3.0 * m1 * m2 + 2.0 * m1**3
    fourth = m4 - 4.0 * m1 * m3 + 6.0 * m1**2 * m2 - 3.0 * m1**4
    spread = root(variance)
    skew = ratio(third, spread**3, floor=FLAT**3)
    return skew, ratio(fourth, variance**2, floor=FLAT**4) - 3.0


def _paired(
    first: FloatArray, second: FloatArray, window: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Both series with zero where either is null, and the count of joint sessions."""
    if second.ndim < first.ndim:
        second = second[:, None]
    both = ~(np.isnan(first) | np.isnan(second))
    return np.where(both, first, 0.0), np.where(both, second, 0.0), counted(both, window)


def _centred(
    product: FloatArray, sums: tuple[FloatArray, FloatArray], count: FloatArray, window: int
) -> FloatArray:
    out = window_sum(product, window)
    out -= sums[0] * sums[1] / count
    out /= count - 1.0
    return out


def rolling_cov(
    first: FloatArray, second: FloatArray, window: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Sample covariance and both variances of two series of returns, over jointly valid sessions.

    A ``[T]`` series serves every name. Returns (covariance, variance of first, of second).
    """
    x, y, count = _paired(first, second, window)
    sum_x, sum_y = window_sum(x, window), window_sum(y, window)
    covariance = _centred(x * y, (sum_x, sum_y), count, window)
    var_x = _centred(x * x, (sum_x, sum_x), count, window)
    var_y = _centred(y * y, (sum_y, sum_y), count, window)
    return covariance, np.maximum(var_x, 0.0), np.maximum(var_y, 0.0)


def rolling_beta(first: FloatArray, second: FloatArray, window: int) -> FloatArray:
    """Slope of ``first`` on ``second`` over the window, same sessions."""
    x, y, count = _paired(first, second, window)
    sum_x, sum_y = window_sum(x, window), window_sum(y, window)
    covariance = _centred(x * y, (sum_x, sum_y), count, window)
    variance = _centred(y * y, (sum_y, sum_y), count, window)
    return ratio(covariance, variance, floor=FLAT**2)


def rolling_corr(first: FloatArray, second: FloatArray, window: int) -> FloatArray:
    """Pearson correlation over the window."""
    covariance, var_x, var_y = rolling_cov(first, second, window)
    flat = (var_x <= FLAT**2) | (var_y <= FLAT**2)
    scale = root(var_x) * root(var_y)
    scale[flat] = np.nan
    return np.clip(covariance / scale, -1.0, 1.0)
