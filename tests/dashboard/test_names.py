"""The top names, a line each."""

from gogooku.dashboard.names import names_part
from gogooku.dashboard.why import Reason, Reasons
from support.dashboards import HOSTILE, SEATS, bare, frames, ranking, shown
from support.pages import in_english, read


def test_a_line_for_each_name_that_opens():
    part = names_part(shown(), {})
    reader = read(part)
    codes = ranking().head(SEATS).get_column("code")
    assert [one for one in reader.ids if one.startswith("name-")] == [f"name-{c}" for c in codes]
    assert part.count("<summary") == SEATS


def test_both_names_both_codes_the_sector_and_the_order_are_there():
    first = frames(hostile=False)
    row = first["ranking"].to_dicts()[1]
    text = in_english(names_part(shown(frames=first), {}))
    for wanted in (row["name_en"], row["name_ja"], row["code"], row["code"][:4]):
        assert wanted in text
    assert "Foods" in text
    assert "Buy 100" in text
    assert "8.00%" in text


def test_what_the_model_gives_is_named_with_its_horizon():
    text = in_english(names_part(shown(), {}))
    assert "Score over 1 session" in text
    assert "Score over 5 sessions" in text
    assert "q0.1 over 5 sessions" in text


def test_moves_are_told_with_their_direction():
    part = names_part(shown(), {})
    assert 'class="new"' in part, "the first one is new"
    assert "↓ 1" in part


def test_reasons_are_shown_where_there_are_some():
    code = str(ranking().get_column("code")[0])
    reasons = {code: Reasons("exact", (Reason("ret_1d", "Return <b>", 0.01, -0.02),))}
    text = names_part(shown(), reasons)
    assert "ret_1d" in text
    assert "Return <b>" not in text
    assert in_english(text).count("Not computed") == SEATS - 1


def test_without_a_portfolio_there_is_no_order():
    text = in_english(names_part(bare(), {}))
    assert "Buy" not in text
    assert "Weight in the target" not in text


def test_names_are_escaped():
    part = names_part(shown(), {})
    assert HOSTILE not in part
    assert "&lt;/script&gt;" in part


def test_scores_that_are_all_nothing_have_no_bar():
    flat = ranking().with_columns(score_5=0.0)
    assert "hbar" not in names_part(shown(frames={"ranking": flat}), {})
