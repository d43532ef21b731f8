"""A dataset at the premarket clock: what the night adds, what it does not, and who has no night."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from gogooku.core.calendar import TOKYO, Clock
from gogooku.core.errors import ContractError, DataError
from gogooku.core.files import read_json
from gogooku.core.types import Portfolio
from gogooku.dataset.build import require_clock
from gogooku.dataset.home import datasets_folder, labels_of, read_values
from gogooku.features.catalogue import by_name, described
from gogooku.ingest.source import Source, read_source
from gogooku.learn.checkpoint import Header
from gogooku.learn.models.single_feature.config import ReversalConfig
from gogooku.runs.trade import market_bars
from support.audits import build
from support.source_world import source_world
from support.typed_source import FEATURES, deliver

SINCE = "stmt_sessions_since_statement"


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The same source at both clocks."""
    home = tmp_path_factory.mktemp("clocks") / "home"
    deliver(home, "typed")
    return [build(home, "typed", FEATURES, clock=clock) for clock in Clock]


def test_the_morning_knows_what_was_disclosed_in_the_evening(both):
    evening, morning = (read_values(one, [SINCE])[0] for one in both)
    dataset, rows = both[0], source_world().typed("statements")
    night = {
        (day, code)
        for day, code, known in rows.select("event_date", "code", "available_at").iter_rows()
        if (known + timedelta(hours=9)).time() == time(0, 30)
    }
    news = np.argwhere((morning[:-1] == 0.0) & (evening[:-1] != 0.0))
    assert len(news) > 5
    for t, n in news:
        first, last = dataset.sessions[t].item(), dataset.sessions[t + 1].item()
        days = pl.date_range(first, last - timedelta(days=1), eager=True)
        assert any((day, dataset.codes[n]) in night for day in days), (first, dataset.codes[n])
        assert evening[t + 1, n] == 0.0


def test_universe_labels_and_bars_are_those_of_the_evening(both):
    evening, morning = both
    parts = [one.manifest["parts"] for one in both]
    differs = {name for name in parts[0] if parts[0][name] != parts[1][name]}
    assert differs == {"x", "features"}
    night = {name for name in FEATURES if described(by_name(name))["clock"] == "premarket"}
    assert night == {"stmt_imp_statement", SINCE}
    for name in evening.features:
        values = [read_values(one, [name])[0] for one in both]
        assert np.array_equal(*values, equal_nan=True) is (name not in night), name
    assert (
        labels_of(evening).manifest["content_hash"] == labels_of(morning).manifest["content_hash"]
    )
    slack = [one.manifest["slack_seconds"]["quotes"] for one in both]
    assert slack == [3.5 * 3600, 16.0 * 3600]


def test_a_dataset_says_its_clock(both):
    for dataset, clock in zip(both, Clock, strict=True):
        assert dataset.clock is clock
        assert read_json(dataset.folder / "dataset.json")["clock"] == str(clock)


def test_a_morning_decision_is_filled_at_the_open_that_follows_it(both):
    bars = market_bars(both[1])
    for t in range(len(bars.sessions) - 1):
        decided, filled = bars.instants(t)
        assert filled - decided == timedelta(minutes=30)
        Portfolio(decided_at=decided, filled_at=filled, weights={})
    known = TOKYO.known_at(bars.sessions[-1:])[0].astype(datetime).replace(tzinfo=UTC)
    assert market_bars(both[0]).instants(len(bars.sessions) - 2)[0] < decided < known


def test_a_model_of_one_clock_refuses_the_other(both):
    evening, morning = both
    header = Header.of(ReversalConfig(), evening, trained_through={1: evening.sessions[9].item()})
    header.check(evening)
    with pytest.raises(ContractError, match=r"or at another clock \(here premarket\)"):
        header.check(morning)


def test_daily_bars_alone_have_no_night(imported_home):
    name = "prices"
    assert read_source(imported_home, name).exchange == "tokyo"
    with pytest.raises(DataError, match="has daily bars only.*Build with clock evening, or sync"):
        build(imported_home, name, clock=Clock.PREMARKET)
    assert not datasets_folder(imported_home).exists()


def test_an_exchange_without_a_calendar_is_refused_first():
    class Abroad(Source):
        def quotes(self):
            return pl.LazyFrame({"date": [datetime(2026, 6, 5).date()]})

    source = Abroad(name="abroad", folder=Path("none"), manifest={"exchange": "new_york"})
    with pytest.raises(DataError, match="new_york: the clock 'premarket' is not defined"):
        require_clock(source, Clock.PREMARKET)
    require_clock(source, Clock.EVENING)
