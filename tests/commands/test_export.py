from support.cli import done, is_one_paragraph, run_cli


def test_export_says_how_much_was_written(home, tmp_path):
    facts = done(home, "export", tmp_path / "one", "--to", "qlib", "--json").json
    said = done(home, "export", tmp_path / "two", "--to", "qlib").out
    fields, market = len(facts["fields"]), len(facts["market_fields"])
    counts = f"{facts['instruments']} instruments x {fields} fields, {market} of the market"
    assert said == f"written: {tmp_path / 'two'} ({counts})\n"
    assert fields > 0
    assert (tmp_path / "one" / "features").is_dir()


def test_export_refuses_another_format(home, tmp_path):
    result = run_cli(home, "export", tmp_path / "one", "--to", "csv")
    assert result.code == 2
    assert is_one_paragraph(result.err)
    assert "--to 'csv'" in result.err
    assert not (tmp_path / "one").exists()
