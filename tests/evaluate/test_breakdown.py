"""Skill by group against naive loops, and over time against the mean of each window."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from scipy import stats

from gogooku.core import cross_section, metrics
from gogooku.core.errors import DataError
from gogooku.evaluate.breakdown import (
    BREAKDOWN_SCHEMA,
    UNKNOWN,
    Grouping,
    by_names,
    by_sessions,
    rolling,
    rolling_mean,
)


def panel(seed=0, shape=(9, 120)):
    rng = np.random.default_rng(seed)
    score = rng.normal(size=shape).round(1).astype(np.float32)
    label = (0.02 * (0.3 * score + rng.normal(size=shape))).round(3).astype(np.float32)
    score[rng.random(shape) < 0.1] = np.nan
    label[rng.random(shape) < 0.1] = np.nan
    return score, label, rng.integers(-1, 3, size=shape)


def found(frame, value, measure):
    return frame.filter(value=value, measure=measure).row(0, named=True)


def test_each_group_equals_a_naive_loop():
    score, label, number = panel()
    grouping = Grouping.of("sector", ("a", "b", "c"), number)
    frame = by_names([score], label, [grouping], horizon=5, top_k=20)
    assert dict(frame.schema) == dict(BREAKDOWN_SCHEMA)
    for group, value in enumerate(grouping.values):
        rank_ic, hit, top, names = [], [], [], []
        for a, b, g in zip(score, label, grouping.group_tN, strict=True):
            joint = np.isfinite(a) & np.isfinite(b)
            mine = joint & (g == group)
            rank_ic.append(stats.spearmanr(a[mine], b[mine]).statistic)
            high = (a > np.median(a[joint])) == (b > np.median(b[joint]))
            hit.append(high[mine].mean())
            edge = np.sort(a[np.isfinite(a)])[-20]
            seats = (a > edge) + (a == edge) * (20 - (a > edge).sum()) / (a == edge).sum()
            over = (b - b[joint].mean(dtype=float)) * 1e4
            top.append((seats * np.nan_to_num(over))[mine].sum() / seats[mine].sum())
            names.append(mine.sum())
        for measure, wanted in (("rank_ic", rank_ic), ("hit_rate", hit), ("top_20_bps", top)):
            row = found(frame, value, measure)
            assert row["mean"] == pytest.approx(np.mean(wanted), rel=1e-5), (value, measure)
            estimate = metrics.mean_estimate(np.array(wanted, float), horizon=5)
            assert row["error"] == pytest.approx(estimate.error, rel=1e-4)
            assert (row["n"], row["names"]) == (9, pytest.approx(np.mean(names)))


def test_one_group_is_the_whole():
    score, label, _ = panel(1)
    grouping = Grouping.of("all", ("all",), np.zeros(score.shape))
    frame = by_names([score], label, [grouping], horizon=1, top_k=20)
    daily = metrics.daily_rank_ic(score, label)
    assert found(frame, "all", "rank_ic")["mean"] == pytest.approx(daily.mean(), abs=1e-12)
    hit = cross_section.by_session({"it": cross_section.hit_rate}, score, label)["it"]
    assert found(frame, "all", "hit_rate")["mean"] == pytest.approx(hit.mean())
    assert frame["value"].unique().to_list() == ["all"]


def test_paths_are_averaged_session_by_session():
    (score, label, number), (other, _, _) = panel(1), panel(7)
    other[3] = np.nan
    grouping = Grouping.of("sector", ("a", "b", "c"), number)
    frame = by_names([score, other], label, [grouping], horizon=5, top_k=20)
    one = by_names([score], label, [grouping], horizon=5, top_k=20)
    assert not one.equals(frame), "the second path counts"
    for place, value in enumerate(grouping.values):
        daily = []
        for path in (score, other):
            mine = np.where(grouping.group_tN == place, path, np.nan)
            daily.append(metrics.daily_rank_ic(mine, label))
        assert np.isnan(daily[1][3])
        wanted = metrics.mean_estimate(np.nanmean(daily, axis=0), horizon=5)
        row = found(frame, value, "rank_ic")
        assert row["mean"] == pytest.approx(wanted.value, abs=1e-6)
        assert row["error"] == pytest.approx(wanted.error, abs=1e-6)
        assert row["n"] == wanted.n == 9, "more paths make no more evidence"


def test_names_of_no_known_group_are_a_group_of_their_own():
    score, label, number = panel(2)
    frame = by_names(
        [score], label, [Grouping.of("size", ("s", "m", "l"), number)], horizon=1, top_k=9
    )
    rows = frame.filter(measure="rank_ic")
    assert rows["value"].to_list() == ["s", "m", "l", UNKNOWN]
    joint = (np.isfinite(score) & np.isfinite(label)).sum(axis=1).mean()
    assert rows["names"].sum() == pytest.approx(joint)


def test_a_group_too_small_for_a_session_does_not_count_in_it():
    score, label, _ = panel(3)
    number = np.full(score.shape, 1.0)
    number[:, :11] = 0.0
    frame = by_names(
        [score], label, [Grouping.of("sector", ("few", "rest"), number)], horizon=1, top_k=9
    )
    few = found(frame, "few", "rank_ic")
    joint = (np.isfinite(score) & np.isfinite(label))[:, :11].sum(axis=1)
    assert few["n"] == (joint >= metrics.MIN_NAMES).sum() < 9


def test_thirds_are_of_each_session_and_the_lowest_come_first():
    value = np.array([[3.0, 1.0, 2.0, np.nan], [1.0, 9.0, 5.0, 7.0]])
    grouping = Grouping.thirds("size", ("small", "middle", "large"), value)
    assert grouping.group_tN.tolist() == [[2, 0, 1, 3], [0, 2, 1, 1]]
    assert grouping.values[-1] == UNKNOWN


def test_groups_without_a_name_are_refused():
    with pytest.raises(DataError, match="cut size: groups 0 to 7, but 2 have a name"):
        Grouping("size", ("a", UNKNOWN), np.array([[0, 7]]))
    with pytest.raises(DataError, match="last group is not"):
        Grouping("size", ("a", "b"), np.array([[0, 1]]))


def daily_frame(length=300, seed=4):
    rng = np.random.default_rng(seed)
    days = [date(2023, 1, 2) + timedelta(days=i) for i in range(length)]
    value = 0.02 + 0.1 * rng.normal(size=length)
    ic = pl.Series(value).set(pl.Series(np.arange(length) % 37 == 5), None)
    return pl.DataFrame(
        {"date": days, "horizon": pl.Series([5] * length, dtype=pl.Int32),
         "num_names": rng.integers(40, 60, length), "rank_ic": ic}
    )  # fmt: skip


def test_sessions_are_grouped_and_those_without_a_group_too():
    daily = daily_frame()
    year = daily["date"].dt.year().cast(pl.String)
    year = year.set(pl.Series(np.arange(300) < 3), None)
    frame = by_sessions(daily, "year", year, ["rank_ic"])
    assert frame["value"].to_list() == [UNKNOWN, "2023"]
    row = found(frame, "2023", "rank_ic")
    kept = daily["rank_ic"][3:].drop_nulls()
    assert (row["n"], row["mean"]) == (len(kept), pytest.approx(kept.mean()))
    assert 40 < row["names"] < 60


@pytest.mark.parametrize("window", [63, 252])
def test_rolling_is_the_mean_of_each_window_with_its_error(window):
    daily = daily_frame(500)
    frame = rolling(daily).filter(window=window)
    series = daily["rank_ic"].drop_nulls().to_numpy()
    assert frame.height == len(series) - window + 1
    for place in (0, 17, frame.height - 1):
        wanted = metrics.mean_estimate(series[place : place + window], horizon=5)
        row = frame.row(place, named=True)
        assert row["value"] == pytest.approx(wanted.value, abs=1e-12)
        assert row["low"] == pytest.approx(wanted.low, abs=1e-10)
        assert row["high"] == pytest.approx(wanted.high, abs=1e-10)


def test_a_history_shorter_than_a_window_has_no_row():
    assert rolling(daily_frame(50)).height == 0
    assert rolling(daily_frame(100))["window"].unique().to_list() == [63]


def test_a_level_series_has_no_error():
    mean, half = rolling_mean(np.full(80, 0.25), 20, horizon=5)
    np.testing.assert_allclose(mean, 0.25)
    np.testing.assert_allclose(half, 0.0, atol=1e-12)
