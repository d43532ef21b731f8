"""Field cases: markets in many spellings, no volume, survivors alone, healthy files."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.support.cli import done, is_one_paragraph, run_cli, sets, visible
from tests.support.healthy import back_adjusted, prices, with_index, with_sector
from tests.support.soak import some

from gogooku.dataset.home import current_dataset, labels_of

CASES = Path(__file__).parents[3] / "shared" / "cases"
WARM = ("universe.lookback=20", "features=basic")
FLOORLESS = ("universe.min_traded_value=0", "universe.min_traded_sessions=0")
LEAVE = 2
"""Names of `prices` that leave half way."""


def case(folder: str, file: str) -> Path:
    path = CASES / folder / file
    if not path.exists():
        pytest.skip("needs ../shared/cases beside the project")
    return path


def imported(folder: Path, frame: pl.DataFrame | Path, *assignments: str) -> Path:
    """A home with a frame imported."""
    home, file = folder / "home", folder / "prices.parquet"
    if isinstance(frame, Path):
        file = frame
    else:
        frame.write_parquet(file)
    done(home, "import", file, *sets(*assignments), "--json")
    return home


def members(home: Path, *assignments: str) -> tuple[dict[str, int], dict]:
    """Sessions in the universe of each code after a build, and what the build said."""
    said = done(home, "build", *sets(*WARM, *assignments), "--json").json
    dataset = current_dataset(home)
    counts = np.asarray(dataset.valid_TN).sum(axis=0)
    return dict(zip(dataset.codes, counts.tolist(), strict=True)), said


def refused(home: Path, *assignments: str) -> str:
    """What a build says that finds nobody; nothing of it is visible."""
    before = visible(home)
    result = run_cli(home, "build", *sets(*WARM, *assignments))
    assert result.code == 3
    assert visible(home) == before
    text = "\n".join(line for line in result.err.splitlines() if line.startswith("error"))
    assert is_one_paragraph(text)
    return text


# --------------------------------------------------------------------------------------- the folder


@pytest.mark.parametrize("file", ["jp.csv", "jquants_code.csv"])
def test_segments_in_japanese_and_by_code(tmp_path, file):
    counts, said = members(
        imported(tmp_path, case("market-segment-names-empty-universe", file)),
        "universe.lookback=60",
    )
    assert sum(counts.values()) == said["universe_rows"] == 1332
    assert said["universe"]["names"]["Prime"] == 12
    assert said["universe"]["lines"] == []


def test_a_file_without_volume_says_what_to_set(tmp_path):
    home = imported(tmp_path, case("no-volume-empty-universe", "prices.csv"))
    said = refused(home)
    assert "1,560 have no known traded value (the source has no volume)" in said
    for text in FLOORLESS:
        assert f"--set {text}" in said
    counts, _ = members(home, *FLOORLESS)
    assert sum(counts.values()) == 1560


def test_first_section_belongs_until_it_leaves(tmp_path):
    home = imported(tmp_path, case("old-section-names-survivorship", "prices.csv"))
    counts, said = members(home, "universe.markets=['Prime']")
    assert all(counts[code] > 0 for code in ("13010", "13110", "13210", "13310"))
    assert len([code for code, count in counts.items() if count]) == 14
    assert said["universe"]["names"] == {"Prime": 14}


# ----------------------------------------------------------------------------------- of their kinds


def with_market(frame: pl.DataFrame, market: pl.Expr | str) -> pl.DataFrame:
    return frame.with_columns(market=pl.lit(market) if isinstance(market, str) else market)


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return prices(names=24, sessions=90, first=date(2022, 2, 1))


@pytest.fixture(scope="module")
def codes(frame) -> list[str]:
    return frame.get_column("code").unique().sort().to_list()


@pytest.mark.parametrize(
    "text", ["東証PRM", "ﾌﾟﾗｲﾑ", "PRIME market", "第一部", "TSE1st", "０１０１"]
)
def test_further_spellings_are_prime(tmp_path, frame, text):
    counts, said = members(
        imported(tmp_path, with_market(frame, text)), "universe.markets=['0111']"
    )
    assert sum(counts.values()) > 1000
    assert said["universe"]["names"] == {"0111": 24}


def test_a_code_that_a_table_made_a_number(tmp_path, frame):
    home = imported(tmp_path, frame.with_columns(Mkt=pl.lit(111)))
    assert sum(members(home)[0].values()) > 1000


def test_markets_that_nobody_knows_stop_the_build_and_are_named(tmp_path, frame):
    home = imported(tmp_path, with_market(frame, "名証メイン"))
    said = refused(home)
    assert "are of a market that universe.markets (Prime, Standard, Growth) does not name" in said
    assert "名証メイン" in said
    assert "--set 'universe.markets=[]'" in said
    every, _ = members(home, "universe.markets=[]")
    named, _ = members(home, "universe.markets=['名証 メイン']")
    assert sum(every.values()) == sum(named.values()) > 1000


def test_some_names_of_an_unknown_market_and_of_none_are_said(tmp_path, frame, codes):
    market = (
        pl.when(pl.col("code").is_in(codes[:3])).then(pl.lit("名証メイン"))
        .when(pl.col("code").is_in(codes[3:5])).then(None)
        .otherwise(pl.lit("プライム"))
    )  # fmt: skip
    counts, said = members(imported(tmp_path, with_market(frame, market)))
    assert [counts[code] for code in codes[:5]] == [0] * 5
    unknown, none = said["universe"]["lines"]
    assert "3 names of no known segment" in unknown
    assert "名証メイン (3)" in unknown
    assert "2 of 24 names have no market" in none


def test_a_market_that_is_asked_for_and_not_there_is_said(tmp_path, frame):
    home = imported(tmp_path, with_market(frame, "プライム"))
    _, said = members(home, "universe.markets=['Prime','Grwoth']")
    assert (
        "universe.markets names Grwoth, of which there is no name" in said["universe"]["lines"][0]
    )


def test_funds_of_a_list_are_no_shares(tmp_path, frame, codes):
    market = (
        pl.when(pl.col("code") == codes[5]).then(pl.lit("ETF・ETN")).otherwise(pl.lit("プライム"))
    )
    counts, said = members(imported(tmp_path, with_market(frame, market)))
    assert counts[codes[5]] == 0
    assert said["universe"]["lines"] == []


def test_a_name_that_moves_belongs_on_the_sessions_of_its_market(tmp_path, frame, codes):
    """First Section until 2022-04-01, Standard from 2022-04-04: Prime only before."""
    switched = pl.col("date") >= date(2022, 4, 4)
    market = (
        pl.when(~switched).then(pl.lit("市場第一部"))
        .when(pl.col("code") == codes[6]).then(pl.lit("スタンダード"))
        .otherwise(pl.lit("プライム"))
    )  # fmt: skip
    home = imported(tmp_path, with_market(frame, market))
    members(home, "universe.markets=['Prime']")
    dataset = current_dataset(home)
    member = np.asarray(dataset.valid_TN)[:, dataset.codes.index(codes[6])]
    after = dataset.sessions >= np.datetime64("2022-04-04")
    assert member[~after].any()
    assert not member[after].any()
    assert run_cli(home, "audit", "--dates", "3").code == 0


def test_sections_that_ended_and_are_still_written_are_said(tmp_path, frame):
    _, said = members(imported(tmp_path, with_market(frame, "東証二部")))
    (line,) = said["universe"]["lines"]
    assert "names still have a section that ended before 2022-04-04: 東証二部" in line


def test_a_floor_nobody_reaches_says_the_median_in_the_currency(tmp_path, frame):
    said = refused(imported(tmp_path, frame), "universe.min_traded_value=1e15")
    assert "are below the floor of JPY 1,000,000,000,000,000" in said
    assert "median of theirs: JPY " in said
    lower = said.rsplit("universe.min_traded_value=", 1)[1].split(".")[0]
    members(tmp_path / "home", f"universe.min_traded_value={lower}")


def test_a_history_shorter_than_the_sessions_asked_for(tmp_path):
    home = imported(tmp_path, prices(names=12, sessions=15))
    said = refused(home)
    assert (
        "have a trade on fewer than 20 of the 20 sessions up to then, of which there are 15" in said
    )


def test_volume_that_ends_is_a_collapse_that_is_said(tmp_path):
    frame = prices(names=30, sessions=200)
    last = frame.get_column("date").unique().sort()[120]
    one = frame.get_column("code").unique().sort()[5]
    held = (pl.col("date") < last) | (pl.col("code") == one)
    gone = pl.when(held).then("volume").alias("volume")
    counts, said = members(imported(tmp_path, frame.with_columns(gone)))
    assert sum(counts.values()) > 0
    (fallen,) = said["universe"]["collapsed"]
    assert fallen["last"] == said["last"]
    assert "is the volume of those dates in the source?" in said["universe"]["lines"][0]


def test_a_partial_day_is_no_collapse(tmp_path):
    frame = prices(names=30, sessions=120)
    day = frame.get_column("date").unique().sort()[90]
    some = frame.get_column("code").unique().sort()[:3].implode()
    home = imported(tmp_path, frame.filter((pl.col("date") != day) | pl.col("code").is_in(some)))
    assert members(home, "universe.lookback=60")[1]["universe"]["collapsed"] == []


# --------------------------------------------------------------------------------------- exchanges


def test_new_york_has_its_own_floor_and_every_market(tmp_path):
    frame = with_market(prices(names=12, sessions=90, exchange="new_york", level=60.0), "NYSE")
    home = imported(tmp_path, frame, "exchange=new_york")
    counts, said = members(home)
    assert sum(counts.values()) > 0
    assert said["currency"] == "USD"
    assert said["universe"]["floor"].startswith("USD 1,000,000 mean traded value over 20 sessions")
    explained = done(home, "explain", said["dataset"], "--json").json["config"]
    floor = explained["universe.min_traded_value"]
    assert floor == {"value": 1e6, "from": "default of exchange new_york"}


# --------------------------------------------------------------------------------- survivors, whole


@pytest.fixture(scope="module")
def surviving(tmp_path_factory) -> Path:
    """A home with a run on a file from which nobody leaves."""
    frame = prices(names=60, sessions=320)
    codes = frame.get_column("code").unique().sort()[:LEAVE].implode()
    home = imported(
        tmp_path_factory.mktemp("survivors"), frame.filter(~pl.col("code").is_in(codes))
    )
    done(home, "build", *sets(*WARM), "--json")
    done(home, "train", "momentum", "--json")
    return home


@pytest.mark.parametrize(
    "command",
    [("build", *sets(*WARM)), ("audit", "--dates", "0"), ("evaluate", "momentum"),
     ("backtest", "momentum"), ("report", "momentum")],
    ids=lambda one: one[0],
)  # fmt: skip
def test_survivors_only_is_said_by_every_result(surviving, command):
    text = "survivors only: none of 58 names left in 320 sessions"
    assert re.search(f"warning[^:]*: .*{text}", done(surviving, *command).out)
    assert text in done(surviving, *command, "--json").out


def test_the_page_of_a_run_on_survivors_warns(surviving):
    page = done(surviving, "report", "momentum", "--json").json["report"]
    assert "survivors only" in Path(page).read_text()


def test_the_account_is_printed_with_its_currency(surviving):
    said = done(surviving, "backtest", "momentum").out
    assert "account: JPY 1,000,000,000, lots of 100 shares, 50 names" in said
    facts = done(surviving, "backtest", "momentum", "--json").json["facts"]
    assert (facts["currency"], facts["lot_size"], facts["top_k"]) == ("JPY", 100, 50)


# ------------------------------------------------------------------------------------ healthy files

HEALTHY = {
    "prices and volume": (lambda f: f, (), ()),
    "index, sector and traded value": (
        lambda f: with_sector(with_index(f)).with_columns(
            turnover_value=pl.col("close") * pl.col("volume")
        ),
        (),
        (),
    ),
    "back-adjusted": (back_adjusted, ("price_basis=back_adjusted",), ()),
    "index": (with_index, (), ()),
    "without volume": (lambda f: f.drop("volume"), (), FLOORLESS),
    "closes alone": (lambda f: f.select("date", "code", "close"), (), FLOORLESS),
    "without high and low": (lambda f: f.drop("high", "low"), (), ()),
}


@pytest.mark.parametrize("name", some(HEALTHY, keep=3))
def test_the_audit_of_a_healthy_file_finds_nothing(tmp_path, name):
    shape, given, built = HEALTHY[name]
    home = imported(tmp_path, shape(prices()), *given)
    done(home, "build", *sets(*built), "--json")
    result = run_cli(home, "audit", "--dates", "1", "--json")
    assert result.json["findings"] == []
    assert result.code == 0


def test_the_audit_of_a_healthy_file_from_new_york_finds_nothing(tmp_path):
    home = imported(
        tmp_path, with_sector(prices(exchange="new_york", level=60.0)), "exchange=new_york"
    )
    done(home, "build", "--json")
    assert run_cli(home, "audit", "--dates", "1").code == 0


# ------------------------------------------------------------------------- rows without a trade


def test_a_row_without_prices_is_no_trade(tmp_path, frame, codes):
    """No entry, not tradable, no label end, and no return across it of one session."""
    days = frame.get_column("date").unique().sort()
    held = (pl.col("code") == codes[8]) & pl.col("date").is_between(days[50], days[59])
    prices_null = [
        pl.when(~held).then(c).alias(c) for c in ("open", "high", "low", "close", "volume")
    ]
    home = imported(tmp_path, frame.with_columns(prices_null))
    members(home, "features=['ret_prev_1d','zero_trade_share_60']")
    dataset = current_dataset(home)
    labels, n = labels_of(dataset), dataset.codes.index(codes[8])
    t = list(dataset.sessions).index(np.datetime64(days[50]))
    assert not labels.tradable_TN[t - 1 : t + 9, n].any()
    assert np.isnan(labels.raw_TNH[t - 1 : t + 9, n]).all()
    assert labels.tradable_TN[t + 9, n]
    # a label that would end within the halt ends at the first open after it
    h = labels.horizons.index(5)
    assert labels.late_TNH[t - 3, n, h] > 0
    stored = pl.read_parquet(dataset.folder / "features" / "*" / "*.parquet")
    own = stored.filter(pl.col("code") == codes[8]).sort("date").get_column("ret_prev_1d")
    assert own[t : t + 10].null_count() == 10


def test_a_close_without_volume_is_a_price_and_no_traded_value(tmp_path, frame, codes):
    days = frame.get_column("date").unique().sort()
    quiet = (pl.col("code") == codes[9]) & (pl.col("date") == days[60])
    home = imported(tmp_path, frame.with_columns(volume=pl.when(~quiet).then("volume")))
    members(home)
    labels = labels_of(current_dataset(home))
    n = labels.codes.index(codes[9])
    t = list(labels.sessions).index(np.datetime64(days[60]))
    assert labels.tradable_TN[t - 1, n]
    assert np.isfinite(labels.raw_TNH[t - 1, n, 0])
