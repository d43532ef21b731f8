"""Every check of a dataset finds what is planted, and nothing in a dataset as it was built."""

import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from gogooku.audit import copies
from gogooku.audit.content import check_content
from gogooku.audit.copies import check_constants, check_copies, effective_rank
from gogooku.audit.coverage import check_coverage
from gogooku.audit.documentation import check_documentation, missing
from gogooku.audit.drift import check_drift, stability
from gogooku.audit.findings import Check, Limits
from gogooku.audit.leaks import check_leaks, daily_ic
from gogooku.audit.run import audit
from gogooku.audit.sample import Sample, day_values, spread_sessions, take_sample
from gogooku.audit.survival import check_survival
from gogooku.commands.forget import holdings
from gogooku.core import files
from gogooku.core.metrics import daily_rank_ic
from gogooku.core.progress import SilentReporter
from gogooku.core.ranks import centred_ranks
from gogooku.core.types import OUTCOMES, Outcome
from gogooku.dataset.home import labels_of
from gogooku.dataset.state import load_grown
from gogooku.dataset.verify import damaged_parts
from gogooku.features.catalogue import by_name, described
from gogooku.features.reference import feature_page
from support.audits import ONE, QUIET, dataset_in, respoil, with_x

LIMITS = Limits()


@pytest.fixture(scope="module")
def dataset(price_home):
    return dataset_in(price_home)


@pytest.fixture(scope="module")
def labels(dataset):
    return labels_of(dataset)


@pytest.fixture(scope="module")
def sample(dataset):
    return take_sample(dataset)


@pytest.fixture
def step():
    with SilentReporter().step("test") as quiet:
        yield quiet


def put(sample, name, change):
    """The sample with another feature: ``change(values, session)`` for every day."""
    f = sample.names.index(name)
    days = []
    for t, day in zip(sample.sessions, sample.days, strict=True):
        changed = day.copy()
        changed[f] = change(day, t)
        days.append(changed)
    return Sample(names=sample.names, sessions=sample.sessions, days=days)


def about(checked, *names):
    return [one for one in checked.findings if set(names) <= set(one.features)]


# ------------------------------------------------------------------------------------ as built


def test_a_dataset_as_built_has_no_finding(price_home, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(price_home, home)
    made, folder = audit(home, dataset_in(home), dates=1, seed=1, execution=ONE, reporter=QUIET)
    assert [str(one) for one in made.findings] == []
    assert len(made.facts["look_ahead_sessions"]) == 1
    assert 1.0 < made.facts["effective_rank"] <= made.facts["ranked_features"]
    assert set(made.facts["seconds"]) >= {"look-ahead", "daily IC", "copies", "drift"}
    assert sorted(p.name for p in folder.iterdir()) == ["audit.html", "audit.json"]
    assert not list((home / "datasets").glob(".*.audit.old"))
    page = (folder / "audit.html").read_text()
    assert "No findings." in page
    assert 'src="http' not in page


def test_the_sample_is_what_the_files_hold(dataset, sample):
    assert len(sample.days) == len(spread_sessions(dataset))
    t = int(sample.sessions[7])
    (found,) = day_values(dataset, ["rsi_14"], np.array([t]))
    assert found[0] == t
    kept = found[1][0][np.asarray(dataset.valid_TN[t])]
    np.testing.assert_array_equal(kept, sample.days[7][sample.names.index("rsi_14")])


# --------------------------------------------------------------------------------------- leaks


def judged(dataset, labels, step, limits=LIMITS):
    daily = daily_ic(dataset, labels, threads=1, step=step)
    return daily, check_leaks(daily, dataset, labels, limits=limits)


def test_daily_ic_is_the_rank_correlation(dataset, labels, step):
    daily, checked = judged(dataset, labels, step)
    f = dataset.features.index("volatility_20d")
    x = np.where(dataset.valid_TN, np.asarray(dataset.x_TNF[:, :, f], dtype=np.float64), np.nan)
    slow = daily_rank_ic(np.where(x == 0.0, np.nan, x), np.asarray(labels.excess_TNH[:, :, 1]))
    slow = slow[np.flatnonzero(dataset.valid_TN.any(axis=1))]
    fast = daily.ic_SFH[:, f, 1]
    assert (np.isfinite(slow) == np.isfinite(fast)).mean() > 0.98
    both = np.isfinite(slow) & np.isfinite(fast)
    # the very median and names without a label are ranked along with the others
    assert np.abs(slow[both] - fast[both]).max() < 0.05
    assert np.abs(slow[both] - fast[both]).mean() < 0.005
    assert checked.findings == []


@pytest.mark.parametrize("share", [1.0, 0.35])
def test_a_feature_made_of_the_label_is_found(dataset, labels, step, share):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=dataset.valid_TN.shape)
    label = np.nan_to_num(centred_ranks(np.asarray(labels.excess_TNH[:, :, 2], dtype=np.float64)))
    mixed = share * label * 12**0.5 + (1.0 - share**2) ** 0.5 * noise
    ranks = np.nan_to_num(centred_ranks(np.where(dataset.valid_TN, mixed, np.nan)))
    planted = with_x(dataset, "rsi_14", ranks)
    _, checked = judged(planted, labels, step)
    found = about(checked, "rsi_14")
    assert found
    assert {one.check for one in checked.findings} == {Check.LEAK}
    assert any("mean RankIC" in one.what for one in found)
    assert any("computed from the label" in one.what for one in found) is (share == 1.0)
    assert {one.features for one in checked.findings} == {("rsi_14",)}


def test_a_sparse_feature_made_of_the_label_is_found(dataset, labels, step):
    """Nulls are zeros in the tensor; they must not dilute what the others know."""
    some = np.arange(dataset.valid_TN.shape[1]) % 3 == 0
    label = np.asarray(labels.excess_TNH[:, :, 0], dtype=np.float64)
    sparse = np.nan_to_num(centred_ranks(np.where(dataset.valid_TN & some, label, np.nan)))
    _, checked = judged(with_x(dataset, "amihud_20", sparse), labels, step)
    assert any("computed from the label" in one.what for one in about(checked, "amihud_20"))


@pytest.mark.parametrize("wrong", [3.0, np.inf, np.nan])
def test_a_tensor_beyond_its_range_is_found(dataset, labels, step, wrong):
    values = np.where(dataset.valid_TN, wrong, 0.0)
    _, checked = judged(with_x(dataset, "ret_prev_5d", values), labels, step)
    assert [one.check for one in about(checked, "ret_prev_5d")] == [Check.CONTENT]


# ------------------------------------------------------------------------------------- content


def test_values_that_the_tensor_does_not_encode_are_found(dataset, sample):
    planted = put(sample, "rsi_14", lambda day, t: -day[sample.names.index("rsi_14")])
    (found,) = check_content(dataset, planted).findings
    assert found.features == ("rsi_14",)
    assert found.check is Check.CONTENT
    assert check_content(dataset, sample).findings == []


# ------------------------------------------------------------------------------------ coverage


def test_more_nulls_than_allowed_are_found(dataset, sample):
    share = {**dataset.manifest["null_share"], "rsi_14": 0.9}
    planted = replace(dataset, manifest={**dataset.manifest, "null_share": share})
    (found,) = check_coverage(planted, sample, limits=LIMITS).findings
    assert found.features == ("rsi_14",)
    assert found.value == 0.9


def test_a_source_that_goes_dark_is_found_and_one_that_begins_late_is_not(dataset, sample):
    def dark(day, t):
        values = day[sample.names.index("volume_z_20")]
        return np.where(t >= 200, np.nan, values)

    def late(day, t):
        return np.where(t < 150, np.nan, day[sample.names.index("rsi_14")])

    planted = put(put(sample, "volume_z_20", dark), "rsi_14", late)
    market = np.array(dataset.market_TM)
    market[200:, 0] = np.nan
    checked = check_coverage(replace(dataset, market_TM=market), planted, limits=LIMITS)
    assert {one.features[0] for one in checked.findings} == {
        "volume_z_20",
        dataset.market_features[0],
    }
    assert all("its source stopped" in one.what for one in checked.findings)


# --------------------------------------------------------------------------------------- drift


def test_a_change_of_unit_is_found(dataset, sample):
    def percent(day, t):
        values = day[sample.names.index("volatility_20d")]
        return values * np.float32(100.0) if t >= 180 else values

    checked = check_drift(dataset, put(sample, "volatility_20d", percent), limits=LIMITS)
    assert [one.features for one in checked.findings] == [("volatility_20d",)]
    assert check_drift(dataset, sample, limits=LIMITS).findings == []


def test_market_features_and_counts_of_sessions_drift_without_a_finding(dataset, sample):
    unit_sessions = _feature_in_sessions()
    grown = Sample(
        names=(unit_sessions,),
        sessions=np.arange(0, 300, 3),
        days=[np.full((1, 40), t, dtype=np.float32) for t in range(0, 300, 3)],
    )
    stand_in = SimpleNamespace(
        features=(unit_sessions,),
        market_features=("uni_vol_20",),
        sessions=dataset.sessions,
        market_TM=np.arange(300.0, dtype=np.float32)[:, None],
    )
    checked = check_drift(stand_in, grown, limits=LIMITS)
    assert checked.findings == []
    assert checked.tables["drift"]["stability"].min() > LIMITS.stability


def _feature_in_sessions():
    from gogooku.core.types import Role
    from gogooku.features.catalogue import CATALOGUE

    return next(f.name for f in CATALOGUE if f.unit == "sessions" and f.role is Role.STOCK)


def test_stability_of_equal_shifted_and_tied_values():
    rng = np.random.default_rng(1)
    early, same = rng.normal(size=(2, 5000)).astype(np.float32)
    assert stability(early, same) < 0.02
    assert 0.5 < stability(early, same + np.float32(1.0)) < 2.0
    zeros = np.zeros(5000, dtype=np.float32)
    assert stability(zeros, zeros) == 0.0
    assert np.isnan(stability(early[:10], same))


# -------------------------------------------------------------------------------------- copies


def test_a_near_copy_is_found_within_sessions(dataset, sample, step):
    def near(day, t):
        values = day[sample.names.index("volatility_20d")]
        return -np.log(values) + (np.arange(len(values)) == 3) * np.float32(0.01)

    def run(which):
        return check_copies(dataset, which, limits=LIMITS, threads=1, step=step)

    checked = run(put(sample, "rsi_14", near))
    assert [set(one.features) for one in checked.findings] == [{"rsi_14", "volatility_20d"}]
    assert checked.findings[0].value < -0.995
    assert run(sample).findings == []


def test_two_features_that_hardly_vary_are_not_called_copies(dataset, sample, step):
    def rare(day, t):
        return (np.arange(day.shape[1]) == t % 7).astype(np.float32)

    planted = put(put(sample, "rsi_14", rare), "amihud_20", rare)
    checked = check_copies(dataset, planted, limits=LIMITS, threads=1, step=step)
    assert checked.findings == []


def test_a_near_copy_is_found_over_time(dataset, sample, step):
    market = np.array(dataset.market_TM)
    market[:, 1] = np.exp(3.0 * market[:, 0]) + 5.0
    checked = check_copies(
        replace(dataset, market_TM=market), sample, limits=LIMITS, threads=1, step=step
    )
    assert [one.features for one in checked.findings] == [dataset.market_features[:2]]


def test_equal_flags_are_found_and_rare_ones_are_not(step):
    rng = np.random.default_rng(0)
    names = ("is_prime", "is_standard", "is_growth", "div_pre1")
    days = []
    for _ in range(30):
        often = (rng.random(60) < 0.3).astype(np.float32)
        rare = np.zeros(60, dtype=np.float32)
        days.append(np.stack([often, often, rare, rare]))
    stand_in = SimpleNamespace(
        features=names, market_features=(), market_TM=np.empty((30, 0), dtype=np.float32)
    )
    sample = Sample(names=names, sessions=np.arange(30), days=days)
    checked = check_copies(stand_in, sample, limits=LIMITS, threads=1, step=step)
    assert [one.features for one in checked.findings] == [("is_prime", "is_standard")]


def test_effective_rank_counts_directions():
    assert effective_rank(np.eye(7))["effective_rank"] == 7.0
    assert effective_rank(np.ones((5, 5)))["effective_rank"] == 1.0
    assert effective_rank(np.eye(7))["participation_ratio"] == 7.0


# ------------------------------------------------------------------------------------ constant


def test_constant_and_dead_columns_are_found(dataset, sample, monkeypatch):
    planted = put(sample, "rsi_14", lambda day, t: np.full(day.shape[1], t, dtype=np.float32))
    planted = put(planted, "amihud_20", lambda day, t: np.full(day.shape[1], np.nan))
    market = np.array(dataset.market_TM)
    market[:, 1] = 3.0
    seasonal = put(planted, "volume_z_20", lambda day, t: np.zeros(day.shape[1], np.float32))
    said = check_constants(dataset, seasonal).findings
    assert not said, "they vary between the sampled sessions"

    def read(dataset, names, *, first, last):
        """What is on disk of the planted columns."""
        assert set(names) <= {"rsi_14", "amihud_20"}
        shape = (len(names), last - first, len(dataset.codes))
        return np.full(shape, 1.0 if names == ["rsi_14"] else np.nan, dtype=np.float32)

    monkeypatch.setattr(copies, "read_values", read)
    checked = check_constants(replace(dataset, market_TM=market), planted)
    said = {one.features[0]: one.what for one in checked.findings}
    assert set(said) == {"rsi_14", "amihud_20", dataset.market_features[1]}
    assert "no value" in said["amihud_20"]
    assert "is constant" in said["rsi_14"]
    monkeypatch.undo()
    assert check_constants(dataset, sample).findings == []


# ------------------------------------------------------------------------------------ survival


def test_labels_of_names_that_left(dataset, labels):
    outcome = np.asarray(labels.outcome_TNH)
    gone = outcome == OUTCOMES.index(Outcome.DELISTED)
    assert gone.any()
    assert check_survival(dataset, labels).findings == []
    raw = np.array(labels.raw_TNH)
    raw[gone] = np.nan
    planted = SimpleNamespace(horizons=labels.horizons, outcome_TNH=outcome, raw_TNH=raw)
    checked = check_survival(dataset, planted)
    assert len(checked.findings) == len(labels.horizons)
    assert all("have a terminal value" in one.what for one in checked.findings)
    other = np.where(gone, OUTCOMES.index(Outcome.UNRESOLVED), outcome)
    planted = SimpleNamespace(horizons=labels.horizons, outcome_TNH=other, raw_TNH=raw)
    assert any("no label ends" in one.what for one in check_survival(dataset, planted).findings)


def world(listed_TN, member_TN):
    """A dataset and labels with nothing but listings and a universe."""
    count, names = listed_TN.shape
    shape = (count, names, 1)
    labels = SimpleNamespace(
        horizons=(5,), outcome_TNH=np.zeros(shape, np.int8), raw_TNH=np.zeros(shape, np.float32)
    )
    dataset = SimpleNamespace(sessions=np.arange(count), valid_TN=member_TN, manifest={})
    return dataset, labels


def test_survivors_only_are_found(monkeypatch):
    listed = np.ones((600, 400), dtype=bool)
    left = listed.copy()
    left[300:, :40] = False
    said = {}
    for name, array, member in (
        ("nobody leaves", listed, listed),
        ("leavers never members", left, left & (np.arange(400) >= 40)),
        ("honest", left, left),
    ):
        monkeypatch.setattr("gogooku.audit.survival.read_bars", lambda _, a=array: {"listed": a})
        said[name] = [one.what for one in check_survival(*world(array, member)).findings]
    assert "survivors only" in said["nobody leaves"][0]
    assert "left out in advance" in said["leavers never members"][0]
    # these leave without one label that ends with it
    assert len(said["honest"]) == 1
    assert "no label ends" in said["honest"][0]


# ------------------------------------------------------------------------------- documentation


def test_an_undocumented_feature_is_found(dataset):
    assert check_documentation(dataset).findings == []
    unknown = SimpleNamespace(features=("rsi_14", "mystery_7"), market_features=())
    (found,) = check_documentation(unknown).findings
    assert found.features == ("mystery_7",)
    feature, page = by_name("rsi_14"), feature_page()
    said = described(feature)
    assert missing(feature, said, page) == []
    assert missing(replace(feature, meaning="rsi"), said, page) == ["its meaning"]
    assert missing(replace(feature, unit="yen"), said, page) == ["a known unit (it says 'yen')"]
    assert missing(feature, {**said, "source": []}, "") == [
        "its source",
        "its line in the reference",
    ]


# -------------------------------------------------------------------------------- whole, spoiled


def test_stored_values_of_tomorrow_are_found(price_home, tmp_path):
    """The planted violation of law 3: a column shifted by one session in the files."""
    home = tmp_path / "home"
    shutil.copytree(price_home, home)
    dataset = dataset_in(home)
    dataset = respoil(
        dataset,
        lambda frame: frame.sort("date", "code").with_columns(
            pl.col("ret_prev_1d").shift(-1).over("code")
        ),
    )
    made, _ = audit(home, dataset, dates=1, seed=1, execution=ONE, reporter=QUIET)
    ahead = [one for one in made.findings if one.check is Check.LOOK_AHEAD]
    assert {one.features for one in ahead} == {("ret_prev_1d",)}
    assert len(ahead) == 2
    content = [one for one in made.findings if one.check is Check.CONTENT]
    assert ("ret_prev_1d",) in {one.features for one in content}


def test_a_killed_audit_leaves_nothing_that_stays(price_home, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(price_home, home)
    dataset = dataset_in(home)
    left = home / "datasets" / f".{dataset.folder.name}.audit.old" / "2020-01-01-cut"
    left.mkdir(parents=True)
    (left / "vendor.parquet").write_bytes(b"rows")
    assert left.parent in holdings(home, "small").places

    def stop(point):
        if point == "audit.checked":
            raise KeyboardInterrupt

    files.WATCHERS.append(stop)
    try:
        with pytest.raises(KeyboardInterrupt):
            audit(home, dataset, dates=0, seed=1, execution=ONE, reporter=QUIET)
    finally:
        files.WATCHERS.remove(stop)
    assert not left.parent.exists()
    assert [p.name for p in (home / "audits").iterdir() if p.is_dir()] == []


def test_a_changed_value_in_any_part_is_found(price_home, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(price_home, home)
    dataset = dataset_in(home)
    assert damaged_parts(dataset) == []
    layout, rows = load_grown(dataset.folder).layout, len(dataset.sessions)
    t = rows - 40
    n = int(np.flatnonzero(dataset.valid_TN[t])[0])
    layout.x.changeable(rows)[t, n, 3] += np.float16(0.25)
    assert damaged_parts(dataset) == ["x"]
    layout.bar("close").changeable(rows)[t, n] = 1.25
    assert set(damaged_parts(dataset)) == {"x", "bars"}
    spoiled = (pl.col("code") == dataset.codes[n]) & (pl.col("date") == dataset.sessions[5].item())
    dataset = respoil(
        dataset,
        lambda frame: frame.with_columns(
            rsi_14=pl.when(spoiled).then(pl.lit(0.5, dtype=pl.Float32)).otherwise("rsi_14")
        ),
    )
    assert set(damaged_parts(dataset)) == {"x", "bars", "features"}
    layout.raw.changeable(rows)[t, n, 0] = 0.25
    assert set(damaged_parts(dataset)) == {"x", "bars", "features", "raw"}
