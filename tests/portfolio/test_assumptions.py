"""Every result says what it takes for granted."""

import dataclasses

import numpy as np
import pytest

from gogooku.core.calendar import NEW_YORK
from gogooku.portfolio.assumptions import assumptions_of
from support.portfolios import account, bars


def said(market=None, **settings):
    return assumptions_of(account(**settings), market or bars([[100.0]] * 2, [[100.0]] * 2))


def test_the_usual_account():
    found = said()
    assert found["fills"].startswith("at the open of the session after the decision")
    assert "not known, so prices beyond count as locked" in found["limits"]
    assert found["dividends"].startswith("price return only, account and benchmark alike")
    assert found["participation"].startswith("no cap")
    assert found["money"] == "whole smallest units: 1 to the JPY"
    assert "short sales" not in found


@pytest.mark.parametrize(
    ("settings", "about", "words"),
    [
        ({"fills": {"price": "vwap_proxy"}}, "fills", "(open + high + low + close) / 4"),
        ({"fills": {"price": "vwap_proxy"}}, "ticks", "TOPIX 500 is not known"),
        ({"costs": {"spread_ticks": 0.5}}, "ticks", "the usual table"),
        ({"fills": {"price_limit": 0.15}}, "limits", "15.0% either way"),
        ({"fills": {"max_participation": 0.05}}, "participation", "at most 5.0% of the mean"),
        (
            {"fills": {"max_participation": 0.05, "price": "close"}},
            "participation",
            "and of the session's own volume",
        ),
        ({"delisting_haircut": 0.3}, "delistings", "less 30%"),
        ({"stance": "dollar_neutral"}, "short sales", "every name can be borrowed"),
    ],
)
def test_each_choice_is_said(settings, about, words):
    assert words in said(**settings)[about]


def test_what_the_bars_know_is_said():
    market = bars([[100.0]] * 2, [[100.0]] * 2)
    yes = np.ones((2, 1), dtype=bool)
    once = np.array([[0.0], [1.0]])
    rich = dataclasses.replace(market, dividend=once, fine_ticks=yes, lendable=~yes)
    found = said(rich, stance="dollar_neutral", costs={"spread_ticks": 0.5})
    assert found["dividends"] == (
        "in cash on the ex-date as last announced (the first on 2022-01-05), less 20.315% tax, "
        "account and benchmark alike; companies pay two to three months later"
    )
    assert found["ticks"].startswith("the finer table for the TOPIX 500")
    assert found["short sales"].startswith("lendable names only, by the margin class known at")
    assert "on which no class is known" not in found["short sales"]
    unsure = dataclasses.replace(rich, lendable=np.array([[True], [False]]), dividend=once * 0.0)
    found = said(unsure, stance="dollar_neutral")
    assert "every name on 1 sessions, the last 2022-01-04, on which no" in found["short sales"]
    assert "of which there is none" in found["dividends"]
    abroad = said(dataclasses.replace(market, exchange=NEW_YORK), costs={"spread_ticks": 0.5})
    assert (abroad["limits"], abroad["ticks"]) == ("none at this exchange", "one cent")
    assert abroad["money"] == "whole smallest units: 100 to the USD"
