"""Words of programs have a text in both languages, and every one that can come has."""

import re

import gogooku.publish.orders as publishing
from gogooku.dashboard.texts import (
    BASIS,
    CHECKS,
    LEFT,
    REASONS,
    SIDES,
    STEPS,
    TITLES,
    moment,
    named,
    several,
)
from gogooku.evaluate.words import NONE, Text
from gogooku.portfolio.book import Reason, Side
from gogooku.portfolio.plan import ODD_LOT
from gogooku.portfolio.plan import SIDES as PLANNED
from gogooku.watch.metrics import CHECKS as CHECKED
from support.sources import ROOT

TABLES_OF_TEXTS = (BASIS, CHECKS, LEFT, REASONS, SIDES, STEPS, TITLES)


def test_every_check_of_the_watch_is_named():
    assert set(CHECKS) == set(CHECKED)


def test_every_side_that_is_planned_is_named():
    assert set(SIDES) == {side.value for side in PLANNED}
    assert set(SIDES) <= {side.value for side in Side}


def test_every_reason_why_something_is_left_is_named():
    left = {Reason.NO_OPEN, Reason.NO_TRADE, Reason.LIMIT_UP, Reason.LIMIT_DOWN, Reason.CASH,
            Reason.PARTICIPATION, Reason.NOT_LENDABLE, Reason.GROSS}  # fmt: skip
    assert set(LEFT) == {*(one.value for one in left), ODD_LOT, publishing.BELOW_ONE_LOT}


def test_every_reason_of_an_order_is_named():
    text = (ROOT / "src" / "gogooku" / "publish" / "orders.py").read_text(encoding="utf-8")
    body = text[text.index("def _reason(") : text.index("def _named(")]
    assert set(REASONS) == set(re.findall(r'"([a-z ]+)"', body))


def test_both_languages_say_something():
    for table in TABLES_OF_TEXTS:
        for key, text in table.items():
            assert text.en, key
            assert text.ja, key


def test_a_word_that_is_not_known_is_itself():
    assert named(SIDES, "buy") == Text("Buy", "買い")
    assert named(SIDES, "barter") == "barter"


def test_several_words_are_listed_as_each_language_does():
    assert several(LEFT, "cash, odd_lot") == Text("no cash left, odd lot", "資金不足、端株")
    assert several(LEFT, "") == Text("", "")


def test_a_moment_is_told_in_tokyo():
    assert moment("2026-11-27T11:40:00+00:00") == "2026-11-27 20:40"
    assert moment(None) == NONE
