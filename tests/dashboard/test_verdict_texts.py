"""What gates and checks said is told in both languages, with every figure that was measured."""

import re

import pytest

from gogooku.dashboard.texts import TABLES
from gogooku.dashboard.verdict_texts import (
    GATES,
    OUTCOMES,
    check_named,
    check_said,
    gate_said,
    refusal,
)
from gogooku.publish.gates import GATES as OF_RANKING
from gogooku.publish.gates_of_data import DATA_GATES
from gogooku.releases.verdicts import Outcome, passed, refused

FIGURES = {
    "freshness": {"expected": "2026-11-30", "newest": "2026-11-27"},
    "contract": {"features": 653},
    "universe": {"names": 3_000, "before": 4_000, "least": 0.8},
    "scored": {"names": 1_000, "universe": 4_000, "least": 0.5},
    "quoted": {"names": 1_500, "universe": 4_000, "least": 0.5},
    "finite": {"names": 4_000, "bad": 3},
    "coverage_before": {"names": 3_000, "wanted": 4_000, "least": 0.9},
    "coverage_tested": {"names": 2_000, "wanted": 3_500.5, "least": 0.7},
    "spread": {"deviation": 12.5, "tested": 0.25, "times": 10.0},
    "ties": {"share": 0.253, "most": 0.2},
    "jump": {"autocorrelation": -0.81, "tested": 0.8, "least": 0.5},
    "turnover": {"share": 0.6, "most": 0.4},
}
JAPANESE = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")


def test_every_gate_and_outcome_of_an_evening_is_named():
    assert set(GATES) == {"freshness", "contract", *DATA_GATES, *OF_RANKING} == set(FIGURES)
    assert set(OUTCOMES) == {str(one) for one in Outcome}
    for text in (*GATES.values(), *OUTCOMES.values()):
        assert JAPANESE.search(text.ja)


@pytest.mark.parametrize("gate", list(FIGURES))
def test_the_figures_of_a_gate_are_told_in_japanese(gate):
    text = gate_said(refused(gate, "in English", **FIGURES[gate]).to_json())
    assert text.en == "in English"
    assert JAPANESE.search(text.ja)
    assert "English" not in text.ja
    shown = len(re.findall(r"\d[\d,.]*(?:-\d\d-\d\d)?", text.ja))
    assert shown == len(FIGURES[gate])


def test_a_gate_that_had_nothing_to_compare_with():
    made = gate_said(passed("jump", "nothing to compare with").to_json())
    assert made == ("nothing to compare with", "比較対象なし")
    made = gate_said(refused("contract", "1 missing (first rsi_14)").to_json())
    assert made.ja == "学習時と異なる: 1 missing (first rsi_14)"


def test_a_refusal_is_told_with_the_name_of_its_gate():
    one = {"session": "2026-11-27", **refused("ties", "many", **FIGURES["ties"]).to_json()}
    text = "2026-11-27: ties: many"
    assert refusal(text, {text: one}) == (text, "2026-11-27: 同点: 同点の銘柄 25.3%(上限 20%)")
    assert refusal("--holdings: late", {}) == ("--holdings: late", "--holdings: late")


@pytest.mark.parametrize(
    ("of", "about"),
    [
        ("", ""),
        ("5", "5営業日先 "),
        ("quotes", f"{TABLES['quotes'].ja} "),
        ("own_table", "own_table "),
    ],
)
def test_a_check_is_told_in_japanese(of, about):
    check = {"name": "late", "of": of, "value": 2.0, "limit": 1.0, "below": False, "says": "seen"}
    assert check_said(check) == ("seen", f"{about}2.000(上限 1.000)")
    assert check_said({**check, "below": True}).ja.endswith("(下限 1.000)")
    assert check_named(check).ja == "データの遅れ"
