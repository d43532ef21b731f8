"""What a ledger has to know of names: written with a dataset, read on its axes, and used."""

import shutil
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from gogooku.core.errors import DataError
from gogooku.dataset.home import current_dataset
from gogooku.dataset.reading import files_of
from gogooku.dataset.trade_facts import (
    TRADE,
    read_index,
    read_trade_facts,
    trade_content,
)
from gogooku.dataset.verify import damaged_parts
from gogooku.ingest.source import read_source
from gogooku.portfolio.assumptions import assumptions_of
from gogooku.portfolio.backtest import run_backtest
from gogooku.runs.attribution import history_of
from gogooku.runs.trade import market_bars
from support.growth import build
from support.portfolios import account
from support.syncs import SOURCE, World, tokyo

TABLES = ("calendar", "master", "quotes", "topix", "dividends")
UNIVERSE = {"min_traded_value": 0.0, "lookback": 20, "min_traded_sessions": 5}
TAX = 0.20315


@pytest.fixture(scope="module")
def synced(tmp_path_factory):
    """A home with a source synced from the sandbox exchange, and a dataset of it."""
    home = tmp_path_factory.mktemp("trade") / "home"
    world = World(home, tokyo("2026-12-09 21:00"))
    assert world.sync(TABLES).source is not None
    build(home, SOURCE, features=("ret_prev_1d",), universe=UNIVERSE)
    return home


@pytest.fixture(scope="module")
def dataset(synced):
    return current_dataset(synced)


def held_over(bars, t, n):
    """An account that holds one name over session ``t``: bought at the open before it."""
    scores = np.full((2, len(bars.codes)), np.nan)
    scores[:, n] = 1.0
    config = account(cash=1e8, bps=10.0, rebalance_every=99)
    return run_backtest(bars, scores, np.array([t - 2, t - 1]), config=config)


# ------------------------------------------------------------------------------------ dividends


def test_a_holder_over_the_ex_date_is_paid_the_amount_less_tax(synced, dataset):
    """By the announcements as the exchange sent them, for every ex-date that can be held over."""
    told = pl.read_parquet(read_source(synced, SOURCE).table_paths("dividends"))
    bars = market_bars(dataset)
    paid = [(t, n) for t, n in np.argwhere(bars.dividend > 0.0).tolist() if t > 25]
    checked = 0
    for t, n in paid:
        day, code = bars.sessions[t].item(), bars.codes[n]
        known = told.filter((pl.col("code") == code) & (pl.col("ex_date") == day))
        amounts = known.filter(pl.col("status") != "deletion").sort("available_at")["dividend_yen"]
        if not bars.universe[t - 2, n] or not np.isfinite(bars.open[t - 1, n]):
            continue
        result = held_over(bars, t, n)
        (row,) = result.ledger.filter(pl.col("side") == "dividend").to_dicts()
        assert (row["date"], row["code"]) == (day, code)
        assert row["price"] == amounts[-1]
        assert row["cash"] == np.rint(row["shares"] * amounts[-1] * (1.0 - TAX))
        ledger, daily = result.ledger, result.daily
        assert 1e8 + ledger["cash"].sum() == daily["cash"][-1]
        held = result.holdings.filter(pl.col("date") == daily["date"][-1])
        worth = (held["shares"] * held["price"]).sum()
        assert daily["equity"][-1] == pytest.approx(daily["cash"][-1] + worth, abs=1e-3)
        assert daily["dividends"].sum() == row["cash"]
        checked += 1
    assert checked >= 4


def test_who_buys_on_the_ex_date_is_paid_nothing(dataset):
    bars = market_bars(dataset)
    t, n = next(
        (t, n)
        for t, n in np.argwhere(bars.dividend > 0.0).tolist()
        if t > 25 and bars.universe[t - 1, n] and np.isfinite(bars.open[t, n])
    )
    scores = np.full((1, len(bars.codes)), np.nan)
    scores[:, n] = 1.0
    result = run_backtest(bars, scores, np.array([t - 1]), config=account(cash=1e8))
    assert result.ledger["side"].to_list() == ["buy"]


def test_the_account_says_what_it_knows(dataset):
    bars = market_bars(dataset)
    said = assumptions_of(account(costs={"spread_ticks": 0.5}, stance="long_short"), bars)
    assert said["dividends"].startswith("in cash on the ex-date as last announced (the first on 20")
    assert said["ticks"].startswith("the finer table for the TOPIX 500")
    assert said["short sales"].startswith("lendable names only, by the margin class known")


# ------------------------------------------------------------------ ticks and lendable names


def masters(synced):
    """The lists as the exchange sent them: what one said is known the evening before."""
    return pl.read_parquet(read_source(synced, SOURCE).table_paths("master"))


def test_ticks_and_lendable_names_are_those_of_the_list_known_at_the_decision(synced, dataset):
    known, sessions = read_trade_facts(dataset), dataset.sessions.tolist()
    place = {code: n for n, code in enumerate(dataset.codes)}
    fine, lendable = np.zeros((2, *dataset.valid_TN.shape), dtype=bool)
    rows = masters(synced).select("event_date", "code", "scale", "margin_class").iter_rows()
    for day, code, scale, margin in rows:
        t, n = sessions.index(day), place[code]
        fine[t, n] = scale in ("TOPIX Core30", "TOPIX Large70", "TOPIX Mid400")
        # the list of a session is known the evening before, and a name that is new on the first
        lendable[max(t - 1, 0), n] = margin == "lendable"
    listed = market_bars(dataset).listed
    assert 0 < (fine & listed).sum() < listed.sum()
    np.testing.assert_array_equal(known.fine_TN[1:][listed[1:]], fine[1:][listed[1:]])
    ahead = np.vstack([listed[1:], np.zeros((1, listed.shape[1]), dtype=bool)]) & listed
    assert 0 < (lendable & ahead).sum() < ahead.sum()
    np.testing.assert_array_equal(known.lendable_TN[ahead], lendable[ahead])


def test_who_sells_short_sells_lendable_names_only(dataset):
    bars = market_bars(dataset)
    rng = np.random.default_rng(5)
    decisions = np.arange(60, 120)
    scores = rng.normal(size=(60, len(bars.codes)))
    config = account(cash=1e9, lot=1, stance="dollar_neutral", top_k=4, max_weight=0.5)
    result = run_backtest(bars, scores, decisions, config=config, history=history_of(dataset, bars))
    shorts = result.ledger.filter(pl.col("side") == "short")
    assert shorts.height > 40
    at = np.searchsorted(bars.sessions, shorts["decided"].to_numpy().astype("datetime64[D]"))
    names = [bars.codes.index(code) for code in shorts["code"]]
    assert bars.lendable[at, names].all()
    free = run_backtest(replace(bars, lendable=None), scores, decisions, config=config)
    sold = free.ledger.filter(pl.col("side") == "short")["code"].unique().to_list()
    never = np.flatnonzero(~bars.lendable.any(axis=0)).tolist()
    assert {bars.codes[n] for n in never} & set(sold), "the market has no name that is refused"


def rewritten(dataset, tmp_path, **tables):
    """The dataset with other tables beside it, unsealed as far as these are concerned."""
    folder = tmp_path / "dataset"
    shutil.copytree(dataset.folder, folder)
    for name, frame in tables.items():
        frame.write_parquet(folder / TRADE / f"{name}.parquet")
    return replace(dataset, folder=folder)


@pytest.fixture
def unsealed(monkeypatch):
    """Files are read as they lie there."""
    from gogooku.core.seal import Loose
    from gogooku.dataset import trade_facts

    monkeypatch.setattr(trade_facts, "files_of", lambda dataset: Loose(dataset.folder))


def names_table(*rows):
    schema = {"date": pl.Date, "code": pl.String, "scale": pl.String, "margin_class": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


@pytest.mark.usefixtures("unsealed")
def test_the_finer_table_holds_from_its_dates_on(dataset, tmp_path):
    """From 2014-01-14 for the TOPIX 100, from 2023-06-05 for the TOPIX 500; the evening before."""
    days = ["2014-01-09", "2014-01-10", "2014-01-14", "2023-06-02", "2023-06-05", "2023-06-06"]
    later = np.datetime64("2023-06-07") + np.arange(len(dataset.sessions) - len(days))
    sessions = np.concatenate([np.array(days, dtype="datetime64[D]"), later])
    moved, codes = replace(dataset, sessions=sessions), dataset.codes
    table = names_table(
        (date(2014, 1, 9), codes[0], "TOPIX Large70", None),
        (date(2014, 1, 9), codes[1], "TOPIX Mid400", None),
        (date(2023, 6, 5), codes[0], "TOPIX Small 1", None),
    )
    other = rewritten(moved, tmp_path, names=table)
    (other.folder / TRADE / "dividends.parquet").unlink()
    known = read_trade_facts(other)
    assert known.fine_TN[:6, 0].tolist() == [False, False, True, True, True, False]
    assert known.fine_TN[:6, 1].tolist() == [False, False, False, False, True, True]
    assert known.lendable_TN is None


@pytest.mark.usefixtures("unsealed")
def test_where_no_class_is_known_every_name_is_lendable_and_the_account_says_so(dataset, tmp_path):
    day = [one.item() for one in dataset.sessions]
    table = names_table(
        (day[0], dataset.codes[0], None, None),
        (day[3], dataset.codes[0], None, "credit"),
        (day[5], dataset.codes[1], None, "lendable"),
    )
    other = rewritten(dataset, tmp_path, names=table)
    known = read_trade_facts(other)
    assert known.fine_TN is None
    assert known.lendable_TN[:3].all()
    assert not known.lendable_TN[3:5].any()
    assert known.lendable_TN[5:].sum() == known.lendable_TN[5:, 1].sum() == len(day) - 5
    said = assumptions_of(account(stance="long_short"), market_bars(other))["short sales"]
    assert f"every name on 3 sessions, the last {day[2]}, on which no class is known" in said


@pytest.mark.usefixtures("unsealed")
@pytest.mark.parametrize(("day", "code"), [(date(2026, 6, 6), None), (None, "99999")])
def test_a_row_off_the_axes_is_refused(dataset, tmp_path, day, code):
    row = (day or dataset.sessions[0].item(), code or dataset.codes[0], "-", "lendable")
    other = rewritten(dataset, tmp_path, names=names_table(row))
    with pytest.raises(DataError, match="1 of 1 rows lie on no session or name of the dataset"):
        read_trade_facts(other)


# ----------------------------------------------------------------------------- the index, the part


def test_the_index_is_that_of_the_source(synced, dataset):
    level = read_index(dataset)
    closes = read_source(synced, SOURCE).indices().sort("date")
    assert closes["date"].to_list() == dataset.sessions.tolist()
    assert level.tolist() == closes["close"].to_list()
    history = history_of(dataset, market_bars(dataset))
    np.testing.assert_array_equal(history.index_close, level)


def test_they_are_a_part_of_their_own_outside_the_content_hash(dataset, built_home):
    parts = dataset.manifest["parts"]
    assert parts[TRADE] == trade_content(dataset.folder)
    names = files_of(dataset).names(TRADE, ".parquet")
    assert names == [f"{TRADE}/{name}.parquet" for name in ("dividends", "index", "names")]
    plain = current_dataset(built_home)
    assert TRADE not in plain.manifest["parts"]
    assert trade_content(plain.folder) is None
    known = read_trade_facts(plain)
    assert known.dividend_TN is known.fine_TN is known.lendable_TN is None
    assert read_index(plain) is None


def test_damage_of_them_is_found(dataset, tmp_path):
    assert damaged_parts(dataset) == []
    table = pl.read_parquet(dataset.folder / TRADE / "dividends.parquet")
    other = rewritten(dataset, tmp_path, dividends=table.with_columns(pl.col("dividend") * 2.0))
    assert damaged_parts(other) == [TRADE]
    with pytest.raises(DataError, match="is damaged"):
        market_bars(other)
