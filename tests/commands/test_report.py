import pytest

from support.cli import done


@pytest.mark.parametrize("run", ["ridge", "atft-gat-fan", "reversal"])
def test_report_is_one_page(run, home):
    place = done(home, "report", run, "--json").json["report"]
    with open(place, encoding="utf-8") as handle:
        page = handle.read()
    assert page.lstrip().lower().startswith("<!doctype html")
    assert "report: " in done(home, "report", run).out
