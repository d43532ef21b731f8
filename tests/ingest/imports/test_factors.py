"""A factor is checked against the prices that it adjusts."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.field import bars, counts, first, imported, returns, split

from gogooku.core.errors import DataError
from gogooku.ingest.imports.factors import FactorDirection, FactorForm, FactorSession, Meaning

DAY = date(2024, 2, 1)


def days(frame: pl.DataFrame) -> list[date]:
    return frame["date"].unique().sort().to_list()


def event(frame: pl.DataFrame, *events: tuple[str, date, float]) -> pl.DataFrame:
    """Raw bars with splits, and the factor of each on its ex-date."""
    factor = pl.lit(1.0)
    for code, day, size in events:
        frame = split(frame, code, day, size)
        here = (pl.col("code") == code) & (pl.col("date") == day)
        factor = pl.when(here).then(size).otherwise(factor)
    return frame.with_columns(adjustment_factor=factor)


SPLITS = (("13010", DAY, 0.5), ("13110", date(2024, 2, 15), 10.0), ("13210", DAY, 1 / 3))


def written(
    form: str, splits: tuple[tuple[str, date, float], ...] = SPLITS, *, seed: int = 1
) -> pl.DataFrame:
    """The same market and splits, with the factors as a vendor may write them."""
    frame = event(bars(seed=seed), *splits).sort("code", "date")
    factor = pl.col("adjustment_factor")
    forms = {
        "event": factor,
        "shares": 1 / factor,
        "day_before": factor.shift(-1, fill_value=1.0).over("code"),
        "day_after": factor.shift(1, fill_value=1.0).over("code"),
        "shares_day_before": 1 / factor.shift(-1, fill_value=1.0).over("code"),
        "forward": 1.037 / factor.cum_prod().over("code"),
        "forward_shares": factor.cum_prod().over("code") * 1.037,
        "backward": factor.cum_prod(reverse=True).shift(-1, fill_value=1.0).over("code"),
        "backward_shares": 1 / factor.cum_prod(reverse=True).shift(-1, fill_value=1.0).over("code"),
        "zero_for_none": pl.when(factor == 1.0).then(0.0).otherwise(1 / factor),
        "null_for_none": pl.when(factor != 1.0).then(factor),
    }
    return frame.with_columns(adjustment_factor=forms[form]).sort("date", "code")


FORMS = (
    *("event", "shares", "day_before", "day_after", "shares_day_before", "forward"),
    *("forward_shares", "backward", "backward_shares", "zero_for_none", "null_for_none"),
)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_factor_gives_the_same_factors(tmp_path: Path, form: str) -> None:
    wanted = event(bars(), *SPLITS).sort("date", "code")["adjustment_factor"]
    reading = imported(written(form), tmp_path)
    assert reading.frames.quotes["adjustment_factor"].to_list() == pytest.approx(
        wanted.to_list(), rel=1e-9
    )
    assert float(returns(reading)["ret"].abs().max()) < 0.1
    assert "3 of 3 large ones explain their move" in reading.adjustment


@pytest.mark.parametrize("form", ["split_close", "with_dividends"])
def test_an_adjusted_close_gives_the_same_factors(tmp_path: Path, form: str) -> None:
    frame = event(bars(), *SPLITS).sort("code", "date")
    back = pl.col("adjustment_factor").cum_prod(reverse=True).shift(-1, fill_value=1.0).over("code")
    frame = frame.with_columns(adj_close=pl.col("close") * back)
    if form == "with_dividends":
        paid = pl.when(pl.col("date") < date(2024, 2, 20)).then(0.985).otherwise(1.0)
        frame = frame.with_columns(adj_close=pl.col("adj_close") * paid)
    reading = imported(frame.drop("adjustment_factor").sort("date", "code"), tmp_path)
    events = reading.frames.quotes.filter(
        (pl.col("adjustment_factor") < 0.9) | (pl.col("adjustment_factor") > 1.1)
    )
    assert events.select("code", "date").rows() == [
        ("13010", DAY),
        ("13210", DAY),
        ("13110", date(2024, 2, 15)),
    ]
    assert "3 of 3 large ones explain their move" in reading.adjustment


def test_prices_that_are_adjusted_already_are_refused(tmp_path: Path) -> None:
    frame = bars().with_columns(
        adjustment_factor=pl.when((pl.col("code") == "13010") & (pl.col("date") == DAY))
        .then(0.5)
        .otherwise(1.0)
    )
    with pytest.raises(DataError, match=r"adjusted already.*2024-02-01 13010.*--map adj") as caught:
        imported(frame, tmp_path)
    assert "the factor says x0.5" in str(caught.value)
    left_out = imported(frame, tmp_path, columns={"adjustment_factor": ""})
    assert left_out.adjustment.startswith("none")


def test_two_meanings_in_one_file_are_refused(tmp_path: Path) -> None:
    both = pl.concat(
        [
            written("event").filter(pl.col("code") != "13010"),
            written("shares").filter(pl.col("code") == "13010"),
        ]
    )
    with pytest.raises(DataError, match=r"no one meaning explains the 3 large.*67%.*13010"):
        imported(both, tmp_path)


def test_one_wrong_factor_among_right_ones_is_not_believed(tmp_path: Path) -> None:
    right = event(bars(), *SPLITS, ("13310", DAY, 0.2), ("13410", DAY, 0.25))
    wrong = right.with_columns(
        adjustment_factor=pl.when((pl.col("code") == "13510") & (pl.col("date") == DAY))
        .then(0.5)
        .otherwise("adjustment_factor")
    )
    reading = imported(wrong, tmp_path)
    assert counts(reading)["factor_contradicted"] == 1
    assert first(reading, "factor_contradicted") == "2024-02-01 13510"
    assert float(returns(reading)["ret"].abs().max()) < 0.1
    kept = reading.frames.extras["defects"].filter(pl.col("defect") == "factor_contradicted")
    assert kept.select("code", "column", "value").rows() == [("13510", "adjustment_factor", 0.5)]


@pytest.mark.parametrize("seed", [0, 1])
def test_noise_is_no_factor(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = bars()
    noisy = frame.with_columns(adjustment_factor=pl.Series(rng.uniform(0.5, 2.0, frame.height)))
    with pytest.raises(DataError, match="neither a factor of rare events nor a cumulative one"):
        imported(noisy, tmp_path)
    other = frame.with_columns(adj_close=pl.Series(rng.uniform(100, 200, frame.height)))
    with pytest.raises(DataError, match=r"no adjusted close of this close.*--map adj_close="):
        imported(other, tmp_path)


def test_a_cumulative_factor_of_dividends_alone_needs_its_direction(tmp_path: Path) -> None:
    frame = bars().with_columns(
        adjustment_factor=pl.when(
            (pl.col("date") >= date(2024, 2, 1)) & (pl.col("code") == "13010")
        )
        .then(1.06)
        .otherwise(1.05)
    )
    with pytest.raises(DataError, match="--set factor_direction=prices"):
        imported(frame, tmp_path)
    reading = imported(frame, tmp_path, factor_direction="prices")
    events = reading.frames.quotes["adjustment_factor"].filter(
        reading.frames.quotes["adjustment_factor"] != 1.0
    )
    assert events.to_list() == pytest.approx([1.05 / 1.06])


def test_a_cumulative_factor_that_never_changes_is_no_event(tmp_path: Path) -> None:
    reading = imported(bars().with_columns(adjustment_factor=pl.lit(1.037)), tmp_path)
    assert (reading.frames.quotes["adjustment_factor"] == 1.0).all()
    assert reading.adjustment == "factors of the file: no event, all factors are 1"


def test_what_the_user_says_is_believed(tmp_path: Path) -> None:
    reading = imported(written("shares"), tmp_path, factor_direction="shares")
    assert "new shares per old" in reading.adjustment
    with pytest.raises(DataError, match="does not fit the close"):
        imported(written("shares"), tmp_path, factor_direction="prices", factor_session="ex_date")


def test_a_split_over_a_suspension_counts_from_close_to_close(tmp_path: Path) -> None:
    frame = event(bars(), ("13010", DAY, 0.5))
    silent = (pl.col("code") == "13010") & pl.col("date").is_between(DAY, date(2024, 2, 6))
    frame = frame.with_columns(
        pl.when(~silent).then(pl.col(name)).alias(name)
        for name in ("open", "high", "low", "close", "volume")
    )
    reading = imported(frame, tmp_path)
    assert "1 of 1 large ones explain their move" in reading.adjustment
    assert float(returns(reading)["ret"].abs().max()) < 0.15


@pytest.mark.parametrize("form", ["event", "forward", "backward_shares"])
def test_a_quarantined_row_leaves_its_factor_behind(tmp_path: Path, form: str) -> None:
    frame = written(form)
    lost = pl.col("date") == DAY
    volume = pl.when(lost).then(-1.0).otherwise("volume").alias("volume")
    reading = imported(frame.with_columns(volume), tmp_path)
    assert counts(reading)["negative_volume"] == 12
    following = days(frame)[days(frame).index(DAY) + 1]
    events = reading.frames.quotes.filter(pl.col("adjustment_factor") != 1.0)
    assert events.select("code", "date").rows() == [
        ("13010", following),
        ("13210", following),
        ("13110", date(2024, 2, 15)),
    ]
    if form == "event":
        assert counts(reading)["factor_carried"] == 2
        assert first(reading, "factor_carried").startswith("2024-02-01 13010")


def test_a_carried_factor_meets_the_factor_of_its_new_row(tmp_path: Path) -> None:
    frame = event(bars(), ("13010", DAY, 0.5), ("13010", date(2024, 2, 2), 0.2))
    gone = (pl.col("date") == DAY) & (pl.col("code") == "13010")
    frame = frame.with_columns(pl.when(gone).then(-1.0).otherwise("volume").alias("volume"))
    events = imported(frame, tmp_path).frames.quotes.filter(pl.col("adjustment_factor") != 1.0)
    assert events.select("date", "adjustment_factor").rows() == [(date(2024, 2, 2), 0.1)]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    form=st.sampled_from(FORMS),
    sizes=st.lists(
        st.sampled_from([0.5, 0.2, 1 / 3, 0.1, 2.0, 5.0, 10.0, 0.25]), min_size=1, max_size=4
    ),
)
def test_the_prices_say_what_a_factor_means(
    tmp_path_factory: pytest.TempPathFactory, seed: int, form: str, sizes: list[float]
) -> None:
    """Over random markets and splits, every form is read rightly."""
    rng = np.random.default_rng(seed)
    dates = days(bars(seed=seed))[2:-2]
    chosen = rng.choice(12, len(sizes), replace=False)
    splits = tuple(
        (str(13010 + 100 * int(n)), dates[int(rng.integers(len(dates)))], size)
        for n, size in zip(chosen, sizes, strict=True)
    )
    reading = imported(written(form, splits, seed=seed), tmp_path_factory.mktemp("form"))
    assert float(returns(reading)["ret"].abs().max()) < 0.2
    assert sorted(
        reading.frames.quotes.filter(pl.col("adjustment_factor") != 1.0)["adjustment_factor"]
    ) == pytest.approx(sorted(sizes), rel=1e-6)


def test_each_meaning_has_its_own_words() -> None:
    texts = {
        Meaning(form, direction, session).text
        for form in (FactorForm.EVENT, FactorForm.CUMULATIVE)
        for direction in (FactorDirection.PRICES, FactorDirection.SHARES)
        for session in FactorSession
        if session is not FactorSession.AUTO
    }
    assert len(texts) == 12
