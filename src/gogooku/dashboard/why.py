"""Why a name ranks where it does: what each feature adds to its score, as it was published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

import polars as pl

from gogooku.evaluate.page import barred, ends_of, grid
from gogooku.evaluate.words import NONE, Text, Unit, html
from gogooku.publish.reasons import WHY

_NEEDED: Final = {"code", "feature", "contribution"}
_ADDED = Unit(digits=4, signed=True)
_OF_FEATURE = Unit(digits=3)


@dataclass(frozen=True)
class Reason:
    """What one feature adds.

    Attributes
    ----------
    feature, meaning : str
    value : float or None
        Of the feature.
    added : float
        To the score.
    """

    feature: str
    meaning: str
    value: float | None
    added: float


@dataclass(frozen=True)
class Reasons:
    """What the features add to the score of one name, the largest first.

    Attributes
    ----------
    method : str
        How it was computed.
    rows : sequence of Reason
    """

    method: str
    rows: Sequence[Reason]


WHY_NOT: Final[Mapping[str, Text]] = {
    "peers": Text(
        "Not given: in this model all names see one another, so a score is no sum of what the "
        "features of its own name and of its peers add.",
        "提示なし: このモデルでは全銘柄が互いに影響し合うため、"
        "スコアを当該銘柄と類似銘柄の特徴量の寄与の和に分解できない。",
    ),
    "learner": Text(
        "Not given: no way to split the score of this kind of model is known.",
        "提示なし: この種類のモデルのスコアを寄与に分解する方法がない。",
    ),
    "gap": Text(
        "Not given: what was computed does not add up to the score.",
        "提示なし: 算出した寄与の和がスコアに一致しない。",
    ),
}
"""Why a publication has no reasons, by the word among its facts."""


def why_part(reasons: Reasons | None, *, why_not: str = "") -> str:
    """The reasons of a name as HTML; a sentence where they were not computed."""
    title = html(Text("Why it ranks there", "この順位の根拠"))
    if reasons is None or not reasons.rows:
        said = WHY_NOT.get(why_not) or Text(
            "Not computed: this publication has no contributions of features for this name.",
            "未計算: この公開には、この銘柄の特徴量の寄与が含まれていない。",
        )
        return f'<h3>{title}</h3><p class="note">{html(said)}</p>'
    return f"<h3>{title}</h3>{_table(reasons)}"


def _table(reasons: Reasons) -> str:
    span = ends_of([one.added for one in reasons.rows])
    head = [
        html(Text("feature", "特徴量")),
        html(Text("value", "値")),
        html(Text("adds to the score", "スコアへの寄与")),
    ]
    body = [
        [
            f"{escape(one.feature)}<small>{escape(one.meaning)}</small>",
            html(_OF_FEATURE.text(one.value)) if one.value is not None else NONE,
            barred(_ADDED.text(one.added), one.added, span),
        ]
        for one in reasons.rows
    ]
    said = Text("Method: {method}.", "算出方法: {method}。").filled(method=reasons.method)
    return f'<p class="note">{html(said)}</p>{grid(head, body)}'


def reasons_of(frames: Mapping[str, pl.DataFrame], *, codes: Sequence[str]) -> dict[str, Reasons]:
    """The reasons of those of some names that a publication has some for, by code.

    They are rows of its frame `WHY`: ``code``, ``feature``, ``contribution``, and where they are
    there ``method``, ``meaning`` (else that of the catalogue) and the feature's ``value``.
    """
    frame = frames.get(WHY)
    if frame is None or not set(frame.columns) >= _NEEDED:
        return {}
    chosen = frame.filter(pl.col("code").is_in(list(codes)), pl.col("contribution").is_not_null())
    ordered = chosen.sort(pl.col("contribution").abs(), descending=True, maintain_order=True)
    meanings = _meanings()
    found: dict[str, list[Reason]] = {}
    methods: dict[str, str] = {}
    for row in ordered.iter_rows(named=True):
        name = str(row["feature"])
        meaning = row.get("meaning") or meanings.get(name, "")
        one = Reason(name, meaning, row.get("value"), row["contribution"])
        found.setdefault(row["code"], []).append(one)
        methods.setdefault(row["code"], str(row.get("method") or NONE))
    return {code: Reasons(methods[code], rows) for code, rows in found.items()}


def _meanings() -> dict[str, str]:
    from gogooku.features.catalogue import CATALOGUE

    return {one.name: one.meaning for one in CATALOGUE}
