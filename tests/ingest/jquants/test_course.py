"""A query that has no end is ended."""

import pytest

from gogooku.ingest.jquants import course as module
from gogooku.ingest.jquants.bodies import TooLarge
from gogooku.ingest.jquants.course import Course


def rows(*codes):
    return [{"Code": code} for code in codes]


def faults(*pages):
    course = Course()
    return [course.fault(10, page) for page in pages]


def test_pages_that_differ_go_on():
    assert set(faults(*(rows(f"a{n}", f"b{n}") for n in range(500)))) == {None}


def test_pages_that_repeat_end_after_three():
    assert faults(*[rows("a", "b")] * 4)[-2:] == [
        None,
        "pages that repeat earlier ones under new keys",
    ]


def test_pages_that_go_in_a_circle_end():
    pages = [rows(name) for name in "abc"]
    assert [bool(one) for one in faults(*pages, *pages)] == [False] * 5 + [True]


def test_one_repeated_page_among_others_is_none():
    assert set(faults(rows("a"), rows("a"), rows("b"), rows("b"), rows("c"), rows("a"))) == {None}


def test_empty_pages_end():
    assert faults(*[[]] * 20)[-2:] == [None, "empty pages without end"]
    assert set(faults(*([[]] * 19 + [rows("a")] + [[]] * 19))) == {None}


def test_the_number_of_pages_and_their_size_are_bounded(monkeypatch):
    monkeypatch.setattr(module, "QUERY_PAGES", 3)
    course = Course()
    for _ in range(2):
        course.fault(10, rows("a"))
        course.refuse_long("quotes date=x")
    course.fault(10, rows("b"))
    with pytest.raises(TooLarge, match="quotes date=x: the number of pages is more than 3"):
        course.refuse_long("quotes date=x")
    monkeypatch.setattr(module, "QUERY_ROWS", 3)
    course = Course()
    course.fault(10, rows("a", "b", "c", "d"))
    with pytest.raises(TooLarge, match="the number of rows is more than 3"):
        course.refuse_long("quotes date=x")
    course = Course()
    course.fault(module.QUERY_BYTES + 1, rows("a"))
    with pytest.raises(TooLarge, match="the size of all pages is more than 512 MiB"):
        course.refuse_long("quotes date=x")
