"""The ranking as it is published: with company names, and each name's rank the session before."""

from __future__ import annotations

import polars as pl

from gogooku.predict.predictor import Ranking
from gogooku.publish.publication import RANKING, RANKING_COLUMNS, Publication


def ranked(made: Ranking, names: pl.DataFrame, before: Publication | None) -> pl.DataFrame:
    """A ranking with what people read beside it.

    Parameters
    ----------
    made : Ranking
    names : polars.DataFrame
        (code, name_en, name_ja), one row a code.
    before : Publication or None
        What the same bundle published the session before; None for its first.

    Returns
    -------
    polars.DataFrame
        `RANKING_COLUMNS`, then the columns of the scores and of what the run gives beside them, in
        the order of the ranks. A name that is not known is null.
    """
    old = (
        before.frame(RANKING).select("code", pl.col("rank").alias("before"))
        if before is not None
        else pl.DataFrame(schema={"code": pl.String, "before": pl.Int32})
    )
    wide = made.frame.join(names, on="code", how="left").join(old, on="code", how="left")
    rest = [name for name in made.frame.columns if name not in RANKING_COLUMNS]
    return wide.sort("rank").select(*RANKING_COLUMNS, *rest)
