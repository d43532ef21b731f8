"""Short-selling features against plain loops over typed rows."""

import math
import re
import unicodedata
from datetime import date, datetime, timedelta
from hashlib import blake2b

import numpy as np
import polars as pl
import pytest

from gogooku.features.laws import evaluate_dense
from gogooku.features.trading.short_positions import SHORT_POSITION_FEATURES
from gogooku.features.trading.shorts import SHORTS, SHORTS_INPUTS
from support.naive import (
    NAN,
    assert_declared,
    assert_no_look_ahead,
    assert_not_duplicates,
    assert_same,
    assert_window_laws,
    back,
    bars,
    div,
    log,
    mean,
    minus,
    per_name,
    roll,
    sd,
    z,
)
from support.source_world import FrameTables, source_world

PRIVATE = ("", "個人", "individual")
YEN = (
    "sell_excluding_short_yen",
    "short_with_restrictions_yen",
    "short_without_restrictions_yen",
)


def day(t):
    return source_world().timeline.sessions[t].item()


def report(code, event, disclosed, ratio, *, seller="個人", previous=None, shares=10_000.0):
    """One typed row; sessions by number, ``previous`` a (session, ratio)."""
    known = datetime.combine(
        disclosed if isinstance(disclosed, date) else day(disclosed), datetime.min.time()
    ) + timedelta(hours=8, minutes=30)
    return {
        "event_date": event if isinstance(event, date) else day(event),
        "available_at": known,
        "disclosed_date": known.date(),
        "code": code,
        "seller_name": seller,
        "position_ratio": ratio,
        "position_shares": shares,
        "previous_date": None if previous is None else day(previous[0]),
        "previous_ratio": None if previous is None else previous[1],
    }


def odd_reports():
    """What the sandbox does not send, of one name without other reports and of one with them."""
    world = source_world()
    reported = set(world.typed("short_positions")["code"])
    quiet = next(
        c
        for i, c in enumerate(world.timeline.codes)
        if c not in reported and world.timeline.listed_TN[:, i].all()
    )
    old = day(0) - timedelta(days=40)
    return quiet, [
        report(quiet, old, old + timedelta(days=4), 0.0123, seller="Before Time"),
        report(quiet, 50, 52, 0.0061),
        report(quiet, 50, 52, 0.0082, shares=20_000.0),
        report(quiet, 60, 62, 0.0075, previous=(50, 0.0061)),
        report(quiet, 62, 64, 0.0100, previous=(50, 0.0082)),
        report(quiet, 70, 72, 0.0049, previous=(60, 0.0075)),
        report(quiet, 80, 82, 0.0050, previous=(44, 0.0333)),
        report(quiet, 90, 92, 0.0150, seller=None),
        report(quiet, 90, 92, 0.0150, seller=None),
        report(quiet, 95, 97, 0.0001, seller=None, previous=(90, 0.0150)),
        report(quiet, 100, 102, 0.0200, seller="Twice Ltd"),
        report(quiet, 110, 112, 0.0300, seller="TWICE  LTD ", previous=(100, 0.0200)),
        report(quiet, 99, 115, 0.0999, seller="twice ltd"),
        report(quiet, 110, 118, 0.0310, seller="Twice Ltd", previous=(100, 0.0200)),
        report(quiet, 119, 121, None, seller="Twice Ltd"),
        report(quiet, 130, 132, 0.0041, seller="Ｔｗｉｃｅ　Ｌｔｄ", previous=(110, 0.0310)),
    ]


@pytest.fixture(scope="module")
def frames():
    world = source_world()
    loud = pl.int_range(pl.len()) % 3 == 0
    positions = world.typed("short_positions").with_columns(
        pl.when(loud).then(pl.col(name).str.to_uppercase()).otherwise(name).alias(name)
        for name in ("seller_name", "contractor_name", "fund_name")
    )
    odd = pl.DataFrame(odd_reports()[1], schema_overrides={"previous_date": pl.Date}, strict=False)
    odd = odd.with_columns(pl.col("available_at").cast(pl.Datetime("us")))
    ratios = world.typed("short_ratio")
    late = pl.col("event_date") == day(120)
    available = pl.col("available_at")
    master = world.typed("master")
    moves = pl.col("code").is_in(world.timeline.codes[4:6]) & (pl.col("event_date") >= day(150))
    sectors = sorted(set(world.market.sector))
    corrected = (pl.col("event_date") == day(100)) & (pl.col("code") == world.timeline.codes[6])
    correction = master.filter(corrected).with_columns(
        pl.lit(sectors[1]).alias("sector33"),
        (available + pl.duration(days=140)).alias("available_at"),
    )
    assert len(correction) == 1
    strange = pl.col("event_date").is_between(day(180), day(182)) & (
        pl.col("code") == world.timeline.codes[7]
    )
    master = pl.concat([master, correction]).with_columns(
        pl.when(strange).then(pl.lit("12345")).otherwise("sector33").alias("sector33")
    )
    return {
        "short_ratio": ratios.with_columns(
            pl.when(late)
            .then(available + pl.duration(hours=16))
            .otherwise(available)
            .alias("available_at")
        ),
        "master": master.with_columns(
            pl.when(moves).then(pl.lit(sectors[0])).otherwise("sector33").alias("sector33")
        ),
        "short_positions": pl.concat([positions, odd], how="diagonal_relaxed"),
    }


@pytest.fixture(scope="module")
def inputs(frames):
    made = bars()
    for table in SHORTS_INPUTS:
        columns = table.make(FrameTables(frames), source_world().timeline)
        assert set(columns) == set(table.columns)
        made = made | dict(columns)
    return made


@pytest.fixture(scope="module")
def values(inputs):
    return evaluate_dense(SHORTS, inputs)


def known_session(row):
    return int(
        np.searchsorted(source_world().timeline.decisions, np.datetime64(row["available_at"], "us"))
    )


# ------------------------------------------------------------------------------------ positions


def written(name):
    """A name as it is compared: any width and case of letters, single blanks."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", name or "").casefold()).strip()


def is_open(ratio):
    return ratio if ratio is not None and ratio >= 0.005 - 1e-9 else 0.0


def take(book, row, *, private):
    """Put a report into the book of open reports of a holder; ratio before it, None if ignored."""
    if not private:
        if book and row["event_date"] < book[-1]["event_date"]:
            return None
        before = book[-1]["position_ratio"] if book else row["previous_ratio"]
        book[:] = [row]
        return is_open(before)
    for i, earlier in enumerate(book):
        same = earlier["event_date"] == row["previous_date"]
        if same and abs(earlier["position_ratio"] - row["previous_ratio"]) < 5e-5:
            del book[i]
            break
    book.append(row)
    return is_open(row["previous_ratio"])


def state_of(book, growth, sessions):
    rows = [r for holder in book.values() for r in holder if is_open(r["position_ratio"])]
    ratios = [r["position_ratio"] for r in rows]
    shares = []
    for row in rows:
        event = max(
            0, int(np.searchsorted(sessions, np.datetime64(row["event_date"]), "right")) - 1
        )
        shares.append(row["position_shares"] * growth[event])
    top = max(ratios, default=0.0)
    names = {written(r["seller_name"]) for r in rows if r["position_ratio"] == top}
    numbers = [int.from_bytes(blake2b(name.encode(), digest_size=3).digest()) for name in names]
    return {
        "sp_top_seller": NAN if names & {*PRIVATE} else min(numbers, default=NAN),
        "ssp_ratio_sum": math.fsum(ratios),
        "sp_sellers": len(ratios),
        "sp_top_ratio": max(ratios, default=0.0),
        "sp_square_sum": math.fsum(r * r for r in ratios),
        "sp_shares": math.fsum(shares),
    }


def positions_of(rows, n):
    """All position columns of one name by going through its reports session by session."""
    timeline = source_world().timeline
    book, newest, out = {}, None, []
    waiting = sorted(rows, key=lambda r: (r["available_at"], r["event_date"]))
    for t in range(timeline.shape[0]):
        flow = dict.fromkeys(
            ("sp_added", "sp_reduced", "sp_opened", "sp_closed", "sp_reports"), 0.0
        )
        while waiting and np.datetime64(waiting[0]["available_at"], "us") <= timeline.decisions[t]:
            row = waiting.pop(0)
            if row["position_ratio"] is None:
                continue
            holder = tuple(written(row[k]) for k in ("seller_name", "contractor_name", "fund_name"))
            before = take(book.setdefault(holder, []), row, private=holder[0] in PRIVATE)
            if before is None or row["available_at"].date() < day(0):
                continue
            now, newest = is_open(row["position_ratio"]), t
            flow["sp_reports"] += 1
            flow["sp_added"] += max(now - before, 0.0)
            flow["sp_reduced"] += max(before - now, 0.0)
            flow["sp_opened"] += now > 0 and before == 0
            flow["sp_closed"] += now == 0 and before > 0
        age = NAN if newest is None else t - newest
        out.append(
            state_of(book, timeline.growth_TN[:, n], timeline.sessions)
            | flow
            | {"ssp_days_since": age}
        )
    return out


def test_position_columns_equal_a_walk_through_the_reports(frames, inputs):
    timeline = source_world().timeline
    rows = frames["short_positions"].to_dicts()
    expected = {name: np.full(timeline.shape, NAN) for name in SHORTS_INPUTS[1].columns}
    for n, code in enumerate(timeline.codes):
        made = positions_of([r for r in rows if r["code"] == code], n)
        for t, state in enumerate(made):
            if timeline.listed_TN[t, n]:
                for name, value in state.items():
                    expected[name][t, n] = value
    for name, want in expected.items():
        assert_same(inputs[name], want, name, least=1000)
    assert timeline.growth_TN.min() < 1.0


def test_a_holder_written_in_two_ways_is_one_holder():
    code = source_world().timeline.codes[0]
    names = (
        "GOLDMAN SACHS INTERNATIONAL",
        "Goldman Sachs International",
        "Ｇoldman  Sachs international",
    )
    rows = [
        report(code, 20 + 10 * i, 22 + 10 * i, ratio, seller=name)
        for i, (name, ratio) in enumerate(zip(names, (0.010, 0.012, 0.004), strict=True))
    ]
    frame = pl.DataFrame(rows, schema_overrides={"previous_date": pl.Date}, strict=False)
    frame = frame.with_columns(
        pl.col("available_at").cast(pl.Datetime("us")),
        pl.lit(None, dtype=pl.String).alias("contractor_name"),
        pl.lit(None, dtype=pl.String).alias("fund_name"),
    )
    made = SHORTS_INPUTS[1].make(FrameTables({"short_positions": frame}), source_world().timeline)
    assert made["sp_sellers"][[22, 32, 42], 0].tolist() == [1, 1, 0]
    np.testing.assert_allclose(made["ssp_ratio_sum"][[22, 32, 42], 0], [0.010, 0.012, 0.0])
    np.testing.assert_allclose(made["sp_added"][[22, 32, 42], 0], [0.010, 0.002, 0.0])
    assert made["sp_closed"][42, 0] == 1


def test_single_reports_stand_until_their_holder_reports_again(inputs):
    quiet, _ = odd_reports()
    n = source_world().timeline.codes.index(quiet)
    total, sellers = inputs["ssp_ratio_sum"][:, n], inputs["sp_sellers"][:, n]
    np.testing.assert_allclose(total[0], 0.0123)
    assert inputs["sp_opened"][0, n] == 0
    np.testing.assert_allclose(total[[51, 52, 62]], [0.0123, 0.0266, 0.0280])
    np.testing.assert_allclose(total[[64, 72, 82]], [0.0298, 0.0223, 0.0273])
    assert sellers[[52, 64, 72, 82, 92, 97]].tolist() == [3, 3, 2, 3, 5, 4]
    held = total[101]
    np.testing.assert_allclose(
        total[[102, 112, 115, 118, 125]] - held, [0.02, 0.03, 0.03, 0.031, 0.031]
    )
    np.testing.assert_allclose(total[132], held)
    assert inputs["sp_closed"][132, n] == 1


def test_no_report_is_no_position_and_no_source_is_unknown(frames):
    timeline = source_world().timeline
    later = frames["short_positions"].filter(pl.col("event_date") >= day(40))
    made = SHORTS_INPUTS[1].make(FrameTables({"short_positions": later}), timeline)
    first = min(known_session(r) for r in later.iter_rows(named=True))
    for name in ("ssp_ratio_sum", "sp_added"):
        assert np.isnan(made[name][:first]).all()
        listed = timeline.listed_TN[first:]
        assert not np.isnan(made[name][first:][listed]).any()
        assert np.isnan(made[name][first:][~listed]).all()
    empty = SHORTS_INPUTS[1].make(FrameTables({"short_positions": later.clear()}), timeline)
    assert all(np.isnan(v).all() for v in empty.values())


def positions_oracle(x):
    rows = range(len(x["close"]))
    total, sellers, shares = x["ssp_ratio_sum"], x["sp_sellers"], x["sp_shares"]
    adv, sold = roll(x["volume"], 20, mean), back(shares, 20)
    cover = [div(shares[t], adv[t]) for t in rows]

    def count(column, window):
        sums = roll(x[column], window, mean)
        return [math.log1p(s * window) if s == s else NAN for s in sums]

    return {
        "ssp_ratio_sum": total,
        "ssp_reporters": [log(s) for s in sellers],
        "ssp_top_ratio": [x["sp_top_ratio"][t] if sellers[t] > 0 else NAN for t in rows],
        "ssp_hhi": [div(x["sp_square_sum"][t], total[t] ** 2) for t in rows],
        "ssp_ratio_sum_z60": z(total, 60),
        "ssp_to_peak_252": [div(a, b) for a, b in zip(total, roll(total, 252, max), strict=True)],
        "ssp_days_to_cover": cover,
        "ssp_d_shares_to_adv20": [div(shares[t] - sold[t], 20 * adv[t]) for t in rows],
        "ssp_squeeze_pressure": [
            cover[t] * max(x["ret_prev_5d"][t], 0.0)
            if x["ret_prev_5d"][t] == x["ret_prev_5d"][t]
            else NAN
            for t in rows
        ],
        "ssp_delta_sum_5d": minus(total, back(total, 5)),
        "ssp_delta_sum_20d": minus(total, back(total, 20)),
        "ssp_delta_pos_20": [20 * v for v in roll(x["sp_added"], 20, mean)],
        "ssp_delta_neg_20": [20 * v for v in roll(x["sp_reduced"], 20, mean)],
        "ssp_new_20": count("sp_opened", 20),
        "ssp_closed_20": count("sp_closed", 20),
        "ssp_reports_60": count("sp_reports", 60),
        "ssp_days_since": x["ssp_days_since"],
    }


def universe_mean(values, universe):
    out = []
    for row, member in zip(values, universe, strict=True):
        known = [v for v, u in zip(row, member, strict=True) if u == 1 and v == v]
        out.append(mean(known) if len(known) >= 5 else NAN)
    return out


def test_position_features_equal_loops(inputs, values):
    expected = per_name(inputs, positions_oracle)
    universe, sector, total = inputs["universe"], inputs["sector"], inputs["ssp_ratio_sum"]
    excess = np.full(total.shape, NAN)
    for t in range(len(total)):
        members = [n for n in range(total.shape[1]) if universe[t, n] == 1 and total[t, n] >= 0]
        for n in range(total.shape[1]):
            peers = [total[t, j] for j in members if sector[t, j] == sector[t, n]]
            peers = peers if len(peers) >= 3 else [total[t, j] for j in members]
            excess[t, n] = total[t, n] - mean(peers)
    expected["ssp_ratio_sec_excess"] = excess
    held = np.where(np.isnan(inputs["sp_sellers"]), NAN, inputs["sp_sellers"] > 0)
    expected["ssp_mkt_ratio_mean"] = universe_mean(total, universe)
    expected["ssp_mkt_shorted_share"] = universe_mean(held, universe)
    net = universe_mean(inputs["sp_added"] - inputs["sp_reduced"], universe)
    expected["ssp_mkt_net_added_20"] = [20 * v for v in roll(net, 20, mean)]
    assert set(expected) == {f.name for f in SHORT_POSITION_FEATURES}
    for name, want in expected.items():
        assert_same(values[name], want, name, least=100)


# -------------------------------------------------------------------------------------- sectors


@pytest.fixture(scope="module")
def sectors(frames):
    """Sector by (session, name), and yen by sector and session, row by row."""
    timeline = source_world().timeline
    label = [[None] * timeline.shape[1] for _ in range(timeline.shape[0])]
    for n, code in enumerate(timeline.codes):
        lists = sorted(
            frames["master"].filter(pl.col("code") == code).iter_rows(named=True),
            key=lambda r: (r["available_at"], r["event_date"]),
        )
        now, newest = None, date(1900, 1, 1)
        for t in range(timeline.shape[0]):
            while lists and np.datetime64(lists[0]["available_at"], "us") <= timeline.decisions[t]:
                row = lists.pop(0)
                if row["event_date"] >= newest:
                    now, newest = row["sector33"], row["event_date"]
                    now = now if now != "12345" else None
            label[t][n] = now if timeline.listed_TN[t, n] else None
    session = {d: t for t, d in enumerate(timeline.sessions.tolist())}
    yen = {}
    for row in frames["short_ratio"].iter_rows(named=True):
        t = session[row["event_date"]]
        if known_session(row) == t:
            yen.setdefault(row["sector33"], {})[t] = tuple(row[name] for name in YEN)
    return label, yen


def test_sector_columns_equal_a_loop_over_rows(inputs, sectors):
    label, yen = sectors
    shape = source_world().timeline.shape
    expected = {n: np.full(shape, NAN) for n in inputs if n.startswith("sr_") and "mkt" not in n}
    market = {n: np.full(shape[0], NAN) for n in inputs if n.startswith("sr_mkt")}
    for t in range(shape[0]):
        for n in range(shape[1]):
            if label[t][n] is not None:
                expected["sr_sector33"][t, n] = float(label[t][n])
                plain, restricted, free = yen.get(label[t][n], {}).get(t, (NAN,) * 3)
                expected["sr_total_yen"][t, n] = plain + restricted + free
                expected["sr_short_yen"][t, n] = restricted + free
                expected["sr_restricted_yen"][t, n] = restricted
        rows = [v[t] for code, v in yen.items() if t in v and code != "9999"]
        if rows:
            market["sr_mkt_total_yen"][t] = math.fsum(sum(r) for r in rows)
            market["sr_mkt_short_yen"][t] = math.fsum(r[1] + r[2] for r in rows)
            market["sr_mkt_restricted_yen"][t] = math.fsum(r[1] for r in rows)
    for name, want in (expected | market).items():
        assert_same(inputs[name], want, name, least=300)
    assert np.isnan(inputs["sr_total_yen"][120]).all()
    assert np.isnan(inputs["sr_mkt_total_yen"][120])


def test_the_sector_is_that_of_the_newest_list(inputs):
    """The list of session 150 is known on the evening of 149, and not before."""
    moved = inputs["sr_sector33"][:, 4:6]
    first = float(sorted(set(source_world().market.sector))[0])
    assert (moved[149:] == first).any(axis=1).all()
    assert (moved[:149] != first).any()


def acceleration(v):
    return [a - 2 * b + c for a, b, c in zip(v, back(v, 1), back(v, 2), strict=True)]


def log_z(v):
    return z([log(x) for x in v], 252)


def log_means(v):
    return [log(div(a, b)) for a, b in zip(roll(v, 5, mean), roll(v, 60, mean), strict=True)]


def sector_series(yen, num_sessions):
    """Statistics of each sector, and of the market, as lists by session."""

    def parts(rows):
        short = [r[1] + r[2] if r else NAN for r in rows]
        share = [div(r[1] + r[2], sum(r)) if r else NAN for r in rows]
        restrict = [div(r[1], r[1] + r[2]) if r else NAN for r in rows]
        return short, share, restrict

    span = range(num_sessions)
    together = []
    for t in span:
        rows = [v[t] for code, v in yen.items() if t in v and code != "9999"]
        together.append([math.fsum(r[i] for r in rows) for i in range(3)] if rows else None)
    whole = parts(together)
    made = {}
    for code, by_session in yen.items():
        short, share, restrict = parts([by_session.get(t) for t in span])
        name = "ss_sec33_short_share"
        made[code] = {
            name: share,
            "ss_sec33_restrict_share": restrict,
            f"{name}_d1": minus(share, back(share, 1)),
            f"{name}_d5": minus(share, back(share, 5)),
            "ss_sec33_restrict_share_d1": minus(restrict, back(restrict, 1)),
            "ss_sec33_short_mom5": minus(share, roll(share, 5, mean)),
            "ss_sec33_short_accel": acceleration(share),
            f"{name}_z60": z(share, 60),
            "ss_sec33_restrict_share_z60": z(restrict, 60),
            "ss_sec33_short_turnover_z252": log_z(short),
            "ss_sec33_short_turnover_5_60": log_means(short),
            "ss_rel_short_share_z60": z(minus(share, whole[1]), 60),
        }
    market = {
        "ss_mkt_short_share": whole[1],
        "ss_mkt_restrict_share": whole[2],
        "ss_mkt_short_share_d5": minus(whole[1], back(whole[1], 5)),
        "ss_mkt_short_share_z60": z(whole[1], 60),
        "ss_mkt_short_turnover_z252": log_z(whole[0]),
    }
    return made, market


def test_sector_features_equal_loops(inputs, values, sectors):
    label, yen = sectors
    num_sessions, num_names = inputs["close"].shape
    by_sector, expected = sector_series(yen, num_sessions)
    for name in next(iter(by_sector.values())):
        made = np.full((num_sessions, num_names), NAN)
        for t in range(num_sessions):
            for n in range(num_names):
                if label[t][n] is not None:
                    made[t, n] = by_sector[label[t][n]][name][t]
        expected[name] = made
    breadth, dispersion = [], []
    for t in range(num_sessions):
        here = [c for c in by_sector if c in label[t]]
        level = [by_sector[c]["ss_sec33_short_share_z60"][t] for c in here]
        level = [v for v in level if v == v]
        breadth.append(mean([float(v > 1) for v in level]) if level else NAN)
        share = [by_sector[c]["ss_sec33_short_share"][t] for c in here]
        share = [v for v in share if v == v]
        spread = sd(share) * math.sqrt((len(share) - 1) / len(share)) if len(share) > 1 else NAN
        dispersion.append(spread / mean(share) if share else NAN)
    expected |= {"ss_mkt_short_breadth": breadth, "ss_mkt_short_dispersion": dispersion}
    level = expected["ss_sec33_short_share_z60"]
    for name, returns, sign in (
        ("ss_cond_pressure", "ret_prev_1d", -1),
        ("ss_squeeze_setup", "ret_prev_5d", 1),
    ):
        moved = inputs[returns]
        hit = (level > 1) & (moved * sign > 1e-10)
        expected[name] = np.where(np.isnan(level) | np.isnan(moved), NAN, hit)
    known = ~np.isnan(expected["ss_sec33_short_share"])
    expected["is_ss_valid"] = np.where(np.isnan(inputs["listed"]), NAN, known)
    assert set(expected) == {f.name for f in SHORTS} - {f.name for f in SHORT_POSITION_FEATURES}
    for name, want in expected.items():
        assert_same(values[name], want, name, least=60)


# ----------------------------------------------------------------------------------------- laws


def test_nothing_is_known_before_its_time(frames):
    timeline = source_world().timeline
    assert_no_look_ahead(SHORTS_INPUTS, frames, timeline, (0, 51, 119, 120, 149, 260))


def test_window_laws_and_declarations(inputs, values):
    assert_window_laws(SHORTS, inputs, (100, 121, 151, 290, 329))
    assert_declared(SHORTS, "shorts")
    assert_not_duplicates(SHORTS, values, inputs["universe"])
    for feature in SHORTS:
        if feature.role != "mask":
            assert np.nanstd(values[feature.name]) > 0, feature.name
