"""Which column of a file is which field: guessed from names, printed, overridable.

A field is one thing an import understands (``close``, ``sector``, ...). Names are compared without
case, spaces, hyphens and angle brackets, so ``Adj Close``, ``<CLOSE>`` and ``adj_close`` are known.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gogooku.core.errors import ConfigError, DataError

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "date": ("date", "trade_date", "trading_date", "session", "datetime", "timestamp", "日付"),
    "code": (
        "code",
        "ticker",
        "symbol",
        "local_code",
        "localcode",
        "stock_code",
        "security_code",
        "sec_code",
        "securities_code",
        "securitiescode",
        "ts_code",
        "銘柄コード",
        "コード",
    ),
    "open": ("open", "o", "open_price", "px_open", "始値"),
    "high": ("high", "h", "high_price", "px_high", "高値"),
    "low": ("low", "l", "low_price", "px_low", "安値"),
    "close": ("close", "c", "close_price", "px_last", "px_close", "last", "終値"),
    "adj_close": (
        "adj_close",
        "adjclose",
        "adjusted_close",
        "adjc",
        "adjustmentclose",
        "adjustment_close",
        "close_adj",
        "close_adjusted",
        "調整後終値",
        "調整済み終値",
    ),
    "volume": ("volume", "vo", "v", "vol", "volume_shares", "shares_traded", "出来高"),
    "turnover_value": (
        "turnover_value",
        "turnovervalue",
        "va",
        "turnover",
        "amount",
        "traded_value",
        "dollar_volume",
        "売買代金",
    ),
    "adjustment_factor": (
        "adjustment_factor",
        "adjustmentfactor",
        "adjfactor",
        "adj_factor",
        "split_factor",
    ),
    "limit_up": ("limit_up", "ul", "upperlimit", "upper_limit"),
    "limit_down": ("limit_down", "ll", "lowerlimit", "lower_limit"),
    "index_close": (
        "index_close",
        "market_index",
        "topix",
        "topix_close",
        "market_close",
        "benchmark_close",
    ),
    "sector": ("sector", "industry", "sector33", "sector33code", "s33", "gics_sector", "業種"),
    "market": ("market", "market_segment", "segment", "market_code", "mkt", "市場"),
    "name": ("name", "company_name", "companyname", "coname", "security_name", "銘柄名"),
    "listed_from": ("listed_from", "listing_date", "list_date", "ipo_date", "上場日"),
    "listed_to": ("listed_to", "delisting_date", "delist_date", "delisted_on", "上場廃止日"),
}
"""Field to the names it is recognised by, already normalised."""

_FIELD_OF = {name: field for field, names in SYNONYMS.items() for name in names}

FIELDS: tuple[str, ...] = tuple(SYNONYMS)
REQUIRED: tuple[str, ...] = ("date", "code", "close")
PRICES: tuple[str, ...] = ("open", "high", "low", "close", "adj_close", "index_close")
NUMBERS: tuple[str, ...] = (*PRICES, "volume", "turnover_value", "adjustment_factor")
FLAGS: tuple[str, ...] = ("limit_up", "limit_down")
TEXTS: tuple[str, ...] = ("sector", "market", "name")
LISTING_DATES: tuple[str, ...] = ("listed_from", "listed_to")

_ABSENT: Mapping[str, tuple[tuple[str, ...], str]] = {
    "sector": (("sector",), "no sector column"),
    "market": (("index_close",), "no market-index column"),
    "opens": (("open",), "no open column: features can be built, but no learner trained"),
    "range": (("high", "low"), "no high and low columns"),
    "liquidity": (
        ("volume",),
        "no volume column: build with --set universe.min_traded_value=0 "
        "--set universe.min_traded_sessions=0",
    ),
    "limits": (FLAGS, "no limit-up and limit-down columns"),
}
"""Group of features to (columns it needs, why it is absent without them)."""


@dataclass(frozen=True)
class ColumnMap:
    """What was decided about the columns of a delivery.

    Attributes
    ----------
    used : mapping of str to str
        Field to the column of the file.
    ignored : tuple of str
        Columns of the file that no field uses, with the reason where it is not obvious.
    """

    used: Mapping[str, str]
    ignored: tuple[str, ...]

    def absent_groups(self) -> tuple[str, ...]:
        """Name the groups of features this delivery cannot feed, each as ``group: reason``."""
        return tuple(
            f"{group}: {reason}"
            for group, (needs, reason) in _ABSENT.items()
            if not set(needs) <= set(self.used)
        )


_BRACKETS = re.compile(r"[(\[【<].*?[)\]】>]$")
_FOOTNOTES = "*†‡※#＊"


def normalised(name: str) -> str:
    """Fold a column name: one width, no case, spaces, hyphens, dots, footnote marks or units.

    ``調整後終値*``, ``終値（円）`` and ``<CLOSE>`` are ``調整後終値``, ``終値`` and ``close``.
    """
    text = unicodedata.normalize("NFKC", name).strip().strip(_FOOTNOTES)
    bare = text.strip("<>") if text.startswith("<") and text.endswith(">") else text
    bare = _BRACKETS.sub("", bare).strip().strip(_FOOTNOTES).strip() or bare
    return re.sub(r"[ \-.]+", "_", bare.lower())


def field_of(name: str) -> str | None:
    """The field that a column name is recognised as; None for none."""
    if name == "code (from the file name)":
        return "code"
    return _FIELD_OF.get(normalised(name))


def map_columns(columns: Sequence[str], *, overrides: Mapping[str, str], where: str) -> ColumnMap:
    """Decide which column is which field.

    Parameters
    ----------
    columns : sequence of str
        Columns of the file, in order.
    overrides : mapping of str to str
        Field to column, as given by the user; an empty column means "do not use this field".
    where : str
        Name of the file, for messages.

    Raises
    ------
    ConfigError
        An override with an unknown field or column; two columns that fit one field.
    DataError
        No column for the date, the code or the close.
    """
    _check_overrides(columns, overrides, where=where)
    taken = {column for column in overrides.values() if column}
    used: dict[str, str] = {}
    for field in SYNONYMS:
        if field in overrides:
            if overrides[field]:
                used[field] = overrides[field]
            continue
        found = [c for c in columns if c not in taken and field_of(c) == field]
        if len(found) > 1:
            raise ConfigError(
                f"{where}: {len(found)} columns look like the {field}: {', '.join(found)}. "
                f"Choose one, for example: --map {field}={found[0]}"
            )
        if found:
            used[field] = found[0]
    _require(used, columns, where=where)
    return ColumnMap(used=used, ignored=_ignored(columns, used))


def _check_overrides(columns: Sequence[str], overrides: Mapping[str, str], *, where: str) -> None:
    for field, column in overrides.items():
        if field not in SYNONYMS:
            raise ConfigError(
                f"--map {field}={column}: there is no field {field!r}; "
                f"nearest: {_nearest(field, FIELDS)}"
            )
        if column and column not in columns:
            raise ConfigError(
                f"--map {field}={column}: {where} has no column {column!r}; "
                f"nearest: {_nearest(column, columns)}"
            )
    chosen = [column for column in overrides.values() if column]
    twice = sorted({column for column in chosen if chosen.count(column) > 1})
    if twice:
        raise ConfigError(f"--map: column {', '.join(twice)} is given to more than one field")


def _require(used: Mapping[str, str], columns: Sequence[str], *, where: str) -> None:
    missing = [field for field in REQUIRED if field not in used]
    if missing:
        raise DataError(
            f"{where}: no column for the {' and the '.join(missing)}; its {len(columns)} "
            f"column(s): {', '.join(columns)}. If one of them is it, "
            f"say so: --map {missing[0]}=COLUMN"
        )


def _ignored(columns: Sequence[str], used: dict[str, str]) -> tuple[str, ...]:
    notes: list[str] = []
    if "adjustment_factor" in used and "adj_close" in used:
        column = used.pop("adj_close")
        notes.append(f"{column} (the adjustment factor is given)")
    taken = set(used.values())
    noted = {note.rsplit(" (", 1)[0] for note in notes}
    return (*(c for c in columns if c not in taken and c not in noted), *notes)


def _nearest(name: str, known: Iterable[str]) -> str:
    options = list(known)
    folded = {option.lower(): option for option in reversed(options)}
    close = difflib.get_close_matches(name.lower(), list(folded), n=3, cutoff=0.4)
    return ", ".join([folded[c] for c in close] or options[:8])
