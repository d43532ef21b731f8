from datetime import date, datetime, time

import numpy as np
import polars as pl
import pytest

from gogooku.core.calendar import NEW_YORK, TOKYO, Clock
from gogooku.core.errors import DataError
from gogooku.core.frames import (
    INDICES_SCHEMA,
    LISTINGS_SCHEMA,
    MARKETS_SCHEMA,
    QUOTES_SCHEMA,
    SourceFrames,
)
from gogooku.core.stamp import make_stamp
from gogooku.dataset.universe import UniverseConfig, of_wanted_market, universe_of
from gogooku.features.engine.compute import base_columns
from gogooku.ingest.source import read_source, source_names, write_source
from gogooku.tables.panel import as_of, build_panel, codes_of
from gogooku.tables.publication import decisions, with_clocks
from support.seals import reseal

DAYS = [date(2024, 1, 4), date(2024, 1, 5), date(2024, 1, 9), date(2024, 1, 10)]
SESSIONS = np.array(DAYS, dtype="datetime64[D]")


def quotes(rows):
    made = [
        {
            "date": day,
            "code": code,
            "open": price,
            "high": price,
            "low": price,
            "close": price,
            "volume_shares": 100.0,
            "turnover_value": None if price is None else price * 100,
            "adjustment_factor": factor,
            "limit_up": False,
            "limit_down": False,
        }
        for day, code, price, factor in rows
    ]
    return pl.DataFrame(made, schema=dict(QUOTES_SCHEMA))


def listings(rows):
    made = [(code, None, sector, "Prime", first, last) for code, sector, first, last in rows]
    return pl.DataFrame(made, schema=dict(LISTINGS_SCHEMA), orient="row")


def frames(**changes):
    base = {
        "quotes": quotes(
            [
                (DAYS[0], "13010", 10.0, 1.0),
                (DAYS[1], "13010", None, 1.0),
                (DAYS[2], "13010", 6.0, 0.5),
                (DAYS[3], "13010", 7.0, 1.0),
                (DAYS[0], "130A0", 20.0, 1.0),
                (DAYS[1], "130A0", 21.0, 1.0),
            ]
        ).sort("date", "code"),
        "listings": listings([("13010", "0050", DAYS[0], None), ("130A0", None, DAYS[0], DAYS[1])]),
        "indices": pl.DataFrame(
            [(day, "TOPIX", 1.0, 2.0, 0.5, 1.5) for day in DAYS],
            schema=dict(INDICES_SCHEMA),
            orient="row",
        ),
        "exchange": "tokyo",
    }
    return SourceFrames(**(base | changes))


def stored(home, delivered, name="prices"):
    stamp = make_stamp("import", config_hash=name, code=("gogooku.core.errors",), inputs={})
    return write_source(home, name, delivered, stamp=stamp, config={})


def test_panel_has_every_listed_session(tmp_path):
    panel = build_panel(stored(tmp_path, frames()), clock=Clock.EVENING)
    assert panel.shape == (4, 2)
    assert panel.codes == ("13010", "130A0")
    assert panel.frame.height == 6
    np.testing.assert_array_equal(panel.listed().sum(axis=0), [4, 2])
    close = panel.dense("close")
    np.testing.assert_array_equal(close[:, 0], [10.0, np.nan, 6.0, 7.0])
    np.testing.assert_array_equal(close[2:, 1], [np.nan, np.nan])
    np.testing.assert_array_equal(panel.dense("adjustment_factor")[:, 0], [1, 1, 0.5, 1])
    kinds, names = panel.dense_labels("sector")
    assert names == ("0050",)
    np.testing.assert_array_equal(kinds[:, 1], -1)
    assert panel.slack_seconds == {"quotes": 3.5 * 3600, "indices": 3.5 * 3600}
    assert panel.market is not None
    assert panel.market.height == 4


def test_a_source_without_an_index_has_no_market(tmp_path):
    empty = pl.DataFrame(schema=dict(INDICES_SCHEMA))
    panel = build_panel(stored(tmp_path, frames(indices=empty)), clock=Clock.EVENING)
    assert panel.market is None


def test_a_value_later_than_the_clock_is_refused():
    rows = with_clocks(
        pl.DataFrame({"date": [DAYS[0]], "code": ["a"], "close": [1.0]}), "quotes", exchange=TOKYO
    )
    late = rows.with_columns(available_at=pl.lit(datetime(2024, 1, 4, 11, 0, 1)))
    base = pl.DataFrame({"date": [DAYS[0]], "code": ["a"]}).join(
        decisions(SESSIONS, exchange=TOKYO, clock="evening"), on="date"
    )
    assert as_of(base, rows, source="quotes", by=["code"], columns=["close"]).slack_seconds > 0
    with pytest.raises(DataError, match="1 values would be used before they were known"):
        as_of(base, late, source="quotes", by=["code"], columns=["close"])


def test_rows_off_the_backbone_are_refused_never_dropped(tmp_path):
    short = listings([("13010", None, DAYS[0], None), ("130A0", None, DAYS[0], DAYS[0])])
    with pytest.raises(DataError, match="1 rows lie outside the listing"):
        build_panel(stored(tmp_path, frames(listings=short)), clock=Clock.EVENING)


def test_a_source_without_a_rule_is_refused():
    with pytest.raises(DataError, match="no publication rule"):
        with_clocks(pl.DataFrame({"date": [DAYS[0]]}), "gossip", exchange=TOKYO)


def moment(day, hour):
    return datetime.combine(day, time(hour))


def test_the_newest_row_known_at_the_decision_is_attached_and_never_a_later_one():
    backbone_rows = pl.DataFrame({"date": DAYS * 2, "code": ["a"] * 4 + ["b"] * 4}).with_columns(
        decision_at=pl.col("date").cast(pl.Datetime("us")) + pl.duration(hours=11)
    )
    rows = pl.DataFrame(
        {
            "code": ["a", "a", "a", "b"],
            "event_date": [DAYS[0], DAYS[0], DAYS[1], DAYS[2]],
            "available_at": [
                moment(DAYS[1], 9),
                moment(DAYS[2], 12),  # a correction, an hour after the decision
                moment(DAYS[1], 9),  # known together with the first, describes a later day
                moment(DAYS[3], 11),  # exactly at the decision
            ],
            "value": [1.0, 2.0, 3.0, 4.0],
        },
        schema_overrides={"available_at": pl.Datetime("us")},
    )
    joined = as_of(backbone_rows, rows, source="statements", by=["code"], columns=["value"])
    assert joined.frame["value"].to_list() == [None, 3.0, 3.0, 2.0, None, None, None, 4.0]
    assert joined.frame.select("date", "code").equals(backbone_rows.select("date", "code"))
    assert joined.slack_seconds == 0.0


def test_dated_facts_give_the_sector_of_that_day_and_say_who_leaves(tmp_path):
    source = stored(tmp_path, frames())
    listed = source.listings()
    codes = listed["code"].to_list()
    code = codes[0]
    facts = pl.DataFrame(
        {
            "code": [code, code, *codes[1:]],
            "spell": [0] * (len(codes) + 1),
            "valid_from": [DAYS[0], DAYS[2], *[DAYS[0]] * (len(codes) - 1)],
            "valid_to": [DAYS[1], *listed["listed_to"].to_list()],
            "available_at": [
                moment(DAYS[0], 0),
                moment(DAYS[1], 8),
                *[moment(DAYS[0], 0)] * (len(codes) - 1),
            ],
            "sector33": ["1050", "3600", *["1050"] * (len(codes) - 1)],
            "segment": ["Prime"] * (len(codes) + 1),
            "domestic_common": [True, True, *[False] * (len(codes) - 1)],
        },
        schema_overrides={"available_at": pl.Datetime("us")},
    )
    facts.write_parquet(source.folder / "listing_facts.parquet")
    reseal(source.folder)
    source = read_source(tmp_path, source.name)
    made = build_panel(source, clock=Clock.EVENING).frame
    mine = made.filter(pl.col("code") == code)
    # the list of DAYS[2] is out on the evening of DAYS[1]
    assert mine["sector"].to_list()[:3] == ["1050", "3600", "3600"]
    assert set(made.filter(pl.col("code") != code)["market"]) == {"Other"}
    ends = listed.drop_nulls("listed_to")
    assert ends.height, "the frames need a name that goes"
    leaving = made.filter("leaving").select("date", "code").rows()
    assert leaving == ends.select("listed_to", "code").sort("listed_to").rows()


def across_the_restructuring(tmp_path):
    """Four names over 2022-04-01 (Friday) and 2022-04-04, when the sections became segments.

    13010 goes from the First Section to Prime, 13020 to Standard; 13030 is on JASDAQ throughout, of
    13040 the file never says a market by date.
    """
    days = [date(2022, 3, 31), date(2022, 4, 1), date(2022, 4, 4), date(2022, 4, 5)]
    codes = ("13010", "13020", "13030", "13040")
    bars = quotes([(day, code, 10.0, 1.0) for day in days for code in codes])
    last = {"13010": "Prime", "13020": "スタンダード", "13030": "JASDAQ", "13040": "Growth"}
    names = [(code, None, None, market, days[0], None) for code, market in last.items()]
    dated = [
        (days[0], "13010", "東証1部"),
        (days[0], "13020", "First Section"),
        (days[2], "13010", "Prime"),
        (days[2], "13020", "スタンダード"),
    ]
    delivered = frames(
        quotes=bars,
        listings=pl.DataFrame(names, schema=dict(LISTINGS_SCHEMA), orient="row"),
        markets=pl.DataFrame(dated, schema=dict(MARKETS_SCHEMA), orient="row"),
        indices=pl.DataFrame(schema=dict(INDICES_SCHEMA)),
    )
    return build_panel(stored(tmp_path, delivered), clock=Clock.EVENING)


def test_the_market_of_a_session_is_that_of_the_session(tmp_path):
    frame = across_the_restructuring(tmp_path).frame
    assert {
        code: frame.filter(pl.col("code") == code)["market"].to_list()
        for code in frame["code"].unique()
    } == {
        "13010": ["東証1部", "東証1部", "Prime", "Prime"],
        "13020": ["First Section", "First Section", "スタンダード", "スタンダード"],
        "13030": ["JASDAQ"] * 4,
        "13040": ["Growth"] * 4,
    }


@pytest.mark.parametrize(
    ("markets", "members"),
    [
        # a name that fell to Standard was of the section before Prime until then
        (["Prime"], {"13010": [1, 1, 1, 1], "13020": [1, 1, 0, 0]}),
        (["スタンダード"], {"13020": [0, 0, 1, 1], "13030": [1, 1, 1, 1]}),
        (["0101"], {"13010": [1, 1, 0, 0], "13020": [1, 1, 0, 0]}),
        (
            ["東証一部", "グロース"],
            {"13010": [1, 1, 0, 0], "13020": [1, 1, 0, 0], "13040": [1] * 4},
        ),
        (["Nagoya"], {}),
    ],
)
def test_old_sections_precede_what_followed_them_by_date(tmp_path, markets, members):
    panel = across_the_restructuring(tmp_path)
    found = of_wanted_market(panel, UniverseConfig(markets=markets))
    for n, code in enumerate(panel.codes):
        assert found[:, n].tolist() == [bool(one) for one in members.get(code, [0] * 4)], code


def test_a_name_is_not_there_while_no_list_has_it(tmp_path):
    source = stored(tmp_path, frames())
    code, *others = source.listings()["code"].to_list()
    facts = pl.DataFrame(
        {
            "code": [code, code, *others],
            "spell": [0, 1, *[0] * len(others)],
            "valid_from": [DAYS[0], DAYS[2], *[DAYS[0]] * len(others)],
            "valid_to": [DAYS[0], None, *[None] * len(others)],
            "available_at": [
                moment(DAYS[0], 0),
                moment(DAYS[1], 8),
                *[moment(DAYS[0], 0)] * len(others),
            ],
            "sector33": "1050",
            "segment": "Prime",
            "domestic_common": True,
        },
        schema_overrides={"available_at": pl.Datetime("us")},
    )
    facts.write_parquet(source.folder / "listing_facts.parquet")
    bars = source.quotes().collect().filter((pl.col("code") != code) | (pl.col("date") != DAYS[1]))
    for path in (source.folder / "quotes").glob("*.parquet"):
        bars.write_parquet(path)
    reseal(source.folder)
    source = read_source(tmp_path, source.name)
    mine = build_panel(source, clock=Clock.EVENING).frame.filter(pl.col("code") == code)
    assert mine["date"].to_list() == [DAYS[0], *DAYS[2:]]
    assert mine["leaving"].to_list() == [True, False, False]


def test_every_rule_comes_before_its_clock():
    for exchange in (TOKYO, NEW_YORK):
        rows = with_clocks(pl.DataFrame({"date": DAYS}), "quotes", exchange=exchange)
        when = decisions(SESSIONS, exchange=exchange, clock="evening")
        assert (rows["available_at"] <= when["decision_at"]).all()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a", None, DAYS[0], None), ("a", None, DAYS[1], None)], "repeat"),
        ([("a", None, DAYS[3], DAYS[0])], "ends 2024-01-04 before it begins"),
    ],
)
def test_impossible_listings_are_refused(rows, message):
    with pytest.raises(DataError, match=message):
        codes_of(listings(rows), SESSIONS)


def test_store_keeps_versions_and_points_at_the_newest(tmp_path):
    first = stored(tmp_path, frames())
    assert stored(tmp_path, frames()).folder == first.folder
    assert read_source(tmp_path, "prices").content_hash == first.content_hash
    assert source_names(tmp_path) == ["prices"]
    with pytest.raises(DataError, match=r"No source 'other' in .* There is: prices"):
        read_source(tmp_path, "other")
    with pytest.raises(DataError, match="no rows"):
        frames(quotes=quotes([]))
    with pytest.raises(DataError, match="schema is"):
        frames(listings=pl.DataFrame({"code": ["a"]}))
    assert first.extra("truth") is None


def test_columns_across_a_split_and_a_long_weekend(tmp_path):
    """By hand: prices go forward of the split of DAYS[2], the floor and the weeks as they were."""
    source = stored(tmp_path, frames())
    floor = UniverseConfig(min_traded_value=650.0, lookback=1, min_traded_sessions=1)
    for first in range(4):
        panel = build_panel(source, clock=Clock.EVENING, first=first)
        member = universe_of(panel, floor)
        made = base_columns(panel, member)
        n = panel.codes.index("13010")
        want = {
            "close": [10.0, np.nan, 12.0, 14.0],
            "volume": [100.0, 100.0, 50.0, 50.0],
            "turnover": [1000.0, np.nan, 600.0, 700.0],
            "split": [0.0, 0.0, 1.0, 0.0],
            "universe": [1.0, np.nan, np.nan, 1.0],
        }
        for name, values in want.items():
            np.testing.assert_allclose(made[name][:, n], values[first:], err_msg=name)
        # Thursday and Friday, then Tuesday after a holiday
        assert made["week_start"].tolist() == [1.0, 0.0, 1.0, 0.0][first:]
