"""When companies report, and the forecasts that open their years."""

from dataclasses import replace

import numpy as np
import pytest

from gogooku.sandbox.sources.companies import companies, days_of
from gogooku.sandbox.sources.reports import (
    disclosure_minutes,
    is_listed,
    plan_reports,
    year_targets,
)


@pytest.fixture(scope="module")
def world(firm_market):
    firms, days = companies(firm_market), days_of(firm_market)
    return firm_market, firms, days, plan_reports(firm_market, firms, days)


def test_quarters_follow_each_other_and_end_with_the_fiscal_year(world):
    _, firms, _, reports = world
    assert (reports.quarter == np.arange(reports.quarter.shape[1]) % 4 + 1).all()
    assert (reports.year == np.arange(reports.year.shape[1]) // 4).all()
    assert reports.num_years == reports.quarter.shape[1] // 4
    months = reports.period_end.astype("datetime64[M]")
    assert (np.diff(months.astype(int), axis=1) == 3).all()
    assert (reports.period_end + 1 == (months + 1).astype("datetime64[D]")).all(), "ends of months"
    ends = reports.year_end.astype("datetime64[M]")
    assert (ends.astype(int) % 12 + 1 == firms.fiscal_month[:, None]).all()
    assert (
        reports.year_end[reports.quarter == 4] == reports.period_end[reports.quarter == 4]
    ).all()
    steps = (ends - months).astype(int)
    assert (steps == 3 * (4 - reports.quarter)).all()


def test_documents_come_some_weeks_after_the_period_on_a_session(world):
    _, firms, days, reports = world
    shown = days.date(reports.row)
    lag = (shown - reports.period_end).astype(int)
    usual = firms.lag_days[:, None]
    assert (lag >= usual - 3).all()
    assert (lag <= usual + 3 + 5 + 11).all(), "the next session may be a long holiday away"
    assert (np.diff(reports.row, axis=1) > 0).all(), "no quarter before the one before it"
    assert set(reports.minute.ravel()) <= {900, 930, 910, 915, 945, 960, 690, 720, 780, 840,
                                           1020, 1065, 1110, 1200}  # fmt: skip


def test_a_third_of_the_documents_come_at_three_in_the_afternoon():
    minutes = disclosure_minutes(np.random.default_rng(1), (40_000,))
    assert (minutes == 900).mean() == pytest.approx(0.34, abs=0.01)
    assert (minutes > 17 * 60 + 30).mean() == pytest.approx(0.05, abs=0.01), (
        "too late for the flash"
    )


def test_who_is_listed_at_a_row(firm_market):
    last = len(firm_market.sessions)
    come = np.flatnonzero(~firm_market.listed[0] & firm_market.listed.any(axis=0))[:1]
    since = int(firm_market.listed[:, come[0]].argmax())
    rows = np.array([since - 1, since, -5, last])
    made = is_listed(firm_market, rows, np.repeat(come, 4))
    assert made.tolist() == [False, True, False, False]
    old = np.flatnonzero(firm_market.listed.all(axis=0))[0]
    assert is_listed(firm_market, np.array([-5, last - 1, last]), np.repeat(old, 3)).tolist() == [
        True,
        True,
        False,
    ]


def test_targets_are_whole_millions_of_plausible_size(world):
    market, firms, days, reports = world
    targets, value = year_targets(market, firms, reports, days)
    assert targets.shape == (len(market.codes), reports.num_years, 4)
    assert (targets % 1e6 == 0).all()
    sales, net = targets[..., 0], targets[..., 3]
    assert (sales > 0).all()
    losses = (net < 0).mean()
    assert losses == pytest.approx(firms.loss_rate.mean(), abs=0.05)
    earned = net / value
    usual = np.median(np.where(net > 0, earned, np.nan)[net > 0])
    assert usual == pytest.approx(np.median(firms.earnings_yield), rel=0.15)


def test_targets_of_a_year_know_nothing_of_later_prices(world):
    market, firms, days, reports = world
    cut = 400
    later = np.arange(len(market.sessions))[:, None] >= cut
    other = replace(market, close=np.where(later, market.close * 3.0, market.close))
    starts = days.at_or_before(
        (reports.period_end[:, ::4].astype("datetime64[M]") - 2).astype("datetime64[D]")
    )
    for made, again in zip(
        year_targets(market, firms, reports, days),
        year_targets(other, firms, reports, days),
        strict=True,
    ):
        before = starts < cut
        np.testing.assert_array_equal(made[before], again[before])
        assert (made[starts > cut + 100] != again[starts > cut + 100]).any()
