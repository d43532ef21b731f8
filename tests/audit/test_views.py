"""Views of a source: nothing of what became known later, or nothing true of it; and who saw it."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from gogooku.audit.findings import Limits
from gogooku.audit.look_ahead import DayValues, check_look_ahead, difference, sample_dates
from gogooku.audit.rebuild import config_of, rebuild_of
from gogooku.audit.run import source_of
from gogooku.audit.sample import day_values
from gogooku.audit.views import Views, moment_of
from gogooku.core.calendar import Clock
from gogooku.core.progress import SilentReporter
from gogooku.features.laws import Ending
from gogooku.tables.panel import build_panel
from support.audits import ONE, build, dataset_in
from support.typed_source import FEATURES, TABLES, deliver

T = 230


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("typed") / "home"
    deliver(home, "typed")
    build(home, "typed", FEATURES)
    return home


@pytest.fixture(scope="module")
def dataset(home):
    return dataset_in(home)


@pytest.fixture(scope="module")
def source(home, dataset):
    return source_of(home, dataset)


@pytest.fixture
def moment(source, dataset):
    return moment_of(source, dataset.sessions[T].item(), clock=Clock.EVENING)


def rows_of(source, name):
    return pl.concat([pl.read_parquet(path) for path in source.table_paths(name)])


def test_a_cut_view_has_nothing_of_later(source, moment, tmp_path):
    views = Views(source, folder=tmp_path, seed=1)
    with views.written(moment, Ending.CUT) as (cut, _):
        quotes = cut.quotes().collect()
        assert quotes.equals(source.quotes().filter(pl.col("date") <= moment.day).collect())
        assert cut.indices()["date"].max() == moment.day
        ends = cut.listings()["listed_to"].drop_nulls()
        assert ends.is_empty() or ends.max() <= moment.day
        assert cut.listings()["listed_from"].max() <= moment.day
        facts = cut.listing_facts()
        assert facts["available_at"].max() <= moment.decided_at
        for name in TABLES:
            known = pl.col("available_at") <= moment.decided_at
            assert rows_of(cut, name).equals(rows_of(source, name).filter(known))
            assert rows_of(source, name).filter(~known).height
    assert not list(tmp_path.iterdir())


def test_a_table_that_was_not_known_yet_is_empty_and_there(source, dataset, tmp_path):
    first = rows_of(source, "statements")["available_at"].min()
    before = next(d for d in dataset.sessions[::-1] if d.item() < first.date())
    early = moment_of(source, before.item(), clock=Clock.EVENING)
    with Views(source, folder=tmp_path, seed=1).written(early, Ending.CUT) as (cut, _):
        rows = rows_of(cut, "statements")
        assert rows.is_empty()
        assert rows.schema == rows_of(source, "statements").schema


def test_a_garbled_view_has_the_past_and_nothing_true_after_it(source, moment, tmp_path):
    views = Views(source, folder=tmp_path, seed=1)
    with views.written(moment, Ending.GARBAGE) as (other, _):
        old, new = source.quotes().collect(), other.quotes().collect()
        past = pl.col("date") <= moment.day
        assert new.filter(past).equals(old.filter(past))
        joined = new.filter(~past).join(old.filter(~past), on=["date", "code"], suffix="_true")
        assert joined.height > 100
        same = joined["close"] == joined["close_true"]
        assert same.fill_null(value=False).mean() < 0.01
        assert new.schema == old.schema
        assert set(other.listings()["code"]) - set(source.listings()["code"])
        ended = other.listings().filter(pl.col("listed_to") > moment.day)
        assert ended.height > 2
        build_panel(other, clock=Clock.EVENING)  # it is valid: keys, listings, clocks
        for name in ("margin_interest", "statements"):
            late = pl.col("available_at") > moment.decided_at
            before, after = rows_of(source, name), rows_of(other, name)
            assert after.filter(~late).equals(before.filter(~late))
            assert after.schema == before.schema
            mine, theirs = after.filter(late), before.filter(late).head(after.filter(late).height)
            assert mine.height
            assert not mine.equals(theirs)


def test_the_dates_are_spread_and_have_a_future(dataset):
    picked = sample_dates(dataset, 5, rng=np.random.default_rng(0))
    assert len(set(picked)) == 5
    assert (np.diff(picked) > 0).all()
    assert picked.min() >= 120
    assert picked.max() < len(dataset.sessions) - 1
    assert not len(sample_dates(dataset, 0, rng=np.random.default_rng(0)))


# --------------------------------------------------------------------------------- the comparison


def checked(dataset, source, tmp_path, rebuild, sessions=(T,)):
    views = Views(source, folder=tmp_path, seed=1)
    with SilentReporter().step("test") as step:
        return check_look_ahead(
            dataset, views, rebuild, sessions=list(sessions), limits=Limits(), step=step
        )


def test_what_was_built_is_what_was_known(dataset, source, tmp_path):
    assert config_of(dataset).features == FEATURES
    assert set(dataset.features) | set(dataset.market_features) == set(FEATURES)
    made = checked(dataset, source, tmp_path, rebuild_of(dataset, execution=ONE))
    assert [str(one) for one in made.findings] == []


def test_a_clock_that_is_a_week_early_is_found(home, source, tmp_path):
    """The planted violation: a dataset whose tables claimed to be known before they were."""
    early = deliver(home, "early", early=timedelta(days=7))
    planted = build(home, early.name, FEATURES)
    made = checked(planted, source, tmp_path, rebuild_of(planted, execution=ONE), (T, T + 20))
    found = {name for one in made.findings for name in one.features}
    assert "margin_long_to_adv20" in found
    assert not found & {"ret_prev_20d", "beta_uni_60d", "mkt_ret_20d"}


def test_a_premarket_dataset_is_what_was_known_at_half_past_eight(home, source, tmp_path):
    made = build(home, "typed", FEATURES, clock=Clock.PREMARKET)
    assert moment_of(source, made.sessions[T].item(), clock=made.clock).decided_at.hour == 23
    found = checked(made, source, tmp_path, rebuild_of(made, execution=ONE), (T, T + 20)).findings
    assert [str(one) for one in found] == []


def test_a_source_that_is_a_day_early_is_found_at_the_premarket_clock(home, source, tmp_path):
    """The planted violation: what the next evening publishes is known in the morning before it."""
    early = deliver(home, "a_day_early", early=timedelta(days=1))
    planted = build(home, early.name, FEATURES, clock=Clock.PREMARKET)
    days = range(T, T + 10)
    made = checked(planted, source, tmp_path, rebuild_of(planted, execution=ONE), days)
    found = {name for one in made.findings for name in one.features}
    assert {"margin_long_to_adv20", "stmt_sessions_since_statement"} <= found
    assert not found & {"ret_prev_20d", "beta_uni_60d", "mkt_ret_20d"}


def stored_day(dataset, t):
    """A rebuild that gives what is stored."""
    ((_, values_FN),) = day_values(dataset, dataset.features, np.array([t]))
    return DayValues(
        codes=dataset.codes,
        listed_N=np.ones(len(dataset.codes), dtype=bool),
        stock=dict(zip(dataset.features, values_FN, strict=True)),
        market={n: float(dataset.market_TM[t, m]) for m, n in enumerate(dataset.market_features)},
        universe_N=np.array(dataset.valid_TN[t]),
    )


def test_each_kind_of_difference_is_a_finding(dataset, source, tmp_path):
    def honest(view, t, scratch):
        return stored_day(dataset, t)

    def only_made_up(view, t, scratch):
        day = stored_day(dataset, t)
        ahead = view.quotes().select(pl.col("date").max()).collect().item()
        if ahead > dataset.sessions[t].item():
            day.stock["ret_prev_20d"] += 0.01
        return day

    def a_null(view, t, scratch):
        day = stored_day(dataset, t)
        known = np.flatnonzero(np.isfinite(day.stock["beta_uni_60d"]))
        day.stock["beta_uni_60d"][known[0]] = np.nan
        return day

    def the_market(view, t, scratch):
        day = stored_day(dataset, t)
        day.market["mkt_ret_20d"] *= 1.01
        return day

    def the_universe(view, t, scratch):
        day = stored_day(dataset, t)
        day.universe_N[0] ^= True
        return day

    def run(rebuild):
        found = checked(dataset, source, tmp_path, rebuild).findings
        return [(one.features[0], "has other values after" in one.what) for one in found]

    assert run(honest) == []
    assert run(only_made_up) == [("ret_prev_20d", True)]
    assert run(a_null) == [("beta_uni_60d", False), ("beta_uni_60d", True)]
    assert run(the_market) == [("mkt_ret_20d", False), ("mkt_ret_20d", True)]
    assert run(the_universe) == [("universe", False), ("universe", True)]


def test_rounding_is_no_difference():
    a = np.array([1.0, 2.0, np.nan, 1e6])
    assert difference(a, a.astype(np.float32).astype(np.float64), 1.0, 1e-5)[0] == 0
    assert difference(a, a + 5e-6, 1.0, 1e-5)[0] == 0
    assert difference(a, a + np.array([0.0, 1e-4, 0.0, 0.0]), 1.0, 1e-5)[0] == 1
    assert difference(a, np.array([1.0, np.nan, np.nan, 1e6]), 1.0, 1e-5) == (1, np.inf)
    assert difference(np.ones(2), np.ones(2) + 1e-3, 0.0, 1e-5) == (2, np.inf)
