"""One self-contained HTML page about a run: opens offline, loads nothing, in two languages.

The headline comes first: whose prices, which dates, a verdict, four numbers, what is wrong, and how
much may be luck. Then chapters: the ranking, skill, the account, where its result came from, risk,
costs and capacity, months, the model. The same inputs give the same bytes. Every text is escaped,
and a content security policy forbids the page to fetch anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import polars as pl

from gogooku.core.metrics import FloatArray
from gogooku.evaluate import charts
from gogooku.evaluate.account import Account
from gogooku.evaluate.calibration import Calibrated
from gogooku.evaluate.network_charts import calibration_lines, channel_lines
from gogooku.evaluate.over_time import monthly_rank_ic
from gogooku.evaluate.page import chapter, chart, contents, details, document, panels, section
from gogooku.evaluate.report_account import account_parts
from gogooku.evaluate.report_attribution import attribution_parts
from gogooku.evaluate.report_capacity import capacity_parts
from gogooku.evaluate.report_head import Headline, head, warnings_box
from gogooku.evaluate.report_luck import Luck, luck_part
from gogooku.evaluate.report_months import months_part
from gogooku.evaluate.report_risk import risk_parts
from gogooku.evaluate.report_tables import (
    glossary,
    group_tables,
    importance_table,
    month_table,
    ranking_tables,
    rival_table,
    skill_table,
)
from gogooku.evaluate.report_texts import NOTES, TITLES
from gogooku.evaluate.svg import Figure
from gogooku.evaluate.training_charts import training_charts
from gogooku.evaluate.verdict import Figures, verdict
from gogooku.evaluate.words import CORRELATION, Language, Text, Words, sessions

_AT: Final = Text("{title}, {horizon}", "{title}({horizon})")
"""A heading with its horizon."""
_CHAPTERS: Final[Mapping[str, Text]] = {
    "chapter-names": Text("Names", "銘柄"),
    "chapter-skill": Text("Skill", "予測力"),
    "chapter-account": Text("Account", "運用口座"),
    "chapter-attribution": Text("Where it came from", "要因分析"),
    "chapter-risk": Text("Risk", "リスク"),
    "chapter-capacity": Text("Costs and capacity", "コストと規模"),
    "chapter-months": Text("Month by month", "月別"),
    "chapter-model": Text("Model", "モデル"),
    "chapter-background": Text("Background", "参考情報"),
}
"""Key of a chapter to its heading, in the order of the page."""


@dataclass(frozen=True)
class ReportPage:
    """What the page shows, as plain frames and mappings.

    Attributes
    ----------
    headline : Headline
    daily, deciles : polars.DataFrame
        Of `gogooku.evaluate.skill.Skill`.
    rolling : polars.DataFrame
        `gogooku.evaluate.breakdown.ROLLING_SCHEMA`.
    decay : polars.DataFrame or None
        Of `gogooku.evaluate.skill.Skill`.
    breakdown : polars.DataFrame or None
        `gogooku.evaluate.breakdown.BREAKDOWN_SCHEMA`.
    metrics : mapping
        ``Report.to_json()["metrics"]`` of skill and portfolio together: ``h5.rank_ic`` or
        ``portfolio.sharpe`` to value, low, high, n.
    horizon : int
        The one that is traded; pictures of one horizon are of it.
    account : Account or None
        What a backtest has kept.
    luck : Luck or None
        The tries on the same sessions.
    events : sequence of mappings
        Lines of ``events.jsonl``; epochs become the charts of the training.
    config, stamp : mappings
        As written beside the run.
    facts : mapping
        Small statements: label variant, K of P@K, dates.
    warnings : sequence of words
        Findings and biases; shown right below the headline.
    questioned : bool
        Whether a finding among them doubts the numbers themselves.
    ranking : polars.DataFrame or None
        See `gogooku.evaluate.report_tables.ranking_tables`.
    scores : float64 array
        Of the newest session at ``horizon``.
    rivals : polars.DataFrame or None
        `gogooku.evaluate.compare.COMPARISON_SCHEMA`, this run as ``a``.
    missing : sequence of str
        Models that the page would compare with and that are not there.
    importance : sequence of mappings
        ``group``, ``horizon``, ``lost``, ``error``.
    calibration : sequence of Calibrated
        How right the quantiles of a network are.
    channels : polars.DataFrame or None
        What a network reads when; see `gogooku.evaluate.network_charts.channel_lines`.
    language : Language
        Whose texts are shown first.
    """

    headline: Headline
    daily: pl.DataFrame
    deciles: pl.DataFrame
    rolling: pl.DataFrame
    metrics: Mapping[str, Figures]
    horizon: int
    decay: pl.DataFrame | None = None
    breakdown: pl.DataFrame | None = None
    account: Account | None = None
    luck: Luck | None = None
    events: Sequence[Mapping[str, object]] = ()
    config: Mapping[str, object] = field(default_factory=dict)
    stamp: Mapping[str, object] = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)
    warnings: Sequence[Words] = ()
    questioned: bool = False
    ranking: pl.DataFrame | None = None
    scores: FloatArray = field(default_factory=lambda: np.empty(0))
    rivals: pl.DataFrame | None = None
    missing: Sequence[str] = ()
    importance: Sequence[Mapping[str, object]] = ()
    calibration: Sequence[Calibrated] = ()
    channels: pl.DataFrame | None = None
    language: Language = Language.EN


def render_report(page: ReportPage) -> str:
    """The page as one HTML text."""
    said = verdict(
        page.metrics,
        horizon=page.horizon,
        simulated=page.headline.simulated,
        questioned=page.questioned,
    )
    account = page.account
    parts = {
        "chapter-names": _beside_others(page),
        "chapter-skill": _skill(page),
        "chapter-account": [] if account is None else account_parts(account, page.metrics),
        "chapter-attribution": [] if account is None else attribution_parts(account),
        "chapter-risk": [] if account is None else risk_parts(account),
        "chapter-capacity": [] if account is None else capacity_parts(account),
        "chapter-months": [] if account is None else [months_part(account)],
        "chapter-model": _inside(page),
        "chapter-background": [
            glossary(page.metrics),
            details("facts", TITLES["facts"], page.facts),
            details("config", TITLES["config"], page.config),
            details("stamp", TITLES["stamp"], page.stamp),
        ],
    }
    chapters = {key: chapter(key, _CHAPTERS[key], inner) for key, inner in parts.items()}
    there = [(key, _CHAPTERS[key]) for key, text in chapters.items() if text]
    body = [
        head(page.headline, said, page.metrics, horizon=page.horizon),
        contents(there),
        warnings_box(page.warnings),
        luck_part(page.luck, account) if page.luck is not None else "",
        *chapters.values(),
    ]
    text = "\n".join(part for part in body if part)
    return document(page.headline.run_id, text, language=page.language)


def _beside_others(page: ReportPage) -> list[str]:
    """Who is ranked where, and how other models do on the same sessions."""
    parts = []
    if page.ranking is not None and page.ranking.height:
        inner, note = ranking_tables(page.ranking, horizon=page.horizon)
        parts.append(section("ranking", TITLES["ranking"], inner, note=note))
    if page.rivals is not None or page.missing:
        inner, note = rival_table(page.rivals, page.missing)
        parts.append(section("rivals", TITLES["rivals"], inner, note=note))
    return parts


def _skill(page: ReportPage) -> list[str]:
    one = page.daily.filter(horizon=page.horizon)
    months = monthly_rank_ic(one)
    groups = ""
    if page.breakdown is not None:
        groups = group_tables(page.breakdown, horizon=page.horizon)
    at = _AT.filled(horizon=sessions(page.horizon), title=Text("{title}", "{title}"))
    return [
        section("metrics", TITLES["metrics"], skill_table(page.metrics), note=NOTES["metrics"]),
        section(
            "monthly-rankic",
            at.filled(title=TITLES["monthly-rankic"]),
            month_table(months, "value", CORRELATION),
            note=NOTES["monthly-rankic"],
        ),
        chart(
            "rolling-rankic",
            at.filled(title=TITLES["rolling-rankic"]),
            charts.rolling_rank_ic(page.rolling, one, page.horizon),
            note=NOTES["rolling-rankic"],
        ),
        _chart("cumulative-rankic", charts.cumulative_rank_ic(page.daily)),
        _chart("decay", charts.decay(page.metrics)),
        _chart("decay-lag", charts.decay_lines(page.decay)) if page.decay is not None else "",
        section("groups", at.filled(title=TITLES["groups"]), groups, note=NOTES["groups"])
        if groups
        else "",
        panels("deciles", TITLES["deciles"], charts.excess_deciles(page.deciles),
               note=NOTES["deciles"]),
    ]  # fmt: skip


def _inside(page: ReportPage) -> list[str]:
    """The scores, what they come from, what a network gives beside them, and its training."""
    scored = bool(np.isfinite(page.scores).any())
    return [
        _chart("scores", charts.score_histogram(page.scores)) if scored else "",
        section("importance", TITLES["importance"], importance_table(page.importance),
                note=NOTES["importance"]) if page.importance else "",
        _chart("calibration", calibration_lines(page.calibration)) if page.calibration else "",
        _chart("channels", channel_lines(page.channels)) if page.channels is not None else "",
        *(_chart(key, figure) for key, figure in training_charts(page.events).items()),
    ]  # fmt: skip


def _chart(key: str, figure: Figure) -> str:
    return chart(key, TITLES[key], figure, note=NOTES.get(key, ""))
