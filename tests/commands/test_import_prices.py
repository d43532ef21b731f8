import polars as pl

from support.cli import done, run_cli


def test_import_shows_what_it_took(tiny_prices, tmp_path):
    said = done(tmp_path, "import", tiny_prices, "--set", "name=mine")
    assert "close" in said.out
    as_json = done(tmp_path, "import", tiny_prices, "--set", "name=mine", "--json").json
    assert as_json["source"] == "mine"
    assert as_json["codes"] == 24
    assert as_json["sessions"] == 200


def test_import_with_a_mapping(tiny_prices, tmp_path):
    odd = tmp_path / "odd.parquet"
    pl.read_parquet(tiny_prices).rename({"close": "what_it_ended_at"}).write_parquet(odd)
    assert run_cli(tmp_path / "home", "import", odd, "--json").code == 3
    made = done(tmp_path / "home", "import", odd, "--map", "close=what_it_ended_at", "--json").json
    assert made["mapping"]["close"] == "what_it_ended_at"


def test_the_basis_of_adjustment_is_printed(tiny_prices, tmp_path):
    said = done(tmp_path, "import", tiny_prices)
    as_json = done(tmp_path, "import", tiny_prices, "--json").json
    assert "adjustment" in said.out
    assert as_json["adjustment"].startswith(("none", "adjusted close", "factors of the file"))
    assert as_json["adjustment"].split(":")[0] in said.out
