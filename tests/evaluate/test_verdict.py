"""The verdict says what the interval says, in numbers, and nothing kinder."""

import pytest

from gogooku.evaluate.verdict import PERIODS, Skill, skill_of, verdict


def figures(value, low, high, n=410):
    return {"value": value, "low": low, "high": high, "n": n}


MONEY = {
    "portfolio.excess_return": figures(0.031, -0.02, 0.082),
    "portfolio.max_drawdown": figures(0.12, None, None),
}


def said(rank_ic, money=MONEY, *, horizon=5, simulated=False, questioned=False):
    metrics = {**({} if rank_ic is None else {f"h{horizon}.rank_ic": rank_ic}), **money}
    return verdict(metrics, horizon=horizon, simulated=simulated, questioned=questioned)


@pytest.mark.parametrize(
    ("rank_ic", "skill", "en", "ja"),
    [
        (figures(0.043, 0.02, 0.066), Skill.SHOWN, "unlikely to be luck", "偶然である可能性は低い"),
        (figures(0.043, -0.01, 0.09), Skill.NONE, "no skill is shown", "予測力は示されていない"),
        (figures(0.0, 0.0, 0.0), Skill.NONE, "may be luck", "偶然の可能性"),
        (figures(-0.04, -0.06, -0.02), Skill.NEGATIVE, "significantly negative", "有意に負"),
        (figures(0.3, 0.2, 0.4, n=99), Skill.SHORT, "too short to judge", "短すぎて判断できない"),
        (figures(0.3, None, None), Skill.SHORT, "at least 100 sessions", "少なくとも100営業日"),
        (
            figures(None, None, None, n=0),
            Skill.UNKNOWN,
            "could not be measured",
            "計測できなかった",
        ),
        (None, Skill.UNKNOWN, "could not be measured", "計測できなかった"),
    ],
)
def test_skill_is_what_its_interval_says(rank_ic, skill, en, ja):
    assert skill_of(rank_ic, horizon=5) is skill
    text = said(rank_ic)
    assert en in text.en
    assert ja in text.ja
    assert ("luck" in text.en) == (skill in (Skill.SHOWN, Skill.NONE))


@pytest.mark.parametrize(("n", "skill"), [(20 * PERIODS - 1, Skill.SHORT), (400, Skill.SHOWN)])
def test_long_horizons_need_long_samples(n, skill):
    assert skill_of(figures(0.1, 0.05, 0.15, n=n), horizon=20) is skill


def test_the_whole_sentence():
    text = said(figures(0.0434, 0.0204, 0.0664))
    assert text.en == (
        "RankIC +0.043 at 5 sessions, 95% interval +0.020 to +0.066 over 410 sessions: skill is "
        "unlikely to be luck. After costs 3.1% a year more than the equal-weighted universe (95% "
        "interval −2.0 to +8.2%, which holds zero); largest fall 12.0%."
    )
    assert text.ja == (
        "5営業日の順位ICは+0.043(95%区間 +0.020〜+0.066、410営業日):"
        "予測力が偶然である可能性は低い。"
        "コスト控除後は等金額ユニバースを年率3.1%上回り(95%区間 −2.0〜+8.2%、0を含む)、"
        "最大下落率は12.0%。"
    )


def test_a_loss_is_called_less():
    lost = {**MONEY, "portfolio.excess_return": figures(-0.05, -0.08, -0.02)}
    text = said(figures(0.04, 0.02, 0.06), lost)
    assert "5.0% a year less than" in text.en
    assert "holds zero" not in text.en
    assert "年率5.0%下回り" in text.ja


def test_money_is_left_out_where_none_was_made():
    assert "costs" not in said(figures(0.04, 0.02, 0.06), {}).en
    unknown = {**MONEY, "portfolio.excess_return": figures(0.05, None, None)}
    assert "(interval –)" in said(figures(0.04, 0.02, 0.06), unknown).en


def test_what_makes_it_worthless_is_said():
    text = said(figures(0.04, 0.02, 0.06), simulated=True, questioned=True)
    assert text.en.endswith("The market is simulated: this says nothing about real prices.")
    assert "findings below question these numbers" in text.en
    assert "模擬データ" in text.ja
    assert "simulated" not in said(figures(0.04, 0.02, 0.06)).en
