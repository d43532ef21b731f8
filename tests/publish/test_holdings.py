"""Holdings as brokers write them, and what is wrong with a file by its lines."""

import numpy as np
import pytest

from gogooku.core.errors import DataError
from gogooku.publish.holdings import read_holdings

CODES = ("13010", "72030", "130A0", "AAPL")
LAST = np.array([100.0, 2_000.0, 50.0, np.nan])


@pytest.fixture
def read(tmp_path):
    """Read a file of some text."""

    def reading(text, *, encoding="utf-8", **options):
        path = tmp_path / "holdings.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return read_holdings(path, codes=CODES, last_N=LAST, **{"may_short": False, **options})

    return reading


def test_codes_and_shares(read):
    found = read("code,shares\n13010,200\n7203,1500\n")
    assert (found.shares, found.cash) == ({"13010": 200, "72030": 1_500}, None)
    assert found.shares_on(CODES).tolist() == [200, 1_500, 0, 0]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp932", "utf-8"])
def test_as_a_broker_in_japan_writes_it(read, encoding):
    """Lines before the header, other columns, full width, thousands, a row of money."""
    text = (
        "保有証券一覧,,,\r\n\r\n"
        "銘柄コード,銘柄名,保有数量[株],評価額\r\n"
        '"7203","トヨタ自動車","1,500","3,000,000"\r\n'
        "１３０Ａ,ベリタス,300株,0\r\n"
        ",,,\r\n"
        '現金,,"1,234,567円",\r\n'
    )
    found = read(text, encoding=encoding)
    assert found.shares == {"72030": 1_500, "130A0": 300}
    assert found.cash == 1_234_567.0


def test_a_byte_order_mark_before_the_header(read):
    assert read("code,shares\n1301,100\n", encoding="utf-8-sig").shares == {"13010": 100}


def test_tabs(read):
    assert read("コード\t株数\n1301\t1,000\n").shares == {"13010": 1_000}


def test_cash_beside_the_file_and_nothing_held(read):
    found = read("code,shares\n13010,0\n", cash=5e6)
    assert (found.shares, found.cash) == ({}, 5e6)


def test_short_sales_only_where_the_account_makes_them(read):
    assert read("code,shares\n1301,-100\n", may_short=True).shares == {"13010": -100}


def test_the_hash_is_of_what_is_said_and_not_of_how(read):
    one = read("code,shares\n1301,100\n7203,200\n")
    other = read("コード,株数\n7203,200\n13010,100\n", encoding="cp932")
    assert one.content_hash == other.content_hash
    assert one.content_hash != read("code,shares\n1301,100\n", cash=1.0).content_hash


REFUSED = {
    "unknown code": ("code,shares\n1301,100\n9999,100\n", "line 3: code '9999' is not in"),
    "twice": ("code,shares\n1301,100\n13010,200\n", "line 3: code '13010' stands in line 2"),
    "part of a share": ("code,shares\n1301,100.5\n", "line 2: 100.5 shares of 1301: only whole"),
    "short": ("code,shares\n1301,-100\n", "line 2: -100 shares of 1301: this account sells nothi"),
    "no number": ("code,shares\n1301,many\n", "line 2: 'many' is no number"),
    "wrong thousands": ('code,shares\n1301,"1,00"\n', "line 2: '1,00' is no number"),
    "empty": ("code,shares\n1301,\n", "line 2: an empty cell is no number"),
    "no price": ("code,shares\nAAPL,10\n", "line 2: code 'AAPL' has no price yet"),
    "cash twice": ("code,shares\ncash,1\n現金,2\n", "cash is said more than once"),
    "negative cash": ("code,shares\ncash,-5\n", "cash -5 is negative"),
    "no header": ("1301,100\n7203,200\n", "no line has a column of codes"),
    "other bytes": (b"code,shares\n\xff\xff\xfe\x81,1\n", "neither UTF-8 nor Shift-JIS"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_wrong_is_said_with_its_line(read, case):
    text, said = REFUSED[case]
    with pytest.raises(DataError) as caught:
        read(text)
    assert said in str(caught.value)


def test_all_faults_are_counted_and_the_first_named(read):
    text = "code,shares\n" + "".join(f"99{n}X,100\n" for n in range(8))
    with pytest.raises(DataError, match=r"8 fault\(s\): line 2: .*line 6: .*; and 3 more"):
        read(text)


def test_cash_in_the_file_and_beside_it(read):
    with pytest.raises(DataError, match="cash is said more than once"):
        read("code,shares\ncash,100\n", cash=5.0)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.csv"):
        read_holdings(tmp_path / "nowhere.csv", codes=CODES, last_N=LAST, may_short=False)
