"""What the dashboard shows, as plain frames and mappings: whoever has them can make the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import polars as pl

from gogooku.evaluate.report_tables import TOP
from gogooku.evaluate.words import Text, Words
from gogooku.publish.publication import ORDERS, TARGET


@dataclass(frozen=True)
class Shown:
    """A publication, the one before it, and what the evenings left beside them.

    Attributes
    ----------
    source, exchange : str
    simulated : bool
        Whether the prices are a sandbox's.
    bundle, run : str
    released_at : datetime or None
        Since when the bundle is in service.
    session : date
    published_at : datetime
    due : datetime
        When the next publication should be there; aware.
    horizon : int
        Whose score ranks.
    frames : mapping of str to polars.DataFrame
        Of the publication: ``ranking``, and whatever else it has.
    before : polars.DataFrame or None
        The ranking that was published before it.
    before_session : date or None
        The session of that one.
    account : mapping or None
        The account that the orders are of.
    evening : mapping or None
        How the last evening ended, see `gogooku.watch.summary.record_evening`.
    gates : sequence of mapping
        What the gates said of the publication, see `gogooku.releases.verdicts.Verdict`.
    measured : mapping or None
        See `gogooku.watch.status.status_of`.
    live : polars.DataFrame
        `gogooku.watch.live.SCHEMA`.
    promised : mapping
        ``skill`` of the scorecard.
    shadows : sequence of str
        Bundles that are scored beside the one in service.
    why_not : str
        Why the publication has no reasons: a key of `gogooku.dashboard.why.WHY_NOT`.
    troubles : sequence of words
        Why what is shown may be old.
    """

    source: str
    exchange: str
    simulated: bool
    bundle: str
    run: str
    released_at: datetime | None
    session: date
    published_at: datetime
    due: datetime
    horizon: int
    frames: Mapping[str, pl.DataFrame]
    live: pl.DataFrame
    before: pl.DataFrame | None = None
    before_session: date | None = None
    account: Mapping[str, Any] | None = None
    evening: Mapping[str, Any] | None = None
    gates: Sequence[Mapping[str, Any]] = ()
    measured: Mapping[str, Any] | None = None
    promised: Mapping[str, Any] = field(default_factory=dict)
    shadows: Sequence[str] = ()
    why_not: str = ""
    troubles: Sequence[Words] = ()

    @property
    def ranking(self) -> pl.DataFrame:
        """The names of the session, the best first."""
        return self.frames["ranking"]

    @property
    def score(self) -> str:
        """Column of the score that ranks."""
        return f"score_{self.horizon}"

    @property
    def target(self) -> pl.DataFrame | None:
        """The target portfolio; None where none was published."""
        return self.frames.get(TARGET)

    @property
    def orders(self) -> pl.DataFrame | None:
        """The orders; None where none were published."""
        return self.frames.get(ORDERS)

    @property
    def top(self) -> int:
        """Names that are shown: as many as the portfolio has chosen to buy, else `TOP`."""
        seats = 0
        if self.target is not None and "seat" in self.target.columns:
            seats = self.target.filter(pl.col("seat") > 0).height
        return min(seats or TOP, self.ranking.height)


def company(row: Mapping[str, Any]) -> Text:
    """What a row's company is called in each language; its code where nobody says it."""
    english, japanese = row.get("name_en"), row.get("name_ja")
    return Text(str(english or japanese or row["code"]), str(japanese or english or row["code"]))
