"""One self-contained HTML page about a run: opens offline, loads nothing, in two languages.

The headline comes first: whose prices, which dates, a verdict, four numbers, and what is wrong.
Then the ranking, other models on the same sessions, skill, money, and where it comes from. The same
inputs give the same bytes. Every text is escaped, and a content security policy forbids the page to
fetch anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import polars as pl

from gogooku.core.metrics import FloatArray
from gogooku.evaluate import charts
from gogooku.evaluate.calibration import Calibrated
from gogooku.evaluate.network_charts import calibration_lines, channel_lines
from gogooku.evaluate.over_time import monthly_rank_ic, monthly_returns
from gogooku.evaluate.page import chart, details, document, panels, section
from gogooku.evaluate.report_head import Headline, head, warnings_box
from gogooku.evaluate.report_tables import (
    exposure_table,
    glossary,
    group_tables,
    importance_table,
    month_table,
    portfolio_table,
    ranking_tables,
    rival_table,
    skill_table,
    year_column,
)
from gogooku.evaluate.report_texts import DEVIATIONS, NOTES, STYLES, TITLES
from gogooku.evaluate.svg import Figure, drawn
from gogooku.evaluate.training_charts import training_charts
from gogooku.evaluate.verdict import Figures, verdict
from gogooku.evaluate.words import CORRELATION, RETURN, Language, Text, Words, sessions

_AT: Final = Text("{title}, {horizon}", "{title}({horizon})")
"""A heading with its horizon."""


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
    portfolio : polars.DataFrame or None
        Daily frame of a backtest.
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
    styles, sectors : polars.DataFrame or None
        Active exposures of the holdings to styles and sectors; see
        `gogooku.evaluate.report_tables.exposure_table`.
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
    portfolio: pl.DataFrame | None = None
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
    styles: pl.DataFrame | None = None
    sectors: pl.DataFrame | None = None
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
    body = [
        head(page.headline, said, page.metrics, horizon=page.horizon),
        warnings_box(page.warnings),
        *_beside_others(page),
        *_skill(page),
        *_money(page),
        *_inside(page),
        *(_chart(key, figure) for key, figure in training_charts(page.events).items()),
        glossary(page.metrics),
        details("facts", TITLES["facts"], page.facts),
        details("config", TITLES["config"], page.config),
        details("stamp", TITLES["stamp"], page.stamp),
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


def _money(page: ReportPage) -> list[str]:
    if page.portfolio is None:
        return []
    months = monthly_returns(page.portfolio)
    most = max(abs(float(one or 0.0)) for one in months.get_column("portfolio").to_list() or [0.0])
    return [
        section("portfolio", TITLES["portfolio"], portfolio_table(page.metrics),
                note=NOTES["portfolio"]),
        _chart("excess", charts.excess_curve(page.portfolio)),
        _chart("equity", charts.equity_curve(page.portfolio)),
        _chart("drawdown", charts.drawdown_curve(page.portfolio)),
        _chart("turnover", charts.turnover_bars(page.portfolio)),
        *(
            section(
                key,
                TITLES[key],
                month_table(months, column, RETURN, years=year_column(months, column), most=most),
                note=NOTES[key],
            )
            for key, column in (("months", "portfolio"), ("months-excess", "excess"))
        ),
        *_exposed(page),
    ]  # fmt: skip


def _exposed(page: ReportPage) -> list[str]:
    """What the holdings bet on beside the scores, where a backtest says."""
    parts = []
    if page.styles is not None:
        figure = drawn("exposures", charts.exposure_lines(page.styles, STYLES, DEVIATIONS))
        inner = figure + exposure_table(page.styles, STYLES, DEVIATIONS)
        parts.append(section("exposures", TITLES["exposures"], inner, note=NOTES["exposures"]))
    if page.sectors is not None:
        inner = exposure_table(page.sectors, {}, RETURN)
        parts.append(section("sectors", TITLES["sectors"], inner, note=NOTES["sectors"]))
    return parts


def _inside(page: ReportPage) -> list[str]:
    """The scores, what they come from, and what a network gives beside them."""
    scored = bool(np.isfinite(page.scores).any())
    return [
        _chart("scores", charts.score_histogram(page.scores)) if scored else "",
        section("importance", TITLES["importance"], importance_table(page.importance),
                note=NOTES["importance"]) if page.importance else "",
        _chart("calibration", calibration_lines(page.calibration)) if page.calibration else "",
        _chart("channels", channel_lines(page.channels)) if page.channels is not None else "",
    ]  # fmt: skip


def _chart(key: str, figure: Figure) -> str:
    return chart(key, TITLES[key], figure, note=NOTES.get(key, ""))
