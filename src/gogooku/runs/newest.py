"""The newest session that a run has ranked out of sample: who stands where, and who has moved."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl

from gogooku.core.files import MANIFEST_FILE
from gogooku.core.types import Dataset
from gogooku.ingest.source import SANDBOX, Source, delivery, sources_folder
from gogooku.runs.folder import Run
from gogooku.runs.judge import TRUTH_FILE

_NAMES: Final = {"code": pl.String, "name_en": pl.String, "name_ja": pl.String}


def newest_ranking(run: Run, source: Source | None, *, horizon: int) -> pl.DataFrame:
    """Names of the last test session, best first, and their places the session before.

    Parameters
    ----------
    run : Run
    source : Source or None
        Where companies have their names from.
    horizon : int
        Whose score ranks; equal scores are in the order of their codes.

    Returns
    -------
    polars.DataFrame
        (date, rank, code, name_en, name_ja, score, before); ``before`` is null where the name was
        not ranked on the session before, or the run has one session only.

    Raises
    ------
    DataError
        Predictions are gone or damaged, or names of the source are.
    """
    scored = run.predictions("test").filter(horizon=horizon)
    days = scored.get_column("date").unique().sort().tail(2).to_list()
    newest, *before = [_ranked(scored.filter(date=day)) for day in reversed(days)]
    places = (
        before[0].select("code", pl.col("rank").alias("before"))
        if before
        else pl.DataFrame(schema={"code": pl.String, "before": pl.Int64})
    )
    names = company_names(source) if source is not None else pl.DataFrame(schema=_NAMES)
    return (
        newest.join(places, on="code", how="left")
        .join(names, on="code", how="left")
        .sort("rank")
        .select("date", "rank", "code", "name_en", "name_ja", "score", "before")
    )


def _ranked(day: pl.DataFrame) -> pl.DataFrame:
    newest = day.sort("fold").unique("code", keep="last")
    ordered = newest.sort("score", "code", descending=[True, False])
    return ordered.with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("rank"))


def company_names(source: Source) -> pl.DataFrame:
    """What companies are called last: (code, name_en, name_ja); one name where there is only one.

    Raises
    ------
    DataError
        A file of the source is missing or damaged.
    """
    dated = source.listing_facts()
    if dated is not None:
        last = dated.sort("valid_from").unique("code", keep="last")
        return last.select("code", "name_en", pl.col("name").alias("name_ja"))
    listed = source.listings()
    return listed.select(
        "code", pl.col("name").alias("name_en"), pl.col("name").alias("name_ja")
    ).unique("code", keep="last", maintain_order=True)


def source_of(home: Path, run: Run) -> Source | None:
    """The delivery behind a run; None where it is not in the home any more.

    Raises
    ------
    DataError
        It is damaged.
    """
    return _delivered(home, run.manifest)


def source_of_dataset(home: Path, dataset: Dataset) -> Source | None:
    """The delivery behind a dataset; None where it is not in the home any more.

    Raises
    ------
    DataError
        It is damaged.
    """
    return _delivered(home, dataset.manifest)


def names_beside(home: Path, dataset: Dataset) -> pl.DataFrame:
    """What the companies of a dataset are called (`company_names`); none where its source has gone.

    Raises
    ------
    DataError
        It is damaged.
    """
    source = source_of_dataset(home, dataset)
    return pl.DataFrame(schema=_NAMES) if source is None else company_names(source)


def _delivered(home: Path, manifest: Mapping[str, Any]) -> Source | None:
    folder = sources_folder(home) / str(manifest["source"]) / str(manifest["source_version"])
    return delivery(folder) if (folder / MANIFEST_FILE).exists() else None


def is_simulated(name: str, source: Source | None) -> bool:
    """Whether prices are a sandbox's: its truth lies beside them, or the source is named so.

    A sync calls what it fetched from the sandbox exchange ``sandbox``, and ``sandbox-...`` what of
    it was known on a date.
    """
    named = name == SANDBOX or name.startswith(f"{SANDBOX}-")
    return named or (source is not None and source.files.has(TRUTH_FILE))
