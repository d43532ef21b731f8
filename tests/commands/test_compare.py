from support.cli import done


def test_compare_for_people_and_programs(home):
    rows = done(home, "compare", "ridge", "reversal", "--json").json
    assert rows
    said = done(home, "compare", "ridge", "reversal").out
    assert "rank_ic" in said
