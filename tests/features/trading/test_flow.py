"""Investor flows against plain loops over the published weeks, and what is known when."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import polars as pl
import pytest

from gogooku.features.market.listing import LISTING_INPUTS
from gogooku.features.trading.flow import FLOW, FLOW_INPUTS, MEASURES, WHOLE
from support.source_world import FrameTables, source_world

NAN = math.nan
BEFORE = {
    "growth": ["TSEMothers"],
    "standard": ["TSE2nd", "TSEJASDAQ"],
    "prime": ["TSE1st"],
    "whole": ["TokyoNagoya"],
}
AFTER = {
    "growth": ["TSEGrowth"],
    "standard": ["TSEStandard"],
    "prime": ["TSEPrime"],
    "whole": ["TokyoNagoya"],
}
KINDS = (
    "proprietary", "individuals", "foreigners", "securities_companies", "investment_trusts",
    "business_companies", "other_companies", "insurance_companies", "banks", "trust_banks",
    "other_financials",
)  # fmt: skip


def column_of(series, measure):
    return f"mkt_flow_{measure}" if series == "whole" else f"inv_{series}_{measure}"


@pytest.fixture(scope="module")
def world():
    """A year before the restructuring, and a year with corrections (from April 2023 on)."""
    return source_world(date(2021, 2, 1), 800, 24, 3)


@pytest.fixture(scope="module")
def published(world):
    """The sandbox's rows, and what it does not do.

    A correction of an old week, a week published after its successor, a week without JASDAQ, two
    publications between two sessions, and a null figure.
    """
    frame = world.typed("investor_types")
    weeks = sorted(set(frame["event_date"].to_list()))

    def of(week, *sections):
        hit = pl.col("event_date") == weeks[week]
        return hit & pl.col("section").is_in(sections) if sections else hit

    yen = pl.selectors.ends_with("_yen")
    fix = frame.filter(of(44, "TSE1st", "TSEJASDAQ"))
    old = fix.with_columns(yen * 1.7, pl.col("available_at") + timedelta(days=63))
    twice = frame.filter(of(100)).with_columns(
        yen * 0.6, pl.col("available_at") + timedelta(minutes=5)
    )
    delayed = pl.when(of(48)).then(timedelta(days=10)).otherwise(timedelta(0))
    frame = frame.with_columns(pl.col("available_at") + delayed)
    frame = frame.filter(~of(52, "TSEJASDAQ"))
    hole = pl.when(of(90, "TSEGrowth")).then(None).otherwise(pl.col("foreigners_balance_yen"))
    frame = frame.with_columns(hole.alias("foreigners_balance_yen"))
    return pl.concat([frame, old, twice]).sort("available_at", "event_date", "section")


def base_of(frame, timeline):
    (table,) = FLOW_INPUTS
    made = table.make(FrameTables({"investor_types": frame}), timeline)
    assert set(made) == set(table.columns)
    assert all(values.shape == timeline.shape[:1] for values in made.values())
    return made


@pytest.fixture(scope="module")
def base(published, world):
    return base_of(published, world.timeline)


# ----------------------------------------------------------------------------------- plain loops


def mean(values):
    return statistics.fmean(values) if values else NAN


def zscore(values):
    """The first of up to 52 values against all of them; at least 42 must be there."""
    there = [v for v in values[:52] if v == v]
    if len(there) < 42 or values[0] != values[0]:
        return NAN
    return min(max((values[0] - mean(there)) / statistics.stdev(there), -10.0), 10.0)


class Series:
    """Amounts of the published weeks of one series, newest week first."""

    def __init__(self, weeks):
        self.weeks = weeks

    def yen(self, column):
        return [
            sum(NAN if part[column] is None else part[column] for part in parts)
            for parts in self.weeks
        ]

    def net(self, who):
        both = zip(self.yen(f"{who}_balance_yen"), self.yen(f"{who}_turnover_yen"), strict=True)
        return [b / t if t > 0 else NAN for b, t in both]

    @cached_property
    def measures(self):
        if not self.weeks:
            return dict.fromkeys(MEASURES, NAN)
        total = self.yen("total_turnover_yen")
        foreign = self.yen("foreigners_balance_yen")
        own = self.yen("individuals_balance_yen")
        short = {"foreign": "foreigners", "individual": "individuals", "trust_bank": "trust_banks"}
        nets = {name: self.net(who) for name, who in short.items()}
        active = [foreign[0], own[0]] + [
            self.yen(f"{who}_balance_yen")[0]
            for who in ("trust_banks", "investment_trusts", "proprietary")
        ]
        parts = [self.yen(f"{who}_turnover_yen")[0] for who in KINDS]
        smart = [
            zscore(nets["foreign"][back:]) - zscore(nets["individual"][back:])
            if len(self.weeks) > back
            else NAN
            for back in range(4)
        ]
        year = [v for v in total[:52] if v == v]
        quarter = [math.copysign(1, v) if v else 0 for v in foreign[:13] if v == v]
        out = {
            "foreign_net_wow": nets["foreign"][0] - (nets["foreign"] + [NAN])[1],
            "investment_trust_net_ratio": self.net("investment_trusts")[0],
            "breadth_pos": NAN
            if any(v != v for v in active)
            else sum(v > 0 for v in active) / len(active),
            "activity_ratio": math.log(total[0] / mean(year)) if len(year) >= 42 else NAN,
            "activity_z": zscore([math.log(v) for v in total]),
            "smart_idx": smart[0],
            "smart_mom4": smart[0] - sum(smart) / 4,
            "foreign_persist_13": mean(quarter) if len(quarter) >= 11 else NAN,
            "concentration": sum((p / sum(parts)) ** 2 for p in parts),
            "divergence": (foreign[0] - own[0]) / total[0],
        }
        for name, who in short.items():
            out[f"{name}_net_ratio"] = nets[name][0]
            out[f"{name}_net_z"] = zscore(nets[name])
            if name != "trust_bank":
                out[f"{name}_share"] = self.yen(f"{who}_turnover_yen")[0] / total[0]
        volume = self.yen("foreigners_turnover_yen")
        for count, need in ((4, 4), (13, 11)):
            both = [
                (b, v)
                for b, v in zip(foreign[:count], volume[:count], strict=True)
                if b == b and v == v
            ]
            enough = len(both) >= need
            out[f"foreign_net_{count}w"] = (
                sum(b for b, _ in both) / sum(v for _, v in both) if enough else NAN
            )
        return out


def weeks_of(rows, name):
    """Published weeks of a series among the known rows, newest first, as lists of its parts."""
    newest = {}
    for row in rows:  # in the order in which they became known
        newest[row["section"], row["event_date"]] = row
    out = []
    for week in sorted({week for _, week in newest}, reverse=True):
        sections = (BEFORE if week < date(2022, 4, 4) else AFTER)[name]
        if all((section, week) in newest for section in sections):
            out.append([newest[section, week] for section in sections])
    return out


@pytest.fixture(scope="module")
def naive(published, world):
    """Base columns by a loop over sessions that starts afresh at each."""
    timeline = world.timeline
    rows = published.sort("available_at", "event_date", maintain_order=True).to_dicts()
    out = {name: [] for name in FLOW_INPUTS[0].columns}
    seen, made = -1, {}
    newest, newest_at = None, None
    for t in range(timeline.shape[0]):
        decision = timeline.decisions[t].item()
        known = [row for row in rows if row["available_at"] <= decision]
        if len(known) != seen:
            seen = len(known)
            for name in BEFORE:
                series = Series(weeks_of(known, name))
                for measure, value in series.measures.items():
                    if name != "whole" or measure in WHOLE:
                        made[column_of(name, measure)] = value
            whole = weeks_of(known, "whole")
            if whole and whole[0][0]["event_date"] != newest:
                newest, newest_at = whole[0][0]["event_date"], t
        for name, value in made.items():
            out[name].append(value)
        out["mkt_flow_age"].append(NAN if newest_at is None else float(t - newest_at))
    return {name: np.array(values) for name, values in out.items()}


def test_base_columns_equal_loops(base, naive):
    for name, values in naive.items():
        np.testing.assert_allclose(base[name], values, rtol=1e-9, atol=1e-11, err_msg=name)
        assert np.isfinite(values[300:]).mean() > 0.9, name


@pytest.fixture(scope="module")
def segment(world):
    made = LISTING_INPUTS[0].make(world.tables("master"), world.timeline)
    values = made["lst_segment"]
    values[100:120, 2] = NAN  # a name of no segment for a while
    return values


def features_of(base, segment):
    known = {**base, "lst_segment": segment}
    return {f.name: f.compute({name: known[name] for name in f.inputs}) for f in FLOW}


def test_features_equal_loops(base, naive, segment):
    made = features_of(base, segment)
    assert len(made) == len(MEASURES) + len(WHOLE) + 1
    names = {0.0: "growth", 1.0: "standard", 2.0: "prime"}
    assert set(names) <= set(segment[~np.isnan(segment)].tolist())
    for measure in MEASURES:
        wanted = np.array(
            [
                [
                    naive[column_of(names[kind], measure)][t] if kind in names else NAN
                    for kind in segment[t]
                ]
                for t in range(len(segment))
            ]
        )
        np.testing.assert_allclose(made[f"flow_{measure}"], wanted, rtol=1e-9, atol=1e-11)
    for measure in WHOLE:
        name = f"mkt_flow_{measure}"
        np.testing.assert_allclose(made[name], naive[name], rtol=1e-9, atol=1e-11)
    np.testing.assert_array_equal(made["mkt_flow_age"], naive["mkt_flow_age"])


def test_a_correction_counts_from_its_own_session_on(world):
    """The first figures stand until the corrected ones are published, and are no new week."""
    frame = world.typed("investor_types")
    week = sorted(set(frame["event_date"].to_list()))[20]
    rows = frame.filter(event_date=week)
    fix = rows.with_columns(
        pl.col("foreigners_balance_yen") + 0.1 * pl.col("foreigners_turnover_yen"),
        pl.col("available_at") + timedelta(days=1),
    )
    first, second = (
        int(np.searchsorted(world.timeline.decisions, each["available_at"].to_numpy()[0]))
        for each in (rows, fix)
    )
    assert second > first
    plain = base_of(frame, world.timeline)
    base = base_of(pl.concat([frame, fix]), world.timeline)
    assert plain["mkt_flow_age"][first] == 0.0
    for name, (section,) in ((n, s) for n, s in BEFORE.items() if len(s) == 1):
        row = rows.row(by_predicate=pl.col("section") == section, named=True)
        ratio = row["foreigners_balance_yen"] / row["foreigners_turnover_yen"]
        wanted = column_of(name, "foreign_net_ratio")
        column = base[wanted]
        np.testing.assert_array_equal(column[:second], plain[wanted][:second])
        assert column[second - 1] == pytest.approx(ratio)
        assert column[second] == pytest.approx(ratio + 0.1)
    np.testing.assert_array_equal(base["mkt_flow_age"], plain["mkt_flow_age"])


def test_the_sandbox_has_corrections(world):
    """So the loops above have met some as they come."""
    frame = world.typed("investor_types")
    assert frame.group_by("section", "event_date").len().filter(pl.col("len") == 2).height


@pytest.mark.parametrize(("real", "stray"), [("TSEPrime", "TSE1st"), ("TSE1st", "TSEPrime")])
def test_sections_of_the_other_era_are_not_used(published, world, real, stray):
    """A row of an old section in a new week changes nothing, nor the other way round."""
    odd = published.filter(pl.col("section") == real).with_columns(
        pl.lit(stray).alias("section"),
        pl.col("foreigners_balance_yen") * 5,
        pl.col("available_at") + timedelta(hours=1),
    )
    made = base_of(pl.concat([published, odd]), world.timeline)
    for name, values in base_of(published, world.timeline).items():
        np.testing.assert_array_equal(made[name], values, err_msg=name)


@pytest.mark.parametrize("t", [240, 290, 475, 700])
def test_later_publications_change_nothing(published, world, base, t):
    later = pl.col("available_at") > world.timeline.decisions[t].item()
    yen = pl.selectors.ends_with("_yen")
    garbage = published.with_columns(pl.when(later).then(yen * -7.0 - 1e12).otherwise(yen))
    for frame in (garbage, published.filter(~later)):
        for name, values in base_of(frame, world.timeline).items():
            np.testing.assert_array_equal(values[: t + 1], base[name][: t + 1], err_msg=name)
    made = base_of(garbage, world.timeline)
    moved = [n for n in base if not np.array_equal(made[n], base[n], equal_nan=True)]
    assert len(moved) > 60


def test_no_rows_known_gives_nulls(published, world):
    early = replace(world.timeline, decisions=world.timeline.decisions - np.timedelta64(3650, "D"))
    for name, values in base_of(published, early).items():
        assert np.isnan(values).all(), name


def test_value_from_exactly_the_lookback(base, segment):
    whole = features_of(base, segment)
    known = {**base, "lst_segment": segment}
    for f in FLOW:
        assert f.lookback == 1
        for t in (5, 400, 799):
            part = {name: known[name][t : t + 1] for name in f.inputs}
            np.testing.assert_array_equal(f.compute(part)[-1], whole[f.name][t], err_msg=f.name)
