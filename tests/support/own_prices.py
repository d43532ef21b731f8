"""Daily prices as a reader may have them, in the shapes that the page on own data names."""

import csv
from pathlib import Path

import polars as pl

from gogooku.sandbox.market.market import generate, market_config, source_frames


def write_prices(folder: Path) -> None:
    """Write the same prices in every shape.

    ``prices.parquet`` and ``prices.csv`` hold a row a name and session, ``prices/`` a file a name,
    ``wide.csv`` a column a field and name, and ``closes.csv`` a column of closes a name.
    """
    config = market_config("tiny", seed=1).model_copy(
        update={"num_stocks": 40, "num_sessions": 260, "num_branches": 0}
    )
    frames = source_frames(generate(config))
    sectors = frames.listings.select("code", "sector")
    rows = frames.quotes.join(sectors, on="code").sort("date", "code")
    rows.write_parquet(folder / "prices.parquet")
    rows.write_csv(folder / "prices.csv")
    (folder / "prices").mkdir()
    for (code,), own in rows.partition_by("code", as_dict=True, include_key=False).items():
        own.write_csv(folder / "prices" / f"{code}.csv")
    names = rows.get_column("code").unique().sort().to_list()
    fields = [name for name in rows.columns if name not in ("date", "code")]
    wide = rows.pivot("code", index="date", values=fields)
    pairs = [(field, name) for field in fields for name in names]
    with (folder / "wide.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["Price", *(field for field, _ in pairs)])
        lines.writerow(["Ticker", *(name for _, name in pairs)])
        lines.writerows(wide.select("date", *(f"{field}_{name}" for field, name in pairs)).rows())
    closes = wide.select("date", *(pl.col(f"close_{name}").alias(name) for name in names))
    closes.write_csv(folder / "closes.csv")
