from support.cli import done, sets


def test_sandbox_market_for_people_and_programs(tmp_path):
    home = tmp_path / "home"
    size = sets("num_stocks=24", "num_sessions=70", "num_branches=0", "num_sectors=2")
    said = done(home, "sandbox", "market", "--size", "tiny", "--seed", 4, *size)
    assert said.out.startswith("source sandbox-tiny-4: ")
    again = done(home, "sandbox", "market", "--size", "tiny", "--seed", 4, *size, "--json").json
    assert again["source"] == "sandbox-tiny-4"
    assert f"{again['rows']:,} rows" in said.out
