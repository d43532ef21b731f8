"""Listed names day by day, and what follows from it: spells, dated facts, domestic common stock.

The vendor sends the whole list once per session. A fact holds from the first session that shows
it; nothing is carried back, so no later segment, sector or class colours an earlier day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import polars as pl

from gogooku.core.errors import DataError
from gogooku.core.frames import LISTINGS_SCHEMA
from gogooku.core.sections import SEGMENTS
from gogooku.tables.checks import Severity, one_of
from gogooku.tables.conversion import As, Column, Table, event_day, stock_code, text

_MARGIN = {"1": "credit", "2": "lendable", "3": "other"}
_PRODUCTS = ("011", "012", "013", "014", "021", "022", "023", "024")

MASTER = Table(
    name="master",
    event_date="event_date",
    columns=(
        event_day(unit="session for which the list holds"),
        stock_code(),
        text("name", "CoName"),
        text("name_en", "CoNameEn"),
        text("sector17", "S17", "17-sector code"),
        text("sector33", "S33", "33-sector code, 9999 other"),
        text("scale", "ScaleCat", 'TOPIX size class, "-" for none'),
        Column("market_code", "Mkt", As.TEXT, "4 digits", required=True),
        Column(
            "margin_class",
            "Mrgn",
            As.CHOICE,
            "credit, lendable, other",
            choices=_MARGIN,
            lenient=True,
        ),
        text("product_category", "ProdCat", "3 digits, 011 domestic stock; from 2026-05-26"),
    ),
    key=("event_date", "code"),
    checks=(
        one_of("Mkt", tuple(SEGMENTS), severity=Severity.NOTE),
        one_of("ProdCat", _PRODUCTS, severity=Severity.NOTE),
    ),
    session=True,
)

FACTS = (
    "name",
    "name_en",
    "sector17",
    "sector33",
    "scale",
    "market_code",
    "margin_class",
    "product_category",
)
"""Dated facts of a name."""

DOMESTIC_STOCK = "011"
_NO_SECTOR = "9999"
_OTHER_MARKET = "0109"
_PREFERRED_EQUITY = ("83010", "84210")  # central bank and Shinkin: listed, but not common stock


def domestic_common() -> pl.Expr:
    """Whether a row of facts is a domestic common stock.

    By its product category where the vendor gives one (from 2026-05-26). Before that: not in the
    market of funds (0109), with an industry, and with the last character 0 of ordinary shares.
    Null never: a row without market and sector is not one.
    """
    by_market = (
        (pl.col("market_code") != _OTHER_MARKET)
        & (pl.col("sector33") != _NO_SECTOR)
        & pl.col("code").str.ends_with("0")
        & ~pl.col("code").is_in(list(_PREFERRED_EQUITY))
    )
    category = pl.col("product_category")
    return (
        pl.when(category.is_not_null())
        .then(category == DOMESTIC_STOCK)
        .otherwise(by_market)
        .fill_null(value=False)
    )


def segment() -> pl.Expr:
    """Segment of a row of facts by its market code; "Other" for an unknown code."""
    return pl.col("market_code").replace_strict(dict(SEGMENTS), default="Other")


def listing_facts(masters: pl.LazyFrame | Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Run lengths of the facts of every code.

    Parameters
    ----------
    masters : polars.LazyFrame or iterable of polars.DataFrame
        Typed master rows: lazily, to be read year by year, or as frames in order of time. One
        year or frame is held at once. Read are only ``event_date``, ``available_at``, ``code``
        and `FACTS`.

    Returns
    -------
    polars.DataFrame
        (code, valid_from, valid_to, available_at, the facts, spell, segment, domestic_common), one
        row per stretch of sessions with unchanged facts, ascending by (code, valid_from).
        ``spell`` counts the uninterrupted listings of the code from 0.
        ``valid_to`` is the last session of the stretch, null while it lasts to the newest list;
        ``available_at`` that of its first row. A session without any list is no gap; one whose
        list lacks the code is.

    Raises
    ------
    DataError
        No rows, or two frames share a session.
    """
    runs, spans = [], []
    for master in _by_year(masters) if isinstance(masters, pl.LazyFrame) else masters:
        spans.append(master.get_column("event_date").unique().sort())
        rows = master.select(
            "code",
            pl.col("event_date").alias("valid_from"),
            pl.col("event_date").alias("valid_to"),
            "available_at",
            *FACTS,
        )
        runs.append(_compact(rows, spans[-1]))
    if not sum(len(span) for span in spans):
        raise DataError("master: no rows, so nothing is listed; run: gogooku sync")
    dates = pl.concat(spans).sort()
    if dates.is_duplicated().any():
        raise DataError("master: two frames share a session; pass each session once")
    facts = _compact(pl.concat(runs), dates)
    last = pl.col("valid_to")
    return facts.with_columns(
        (pl.col("_begins").cast(pl.Int32).cum_sum().over("code") - 1).alias("spell"),
        segment().alias("segment"),
        domestic_common().alias("domestic_common"),
        pl.when(last < dates[-1]).then(last).alias("valid_to"),
    ).drop("_begins")


def _by_year(master: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    year = pl.col("event_date").dt.year()
    for value in master.select(year.unique().sort()).collect().to_series():
        rows = master.filter(year == value)
        yield rows.select("event_date", "available_at", "code", *FACTS).collect()


def _compact(stretches: pl.DataFrame, dates: pl.Series) -> pl.DataFrame:
    """Join stretches of one code that follow each other without a gap and with equal facts.

    ``_begins`` says that a stretch does not continue the listing before it.
    """
    order = pl.DataFrame({"_date": dates, "_at": pl.int_range(len(dates), eager=True)})
    placed = (
        stretches.drop("_begins", strict=False)
        .join(order.rename({"_date": "valid_from", "_at": "_first"}), on="valid_from", how="left")
        .join(order.rename({"_date": "valid_to", "_at": "_last"}), on="valid_to", how="left")
        .sort("code", "valid_from")
    )
    begins = (
        (pl.col("code") != pl.col("code").shift(1))
        | (pl.col("_first") != pl.col("_last").shift(1) + 1)
    ).fill_null(value=True)
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in FACTS)
    return (
        placed.with_columns(begins.alias("_begins"))
        .with_columns((pl.col("_begins") | differs).cum_sum().alias("_run"))
        .group_by("_run", maintain_order=True)
        .agg(
            pl.col("code", "valid_from").first(),
            pl.col("valid_to").last(),
            pl.col("available_at", *FACTS, "_begins").first(),
        )
        .drop("_run")
    )


def listing_spells(facts: pl.DataFrame) -> pl.DataFrame:
    """Uninterrupted listings, whatever the facts did meanwhile.

    Parameters
    ----------
    facts : polars.DataFrame
        As `listing_facts` gives them.

    Returns
    -------
    polars.DataFrame
        (code, spell, listed_from, listed_to, available_at), ascending by (code, spell);
        ``listed_to`` is the last listed session, null while listed. ``available_at`` is when the
        listing became known; its end is known from the evening of ``listed_to`` on, when the
        next list no longer has the name.
    """
    return facts.group_by("code", "spell", maintain_order=True).agg(
        pl.col("valid_from").first().alias("listed_from"),
        pl.col("valid_to").last().alias("listed_to"),
        pl.col("available_at").first(),
    )


def store_listings(facts: pl.DataFrame) -> pl.DataFrame:
    """Listings as a source stores them (`LISTINGS_SCHEMA`): one row per code.

    One row cannot hold dated facts, so ``sector`` and ``market`` are those of the *first* session
    of the name: the last ones would carry today's market into the past. ``market`` is the segment
    of domestic common stocks and ``Other`` for everything else. ``name`` is the newest one. A code
    that was delisted and listed again has one row from its first to its last session. Dated facts
    are in the frame that this one is made of.
    """
    market = pl.when(pl.col("domestic_common")).then(pl.col("segment")).otherwise(pl.lit("Other"))
    rows = facts.group_by("code", maintain_order=True).agg(
        pl.col("name").last(),
        pl.col("sector33").first().alias("sector"),
        market.first().alias("market"),
        pl.col("valid_from").first().alias("listed_from"),
        pl.col("valid_to").last().alias("listed_to"),
    )
    return rows.select(pl.col(name).cast(t) for name, t in LISTINGS_SCHEMA.items()).sort("code")
