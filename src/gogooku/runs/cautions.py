"""Cautions about a judged run and about an account, from everything that their dataset says."""

from __future__ import annotations

import numpy as np
import polars as pl

from gogooku.core.forecast import Scores
from gogooku.core.metrics import FloatArray
from gogooku.core.stamp import CONFIG_FILE
from gogooku.core.types import Dataset, IntArray
from gogooku.dataset.reading import files_of
from gogooku.evaluate import cautions
from gogooku.evaluate.cautions import Caution, sorted_by_severity
from gogooku.evaluate.definitions import definition_of
from gogooku.evaluate.skill import Skill
from gogooku.portfolio.backtest import TradeConfig
from gogooku.runs.folder import GIVEN, Run, bias_of
from gogooku.runs.groups import ILLIQUID

_FLOOR = "min_traded_value"


def cautions_of(
    run: Run,
    dataset: Dataset,
    judged: tuple[IntArray, Scores],
    skill: Skill,
    breakdown: pl.DataFrame,
) -> list[Caution]:
    """What may be wrong with the result of a run, the gravest first.

    Parameters
    ----------
    run : Run
    dataset : Dataset
    judged : (int64 [t], float32 [t, N, H])
        Sessions and scores of the test part.
    skill : Skill
        Of those.
    breakdown : polars.DataFrame
        Where its skill lies.
    """
    indices, scores = judged
    facts, dates = skill.report.facts, dataset.sessions[indices]
    names = float(np.median(skill.daily.get_column("num_names").to_numpy()))
    exchange, currency = (str(dataset.manifest[key]) for key in ("exchange", "currency"))
    found = [
        *cautions.negative_skill(skill.daily),
        *cautions.only_illiquid(breakdown, illiquid=ILLIQUID),
        *_single_days(skill),
        *_fitted(run, len(indices)),
        *cautions.large_k(int(facts["top_k"]), names, asked=facts.get("top_k_asked")),
        *cautions.other_currency(exchange, currency, {_FLOOR: _floor(dataset)}),
        *cautions.known_bias(bias_of(dataset)["known_bias"]),
        *cautions.partial_days(dates, np.isfinite(scores).any(axis=2).sum(axis=1)),
        *cautions.score_plateau(scores, run.horizons),
        *cautions.cap_hit(run.events),
    ]
    return sorted_by_severity(found)


def _fitted(run: Run, sessions: int) -> list[Caution]:
    """What is to be said of what the scores were fitted on."""
    if run.given:
        return cautions.given_scores(sessions, run.manifest[GIVEN]["left_out"])
    return cautions.few_folds(len(run.manifest["folds"]), sessions)


def account_cautions(
    config: TradeConfig, dataset: Dataset, traded: tuple[IntArray, FloatArray]
) -> list[Caution]:
    """What may be wrong with the result of an account by its settings, the gravest first.

    Parameters
    ----------
    config : TradeConfig
    dataset : Dataset
    traded : (int64 [t], float64 [t, N])
        Decisions, and scores of the horizon that is traded.
    """
    indices, scores = traded
    names = float(np.median((np.isfinite(scores) & dataset.valid_TN[indices]).sum(axis=1)))
    exchange, currency = (str(dataset.manifest[key]) for key in ("exchange", "currency"))
    amounts = {_FLOOR: _floor(dataset), "initial_cash": config.initial_cash}
    found = [
        *cautions.large_k(config.portfolio.top_k, names),
        *cautions.other_currency(exchange, currency, amounts),
        *cautions.known_bias(bias_of(dataset)["known_bias"]),
    ]
    return sorted_by_severity(found)


def _floor(dataset: Dataset) -> float:
    """The floor of the universe, in money."""
    return float(files_of(dataset).json(CONFIG_FILE)[f"universe.{_FLOOR}"]["value"])


def _single_days(skill: Skill) -> list[Caution]:
    """Days that make the RankIC or the excess of the top K of a horizon."""
    found: list[Caution] = []
    measures = ("rank_ic", f"top_{skill.report.facts['top_k']}_bps")
    for (horizon,), part in skill.daily.group_by("horizon", maintain_order=True):
        dates = part.get_column("date").to_numpy().astype("datetime64[D]")
        for measure in measures:
            defined = definition_of(measure)
            what = f"{defined.label_en} at horizon {horizon}"
            series = part.get_column(measure).cast(pl.Float64).to_numpy()
            found += cautions.one_day(what, dates, series, unit=defined.unit)
    return found
