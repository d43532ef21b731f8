"""Orders and target."""

import polars as pl

from gogooku.dashboard.trades import orders_part, target_part
from support.dashboards import ACCOUNT, HOSTILE, SEATS, bare, frames, shown
from support.pages import in_english, read, rows


def test_each_order_is_a_line_with_its_reason():
    part = orders_part(shown())
    read(part)
    body = rows(part)
    assert len(body) == SEATS + 1
    assert body[0][1:3] == [["Sell"], ["100"]]
    assert body[0][-1] == ["no", "longer", "among", "the", "chosen"]
    assert body[1][1] == ["Buy"]


def test_the_sides_are_summed_and_the_account_is_named():
    text = in_english(orders_part(shown()))
    assert f"Buy: {SEATS} orders" in text
    assert "Sell: 1 order," in text
    assert "as if filled at its reference prices" in text
    assert "equity 100m JPY" in text


def test_amounts_are_in_the_currency_of_the_account():
    text = in_english(orders_part(shown(account={**ACCOUNT, "currency": "USD"})))
    assert "100m USD" in text
    assert "JPY" not in text


def test_no_orders_and_nothing_to_trade_are_two_things():
    assert "No orders were published" in in_english(orders_part(bare()))
    made = frames()
    none = shown(frames={**made, "orders": made["orders"].clear()})
    assert "Nothing to trade" in in_english(orders_part(none))


def test_the_target_says_what_is_left_and_why():
    body = rows(target_part(shown()))
    assert len(body) == SEATS + 1
    assert body[1][-1] == ["share", "of", "traded", "value,", "no", "cash", "left"]
    assert body[0][1:5] == [["8.00%"], ["200"], ["100"], ["+100"]]
    assert body[-1][4] == ["−100"]
    assert target_part(bare()) == ""


def test_a_target_of_few_columns_is_shown():
    """As an earlier version published it."""
    made = frames()
    few = {**made, "target": made["target"].select("code", "weight"),
           "orders": made["orders"].select("code", "side")}  # fmt: skip
    assert len(rows(target_part(shown(frames=few)))) == SEATS + 1
    assert len(rows(orders_part(shown(frames=few)))) == SEATS + 1


def test_names_are_escaped():
    made = frames()
    hostile = {**made, "orders": made["orders"].with_columns(name_en=pl.lit(HOSTILE))}
    for part in (orders_part(shown(frames=hostile)), target_part(shown())):
        assert HOSTILE not in part
