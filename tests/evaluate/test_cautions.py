"""Each caution is said of a planted case, with its numbers, and not of a healthy one."""

import re
from datetime import date

import numpy as np
import polars as pl
import pytest

from gogooku.core.calendar import tokyo_sessions
from gogooku.core.terms import TERMS
from gogooku.evaluate import cautions
from gogooku.evaluate.breakdown import BREAKDOWN_SCHEMA
from gogooku.evaluate.cautions import Caution, Severity, sorted_by_severity

DAYS = tokyo_sessions(date(2023, 1, 1), date(2023, 12, 31))[:200]
JAPANESE = re.compile(r"[぀-ヿ一-鿿]")


def only(found, code):
    """The one caution there is."""
    assert [one.code for one in found] == [code]
    assert JAPANESE.search(found[0].text_ja)
    assert not JAPANESE.search(found[0].text)
    assert found[0].to_json()["severity"] in ("high", "medium", "low")
    return found[0].text


def rank_ic(mean, horizon=5, length=200, seed=0):
    series = np.random.default_rng(seed).normal(mean, 0.1, size=length)
    return pl.DataFrame({"horizon": [horizon] * length, "rank_ic": series})


def test_skill_that_is_negative_beyond_chance():
    planted = pl.concat([rank_ic(0.02, horizon=1), rank_ic(-0.04)])
    text = only(cautions.negative_skill(planted), "negative-skill")
    assert re.search(r"5: -0\.0\d\d \(p 0\.000, n 200\)", text)
    assert "1:" not in text


def test_skill_that_is_negative_by_chance_or_over_too_few_sessions():
    assert cautions.negative_skill(rank_ic(0.02)) == []
    assert cautions.negative_skill(rank_ic(-0.04, horizon=20, length=90)) == []
    nothing = pl.DataFrame({"horizon": [5, 5], "rank_ic": pl.Series([None, None], dtype=float)})
    assert cautions.negative_skill(nothing) == []
    said = [bool(cautions.negative_skill(rank_ic(0.0, seed=seed))) for seed in range(200)]
    assert 0 < sum(said) < 14


def test_one_fold_only():
    assert "every test session (250) was scored by a single fit" in only(
        cautions.few_folds(1, 250), "one-fold"
    )
    assert cautions.few_folds(2, 250) == []


def test_scores_that_were_made_elsewhere():
    text = only(cautions.given_scores(250, {"unknown_codes": 0}), "unknown-fit")
    assert "cannot say that the 250 sessions judged were not seen" in text
    both = cautions.given_scores(250, {"outside_universe": 1_200, "unknown_codes": 3})
    (left,) = [one for one in both if one.code == "rows-left-out"]
    assert left.text == (
        "Rows that are not judged: 3 of codes that the dataset does not have, 1,200 of names that "
        "were not in the universe on their session."
    )
    assert "1,200行" in left.text_ja


def test_k_above_a_quarter_of_the_universe():
    assert "50 of 120 names, 42%" in only(cautions.large_k(50, 120), "large-k")
    assert cautions.large_k(50, 200) == []


def test_a_k_that_was_lowered_is_said():
    assert "from 50 to 15" in only(cautions.large_k(15, 60, asked=50), "lowered-k")
    assert cautions.large_k(50, 400, asked=50) == []


def test_amounts_in_another_currency():
    tokyo = TERMS["tokyo"]
    usd = {"min_traded_value": tokyo.min_traded_value, "initial_cash": 1e6}
    text = only(cautions.other_currency("new_york", "USD", usd), "other-currency")
    assert "min_traded_value is 50,000,000 USD" in text
    assert "usual in new_york is USD 1,000,000" in text
    cash = {"initial_cash": TERMS["new_york"].initial_cash}
    assert "initial_cash is 10,000,000 JPY" in only(
        cautions.other_currency("tokyo", "JPY", cash), "other-currency"
    )
    assert "Prices are in EUR" in only(
        cautions.other_currency("tokyo", "EUR", {}), "other-currency"
    )
    for name, terms in TERMS.items():
        own = {"min_traded_value": terms.min_traded_value, "initial_cash": terms.initial_cash}
        assert cautions.other_currency(name, terms.currency, own) == []


def test_survivors_only():
    said = "survivors only: none of 900 names left in 2,000 sessions"
    found = cautions.known_bias([said])
    assert said in only(found, "survivors-only")
    assert found[0].severity is Severity.HIGH
    assert cautions.known_bias(["prices adjusted backwards"])[0].code == "known-bias"
    assert cautions.known_bias([]) == []


def test_one_day_that_makes_the_result():
    rng = np.random.default_rng(0)
    daily = rng.normal(-1.0, 20.0, size=200)
    daily[77] = 900.0
    text = only(cautions.one_day("top 50", DAYS, daily, unit="bps"), "one-day")
    assert str(DAYS[77]) in text
    assert "which alone was 900 bps" in text
    gained = rng.normal(1.0, 20.0, size=200)
    gained[78] = 900.0
    found = cautions.one_day("top 50", DAYS, gained)
    assert found[0].numbers["without"] < 0.5 * found[0].numbers["mean"]


@pytest.mark.parametrize("seed", range(20))
def test_noise_and_steady_skill_have_no_such_day(seed):
    rng = np.random.default_rng(seed)
    for mean in (0.0, 0.1, 1.0):
        daily = rng.normal(mean, 1.0, size=200)
        assert cautions.one_day("it", DAYS, daily) == []
    fat = rng.standard_t(4, size=200) + 1.0
    assert cautions.one_day("it", DAYS, fat) == []
    steady = np.full(200, 0.3)
    steady[5] = np.nan
    assert cautions.one_day("it", DAYS, steady) == []


def test_partial_days():
    names = np.full(200, 900)
    names[[40, 41]] = 200, 100
    text = only(cautions.partial_days(DAYS, names), "partial-days")
    assert "2 of 200 test sessions" in text
    assert f"{DAYS[41]} with 100 of 900" in text
    growing = np.linspace(300, 1500, 200).astype(int)
    assert cautions.partial_days(DAYS, growing) == []
    assert cautions.partial_days(DAYS[:0], names[:0]) == []


def test_a_plateau_of_equal_scores():
    scores = np.random.default_rng(1).normal(size=(30, 80, 2)).astype(np.float32)
    scores[:, 60:, :] = np.nan
    assert cautions.score_plateau(scores, (1, 5)) == []
    scores[:, :30, 1] = 0.25
    text = only(cautions.score_plateau(scores, (1, 5)), "score-plateau")
    assert "5: 50%" in text
    assert "1:" not in text
    assert cautions.score_plateau(np.full((3, 5, 1), np.nan), (1,)) == []


def epochs(*kept, phase=None, fold=0):
    extra = {} if phase is None else {"phase": phase}
    return [
        {"event": "epoch", "fold": fold, "epoch": i, "kept": one, **extra}
        for i, one in enumerate(kept, 1)
    ]


def boosting(*at_cap):
    return [{"event": "boosting", "horizon": i, "at_cap": one} for i, one in enumerate(at_cap)]


def test_a_cap_hit_in_training():
    assert "1 of 3 fits with the largest" in only(
        cautions.cap_hit(boosting(False, True, False)), "cap-hit"
    )
    planted = [*epochs(True, True, True), *epochs(True, True, False)]
    assert "1 of 2 fits with the last epoch" in only(cautions.cap_hit(planted), "cap-hit")


def test_trainings_that_ended_by_themselves():
    assert cautions.cap_hit(boosting(False, False)) == []
    assert cautions.cap_hit(epochs(True, True, False)) == []
    assert cautions.cap_hit(epochs(True, True, phase="warm up")) == []
    again = {"event": "fold", "fitted_on": "train and valid"}
    assert cautions.cap_hit([again, *epochs(True, True)]) == []
    assert cautions.cap_hit([]) == []


def test_selection_on_the_test_window():
    text = only(cautions.chosen_on_test(40, "2023-01-04", "2023-12-29"), "chosen-on-test")
    assert "40 different runs were judged on 2023-01-04 to 2023-12-29" in text
    assert "2.7 standard errors" in text
    assert cautions.chosen_on_test(1, "2023-01-04", "2023-12-29") == []


def liquidity(illiquid, middle, liquid):
    rows = [
        ("liquidity", value, 5, "rank_ic", 200, 90.0, mean, 0.01)
        for value, mean in (("illiquid", illiquid), ("middle", middle), ("liquid", liquid))
    ]
    unknown = ("liquidity", "unknown", 5, "rank_ic", 0, None, None, None)
    return pl.DataFrame([*rows, unknown], schema=dict(BREAKDOWN_SCHEMA), orient="row")


def test_skill_only_where_nobody_trades():
    planted = liquidity(0.05, 0.01, -0.01)
    text = only(cautions.only_illiquid(planted, illiquid="illiquid"), "only-illiquid")
    assert "RankIC +0.050; middle +0.010, liquid -0.010" in text
    assert cautions.only_illiquid(liquidity(0.05, 0.03, 0.03), illiquid="illiquid") == []
    assert cautions.only_illiquid(liquidity(0.01, 0.01, 0.0), illiquid="illiquid") == []
    nothing = planted.filter(pl.col("value") == "unknown")
    assert cautions.only_illiquid(nothing, illiquid="illiquid") == []


def test_the_gravest_stands_first():
    made = [Caution(str(i), one, "", "") for i, one in enumerate(("low", "high", "medium", "high"))]
    made = [Caution(one.code, Severity(one.severity), "", "") for one in made]
    assert [one.code for one in sorted_by_severity(made)] == ["1", "3", "2", "0"]
