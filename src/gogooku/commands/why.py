"""`gogooku why CODE`: why a name ranks where it does, as it was published."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from gogooku.commands.answer import Answer
from gogooku.commands.display import table
from gogooku.core.codes import KnownCodes, shown_code
from gogooku.core.errors import NotFoundError
from gogooku.core.findings import short
from gogooku.dashboard.why import WHY_NOT as WHY_NOT_TEXTS
from gogooku.publish.publication import (
    RANKING,
    Publication,
    newest_publication,
    open_publication,
)
from gogooku.publish.reasons import EXPLAINED, LOWEST, WHY, WHY_GROUPS, WHY_NOT
from gogooku.releases.registry import the_released


@dataclass(frozen=True)
class Asked:
    """What is asked.

    Attributes
    ----------
    code : str
        The name; of a code of Tokyo four characters are enough.
    source : str
    day : date or None
        The session; None for the newest that is published.
    """

    code: str
    source: str
    day: date | None = None


def why(home: Path, asked: Asked) -> Answer:
    """The largest features of a name, the sums of their groups and the rest.

    Raises
    ------
    NotFoundError
        The name is not ranked, or the publication has no reasons for it; the message says why not.
    DataError
        No bundle is released, nothing is published, or a file is damaged.
    """
    made = _published(home, asked)
    row = _ranked(made, asked.code)
    code = str(row["code"])
    reasons = _reasons_of(made, code, row)
    groups = made.frame(WHY_GROUPS).filter(code=code).drop("code")
    groups = groups.sort(pl.col("contribution").abs(), descending=True, maintain_order=True)
    score = float(row[f"score_{made.facts['horizon']}"])
    method = str(reasons["method"][0])
    facts = {
        "date": str(made.session),
        "bundle": made.bundle_id,
        "code": code,
        **{name: row[name] for name in ("name_ja", "name_en", "sector", "rank", "before")},
        "names": made.frame(RANKING).height,
        "horizon": made.facts["horizon"],
        "score": score,
        "method": method,
        "features": reasons.drop("code", "method").to_dicts(),
        "groups": groups.to_dicts(),
    }
    names = " / ".join(str(row[name]) for name in ("name_en", "name_ja") if row[name] is not None)
    title = (
        f"{shown_code(code)} {names}: rank {row['rank']:,} of {facts['names']:,} after "
        f"{made.session}, score {score:+.4f} over {facts['horizon']} sessions"
    )
    features = reasons.select("feature", "value", "contribution", "meaning").rows()
    return Answer(
        facts=facts,
        parts=[
            title,
            table(
                "what the largest features add",
                ["feature", "value", "adds", "meaning"],
                [(name, value, f"{added:+.4f}", text) for name, value, added, text in features],
            ),
            table(
                "what each group adds",
                ["group", "adds"],
                [(name, f"{added:+.4f}") for name, added in groups.rows()],
            ),
            f"both tables add up to the score; method: {method}",
        ],
    )


def _published(home: Path, asked: Asked) -> Publication:
    """The publication of the released bundle that is asked for."""
    bundle = the_released(home, asked.source)
    if asked.day is not None:
        return open_publication(home, asked.source, asked.day, bundle)
    made = newest_publication(home, asked.source, bundle)
    if made is None:
        raise NotFoundError(
            f"{asked.source}: {bundle} has published nothing yet. Run: gogooku evening --source "
            f"{asked.source}"
        )
    return made


def _ranked(made: Publication, code: str) -> dict[str, Any]:
    """The row of a name in the ranking, by any spelling of its code."""
    ranking = made.frame(RANKING)
    found = KnownCodes(ranking["code"]).find(code)
    if found is not None:
        return ranking.row(by_predicate=pl.col("code") == found, named=True)
    raise NotFoundError(
        f"{short(code)} is not among the {ranking.height:,} names ranked after {made.session}; "
        f"codes are as in gogooku predict, for example {shown_code(ranking['code'][0])}"
    )


def _reasons_of(made: Publication, code: str, row: dict[str, Any]) -> pl.DataFrame:
    """The reasons of a name."""
    if not made.has(WHY) or not made.has(WHY_GROUPS):
        text = WHY_NOT_TEXTS.get(str(made.facts.get(WHY_NOT)))
        said = "It was made before there were any" if text is None else text.en.rstrip(".")
        raise NotFoundError(f"the publication after {made.session} has no reasons. {said}")
    found = made.frame(WHY).filter(code=code)
    if found.is_empty():
        raise NotFoundError(
            f"{shown_code(code)} has rank {row['rank']:,} after {made.session}; reasons are "
            f"published of the first {EXPLAINED} names, the last {LOWEST}, and those that are held "
            "or ordered"
        )
    return found
