"""The panel: listed names x sessions, with everything that was known at the clock.

`as_of` is the only join in the project that attaches dated values to sessions. It refuses any
value later than the decision and reports the tightest slack.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from gogooku.core.calendar import Clock, DateArray, Exchange, exchange_named
from gogooku.core.errors import DataError
from gogooku.core.panel import NO_PAST, PANEL_SCHEMA, Panel, Past, Superseded
from gogooku.ingest.source import Source
from gogooku.tables.listings import listing_spells
from gogooku.tables.publication import PUBLICATIONS, Match, decisions, with_clocks
from gogooku.tables.quotes import store_quotes

_QUOTE_COLUMNS = (
    "open",
    "high",
    "low",
    "close",
    "volume_shares",
    "turnover_value",
    "adjustment_factor",
    "limit_up",
    "limit_down",
)
_BAR_COLUMNS = ("open", "high", "low", "close")


@dataclass(frozen=True)
class Joined:
    """The result of one as-of join.

    Attributes
    ----------
    frame : polars.DataFrame
        The backbone in its order, with the joined columns.
    slack_seconds : float
        Smallest time between a joined value becoming known and its decision; inf for no rows.
    """

    frame: pl.DataFrame
    slack_seconds: float


def as_of(
    backbone: pl.DataFrame,
    rows: pl.DataFrame,
    *,
    source: str,
    by: Sequence[str],
    columns: Sequence[str],
) -> Joined:
    """Attach the columns of a source to a backbone, point in time.

    Parameters
    ----------
    backbone : polars.DataFrame
        Has ``date``, ``decision_at`` and the ``by`` columns.
    rows : polars.DataFrame
        Has ``event_date``, ``available_at``, the ``by`` columns and ``columns``.
    source : str
        Names the publication rule, and the source in errors.
    by : sequence of str
        Key columns beside the date; empty for market-wide sources.

    Raises
    ------
    DataError
        Keys repeat, a row has no place on the backbone, or a joined value would have been known
        only after the decision.
    """
    keys = ["date", *by]
    if PUBLICATIONS[source].match is Match.LATEST:
        joined = _latest(backbone, rows, by=by, columns=columns)
    else:
        narrow = rows.select(pl.col("event_date").alias("date"), *by, "available_at", *columns)
        if not by:
            _refuse_repeats(narrow, keys, source=source)
        joined = backbone.join(narrow, on=keys, how="left", maintain_order="left", validate="m:1")
        placed = int(joined.get_column("available_at").is_not_null().sum())
        if by and placed != narrow.height:
            lost = narrow.join(backbone, on=keys, how="anti")
            raise DataError(
                f"{source}: {lost.height} rows lie outside the listing of their code or off the "
                f"sessions, first {lost.select(keys).row(0)}; correct the listing dates and rerun"
            )
    slack = joined.select(
        ((pl.col("decision_at") - pl.col("available_at")).min()).dt.total_seconds()
    ).item()
    if slack is not None and slack < 0:
        late = joined.filter(pl.col("available_at") > pl.col("decision_at"))
        raise DataError(
            f"{source}: {late.height} values would be used before they were known, first "
            f"{late.select(keys).row(0)}; the publication rule or the clock is wrong"
        )
    return Joined(
        frame=joined.drop("available_at"),
        slack_seconds=float("inf") if slack is None else float(slack),
    )


def _latest(
    backbone: pl.DataFrame, rows: pl.DataFrame, *, by: Sequence[str], columns: Sequence[str]
) -> pl.DataFrame:
    """Attach the newest row known at each decision; of rows known together, the newest event."""
    order = "_row"
    newest = (
        rows.select(*by, "available_at", "event_date", *columns)
        .sort("available_at", "event_date", maintain_order=True)
        .unique([*by, "available_at"], keep="last", maintain_order=True)
        .drop("event_date")
        .sort("available_at", maintain_order=True)
    )
    return (
        backbone.with_row_index(order)
        .sort("decision_at", maintain_order=True)
        .join_asof(
            newest.with_columns(pl.col("available_at").alias("_known")),
            left_on="decision_at",
            right_on="_known",
            by=list(by) or None,
            strategy="backward",
            check_sortedness=False,
        )
        .sort(order)
        .drop(order, "_known", strict=False)
    )


def _refuse_repeats(rows: pl.DataFrame, keys: Sequence[str], *, source: str) -> None:
    repeated = rows.select(keys).is_duplicated()
    if repeated.any():
        first = rows.filter(repeated).select(keys).row(0)
        raise DataError(f"{source}: {int(repeated.sum())} rows repeat {tuple(keys)}, first {first}")


def sessions_of(quotes: pl.LazyFrame) -> DateArray:
    """Sessions of a source: the dates of its quotes, ascending."""
    dates = quotes.select(pl.col("date").unique().sort()).collect().get_column("date")
    return np.asarray(dates.to_numpy().astype("datetime64[D]"))


def codes_of(listings: pl.DataFrame, sessions: DateArray) -> tuple[str, ...]:
    """Names that are listed on some session, by their first one, then by code.

    Parameters
    ----------
    sessions : array of dates
        All of the history, ascending.

    Raises
    ------
    DataError
        A code appears twice, or its listing ends before it begins.
    """
    _refuse_repeats(listings, ["code"], source="listings")
    begins, ends = _listed_span(listings, sessions)
    if (ends < begins - 1).any():
        bad = listings.row(int(np.flatnonzero(ends < begins - 1)[0]))
        raise DataError(f"listings: {bad[0]} ends {bad[5]} before it begins {bad[4]}")
    names = listings.select("code").with_columns(first=pl.Series(begins), last=pl.Series(ends))
    there = names.filter((pl.col("first") <= pl.col("last")) & (pl.col("first") < len(sessions)))
    return tuple(there.sort("first", "code").get_column("code").to_list())


def _listed_span(
    listings: pl.DataFrame, sessions: DateArray
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """First and last listed session of each row."""
    first = np.searchsorted(sessions, listings["listed_from"].to_numpy().astype("datetime64[D]"))
    ends = listings["listed_to"].fill_null(pl.lit(sessions[-1].item())).to_numpy()
    last = np.searchsorted(sessions, ends.astype("datetime64[D]"), side="right") - 1
    return first.astype(np.int64), last.astype(np.int64)


def backbone(listings: pl.DataFrame, sessions: DateArray, codes: Sequence[str]) -> pl.DataFrame:
    """One row per listed (date, code), in the order of sessions and codes.

    Suspended days are rows; so are the sessions of names that were delisted later.
    """
    ordered = pl.DataFrame({"code": list(codes)}).join(
        listings, on="code", how="left", maintain_order="left", validate="1:1"
    )
    first, last = _listed_span(ordered, sessions)
    t = np.arange(len(sessions))[:, None]
    listed = (t >= first[None, :]) & (t <= last[None, :])
    at_t, at_n = np.nonzero(listed)
    return pl.DataFrame(
        {
            "date": sessions[at_t],
            "code": ordered.get_column("code").gather(at_n),
            "sector": ordered.get_column("sector").gather(at_n),
            "market": ordered.get_column("market").gather(at_n),
        },
        schema_overrides={"date": pl.Date()},
    )


def build_panel(source: Source, *, clock: Clock, first: int = 0) -> Panel:
    """Join a stored source into the point-in-time panel.

    Parameters
    ----------
    first : int
        Session of the history at which the panel begins; what lies before is its ``past``.

    Raises
    ------
    DataError
        Repeated keys, rows outside listings, or a value later than the clock.
    """
    exchange = exchange_named(source.exchange)
    history = sessions_of(source.quotes())
    sessions = history[first:]
    listings = source.listings()
    codes = codes_of(listings, history)
    when = decisions(sessions, exchange=exchange, clock=clock)
    base = backbone(listings, sessions, codes).join(
        when, on="date", how="left", maintain_order="left"
    )
    base, facts_slack = _dated_facts(base, source, exchange)
    bars = source.quotes().filter(pl.col("date") >= sessions[0].item()).collect()
    quotes = with_clocks(bars, "quotes", exchange=exchange)
    joined = as_of(base, quotes, source="quotes", by=["code"], columns=_QUOTE_COLUMNS)
    del bars, quotes, base
    frame = joined.frame.with_columns(pl.col("adjustment_factor").fill_null(1.0)).select(
        list(PANEL_SCHEMA)
    )
    market, slack = _market(source, sessions, when, exchange)
    return Panel(
        frame=frame,
        sessions=sessions,
        codes=codes,
        market=market,
        clock=clock,
        slack_seconds={"quotes": joined.slack_seconds, **facts_slack, **slack},
        decisions=exchange.decision(sessions, clock),
        past=_past(source, history[:first], codes, exchange, clock) if first else NO_PAST,
        superseded=_superseded(source, sessions, codes, exchange.decision(sessions, clock)),
    )


def _superseded(
    source: Source,
    sessions: DateArray,
    codes: Sequence[str],
    decisions_T: npt.NDArray[np.datetime64],
) -> Superseded | None:
    """Bars of these sessions that a correction replaced."""
    typed = source.superseded()
    if typed is None:
        return None
    old = store_quotes(typed, also=("until",))
    names = pl.col("code").cast(pl.Enum(list(codes)), strict=False)
    rows = old.filter(pl.col("date").is_between(sessions[0].item(), sessions[-1].item()))
    rows = rows.with_columns(names).drop_nulls("code").sort("until", descending=True)
    days = rows.get_column("date").to_numpy().astype("datetime64[D]")
    instants = rows.get_column("until").to_numpy().astype("datetime64[us]")
    t = np.searchsorted(sessions, days).astype(np.int64)
    on_session = sessions[np.minimum(t, len(sessions) - 1)] == days
    made = Superseded(
        t=t,
        n=rows.get_column("code").to_physical().cast(pl.Int64).to_numpy(),
        until=np.searchsorted(decisions_T, instants, side="left").astype(np.int64),
        values={
            name: rows.get_column(name).cast(pl.Float64).fill_null(float("nan")).to_numpy()
            for name in _QUOTE_COLUMNS
        },
    )
    # what was corrected on its own evening nobody ever used
    used = on_session & (made.until > made.t)
    return Superseded(
        made.t[used],
        made.n[used],
        made.until[used],
        {name: column[used] for name, column in made.values.items()},
    )


def _past(
    source: Source,
    sessions: DateArray,
    codes: Sequence[str],
    exchange: Exchange,
    clock: Clock,
) -> Past:
    """Sessions before a window, and how far each name had been split by then."""
    steps = (
        source.quotes()
        .filter((pl.col("adjustment_factor") != 1.0) & (pl.col("date") <= sessions[-1].item()))
        .select(
            "date", pl.col("code").cast(pl.Enum(list(codes)), strict=False), "adjustment_factor"
        )
        .drop_nulls()
        .collect()
        .sort("code", "date")
        .with_columns(growth=pl.col("adjustment_factor").cum_prod().over("code"))
    )
    days = steps.get_column("date").to_numpy().astype("datetime64[D]")
    return Past(
        sessions=sessions,
        decisions=exchange.decision(sessions, clock),
        split_n=steps.get_column("code").to_physical().cast(pl.Int64).to_numpy(),
        split_session=np.searchsorted(sessions, days).astype(np.int64),
        split_growth=steps.get_column("growth").to_numpy(),
    )


def _dated_facts(
    base: pl.DataFrame, source: Source, exchange: Exchange
) -> tuple[pl.DataFrame, dict[str, float]]:
    """Sector and market as they were known at each decision, and who leaves.

    A name that was off the lists for a while is not there meanwhile, and leaves before: what comes
    back later nobody knew. A source without dated facts keeps those of its listings, the market by
    date where a name changes it, and nobody is known to leave.
    """
    facts = source.listing_facts()
    if facts is None:
        dated, slack = _dated_markets(base, source, exchange)
        return dated.with_columns(pl.lit(value=False).alias("leaving")), slack
    market = pl.when(pl.col("domestic_common")).then(pl.col("segment")).otherwise(pl.lit("Other"))
    rows = facts.select(
        "code",
        "available_at",
        pl.col("valid_from").alias("event_date"),
        pl.col("sector33").alias("sector"),
        market.alias("market"),
    )
    spells = listing_spells(facts)
    plain = _without_gaps(base.drop("sector", "market"), spells)
    joined = as_of(plain, rows, source="master", by=["code"], columns=["sector", "market"])
    ends = spells.select(
        "code", pl.col("listed_to").alias("date"), pl.lit(value=True).alias("leaving")
    )
    frame = joined.frame.join(
        ends.drop_nulls("date"), on=["date", "code"], how="left", maintain_order="left"
    ).with_columns(pl.col("leaving").fill_null(value=False))
    return frame, {"master": joined.slack_seconds}


def _dated_markets(
    base: pl.DataFrame, source: Source, exchange: Exchange
) -> tuple[pl.DataFrame, dict[str, float]]:
    """The market of each session, of names that change theirs; rows of files are known as bars."""
    markets = source.markets()
    if markets is None:
        return base, {}
    rows = with_clocks(markets.rename({"market": "_market"}), "quotes", exchange=exchange)
    joined = as_of(base, rows, source="master", by=["code"], columns=["_market"])
    dated = joined.frame.with_columns(market=pl.coalesce("_market", "market")).drop("_market")
    return dated, {"markets": joined.slack_seconds}


def _without_gaps(base: pl.DataFrame, spells: pl.DataFrame) -> pl.DataFrame:
    """Rows of sessions on which the name was on the list."""
    gaps = spells.select(
        "code",
        after=pl.col("listed_to"),
        before=pl.col("listed_from").shift(-1).over("code", order_by="spell"),
    ).drop_nulls("before")
    within = (
        base.select("date", "code")
        .join(gaps, on="code", how="inner")
        .filter(pl.col("date").is_between("after", "before", closed="none"))
    )
    return base.join(within, on=["date", "code"], how="anti", maintain_order="left")


def _market(
    source: Source, sessions: DateArray, when: pl.DataFrame, exchange: Exchange
) -> tuple[pl.DataFrame | None, dict[str, float]]:
    bars = source.indices().filter(pl.col("index").is_in(["TOPIX", "MARKET"]))
    if bars.is_empty():
        return None, {}
    here = bars.filter(pl.col("date") >= sessions[0].item())
    rows = with_clocks(here, "indices", exchange=exchange)
    joined = as_of(when, rows, source="indices", by=[], columns=_BAR_COLUMNS)
    return joined.frame.drop("decision_at"), {"indices": joined.slack_seconds}
