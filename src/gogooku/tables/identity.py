"""Code changes: one company that goes on under another code.

A holding-company move (share transfer) delists a company some sessions before its successor is
listed under a new code. A link is stated only where it is the one explanation: a wrong link glues
two companies together, a missing one only shortens a history.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from gogooku.core.calendar import DateArray
from gogooku.core.errors import DataError

LINKS_SCHEMA: Mapping[str, pl.DataType] = {
    "old_code": pl.String(),
    "new_code": pl.String(),
    "event_date": pl.Date(),
    "available_at": pl.Datetime("us"),
    "evidence": pl.String(),
}
"""One row per link; ``event_date`` is the first session of the new code."""


@dataclass(frozen=True)
class LinkTolerance:
    """How much may differ between the old code and the new one.

    Attributes
    ----------
    max_gap_sessions : int
        First session of the new code minus last session of the old: 1 is the next session. A
        share transfer leaves two or three sessions without either.
    max_log_price : float
        Largest absolute log ratio of the new first open to the old last close, for price
        evidence: one new share for one old.
    max_turnover_ratio : float
        Largest ratio, either way, of the new first day's turnover to the median of the old last
        20 sessions: a new issue trades many times as much as a name on its way out.
    """

    max_gap_sessions: int = 4
    max_log_price: float = 0.05
    max_turnover_ratio: float = 5.0


_COMPANY_FORMS = re.compile(
    r"株式会社|\(株\)|ホールディングス|ホールディング|グループ本社|グループ|フィナンシャル"
    r"|\b(co|ltd|inc|corp|corporation|company|limited|holdings?|hd|hldgs|group|kk|the)\b"
    r"|HD$"
)


def normalised_name(name: str) -> str:
    """Company name without legal form, holding and group words, width, case and punctuation."""
    plain = unicodedata.normalize("NFKC", name)
    plain = _COMPANY_FORMS.sub("", plain)
    plain = _COMPANY_FORMS.sub(" ", plain.lower().replace(".", ""))
    return re.sub(r"[^\w]", "", plain)


def code_links(
    facts: pl.DataFrame,
    quotes: pl.DataFrame,
    *,
    sessions: DateArray,
    tolerance: LinkTolerance | None = None,
) -> pl.DataFrame:
    """Link codes that disappeared to codes that appeared in their place.

    Candidates are pairs of domestic common stocks of which the new one is first listed within
    ``max_gap_sessions`` of the old one's last session. Evidence is ``name``: equal normalised
    names; or ``price``: same sector and segment, price and turnover continuous. A pair is a link
    only if neither code has another pair with evidence of the same kind; names go first.

    Parameters
    ----------
    facts : polars.DataFrame
        As `gogooku.tables.listings.listing_facts` gives them.
    quotes : polars.DataFrame
        Typed quotes of at least the sessions around each change.
    sessions : array of dates
        Trading sessions, ascending.

    Returns
    -------
    polars.DataFrame
        `LINKS_SCHEMA`, ascending by (event_date, old_code). A link by name is known with the new
        code's first list, one by price at 16:30 of its first session.

    Raises
    ------
    DataError
        A listing begins or ends off the sessions.
    """
    limits = tolerance or LinkTolerance()
    pairs = _candidates(facts, sessions, limits)
    if pairs.is_empty():
        return pl.DataFrame(schema=dict(LINKS_SCHEMA))
    named = _only_pairs(pairs.filter(_same_name()))
    left = pairs.filter(
        ~pl.col("old_code").is_in(named.get_column("old_code").implode())
        & ~pl.col("new_code").is_in(named.get_column("new_code").implode())
    )
    priced = _only_pairs(_continuous(left, quotes, limits))
    close = pl.col("event_date").cast(pl.Datetime("us")) + pl.duration(hours=16 - 9, minutes=30)
    links = pl.concat(
        [
            named.with_columns(evidence=pl.lit("name")),
            priced.with_columns(evidence=pl.lit("price"), available_at=close),
        ],
        how="diagonal",
    )
    return links.select(pl.col(n).cast(t) for n, t in LINKS_SCHEMA.items()).sort(
        "event_date", "old_code"
    )


def _candidates(facts: pl.DataFrame, sessions: DateArray, limits: LinkTolerance) -> pl.DataFrame:
    """Pairs of a code's last listing that ended and another code's first within the gap."""
    by_code = facts.sort("code", "valid_from").group_by("code", maintain_order=True)
    common = pl.col("domestic_common")
    ends = by_code.last().filter(common & pl.col("valid_to").is_not_null())
    begins = by_code.first().filter(common)
    order = pl.DataFrame(
        {"date": sessions.astype("datetime64[D]"), "at": range(len(sessions))},
        schema={"date": pl.Date(), "at": pl.Int64()},
    )
    old = _side(ends, "valid_to", order, prefix="old")
    new = _side(begins, "valid_from", order, prefix="new")
    pairs = old.join_where(
        new,
        pl.col("new_at") > pl.col("old_at"),
        pl.col("new_at") <= pl.col("old_at") + limits.max_gap_sessions,
    )
    return pairs.filter(pl.col("old_code") != pl.col("new_code")).with_columns(
        pl.col("new_valid_from").alias("event_date"),
        pl.col("new_available_at").alias("available_at"),
    )


def _side(rows: pl.DataFrame, day: str, order: pl.DataFrame, *, prefix: str) -> pl.DataFrame:
    placed = rows.join(order, left_on=day, right_on="date", how="left")
    off = placed.filter(pl.col("at").is_null())
    if off.height:
        raise DataError(
            f"master: {off.height} listings begin or end off the sessions, first "
            f"{off.get_column('code')[0]}; pass the sessions that the tables were made with"
        )
    names = placed.get_column("name").map_elements(normalised_name, return_dtype=pl.String)
    english = placed.get_column("name_en").map_elements(normalised_name, return_dtype=pl.String)
    kept = placed.with_columns(names.alias("plain"), english.alias("plain_en")).select(
        "code",
        "at",
        "valid_from",
        "valid_to",
        "available_at",
        "sector33",
        "segment",
        "plain",
        "plain_en",
    )
    return kept.rename({name: f"{prefix}_{name}" for name in kept.columns})


def _same_name() -> pl.Expr:
    def equal(column: str) -> pl.Expr:
        old, new = pl.col(f"old_{column}"), pl.col(f"new_{column}")
        return (old == new) & (old.str.len_chars() >= 2)

    return equal("plain").fill_null(value=False) | equal("plain_en").fill_null(value=False)


def _continuous(pairs: pl.DataFrame, quotes: pl.DataFrame, limits: LinkTolerance) -> pl.DataFrame:
    """Pairs of one sector and segment whose price and turnover go on."""
    alike = pairs.filter(
        (pl.col("old_sector33") == pl.col("new_sector33"))
        & (pl.col("old_segment") == pl.col("new_segment"))
    )
    codes = pl.concat([alike.get_column("old_code"), alike.get_column("new_code")]).unique()
    bars = quotes.filter(
        pl.col("code").is_in(codes.implode()) & pl.col("close").is_not_null()
    ).sort("code", "event_date")
    last = bars.group_by("code").agg(
        pl.col("close").last().alias("old_close"),
        pl.col("turnover_yen").tail(20).median().alias("old_turnover"),
    )
    first = bars.group_by("code").agg(
        pl.col("event_date").first().alias("first_traded"),
        pl.col("open").first().alias("new_open"),
        pl.col("turnover_yen").first().alias("new_turnover"),
    )
    both = alike.join(last, left_on="old_code", right_on="code").join(
        first, left_on="new_code", right_on="code"
    )
    price = (pl.col("new_open") / pl.col("old_close")).log().abs()
    turnover = (pl.col("new_turnover") / pl.col("old_turnover")).log().abs()
    return both.filter(
        (pl.col("first_traded") == pl.col("event_date"))
        & (price <= limits.max_log_price)
        & (turnover <= math.log(limits.max_turnover_ratio))
    )


def _only_pairs(pairs: pl.DataFrame) -> pl.DataFrame:
    """Pairs of which neither side is in another pair."""
    return pairs.filter(~pl.col("old_code").is_duplicated() & ~pl.col("new_code").is_duplicated())
