"""Settings that follow from the exchange."""

import pytest

from gogooku.core.calendar import EXCHANGES
from gogooku.core.config import resolve
from gogooku.core.errors import DataError
from gogooku.core.terms import TERMS, at_exchange, money, terms_of
from gogooku.dataset.assemble import BuildConfig
from gogooku.dataset.universe import UniverseConfig
from gogooku.portfolio.backtest import TradeConfig
from gogooku.runs.report import ReportConfig


def test_every_exchange_has_its_terms():
    assert set(TERMS) == set(EXCHANGES)
    with pytest.raises(DataError, match="known: new_york, tokyo"):
        terms_of("london")


@pytest.mark.parametrize("config", [BuildConfig(), TradeConfig(), ReportConfig()])
def test_untouched_settings_are_those_of_tokyo_until_an_exchange_is_known(config):
    resolved = resolve(config, base_name="x")
    there = at_exchange(resolved, "tokyo")
    assert there.config == resolved.config
    assert there.config.content_hash == resolved.config.content_hash
    assert "default of exchange tokyo" in there.origins.values()


def test_new_york_has_its_own_and_says_so():
    built = at_exchange(resolve(BuildConfig(), base_name="x"), "new_york")
    assert built.config.universe.min_traded_value == TERMS["new_york"].min_traded_value
    assert built.config.universe.markets == ()
    traded = at_exchange(resolve(TradeConfig(), base_name="x"), "new_york").to_json()
    assert traded["lot_size"] == {"value": 1, "from": "default of exchange new_york"}
    assert traded["costs.commission_bps"]["from"] == "default"


def test_a_number_that_somebody_states_wins_even_where_it_is_the_default(tmp_path):
    text = f"universe.min_traded_value={UniverseConfig().min_traded_value}"
    resolved = resolve(BuildConfig(), base_name="x", assignments=[text])
    there = at_exchange(resolved, "new_york").to_json()["universe.min_traded_value"]
    assert there == {"value": 50_000_000.0, "from": "--set"}
    file = tmp_path / "my.toml"
    file.write_text("lot_size = 100\n")
    traded = at_exchange(resolve(TradeConfig(), base_name="x", file=file), "new_york")
    assert traded.config.lot_size == 100
    function = resolve(BuildConfig(universe=UniverseConfig(markets=("Prime",))), base_name="x")
    assert at_exchange(function, "new_york").config.universe.markets == ("Prime",)


def test_twice_is_once():
    once = at_exchange(resolve(TradeConfig(), base_name="x"), "new_york")
    assert at_exchange(once, "tokyo") == once


def test_money_has_its_currency():
    assert money(5e7, "tokyo") == "JPY 50,000,000"
    assert money(12.345, "new_york") == "USD 12.35"
