"""What changed since the publication before: who entered the top, who left, who moved most."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Final

import polars as pl

from gogooku.core.codes import shown_code
from gogooku.dashboard.shown import Shown, company
from gogooku.dashboard.texts import TITLES
from gogooku.evaluate.page import grid, section
from gogooku.evaluate.words import NONE, Text, html

MOVERS: Final = 5
"""Names of each direction that moved most."""
_COLUMNS: Final = ("code", "name_ja", "name_en")


@dataclass(frozen=True)
class Changes:
    """Rows with ``code``, company names, ``rank`` and ``before``; either rank may be null.

    Attributes
    ----------
    entered : polars.DataFrame
        Among the top names now and not before, the best first.
    left : polars.DataFrame
        Among the top names before and not now.
    up, down : polars.DataFrame
        Of all names that are ranked both times, those that moved most.
    """

    entered: pl.DataFrame
    left: pl.DataFrame
    up: pl.DataFrame
    down: pl.DataFrame


def changes_of(ranking: pl.DataFrame, before: pl.DataFrame, *, top: int) -> Changes:
    """Compare a ranking with the one before it."""
    now = ranking.select(*_COLUMNS, "rank")
    old = before.select(*_COLUMNS, before="rank")
    both = now.join(old, on="code", how="full", coalesce=True, suffix="_old")
    rows = both.with_columns(
        pl.coalesce(name, f"{name}_old").alias(name) for name in ("name_ja", "name_en")
    ).select(*_COLUMNS, "rank", "before")
    inside, was = pl.col("rank") <= top, pl.col("before") <= top
    places = pl.col("before").cast(pl.Int64) - pl.col("rank").cast(pl.Int64)
    moved = rows.with_columns(places=places).drop_nulls("places").sort("places", "code")
    return Changes(
        entered=rows.filter(inside & ~was.fill_null(value=False)).sort("rank"),
        left=rows.filter(was & ~inside.fill_null(value=False)).sort("before"),
        up=moved.filter(pl.col("places") > 0).reverse().head(MOVERS).drop("places"),
        down=moved.filter(pl.col("places") < 0).head(MOVERS).drop("places"),
    )


def changes_part(shown: Shown) -> str:
    """The changes as HTML."""
    if shown.before is None:
        said = Text(
            "There is no publication before this one to compare with.",
            "比較できる前回の公開はない。",
        )
        return section("changes", TITLES["changes"], f"<p>{html(said)}</p>")
    found = changes_of(shown.ranking, shown.before, top=shown.top)
    tables = (
        (Text("Entered the top {top}", "上位{top}銘柄に入った銘柄"), found.entered),
        (Text("Left the top {top}", "上位{top}銘柄から外れた銘柄"), found.left),
        (Text("Rose most", "順位の上昇が大きい銘柄"), found.up),
        (Text("Fell most", "順位の下落が大きい銘柄"), found.down),
    )
    inner = "".join(
        f"<div><h3>{html(title.filled(top=str(shown.top)))} "
        f'<span class="count">{rows.height}</span></h3>{_table(rows)}</div>'
        for title, rows in tables
    )
    note = Text("Against the publication of {day}.", "{day}の公開との比較。").filled(
        day=str(shown.before_session)
    )
    return section("changes", TITLES["changes"], f'<div class="pair">{inner}</div>', note=note)


def _table(rows: pl.DataFrame) -> str:
    if not rows.height:
        return f'<p class="note">{html(Text("None.", "なし。"))}</p>'
    head = [
        html(Text("code", "コード")),
        f'<th class="left">{html(Text("company", "銘柄名"))}</th>',
        html(Text("before", "前回")),
        html(Text("now", "今回")),
    ]
    body = [
        [
            escape(shown_code(row["code"])),
            f'<td class="text">{html(company(row))}</td>',
            _place(row["before"]),
            _place(row["rank"]),
        ]
        for row in rows.iter_rows(named=True)
    ]
    return grid(head, body)


def _place(rank: int | None) -> str:
    return NONE if rank is None else f"{rank:,}"
