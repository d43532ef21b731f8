"""Law 4 at length: what grew evening by evening, with corrections arriving late, is what a build
at once makes in which every session sees the versions known at its own clock.
"""

from datetime import date
from itertools import pairwise

import numpy as np
import pytest

from gogooku.core.calendar import Clock
from gogooku.core.errors import DataError
from gogooku.core.types import OUTCOMES, Outcome
from gogooku.dataset.home import labels_of, read_bars, read_values
from gogooku.dataset.universe import UniverseConfig
from gogooku.features.catalogue import CATALOGUE, sources_of
from gogooku.tables.parts import Known
from support.growth import (
    Amendment,
    Grower,
    build,
    corrected_prices,
    evening,
    growth_market,
    largest_gap,
    noon,
    plain_wires,
    random_story,
    unequal_parts,
)
from support.law_world import day_view, differences
from support.syncs import SOURCE, tokyo

FIRST_EVENING = date(2026, 12, 10)
LISTED, SPLIT, LAST_LISTED = date(2026, 12, 11), date(2026, 12, 14), date(2026, 12, 23)
NEW, SPLITTING, LEAVING = "58740", "41980", "28550"
OLD, TWICE = date(2026, 11, 17), date(2026, 12, 8)
LATE = date(2026, 12, 14)
"""Its margin row is published on the 15th, and arrives with the sync of the 22nd."""
MARGIN = date(2026, 12, 1)
PAST_EVENING = date(2026, 12, 24)
AGAIN = {
    FIRST_EVENING: (),
    LISTED: (),
    SPLIT: (("quotes", OLD),),
    date(2026, 12, 15): (("quotes", SPLIT), ("quotes", TWICE)),
    date(2026, 12, 16): (),  # a statement
    date(2026, 12, 18): (("margin_interest", MARGIN),),
    date(2026, 12, 22): (("quotes", TWICE), ("margin_interest", LATE)),
    PAST_EVENING: (),
    date(2026, 12, 30): (),
    date(2027, 1, 5): (),
}
"""Evenings, and what is asked again on each. On 17, 21, 25, 28, 29 December and 4 January no sync
runs."""
REGROWN = date(2026, 12, 22)


def row_of(plain, name, day, code):
    (row,) = plain[name].rows(day, day).filter(Code=code).to_dicts()
    return row


@pytest.fixture(scope="module")
def story():
    """The market, its wires, and what the vendor corrects."""
    market = growth_market()
    plain = plain_wires(market)
    there = [
        code
        for n, code in enumerate(market.codes)
        if market.listed[:, n].all() and (market.adjustment_factor[:, n] == 1).all()
    ]

    def moved(day):
        bars = plain["quotes"].rows(day, day).to_dicts()
        return [r for r in bars if r["Code"] in there and (r["H"] or 0) > (r["L"] or 0)]

    old, twice = moved(OLD)[0], moved(TWICE)[1]
    first, second = corrected_prices(twice), {"O": twice["L"], "C": twice["L"]}
    if second["C"] in (first["C"], twice["C"]):
        second = {"O": twice["L"], "C": (twice["L"] + twice["H"]) / 2}
    disclosed = plain["statements"].rows(date(2026, 10, 20), date(2026, 11, 30)).to_dicts()
    statement = next(r for r in disclosed if r["Code"] in there and r["NP"] and r["Sales"])

    def amend(name, row, key, since, values=None):
        match = {column: row[column] for column in key}
        return Amendment(name, match, noon(since), values)

    bar = ("Date", "Code")
    margin = row_of(plain, "margin_interest", MARGIN, there[2])
    split = row_of(plain, "quotes", SPLIT, SPLITTING)
    amendments = [
        amend("quotes", old, bar, "2026-12-14", corrected_prices(old)),
        amend("quotes", twice, bar, "2026-12-15", first),
        amend("quotes", twice, bar, "2026-12-22", second),
        amend("quotes", split, bar, "2026-01-01", {"AdjFactor": 1.0}),
        amend("quotes", split, bar, "2026-12-15", {"AdjFactor": split["AdjFactor"]}),
        amend(
            "statements",
            statement,
            ("DiscNo",),
            "2026-12-16",
            {"Sales": str(int(float(statement["Sales"]) * 1.5)), "NP": "-1000000"},
        ),
        amend("margin_interest", margin, bar, "2026-12-18", {"LongVol": margin["LongVol"] * 3}),
        amend(
            "margin_interest",
            row_of(plain, "margin_interest", LATE, there[3]),
            bar,
            "2026-12-21",
        ),
    ]
    asked = {
        **AGAIN,
        date(2026, 12, 16): (("statements", date.fromisoformat(statement["DiscDate"])),),
    }
    return {
        "market": market,
        "plain": plain,
        "amendments": amendments,
        "asked": asked,
        "old": old,
        "twice": twice,
        "versions": [twice["C"], first["C"], second["C"]],
        "restated": statement["Code"],
    }


@pytest.fixture(scope="module")
def grown(story, tmp_path_factory):
    """The dataset after the last evening, and the home in which it grew."""
    home = tmp_path_factory.mktemp("grown")
    grower = Grower(
        home, story["market"], story["plain"], story["amendments"], first_evening=FIRST_EVENING
    )
    for day, again in story["asked"].items():
        grower.dataset = grower.evening(day, again=again)
    return grower


def features_of(table):
    """Features that read a table: enough where a story is about that table alone."""
    return [f.name for f in CATALOGUE if table in sources_of(f) and not f.name.startswith("_")]


def place(dataset, day):
    return int(np.searchsorted(dataset.sessions, np.datetime64(day)))


def test_every_evening_took_over_what_was_there(grown):
    evenings = list(grown.taken_over)
    for before, day in pairwise(evenings):
        kept = place(grown.dataset, before) + 1
        if day == REGROWN:
            kept = place(grown.dataset, date(2026, 12, 15))
        assert grown.taken_over[day] == kept, day
    dataset = grown.dataset
    names = dataset.codes
    listed = read_bars(dataset)["listed"]
    assert names[-1] == NEW
    assert np.flatnonzero(listed[:, names.index(NEW)])[0] == place(dataset, LISTED)
    assert np.flatnonzero(listed[:, names.index(LEAVING)])[-1] == place(dataset, LAST_LISTED)
    factors = read_bars(dataset)["adjustment_factor"][:, names.index(SPLITTING)]
    assert factors[place(dataset, SPLIT)] == 0.5


@pytest.mark.soak
def test_a_name_that_one_list_lacks_left_and_came_back(story, tmp_path):
    """Built at once, nobody may know in the gap that the name returns after it."""
    days = [date(2026, 12, 10), date(2026, 12, 11), date(2026, 12, 14), date(2026, 12, 15)]
    missed = story["old"]["Code"]
    lost = [
        Amendment("master", {"Date": day.isoformat(), "Code": missed}, noon("2099-01-01"))
        for day in days[1:3]
    ]
    home = tmp_path / "home"
    grower = Grower(
        home,
        story["market"],
        story["plain"],
        lost,
        first_evening=days[0],
        features=features_of("master"),
    )
    for day in days:
        made = grower.evening(day)
    n, t = made.codes.index(missed), place(made, days[0])
    np.testing.assert_array_equal(
        read_bars(made)["listed"][t - 1 :, n], [True, True, False, False, True]
    )
    assert not made.valid_TN[t, n]
    assert labels_of(made).outcome_TNH[t - 5, n, 1] == OUTCOMES.index(Outcome.DELISTED)
    at_once = grower.built_at_once(tmp_path / "at_once")
    assert unequal_parts(made, at_once) == []


def test_a_correction_between_a_build_and_its_decision_reaches_bars_and_labels(story, tmp_path):
    """Built at six, corrected at seven, while what is known at eight counts for the session."""
    row, day = story["old"], FIRST_EVENING
    match = {"Date": row["Date"], "Code": row["Code"]}
    told = Amendment("quotes", match, tokyo(f"{day} 18:30"), corrected_prices(row))
    home = tmp_path / "home"
    grower = Grower(
        home,
        story["market"],
        story["plain"],
        [told],
        first_evening=day,
        features=[f.name for f in CATALOGUE if f.group == "price" and not f.name.startswith("_")],
    )
    grower.evening(day, at=tokyo(f"{day} 18:00"))
    grower.sync(tokyo(f"{day} 19:00"), again=[("quotes", OLD)])
    made = grower.evening(LISTED)
    at_once = grower.built_at_once(tmp_path / "at_once")
    assert grower.taken_over[LISTED] >= place(made, day)
    assert unequal_parts(made, at_once) == []


def test_grown_in_the_morning_equals_built_at_once(story, tmp_path):
    """Built in the evening, before the decision, and again at 08:15, when the night is known.

    The morning computes the session of the evening again, since the night has added to it.
    """
    home, days = tmp_path / "home", [LISTED, SPLIT, date(2026, 12, 15)]
    grower = Grower(
        home, story["market"], story["plain"], story["amendments"], first_evening=days[0]
    )
    evenings, mornings = {}, {}
    for day, following in pairwise(days):
        again = story["asked"][day]
        evenings[day] = grower.evening(day, again=again, clock=Clock.PREMARKET)
        at = tokyo(f"{following} 08:15")
        mornings[day] = grower.evening(day, at=at, clock=Clock.PREMARKET)
        assert grower.taken_over[day] == place(mornings[day], day), day
    made = mornings[SPLIT]
    at_once = grower.built_at_once(tmp_path / "at_once", clock=Clock.PREMARKET)
    assert at_once.manifest["growth"]["sessions_taken_over"] == 0
    assert unequal_parts(made, at_once) == []
    assert evenings[SPLIT].content_hash != made.content_hash
    # the evening's dataset says that its night is not there yet
    noted = [
        {n["source"] for n in one[SPLIT].manifest["source_notes"]} for one in (evenings, mornings)
    ]
    assert ["futures" in sources for sources in noted] == [True, False]
    # the night's futures are those of the session, which no evening knows
    decided = build(home, SOURCE)
    t, m = place(made, SPLIT), made.market_features.index("fut_basis_topixf")
    assert made.market_TM[t - 1, m] == decided.market_TM[t, m] != made.market_TM[t, m]


def test_grown_over_late_corrections_equals_built_at_once(grown, tmp_path):
    fresh = grown.built_at_once(tmp_path)
    assert fresh.manifest["growth"]["sessions_taken_over"] == 0
    assert unequal_parts(grown.dataset, fresh) == []
    assert fresh.manifest["content_hash"] == grown.dataset.manifest["content_hash"]


def test_a_session_sees_the_bars_that_it_knew_and_labels_are_corrected(grown, story):
    dataset, old, twice = grown.dataset, story["old"], story["twice"]
    bars, labels = read_bars(dataset), labels_of(dataset)

    def value(name, t, n):
        return float(read_values(dataset, [name], first=t, last=t + 1)[0, 0, n])

    n, d = dataset.codes.index(old["Code"]), place(dataset, OLD)
    other = corrected_prices(old)
    assert (bars["open"][d, n], bars["close"][d, n]) == (other["O"], other["C"])
    before = bars["close"][d - 1, n]
    assert value("ret_prev_1d", d, n) == pytest.approx(old["C"] / before - 1, abs=1e-6)
    # known from the session after the evening of the fetch: at 21:00 its own was decided
    for steps in (20,):
        t = d + steps
        base = other["C"] if t > place(dataset, SPLIT) else old["C"]
        wanted = bars["close"][t, n] / base - 1
        assert value(f"ret_prev_{steps}d", t, n) == pytest.approx(wanted, abs=1e-6), steps
    assert d + 20 > place(dataset, SPLIT), "the correction is known by then"
    horizon = labels.horizons.index(1)
    wanted = bars["open"][d + 1, n] / other["O"] - 1
    assert labels.raw_TNH[d - 1, n, horizon] == pytest.approx(wanted, abs=1e-6)
    # five sessions after the bar the first correction is known, ten after it the second
    n, d = dataset.codes.index(twice["Code"]), place(dataset, TWICE)
    assert bars["close"][d, n] == story["versions"][2]
    seen = [(1, 0), (5, 0), (10, 1), (20, 2)]
    for steps, version in seen:
        t = d + steps
        if t < len(dataset.sessions):
            wanted = bars["close"][t, n] / story["versions"][version] - 1
            assert value(f"ret_prev_{steps}d", t, n) == pytest.approx(wanted, abs=1e-6), steps


def test_an_earlier_evening_knew_what_the_grown_dataset_says_of_it(grown, tmp_path):
    then = grown.built_at_once(tmp_path, known=Known(on=PAST_EVENING))
    assert then.sessions[-1].item() == PAST_EVENING
    t = len(then.sessions) - 1
    assert differences(day_view(then, t), day_view(grown.dataset, t)) == []


SOAK_SESSIONS = 300


@pytest.mark.soak
@pytest.mark.timeout(14_400)
def test_sessions_grown_from_an_empty_store_over_random_corrections(tmp_path):
    market = growth_market(
        num_sessions=SOAK_SESSIONS + 10, first_session=date(2026, 6, 1), seed=101
    )
    plain, days = plain_wires(market), market.sessions[:SOAK_SESSIONS]
    amendments, again = random_story(plain, days, np.random.default_rng(4))
    home, once = tmp_path / "grown", tmp_path / "once"
    home.mkdir()
    once.mkdir()
    first = days[0].item()
    grower = Grower(home, market, plain, amendments, first_evening=first)
    fewest = UniverseConfig().min_traded_sessions
    for day in days[: fewest - 1].tolist():
        grower.sync(evening(day), again=again[day])
    with pytest.raises(DataError, match="the universe is empty"):
        build(home, SOURCE)
    for day in days[fewest - 1 :].tolist():
        grown = grower.evening(day, again=again[day])
    fresh = grower.built_at_once(once)
    assert len(grown.sessions) == SOAK_SESSIONS
    assert sum(kept > 0 for kept in grower.taken_over.values()) > SOAK_SESSIONS // 2
    gap = largest_gap(grown, fresh)
    assert gap <= 1e-5, (gap, unequal_parts(grown, fresh))
