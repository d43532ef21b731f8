"""Codes of stocks, spelled once: two spellings of one company are never two companies."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from gogooku.core.codes import TOKYO, clean_code
from gogooku.core.errors import DataError
from gogooku.ingest.imports.cells import Place, refuse_cells

LONGEST = 32
"""Characters of the longest code."""

_PLAIN = rf"^[0-9A-Z^]([0-9A-Z^_:-]|\.[0-9A-Z]*[1-9A-Z][0-9A-Z]*){{0,{LONGEST - 1}}}$"
"""Codes that are spelled as they are kept; any other one is looked at by itself."""

_ODD_CATEGORIES = ("Cc", "Cs", "Co", "Zl", "Zp")


class _Form(NamedTuple):
    """How a Tokyo code is written: what stands around it, and whether with the fifth character."""

    before: str
    behind: str
    long: bool


def code_texts(series: pl.Series, place: Place) -> pl.Series:
    """Codes as categories, each text once, as they are written; blank ones are null.

    Raises
    ------
    DataError
        Numbers with a fraction, control characters, slashes, or more than `LONGEST` characters.
    """
    if series.dtype.is_float():
        whole = series.cast(pl.Int64, strict=False)
        known = series.is_not_null() & series.is_not_nan()
        refuse_cells(known & (series != whole).fill_null(value=True), series, place, wanted="codes")
        return whole.cast(pl.String).cast(pl.Categorical)
    texts = (pl.String, pl.Categorical, pl.Enum, pl.Null)
    if not (series.dtype.is_integer() or series.dtype.is_decimal() or series.dtype in texts):
        raise DataError(
            f"{place.text} holds {series.dtype}; a code is text. Export it as text, so that "
            "leading zeros and letters survive."
        )
    coded = series
    if series.dtype != pl.Categorical:
        coded = series.cast(pl.String).cast(pl.Categorical)
    written = coded.drop_nulls().unique().cast(pl.String)
    odd = written.filter(~written.str.contains(_PLAIN))
    bad = [code for code in odd if _is_no_code(clean_code(code))]
    if bad:
        text = coded.cast(pl.String)
        refuse_cells(
            text.is_in(bad).fill_null(value=False),
            text,
            place,
            wanted=f"codes (at most {LONGEST} plain characters: codes become names of files)",
        )
    blank = [code for code in odd if not clean_code(code)]
    return coded.set(coded.cast(pl.String).is_in(blank), None) if blank else coded


def _is_no_code(code: str) -> bool:
    return (
        len(code) > LONGEST
        or code.startswith("..")
        or code == "."
        or any(one in "/\\" or unicodedata.category(one) in _ODD_CATEGORIES for one in code)
    )


def one_spelling(codes: pl.Series, *, exchange: str) -> Mapping[str, str]:
    """Codes that are not kept as they are written: code to the one that is kept.

    All codes are cleaned. In Tokyo ``7203``, ``7203.T``, ``TSE:7203`` and ``72030`` are one
    company: where a delivery writes Tokyo codes in several forms, all are put in the form of most
    rows, the shortest one where two are as frequent. One form throughout is left as it is.

    Parameters
    ----------
    codes : polars.Series
        Those of every row, as `code_texts` gives them; nulls are left out.
    """
    rows: dict[str, int] = dict(codes.drop_nulls().value_counts().rows())
    written = pl.Series(list(rows), dtype=pl.String)
    odd = set(written.filter(~written.str.contains(_PLAIN)))
    cleaned = {code: clean_code(code) if code in odd else code for code in rows}
    if exchange == "tokyo":
        cleaned = _in_one_form(cleaned, rows)
    return {code: kept for code, kept in cleaned.items() if kept != code}


def _in_one_form(cleaned: Mapping[str, str], rows: Mapping[str, int]) -> dict[str, str]:
    """The same codes, Tokyo's all in the form of most rows."""
    found = {code: TOKYO.fullmatch(kept) for code, kept in cleaned.items()}
    forms: Counter[_Form] = Counter()
    around: Counter[_Form] = Counter()
    for code, one in found.items():
        if one is not None:
            before, behind = one["before"] or "", one["behind"] or ""
            around[_Form(before, behind, long=True)] += rows[code]
            if one["fifth"] in (None, "0"):
                forms[_Form(before, behind, long=one["fifth"] == "0")] += rows[code]
    if len(around) <= 1 and len(forms) <= 1:
        return dict(cleaned)
    form = min(
        (forms or around).items(),
        key=lambda item: (-item[1], sum(map(len, item[0][:2])), item[0].long, item[0]),
    )[0]
    return {
        code: cleaned[code] if one is None else _in_form(one, form) for code, one in found.items()
    }


def _in_form(code: re.Match[str], form: _Form) -> str:
    fifth = code["fifth"] or "0"
    return f"{form.before}{code['four']}{fifth if form.long or fifth != '0' else ''}{form.behind}"


def with_one_spelling(raw: pl.DataFrame, *, exchange: str) -> tuple[pl.DataFrame, int, str]:
    """Rows with each company spelled once; how many were written otherwise, and the first."""
    other = one_spelling(raw.get_column("code"), exchange=exchange)
    if not other:
        return raw, 0, ""
    codes = raw.get_column("code").cast(pl.String)
    odd = codes.is_in(list(other)).fill_null(value=False)
    first = codes[int(odd.arg_max() or 0)]
    raw = raw.with_columns(code=codes.replace(other).cast(pl.Categorical))
    return raw, int(odd.sum()), f"{_shown(first)} -> {other[first]}"


def _shown(code: str) -> str:
    """A code as written, quoted where it has blanks or what is not seen."""
    return code if code.isprintable() and " " not in code else repr(code)
