"""What a page takes is taken, and nothing else."""

from datetime import date

import pytest

from gogooku.serve.answers import RefusedError, said
from gogooku.serve.pages import DATE, HORIZON, TOP, Page, Pages

RANKING = Page("/ranking", "R.", lambda _: said({}), parameters=(DATE, HORIZON, TOP))
NAME = Page("/names/{code}", "N.", lambda _: said({}))
PAGES = Pages([RANKING, NAME])


def test_values_are_read():
    values = RANKING.values("date=2026-11-27&horizon=1&top=5", "")
    assert values == {"date": date(2026, 11, 27), "horizon": 1, "top": 5}
    assert NAME.values("", "13010") == {"code": "13010"}
    assert RANKING.values("", "") == {}


@pytest.mark.parametrize(
    ("query", "mention"),
    [
        ("horizons=1", "'horizons' is no parameter of /ranking; did you mean horizon?"),
        ("x=1", "'x' is no parameter of /ranking (it has: date, horizon, top)"),
        ("top=1&top=2", "top: is there 2 times"),
        ("top=1&top=1", "top: is there 2 times"),
        ("date=1700000000", "date: got '1700000000', expected a date, YYYY-MM-DD"),
        ("date=20241105", "expected a date"),
        ("date=2024-02-30", "expected a date"),
        ("date=", "expected a date"),
        ("top=0", "expected a number, at least 1"),
        ("top=" + "1" * 40, "expected a number, at least 1"),
        ("top=%EF%BC%95", "expected a number"),
        ("horizon=five", "horizon: got 'five', expected a whole number"),
        ("horizon=x&top=0", "horizon: got 'x', expected a whole number; top: got '0'"),
        ("&".join(f"a{n}=1" for n in range(30)), "more than 16 parameters"),
    ],
)
def test_what_would_be_misread_is_refused(query, mention):
    with pytest.raises(RefusedError) as refused:
        RANKING.values(query, "")
    assert refused.value.status == 422
    assert mention in str(refused.value)


def test_pages_are_found_by_their_path():
    assert PAGES.find("/ranking") == (RANKING, "")
    assert PAGES.find("/names/13010") == (NAME, "13010")
    for path in ("/", "", "/ranking/", "/names/", "/names/a/b", "/names/a b", "/names/" + "1" * 40):
        assert PAGES.find(path) == (None, ""), path
