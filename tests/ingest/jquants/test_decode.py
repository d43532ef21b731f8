"""Bodies become frames: each kind, each way of being absent, and the same by page and by file."""

import csv
import gzip
import io
import json
import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gogooku.core.errors import DataError
from gogooku.ingest.jquants.decode import (
    decode_file,
    decode_pages,
    num_rows,
    plain_number,
    read_envelope,
    unusable_objects,
)
from gogooku.ingest.jquants.endpoints import ENDPOINTS, Kind
from gogooku.ingest.jquants.plans import Plan

TOPIX = ENDPOINTS["topix"]
ALERT = ENDPOINTS["margin_alert"]
DAY = "2026-11-20"


def page(*rows, **more):
    return json.dumps({"data": list(rows), **more}).encode()


def packed(rows, names=None, *, eol="\n"):
    """A file as the vendor packs it."""
    out = io.StringIO()
    names = names or list(rows[0])
    writer = csv.writer(out, lineterminator=eol)
    writer.writerow(names)
    writer.writerows([wire(row.get(name)) for name in names] for row in rows)
    return gzip.compress(out.getvalue().encode())


def wire(value):
    if isinstance(value, dict):
        return json.dumps(value)
    return "" if value is None else value


def column(endpoint, name, *values):
    """A column decoded from one page."""
    return decode_pages(endpoint, [page(*({name: value} for value in values))]).frame[name]


# --- pages --------------------------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=lambda endpoint: endpoint.name)
def test_no_rows_give_the_schema(endpoint):
    pages = decode_pages(endpoint, [page(), page(pagination_key=None)])
    file = decode_file(endpoint, packed([], list(endpoint.columns)))
    types = dict.fromkeys(Kind, pl.String) | {Kind.NUMBER: pl.Float64}
    expected = {name: types[kind] for name, kind in endpoint.columns.items()}
    for decoded in (pages, file, decode_pages(endpoint, [])):
        assert decoded.frame.schema == expected
        assert decoded.frame.height == 0
        assert (decoded.unknown, decoded.missing) == ((), ())


def test_numbers():
    values = column(TOPIX, "O", None, 1, 2.5, "12.5", "", "-3e2", 2**53 + 1, -0.0)
    assert values.dtype == pl.Float64
    assert values.to_list() == [None, 1.0, 2.5, 12.5, None, -300.0, float(2**53 + 1), 0.0]


@pytest.mark.parametrize("bad", ["-", "*", "1,000", "nan", "inf", "1_0", " 1", "1e999", True, [1]])
def test_a_number_that_is_none_becomes_null_and_its_row_says_so(bad):
    frame = decode_pages(TOPIX, [page({"C": bad, "O": 2}, {"C": 1.0}, {"C": bad})]).frame
    said = f"C='{json.dumps(bad) if not isinstance(bad, str) else bad}'"
    assert frame.columns == [*TOPIX.columns, "_unreadable"]
    assert frame["C"].to_list() == [None, 1.0, None]
    assert frame["O"].to_list() == [2.0, None, None]
    assert frame["_unreadable"].to_list() == [said, None, said]


def test_several_unreadable_cells_of_a_row_stand_in_the_order_of_the_columns():
    decoded = decode_pages(TOPIX, [page({"C": "-", "Zeta": "z", "O": "*", "H": 1})])
    assert decoded.frame.columns == [*TOPIX.columns, "Zeta", "_unreadable"]
    assert decoded.frame["_unreadable"].to_list() == ["O='*'; C='-'"]
    assert decoded.unknown == ("Zeta",)


def test_a_number_too_long_for_a_float_is_unreadable():
    for body in (page({"C": 10**400}), b'{"data": [{"C": 1e999}]}'):
        frame = decode_pages(TOPIX, [body]).frame
        assert frame["C"].to_list() == [None]
        (said,) = frame["_unreadable"].to_list()
        assert said.startswith("C='")
        assert len(said) < 50


@pytest.mark.parametrize("name", ["Code", "PubDate", "ShrtOutChg"])
def test_ways_of_being_absent_stay_apart(name):
    values = column(ALERT, name, "", "-", "*", None, "x")
    assert values.to_list() == ["", "-", "*", "", "x"]


@pytest.mark.parametrize("name", ["Code", "ShrtOutChg"])
def test_json_numbers_as_text(name):
    values = column(ALERT, name, 12.0, 12.5, 7, -0.0, 1e-05, 1e22, True, "-")
    expected = ["12", "12.5", "7", "0", "0.00001", "1" + "0" * 22, "true", "-"]
    assert values.to_list() == expected


def test_codes_stay_texts():
    assert column(TOPIX, "Date", "72030", "0050", "130A0", "1e5", "12.0", "00")[:].to_list() == [
        *("72030", "0050", "130A0", "1e5", "12.0", "00")
    ]


def test_objects_are_canonical():
    values = column(ALERT, "PubReason", {"b": "1", "a": {"d": 1.5, "c": "é"}}, None, "", "x", [1])
    assert values.to_list() == ['{"a":{"c":"é","d":1.5},"b":"1"}', "", "", "x", "[1]"]


def test_an_absent_column_is_null_and_named_but_a_ragged_one_is_empty():
    decoded = decode_pages(TOPIX, [page({"Date": DAY, "O": 1}), page({"O": 2})])
    assert decoded.frame["Date"].to_list() == [DAY, ""]
    assert decoded.missing == ("H", "L", "C")
    assert decoded.frame["C"].null_count() == 2
    absent = decode_pages(ALERT, [page({"Code": "13010"})])
    assert absent.frame["TSEMrgnRegCls"].to_list() == [None]


def test_columns_of_a_higher_plan_or_a_later_date_are_not_missing():
    quotes = ENDPOINTS["quotes"]
    names = [name for name in quotes.columns_for(Plan.FREE) if name not in quotes.since]
    decoded = decode_pages(quotes, [page(dict.fromkeys(names))])
    assert decoded.missing == ()
    assert decoded.frame.columns == list(quotes.columns)
    assert decoded.frame["MktCap"].to_list() == [None]


def test_unknown_fields_are_kept_as_text_after_the_others():
    first = {"Date": DAY, "Zeta": 5.0, "Alpha": {"y": 1, "x": None}}
    decoded = decode_pages(TOPIX, [page(first, {"Date": DAY, "Zeta": "1.50"})])
    assert decoded.unknown == ("Alpha", "Zeta")
    assert decoded.frame.columns == [*TOPIX.columns, "Alpha", "Zeta"]
    assert decoded.frame["Alpha"].to_list() == ['{"x":null,"y":1}', ""]
    assert decoded.frame["Zeta"].to_list() == ["5", "1.5"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"data": 1}', b'{"data": [1]}', b'{"data": [{"O": NaN}]}', b"\xff"]
)
def test_a_body_that_is_no_page_is_named(body):
    with pytest.raises(DataError, match=r"topix: page 2 of 2: .*gogooku sync --endpoint topix"):
        decode_pages(TOPIX, [page(), body])
    with pytest.raises(DataError):
        num_rows(body)


def test_the_envelope():
    envelope = read_envelope(page({"O": 1}, {"O": 2}, pagination_key="", cursor="c"))
    assert (len(envelope.rows), envelope.pagination_key, envelope.cursor) == (2, None, "c")
    assert num_rows(page({"O": 1}, {"O": 2})) == 2


# --- files --------------------------------------------------------------------------------------

ROWS = [
    {"PubDate": DAY, "Code": "130A0", "ShrtOut": 12.0, "ShrtOutChg": "-", "PubReason": {"b": "1"}},
    {"PubDate": "", "Code": "0050", "ShrtOut": None, "ShrtOutChg": "12.0", "PubReason": None},
    {"PubDate": "-", "Code": 'a "b", c\nd', "ShrtOut": 1e-7, "ShrtOutChg": "*", "PubReason": None},
]


@pytest.mark.parametrize("eol", ["\n", "\r\n"])
def test_a_file_by_kind(eol):
    frame = decode_file(ALERT, packed(ROWS, eol=eol)).frame
    assert frame["PubDate"].to_list() == [DAY, "", "-"]
    assert frame["Code"].to_list() == ["130A0", "0050", 'a "b", c\nd']
    assert frame["ShrtOut"].to_list() == [12.0, None, 1e-7]
    assert frame["ShrtOutChg"].to_list() == ["-", "12", "*"]
    assert frame["PubReason"].to_list() == ['{"b":"1"}', "", ""]
    assert frame.equals(decode_pages(ALERT, [page(*ROWS)]).frame)


def test_a_file_with_another_order_an_unknown_and_a_missing_column():
    body = packed([{"C": 2.0, "New": "3.0", "Date": DAY, "O": 1.0, "H": None}])
    decoded = decode_file(TOPIX, body)
    assert decoded.frame.columns == [*TOPIX.columns, "New"]
    assert decoded.frame.rows() == [(DAY, 1.0, None, None, 2.0, "3")]
    assert (decoded.unknown, decoded.missing) == (("New",), ("L",))


def test_a_byte_order_mark_is_no_part_of_a_name():
    body = gzip.compress(b"\xef\xbb\xbf" + gzip.decompress(packed([{"Date": DAY, "O": 1}])))
    assert decode_file(TOPIX, body).unknown == ()


@pytest.mark.parametrize("bad", ["-", "nan", "inf", "-inf", "1e999", "NaN", "x"])
def test_a_file_s_number_that_is_none_becomes_null_as_on_a_page(bad):
    rows = [{"Date": DAY, "O": 1.0, "C": bad}, {"Date": DAY, "O": 2.0, "C": 1.0}]
    frame = decode_file(TOPIX, packed(rows)).frame
    assert frame["O"].to_list() == [1.0, 2.0]
    assert frame["C"].to_list() == [None, 1.0]
    assert frame["_unreadable"].to_list() == [f"C='{bad}'", None]
    assert frame.equals(decode_pages(TOPIX, [page(*rows)]).frame)


def test_a_file_s_objects_are_json_or_it_is_unusable():
    def unusable(*rows):
        return unusable_objects(ALERT, decode_file(ALERT, packed(list(rows))).frame)

    good = {"Code": "13010", "PubReason": {"a": "1"}}
    assert unusable(good, {"Code": "13020", "PubReason": None}) == ()
    assert unusable(good, {"Code": "13020", "PubReason": "a=1"}) == ("PubReason",)
    assert unusable(good, {"Code": "13020", "PubReason": "{a"}) == ("PubReason",)
    assert unusable({"Code": "13010"}) == ("PubReason",)
    assert unusable_objects(ALERT, decode_pages(ALERT, [page()]).frame) == ()
    assert unusable_objects(TOPIX, decode_pages(TOPIX, [page({"C": 1})]).frame) == ()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (packed(ROWS)[:-5], "does not unpack"),
        (b"<html>", "does not unpack"),
        (gzip.compress(b"", mtime=0), "header"),
        (gzip.compress(b"<html>oops</html>\n", mtime=0), "header"),
        (gzip.compress(b"Code,Code\n1,2\n", mtime=0), "twice"),
        (gzip.compress(b"Code,PubDate\n1,2,3\n", mtime=0), "not a CSV of 2 columns"),
        (gzip.compress(b"Code,PubDate\n1,2\n3\n", mtime=0), "1 fields are missing"),
        (gzip.compress(b'Code,PubDate\n"1,""",2\n"3,"\n', mtime=0), "1 fields are missing"),
    ],
    ids=["cut", "no gzip", "empty", "html", "twice", "long", "short", "short quoted"],
)
def test_a_file_that_is_none_is_refused(body, says):
    with pytest.raises(DataError, match=f"margin_alert: .*{says}"):
        decode_file(ALERT, body)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("12.50", "12.5"),
        ("12.", "12"),
        ("-0.0", "0"),
        ("100", "100"),
        ("1.5E+3", "1500"),
        ("-2e-3", "-0.002"),
        ("9007199254740993.0", "9007199254740993"),
    ],
)
def test_one_spelling(text, plain):
    assert plain_number(text) == plain
    assert column(ALERT, "ShrtOutChg", text).to_list() == [plain]


# --- both ways ----------------------------------------------------------------------------------

NUMBERS = (
    st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**17), 10**17)
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=8)
VALUES = {
    Kind.NUMBER: NUMBERS,
    Kind.TEXT: st.sampled_from(["", "72030", "0050", "130A0", "1.0", "é,\"'"]) | TEXTS,
    Kind.DATE: st.sampled_from(["", "-", DAY]) | st.none(),
    Kind.TEXT_NUMBER: NUMBERS | st.sampled_from(["", "12.50", "1e3", "-0", "0"]),
    Kind.MARKED: NUMBERS | st.sampled_from(["", "-", "*"]),
    Kind.OBJECT: st.none() | st.dictionaries(TEXTS, TEXTS | NUMBERS, max_size=3),
}


def rows_of(endpoint):
    fields = {name: VALUES[kind] for name, kind in endpoint.columns.items()}
    return st.lists(st.fixed_dictionaries({**fields, "Unknown": NUMBERS}), min_size=1, max_size=5)


@pytest.mark.parametrize("name", ["margin_alert", "index_options", "topix", "statement_details"])
def test_a_file_and_pages_of_equal_content_give_equal_frames(name):
    endpoint = ENDPOINTS[name]

    @settings(max_examples=60, deadline=None)
    @given(rows=rows_of(endpoint), cut=st.integers(0, 5))
    def equal(rows, cut):
        pages = decode_pages(endpoint, [page(*rows[:cut]), page(*rows[cut:])])
        file = decode_file(endpoint, packed(rows))
        assert pages.frame.equals(file.frame)
        assert (pages.unknown, pages.missing) == (file.unknown, file.missing)
        for number in (key for key, kind in endpoint.columns.items() if kind is Kind.NUMBER):
            # One zero: a file may say -0.0 where a page says 0.
            sent = [None if row[number] is None else float(row[number]) + 0.0 for row in rows]
            assert [bits(value) for value in file.frame[number]] == [bits(value) for value in sent]

    equal()


def bits(value):
    """A float without a doubt: sign of zero and all digits."""
    return value if value is None else (math.copysign(1, value), value.hex())


def test_minus_zero_is_zero_in_pages_and_files():
    topix = ENDPOINTS["topix"]
    file = decode_file(topix, gzip.compress(b"Date,O,H,L,C\n2026-01-05,-0.0,,-0,1\n"))
    page = b'{"data": [{"Date": "2026-01-05", "O": -0.0, "H": null, "L": -0, "C": 1}]}'
    for decoded in (file, decode_pages(topix, [page])):
        assert [str(value) for value in decoded.frame.row(0)[1:]] == ["0.0", "None", "0.0", "1.0"]


def test_fields_that_some_row_lacks_are_named():
    topix = ENDPOINTS["topix"]
    rows = b'{"data": [{"Date": "2026-01-05", "O": 1, "H": 1}, {"Date": "2026-01-06", "L": 1}]}'
    assert decode_pages(topix, [rows]).lacking == {"O", "H", "L", "C"}
    assert decode_pages(topix, [rows]).missing == ("C",)
    assert decode_pages(topix, [b'{"data": []}']).lacking == frozenset()
    file = decode_file(topix, gzip.compress(b"Date,O,H,L\n2026-01-05,1,1,1\n"))
    assert file.lacking == {"C"}


@pytest.mark.parametrize("text", [b"Date,O,H,L,C\n" + b",,,,\n" * 20, b"Date\n" + b"\n" * 100])
def test_a_file_of_too_many_cells_is_refused_before_it_is_read(monkeypatch, text):
    monkeypatch.setattr("gogooku.ingest.jquants.decode.CELLS", 90)
    body = gzip.compress(text + b"2026-11-20")
    with pytest.raises(DataError, match="topix: a bulk file of more than 90 cells, the limit"):
        decode_file(TOPIX, body)
