"""Raw channels against plain arithmetic, and that what is stored is enough for a log price."""

import math

import numpy as np
import pytest

from gogooku.features.bars.raw import (
    RAW_CHANNELS,
    RETURN_LIMIT,
    RETURN_UNIT,
    SIZE_LIMIT,
    VALUE_LIMIT,
    channel_names,
)
from gogooku.features.catalogue import BASE_INPUTS, raw_channels, select
from gogooku.features.engine.kernels import STALE_LIMIT
from gogooku.features.laws import evaluate_dense
from support.naive import NAN, roll, sd

NAMES = ("log_return", "log_value", "abs_return", "log_range", "log_gap")


def made_of(columns):
    """Every channel [T, N] of base columns, by name."""
    ordered = select(
        "ret_prev_1d", available=tuple(BASE_INPUTS), also=[f.name for f in RAW_CHANNELS]
    )
    made = evaluate_dense(ordered.ordered, columns)
    return {n: made[f.name] for n, f in zip(NAMES, RAW_CHANNELS, strict=True)}


@pytest.fixture(scope="module")
def channels(market):
    return made_of(market)


def test_the_channels_have_these_names_in_this_order():
    assert channel_names(RAW_CHANNELS) == NAMES


def last_known(close):
    """Close of the newest of the last sessions that has one; of each session, the one before."""
    out = []
    for t in range(len(close)):
        known = [v for v in close[max(0, t - 1 - STALE_LIMIT) : t] if v == v]
        out.append(known[-1] if known else NAN)
    return out


def expected(columns, n):
    """The five channels of one name, session by session, in plain arithmetic."""
    close, open_, high, low, value = (
        columns[name][:, n].tolist() for name in ("close", "open", "high", "low", "turnover")
    )
    before = last_known(close)
    gain = [c / b - 1 for c, b in zip(close, before, strict=True)]
    spread = [NAN, *roll(gain, 20, sd)[:-1]]
    usual = roll(value, 60, lambda known: math.fsum(known) / len(known))

    def within(number, limit):
        return min(limit, max(-limit, number)) if number == number else NAN

    def over(number, size):
        return within(number / size, SIZE_LIMIT) if size > 1e-9 else NAN

    def log(number):
        return math.log(number) if number > 0 else NAN

    rows = zip(close, open_, high, low, value, before, gain, spread, usual, strict=True)
    return np.array(
        [
            (
                within(log(c / b) / 0.02, RETURN_LIMIT),
                within(log(v / u), VALUE_LIMIT),
                over(abs(g), s),
                over(log(h / w), s),
                within(log(o / b) / 0.02, RETURN_LIMIT),
            )
            for c, o, h, w, v, b, g, s, u in rows
        ]
    )


@pytest.mark.parametrize("n", [0, 3, 7, 8, 9, 20])
def test_each_channel_is_what_its_meaning_says(market, channels, n):
    """Splits, halts of 20 and of 40 sessions, holes and late listings are among these names."""
    wanted = expected(market, n)
    for c, name in enumerate(NAMES):
        np.testing.assert_allclose(
            channels[name][:, n], wanted[:, c], rtol=1e-9, atol=1e-9, err_msg=name
        )


def test_usual_values_are_of_order_one(channels):
    for name, values in channels.items():
        assert 0.1 < np.nanstd(values) < 5.0, name
        assert np.isfinite(values).mean() > 0.5, name


def test_a_session_without_a_trade_has_no_value(market, channels):
    untraded = market["traded"] == 0.0
    assert untraded.sum() > 100
    for name, values in channels.items():
        assert np.isnan(values[untraded]).all(), name


def jump(columns, factor):
    """The same market with every price of a name times a factor from session 300 on."""
    out = {name: values.copy() for name, values in columns.items()}
    traded = np.isfinite(columns["close"])
    n = int(np.flatnonzero(traded[299:301].all(axis=0) & (traded[240:299].sum(axis=0) > 55))[0])
    for name in ("open", "high", "low", "close"):
        out[name][300:, n] *= factor
    return out, n


@pytest.mark.parametrize(("factor", "sign"), [(1e3, 1.0), (1e-3, -1.0)])
def test_a_jump_is_cut_at_the_limit(market, factor, sign):
    columns, n = jump(market, factor)
    made = made_of(columns)
    assert made["log_return"][300, n] == made["log_gap"][300, n] == sign * RETURN_LIMIT
    assert made["abs_return"][300, n] == SIZE_LIMIT


def test_flat_prices_have_no_size(market):
    flat = {name: values.copy() for name, values in market.items()}
    for name in ("open", "high", "low", "close"):
        flat[name][:, 1] = 500.0
    made = made_of(flat)
    assert np.isnan(made["abs_return"][:, 1]).all()
    assert np.isnan(made["log_range"][:, 1]).all()
    assert set(made["log_return"][2:, 1][np.isfinite(made["log_return"][2:, 1])]) == {0.0}


def test_steps_in_half_precision_give_the_log_price_back(market, channels):
    """Of names that move 1 to 4 % a day: to 3 basis points over 60 sessions, mostly below 1."""
    close = market["close"]
    steps = channels["log_return"].astype(np.float16).astype(np.float32)
    wrong = []
    for n in range(close.shape[1]):
        for last in range(100, len(close), 37):
            window = slice(last - 59, last + 1)
            known = np.isfinite(close[window, n])
            holes = np.diff(np.flatnonzero(np.r_[True, known, True]))
            if not known[-1] or not known[0] or holes.max() > STALE_LIMIT:
                continue
            total = np.cumsum(np.nan_to_num(steps[window, n]), dtype=np.float32)
            made = RETURN_UNIT * (total - total[-1])
            exact = np.log(close[window, n] / close[last, n])
            wrong.append(float(np.abs(made - exact)[known].max()))
    assert len(wrong) > 100
    assert 0.0 < np.median(wrong) < 1e-4
    assert max(wrong) < 3e-4
    stored = np.diff(np.log(close).astype(np.float16).astype(np.float64), axis=0)
    assert np.nanmax(np.abs(stored - np.diff(np.log(close), axis=0))) > 3e-3, "a log price itself"


def test_a_source_that_lacks_a_column_lacks_its_channels():
    assert raw_channels(tuple(BASE_INPUTS)) == RAW_CHANNELS
    bare = raw_channels(("close", "listed", "traded", "universe"))
    assert channel_names(bare) == ("log_return", "abs_return")
    assert channel_names(raw_channels(("close", "turnover"))) == NAMES[:3]
