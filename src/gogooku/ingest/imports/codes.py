"""Codes of stocks, spelled once: two spellings of one company are never two companies."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

import polars as pl

from gogooku.core.errors import DataError
from gogooku.ingest.imports.cells import Place, refuse_cells

LONGEST = 32
"""Characters of the longest code."""

_TAIL = re.compile(r"(\d+)\.0+")
_BAD = re.compile(r"[\x00-\x1f\x7f/\\]|^\.+$|^\.\.")
_DRESSED = re.compile(
    r"(?:(?:TSE|TYO|TKS|JPX|JP):)?([0-9][0-9A-Z]{3}0?)(?:\.(?:T|JP|TYO|TSE|XTKS|TOKYO)| JP| JT)?"
)
"""A Tokyo code with what vendors put before or behind it."""


def spelled(series: pl.Series, place: Place) -> pl.Series:
    """Codes as text: one width, capitals, no blanks around, no ``.0`` of a number behind.

    Raises
    ------
    DataError
        Numbers with a fraction, control characters, slashes, or more than `LONGEST` characters.
    """
    if series.dtype.is_float():
        whole = series.cast(pl.Int64, strict=False)
        broken = (series != whole.cast(series.dtype)) | ~series.is_finite()
        refuse_cells(broken.fill_null(value=False), series, place, wanted="codes")
        return whole.cast(pl.String)
    known = (pl.String, pl.Categorical, pl.Enum, pl.Null)
    if not (series.dtype.is_integer() or series.dtype in known):
        raise DataError(
            f"{place.text} holds {series.dtype}; a code is text. Export it as text, so that "
            "leading zeros and letters survive."
        )
    text = series.cast(pl.String)
    written = text.drop_nulls().unique()
    clean = pl.Series([_clean(code) for code in written], dtype=pl.String)
    bad = clean.str.contains(_BAD.pattern) | (clean.str.len_chars() > LONGEST)
    if bad.any():
        odd = text.is_in(written.filter(bad).implode()).fill_null(value=False)
        refuse_cells(odd, text, place, wanted=f"codes (at most {LONGEST} plain characters)")
    if (clean == written).fill_null(value=False).all():
        return text
    return text.replace_strict(written, clean, default=None, return_dtype=pl.String)


def _clean(code: str) -> str | None:
    text = unicodedata.normalize("NFKC", code).strip().upper()
    tail = _TAIL.fullmatch(text)
    return (tail.group(1) if tail else text) or None


def one_spelling(codes: pl.Series, *, exchange: str) -> Mapping[str, str]:
    """Spellings that are another spelling's company: spelling to the one that is kept.

    In Tokyo ``7203``, ``7203.T``, ``TSE:7203`` and ``72030`` are one company. The spelling of most
    rows is kept, the shorter one where two are as frequent. A file that spells each company in one
    way is left as it is.
    """
    if exchange != "tokyo":
        return {}
    rows: dict[str, int] = dict(codes.drop_nulls().value_counts().rows())
    companies: dict[str, list[str]] = {}
    for code in sorted(rows, key=lambda one: (-rows[one], len(one), one)):
        companies.setdefault(_company(code), []).append(code)
    return {other: first for first, *others in companies.values() for other in others}


def _company(code: str) -> str:
    """Four characters of a company's ordinary share; any other code is its own company."""
    found = _DRESSED.fullmatch(code)
    if found is None:
        return code
    bare = found.group(1)
    return bare[:4] if len(bare) == 5 and bare.endswith("0") else bare


def with_one_spelling(raw: pl.DataFrame, *, exchange: str) -> tuple[pl.DataFrame, int, str]:
    """Rows with each company spelled once; how many were spelled otherwise, and the first."""
    other = one_spelling(raw.get_column("code"), exchange=exchange)
    if not other:
        return raw, 0, ""
    codes = raw.get_column("code")
    odd = codes.is_in(list(other)).fill_null(value=False)
    first = str(codes.filter(odd)[0])
    raw = raw.with_columns(code=codes.replace(other))
    return raw, int(odd.sum()), f"{first} -> {other[first]}"
