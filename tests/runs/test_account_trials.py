"""Accounts as tries: which count, what the best of as many worthless ones would show."""

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest
from scipy import stats

from gogooku.runs.account_trials import (
    AccountTrial,
    MoneyTries,
    deflated_account,
    deflated_words,
    money_tries,
)

ENTRY = AccountTrial(
    key="ridge-1/backtest-1",
    run="ridge-1",
    config="c1",
    features="f1",
    account="a1",
    labels="true",
    source="tiny",
    exchange="tokyo",
    first=date(2024, 1, 4),
    last=date(2024, 6, 28),
    at=datetime(2026, 1, 5, 3, tzinfo=UTC),
    sharpe=0.08,
    excess=0.05,
    n=120,
)
WINDOW = {"source": "tiny", "exchange": "tokyo", "first": ENTRY.first, "last": ENTRY.last}


def test_a_row_is_read_as_it_was_written():
    unknown = replace(ENTRY, sharpe=None, excess=None)
    assert [AccountTrial.of_row(one.row()) for one in (ENTRY, unknown)] == [ENTRY, unknown]
    with pytest.raises(ValueError, match="soon"):
        AccountTrial.of_row([*ENTRY.row()[:8], "soon", *ENTRY.row()[9:]])


def test_tries_are_distinct_accounts_and_settings_that_were_only_judged():
    accounts = [
        ENTRY,
        replace(ENTRY, key="2", excess=0.06),  # the same three by a newer version
        replace(ENTRY, key="3", account="a2", excess=0.01),
        replace(ENTRY, key="4", config="c2", excess=None),
        replace(ENTRY, key="5", config="c3", labels="shuffled"),
        replace(ENTRY, key="6", config="c4", source="other"),
        replace(ENTRY, key="7", config="c4", exchange="new_york"),
        replace(ENTRY, key="8", config="c4", first=date(2024, 7, 1), last=date(2024, 8, 1)),
    ]
    judged = [("c1", "f1"), ("c2", "f1"), ("c9", "f1"), ("c1", "f2")]
    found = money_tries(judged, accounts, **WINDOW)
    assert found == MoneyTries(count=3 + 2, ratios=[0.06, 0.01])
    assert money_tries([], accounts, **{**WINDOW, "last": date(2024, 7, 1)}).count == 4
    assert money_tries([], [], **WINDOW) == MoneyTries(0, [])


def daily(excess):
    """An account above a benchmark that stands still."""
    equity = np.concatenate([[1e6], 1e6 * np.cumprod(1.0 + excess)])
    return pl.DataFrame({"equity": equity, "benchmark": np.full(len(equity), 1e6)})


def by_hand(excess, best):
    """The formula of Bailey & Lopez de Prado (2014), term by term."""
    n, ratio = len(excess), excess.mean() / excess.std(ddof=1)
    skew, kurtosis = stats.skew(excess), stats.kurtosis(excess, fisher=False)
    spread = np.sqrt(1.0 - skew * ratio + (kurtosis - 1.0) / 4.0 * ratio**2)
    return stats.norm.cdf((ratio - best) * np.sqrt(n - 1.0) / spread)


@pytest.mark.parametrize("ratios", [[0.1, 0.0, 0.05], [0.1], []])
def test_the_deflated_probability_is_that_of_the_formula(ratios):
    excess = np.random.default_rng(4).normal(0.001, 0.01, 500)
    found = deflated_account(daily(excess), MoneyTries(7, ratios))
    variance = np.var(ratios, ddof=1) if len(ratios) > 1 else 1.0 / 499.0
    euler = float(np.euler_gamma)
    best = (1.0 - euler) * stats.norm.ppf(1.0 - 1.0 / 7.0)
    best = np.sqrt(variance) * (best + euler * stats.norm.ppf(1.0 - 1.0 / (7.0 * np.e)))
    assert found["best_of_worthless"] == pytest.approx(best, abs=1e-12)
    assert found["probability"] == pytest.approx(by_hand(excess, best), abs=1e-8)
    assert (found["tries"], found["accounts"], found["n"]) == (7, len(ratios), 500)
    assert found["spread_of"] == ("accounts" if len(ratios) > 1 else "chance")


def test_more_tries_make_it_less_likely_and_the_words_say_how_many():
    table = daily(np.random.default_rng(4).normal(0.001, 0.01, 500))
    few, many = (deflated_account(table, MoneyTries(count, [0.1, 0.0])) for count in (2, 200))
    assert many["probability"] < few["probability"]
    assert "the best of 200 tries worth nothing would show" in deflated_words(many)
    assert "over 500 sessions" in deflated_words(few)


def test_an_account_that_is_its_benchmark_has_no_ratio():
    found = deflated_account(daily(np.zeros(50)), MoneyTries(1, []))
    assert found["excess"] is found["probability"] is None
    assert deflated_words(found).endswith("ratio: not known over 50 sessions, after 1 try")
