"""What an account holds, from a CSV as brokers write it.

A table with a column of codes and one of shares, in English or Japanese, under whatever lines come
before its header. UTF-8 (with or without a byte order mark) or Shift-JIS, commas or tabs, thousands
separators, four-digit codes, digits of full width. A row whose code is ``cash`` says the money.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from gogooku.core.codes import KnownCodes
from gogooku.core.errors import DataError
from gogooku.core.files import hash_json, read_bytes
from gogooku.core.findings import short
from gogooku.core.metrics import FloatArray
from gogooku.core.types import IntArray

_CODE: Final = ("code", "ticker", "symbol", "コード", "銘柄コード", "証券コード")
_SHARES: Final = (
    "shares",
    "quantity",
    "数量",
    "株数",
    "保有数",
    "保有株数",
    "保有数量",
    "残高株数",
    "残高数量",
)
_CASH: Final = ("cash", "現金", "預り金", "現金残高", "買付余力")
_NUMBER = re.compile(r"([+-]?)(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?")
_MOST_BYTES: Final = 16 * 2**20
_SHOWN: Final = 5
"""Faults that a message names."""


@dataclass(frozen=True)
class Holdings:
    """What is held and the money beside it.

    Attributes
    ----------
    shares : mapping of str to int
        By code of the dataset; negative when sold short.
    cash : float, optional
        In the market's currency; None where nobody said.
    content_hash : str
        Of what is held and the money, however it was written.
    """

    shares: Mapping[str, int]
    cash: float | None
    content_hash: str

    def shares_on(self, codes: Sequence[str]) -> IntArray:
        """Shares [N] of the names of a dataset."""
        return np.array([self.shares.get(code, 0) for code in codes], dtype=np.int64)


def read_holdings(
    path: Path,
    *,
    codes: Sequence[str],
    last_N: FloatArray,
    may_short: bool,
    cash: float | None = None,
) -> Holdings:
    """Read the holdings of an account.

    Parameters
    ----------
    codes : sequence of str
        Names of the dataset, length N. A line may spell a code in any way of
        `gogooku.core.codes.KnownCodes`: ``7203`` is ``72030``.
    last_N : float64 [N]
        Last prices: what is held must have one.
    may_short : bool
        Whether the account sells short; else a negative count is refused.
    cash : float, optional
        Money, where the file does not say it.

    Raises
    ------
    DataError
        It is no such table; or lines of it are wrong: the message counts them and names the first
        ones with their numbers.
    """
    if not path.is_file():
        raise DataError(f"--holdings {path}: there is no such file")
    place = {code: n for n, code in enumerate(codes)}
    reading = _Reading(place, last_N, may_short, KnownCodes(codes))
    for line, key, count in _rows(path, _text(path, read_bytes(path, most=_MOST_BYTES))):
        try:
            reading.take(line, key, count)
        except ValueError as fault:
            reading.faults.append(f"line {line}: {fault}")
    faults, written = reading.faults, reading.cash
    if len(written) > 1 or (written and cash is not None):
        faults.append("cash is said more than once; keep one row of it, or --cash without a row")
    money = written[0] if written else cash
    if money is not None and money < 0.0 and not may_short:
        faults.append(f"cash {money:,.0f} is negative: nothing can be bought with it")
    if faults:
        more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise DataError(
            f"--holdings {path}: {len(faults):,} fault(s): {'; '.join(faults[:_SHOWN])}"
            f"{more}. Correct the file; no orders were made"
        )
    shares = {code: count for code, count in sorted(reading.shares.items()) if count}
    return Holdings(
        shares=shares, cash=money, content_hash=hash_json({"shares": shares, "cash": money})
    )


@dataclass
class _Reading:
    """Rows as they are taken, and what is wrong with them."""

    place: Mapping[str, int]
    last_N: FloatArray
    may_short: bool
    known: KnownCodes
    shares: dict[str, int] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    cash: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def take(self, line: int, key: str, text: str) -> None:
        """One row; a `ValueError` says what is wrong with it."""
        if key.casefold() in _CASH:
            self.cash.append(_number(text))
            return
        code = self.known.find(key)
        if code is None:
            raise ValueError(f"code {short(key)} is not in the dataset")
        if code in self.lines:
            raise ValueError(f"code {short(key)} stands in line {self.lines[code]} already")
        self.lines[code] = line
        count = _number(text)
        if not count.is_integer():
            raise ValueError(f"{text} shares of {key}: only whole shares can be held")
        if count < 0.0 and not self.may_short:
            raise ValueError(f"{text} shares of {key}: this account sells nothing short")
        if count and not np.isfinite(self.last_N[self.place[code]]):
            raise ValueError(f"code {short(key)} has no price yet")
        self.shares[code] = int(count)


def _text(path: Path, raw: bytes) -> str:
    for encoding in ("utf-8-sig", "cp932"):
        with suppress(UnicodeDecodeError):
            return raw.decode(encoding)
    raise DataError(f"--holdings {path}: is neither UTF-8 nor Shift-JIS; save it as one of them")


def _rows(path: Path, text: str) -> list[tuple[int, str, str]]:
    """Line, code and shares of each row under the header, without empty ones."""
    tabs = "\t" in text and text.count("\t") >= text.count(",")
    reader = csv.reader(io.StringIO(text), delimiter="\t" if tabs else ",")
    rows: list[tuple[int, str, str]] = []
    at: tuple[int, int] | None = None
    for row in _lines(path, reader):
        cells = [unicodedata.normalize("NFKC", cell).strip() for cell in row]
        if at is None:
            at = _header(cells)
        elif any(cells):
            code, count = (cells[one] if one < len(cells) else "" for one in at)
            rows.append((reader.line_num, code, count))
    if at is None:
        raise DataError(
            f"--holdings {path}: no line has a column of codes ({', '.join(_CODE)}) and one of "
            f"shares ({', '.join(_SHARES)}); is it a CSV of holdings?"
        )
    return rows


def _lines(path: Path, reader: Any) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error as fault:
        raise DataError(f"--holdings {path}: line {reader.line_num}: {fault}") from fault


def _header(cells: Sequence[str]) -> tuple[int, int] | None:
    """Where the codes and the shares stand, if this line is the header."""
    names = [re.sub(r"[\[(].*", "", cell).strip().casefold() for cell in cells]
    code = next((n for n, name in enumerate(names) if name in _CODE), None)
    count = next((n for n, name in enumerate(names) if name in _SHARES), None)
    return None if code is None or count is None else (code, count)


def _number(text: str) -> float:
    match = _NUMBER.fullmatch(text.removesuffix("円").removesuffix("株").strip())
    if match is None:
        raise ValueError(f"{short(text) if text else 'an empty cell'} is no number")
    sign, whole, part = match.groups()
    return float(f"{sign}{whole.replace(',', '')}.{part or 0}")
