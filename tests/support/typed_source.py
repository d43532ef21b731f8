"""A small market stored as a source: bars, and some typed tables beside them."""

from datetime import timedelta

import polars as pl

from gogooku.core.stamp import make_stamp
from gogooku.ingest.source import Filled, publish_source
from gogooku.sandbox.market.market import source_frames
from gogooku.tables.arrivals import digests_of
from gogooku.tables.listings import listing_facts, store_listings
from support.audits import Anything
from support.source_world import source_world

TABLES = ("master", "margin_interest", "statements", "topix")
FEATURES = (
    "ret_prev_20d",
    "beta_uni_60d",
    "mkt_ret_20d",
    "margin_long_to_adv20",
    "stmt_imp_statement",
    "stmt_sessions_since_statement",
    "is_prime",
)


def deliver(home, name, *, early=timedelta(0)):
    """Store the market of the tests with some typed tables, known ``early`` before their time."""
    world = source_world()
    frames = source_frames(world.market)
    facts = listing_facts([world.typed("master")])

    def fill(building):
        for part in ("quotes", "tables"):
            (building / part).mkdir()
        years = frames.quotes.get_column("date").dt.year()
        for year in years.unique():
            frames.quotes.filter(years == year).write_parquet(
                building / "quotes" / f"{year}.parquet"
            )
        store_listings(facts).write_parquet(building / "listings.parquet")
        facts.write_parquet(building / "listing_facts.parquet")
        frames.indices.write_parquet(building / "indices.parquet")
        for table in TABLES:
            for kind in ("tables", "digests"):
                (building / kind / table).mkdir(parents=True)
            rows = world.typed(table)
            rows = rows.with_columns(pl.col("available_at") - early)
            years = rows.get_column("event_date").dt.year()
            for year in years.unique():
                part = rows.filter(years == year)
                part.write_parquet(building / "tables" / table / f"{year}.parquet")
                digests = digests_of(part, None)
                digests.write_parquet(building / "digests" / table / f"{year}.parquet")
        return Filled(
            parts={"early": str(early)},
            rows=frames.quotes.height,
            exchange="tokyo",
            facts={"plan": "standard"},
        )

    stamp = make_stamp("tables", config_hash=str(early), code=("gogooku.core.errors",), inputs={})
    return publish_source(home, name, fill, num_bytes=1, stamp=stamp, config=Anything())
